//! A list of values, nine bytes each, with one buffer for all texts; and the types of columns.

use arrow_schema::DataType;

use crate::error::KernelError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum CellKind {
    Null = 0,
    Bool = 1,
    Int = 1 << 1,
    /// An unsigned integer that needs all 64 bits.
    Uint = 1 << 2,
    /// An integer of more than 64 bits, as its digits.
    Big = 1 << 3,
    Float = 1 << 4,
    Text = 1 << 5,
    /// An array or object, as its JSON text.
    Json = 1 << 6,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds(u16);

impl Kinds {
    const NEGATIVE: u16 = 1 << 7;
    const NULL: u16 = 1 << 8;

    pub fn add(&mut self, kind: CellKind, value: u64) {
        // Without branches, as this is done for every cell.
        self.0 |= u16::from(kind as u8) | u16::from(kind == CellKind::Null) << 8;
        self.0 |= u16::from(kind == CellKind::Int && value.cast_signed() < 0) << 7;
    }

    pub fn join(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether all cells are of this kind.
    pub fn are(self, kind: CellKind) -> bool {
        self.0 & !Self::NEGATIVE == u16::from(kind as u8)
    }

    /// The narrowest type that keeps all values: integers are exact unless there are fractions among them, and mixtures
    /// without a common type become text. `LargeUtf8`: a column may have more than 2 GiB, and every reader takes it.
    pub fn unified(self) -> DataType {
        const BOOL: u16 = CellKind::Bool as u16;
        const INT: u16 = CellKind::Int as u16;
        const UINT: u16 = CellKind::Uint as u16;
        const BIG: u16 = CellKind::Big as u16;
        const FLOAT: u16 = CellKind::Float as u16;
        let only = |kinds: u16| self.0 & !(kinds | Self::NEGATIVE | Self::NULL) == 0;
        let has = |kinds: u16| self.0 & kinds != 0;
        match self.0 & !Self::NULL {
            0 => DataType::Null,
            BOOL => DataType::Boolean,
            _ if only(INT) => DataType::Int64,
            _ if only(INT | UINT) && !has(Self::NEGATIVE) => DataType::UInt64,
            _ if only(INT | UINT | BIG | FLOAT) && has(FLOAT) => DataType::Float64,
            _ => DataType::LargeUtf8,
        }
    }
}

/// A list of values. 10,000 enums with `String`s would be as many allocations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cells {
    kinds: Vec<CellKind>,
    /// The bits of a number, or the start and length of a text.
    values: Vec<u64>,
    text: String,
}

#[derive(Clone, Copy, Debug)]
pub struct Cell<'a> {
    pub kind: CellKind,
    /// The bits of a number, or the place of a text.
    pub value: u64,
    texts: &'a str,
}

impl<'a> Cell<'a> {
    #[inline]
    pub fn text(self) -> &'a str {
        let (start, length) = ((self.value >> 32) as usize, (self.value & 0xFFFF_FFFF) as usize);
        self.texts.get(start..start + length).unwrap_or_default()
    }
}

impl<'a> FromIterator<Cell<'a>> for Kinds {
    fn from_iter<I: IntoIterator<Item = Cell<'a>>>(cells: I) -> Self {
        let mut kinds = Self::default();
        cells.into_iter().for_each(|cell| kinds.add(cell.kind, cell.value));
        kinds
    }
}

impl Cells {
    pub fn with_capacity(count: usize) -> Self {
        Self { kinds: Vec::with_capacity(count), values: Vec::with_capacity(count), text: String::new() }
    }

    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    #[inline]
    pub fn push(&mut self, kind: CellKind, value: u64) {
        self.kinds.push(kind);
        self.values.push(value);
    }

    pub fn push_nulls(&mut self, count: usize) {
        self.kinds.resize(self.kinds.len() + count, CellKind::Null);
        self.values.resize(self.values.len() + count, 0);
    }

    /// Appends the text that `write` adds to the buffer.
    #[inline]
    pub fn push_text(&mut self, kind: CellKind, write: impl FnOnce(&mut String)) -> Result<(), KernelError> {
        let start = self.text.len();
        write(&mut self.text);
        let length = self.text.len() - start;
        let (Ok(start), Ok(length)) = (u32::try_from(start), u32::try_from(length)) else {
            return Err(KernelError::value("more than 4 GiB of text in one document"));
        };
        self.push(kind, u64::from(start) << 32 | u64::from(length));
        Ok(())
    }

    /// Moves the last value to the place of an earlier one.
    pub fn replace_with_last(&mut self, index: usize) {
        if index < self.kinds.len() {
            self.kinds.swap_remove(index);
            self.values.swap_remove(index);
        }
    }

    /// The values from `first` on, `step` apart.
    #[inline]
    pub(super) fn every(&self, first: usize, step: usize, count: usize) -> impl Iterator<Item = Cell<'_>> {
        let kinds = self.kinds.get(first..).unwrap_or_default().iter().step_by(step.max(1));
        let values = self.values.get(first..).unwrap_or_default().iter().step_by(step.max(1));
        kinds.zip(values).take(count).map(|(kind, value)| Cell { kind: *kind, value: *value, texts: &self.text })
    }

    /// Moves each value, and the number of its row, to the place that `targets` has for it.
    pub(super) fn moved(self, targets: impl Iterator<Item = (usize, u32)>) -> (Self, Vec<u32>) {
        let mut moved = Self { kinds: vec![CellKind::Null; self.len()], values: vec![0; self.len()], text: self.text };
        let mut rows = vec![0; moved.len()];
        for ((kind, value), (target, row)) in self.kinds.into_iter().zip(self.values).zip(targets) {
            if let (Some(to_kind), Some(to_value), Some(to_row)) =
                (moved.kinds.get_mut(target), moved.values.get_mut(target), rows.get_mut(target))
            {
                (*to_kind, *to_value, *to_row) = (kind, value, row);
            }
        }
        (moved, rows)
    }
}

#[cfg(test)]
mod tests;
