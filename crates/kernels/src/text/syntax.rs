//! From the syntax of `re` to that of the crates: most is spelled alike and some of that means something else.
//!
//! What is translated: `\Z` and `$` (which in `re` also matches before a last newline), `\w` and `\s` (Python's
//! letters, numbers and spaces are not quite those of Unicode's regular expressions), `(?P=name)`, octal escapes,
//! `{,n}`, brackets within classes, comments and white space of `(?x)`, the flags, `(?a)`, and what `(?i)` folds. What
//! is refused is refused with the words of `re`, and at its position, in characters. More than `re` can: `\p{…}`.
//!
//! Look-around, references, conditions, atomic groups and possessive repeats make a pattern *hard*: it needs
//! backtracking.

use fold::Member;

use super::escape::{self, Escape};

mod fold;
mod group;

/// A pattern as the crates read it.
#[derive(Debug)]
pub struct Translated {
    /// `$` matches at the very end only.
    pub pattern: String,
    /// The same for backtracking, whether it is hard or not.
    pub spelled: String,
    /// `$` matches before a last newline, too: needs look-ahead. `None` where there is no such `$`.
    pub exact: Option<String>,
    /// Whether the pattern needs backtracking.
    pub hard: bool,
    /// How many groups.
    pub groups: usize,
    /// The groups that have names.
    pub names: Vec<(String, usize)>,
}

/// What stands for something that is spelled out when the whole pattern is known. Literals never are control characters.
const DOLLAR: char = '\u{1}';
const BOUNDARY: char = '\u{2}';
const NO_BOUNDARY: char = '\u{3}';

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Flags {
    ascii: bool,
    dot_all: bool,
    ignore_case: bool,
    multi_line: bool,
    verbose: bool,
}

/// What a repeat would apply to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Item,
    Repeat,
}

struct Open {
    at: usize,
    flags: Flags,
    group: Option<usize>,
}

struct Translator {
    chars: Vec<char>,
    at: usize,
    bytes: bool,
    flags: Flags,
    before: Before,
    open: Vec<Open>,
    closed: Vec<bool>,
    names: Vec<(String, usize)>,
    out: String,
    hard: bool,
}

/// `bytes`: the pattern is one of `re`'s for bytes, its bytes given as the characters U+0000 to U+00FF.
pub fn translate(pattern: &str, bytes: bool) -> Result<Translated, String> {
    let mut translator = Translator {
        chars: pattern.chars().collect(),
        at: 0,
        bytes,
        flags: Flags { ascii: bytes, ..Flags::default() },
        before: Before::Nothing,
        open: Vec::new(),
        closed: Vec::new(),
        names: Vec::new(),
        out: String::new(),
        hard: false,
    };
    translator.global_flags()?;
    while let Some(next) = translator.next() {
        translator.item(next)?;
    }
    if let Some(open) = translator.open.last() {
        return Err(fault("missing ), unterminated subpattern", open.at));
    }
    Ok(translator.finish())
}

fn fault(words: impl std::fmt::Display, at: usize) -> String {
    format!("{words} at position {at}")
}

impl Translator {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek();
        self.at += usize::from(next.is_some());
        next
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn starts_with(&self, wanted: &str) -> bool {
        let rest = self.chars.get(self.at..).unwrap_or_default();
        wanted.chars().enumerate().all(|(index, char)| rest.get(index) == Some(&char))
    }

    /// White space and comments of a verbose pattern.
    fn skip(&mut self) {
        while self.flags.verbose {
            match self.peek() {
                Some(' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c') => self.at += 1,
                Some('#') => while self.next().is_some_and(|char| char != '\n') {},
                _ => return,
            }
        }
    }

    fn item(&mut self, next: char) -> Result<(), String> {
        let at = self.at - 1;
        match next {
            ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c' | '#' if self.flags.verbose => {
                self.at = at;
                self.skip();
            }
            '|' => self.zero_width("|"),
            '^' => self.zero_width(if self.flags.multi_line { "(?m:^)" } else { r"\A" }),
            '$' if self.flags.multi_line => self.zero_width("(?m:$)"),
            '$' => self.zero_width(DOLLAR.encode_utf8(&mut [0; 4])),
            '.' => self.one(if self.flags.dot_all { "(?s:.)" } else { r"[^\n]" }),
            '[' => self.class(at)?,
            '(' => self.group(at)?,
            ')' => self.close(at)?,
            '*' | '+' | '?' => self.repeat(at, &next.to_string())?,
            '{' => self.braces(at)?,
            '\\' => self.escape(at)?,
            literal => self.literal(literal),
        }
        Ok(())
    }

    fn one(&mut self, text: &str) {
        self.out.push_str(text);
        self.before = Before::Item;
    }

    fn zero_width(&mut self, text: &str) {
        self.out.push_str(text);
        self.before = Before::Nothing;
    }

    fn repeat(&mut self, at: usize, text: &str) -> Result<(), String> {
        match self.before {
            Before::Nothing => return Err(fault("nothing to repeat", at)),
            Before::Repeat => return Err(fault("multiple repeat", at)),
            Before::Item => {}
        }
        self.out.push_str(text);
        if self.take('?') {
            self.out.push('?');
        } else if self.take('+') {
            self.out.push('+');
            self.hard = true;
        }
        self.before = Before::Repeat;
        Ok(())
    }

    /// `{m}`, `{m,}`, `{,n}`, `{m,n}`; anything else is the brace itself.
    fn braces(&mut self, at: usize) -> Result<(), String> {
        let start = self.at;
        let least = self.digits();
        let most = if self.take(',') { self.digits() } else { least.clone() };
        if self.at == start || !self.take('}') {
            self.at = start;
            self.literal('{');
            return Ok(());
        }
        let number =
            |digits: &str| digits.parse::<u32>().map_err(|_| fault("the repetition number is too large", start));
        let low = if least.is_empty() { 0 } else { number(&least)? };
        if most.is_empty() {
            return self.repeat(at, &format!("{{{low},}}"));
        }
        let high = number(&most)?;
        if high < low {
            return Err(fault("min repeat greater than max repeat", start));
        }
        self.repeat(at, &format!("{{{low},{high}}}"))
    }

    fn digits(&mut self) -> String {
        let mut digits = String::new();
        while let Some(digit) = self.peek().filter(char::is_ascii_digit) {
            digits.push(digit);
            self.at += 1;
        }
        digits
    }

    fn escape(&mut self, at: usize) -> Result<(), String> {
        match escape::read(&self.chars, &mut self.at, self.bytes)? {
            Escape::Literal(literal) => self.literal(literal),
            Escape::Class(letter) => self.letter_class(letter),
            Escape::Property(text) => self.one(&text),
            Escape::Start => self.zero_width(r"\A"),
            Escape::End => self.zero_width(r"\z"),
            Escape::Boundary => self.zero_width(BOUNDARY.encode_utf8(&mut [0; 4])),
            Escape::NoBoundary => self.zero_width(NO_BOUNDARY.encode_utf8(&mut [0; 4])),
            Escape::Group(number) => self.reference(number, at)?,
        }
        Ok(())
    }

    /// `\d`, `\w`, `\s` and their opposites, as a class.
    fn set(&self, letter: char) -> String {
        let inner = match letter.to_ascii_lowercase() {
            'd' if self.flags.ascii => "0-9",
            'd' => r"\p{Nd}",
            'w' if self.flags.ascii => "0-9A-Za-z_",
            'w' => r"\p{L}\p{N}_",
            _ if self.flags.ascii => r"\x09-\x0d\x20",
            // The information separators are spaces for Python.
            _ => r"\s\x1c-\x1f",
        };
        format!("[{}{inner}]", if letter.is_ascii_uppercase() { "^" } else { "" })
    }

    fn reference(&mut self, number: usize, at: usize) -> Result<(), String> {
        match number.checked_sub(1).and_then(|index| self.closed.get(index)) {
            None => return Err(fault(format!("invalid group reference {number}"), at + 1)),
            Some(false) => return Err(fault("cannot refer to an open group", at)),
            Some(true) => {}
        }
        self.hard = true;
        self.one(&format!(r"(?:\{number})"));
        Ok(())
    }

    fn class(&mut self, at: usize) -> Result<(), String> {
        let opposite = self.take('^');
        let first = self.at;
        let mut members = Vec::new();
        loop {
            let start = self.at;
            match self.peek() {
                None => return Err(fault("unterminated character set", at)),
                Some(']') if start != first => break,
                Some(_) => {}
            }
            let low = self.member(at)?;
            // A hyphen before the end is one.
            if self.peek() != Some('-') || self.chars.get(self.at + 1).is_none_or(|char| *char == ']') {
                members.push(low);
                continue;
            }
            self.at += 1;
            match (low, self.member(at)?) {
                (Member::Range(low, _), Member::Range(high, _)) if low <= high => {
                    members.push(Member::Range(low, high))
                }
                _ => {
                    let range: String = self.chars.get(start..self.at).unwrap_or_default().iter().collect();
                    return Err(fault(format!("bad character range {range}"), start));
                }
            }
        }
        self.at += 1;
        self.brackets(opposite, members);
        Ok(())
    }

    /// A character, or a set of them.
    fn member(&mut self, class: usize) -> Result<Member, String> {
        let at = self.at;
        match self.next() {
            None => Err(fault("unterminated character set", class)),
            Some('\\') => match escape::read_in_class(&self.chars, &mut self.at, self.bytes)? {
                Escape::Literal(literal) => Ok(Member::Range(literal, literal)),
                Escape::Class(letter) => Ok(Member::Set(self.set(letter))),
                Escape::Property(text) => Ok(Member::Property(text)),
                _ => Err(fault("bad escape", at)),
            },
            Some(literal) => Ok(Member::Range(literal, literal)),
        }
    }

    fn finish(self) -> Translated {
        let text = |dollar: &str, hard: bool| {
            let (yes, no) = self.boundaries(hard);
            self.out.replace(BOUNDARY, yes).replace(NO_BOUNDARY, no).replace(DOLLAR, dollar)
        };
        Translated {
            pattern: text(r"\z", self.hard),
            spelled: text(r"\z", true),
            exact: self.out.contains(DOLLAR).then(|| text(r"(?=\n?\z)", true)),
            hard: self.hard,
            groups: self.closed.len(),
            names: self.names,
        }
    }

    /// How `\b` and `\B` are spelled: fancy-regex does not take flags apart.
    fn boundaries(&self, hard: bool) -> (&'static str, &'static str) {
        match (self.flags.ascii && !self.bytes, hard) {
            (false, _) => (r"\b", r"\B"),
            (true, false) => (r"(?-u:\b)", r"(?-u:\B)"),
            (true, true) => (
                "(?:(?<=[0-9A-Za-z_])(?![0-9A-Za-z_])|(?<![0-9A-Za-z_])(?=[0-9A-Za-z_]))",
                "(?:(?<=[0-9A-Za-z_])(?=[0-9A-Za-z_])|(?<![0-9A-Za-z_])(?![0-9A-Za-z_]))",
            ),
        }
    }
}

#[cfg(test)]
mod tests;
