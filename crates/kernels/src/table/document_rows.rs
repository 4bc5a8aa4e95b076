//! The rows of one document, before their columns have types.

use super::cells::Cells;
use super::kind::Kinds;
use crate::packed::PackedStrings;

/// Some rows with names for their columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocumentRows {
    names: PackedStrings,
    rows: usize,
    cells: Cells,
    layout: Layout,
    kinds: Vec<Kinds>,
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

impl DocumentRows {
    /// Of cells row by row.
    pub fn of_rows(names: PackedStrings, rows: usize, cells: Cells) -> Self {
        Self { names, rows, cells, layout: Layout::Rows, kinds: Vec::new() }.look()
    }

    /// One row without values.
    pub fn null_row(names: PackedStrings) -> Self {
        let mut cells = Cells::default();
        cells.push_nulls(names.len());
        Self::of_rows(names, 1, cells)
    }

    pub(super) fn of_columns(
        names: PackedStrings,
        rows: usize,
        cells: Cells,
        starts: Vec<usize>,
        places: Vec<u32>,
    ) -> Self {
        Self { names, rows, cells, layout: Layout::Columns { starts, rows: places }, kinds: Vec::new() }.look()
    }

    /// The names of the columns.
    pub fn names(&self) -> &PackedStrings {
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

    /// Which kinds each column has.
    pub fn kinds(&self) -> &[Kinds] {
        &self.kinds
    }

    fn look(mut self) -> Self {
        let mut kinds = vec![Kinds::default(); self.names.len()];
        match &self.layout {
            Layout::Rows => {
                for (place, kinds) in kinds.iter_mut().enumerate() {
                    let column = self.cells.every(place, self.names.len(), self.rows);
                    column.for_each(|cell| kinds.add(cell.kind, cell.value));
                }
            }
            Layout::Columns { starts, .. } => {
                for (kinds, bounds) in kinds.iter_mut().zip(starts.windows(2)) {
                    if let [start, end] = bounds {
                        let column = self.cells.every(*start, 1, end - start);
                        column.for_each(|cell| kinds.add(cell.kind, cell.value));
                    }
                }
            }
        }
        self.kinds = kinds;
        self
    }
}
