//! A document as tags and texts, as the HTML standard reads it, from a `str` that is all there.
//!
//! html5ever's own tokenizer is made for input that comes in pieces and looks at it character by character; this one
//! finds the next `<` and takes what is before it as a slice. It also has no trap: html5ever compares each attribute of
//! a tag with all before it, so that one tag with a million attributes takes minutes.
//!
//! Both builders of trees read it, so what only html5ever's tokenizer did is tested against it in `tests.rs`.

use std::collections::HashSet;

use super::entity::{Place, decode};
use super::page::{Attr, Span, Strings};
use super::tag::Tag;

/// An element's name.
#[derive(Clone, Copy, Debug)]
pub struct Name {
    /// If it is a known one.
    pub tag: Tag,
    /// In lower case.
    pub text: Span,
}

/// A start tag; its attributes are in [`Tokenizer::attrs`] from `attrs` on.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// The element's name.
    pub name: Name,
    /// Where its attributes start; it has all that follow.
    pub attrs: usize,
    /// `<br/>`
    pub closed: bool,
}

/// What comes next.
#[derive(Clone, Copy, Debug)]
pub enum Token {
    /// Characters, decoded.
    Text(Span),
    /// `<name …>`
    Start(Start),
    /// `</name>`
    End(Name),
    /// `<!-- … -->` and what is taken for it.
    Comment,
    /// `</>`, which is not even a comment: the text before it goes on after it.
    Nothing,
    /// `<!doctype …>`, without its ends.
    Doctype(Span),
    /// Nothing more, for ever.
    End_,
}

/// How the content of an element is read that is no markup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raw {
    /// With character references: `<title>`, `<textarea>`.
    Decoded,
    /// As it stands: `<style>`, `<iframe>` …
    Plain,
    /// As it stands, with its own idea of comments.
    Script,
}

/// More attributes than this in one tag are looked up by hash.
const FEW: usize = 24;

/// Reads a document.
#[derive(Debug)]
pub struct Tokenizer<'a> {
    /// The texts.
    pub strings: Strings<'a>,
    /// The attributes of all start tags so far.
    pub attrs: Vec<Attr>,
    /// Where the next token starts.
    pub at: usize,
    has_nul: bool,
}

/// White space within a tag.
const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | b'\x0c')
}

impl<'a> Tokenizer<'a> {
    /// From the start.
    pub fn new(source: &'a str) -> Self {
        let has_nul = source.contains('\0');
        Self { strings: Strings::new(source), attrs: Vec::new(), at: 0, has_nul }
    }

    /// Whether there is a NUL anywhere, which html5ever's builder has to see.
    pub fn has_nul(&self) -> bool {
        self.has_nul
    }

    fn bytes(&self) -> &'a [u8] {
        self.strings.source.as_bytes()
    }

    #[inline]
    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes().get(at).copied()
    }

    fn starts_with(&self, at: usize, what: &[u8]) -> bool {
        self.bytes().get(at..at + what.len()).is_some_and(|found| found.eq_ignore_ascii_case(what))
    }

    /// Where `what` is, from `at` on; else the end.
    #[inline]
    fn find(&self, at: usize, what: char) -> Option<usize> {
        self.strings.source.get(at..)?.find(what).map(|found| at + found)
    }

    /// The next token. `foreign` is asked where `<![CDATA[` stands, which is markup only within SVG and MathML.
    pub fn next(&mut self, foreign: impl Fn() -> bool) -> Token {
        let start = self.at;
        let end = self.markup(start);
        if end > start {
            self.at = end;
            return Token::Text(self.decoded(start, end, Place::Text));
        }
        match self.byte(start + 1) {
            None => Token::End_,
            Some(b'/') => self.end_tag(),
            Some(b'!') => self.declaration(foreign),
            Some(b'?') => self.bogus(start + 1),
            Some(_) => self.start_tag(),
        }
    }

    /// Where the text ends that starts at `at`.
    fn markup(&self, mut at: usize) -> usize {
        let length = self.strings.source.len();
        loop {
            let Some(found) = self.find(at, '<') else { return length };
            match self.byte(found + 1) {
                Some(b'!' | b'?') => return found,
                Some(b'/') if found + 2 < length => return found,
                Some(byte) if byte.is_ascii_alphabetic() => return found,
                _ => at = found + 1,
            }
        }
    }

    fn decoded(&mut self, start: usize, end: usize, place: Place) -> Span {
        let text = self.strings.source.get(start..end).unwrap_or_default();
        let nul = place == Place::Attribute && self.has_nul && text.contains('\0');
        if nul {
            return self.strings.keep(|_, out| decode(&text.replace('\0', "\u{fffd}"), place, out));
        }
        if text.contains('&') {
            self.strings.keep(|_, out| decode(text, place, out))
        } else {
            self.strings.span(start, end)
        }
    }

    fn end_tag(&mut self) -> Token {
        let start = self.at;
        match self.byte(start + 2) {
            Some(b'>') => {
                self.at = start + 3;
                Token::Nothing
            }
            Some(byte) if byte.is_ascii_alphabetic() => {
                let before = self.attrs.len();
                let found = self.tag(start + 2);
                self.attrs.truncate(before);
                found.map_or(Token::End_, |found| Token::End(found.name))
            }
            _ => self.bogus(start + 2),
        }
    }

    fn start_tag(&mut self) -> Token {
        self.tag(self.at + 1).map_or(Token::End_, Token::Start)
    }

    /// Reads a tag from its name on. A tag that does not end is none, and the document ends with it.
    fn tag(&mut self, start: usize) -> Option<Start> {
        let found = self.whole_tag(start);
        if found.is_none() {
            self.at = self.strings.source.len();
        }
        found
    }

    fn whole_tag(&mut self, start: usize) -> Option<Start> {
        let mut at = start;
        while !matches!(self.byte(at)?, b' ' | b'\n' | b'\t' | b'\x0c' | b'/' | b'>') {
            at += 1;
        }
        let name = self.name(start, at);
        let attrs = self.attrs.len();
        let mut seen = HashSet::new();
        let mut closed = false;
        loop {
            match self.byte(at)? {
                b'>' => {
                    self.at = at + 1;
                    return Some(Start { name, attrs, closed });
                }
                b'/' => {
                    at += 1;
                    closed = self.byte(at) == Some(b'>');
                }
                byte if is_space(byte) => at += 1,
                _ => at = self.attr(at, attrs, &mut seen)?,
            }
        }
    }

    /// Reads an attribute from its name on, and says where it ends. Of two with one name the first counts.
    fn attr(&mut self, start: usize, first: usize, seen: &mut HashSet<String>) -> Option<usize> {
        let mut at = start + 1;
        while !matches!(self.byte(at)?, b' ' | b'\n' | b'\t' | b'\x0c' | b'/' | b'>' | b'=') {
            at += 1;
        }
        let name = self.lower(start, at);
        while is_space(self.byte(at)?) {
            at += 1;
        }
        let mut value = Span::default();
        if self.byte(at) == Some(b'=') {
            at += 1;
            while is_space(self.byte(at)?) {
                at += 1;
            }
            let start = at;
            match self.byte(at)? {
                quote @ (b'"' | b'\'') => {
                    at = self.find(start + 1, char::from(quote))?;
                    value = self.decoded(start + 1, at, Place::Attribute);
                    at += 1;
                }
                b'>' => {}
                _ => {
                    while !matches!(self.byte(at)?, b' ' | b'\n' | b'\t' | b'\x0c' | b'>') {
                        at += 1;
                    }
                    value = self.decoded(start, at, Place::Attribute);
                }
            }
        }
        if self.is_new(name, first, seen) {
            self.attrs.push(Attr { name, value });
        }
        Some(at)
    }

    fn is_new(&self, name: Span, first: usize, seen: &mut HashSet<String>) -> bool {
        let text = self.strings.get(name);
        let before = self.attrs.get(first..).unwrap_or_default();
        if before.len() < FEW {
            return !before.iter().any(|attr| self.strings.get(attr.name) == text);
        }
        if seen.is_empty() {
            seen.extend(before.iter().map(|attr| self.strings.get(attr.name).to_owned()));
        }
        seen.insert(text.to_owned())
    }

    fn name(&mut self, start: usize, end: usize) -> Name {
        let tag = Tag::of(self.strings.source.get(start..end).unwrap_or_default());
        Name { tag, text: self.lower(start, end) }
    }

    fn lower(&mut self, start: usize, end: usize) -> Span {
        let bytes = self.bytes().get(start..end).unwrap_or_default();
        if !bytes.iter().any(|byte| byte.is_ascii_uppercase() || *byte == 0) {
            return self.strings.span(start, end);
        }
        self.strings.keep(|source, out| {
            let text = source.get(start..end).unwrap_or_default();
            out.extend(text.chars().map(|char| if char == '\0' { '\u{fffd}' } else { char.to_ascii_lowercase() }));
        })
    }

    /// A comment without beginning: up to the next `>`.
    fn bogus(&mut self, start: usize) -> Token {
        self.at = self.find(start, '>').map_or(self.strings.source.len(), |end| end + 1);
        Token::Comment
    }

    /// `<!` and what follows.
    fn declaration(&mut self, foreign: impl Fn() -> bool) -> Token {
        let start = self.at + 2;
        if self.starts_with(start, b"--") {
            return self.comment(start + 2);
        }
        if self.starts_with(start, b"doctype") {
            let _ = self.bogus(start + 7);
            let end = if self.byte(self.at - 1) == Some(b'>') { self.at - 1 } else { self.at };
            return Token::Doctype(self.strings.span(start + 7, end.max(start + 7)));
        }
        if self.bytes().get(start..start + 7) == Some(b"[CDATA[") && foreign() {
            let start = start + 7;
            let end = self.strings.source.get(start..).and_then(|rest| rest.find("]]>"));
            let end = end.map_or(self.strings.source.len(), |found| start + found);
            self.at = (end + 3).min(self.strings.source.len());
            return Token::Text(self.strings.span(start, end));
        }
        self.bogus(start)
    }

    fn comment(&mut self, start: usize) -> Token {
        let length = self.strings.source.len();
        if self.byte(start) == Some(b'>') {
            self.at = start + 1;
            return Token::Comment;
        }
        if self.starts_with(start, b"->") {
            self.at = start + 2;
            return Token::Comment;
        }
        let mut at = start;
        self.at = loop {
            let Some(found) = self.find(at, '>') else { break length };
            let before = self.bytes().get(start..found).unwrap_or_default();
            if before.ends_with(b"--") || before.ends_with(b"--!") {
                break found + 1;
            }
            at = found + 1;
        };
        Token::Comment
    }

    /// The content of an element that is no markup, up to its end tag, which is the next token.
    pub fn raw(&mut self, name: Name, raw: Raw) -> Span {
        let start = self.at;
        let end = match raw {
            Raw::Script => self.script_end(start),
            Raw::Decoded | Raw::Plain => self.raw_end(start, name.text),
        };
        self.at = end;
        self.raw_text(start, end, raw == Raw::Decoded)
    }

    /// All the rest, as text.
    pub fn rest(&mut self) -> Span {
        let start = self.at;
        self.at = self.strings.source.len();
        self.raw_text(start, self.at, false)
    }

    fn raw_text(&mut self, start: usize, end: usize, decoding: bool) -> Span {
        let text = self.strings.source.get(start..end).unwrap_or_default();
        let nul = self.has_nul && text.contains('\0');
        if !(nul || decoding && text.contains('&')) {
            return self.strings.span(start, end);
        }
        self.strings.keep(|_, out| {
            let text = text.replace('\0', "\u{fffd}");
            if decoding { decode(&text, Place::Text, out) } else { out.push_str(&text) }
        })
    }

    fn raw_end(&self, mut at: usize, name: Span) -> usize {
        let name = self.strings.get(name).as_bytes();
        loop {
            let Some(found) = self.find(at, '<') else { return self.strings.source.len() };
            if self.is_end_tag(found, name) {
                return found;
            }
            at = found + 1;
        }
    }

    /// Whether `</name` stands at `at`, and no longer name.
    fn is_end_tag(&self, at: usize, name: &[u8]) -> bool {
        self.byte(at + 1) == Some(b'/') && self.starts_with(at + 2, name) && self.ends_name(at + 2 + name.len())
    }

    fn ends_name(&self, at: usize) -> bool {
        matches!(self.byte(at), Some(b' ' | b'\n' | b'\t' | b'\x0c' | b'/' | b'>'))
    }

    /// Within `<!--` and `-->` a script may hold `<script>` and `</script>`, and does not end with the latter.
    fn script_end(&self, start: usize) -> usize {
        #[derive(PartialEq)]
        enum Within {
            Script,
            Comment,
            Nested,
        }
        let mut within = Within::Script;
        let mut at = start;
        while let Some(byte) = self.byte(at) {
            let mut next = at + 1;
            match byte {
                b'<' if within == Within::Script && self.starts_with(at, b"<!--") => {
                    within = Within::Comment;
                    // The dashes may be those of the end.
                    next = at + 2;
                }
                b'<' if self.is_end_tag(at, b"script") => {
                    if within != Within::Nested {
                        return at;
                    }
                    within = Within::Comment;
                }
                b'<' if within == Within::Comment && self.starts_with(at, b"<script") && self.ends_name(at + 7) => {
                    within = Within::Nested;
                }
                b'-' if within != Within::Script && self.starts_with(at, b"-->") => within = Within::Script,
                b'<' | b'-' => {}
                _ if within == Within::Script => match self.find(at, '<') {
                    Some(found) => next = found,
                    None => break,
                },
                _ => {}
            }
            at = next;
        }
        self.strings.source.len()
    }
}
