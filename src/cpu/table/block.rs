//! The rows of one document, before their columns have types.

use super::cells::Cells;
use super::kind::Kinds;
use crate::cpu::texts::Texts;

/// Some rows with names for their columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    names: Texts,
    rows: usize,
    cells: Cells,
    layout: Layout,
}

/// In which order the cells are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Layout {
    /// Row by row, each with all its columns.
    #[default]
    Rows,
    /// Column by column, without those that are missing.
    Columns {
        /// Where each column starts, and where the last one ends.
        starts: Vec<usize>,
        /// The row of each cell.
        rows: Vec<u32>,
    },
}

impl Block {
    /// Of cells row by row.
    pub fn of_rows(names: Texts, rows: usize, cells: Cells) -> Self {
        Self { names, rows, cells, layout: Layout::Rows }
    }

    /// One row without values.
    pub fn null_row(names: Texts) -> Self {
        let mut cells = Cells::default();
        cells.push_nulls(names.len());
        Self::of_rows(names, 1, cells)
    }

    pub(super) fn of_columns(names: Texts, rows: usize, cells: Cells, starts: Vec<usize>, places: Vec<u32>) -> Self {
        Self { names, rows, cells, layout: Layout::Columns { starts, rows: places } }
    }

    /// The names of the columns.
    pub fn names(&self) -> &Texts {
        &self.names
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The values.
    pub fn cells(&self) -> &Cells {
        &self.cells
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Which kinds each column has, added to what is known.
    pub fn kinds(&self, known: &mut Vec<Kinds>) {
        let width = self.names.len();
        known.clear();
        known.resize(width, Kinds::default());
        let mut index = 0;
        let mut add = |kinds: &mut Kinds| {
            let (kind, value) = self.cells.raw(index);
            kinds.add(kind, value);
            index += 1;
        };
        match &self.layout {
            Layout::Rows => (0..self.rows).for_each(|_| known.iter_mut().for_each(&mut add)),
            Layout::Columns { starts, .. } => {
                for (kinds, bounds) in known.iter_mut().zip(starts.windows(2)) {
                    if let [start, end] = bounds {
                        (*start..*end).for_each(|_| add(kinds));
                    }
                }
            }
        }
    }
}
