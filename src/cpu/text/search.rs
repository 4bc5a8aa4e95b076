//! All matches in a document, one after the other, as `re` counts them.
//!
//! The next search begins where the last match ended. An empty match may touch the one before it; after an empty one, a
//! match that is not empty is looked for at the same place, then the search goes on one character further: `|a` finds
//! in `a`: nothing, `a`, nothing.

use fancy_regex::RegexInput;
use regex_automata::util::primitives::NonMaxUsize;
use regex_automata::{Input, meta};

use super::narrow::{Narrow, Narrowed};
use super::pattern::Pattern;
use super::shape::Shape;
use crate::cpu::failure::Failure;
use crate::cpu::spares::Spares;
use crate::cpu::stop::Stop;

/// The start and the end of the match, then of each group; `None` where a group took no part.
pub type Slots = [Option<NonMaxUsize>];

/// What is searched.
#[derive(Clone, Copy)]
pub enum Document<'a> {
    /// By a pattern for texts.
    Text(&'a str),
    /// By a pattern for bytes.
    Bytes(&'a [u8]),
}

impl<'a> Document<'a> {
    fn bytes(self) -> &'a [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// What searches.
#[derive(Debug)]
pub enum Engine {
    /// The automata of the regex crate.
    Linear(Box<Linear>),
    /// fancy-regex.
    Backtracking(fancy_regex::Regex),
}

/// An automaton, and what it needs to work: kept out of its own pool, which costs a visit for each match.
#[derive(Debug)]
pub struct Linear {
    regex: meta::Regex,
    shape: Option<Shape>,
    narrow: Option<Narrow>,
    spares: Spares<Work>,
}

#[derive(Debug)]
struct Work {
    cache: meta::Cache,
    narrowed: Narrowed,
}

impl Engine {
    /// `narrow`: the automaton reads texts in their narrow form.
    pub fn linear(regex: meta::Regex, shape: Option<Shape>, narrow: Option<Narrow>) -> Self {
        Self::Linear(Box::new(Linear { regex, shape, narrow, spares: Spares::default() }))
    }
}

/// The span in `slots` of the match (0) or a group (from 1).
pub fn span(slots: &Slots, group: usize) -> Option<(usize, usize)> {
    let start = slots.get(2 * group).copied().flatten()?;
    let end = slots.get(2 * group + 1).copied().flatten()?;
    Some((start.get(), end.get()))
}

/// Calls `found` for each match. `groups`: whether the groups are wanted, too.
pub fn each(
    pattern: &Pattern,
    document: Document<'_>,
    groups: bool,
    stop: &Stop,
    mut found: impl FnMut(&Slots),
) -> Result<(), Failure> {
    if pattern.is_bytes() != matches!(document, Document::Bytes(_)) {
        return Err(Failure::internal("a pattern for bytes and a text, or the other way round"));
    }
    stop.check()?;
    let mut slots = vec![None; if groups { 2 * (pattern.groups() + 1) } else { 2 }];
    let full = pattern.full(document.bytes());
    let mut walk = Walk { document, full, stop, slots: &mut slots };
    match pattern.engine(document.bytes()) {
        Engine::Backtracking(regex) => {
            walk.all(document.bytes(), |at, slots| backtrack(regex, document, at, false, slots), found)
        }
        Engine::Linear(linear) => {
            let make = || Work { cache: linear.regex.create_cache(), narrowed: Narrowed::default() };
            linear.spares.with(make, |Work { cache, narrowed }| match (&linear.narrow, document) {
                (Some(narrow), Document::Text(text)) if !text.is_ascii() => {
                    narrow.narrow(text, narrowed);
                    let bytes = narrowed.bytes();
                    walk.full = None;
                    walk.all(
                        bytes,
                        |at, slots| linear.next(cache, bytes, at, slots),
                        |slots| {
                            found(&slots.iter().map(|slot| back(narrowed, *slot)).collect::<Vec<_>>());
                        },
                    )
                }
                _ => {
                    let bytes = document.bytes();
                    walk.all(bytes, |at, slots| linear.next(cache, bytes, at, slots), found)
                }
            })
        }
    }
}

fn back(narrowed: &Narrowed, slot: Option<NonMaxUsize>) -> Option<NonMaxUsize> {
    slot.and_then(|slot| NonMaxUsize::new(narrowed.back(slot.get())))
}

impl Linear {
    #[inline]
    fn next(&self, cache: &mut meta::Cache, document: &[u8], at: usize, slots: &mut Slots) -> Result<(), Failure> {
        let input = Input::new(document).range(at..);
        if slots.len() > 2 && self.shape.is_none() {
            slots.fill(None);
            self.regex.search_slots_with(cache, &input, slots);
            return Ok(());
        }
        let Some(found) = self.regex.search_with(cache, &input) else {
            slots.fill(None);
            return Ok(());
        };
        let (start, end) = (found.start(), found.end());
        let (whole, groups) = slots.split_at_mut(2);
        set(whole, Some((start, end)));
        if let Some(shape) = &self.shape {
            for (pair, span) in groups.chunks_exact_mut(2).zip(shape.groups(start, end)) {
                set(pair, Some(span));
            }
        }
        Ok(())
    }
}

struct Walk<'a> {
    document: Document<'a>,
    full: Option<&'a fancy_regex::Regex>,
    stop: &'a Stop,
    slots: &'a mut Slots,
}

impl Walk<'_> {
    /// `bytes`: the document, or its narrow form, which is what `search` searches.
    #[inline]
    fn all(
        &mut self,
        bytes: &[u8],
        mut search: impl FnMut(usize, &mut Slots) -> Result<(), Failure>,
        mut found: impl FnMut(&Slots),
    ) -> Result<(), Failure> {
        let mut at = 0;
        while at <= bytes.len() {
            search(at, self.slots)?;
            let Some((start, end)) = span(self.slots, 0) else { return Ok(()) };
            found(self.slots);
            self.stop.check()?;
            at = if start < end { end } else { self.after_empty(end, &mut found)? };
        }
        Ok(())
    }

    /// Where to search on behind an empty match.
    #[cold]
    fn after_empty(&mut self, at: usize, found: &mut impl FnMut(&Slots)) -> Result<usize, Failure> {
        if let Some(full) = self.full {
            backtrack(full, self.document, at, true, self.slots)?;
            if let Some((_, end)) = span(self.slots, 0) {
                found(self.slots);
                return Ok(end);
            }
        }
        let next = at + 1;
        Ok(match self.document {
            Document::Text(text) => {
                (next..).find(|next| *next >= text.len() || text.is_char_boundary(*next)).unwrap_or(next)
            }
            Document::Bytes(_) => next,
        })
    }
}

fn backtrack(
    regex: &fancy_regex::Regex,
    document: Document<'_>,
    at: usize,
    anchored: bool,
    slots: &mut Slots,
) -> Result<(), Failure> {
    macro_rules! search {
        ($document:expr) => {{
            let input = RegexInput::new($document).from_pos(at).anchored(anchored);
            // Groups cost an allocation each time.
            if slots.len() > 2 {
                let captures = regex.captures_input(input).map_err(|error| failure(&error))?;
                for (index, pair) in slots.chunks_exact_mut(2).enumerate() {
                    let group = captures.as_ref().and_then(|captures| captures.get(index));
                    set(pair, group.map(|group| (group.start(), group.end())));
                }
            } else {
                let found = regex.find_input(input).map_err(|error| failure(&error))?;
                set(slots, found.map(|found| (found.start(), found.end())));
            }
        }};
    }
    match document {
        Document::Text(text) => search!(text),
        Document::Bytes(bytes) => search!(bytes),
    }
    Ok(())
}

fn set(pair: &mut Slots, span: Option<(usize, usize)>) {
    if let [first, last] = pair {
        (*first, *last) = match span {
            Some((start, end)) => (NonMaxUsize::new(start), NonMaxUsize::new(end)),
            None => (None, None),
        };
    }
}

fn failure(error: &fancy_regex::Error) -> Failure {
    match error {
        fancy_regex::Error::RuntimeError(_) => Failure::value("the pattern takes too many steps of backtracking here"),
        other => Failure::internal(other.to_string()),
    }
}
