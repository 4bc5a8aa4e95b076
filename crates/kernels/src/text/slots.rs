//! What is searched, and the spans of a match.

use regex_automata::util::primitives::NonMaxUsize;

/// The start and the end of the match, then of each group; `None` where a group took no part.
pub type Slots = [Option<NonMaxUsize>];

/// A document to search.
#[derive(Clone, Copy)]
pub enum Haystack<'a> {
    /// For a pattern for texts.
    Text(&'a str),
    /// For a pattern for bytes.
    Bytes(&'a [u8]),
}

impl<'a> Haystack<'a> {
    /// Its bytes.
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// The span of the match (0) or a group (from 1).
pub fn span(slots: &Slots, group: usize) -> Option<(usize, usize)> {
    let start = slots.get(2 * group).copied().flatten()?;
    let end = slots.get(2 * group + 1).copied().flatten()?;
    Some((start.get(), end.get()))
}

/// Writes a span to its two slots.
pub fn set_span(pair: &mut Slots, span: Option<(usize, usize)>) {
    if let [first, last] = pair {
        (*first, *last) = match span {
            Some((start, end)) => (NonMaxUsize::new(start), NonMaxUsize::new(end)),
            None => (None, None),
        };
    }
}
