//! The state of a translation.

use crate::text::escape::error_at;

/// Placeholders for parts that are spelled out when the whole pattern is known. No literal is a control character.
pub const DOLLAR: char = '\u{1}';
pub const BOUNDARY: char = '\u{2}';
pub const NO_BOUNDARY: char = '\u{3}';

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    pub ascii: bool,
    pub dot_all: bool,
    pub ignore_case: bool,
    pub multi_line: bool,
    pub verbose: bool,
}

/// The part before a repeat.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Preceding {
    Nothing,
    Item,
    Repeat,
}

pub struct Open {
    pub at: usize,
    pub flags: Flags,
    pub group: Option<usize>,
}

pub struct Translator {
    pub chars: Vec<char>,
    pub at: usize,
    pub bytes: bool,
    pub flags: Flags,
    pub preceding: Preceding,
    pub open: Vec<Open>,
    pub closed: Vec<bool>,
    pub names: Vec<(String, usize)>,
    pub out: String,
    pub hard: bool,
}

/// A member of a class in brackets.
pub enum Member {
    /// A character, or those up to another.
    Range(char, char),
    /// A class of its own.
    Set(String),
    /// `\p{…}`, which the crates fold.
    Property(String),
}

impl Translator {
    pub fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    pub fn next(&mut self) -> Option<char> {
        let next = self.peek();
        self.at += usize::from(next.is_some());
        next
    }

    pub fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    pub fn starts_with(&self, wanted: &str) -> bool {
        let rest = self.chars.get(self.at..).unwrap_or_default();
        wanted.chars().enumerate().all(|(index, char)| rest.get(index) == Some(&char))
    }

    /// White space and comments of a verbose pattern.
    pub fn skip(&mut self) {
        while self.flags.verbose {
            match self.peek() {
                Some(' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c') => self.at += 1,
                Some('#') => while self.next().is_some_and(|char| char != '\n') {},
                _ => return,
            }
        }
    }

    pub fn one(&mut self, text: &str) {
        self.out.push_str(text);
        self.preceding = Preceding::Item;
    }

    pub fn zero_width(&mut self, text: &str) {
        self.out.push_str(text);
        self.preceding = Preceding::Nothing;
    }

    pub fn digits(&mut self) -> String {
        let mut digits = String::new();
        while let Some(digit) = self.peek().filter(char::is_ascii_digit) {
            digits.push(digit);
            self.at += 1;
        }
        digits
    }

    /// `\d`, `\w`, `\s` and their opposites, as a class.
    pub fn set(&self, letter: char) -> String {
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

    pub fn reference(&mut self, number: usize, at: usize) -> Result<(), String> {
        match number.checked_sub(1).and_then(|index| self.closed.get(index)) {
            None => return Err(error_at(format!("invalid group reference {number}"), at + 1)),
            Some(false) => return Err(error_at("cannot refer to an open group", at)),
            Some(true) => {}
        }
        self.hard = true;
        self.one(&format!(r"(?:\{number})"));
        Ok(())
    }
}
