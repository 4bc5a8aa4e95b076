//! All matches in a document, one after the other, as `re` counts them.
//!
//! The next search begins where the last match ended. An empty match may touch the one before it; after an empty one, a
//! match that is not empty is looked for at the same place, then the search goes on one character further: `|a` finds
//! in `a`: nothing, `a`, nothing.

use fancy_regex::RegexInput;
use regex_automata::util::primitives::NonMaxUsize;
use regex_automata::{Anchored, Input, meta};

use super::pattern::Pattern;
use super::shape::Shape;
use crate::cpu::failure::Failure;
use crate::cpu::spares::Spares;
use crate::cpu::stop::Stop;

/// The start and the end of the match, then of each group; `None` where a group took no part.
pub type Slots = [Option<NonMaxUsize>];

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
    caches: Spares<meta::Cache>,
}

impl Engine {
    pub fn linear(regex: meta::Regex, shape: Option<Shape>) -> Self {
        Self::Linear(Box::new(Linear { regex, shape, caches: Spares::default() }))
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
    document: &[u8],
    groups: bool,
    stop: &Stop,
    mut found: impl FnMut(&Slots),
) -> Result<(), Failure> {
    let mut slots = vec![None; if groups { 2 * (pattern.groups() + 1) } else { 2 }];
    let full = pattern.full(document);
    let mut go_on = |slots: &Slots| {
        found(slots);
        stop.check()
    };
    stop.check()?;
    match pattern.engine(document) {
        Engine::Linear(linear) => linear.caches.with(
            || linear.regex.create_cache(),
            |cache| {
                let mut search = |at: usize, slots: &mut Slots| {
                    linear.next(cache, document, at, slots);
                    Ok(())
                };
                walk(pattern, document, full, &mut slots, &mut search, &mut go_on)
            },
        ),
        Engine::Backtracking(regex) => {
            let text = text(pattern, document)?;
            let mut search = |at: usize, slots: &mut Slots| backtrack(regex, document, text, at, false, slots);
            walk(pattern, document, full, &mut slots, &mut search, &mut go_on)
        }
    }
}

impl Linear {
    fn next(&self, cache: &mut meta::Cache, document: &[u8], at: usize, slots: &mut Slots) {
        let input = Input::new(document).range(at..).anchored(Anchored::No);
        let Some(shape) = self.shape.as_ref().filter(|_| slots.len() > 2) else {
            slots.fill(None);
            self.regex.search_slots_with(cache, &input, slots);
            return;
        };
        let found = self.regex.search_with(cache, &input);
        slots.fill(None);
        let Some(found) = found else { return };
        let spans = std::iter::once((found.start(), found.end())).chain(shape.groups(found.start(), found.end()));
        for (pair, span) in slots.chunks_exact_mut(2).zip(spans) {
            set(pair, Some(span));
        }
    }
}

type Search<'a> = dyn FnMut(usize, &mut Slots) -> Result<(), Failure> + 'a;

fn walk(
    pattern: &Pattern,
    document: &[u8],
    full: Option<&fancy_regex::Regex>,
    slots: &mut Slots,
    search: &mut Search<'_>,
    found: &mut dyn FnMut(&Slots) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut at = 0;
    while at <= document.len() {
        search(at, slots)?;
        let Some((start, end)) = span(slots, 0) else { return Ok(()) };
        found(slots)?;
        at = end;
        if start < end {
            continue;
        }
        if let Some(full) = full {
            backtrack(full, document, text(pattern, document)?, at, true, slots)?;
            if let Some((_, end)) = span(slots, 0) {
                found(slots)?;
                at = end;
                continue;
            }
        }
        at += 1;
        while !pattern.is_bytes() && document.get(at).is_some_and(|byte| byte & 0xc0 == 0x80) {
            at += 1;
        }
    }
    Ok(())
}

/// The document as text, if the pattern is for texts; the check was made when the document was read.
fn text<'a>(pattern: &Pattern, document: &'a [u8]) -> Result<Option<&'a str>, Failure> {
    if pattern.is_bytes() {
        return Ok(None);
    }
    str::from_utf8(document).map(Some).map_err(|_| Failure::internal("a text that is not UTF-8"))
}

fn backtrack(
    regex: &fancy_regex::Regex,
    document: &[u8],
    text: Option<&str>,
    at: usize,
    anchored: bool,
    slots: &mut Slots,
) -> Result<(), Failure> {
    slots.fill(None);
    // Groups cost an allocation each time.
    let groups = slots.len() > 2;
    macro_rules! search {
        ($document:expr) => {{
            let input = RegexInput::new($document).from_pos(at).anchored(anchored);
            if groups {
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
    match text {
        Some(text) => search!(text),
        None => search!(document),
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
