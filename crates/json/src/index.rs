//! Where the tokens of a document start.
//!
//! Works on a window of the document at a time: the positions stay in the cache, a document of any size needs the same
//! memory, and the interrupt is checked between windows. The same pass checks every string: that it ends, that it has
//! no control characters, and its escapes.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::block::{self, Classes};
use super::error::JsonError;
use super::string::check_escape;

/// Bytes of a window, some 10 µs of work. Half of it or four times as much made no difference.
const WINDOW: usize = 16 * 1024;

/// Asked between windows whether to give up.
pub trait Interrupt {
    /// Whether the result is no longer needed.
    fn is_set(&self) -> bool;
}

impl Interrupt for AtomicBool {
    fn is_set(&self) -> bool {
        self.load(Ordering::Relaxed)
    }
}

/// Finds the tokens of a document: brackets, colons, commas, and the first byte of strings, numbers and words.
pub(crate) struct Index<'a> {
    json: &'a [u8],
    interrupt: &'a dyn Interrupt,
    /// Where the next window starts.
    ahead: usize,
    /// Where the last token found starts.
    last: usize,
    carry: Carry,
    error: Option<JsonError>,
}

/// The positions of a window's tokens. One [`Index`] after the other reuses it.
#[derive(Default)]
pub(crate) struct Positions {
    /// Where the window starts.
    pub start: usize,
    /// How many of the slots are filled.
    pub filled: usize,
    /// Relative to `start`. Atomic only so that eight stores stay eight: the compiler would gather them in a vector
    /// first, one by one, which makes this pass 5 % slower.
    slots: Box<[AtomicU32]>,
}

impl Positions {
    /// With room for a window; `default` has none.
    pub fn with_room() -> Self {
        // A block is written in groups of eight, so room for one block more.
        Self { start: 0, filled: 0, slots: (0..WINDOW + 64).map(|_| AtomicU32::new(0)).collect() }
    }

    /// A position in the document.
    #[inline(always)]
    pub fn get(&self, index: usize) -> Option<usize> {
        self.found().get(index).map(|slot| self.start + slot.load(Ordering::Relaxed) as usize)
    }

    /// The filled slots.
    #[inline(always)]
    pub fn found(&self) -> &[AtomicU32] {
        self.slots.get(..self.filled).unwrap_or_default()
    }

    /// Appends the places of the bits.
    #[inline(always)]
    fn push(&mut self, start: usize, mut bits: u64) {
        let count = bits.count_ones() as usize;
        let Some(slots) = self.slots.get(self.filled..).and_then(<[AtomicU32]>::first_chunk::<64>) else {
            return; // unreachable: there is room for every byte of a window
        };
        let (groups, _) = slots.as_chunks::<8>();
        // Always a whole group: a branch for each bit would be mispredicted in each block.
        for (done, group) in groups.iter().enumerate() {
            if done * 8 >= count {
                break;
            }
            for slot in group {
                slot.store(start as u32 + bits.trailing_zeros(), Ordering::Relaxed);
                bits &= bits.wrapping_sub(1);
            }
        }
        self.filled += count;
    }

    /// Forgets the positions from `position` on.
    fn truncate(&mut self, position: usize) {
        let relative = position.saturating_sub(self.start);
        self.filled = self.found().partition_point(|slot| (slot.load(Ordering::Relaxed) as usize) < relative);
    }
}

/// State between one block and the next.
#[derive(Clone, Copy, Default)]
struct Carry {
    /// All ones within a string.
    in_string: u64,
    /// One if the first byte is escaped.
    escaped: u64,
    /// One if a number or word continues.
    scalar: u64,
    /// Where the second half of the last surrogate pair is.
    second_half: usize,
}

/// What a block contains.
struct Found {
    tokens: u64,
    escapes: u64,
    controls: u64,
}

impl Carry {
    #[inline(always)]
    fn step(&mut self, classes: Classes) -> Found {
        let (escaped, escape) = self.escapes(classes.backslash);
        let quote = classes.quote & !escaped;
        // A bit is set after an odd number of quotes: from an opening quote to before the closing one.
        let in_string = prefix_xor(quote) ^ self.in_string;
        self.in_string = (in_string.cast_signed() >> 63).cast_unsigned();
        let scalar = !(classes.operator | classes.blank);
        let bare = scalar & !quote;
        let starts = scalar & !(bare << 1 | self.scalar);
        self.scalar = bare >> 63;
        Found {
            tokens: (classes.operator | starts) & !(in_string ^ quote),
            escapes: escape & in_string,
            controls: classes.control & in_string,
        }
    }

    /// Escaped bytes, and the backslashes that escape them: the odd ones of every run.
    #[inline(always)]
    fn escapes(&mut self, backslash: u64) -> (u64, u64) {
        const ODD: u64 = 0xAAAA_AAAA_AAAA_AAAA;
        if backslash == 0 {
            return (std::mem::take(&mut self.escaped), 0);
        }
        // Subtracting the start of a run from its shifted bits with all odd ones filled in carries through the run, and
        // leaves every second bit of it.
        let candidates = backslash & !self.escaped;
        let code = ((candidates << 1 | ODD).wrapping_sub(candidates)) ^ ODD;
        let escaped = code ^ (backslash | self.escaped);
        let escape = code & backslash;
        self.escaped = escape >> 63;
        (escaped, escape)
    }
}

#[inline(always)]
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

impl<'a> Index<'a> {
    pub fn new(json: &'a str, interrupt: &'a dyn Interrupt) -> Self {
        // A byte order mark is no token.
        let ahead = if json.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { json: json.as_bytes(), interrupt, ahead, last: 0, carry: Carry::default(), error: None }
    }

    /// Fills `positions` with the next tokens; none at the end of the document.
    pub fn next(&mut self, positions: &mut Positions) -> Result<(), JsonError> {
        positions.filled = 0;
        while positions.filled == 0 {
            if let Some(error) = self.error.take() {
                return Err(error);
            }
            if self.ahead >= self.json.len() {
                return Ok(());
            }
            if self.interrupt.is_set() {
                return Err(JsonError::Interrupted);
            }
            self.fill(positions);
        }
        Ok(())
    }

    fn fill(&mut self, positions: &mut Positions) {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("bmi1")
            && std::arch::is_x86_feature_detected!("popcnt")
        {
            // SAFETY: the condition above found all features that the function is compiled for.
            unsafe { self.fill_avx2(positions) };
            return;
        }
        self.fill_with(positions, block::classify);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,popcnt")]
    fn fill_avx2(&mut self, positions: &mut Positions) {
        self.fill_with(positions, |block| block::classify_avx2(block));
    }

    #[inline(always)]
    fn fill_with(&mut self, positions: &mut Positions, classify: impl Fn(&[u8; 64]) -> Classes) {
        let start = self.ahead;
        let end = self.json.len().min(start + WINDOW);
        let window = self.json.get(start..end).unwrap_or_default();
        let (blocks, rest) = window.as_chunks::<64>();
        positions.start = start;
        let mut carry = self.carry;
        for (place, block) in blocks.iter().enumerate() {
            let found = carry.step(classify(block));
            positions.push(place * 64, found.tokens);
            if (found.escapes | found.controls) != 0 {
                self.check(start + place * 64, &found, &mut carry);
            }
        }
        if !rest.is_empty() {
            // Blanks behind the end are no control characters, should a string lack its quote.
            let mut block = [b' '; 64];
            for (slot, byte) in block.iter_mut().zip(rest) {
                *slot = *byte;
            }
            let found = carry.step(classify(&block));
            positions.push(blocks.len() * 64, found.tokens);
            if (found.escapes | found.controls) != 0 {
                self.check(start + blocks.len() * 64, &found, &mut carry);
            }
        }
        self.carry = carry;
        self.ahead = end;
        self.last = positions.filled.checked_sub(1).and_then(|last| positions.get(last)).unwrap_or(self.last);
        if end == self.json.len() && carry.in_string != 0 && self.error.is_none() {
            // There are no tokens within a string, so the last one is its opening quote.
            self.error = Some(JsonError::syntax("Unterminated string starting at", self.last));
        }
        if let Some(JsonError::Syntax(error)) = &self.error {
            // The first error is reported, and what precedes this one may be wrong too.
            self.ahead = self.json.len();
            positions.truncate(error.position);
        }
    }

    /// Checks the escapes and control characters of a block one by one: few strings have any.
    #[cold]
    #[inline(never)]
    fn check(&mut self, start: usize, found: &Found, carry: &mut Carry) {
        let mut bits = found.escapes | found.controls;
        while bits != 0 && self.error.is_none() {
            let position = start + bits.trailing_zeros() as usize;
            let checked = if found.controls & bits & bits.wrapping_neg() != 0 {
                Err("Invalid control character at")
            } else {
                check_escape(self.json, position, &mut carry.second_half)
            };
            if let Err(message) = checked {
                self.error = Some(JsonError::syntax(message, position));
            }
            bits &= bits - 1;
        }
    }
}

#[cfg(test)]
mod tests;
