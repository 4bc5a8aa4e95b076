//! The rows of one array, in a document that has been checked.

use std::collections::{HashMap, HashSet};

use shoal_json::{Reader, Scratch};

use super::cell;
use super::pointer::Pointer;
use crate::error::KernelError;
use crate::packed::PackedStrings;
use crate::stop::Stop;
use crate::table::cells::Cells;
use crate::table::document_rows::{DocumentRows, Scatter, check_density};

/// The name of the only column of an array of single values.
const VALUE: &str = "value";

/// What kind of rows the elements of an array are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Arrays,
    Objects,
    Values,
}

impl Shape {
    /// That of an element, by its first byte; null fits any.
    fn of(first: u8) -> Option<Self> {
        match first {
            b'[' => Some(Self::Arrays),
            b'{' => Some(Self::Objects),
            b'n' => None,
            _ => Some(Self::Values),
        }
    }

    /// As one row, and as many.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Arrays => ("an array", "arrays"),
            Self::Objects => ("an object", "objects"),
            Self::Values => ("a single value", "single values"),
        }
    }
}

/// An array of rows, or an object that is the only row.
struct Array<'a> {
    reader: Reader<'a>,
    /// Where it starts in the document.
    offset: usize,
    pointer: &'a Pointer,
    scratch: Scratch,
}

/// The rows of an array or object. `json` is its text alone, which starts at `offset` of the document. `names` are the
/// column names found beside it, `chosen` the caller's choice.
pub(super) fn rows(
    (json, offset): (&str, usize),
    pointer: &Pointer,
    names: Option<&PackedStrings>,
    chosen: Option<&PackedStrings>,
    stop: &Stop,
) -> Result<DocumentRows, KernelError> {
    let mut array = Array { reader: Reader::new(json, stop), offset, pointer, scratch: Scratch::default() };
    match array.reader.token() {
        b'[' => array.rows(names, chosen),
        b'{' => {
            let mut row = Scatter::new(chosen);
            array.object(&mut row)?;
            row.end_row()?;
            Ok(row.finish())
        }
        _ => Err(KernelError::value(format!("{:?} is not an array or object", pointer.to_string()))),
    }
}

impl Array<'_> {
    fn rows(
        &mut self,
        names: Option<&PackedStrings>,
        chosen: Option<&PackedStrings>,
    ) -> Result<DocumentRows, KernelError> {
        let mut first = self.reader.first(false);
        let mut nulls = 0;
        while let Some(b'n') = first {
            self.reader.skip(b'n')?;
            nulls += 1;
            first = self.reader.more(false)?;
        }
        match (first.and_then(Shape::of), names.or(chosen)) {
            (None, None) if nulls == 0 => Ok(DocumentRows::default()),
            (Some(Shape::Arrays) | None, Some(own)) => self.named(Shape::Arrays, own, names.and(chosen), nulls, first),
            (Some(Shape::Arrays), None) => self.scattered(Shape::Arrays, None, nulls, first),
            (Some(Shape::Objects), _) => self.scattered(Shape::Objects, chosen, nulls, first),
            (Some(Shape::Values) | None, _) => self.values(chosen, nulls, first),
        }
    }

    /// The first byte of the next row, which must have the shape of those before or be null.
    fn next_row(&mut self, shape: Shape, row: usize) -> Result<Option<u8>, KernelError> {
        let first = self.reader.more(false)?;
        match first.map(Shape::of) {
            Some(Some(other)) if other != shape => {
                let ((one, _), (_, many)) = (other.names(), shape.names());
                Err(self.failure(&format!("row {row} is {one}, those before it are {many}")))
            }
            _ => Ok(first),
        }
    }

    fn failure(&self, what: &str) -> KernelError {
        KernelError::value(format!("{:?}: {what}", self.pointer.to_string()))
    }

    /// Appends the value whose first byte is `first`.
    #[inline]
    fn cell(&mut self, first: u8, cells: &mut Cells) -> Result<(), KernelError> {
        let start = self.reader.at();
        if let b'-'..=b'9' = first {
            return cell::push_number(self.reader.number(), self.offset + start, cells);
        }
        let end = self.reader.skip(first)?;
        let value = self.reader.json().get(start..end).unwrap_or_default();
        cell::push(value, self.offset + start, cells, &mut self.scratch)
    }

    /// Rows that are arrays or single values, with column names: all columns or those that are chosen.
    fn named(
        &mut self,
        shape: Shape,
        names: &PackedStrings,
        chosen: Option<&PackedStrings>,
        nulls: usize,
        mut first: Option<u8>,
    ) -> Result<DocumentRows, KernelError> {
        let slots = chosen.map(|chosen| self.slots(names, chosen)).transpose()?;
        let columns = chosen.unwrap_or(names);
        let width = columns.len();
        let mut cells = Cells::default();
        cells.push_nulls(nulls * width);
        let mut rows = nulls;
        let mut present = 0;
        while let Some(byte) = first {
            let start = cells.len();
            if slots.is_some() {
                cells.push_nulls(width);
            }
            let mut place = 0;
            let mut element = match byte {
                b'[' => self.reader.first(false),
                _ if shape == Shape::Values => {
                    self.cell(byte, &mut cells)?;
                    place = 1;
                    None
                }
                _ => self.reader.skip(byte).map(|_| None)?,
            };
            while let Some(byte) = element {
                match &slots {
                    None if place < width => self.cell(byte, &mut cells)?,
                    Some(slots) if place < slots.len() => match slots.get(place).copied().flatten() {
                        Some(slot) => {
                            self.cell(byte, &mut cells)?;
                            cells.replace_with_last(start + slot);
                        }
                        None => drop(self.reader.skip(byte)?),
                    },
                    _ => return Err(self.failure(&format!("row {rows} has more cells than the {} names", names.len()))),
                }
                place += 1;
                element = self.reader.more(false)?;
            }
            rows += 1;
            present += place;
            if place < names.len() {
                cells.push_nulls((start + width).saturating_sub(cells.len()));
                check_density(rows, width, present)?;
            }
            first = self.next_row(shape, rows)?;
        }
        Ok(DocumentRows::of_rows(columns.clone(), rows, cells))
    }

    /// For each name its place among the chosen ones, if it is one.
    fn slots(&self, names: &PackedStrings, chosen: &PackedStrings) -> Result<Vec<Option<usize>>, KernelError> {
        let known: HashSet<&str> = names.iter().collect();
        if let Some(missing) = chosen.iter().find(|name| !known.contains(name)) {
            return Err(self.failure(&format!("no column {missing:?} among the headers")));
        }
        let numbers: HashMap<&str, usize> = chosen.iter().zip(0..).collect();
        Ok(names.iter().map(|name| numbers.get(name).copied()).collect())
    }

    /// Rows whose columns are found on the way: objects, or arrays without column names.
    fn scattered(
        &mut self,
        shape: Shape,
        chosen: Option<&PackedStrings>,
        nulls: usize,
        mut first: Option<u8>,
    ) -> Result<DocumentRows, KernelError> {
        let mut rows = Scatter::new(chosen);
        rows.rows = nulls;
        while let Some(byte) = first {
            match byte {
                b'{' => self.object(&mut rows)?,
                b'[' => self.elements(&mut rows)?,
                _ => drop(self.reader.skip(byte)?),
            }
            rows.end_row()?;
            first = self.next_row(shape, rows.rows)?;
        }
        Ok(rows.finish())
    }

    /// Appends the elements of the array whose bracket was the last token.
    fn elements(&mut self, rows: &mut Scatter) -> Result<(), KernelError> {
        let mut element = self.reader.first(false);
        let mut place = 0;
        while let Some(byte) = element {
            let column = rows.numbered(place);
            rows.push(column, |cells| self.cell(byte, cells))?;
            place += 1;
            element = self.reader.more(false)?;
        }
        Ok(())
    }

    /// Appends the members of the object whose bracket was the last token.
    fn object(&mut self, rows: &mut Scatter) -> Result<(), KernelError> {
        let mut member = self.reader.first(true);
        while let Some(byte) = member {
            let (name, first) = self.reader.member(byte)?;
            let name = self.scratch.unescaped(name).ok_or_else(|| KernelError::memory(name.len()))?;
            match rows.column(name) {
                Some(column) => rows.push(column, |cells| self.cell(first, cells))?,
                None => drop(self.reader.skip(first)?),
            }
            member = self.reader.more(true)?;
        }
        Ok(())
    }

    fn values(
        &mut self,
        chosen: Option<&PackedStrings>,
        nulls: usize,
        first: Option<u8>,
    ) -> Result<DocumentRows, KernelError> {
        let name = match chosen {
            Some(chosen) if chosen.len() == 1 => chosen.clone(),
            Some(chosen) => {
                return Err(self.failure(&format!("single values make one column, {} are chosen", chosen.len())));
            }
            None => [VALUE].into_iter().collect(),
        };
        self.named(Shape::Values, &name, None, nulls, first)
    }
}
