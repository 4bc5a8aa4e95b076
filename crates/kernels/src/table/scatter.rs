//! Sorts cells whose columns come in any order, as the members of objects do.

use std::collections::HashMap;

use super::cells::Cells;
use super::document_rows::DocumentRows;
use crate::error::KernelError;
use crate::packed::PackedStrings;

/// Tables of up to this many cells may be as sparse as they are.
const SMALL: usize = 1 << 24;
/// The most cells of a larger table for each one with a value.
const MAX_SPARSITY: usize = 64;

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
    rows: usize,
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

    /// Ends the row.
    pub fn end_row(&mut self) -> Result<(), KernelError> {
        self.rows += 1;
        self.likely = 0;
        self.row_start = self.cells.len();
        if self.chosen { Ok(()) } else { check_density(self.rows, self.names.len(), self.cells.len()) }
    }

    /// Adds rows without cells, before all others.
    pub fn skip_rows(&mut self, count: usize) {
        self.rows += count;
    }

    /// The rows, in order.
    pub fn finish(self) -> DocumentRows {
        // A counting sort by column.
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
        let mut order = vec![0; self.places.len()];
        for (index, (column, _)) in self.places.iter().enumerate() {
            let Some(next) = next.get_mut(*column as usize) else { continue };
            if let Some(slot) = order.get_mut(*next) {
                *slot = index;
            }
            *next += 1;
        }
        let rows = order.iter().map(|index| self.places.get(*index).map_or(0, |(_, row)| *row)).collect();
        let cells = self.cells.ordered(order.into_iter());
        DocumentRows::of_columns(self.names, self.rows, cells, starts, rows)
    }
}
