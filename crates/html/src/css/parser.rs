//! Reads a selector. What it does not know is left to the other way, so it may be strict.

use super::{Compound, How, Test, is_space};
use crate::tag::Tag;

/// At a place in a selector.
pub(super) struct Parser<'a> {
    css: &'a str,
    /// Where.
    pub(super) at: usize,
}

impl<'a> Parser<'a> {
    /// At the start.
    pub(super) fn new(css: &'a str) -> Self {
        Self { css, at: 0 }
    }

    /// What is next.
    pub(super) fn peek(&self) -> Option<u8> {
        self.css.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a str {
        self.css.get(self.at..).unwrap_or_default()
    }

    /// Skips white space; whether there was any.
    pub(super) fn space(&mut self) -> bool {
        let rest = self.rest();
        let length = rest.len() - rest.trim_start_matches(is_space).len();
        self.at += length;
        length > 0
    }

    fn eat(&mut self, what: &str) -> bool {
        let eaten = self.rest().starts_with(what);
        self.at += if eaten { what.len() } else { 0 };
        eaten
    }

    /// A name without escapes.
    fn ident(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let is_part = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_') || !char.is_ascii();
        let length = rest.find(|char| !is_part(char)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(length);
        let starts = name.trim_start_matches('-');
        let fine =
            !starts.is_empty() && !starts.starts_with(|char: char| char.is_ascii_digit()) && !name.starts_with("--");
        if !fine || after.starts_with('\\') {
            return None;
        }
        self.at += length;
        Some(name)
    }

    /// What one element must be.
    pub(super) fn compound(&mut self) -> Option<Compound> {
        let mut compound = Compound::default();
        let start = self.at;
        match self.peek()? {
            b'*' => self.at += 1,
            byte if byte.is_ascii_alphabetic() || byte == b'_' || byte == b'-' || !byte.is_ascii() => {
                let name = self.ident()?;
                // Elements of SVG have upper case, those of HTML are compared without: too fine for here.
                if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
                    return None;
                }
                compound.name = Some((Tag::of(name), name.to_owned()));
            }
            _ => {}
        }
        loop {
            match self.peek() {
                Some(b'.') => {
                    self.at += 1;
                    compound.tests.push(Test::Class(self.ident()?.to_owned()));
                }
                Some(b'#') => {
                    self.at += 1;
                    let value = self.ident()?.to_owned();
                    compound.tests.push(Test::Attr {
                        name: "id".into(),
                        how: How::Equal,
                        value,
                        any_case: Some(false),
                    });
                }
                Some(b'[') => {
                    self.at += 1;
                    compound.tests.push(self.attr()?);
                }
                Some(b':') => {
                    self.at += 1;
                    self.pseudo(&mut compound.tests)?;
                }
                Some(b'|') => return None,
                _ => return (self.at > start).then_some(compound),
            }
        }
    }

    fn attr(&mut self) -> Option<Test> {
        self.space();
        let name = self.ident()?;
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        let name = name.to_owned();
        self.space();
        let how = [
            ("=", How::Equal),
            ("~=", How::Word),
            ("|=", How::Dash),
            ("^=", How::Start),
            ("$=", How::End),
            ("*=", How::Within),
        ]
        .into_iter()
        .find_map(|(sign, how)| self.eat(sign).then_some(how));
        let Some(how) = how else {
            return self.eat("]").then_some(Test::Attr {
                name,
                how: How::Present,
                value: String::new(),
                any_case: Some(false),
            });
        };
        self.space();
        let value = match self.peek()? {
            quote @ (b'"' | b'\'') => {
                let inner = self.rest().get(1..)?;
                let value = inner.get(..inner.find(char::from(quote))?)?;
                if value.contains(['\\', '\n', '\r', '\x0c']) {
                    return None;
                }
                self.at += value.len() + 2;
                value
            }
            _ => self.ident()?,
        };
        self.space();
        let any_case = match self.peek()? {
            b'i' | b'I' => Some(true),
            b's' | b'S' => Some(false),
            _ => None,
        };
        if any_case.is_some() {
            self.at += 1;
            self.space();
        }
        self.eat("]").then(|| Test::Attr { name, how, value: value.to_owned(), any_case })
    }

    fn pseudo(&mut self, tests: &mut Vec<Test>) -> Option<()> {
        let name = self.ident()?.to_ascii_lowercase();
        let test = match name.as_str() {
            "first-child" => Test::Nth(0, 1),
            "last-child" => Test::Last,
            "only-child" => {
                tests.push(Test::Last);
                Test::Nth(0, 1)
            }
            "root" => Test::Root,
            "not" => Test::Not(self.compounds()?),
            "is" | "where" => Test::Any(self.compounds()?),
            "nth-child" => self.nth()?,
            _ => return None,
        };
        tests.push(test);
        Some(())
    }

    /// `(a, b.c)`; no combinators.
    fn compounds(&mut self) -> Option<Vec<Compound>> {
        if !self.eat("(") {
            return None;
        }
        let mut compounds = Vec::new();
        loop {
            self.space();
            compounds.push(self.compound()?);
            self.space();
            if self.eat(")") {
                return Some(compounds);
            }
            if !self.eat(",") {
                return None;
            }
        }
    }

    /// `(odd)`, `(3)`, `(2n+1)`, `(-n + 3)`.
    fn nth(&mut self) -> Option<Test> {
        let rest = self.rest().strip_prefix('(')?;
        let inner = rest.get(..rest.find(')')?)?;
        self.at += inner.len() + 2;
        let text = inner.trim_matches(is_space).to_ascii_lowercase();
        match text.as_str() {
            "odd" => return Some(Test::Nth(2, 1)),
            "even" => return Some(Test::Nth(2, 0)),
            _ => {}
        }
        let number = |text: &str| -> Option<i64> {
            let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
            let plain = !digits.is_empty() && digits.len() < 9 && digits.bytes().all(|byte| byte.is_ascii_digit());
            if plain { text.parse().ok() } else { None }
        };
        let Some((step, first)) = text.split_once('n') else {
            return Some(Test::Nth(0, number(&text)?));
        };
        let step = match step {
            "" | "+" => 1,
            "-" => -1,
            step => number(step)?,
        };
        let first = first.trim_matches(is_space);
        if first.is_empty() {
            return Some(Test::Nth(step, 0));
        }
        let sign = first.chars().next().filter(|sign| matches!(sign, '+' | '-'))?;
        let digits = first.get(1..)?.trim_start_matches(is_space);
        if digits.starts_with(['+', '-']) {
            return None;
        }
        Some(Test::Nth(step, if sign == '-' { -number(digits)? } else { number(digits)? }))
    }
}
