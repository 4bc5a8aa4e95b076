//! Items of a pattern: characters, classes, repeats, escapes.

use super::translator::{BOUNDARY, DOLLAR, Member, NO_BOUNDARY, Preceding, Translator};
use crate::text::escape::{self, Escape, error_at};

impl Translator {
    pub fn item(&mut self, next: char) -> Result<(), String> {
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

    fn repeat(&mut self, at: usize, text: &str) -> Result<(), String> {
        match self.preceding {
            Preceding::Nothing => return Err(error_at("nothing to repeat", at)),
            Preceding::Repeat => return Err(error_at("multiple repeat", at)),
            Preceding::Item => {}
        }
        self.out.push_str(text);
        if self.take('?') {
            self.out.push('?');
        } else if self.take('+') {
            self.out.push('+');
            self.hard = true;
        }
        self.preceding = Preceding::Repeat;
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

    fn class(&mut self, at: usize) -> Result<(), String> {
        let negated = self.take('^');
        let first = self.at;
        let mut members = Vec::new();
        loop {
            let start = self.at;
            match self.peek() {
                None => return Err(error_at("unterminated character set", at)),
                Some(']') if start != first => break,
                Some(_) => {}
            }
            let low = self.member(at)?;
            // A hyphen before the end stands for itself.
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
                    return Err(error_at(format!("bad character range {range}"), start));
                }
            }
        }
        self.at += 1;
        self.brackets(negated, members);
        Ok(())
    }

    /// Reads a character or a set.
    fn member(&mut self, class: usize) -> Result<Member, String> {
        let at = self.at;
        match self.next() {
            None => Err(error_at("unterminated character set", class)),
            Some('\\') => match escape::read_in_class(&self.chars, &mut self.at, self.bytes)? {
                Escape::Literal(literal) => Ok(Member::Range(literal, literal)),
                Escape::Class(letter) => Ok(Member::Set(self.set(letter))),
                Escape::Property(text) => Ok(Member::Property(text)),
                _ => Err(error_at("bad escape", at)),
            },
            Some(literal) => Ok(Member::Range(literal, literal)),
        }
    }
}
