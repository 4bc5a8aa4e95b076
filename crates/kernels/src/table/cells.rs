//! Values in a row, nine bytes each, and one buffer for all their texts.

use super::kind::CellKind;
use crate::error::KernelError;

/// A list of values. 10,000 of them as enums with `String`s would be as many allocations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cells {
    kinds: Vec<CellKind>,
    /// Bits of the number, or start and length of the text.
    values: Vec<u64>,
    text: String,
}

/// One value.
#[derive(Clone, Copy, Debug)]
pub struct Cell<'a> {
    /// What it is.
    pub kind: CellKind,
    /// Its bits; of a text, where it is.
    pub value: u64,
    texts: &'a str,
}

impl<'a> Cell<'a> {
    /// The text, where it is one.
    #[inline]
    pub fn text(self) -> &'a str {
        let (start, length) = ((self.value >> 32) as usize, (self.value & 0xFFFF_FFFF) as usize);
        self.texts.get(start..start + length).unwrap_or_default()
    }
}

impl Cells {
    /// With room for some.
    pub fn with_capacity(count: usize) -> Self {
        Self { kinds: Vec::with_capacity(count), values: Vec::with_capacity(count), text: String::new() }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// Appends what is no text.
    #[inline]
    pub fn push(&mut self, kind: CellKind, value: u64) {
        self.kinds.push(kind);
        self.values.push(value);
    }

    /// Appends nulls.
    pub fn push_nulls(&mut self, count: usize) {
        self.kinds.resize(self.kinds.len() + count, CellKind::Null);
        self.values.resize(self.values.len() + count, 0);
    }

    /// Appends a text, which `write` adds to a buffer.
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

    /// Puts the last value in the place of an earlier one.
    pub fn replace_with_last(&mut self, index: usize) {
        if index < self.kinds.len() {
            self.kinds.swap_remove(index);
            self.values.swap_remove(index);
        }
    }

    /// The value's kind and bits.
    #[inline]
    pub fn raw(&self, index: usize) -> (CellKind, u64) {
        let kind = self.kinds.get(index).copied().unwrap_or(CellKind::Null);
        (kind, self.values.get(index).copied().unwrap_or_default())
    }

    /// The values from `first` on, each `step` behind the one before.
    #[inline]
    pub fn every(&self, first: usize, step: usize, count: usize) -> impl Iterator<Item = Cell<'_>> {
        let kinds = self.kinds.get(first..).unwrap_or_default().iter().step_by(step.max(1));
        let values = self.values.get(first..).unwrap_or_default().iter().step_by(step.max(1));
        kinds.zip(values).take(count).map(|(kind, value)| Cell { kind: *kind, value: *value, texts: &self.text })
    }

    /// The same values in another order.
    pub fn ordered(self, order: impl Iterator<Item = usize>) -> Self {
        let mut ordered = Self { text: String::new(), ..Self::with_capacity(self.len()) };
        order.for_each(|index| {
            let (kind, value) = self.raw(index);
            ordered.push(kind, value);
        });
        Self { text: self.text, ..ordered }
    }
}
