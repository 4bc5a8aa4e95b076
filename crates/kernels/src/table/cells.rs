//! A list of values, nine bytes each, with one buffer for all texts.

use super::kind::CellKind;
use crate::error::KernelError;

/// A list of values. 10,000 enums with `String`s would be as many allocations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cells {
    kinds: Vec<CellKind>,
    /// The bits of a number, or the start and length of a text.
    values: Vec<u64>,
    text: String,
}

/// One value.
#[derive(Clone, Copy, Debug)]
pub struct Cell<'a> {
    /// Its kind.
    pub kind: CellKind,
    /// The bits of a number, or the place of a text.
    pub value: u64,
    texts: &'a str,
}

impl<'a> Cell<'a> {
    /// The text of a text.
    #[inline]
    pub fn text(self) -> &'a str {
        let (start, length) = ((self.value >> 32) as usize, (self.value & 0xFFFF_FFFF) as usize);
        self.texts.get(start..start + length).unwrap_or_default()
    }
}

impl Cells {
    /// An empty list with room for `count` values.
    pub fn with_capacity(count: usize) -> Self {
        Self { kinds: Vec::with_capacity(count), values: Vec::with_capacity(count), text: String::new() }
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// Appends a value other than a text.
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

    /// The value's kind and bits.
    #[inline]
    pub(super) fn raw(&self, index: usize) -> (CellKind, u64) {
        let kind = self.kinds.get(index).copied().unwrap_or(CellKind::Null);
        (kind, self.values.get(index).copied().unwrap_or_default())
    }

    /// The values from `first` on, `step` apart.
    #[inline]
    pub(super) fn every(&self, first: usize, step: usize, count: usize) -> impl Iterator<Item = Cell<'_>> {
        let kinds = self.kinds.get(first..).unwrap_or_default().iter().step_by(step.max(1));
        let values = self.values.get(first..).unwrap_or_default().iter().step_by(step.max(1));
        kinds.zip(values).take(count).map(|(kind, value)| Cell { kind: *kind, value: *value, texts: &self.text })
    }

    /// The same values in another order.
    pub(super) fn ordered(self, order: impl Iterator<Item = usize>) -> Self {
        let mut ordered = Self { text: String::new(), ..Self::with_capacity(self.len()) };
        order.for_each(|index| {
            let (kind, value) = self.raw(index);
            ordered.push(kind, value);
        });
        Self { text: self.text, ..ordered }
    }
}
