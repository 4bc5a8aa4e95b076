//! The state of a translation, and the items of a pattern: characters, classes, repeats, escapes.
//!
//! Case folding under `(?i)`: the crates fold by Unicode's simple case folding. So does `re`, but it also treats `i`, `I`,
//! `İ` and `ı` as one letter, folds ASCII alone under `(?a)`, and never folds `\w` and `\W` (U+0345, a mark, folds to the
//! letter ι, so `\W` would match that). Where the two differ, the folded characters are spelled out.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

use crate::text::escape::{self, Cursor, Escape, error_at};

/// Placeholders for parts that are spelled out when the whole pattern is known. No literal is a control character.
pub const DOLLAR: char = '\u{1}';
pub const BOUNDARY: char = '\u{2}';
pub const NO_BOUNDARY: char = '\u{3}';

/// One letter in `re`.
const DOTTED: &str = "Iiİı";

/// The flags of `re`, as bits.
pub type Flags = u8;
pub const ASCII: Flags = 1;
pub const DOT_ALL: Flags = 1 << 1;
pub const IGNORE_CASE: Flags = 1 << 2;
pub const MULTI_LINE: Flags = 1 << 3;
pub const VERBOSE: Flags = 1 << 4;

/// The part before a repeat.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Preceding {
    #[default]
    Nothing,
    Item,
    Repeat,
}

pub struct Open {
    pub at: usize,
    pub flags: Flags,
    pub group: Option<usize>,
}

#[derive(Default)]
pub struct Translator {
    pub text: Cursor,
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
    pub fn has(&self, flag: Flags) -> bool {
        self.flags & flag != 0
    }

    /// White space and comments of a verbose pattern.
    pub fn skip(&mut self) {
        while self.has(VERBOSE) {
            match self.text.peek() {
                Some(' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c') => self.text.at += 1,
                Some('#') => while self.text.next().is_some_and(|char| char != '\n') {},
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

    /// `\d`, `\w`, `\s` and their opposites, as a class.
    pub fn set(&self, letter: char) -> String {
        let inner = match letter.to_ascii_lowercase() {
            'd' if self.has(ASCII) => "0-9",
            'd' => r"\p{Nd}",
            'w' if self.has(ASCII) => "0-9A-Za-z_",
            'w' => r"\p{L}\p{N}_",
            _ if self.has(ASCII) => r"\x09-\x0d\x20",
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

    pub fn item(&mut self, next: char) -> Result<(), String> {
        let at = self.text.at - 1;
        match next {
            ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c' | '#' if self.has(VERBOSE) => {
                self.text.at = at;
                self.skip();
            }
            '|' => self.zero_width("|"),
            '^' => self.zero_width(if self.has(MULTI_LINE) { "(?m:^)" } else { r"\A" }),
            '$' if self.has(MULTI_LINE) => self.zero_width("(?m:$)"),
            '$' => self.zero_width(DOLLAR.encode_utf8(&mut [0; 4])),
            '.' => self.one(if self.has(DOT_ALL) { "(?s:.)" } else { r"[^\n]" }),
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

    fn repeat(&mut self, at: usize, text: &str) -> Result<(), String> {
        match self.preceding {
            Preceding::Nothing => return Err(error_at("nothing to repeat", at)),
            Preceding::Repeat => return Err(error_at("multiple repeat", at)),
            Preceding::Item => {}
        }
        self.out.push_str(text);
        if self.text.take('?') {
            self.out.push('?');
        } else if self.text.take('+') {
            self.out.push('+');
            self.hard = true;
        }
        self.preceding = Preceding::Repeat;
        Ok(())
    }

    /// `{m}`, `{m,}`, `{,n}`, `{m,n}`; anything else is the brace itself.
    fn braces(&mut self, at: usize) -> Result<(), String> {
        let start = self.text.at;
        let least = self.text.digits();
        let most = if self.text.take(',') { self.text.digits() } else { least.clone() };
        if self.text.at == start || !self.text.take('}') {
            self.text.at = start;
            self.literal('{');
            return Ok(());
        }
        let number =
            |digits: &str| digits.parse::<u32>().map_err(|_| error_at("the repetition number is too large", start));
        let low = if least.is_empty() { 0 } else { number(&least)? };
        if most.is_empty() {
            return self.repeat(at, &format!("{{{low},}}"));
        }
        let high = number(&most)?;
        if high < low {
            return Err(error_at("min repeat greater than max repeat", start));
        }
        self.repeat(at, &format!("{{{low},{high}}}"))
    }

    fn escape(&mut self, at: usize) -> Result<(), String> {
        match self.text.escape()? {
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

    fn class(&mut self, at: usize) -> Result<(), String> {
        let negated = self.text.take('^');
        let first = self.text.at;
        let mut members = Vec::new();
        loop {
            let start = self.text.at;
            match self.text.peek() {
                None => return Err(error_at("unterminated character set", at)),
                Some(']') if start != first => break,
                Some(_) => {}
            }
            let low = self.member(at)?;
            // A hyphen before the end stands for itself.
            if self.text.peek() != Some('-') || self.text.ahead(1).is_none_or(|char| char == ']') {
                members.push(low);
                continue;
            }
            self.text.at += 1;
            match (low, self.member(at)?) {
                (Member::Range(low, _), Member::Range(high, _)) if low <= high => {
                    members.push(Member::Range(low, high))
                }
                _ => {
                    let range = self.text.since(start);
                    return Err(error_at(format!("bad character range {range}"), start));
                }
            }
        }
        self.text.at += 1;
        self.brackets(negated, members);
        Ok(())
    }

    /// Reads a character or a set.
    fn member(&mut self, class: usize) -> Result<Member, String> {
        let at = self.text.at;
        match self.text.next() {
            None => Err(error_at("unterminated character set", class)),
            Some('\\') => match self.text.escape_in_class()? {
                Escape::Literal(literal) => Ok(Member::Range(literal, literal)),
                Escape::Class(letter) => Ok(Member::Set(self.set(letter))),
                Escape::Property(text) => Ok(Member::Property(text)),
                _ => Err(error_at("bad escape", at)),
            },
            Some(literal) => Ok(Member::Range(literal, literal)),
        }
    }

    /// Appends a character; under `(?i)`, with those that differ in case.
    pub fn literal(&mut self, literal: char) {
        let text = self.has(IGNORE_CASE) && !self.text.bytes;
        if text && !self.has(ASCII) && DOTTED.contains(literal) {
            self.one(&format!("[{DOTTED}]"));
        } else if text && self.has(ASCII) && (literal.is_ascii_alphabetic() || !literal.is_ascii()) {
            self.brackets(false, vec![Member::Range(literal, literal)]);
        } else {
            escape::literal(&mut self.out, literal, self.text.bytes);
            self.one("");
        }
    }

    /// Appends `\d`, `\w`, `\s` or its negation.
    pub fn letter_class(&mut self, letter: char) {
        let class = self.set(letter);
        let folds = self.has(IGNORE_CASE) && !self.text.bytes && letter.eq_ignore_ascii_case(&'w');
        self.one(&if folds { format!("(?-i:{class})") } else { class });
    }

    pub fn brackets(&mut self, negated: bool, members: Vec<Member>) {
        let folds = self.has(IGNORE_CASE) && !self.text.bytes;
        // The crates fold a property, and with it its whole class.
        let spelled = folds && !members.iter().any(|member| matches!(member, Member::Property(_)));
        self.out.push_str(if spelled { "(?-i:[" } else { "[" });
        self.out.push_str(if negated { "^" } else { "" });
        for member in members {
            match member {
                Member::Set(text) | Member::Property(text) => self.out.push_str(&text),
                Member::Range(low, high) if spelled => {
                    for (low, high) in folded(low, high, self.has(ASCII)) {
                        self.range(low, high);
                    }
                }
                Member::Range(low, high) => self.range(low, high),
            }
        }
        self.one(if spelled { "])" } else { "]" });
    }

    fn range(&mut self, low: char, high: char) {
        escape::in_class(&mut self.out, low, self.text.bytes);
        if low < high {
            self.out.push('-');
            escape::in_class(&mut self.out, high, self.text.bytes);
        }
    }
}

/// The characters of a range, and all that differ from one of them only in case.
fn folded(low: char, high: char, ascii: bool) -> Vec<(char, char)> {
    let mut class = ClassUnicode::new([ClassUnicodeRange::new(low, high)]);
    let mut of_ascii = ClassUnicode::new([ClassUnicodeRange::new('\0', '\x7f')]);
    if ascii {
        of_ascii.intersect(&class);
        of_ascii.case_fold_simple();
        of_ascii.intersect(&ClassUnicode::new([ClassUnicodeRange::new('\0', '\x7f')]));
        class.union(&of_ascii);
    } else {
        if DOTTED.chars().any(|char| (low..=high).contains(&char)) {
            class.union(&ClassUnicode::new(DOTTED.chars().map(|char| ClassUnicodeRange::new(char, char))));
        }
        class.case_fold_simple();
    }
    class.ranges().iter().map(|range| (range.start(), range.end())).collect()
}
