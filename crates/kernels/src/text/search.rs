//! All matches in a document, one after the other, as `re` counts them.
//!
//! The next search begins where the last match ended. An empty match may touch the one before it. After an empty match, a
//! non-empty one is searched for at the same place, then the search goes on one character further: `|a` finds in `a` an
//! empty match, `a`, and an empty match.

use regex_automata::util::primitives::NonMaxUsize;

use super::engine::{Backtracking, Engine, Haystack, Memory, Slots, span};
use super::pattern::Pattern;
use super::prefilter::Budget;
use crate::error::KernelError;
use crate::stop::Stop;

/// Calls `found` for each match. `groups`: whether the groups are needed.
pub fn each(
    pattern: &Pattern,
    haystack: Haystack<'_>,
    groups: bool,
    stop: &Stop,
    mut found: impl FnMut(&Slots),
) -> Result<(), KernelError> {
    if pattern.is_bytes() != matches!(haystack, Haystack::Bytes(_)) {
        return Err(KernelError::internal("a pattern for bytes and a text, or the other way round"));
    }
    stop.check()?;
    let mut slots = vec![None; if groups { 2 * (pattern.groups() + 1) } else { 2 }];
    let bytes = haystack.bytes();
    let mut walk = Walk { haystack, non_empty: pattern.non_empty(bytes), stop, slots: &mut slots };
    match pattern.engine(bytes) {
        Engine::Backtracking(usual) => {
            let long = usual.for_long(bytes.len())?;
            let backtracking = long.as_ref().unwrap_or(usual);
            walk.all(bytes, |at, slots| backtracking.search(haystack, at, false, slots), found)
        }
        Engine::Linear(linear) => {
            let mut memory = linear.memory();
            let Memory { cache, byte_text } = &mut *memory;
            let mut budget = Budget::new(bytes.len());
            let converted = match (linear.byte_classes(), haystack) {
                (Some(classes), Haystack::Text(text)) if !text.is_ascii() => {
                    classes.convert(text, byte_text);
                    walk.non_empty = None;
                    true
                }
                _ => false,
            };
            let bytes = if converted { byte_text.bytes() } else { bytes };
            let search = |at, slots: &mut Slots| {
                linear.search(cache, &mut budget, bytes, at, slots);
                Ok(())
            };
            if !converted {
                return walk.all(bytes, search, found);
            }
            let back = |slot: &Option<NonMaxUsize>| NonMaxUsize::new(byte_text.position((*slot)?.get()));
            walk.all(bytes, search, |slots| found(&slots.iter().map(back).collect::<Vec<_>>()))
        }
    }
}

struct Walk<'a> {
    haystack: Haystack<'a>,
    non_empty: Option<&'a Backtracking>,
    stop: &'a Stop,
    slots: &'a mut Slots,
}

impl Walk<'_> {
    /// `bytes`: what `search` searches, the document or its byte classes.
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

    /// The place of the next search after an empty match.
    #[cold]
    fn after_empty(&mut self, at: usize, found: &mut impl FnMut(&Slots)) -> Result<usize, KernelError> {
        if let Some(non_empty) = self.non_empty {
            non_empty.search(self.haystack, at, true, self.slots)?;
            if let Some((_, end)) = span(self.slots, 0) {
                found(self.slots);
                return Ok(end);
            }
        }
        let next = at + 1;
        Ok(match self.haystack {
            Haystack::Text(text) => {
                (next..).find(|next| *next >= text.len() || text.is_char_boundary(*next)).unwrap_or(next)
            }
            Haystack::Bytes(_) => next,
        })
    }
}
