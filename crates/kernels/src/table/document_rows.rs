//! The rows of one document, before its columns have types.

use super::cells::Cells;
use super::kind::Kinds;
use crate::packed::PackedStrings;

/// Rows, with the names of their columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocumentRows {
    names: PackedStrings,
    rows: usize,
    cells: Cells,
    layout: Layout,
    kinds: Vec<Kinds>,
}

/// The order of the cells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Layout {
    /// Row by row, each with all its columns.
    #[default]
    Rows,
    /// Column by column, without missing cells.
    Columns {
        /// The start of each column, and the end of the last.
        starts: Vec<usize>,
        /// The row of each cell.
        rows: Vec<u32>,
    },
}

impl DocumentRows {
    /// Of cells in the order of the rows.
    pub fn of_rows(names: PackedStrings, rows: usize, cells: Cells) -> Self {
        Self { names, rows, cells, layout: Layout::Rows, kinds: Vec::new() }.with_kinds()
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
        Self { names, rows, cells, layout: Layout::Columns { starts, rows: places }, kinds: Vec::new() }.with_kinds()
    }

    /// The names of the columns.
    pub fn names(&self) -> &PackedStrings {
        &self.names
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The values.
    pub(super) fn cells(&self) -> &Cells {
        &self.cells
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The kinds of each column.
    pub(super) fn kinds(&self) -> &[Kinds] {
        &self.kinds
    }

    fn with_kinds(mut self) -> Self {
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
