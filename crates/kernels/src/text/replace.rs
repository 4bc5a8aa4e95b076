//! Replaces all matches, as `re.sub` does, by templates as Python has them: `\1`, `\g<name>`, `\n`; `$1` means nothing.

use super::engine::{Haystack, Slots, span};
use super::escape::{self, Cursor, Escape, error_at};
use super::pattern::Pattern;
use super::search::each;
use crate::error::KernelError;
use crate::stop::Stop;

/// A text with all matches replaced.
pub fn replace(pattern: &Pattern, text: &str, by: &Replacement, stop: &Stop) -> Result<String, KernelError> {
    let replaced = replaced(pattern, Haystack::Text(text), by, stop)?;
    String::from_utf8(replaced).map_err(|_| KernelError::internal("a match that splits a character"))
}

/// Bytes with all matches replaced.
pub fn replace_bytes(pattern: &Pattern, bytes: &[u8], by: &Replacement, stop: &Stop) -> Result<Vec<u8>, KernelError> {
    replaced(pattern, Haystack::Bytes(bytes), by, stop)
}

fn replaced(pattern: &Pattern, haystack: Haystack<'_>, by: &Replacement, stop: &Stop) -> Result<Vec<u8>, KernelError> {
    let bytes = haystack.bytes();
    let mut replaced = Vec::with_capacity(bytes.len());
    let mut done = 0;
    each(pattern, haystack, by.has_groups(), stop, |slots| {
        let (start, end) = span(slots, 0).unwrap_or((done, done));
        replaced.extend_from_slice(bytes.get(done..start).unwrap_or_default());
        by.write(&mut replaced, bytes, slots);
        done = end;
    })?;
    replaced.extend_from_slice(bytes.get(done..).unwrap_or_default());
    Ok(replaced)
}

/// A parsed template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(Vec<u8>),
    Group(usize),
}

impl Replacement {
    /// For a pattern for texts.
    pub fn parse(template: &str, pattern: &Pattern) -> Result<Self, String> {
        let mut reader = Reader { text: Cursor::new(template, pattern.is_bytes()), pattern, parts: Vec::new() };
        while let Some(char) = reader.text.next() {
            if char == '\\' { reader.escape()? } else { reader.push(char) }
        }
        Ok(Self(reader.parts))
    }

    /// For a pattern for bytes.
    pub fn parse_bytes(template: &[u8], pattern: &Pattern) -> Result<Self, String> {
        // Bytes are read as Latin-1, as in `re`.
        Self::parse(&template.iter().map(|byte| char::from(*byte)).collect::<String>(), pattern)
    }

    /// Whether it refers to groups.
    pub(super) fn has_groups(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Group(1..)))
    }

    /// Appends the replacement of a match; a group that took no part is empty.
    pub(super) fn write(&self, out: &mut Vec<u8>, document: &[u8], slots: &Slots) {
        for part in &self.0 {
            out.extend_from_slice(match part {
                Part::Literal(bytes) => bytes,
                Part::Group(group) => {
                    let (start, end) = span(slots, *group).unwrap_or((0, 0));
                    document.get(start..end).unwrap_or_default()
                }
            });
        }
    }
}

struct Reader<'a> {
    text: Cursor,
    pattern: &'a Pattern,
    parts: Vec<Part>,
}

impl Reader<'_> {
    fn push(&mut self, char: char) {
        let mut buffer = [0; 4];
        let bytes = match u8::try_from(char) {
            Ok(byte) if self.text.bytes => &[byte],
            _ => char.encode_utf8(&mut buffer).as_bytes(),
        };
        match self.parts.last_mut() {
            Some(Part::Literal(literal)) => literal.extend_from_slice(bytes),
            _ => self.parts.push(Part::Literal(bytes.to_vec())),
        }
    }

    fn group(&mut self, number: usize, at: usize) -> Result<(), String> {
        if number > self.pattern.groups() {
            return Err(error_at(format!("invalid group reference {number}"), at));
        }
        self.parts.push(Part::Group(number));
        Ok(())
    }

    fn escape(&mut self) -> Result<(), String> {
        let start = self.text.at;
        if self.text.peek().is_some_and(|letter| letter.is_ascii_digit()) {
            match self.text.number()? {
                Escape::Group(number) => return self.group(number, start),
                Escape::Literal(char) => self.push(char),
                _ => {}
            }
            return Ok(());
        }
        let Some(letter) = self.text.next() else { return Err(error_at("bad escape (end of pattern)", start - 1)) };
        let char = match letter {
            'g' => return self.named_group(),
            'b' => '\x08',
            '\\' => '\\',
            letter if letter.is_ascii_alphabetic() => {
                escape::control(letter).ok_or_else(|| error_at(format!("bad escape \\{letter}"), start - 1))?
            }
            other => {
                self.push('\\');
                other
            }
        };
        self.push(char);
        Ok(())
    }

    /// `\g<1>`, `\g<name>`.
    fn named_group(&mut self) -> Result<(), String> {
        if !self.text.take('<') {
            return Err(error_at("missing <", self.text.at));
        }
        let start = self.text.at;
        let name = self.text.name('>')?;
        if name.chars().all(|char| char.is_ascii_digit()) {
            return self.group(name.parse().unwrap_or(usize::MAX), start);
        }
        match self.pattern.group(&name) {
            Some(number) => self.group(number, start),
            None => Err(error_at(format!("unknown group name '{name}'"), start)),
        }
    }
}

#[cfg(test)]
mod tests;
