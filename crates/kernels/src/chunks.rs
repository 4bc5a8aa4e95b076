//! [`Texts`](super::texts::Texts) for bytes: many short pieces in two allocations.

/// A list of byte strings, one after the other in one buffer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunks {
    buffer: Vec<u8>,
    ends: Vec<usize>,
}

impl Chunks {
    /// Empty.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a piece.
    pub fn push(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
        self.ends.push(self.buffer.len());
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The piece at `index`.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.buffer.get(start..end)
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_back_in_order() {
        let mut chunks = Chunks::new();
        for piece in [&b"a"[..], b"", b"\xff\x00", b"z"] {
            chunks.push(piece);
        }
        assert_eq!(chunks.iter().collect::<Vec<_>>(), [&b"a"[..], b"", b"\xff\x00", b"z"]);
        assert_eq!((chunks.len(), chunks.get(4)), (4, None));
        assert!(Chunks::new().is_empty());
    }
}
