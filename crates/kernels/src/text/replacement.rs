//! Templates for replacements, as Python has them: `\1`, `\g<name>`, `\n`; `$1` means nothing.

use super::escape::{self, Escape, error_at};
use super::pattern::Pattern;
use super::slots::{Slots, span};

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
        read(&template.chars().collect::<Vec<_>>(), pattern)
    }

    /// For a pattern for bytes.
    pub fn parse_bytes(template: &[u8], pattern: &Pattern) -> Result<Self, String> {
        read(&template.iter().map(|byte| char::from(*byte)).collect::<Vec<_>>(), pattern)
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
    chars: &'a [char],
    at: usize,
    pattern: &'a Pattern,
    parts: Vec<Part>,
    literal: Vec<u8>,
}

fn read(chars: &[char], pattern: &Pattern) -> Result<Replacement, String> {
    let mut reader = Reader { chars, at: 0, pattern, parts: Vec::new(), literal: Vec::new() };
    while let Some(char) = reader.peek(0) {
        reader.at += 1;
        if char == '\\' { reader.escape()? } else { reader.push(char) }
    }
    reader.flush();
    Ok(Replacement(reader.parts))
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn push(&mut self, char: char) {
        // Templates for bytes come as Latin-1.
        if self.pattern.is_bytes() {
            self.literal.push(u8::try_from(char).unwrap_or(b'?'));
        } else {
            self.literal.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }

    fn flush(&mut self) {
        if !self.literal.is_empty() {
            self.parts.push(Part::Literal(std::mem::take(&mut self.literal)));
        }
    }

    fn group(&mut self, number: usize, at: usize) -> Result<(), String> {
        if number > self.pattern.groups() {
            return Err(error_at(format!("invalid group reference {number}"), at));
        }
        self.flush();
        self.parts.push(Part::Group(number));
        Ok(())
    }

    fn escape(&mut self) -> Result<(), String> {
        let start = self.at;
        let Some(letter) = self.peek(0) else { return Err(error_at("bad escape (end of pattern)", start - 1)) };
        if letter.is_ascii_digit() {
            match escape::digits(self.chars, &mut self.at)? {
                Escape::Group(number) => return self.group(number, start),
                Escape::Literal(char) => self.push(char),
                _ => {}
            }
            return Ok(());
        }
        self.at += 1;
        let char = match letter {
            'g' => return self.named_group(),
            'a' => '\x07',
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            '\\' => '\\',
            letter if letter.is_ascii_alphabetic() => {
                return Err(error_at(format!("bad escape \\{letter}"), start - 1));
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
        if self.peek(0) != Some('<') {
            return Err(error_at("missing <", self.at));
        }
        self.at += 1;
        let start = self.at;
        let rest = self.chars.get(start..).unwrap_or_default();
        let Some(length) = rest.iter().position(|char| *char == '>') else {
            let message = if rest.is_empty() { "missing group name" } else { "missing >, unterminated name" };
            return Err(error_at(message, start));
        };
        let name: String = rest.iter().take(length).collect();
        self.at += length + 1;
        if name.is_empty() {
            return Err(error_at("missing group name", start));
        }
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
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn of(template: &str) -> Result<Vec<Part>, String> {
        let pattern = Pattern::text("(?P<first>a)(b)").unwrap();
        Replacement::parse(template, &pattern).map(|replacement| replacement.0)
    }

    fn literal(text: &str) -> Part {
        Part::Literal(text.as_bytes().to_vec())
    }

    #[test]
    fn templates() {
        assert_eq!(of("").unwrap(), []);
        assert_eq!(of(r"é\1$1\2").unwrap(), [literal("é"), Part::Group(1), literal("$1"), Part::Group(2)]);
        assert_eq!(
            of(r"\g<first>\g<0>\g<2>0").unwrap(),
            [1, 0, 2].map(Part::Group).into_iter().chain([literal("0")]).collect::<Vec<_>>()
        );
        assert_eq!(of(r"\n\t\\\.\101\0").unwrap(), [literal("\n\t\\\\.A\0")]);
    }

    #[test]
    fn errors() {
        for (template, message) in [
            (r"a\3", "invalid group reference 3 at position 2"),
            (r"\12", "invalid group reference 12 at position 1"),
            (r"\g<9>", "invalid group reference 9 at position 3"),
            (r"\g<other>", "unknown group name 'other' at position 3"),
            (r"\g<first", "missing >, unterminated name at position 3"),
            (r"\g<>", "missing group name at position 3"),
            (r"\gx", "missing < at position 2"),
            (r"\q", r"bad escape \q at position 0"),
            ("a\\", "bad escape (end of pattern) at position 1"),
            (r"\777", r"octal escape value \777 outside of range 0-0o377 at position 0"),
        ] {
            assert_eq!(of(template).unwrap_err(), message, "{template}");
        }
    }
}
