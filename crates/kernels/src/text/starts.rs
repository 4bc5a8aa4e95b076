//! Searching from the bytes a match can begin with.
//!
//! A search looks at each byte through an automaton, 1.6 ns apiece. Where matches begin with few kinds of bytes, such as
//! the capitals of `\b[A-Z][a-z]+ [A-Z][a-z]+\b`, all others can be passed over eight at a time, and a small automaton be
//! tried at each byte that may be a start: 12 µs instead of 32 to 52 for a text of 20 KB with 420 of them. The first start
//! that leads to a match is the leftmost match, and what the automaton finds there is what it prefers: the same match as
//! that of a search.
//!
//! Where there are many starts, or those tried lead far and fail, that would take longer, even quadratic time. So a
//! document has a [`Budget`]: bytes passed over are earned, those looked at in vain are spent. When it is used up, the
//! rest of the document is searched as usual.

use regex_automata::Anchored;
use regex_automata::dfa::{Automaton, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_syntax::hir::Hir;

/// Bytes of the automaton, and of what is needed to build it. Classes of Unicode do not fit; building takes 0.2 ms at
/// most.
const SIZE: usize = 16 << 10;
/// Ranges of ASCII that the bytes fall into, at most.
const RANGES: usize = 3;
const ASCII: u8 = 0x80;
/// What is everywhere in texts: nothing is gained by looking for it.
const FREQUENT: [u8; 2] = *b" e";
/// In each byte of a word the lowest bit, and the highest.
const LOW: u64 = u64::from_ne_bytes([1; 8]);
const HIGH: u64 = u64::from_ne_bytes([ASCII; 8]);
/// What a start costs, in bytes that a search would have looked at meanwhile.
const START: usize = 8;

/// Knows the starts.
#[derive(Debug)]
pub struct Starts {
    automaton: dense::DFA<Vec<u32>>,
    /// The state to begin in behind each byte, and at the start of a document.
    behind: Box<[StateID]>,
    begin: StateID,
    set: Set,
}

/// Bytes that are looked for, eight at a time.
#[derive(Debug)]
struct Set {
    /// Those of ASCII.
    ranges: Vec<Range>,
    /// [`HIGH`] if there are more, for which all others are taken; else nothing.
    others: u64,
}

/// What takes a byte of ASCII beyond 0x7f if it is not below the range, and if it is above it; in each byte.
#[derive(Clone, Copy, Debug)]
struct Range {
    below: u64,
    up_to: u64,
}

/// How many bytes may be looked at in vain; `None` when it is used up, for good.
#[derive(Debug)]
pub struct Budget(Option<usize>);

impl Budget {
    /// For a document of so many bytes: a small part of what a search takes, and enough for a bad beginning.
    pub fn of(length: usize) -> Self {
        Self(Some(2 * START + length / 32))
    }

    fn earn(&mut self, bytes: usize) {
        self.0 = self.0.map(|left| left.saturating_add(bytes));
    }

    /// Whether there was enough.
    fn spend(&mut self, bytes: usize) -> bool {
        self.0 = self.0.and_then(|left| left.checked_sub(bytes));
        self.0.is_some()
    }
}

/// How a search went.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// The next match, its start and its end.
    Match(usize, usize),
    /// No more matches.
    Nothing,
    /// The budget is used up; matches before this place there are none.
    Dear(usize),
}

impl Starts {
    /// Of a pattern that does not match nothing; `None` if its matches may begin with too much, or in few places, which a
    /// search finds sooner.
    pub fn of(hir: &Hir) -> Option<Self> {
        if hir.properties().look_set_prefix().contains_anchor() {
            return None;
        }
        let nfa = thompson::Config::new()
            .utf8(false)
            .which_captures(thompson::WhichCaptures::None)
            .nfa_size_limit(Some(SIZE));
        let nfa = thompson::Compiler::new().configure(nfa).build_from_hir(hir).ok()?;
        let config = dense::Config::new()
            .start_kind(regex_automata::dfa::StartKind::Anchored)
            .accelerate(false)
            .dfa_size_limit(Some(SIZE))
            .determinize_size_limit(Some(SIZE));
        let automaton = dense::Builder::new().configure(config).build_from_nfa(&nfa).ok()?;
        let state = |before| {
            let config = start::Config::new().anchored(Anchored::Yes).look_behind(before);
            automaton.start_state(&config).ok()
        };
        let begin = state(None)?;
        let behind = (0..=u8::MAX).map(|byte| state(Some(byte))).collect::<Option<Box<[_]>>>()?;
        let mut states: Vec<_> = behind.iter().copied().chain([begin]).collect();
        states.sort_unstable();
        states.dedup();
        let leads = |byte| states.iter().any(|state| !automaton.is_dead_state(automaton.next_state(*state, byte)));
        let set = Set::of(leads)?;
        Some(Self { automaton, behind, begin, set })
    }

    /// The next match from this place on.
    #[inline]
    pub fn find(&self, document: &[u8], mut at: usize, budget: &mut Budget) -> Found {
        while budget.0.is_some() {
            let Some(more) = document.get(at..).and_then(|rest| self.set.position(rest)) else { return Found::Nothing };
            at += more;
            budget.earn(more);
            if !budget.spend(START) {
                break;
            }
            let (end, seen) = self.end(document, at);
            if let Some(end) = end {
                // A search is no cheaper, as it looks at a match twice.
                budget.earn(START);
                return Found::Match(at, end);
            }
            budget.spend(seen - at);
            at += 1;
        }
        Found::Dear(at)
    }

    /// The end of the match that begins here, and where the last look went.
    #[inline]
    fn end(&self, document: &[u8], start: usize) -> (Option<usize>, usize) {
        let before = start.checked_sub(1).and_then(|before| document.get(before));
        let state = before.and_then(|byte| self.behind.get(usize::from(*byte)));
        let mut state = *state.unwrap_or(&self.begin);
        let mut end = None;
        for (at, byte) in (start..).zip(document.get(start..).unwrap_or_default()) {
            state = self.automaton.next_state(state, *byte);
            if self.automaton.is_special_state(state) {
                // Told one byte late.
                if self.automaton.is_match_state(state) {
                    end = Some(at);
                } else if self.automaton.is_dead_state(state) {
                    return (end, at);
                }
            }
        }
        if self.automaton.is_match_state(self.automaton.next_eoi_state(state)) {
            end = Some(document.len());
        }
        (end, document.len())
    }
}

impl Set {
    /// Of the bytes that `wanted` says; `None` if there are none, or too many.
    fn of(wanted: impl Fn(u8) -> bool) -> Option<Self> {
        let mut ranges: Vec<(u8, u8)> = Vec::new();
        for byte in (0..ASCII).filter(|byte| wanted(*byte)) {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == byte => *last = byte,
                _ => ranges.push((byte, byte)),
            }
        }
        let others = (ASCII..=u8::MAX).any(&wanted);
        let range =
            |(first, last)| Range { below: LOW * u64::from(ASCII - first), up_to: LOW * u64::from(ASCII - 1 - last) };
        let some = others || !ranges.is_empty();
        let fits = some && ranges.len() <= RANGES && !FREQUENT.into_iter().any(wanted);
        fits.then(|| Self { ranges: ranges.into_iter().map(range).collect(), others: if others { HIGH } else { 0 } })
    }

    /// Where the first byte is that is in the set.
    #[inline]
    fn position(&self, bytes: &[u8]) -> Option<usize> {
        match *self.ranges.as_slice() {
            [] => position(bytes, [], self.others),
            [one] => position(bytes, [one], self.others),
            [one, two] => position(bytes, [one, two], self.others),
            [one, two, three, ..] => position(bytes, [one, two, three], self.others),
        }
    }
}

#[inline]
fn position<const N: usize>(bytes: &[u8], ranges: [Range; N], others: u64) -> Option<usize> {
    // The highest bit of each byte that is in the set: no sum is beyond its byte.
    let hits = |word: u64| {
        let low = word & !HIGH;
        let within = ranges.iter().fold(0, |all, range| all | ((low + range.below) & !(low + range.up_to)));
        ((within & !word) | (word & others)) & HIGH
    };
    let first = |hits: u64| hits.trailing_zeros() as usize / 8;
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let hits = hits(u64::from_le_bytes(*word));
        if hits != 0 {
            return Some(index * 8 + first(hits));
        }
    }
    let mut word = [0; 8];
    word.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let place = first(hits(u64::from_le_bytes(word)));
    (place < rest.len()).then_some(words.len() * 8 + place)
}

#[cfg(test)]
mod tests;
