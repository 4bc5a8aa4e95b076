//! Searches patterns with `\b` in texts of one byte per character.
//!
//! The automata cannot match `\b` in Unicode: at the first character beyond ASCII (a “ or an é) an engine eight times as
//! slow takes over: `\b[A-Z][a-z]+ [A-Z][a-z]+\b` on 2,000 English pages of 20 KB with such quotes takes 530 ms then, and 74
//! this way (`re`: 776; 32 together with prefilter.rs), `\b\d{4}-\d{2}-\d{2}\b` less than half.
//!
//! A pattern treats most characters alike. So each character beyond ASCII is replaced by one byte, the same for all
//! characters that are in the same classes of the pattern: an ASCII character that is in these classes, or a byte beyond
//! ASCII, which is not a word character. Then the edge of a word is that of an ASCII word, which automata can match. Texts
//! of ASCII, as most are, are searched as they are.
//!
//! Not every pattern has such classes: in `\bà` no ASCII letter can replace the `à`.

use std::collections::BTreeMap;

use encoding_rs::Encoding;
use regex_syntax::hir::{Capture, Class, ClassBytes, ClassBytesRange, ClassUnicode, Hir, HirKind, Look};

/// The characters of `\w` in Python: the first of the sets.
const WORD: &str = r"[\p{L}\p{N}_]";
const WORD_SET: u128 = 1;
/// The most sets: one bit each.
const MAX_SETS: usize = 128;

/// The bytes that replace characters beyond ASCII.
#[derive(Debug)]
pub struct ByteClasses {
    /// By character, below U+10000.
    table: Box<[u8]>,
    /// For the others, from this character on.
    above: BTreeMap<u32, u8>,
}

/// A text in byte classes, and its positions in the original.
#[derive(Debug, Default)]
pub struct ByteText {
    bytes: Vec<u8>,
    /// For each replaced character, its end here and how much later it ends in the original.
    marks: Vec<(usize, usize)>,
}

impl ByteText {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn position(&self, at: usize) -> usize {
        let marks = self.marks.partition_point(|(end, _)| *end <= at);
        at + marks.checked_sub(1).and_then(|last| self.marks.get(last)).map_or(0, |(_, longer_by)| *longer_by)
    }
}

impl ByteClasses {
    /// The byte classes of a pattern, and the pattern for them, if it needs and has them.
    pub fn new(hir: &Hir) -> Option<(Self, Hir)> {
        if !hir.properties().look_set().iter().any(|look| ascii_look(look) != look) {
            return None;
        }
        let word = regex_syntax::parse(WORD).ok()?;
        let mut sets = Sets::default();
        sets.gather(&word);
        sets.gather(hir);
        let alphabet = sets.alphabet()?;
        let rewritten = alphabet.rewrite(&sets, hir)?;
        Some((alphabet.into_classes(), rewritten))
    }

    pub fn convert(&self, text: &str, into: &mut ByteText) {
        into.bytes.clear();
        into.marks.clear();
        let mut rest = text;
        let mut longer_by = 0;
        loop {
            let (plain, others) = rest.split_at(Encoding::ascii_valid_up_to(rest.as_bytes()));
            into.bytes.extend_from_slice(plain.as_bytes());
            rest = others;
            let Some(char) = rest.chars().next() else { return };
            into.bytes.push(self.byte(char));
            longer_by += char.len_utf8() - 1;
            into.marks.push((into.bytes.len(), longer_by));
            rest = rest.get(char.len_utf8()..).unwrap_or_default();
        }
    }

    fn byte(&self, char: char) -> u8 {
        let code = u32::from(char);
        let above = || self.above.range(..=code).next_back().map_or(0, |(_, byte)| *byte);
        self.table.get(code as usize).copied().unwrap_or_else(above)
    }
}

fn ascii_look(look: Look) -> Look {
    match look {
        Look::WordUnicode => Look::WordAscii,
        Look::WordUnicodeNegate => Look::WordAsciiNegate,
        Look::WordStartUnicode => Look::WordStartAscii,
        Look::WordEndUnicode => Look::WordEndAscii,
        Look::WordStartHalfUnicode => Look::WordStartHalfAscii,
        Look::WordEndHalfUnicode => Look::WordEndHalfAscii,
        other => other,
    }
}

/// The sets of characters in a pattern: its classes, and each literal character beyond ASCII.
#[derive(Default)]
struct Sets {
    sets: Vec<ClassUnicode>,
    /// The ASCII characters in it, which stand for themselves only.
    named: Vec<u8>,
}

impl Sets {
    /// Recursive: the parser bounds the depth of a pattern.
    fn gather(&mut self, hir: &Hir) {
        match hir.kind() {
            HirKind::Class(Class::Unicode(class)) => self.add(class.clone()),
            HirKind::Literal(literal) => {
                let text = String::from_utf8_lossy(&literal.0);
                for char in text.chars() {
                    match u8::try_from(char) {
                        Ok(byte) if byte.is_ascii() => self.named.push(byte),
                        _ => self.add(single(char)),
                    }
                }
            }
            HirKind::Class(Class::Bytes(class)) => {
                self.named.extend(class.iter().flat_map(|range| range.start()..=range.end()));
            }
            kind => kind.subs().iter().for_each(|part| self.gather(part)),
        }
    }

    fn add(&mut self, set: ClassUnicode) {
        // One set too many marks that there are too many.
        if self.sets.len() <= MAX_SETS && !self.sets.contains(&set) {
            self.sets.push(set);
        }
    }

    fn bit(&self, set: &ClassUnicode) -> Option<u128> {
        self.sets.iter().position(|known| known == set).map(|index| 1 << index)
    }

    /// The sets of each character as bits, from this character on.
    fn ranges(&self) -> Option<BTreeMap<u32, u128>> {
        if self.sets.len() > MAX_SETS {
            return None;
        }
        let mut changes = BTreeMap::from([(0, 0), (0x80, 0), (0x1_0000, 0)]);
        for (index, set) in self.sets.iter().enumerate() {
            for range in set.iter() {
                *changes.entry(u32::from(range.start())).or_insert(0) ^= 1_u128 << index;
                *changes.entry(u32::from(range.end()) + 1).or_insert(0) ^= 1_u128 << index;
            }
        }
        let mut within = 0;
        for bits in changes.values_mut() {
            within ^= *bits;
            *bits = within;
        }
        Some(changes)
    }

    fn alphabet(&self) -> Option<Alphabet> {
        let ranges = self.ranges()?;
        let at = |code: u32| ranges.range(..=code).next_back().map_or(0, |(_, bits)| *bits);
        let ascii: Vec<u128> = (0..0x80).map(at).collect();
        let mut bytes: BTreeMap<u128, u8> = BTreeMap::new();
        let mut free = 0x80..=0xff_u8;
        for bits in ranges.range(0x80..).map(|(_, bits)| *bits) {
            if bytes.contains_key(&bits) {
                continue;
            }
            // Not a control character: those may be ends of lines.
            let mut usual = (0x20..0x7f_u8).filter(|byte| !self.named.contains(byte));
            let same = usual.find(|byte| ascii.get(usize::from(*byte)) == Some(&bits));
            let byte = if bits & WORD_SET == 0 { same.or_else(|| free.next()) } else { same };
            bytes.insert(bits, byte?);
        }
        Some(Alphabet { ranges, ascii, bytes })
    }
}

fn single(char: char) -> ClassUnicode {
    ClassUnicode::new([regex_syntax::hir::ClassUnicodeRange::new(char, char)])
}

/// The byte for each combination of sets.
struct Alphabet {
    ranges: BTreeMap<u32, u128>,
    /// The sets of each ASCII character.
    ascii: Vec<u128>,
    /// The byte for the characters beyond ASCII in these sets.
    bytes: BTreeMap<u128, u8>,
}

impl Alphabet {
    fn class(&self, bit: u128) -> Hir {
        let ascii = (0_u8..).zip(&self.ascii).filter(|(_, bits)| *bits & bit != 0).map(|(byte, _)| byte);
        let others = self.bytes.iter().filter(|(bits, _)| *bits & bit != 0).map(|(_, byte)| *byte);
        Hir::class(Class::Bytes(ClassBytes::new(ascii.chain(others).map(|byte| ClassBytesRange::new(byte, byte)))))
    }

    fn rewrite(&self, sets: &Sets, hir: &Hir) -> Option<Hir> {
        let all = |parts: &[Hir]| parts.iter().map(|part| self.rewrite(sets, part)).collect::<Option<Vec<_>>>();
        Some(match hir.kind() {
            HirKind::Empty => Hir::empty(),
            HirKind::Look(look) => Hir::look(ascii_look(*look)),
            HirKind::Class(Class::Unicode(class)) => self.class(sets.bit(class)?),
            HirKind::Class(Class::Bytes(class)) => class.is_ascii().then(|| Hir::class(Class::Bytes(class.clone())))?,
            HirKind::Literal(literal) => {
                let text = str::from_utf8(&literal.0).ok()?;
                let bytes = text.chars().map(|char| match u8::try_from(char) {
                    Ok(byte) if byte.is_ascii() => Some(byte),
                    _ => {
                        let bit = sets.bit(&single(char))?;
                        self.bytes.iter().find(|(bits, _)| *bits & bit != 0).map(|(_, byte)| *byte)
                    }
                });
                Hir::literal(bytes.collect::<Option<Vec<u8>>>()?)
            }
            HirKind::Repetition(repetition) => Hir::repetition(repetition.with(self.rewrite(sets, &repetition.sub)?)),
            HirKind::Capture(Capture { index, name, sub }) => {
                let sub = Box::new(self.rewrite(sets, sub)?);
                Hir::capture(Capture { index: *index, name: name.clone(), sub })
            }
            HirKind::Concat(parts) => Hir::concat(all(parts)?),
            HirKind::Alternation(parts) => Hir::alternation(all(parts)?),
        })
    }

    fn into_classes(self) -> ByteClasses {
        let byte = |bits: &u128| self.bytes.get(bits).copied().unwrap_or(0);
        let mut table = vec![0; 0x1_0000].into_boxed_slice();
        let starts: Vec<(usize, u8)> =
            self.ranges.range(0x80..).map(|(start, bits)| (*start as usize, byte(bits))).collect();
        for pair in starts.windows(2) {
            if let [(start, byte), (end, _)] = pair
                && let Some(range) = table.get_mut(*start..(*end).min(0x1_0000))
            {
                range.fill(*byte);
            }
        }
        let above = self.ranges.range(0x1_0000..).map(|(start, bits)| (*start, byte(bits))).collect();
        ByteClasses { table, above }
    }
}

#[cfg(test)]
mod tests;
