//! Where the tokens of a document start.
//!
//! A window of the document at a time: its positions stay in the cache, a document of any size needs no more memory
//! than a small one, and the stop is looked at in between. On the way every string is checked: its end, control
//! characters, escapes.

use std::sync::atomic::{AtomicU32, Ordering};

use super::classify::{self, Classes};
use super::text;
use crate::error::KernelError;
use crate::stop::Stop;

/// Bytes looked at in one go, some 10 µs of work. Half of it or four times as much made no difference.
const WINDOW: usize = 16 * 1024;

/// Where the tokens of a document start: brackets, colons, commas, and the first byte of strings, numbers and words.
pub struct Index<'a> {
    json: &'a [u8],
    stop: &'a Stop,
    /// Where the window starts that comes next.
    ahead: usize,
    /// The last token found.
    last: usize,
    carry: Carry,
    fault: Option<KernelError>,
}

/// Found positions, relative to a start; lent to one [`Index`] after the other.
#[derive(Default)]
pub struct Positions {
    /// Where the window starts.
    pub start: usize,
    /// How many of the slots are positions.
    pub filled: usize,
    /// Atomic only so that eight stores stay eight: the compiler would gather them in a vector first, one by one, which
    /// makes this pass a twentieth slower.
    slots: Box<[AtomicU32]>,
}

impl Positions {
    /// With room for those of a window; without room for any by `default`.
    pub fn with_room() -> Self {
        // A block is written in whole groups, so room for one more.
        Self { start: 0, filled: 0, slots: (0..WINDOW + 64).map(|_| AtomicU32::new(0)).collect() }
    }

    /// A position, from the start of the document.
    #[inline(always)]
    pub fn get(&self, index: usize) -> Option<usize> {
        self.found().get(index).map(|slot| self.start + slot.load(Ordering::Relaxed) as usize)
    }

    /// Those that are positions.
    #[inline(always)]
    pub fn found(&self) -> &[AtomicU32] {
        self.slots.get(..self.filled).unwrap_or_default()
    }
}

/// What a block has to know of those before it.
#[derive(Clone, Copy, Default)]
struct Carry {
    /// All ones within a string.
    in_string: u64,
    /// One, if the first byte is escaped.
    escaped: u64,
    /// One, if a number or word goes on.
    scalar: u64,
    /// Past the first half of a surrogate pair: where the second one is.
    paired: usize,
}

/// What there is in a block.
struct Marks {
    tokens: u64,
    escapes: u64,
    faults: u64,
}

impl Carry {
    #[inline(always)]
    fn step(&mut self, classes: Classes) -> Marks {
        let (escaped, escape) = self.escapes(classes.backslash);
        let quote = classes.quote & !escaped;
        // A bit is set if an odd number of quotes came up to it: from an opening quote to before the closing one.
        let in_string = prefix_xor(quote) ^ self.in_string;
        self.in_string = (in_string.cast_signed() >> 63).cast_unsigned();
        let scalar = !(classes.operator | classes.blank);
        let bare = scalar & !quote;
        let starts = scalar & !(bare << 1 | self.scalar);
        self.scalar = bare >> 63;
        Marks {
            tokens: (classes.operator | starts) & !(in_string ^ quote),
            escapes: escape & in_string,
            faults: classes.control & in_string,
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
    /// Of a document that is valid UTF-8.
    pub fn new(json: &'a str, stop: &'a Stop) -> Self {
        // A byte order mark is no token.
        let ahead = if json.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { json: json.as_bytes(), stop, ahead, last: 0, carry: Carry::default(), fault: None }
    }

    /// Fills `positions` with the next tokens; none is the end of the document.
    pub fn next(&mut self, positions: &mut Positions) -> Result<(), KernelError> {
        positions.filled = 0;
        while positions.filled == 0 {
            if let Some(fault) = self.fault.take() {
                return Err(fault);
            }
            if self.ahead >= self.json.len() {
                return Ok(());
            }
            self.stop.check()?;
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
            // SAFETY: the processor has what the function is compiled for.
            unsafe { self.fill_avx2(positions) };
            return;
        }
        self.fill_with(positions, classify::portable);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,popcnt")]
    fn fill_avx2(&mut self, positions: &mut Positions) {
        self.fill_with(positions, |block| classify::avx2(block));
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
            let marks = carry.step(classify(block));
            positions.push(place * 64, marks.tokens);
            if (marks.escapes | marks.faults) != 0 {
                self.check(start + place * 64, &marks, &mut carry);
            }
        }
        if !rest.is_empty() {
            let mut block = [b' '; 64];
            for (slot, byte) in block.iter_mut().zip(rest) {
                *slot = *byte;
            }
            let marks = carry.step(classify(&block));
            positions.push(blocks.len() * 64, marks.tokens);
            // The blanks behind the end are in a string that lacks its quote, but no fault of it.
            if (marks.escapes | marks.faults) != 0 {
                self.check(start + blocks.len() * 64, &marks, &mut carry);
            }
        }
        self.carry = carry;
        self.ahead = end;
        self.last = positions.filled.checked_sub(1).and_then(|last| positions.get(last)).unwrap_or(self.last);
        if end == self.json.len() && carry.in_string != 0 && self.fault.is_none() {
            // Nothing within a string is a token, so its quote was the last one.
            self.fault = Some(KernelError::json("Unterminated string starting at", self.last));
        }
        if let Some(fault) = &self.fault {
            // What comes before it may be wrong too, and is then what is told.
            self.ahead = self.json.len();
            positions.truncate(fault);
        }
    }

    /// Strings with escapes or faults, byte by byte: few have any.
    #[cold]
    #[inline(never)]
    fn check(&mut self, start: usize, marks: &Marks, carry: &mut Carry) {
        let mut bits = marks.escapes | marks.faults;
        while bits != 0 && self.fault.is_none() {
            let position = start + bits.trailing_zeros() as usize;
            let checked = if marks.faults & bits & bits.wrapping_neg() != 0 {
                Err("Invalid control character at")
            } else {
                text::check_escape(self.json, position, &mut carry.paired)
            };
            if let Err(message) = checked {
                self.fault = Some(KernelError::json(message, position));
            }
            bits &= bits - 1;
        }
    }
}

impl Positions {
    /// Appends the places of the bits.
    #[inline(always)]
    fn push(&mut self, start: usize, mut bits: u64) {
        let count = bits.count_ones() as usize;
        let Some(slots) = self.slots.get(self.filled..).and_then(<[AtomicU32]>::first_chunk::<64>) else {
            return; // cannot be: there is room for every byte of a window
        };
        let (groups, _) = slots.as_chunks::<8>();
        // Eight at a time, whether they are there or not: a branch for each would be mispredicted for each block.
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

    fn truncate(&mut self, fault: &KernelError) {
        let crate::error::ErrorKind::Json { position, .. } = fault.kind else { return };
        let relative = position.saturating_sub(self.start);
        self.filled = self.found().partition_point(|slot| (slot.load(Ordering::Relaxed) as usize) < relative);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(json: &str, fill: impl Fn(&mut Index<'_>, &mut Positions)) -> (Vec<usize>, Option<KernelError>) {
        let stop = Stop::default();
        let mut index = Index::new(json, &stop);
        let mut positions = Positions::with_room();
        let mut all = Vec::new();
        while index.ahead < json.len() {
            positions.filled = 0;
            fill(&mut index, &mut positions);
            all.extend((0..positions.filled).filter_map(|index| positions.get(index)));
        }
        (all, index.fault)
    }

    /// Byte by byte; `None` where a backslash is outside of strings, which is refused and may mean anything.
    fn slowly(json: &str) -> Option<Vec<usize>> {
        let (mut all, mut in_string, mut escaped, mut bare) = (Vec::new(), false, false, false);
        for (place, byte) in json.bytes().enumerate() {
            if in_string {
                match byte {
                    _ if escaped => escaped = false,
                    b'\\' => escaped = true,
                    b'"' => in_string = false,
                    _ => {}
                }
            } else {
                let follows = std::mem::take(&mut bare);
                match byte {
                    b' ' | b'\t' | b'\n' | b'\r' => {}
                    b'"' => {
                        in_string = true;
                        all.extend((!follows).then_some(place));
                    }
                    b'{' | b'}' | b'[' | b']' | b':' | b',' => all.push(place),
                    b'\\' => return None,
                    _ => {
                        bare = true;
                        all.extend((!follows).then_some(place));
                    }
                }
            }
        }
        Some(all)
    }

    #[test]
    fn every_way_finds_the_same() {
        let mut random = fastrand::Rng::with_seed(7);
        let parts = ["\"a\"", "\"", "\\\\", "x", "1", ",", "{", "]", " ", "\n", "\"\\\\\\\"é\"", ":", "\"ab\\nc\""];
        let mut compared = 0;
        for round in 0..4000 {
            let count = if round % 100 == 0 { 2 * WINDOW } else { random.usize(..200) };
            let mut json = String::new();
            while json.len() < count {
                let part = parts.get(random.usize(..parts.len())).copied().unwrap_or_default();
                json.push_str(part);
            }
            let portably = positions(&json, |index, positions| index.fill_with(positions, classify::portable));
            let natively = positions(&json, |index, positions| index.fill(positions));
            assert_eq!(portably, natively, "{json:?}");
            if let (None, Some(expected)) = (portably.1, slowly(&json)) {
                assert_eq!(portably.0, expected, "{json:?}");
                compared += 1;
            }
        }
        assert!(compared > 200, "{compared}");
    }
}
