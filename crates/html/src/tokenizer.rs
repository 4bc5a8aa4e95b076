//! A document as tags and texts, by the rules of the HTML standard, from a complete `str`.
//!
//! html5ever's tokenizer takes its input in pieces, character by character. This one finds the next `<` and takes the text
//! before it as a slice. html5ever also compares each attribute of a tag with all before it: one tag with a million
//! attributes takes minutes.
//!
//! Both builders read this tokenizer; the tests compare the result with html5ever's own.

use std::borrow::Cow;
use std::collections::HashSet;

use super::entities::{Place, decode};
use super::page::{Attr, Span, Strings};
use super::tag::Tag;

/// The name of an element.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name {
    pub(crate) tag: Tag,
    /// In lower case.
    pub(crate) text: Span,
}

/// A start tag.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    pub(crate) name: Name,
    /// Where its attributes start in [`Tokenizer::attrs`]; they are the last ones there.
    pub(crate) attrs: usize,
    /// `<br/>`
    pub(crate) self_closing: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Token {
    /// Decoded characters.
    Text(Span),
    Start(Start),
    End(Name),
    /// `<!-- … -->` and what the standard takes for a comment.
    Comment,
    /// `</>`: dropped, and the text before it goes on.
    EmptyEndTag,
    /// The text between `<!doctype` and `>`.
    Doctype(Span),
    /// The end of the document, on every further call.
    Eof,
}

/// How the content of an element is read that contains no markup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentModel {
    /// With character references: `<title>`, `<textarea>`.
    Rcdata,
    /// As it stands: `<style>`, `<iframe>` …
    RawText,
    /// As it stands, with a script's rules for comments.
    Script,
}

/// Attributes of a tag that are compared one by one; more are looked up by hash.
const MAX_COMPARED_ATTRS: usize = 24;

/// Reads a document token by token.
#[derive(Debug)]
pub(crate) struct Tokenizer<'a> {
    pub(crate) strings: Strings<'a>,
    /// The attributes of the start tags so far.
    pub(crate) attrs: Vec<Attr>,
    at: usize,
    /// Whether the document contains a NUL, which html5ever's builder has to see.
    pub(crate) has_nul: bool,
}

/// Whether a byte ends a tag's name.
const fn ends_name(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>')
}

impl<'a> Tokenizer<'a> {
    pub(crate) fn new(source: &'a str) -> Self {
        let has_nul = source.contains('\0');
        Self { strings: Strings::new(source), attrs: Vec::new(), at: 0, has_nul }
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

    /// The first place of `what` from `at` on.
    #[inline]
    fn find(&self, at: usize, what: char) -> Option<usize> {
        self.strings.source.get(at..)?.find(what).map(|found| at + found)
    }

    /// The next token. `foreign` says whether the current element is of SVG or MathML, where `<![CDATA[` is markup.
    pub(crate) fn next(&mut self, foreign: impl Fn() -> bool) -> Token {
        let start = self.at;
        let end = self.markup(start);
        if end > start {
            self.at = end;
            return Token::Text(self.decoded(start, end, Place::Text));
        }
        match self.byte(start + 1) {
            None => Token::Eof,
            Some(b'/') => self.end_tag(),
            Some(b'!') => self.declaration(foreign),
            Some(b'?') => self.bogus(start + 1),
            Some(_) => self.tag(start + 1).map_or(Token::Eof, Token::Start),
        }
    }

    /// The place of the next markup from `at` on.
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
        if place == Place::Attribute && self.has_nul && text.contains('\0') {
            return self.strings.store(|out| decode(&text.replace('\0', "\u{fffd}"), place, out));
        }
        if text.contains('&') {
            self.strings.store(|out| decode(text, place, out))
        } else {
            self.strings.span(start, end)
        }
    }

    fn end_tag(&mut self) -> Token {
        let start = self.at;
        match self.byte(start + 2) {
            Some(b'>') => {
                self.at = start + 3;
                Token::EmptyEndTag
            }
            Some(byte) if byte.is_ascii_alphabetic() => {
                let before = self.attrs.len();
                let found = self.tag(start + 2);
                self.attrs.truncate(before);
                found.map_or(Token::Eof, |found| Token::End(found.name))
            }
            _ => self.bogus(start + 2),
        }
    }

    /// Reads a tag from its name on. A tag without end is dropped with the rest of the document.
    fn tag(&mut self, start: usize) -> Option<Start> {
        let tag = self.complete_tag(start);
        if tag.is_none() {
            self.at = self.strings.source.len();
        }
        tag
    }

    fn complete_tag(&mut self, start: usize) -> Option<Start> {
        let mut at = start;
        while !ends_name(self.byte(at)?) {
            at += 1;
        }
        let tag = Tag::of(self.strings.source.get(start..at).unwrap_or_default());
        let name = Name { tag, text: self.lower_case(start, at) };
        let attrs = self.attrs.len();
        let mut seen = HashSet::new();
        let mut self_closing = false;
        loop {
            match self.byte(at)? {
                b'>' => {
                    self.at = at + 1;
                    return Some(Start { name, attrs, self_closing });
                }
                b'/' => {
                    at += 1;
                    self_closing = self.byte(at) == Some(b'>');
                }
                byte if byte.is_ascii_whitespace() => at += 1,
                _ => at = self.attr(at, attrs, &mut seen)?,
            }
        }
    }

    /// Reads an attribute from its name on; the place after it. Of two with one name the first counts.
    fn attr(&mut self, start: usize, first: usize, seen: &mut HashSet<String>) -> Option<usize> {
        let mut at = start + 1;
        while self.byte(at).map(|byte| byte != b'=' && !ends_name(byte))? {
            at += 1;
        }
        let name = self.lower_case(start, at);
        at = self.skip_space(at)?;
        let mut value = Span::default();
        if self.byte(at) == Some(b'=') {
            at = self.skip_space(at + 1)?;
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
        if before.len() < MAX_COMPARED_ATTRS {
            return !before.iter().any(|attr| self.strings.get(attr.name) == text);
        }
        if seen.is_empty() {
            seen.extend(before.iter().map(|attr| self.strings.get(attr.name).to_owned()));
        }
        seen.insert(text.to_owned())
    }

    /// The first place from `at` on without white space, before the end of the document.
    fn skip_space(&self, mut at: usize) -> Option<usize> {
        while self.byte(at)?.is_ascii_whitespace() {
            at += 1;
        }
        Some(at)
    }

    fn lower_case(&mut self, start: usize, end: usize) -> Span {
        let text = self.strings.source.get(start..end).unwrap_or_default();
        if !text.bytes().any(|byte| byte.is_ascii_uppercase() || byte == 0) {
            return self.strings.span(start, end);
        }
        let text = if self.has_nul { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) };
        self.strings.store(|out| {
            let start = out.len();
            out.push_str(&text);
            if let Some(name) = out.get_mut(start..) {
                name.make_ascii_lowercase();
            }
        })
    }

    /// A malformed comment: up to the next `>`.
    fn bogus(&mut self, start: usize) -> Token {
        self.at = self.find(start, '>').map_or(self.strings.source.len(), |end| end + 1);
        Token::Comment
    }

    /// Markup that starts with `<!`.
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

    /// The content of an element without markup. The next token is its end tag.
    pub(crate) fn raw(&mut self, name: Name, model: ContentModel) -> Span {
        let start = self.at;
        let end = match model {
            ContentModel::Script => self.script_end(start),
            ContentModel::Rcdata | ContentModel::RawText => self.raw_end(start, name.text),
        };
        self.at = end;
        self.raw_text(start, end, model == ContentModel::Rcdata)
    }

    /// The rest of the document, as text.
    pub(crate) fn rest(&mut self) -> Span {
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
        self.strings.store(|out| {
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

    /// Whether the end tag of `name` stands at `at`.
    fn is_end_tag(&self, at: usize, name: &[u8]) -> bool {
        self.byte(at + 1) == Some(b'/') && self.is_name(at + 2, name)
    }

    fn is_name(&self, at: usize, name: &[u8]) -> bool {
        self.starts_with(at, name) && self.byte(at + name.len()).is_some_and(ends_name)
    }

    /// The end of a script. Between `<!--` and `-->` it may contain `<script>` and `</script>`.
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
                    // `<!-->` is a whole comment.
                    next = at + 2;
                }
                b'<' if self.is_end_tag(at, b"script") => {
                    if within != Within::Nested {
                        return at;
                    }
                    within = Within::Comment;
                }
                b'<' if within == Within::Comment && self.is_name(at + 1, b"script") => {
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
