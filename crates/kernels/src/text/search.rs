//! All matches in a document, one after the other, as `re` counts them.
//!
//! The next search begins where the last match ended. An empty match may touch the one before it; after an empty one, a
//! match that is not empty is looked for at the same place, then the search goes on one character further: `|a` finds
//! in `a`: nothing, `a`, nothing.

use regex_automata::util::primitives::NonMaxUsize;
use regex_automata::{Anchored, Input, meta};
use regex_syntax::hir::Hir;

use super::backtracking::Backtracking;
use super::narrow::{Narrow, Narrowed};
use super::pattern::Pattern;
use super::shape::{Shape, fixed};
use super::starts::{Budget, Found, Starts};
use crate::error::KernelError;
use crate::object_pool::ObjectPool;
use crate::stop::Stop;

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
    Backtracking(Backtracking),
}

/// An automaton, and what it needs to work: kept out of its own pool, which costs a visit for each match.
#[derive(Debug)]
pub struct Linear {
    regex: meta::Regex,
    shape: Option<Shape>,
    /// Of every match; then only its end is looked for.
    length: Option<usize>,
    narrow: Option<Narrow>,
    starts: Option<Starts>,
    spares: ObjectPool<Work>,
}

#[derive(Debug)]
struct Work {
    cache: meta::Cache,
    narrowed: Narrowed,
}

impl Engine {
    /// `narrow`: the automaton reads texts in their narrow form.
    pub fn linear(regex: meta::Regex, hir: &Hir, narrow: Option<Narrow>) -> Self {
        let (shape, length) = (Shape::of(hir), fixed(hir));
        // An accelerated one looks for something rarer already.
        let wanted = !regex.is_accelerated() && hir.properties().minimum_len() > Some(0);
        let starts = wanted.then(|| Starts::of(hir)).flatten();
        Self::Linear(Box::new(Linear { regex, shape, length, narrow, starts, spares: ObjectPool::default() }))
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
) -> Result<(), KernelError> {
    if pattern.is_bytes() != matches!(document, Document::Bytes(_)) {
        return Err(KernelError::internal("a pattern for bytes and a text, or the other way round"));
    }
    stop.check()?;
    let mut slots = vec![None; if groups { 2 * (pattern.groups() + 1) } else { 2 }];
    let full = pattern.full(document.bytes());
    let mut walk = Walk { document, full, stop, slots: &mut slots };
    match pattern.engine(document.bytes()) {
        Engine::Backtracking(usual) => {
            let long = usual.for_long(document.bytes().len())?;
            let backtracking = long.as_ref().unwrap_or(usual);
            walk.all(document.bytes(), |at, slots| backtracking.search(document, at, false, slots), found)
        }
        Engine::Linear(linear) => {
            let make = || Work { cache: linear.regex.create_cache(), narrowed: Narrowed::default() };
            let mut budget = Budget::of(document.bytes().len());
            linear.spares.with(make, |Work { cache, narrowed }| match (&linear.narrow, document) {
                (Some(narrow), Document::Text(text)) if !text.is_ascii() => {
                    narrow.narrow(text, narrowed);
                    let bytes = narrowed.bytes();
                    walk.full = None;
                    walk.all(
                        bytes,
                        |at, slots| linear.next(cache, &mut budget, bytes, at, slots),
                        |slots| {
                            found(&slots.iter().map(|slot| back(narrowed, *slot)).collect::<Vec<_>>());
                        },
                    )
                }
                _ => {
                    let bytes = document.bytes();
                    walk.all(bytes, |at, slots| linear.next(cache, &mut budget, bytes, at, slots), found)
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
    fn next(
        &self,
        cache: &mut meta::Cache,
        budget: &mut Budget,
        document: &[u8],
        at: usize,
        slots: &mut Slots,
    ) -> Result<(), KernelError> {
        let starts = self.starts.as_ref().map_or(Found::Dear(at), |starts| starts.find(document, at, budget));
        let input = Input::new(document);
        if slots.len() > 2 && self.shape.is_none() {
            slots.fill(None);
            match starts {
                Found::Match(start, _) => {
                    let input = input.range(start..).anchored(Anchored::Yes);
                    self.regex.search_slots_with(cache, &input, slots);
                }
                Found::Nothing => {}
                Found::Dear(at) => {
                    self.regex.search_slots_with(cache, &input.range(at..), slots);
                }
            }
            return Ok(());
        }
        let found = match (starts, self.length) {
            (Found::Match(start, end), _) => Some((start, end)),
            (Found::Nothing, _) => None,
            (Found::Dear(at), Some(length)) => {
                let end = self.regex.search_half_with(cache, &input.range(at..));
                end.map(|end| (end.offset() - length, end.offset()))
            }
            (Found::Dear(at), None) => {
                self.regex.search_with(cache, &input.range(at..)).map(|found| (found.start(), found.end()))
            }
        };
        let Some((start, end)) = found else {
            slots.fill(None);
            return Ok(());
        };
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
    full: Option<&'a Backtracking>,
    stop: &'a Stop,
    slots: &'a mut Slots,
}

impl Walk<'_> {
    /// `bytes`: the document, or its narrow form, which is what `search` searches.
    #[inline]
    fn all(
        &mut self,
        bytes: &[u8],
        mut search: impl FnMut(usize, &mut Slots) -> Result<(), KernelError>,
        mut found: impl FnMut(&Slots),
    ) -> Result<(), KernelError> {
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
    fn after_empty(&mut self, at: usize, found: &mut impl FnMut(&Slots)) -> Result<usize, KernelError> {
        if let Some(full) = self.full {
            full.search(self.document, at, true, self.slots)?;
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

/// Writes a span.
pub fn set(pair: &mut Slots, span: Option<(usize, usize)>) {
    if let [first, last] = pair {
        (*first, *last) = match span {
            Some((start, end)) => (NonMaxUsize::new(start), NonMaxUsize::new(end)),
            None => (None, None),
        };
    }
}
