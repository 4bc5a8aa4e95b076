//! The rows of one document, before its columns have types.

use std::collections::HashMap;

use super::cells::{Cells, Kinds};
use crate::error::KernelError;
use crate::packed::PackedStrings;

/// Tables of up to this many cells may be as sparse as they are.
const SMALL: usize = 1 << 24;
/// The most cells of a larger table for each one with a value.
const MAX_SPARSITY: usize = 64;

/// Rows, with the names of their columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocumentRows {
    pub(super) names: PackedStrings,
    rows: usize,
    pub(super) cells: Cells,
    pub(super) layout: Layout,
    pub(super) kinds: Vec<Kinds>,
}

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
    pub fn of_rows(names: PackedStrings, rows: usize, cells: Cells) -> Self {
        let kinds = (0..names.len()).map(|place| cells.every(place, names.len(), rows).collect()).collect();
        Self { names, rows, cells, layout: Layout::Rows, kinds }
    }

    pub fn null_row(names: PackedStrings) -> Self {
        let mut cells = Cells::default();
        cells.push_nulls(names.len());
        Self::of_rows(names, 1, cells)
    }

    pub fn rows(&self) -> usize {
        self.rows
    }
}

/// A document's cells on the way to a [`DocumentRows`].
#[derive(Debug, Default)]
pub struct Scatter {
    names: PackedStrings,
    numbers: HashMap<Box<str>, usize>,
    /// Whether only the given columns are kept.
    chosen: bool,
    /// The column that probably comes next: members mostly keep their order.
    likely: usize,
    /// The cell last written in each column, counted from 1.
    latest: Vec<usize>,
    cells: Cells,
    /// Column and row of each cell.
    places: Vec<(u32, u32)>,
    /// The first cell of this row.
    row_start: usize,
    pub rows: usize,
}

/// An error if a table is almost empty. One document could take more memory than there is: a megabyte of objects, each with
/// a name of its own, makes 10 billion cells.
pub fn check_density(rows: usize, columns: usize, present: usize) -> Result<(), KernelError> {
    let size = rows.saturating_mul(columns);
    if size <= SMALL || size / MAX_SPARSITY <= present {
        return Ok(());
    }
    Err(KernelError::value(format!(
        "{rows} rows of {columns} columns, of which only {present} cells have a value: choose some with columns="
    )))
}

impl Scatter {
    /// With all columns, or only the given ones.
    pub fn new(chosen: Option<&PackedStrings>) -> Self {
        let mut new = Self { chosen: chosen.is_some(), ..Self::default() };
        for name in chosen.into_iter().flat_map(PackedStrings::iter) {
            new.add(name);
        }
        new
    }

    fn add(&mut self, name: &str) -> usize {
        let number = self.names.len();
        self.names.push(name);
        self.latest.push(0);
        self.numbers.insert(name.into(), number);
        number
    }

    /// The number of the column with this name; `None` for one that is not kept.
    #[inline]
    pub fn column(&mut self, name: &str) -> Option<usize> {
        let number = match self.names.get(self.likely) {
            Some(likely) if likely == name => self.likely,
            _ => match self.numbers.get(name) {
                Some(number) => *number,
                None if self.chosen => return None,
                None => self.add(name),
            },
        };
        self.likely = number + 1;
        Some(number)
    }

    /// The number of the column at this place, where columns have numbers for names.
    #[inline]
    pub fn numbered(&mut self, place: usize) -> usize {
        while self.names.len() <= place {
            self.add(&self.names.len().to_string());
        }
        place
    }

    /// Appends the cell that `write` appends to a column of this row; it replaces an earlier one there.
    pub fn push(
        &mut self,
        column: usize,
        write: impl FnOnce(&mut Cells) -> Result<(), KernelError>,
    ) -> Result<(), KernelError> {
        write(&mut self.cells)?;
        let Some(latest) = self.latest.get_mut(column) else { return Ok(()) };
        if *latest > self.row_start {
            self.cells.replace_with_last(*latest - 1);
            return Ok(());
        }
        let (Ok(column), Ok(row)) = (u32::try_from(column), u32::try_from(self.rows)) else {
            return Err(KernelError::value("more than 4 billion rows or columns in one document"));
        };
        self.places.push((column, row));
        *latest = self.cells.len();
        Ok(())
    }

    pub fn end_row(&mut self) -> Result<(), KernelError> {
        self.rows += 1;
        self.likely = 0;
        self.row_start = self.cells.len();
        if self.chosen { Ok(()) } else { check_density(self.rows, self.names.len(), self.cells.len()) }
    }

    /// The rows, in order: a counting sort by column.
    pub fn finish(self) -> DocumentRows {
        let mut starts = vec![0; self.names.len() + 1];
        for (column, _) in &self.places {
            if let Some(count) = starts.get_mut(*column as usize + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut next = starts.clone();
        let target = |(column, row): &(u32, u32)| match next.get_mut(*column as usize) {
            Some(next) => {
                *next += 1;
                (*next - 1, *row)
            }
            None => (usize::MAX, 0),
        };
        let (cells, rows) = self.cells.moved(self.places.iter().map(target));
        let kinds = starts.windows(2).map(|bounds| match bounds {
            [start, end] => cells.every(*start, 1, end - start).collect(),
            _ => Kinds::default(),
        });
        let kinds = kinds.collect();
        DocumentRows { names: self.names, rows: self.rows, cells, layout: Layout::Columns { starts, rows }, kinds }
    }
}
