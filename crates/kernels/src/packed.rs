//! Many short values in two allocations: what a kernel finds in one document.

use std::ops::Range;

/// Values one after the other in one buffer. 10,000 matches as `String`s would be as many allocations, each made by one
/// thread and freed by another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed<B> {
    buffer: B,
    ends: Vec<usize>,
}

/// A list of texts.
pub type PackedStrings = Packed<String>;

/// A list of byte strings.
pub type PackedBytes = Packed<Vec<u8>>;

/// The buffer of a [`Packed`] list.
pub trait Buffer: Default {
    /// A part of it.
    type Value: ?Sized;

    /// Appends a value and returns the new length.
    fn append(&mut self, value: &Self::Value) -> usize;

    /// The value in this range.
    fn part(&self, range: Range<usize>) -> Option<&Self::Value>;
}

impl Buffer for String {
    type Value = str;

    fn append(&mut self, value: &str) -> usize {
        self.push_str(value);
        self.len()
    }

    fn part(&self, range: Range<usize>) -> Option<&str> {
        self.get(range)
    }
}

impl Buffer for Vec<u8> {
    type Value = [u8];

    fn append(&mut self, value: &[u8]) -> usize {
        self.extend_from_slice(value);
        self.len()
    }

    fn part(&self, range: Range<usize>) -> Option<&[u8]> {
        self.get(range)
    }
}

impl<B: Buffer> Packed<B> {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a value.
    #[inline]
    pub fn push(&mut self, value: &B::Value) {
        self.ends.push(self.buffer.append(value));
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The value at `index`.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&B::Value> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.buffer.part(start..end)
    }

    /// The values in order.
    pub fn iter(&self) -> impl Iterator<Item = &B::Value> {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

impl<'a, B: Buffer> FromIterator<&'a B::Value> for Packed<B> {
    fn from_iter<I: IntoIterator<Item = &'a B::Value>>(values: I) -> Self {
        let mut list = Self::new();
        values.into_iter().for_each(|value| list.push(value));
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_in_order() {
        let strings = ["a", "", "zwei", "😀"];
        let list: PackedStrings = strings.into_iter().collect();
        assert_eq!(list.iter().collect::<Vec<_>>(), strings);
        assert_eq!((list.len(), list.get(4), list.is_empty()), (4, None, false));
        let bytes = [&b"a"[..], b"", b"\xff\x00", b"z"];
        assert_eq!(bytes.into_iter().collect::<PackedBytes>().iter().collect::<Vec<_>>(), bytes);
        assert!(PackedBytes::new().is_empty());
    }
}
