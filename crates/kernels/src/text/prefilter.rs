//! A prefilter: searches from the bytes that a match can begin with.
//!
//! A search takes each byte through an automaton, 1.6 ns each. Where matches begin with few kinds of bytes, such as the
//! capitals of `\b[A-Z][a-z]+ [A-Z][a-z]+\b`, all others are skipped eight at a time, and a small automaton is tried at each
//! possible start: 20 MB of text take 27 ms instead of 93 for that pattern. The first start with a match is the leftmost
//! match, and the automaton finds the same end as a search.
//!
//! Many starts, or starts that lead far and fail, would take longer, even quadratic time. So each document has a
//! [`Budget`]: skipped bytes are earned, bytes read without a match are spent. When it is used up, the rest of the document is
//! searched without the prefilter.

use regex_automata::Anchored;
use regex_automata::dfa::{Automaton, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_syntax::hir::Hir;

/// The largest automaton, and the most memory to build it, in bytes. Unicode's classes do not fit. Building takes 0.2 ms
/// at most.
const MAX_SIZE: usize = 16 << 10;
/// The most ranges of ASCII that the starts are in.
const MAX_RANGES: usize = 3;
const ASCII: u8 = 0x80;
/// Bytes too frequent in texts to search for.
const FREQUENT: [u8; 2] = *b" e";
/// The lowest bit of each byte of a word, and the highest.
const LOW: u64 = u64::from_ne_bytes([1; 8]);
const HIGH: u64 = u64::from_ne_bytes([ASCII; 8]);
/// The cost of a start, in bytes that a search would have read meanwhile.
const START_COST: usize = 8;

#[derive(Debug)]
pub struct Prefilter {
    automaton: dense::DFA<Vec<u32>>,
    /// The initial state behind each byte.
    behind: Box<[StateID]>,
    /// The initial state at the start of a document.
    begin: StateID,
    set: Set,
}

/// The bytes that a match can begin with, searched for eight at a time.
#[derive(Debug)]
struct Set {
    ranges: Vec<Range>,
    /// [`HIGH`] if the set has bytes beyond ASCII: then all of them count as members. Else 0.
    others: u64,
}

/// A range of ASCII, as summands for each byte of a word: one takes the bytes from its start on beyond 0x7f, the other
/// those behind its end.
#[derive(Clone, Copy, Debug)]
struct Range {
    below: u64,
    up_to: u64,
}

/// The bytes that may still be read without a match; `None` once used up.
#[derive(Debug)]
pub struct Budget(Option<usize>);

impl Budget {
    /// For a document of this length: a small part of the cost of a search, and enough for a bad beginning.
    pub fn new(length: usize) -> Self {
        Self(Some(2 * START_COST + length / 32))
    }

    fn earn(&mut self, bytes: usize) {
        self.0 = self.0.map(|left| left.saturating_add(bytes));
    }

    /// Returns whether there was enough.
    fn spend(&mut self, bytes: usize) -> bool {
        self.0 = self.0.and_then(|left| left.checked_sub(bytes));
        self.0.is_some()
    }
}

#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    Match(usize, usize),
    Nothing,
    /// The budget is used up. There is no match before this place.
    Unknown(usize),
}

impl Prefilter {
    /// For a pattern without empty matches. `None` if its matches can begin with too many bytes, or only at line ends, which
    /// a search finds faster.
    pub fn new(hir: &Hir) -> Option<Self> {
        if hir.properties().look_set_prefix().contains_anchor() {
            return None;
        }
        let nfa = thompson::Config::new()
            .utf8(false)
            .which_captures(thompson::WhichCaptures::None)
            .nfa_size_limit(Some(MAX_SIZE));
        let nfa = thompson::Compiler::new().configure(nfa).build_from_hir(hir).ok()?;
        let config = dense::Config::new()
            .start_kind(regex_automata::dfa::StartKind::Anchored)
            .accelerate(false)
            .dfa_size_limit(Some(MAX_SIZE))
            .determinize_size_limit(Some(MAX_SIZE));
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
        let set = Set::new(leads)?;
        Some(Self { automaton, behind, begin, set })
    }

    #[inline]
    pub fn find(&self, document: &[u8], mut at: usize, budget: &mut Budget) -> Found {
        while budget.0.is_some() {
            let Some(more) = document.get(at..).and_then(|rest| self.set.position(rest)) else { return Found::Nothing };
            at += more;
            budget.earn(more);
            if !budget.spend(START_COST) {
                break;
            }
            let (end, seen) = self.end(document, at);
            if let Some(end) = end {
                // A search costs as much: it reads a match twice.
                budget.earn(START_COST);
                return Found::Match(at, end);
            }
            budget.spend(seen - at);
            at += 1;
        }
        Found::Unknown(at)
    }

    /// The end of the match that begins at `start`, and the place where the automaton stopped.
    #[inline]
    fn end(&self, document: &[u8], start: usize) -> (Option<usize>, usize) {
        let before = start.checked_sub(1).and_then(|before| document.get(before));
        let state = before.and_then(|byte| self.behind.get(usize::from(*byte)));
        let mut state = *state.unwrap_or(&self.begin);
        let mut end = None;
        for (at, byte) in (start..).zip(document.get(start..).unwrap_or_default()) {
            state = self.automaton.next_state(state, *byte);
            if self.automaton.is_special_state(state) {
                // The automaton reports a match one byte late.
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
    /// The bytes that are `wanted`; `None` if there are none, or too many.
    fn new(wanted: impl Fn(u8) -> bool) -> Option<Self> {
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
        let fits = some && ranges.len() <= MAX_RANGES && !FREQUENT.into_iter().any(wanted);
        fits.then(|| Self { ranges: ranges.into_iter().map(range).collect(), others: if others { HIGH } else { 0 } })
    }

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
    // The highest bit of each byte that is in the set; no sum overflows its byte.
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
