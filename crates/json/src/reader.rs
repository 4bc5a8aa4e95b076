//! A walk from token to token that checks the grammar.

use std::cell::Cell;
use std::sync::atomic::Ordering;

use super::error::JsonError;
use super::index::{Index, Interrupt, Positions};
use super::number::{self, Number};

thread_local! {
    /// The memory of the last document's positions, for the next one: 64 KB that are in the cache already.
    static SPARE: Cell<Option<Positions>> = const { Cell::new(None) };
}

/// A document's text, if it is UTF-8.
pub fn decode(json: &[u8]) -> Result<&str, JsonError> {
    if let Ok(text) = simdutf8::basic::from_utf8(json) {
        return Ok(text);
    }
    // Slower, but knows the position.
    std::str::from_utf8(json).map_err(|error| JsonError::syntax("Invalid UTF-8", error.valid_up_to()))
}

/// Reads one document, token by token.
///
/// A caller has the first byte of a token in hand, and decides by it whether to enter a container
/// ([`first`](Self::first), [`more`](Self::more), [`member`](Self::member)), to read a value ([`number`](Self::number),
/// [`string`](Self::string)) or to [`skip`](Self::skip) it. What is skipped is checked all the same.
pub struct Reader<'a> {
    json: &'a str,
    index: Index<'a>,
    positions: Positions,
    cursor: usize,
    /// Where the last token starts.
    at: usize,
    /// What the index found; reported when the reader arrives there.
    error: Option<JsonError>,
    /// The containers around the one that is skipped: whether each is an object.
    around: Vec<bool>,
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let mut positions = std::mem::take(&mut self.positions);
        positions.filled = 0;
        // Fails when the thread ends; then nothing needs it.
        let _ = SPARE.try_with(|spare| spare.set(Some(positions)));
    }
}

impl<'a> Reader<'a> {
    /// At the start of a document.
    pub fn new(json: &'a str, interrupt: &'a dyn Interrupt) -> Self {
        let positions = SPARE.try_with(Cell::take).ok().flatten().unwrap_or_else(Positions::with_room);
        let index = Index::new(json, interrupt);
        Self { json, index, positions, cursor: 0, at: 0, error: None, around: Vec::new() }
    }

    /// The document.
    pub fn json(&self) -> &'a str {
        self.json
    }

    /// Where the last token starts.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The first byte of the next token; zero at the end, and where the index found an error.
    #[inline(always)]
    pub fn token(&mut self) -> u8 {
        if self.cursor >= self.positions.filled && !self.refill() {
            self.at = self.json.len();
            return 0;
        }
        self.at = self.positions.get(self.cursor).unwrap_or_default();
        self.cursor += 1;
        self.json.as_bytes().get(self.at).copied().unwrap_or_default()
    }

    /// Where the next token starts, without advancing; the document's length at its end.
    #[inline(always)]
    fn peek(&mut self) -> usize {
        if self.cursor >= self.positions.filled && !self.refill() {
            return self.json.len();
        }
        self.positions.get(self.cursor).unwrap_or_default()
    }

    #[cold]
    #[inline(never)]
    fn refill(&mut self) -> bool {
        if self.error.is_none() {
            self.error = self.index.next(&mut self.positions).err();
        }
        self.cursor = 0;
        if self.error.is_some() {
            self.positions.filled = 0;
        }
        self.positions.filled > 0
    }

    /// The error at the last token: that of the index, if it ended the document.
    #[cold]
    #[inline(never)]
    fn broken(&mut self, message: &'static str) -> JsonError {
        let ended = self.at >= self.json.len();
        match self.error.take() {
            Some(error) if ended => error,
            _ => JsonError::syntax(message, self.at),
        }
    }

    /// Checks that the document ends here.
    pub fn end(&mut self) -> Result<(), JsonError> {
        // A zero byte in the document is a token, too.
        if self.token() != 0 || self.at < self.json.len() {
            return Err(self.broken("Extra data"));
        }
        self.error.take().map_or(Ok(()), Err)
    }

    /// Skips the value whose first byte is `first`, checking it; returns where it ends.
    #[inline]
    pub fn skip(&mut self, first: u8) -> Result<usize, JsonError> {
        match first {
            b'{' | b'[' => self.container(first == b'{').map(|()| self.at + 1),
            b'"' => Ok(self.string_end()),
            _ => self.scalar(first),
        }
    }

    /// What stands between the quotes of the string at the last token, escapes included.
    pub fn string(&mut self) -> &'a str {
        let end = self.string_end();
        let start = self.at + 1;
        self.json.get(start..end.saturating_sub(1).max(start)).unwrap_or_default()
    }

    /// Behind the closing quote of the string at the last token: only blanks follow up to the next token.
    #[inline]
    fn string_end(&mut self) -> usize {
        let next = self.peek();
        let text = self.json.as_bytes().get(self.at..next).unwrap_or_default();
        let blanks = text.iter().rev().take_while(|byte| **byte != b'"').count();
        next - blanks
    }

    /// The number at the last token, in a document that has been checked.
    #[inline(always)]
    pub fn number(&self) -> Option<Number<'a>> {
        number::read(self.json, self.at).map(|(number, _)| number)
    }

    /// Where the number or word at the last token ends.
    #[inline(always)]
    fn scalar(&mut self, first: u8) -> Result<usize, JsonError> {
        scalar_end(self.json.as_bytes(), self.at, first).ok_or_else(|| self.broken("Expecting value"))
    }

    /// Skips the container whose bracket was the last token.
    ///
    /// More than half of all time is spent here. So the state that `token` keeps in memory is in registers, which saves
    /// 10 % of an extraction; the short loop over numbers saves another 17 %.
    fn container(&mut self, object: bool) -> Result<(), JsonError> {
        let json = self.json.as_bytes();
        let mut object = object;
        let mut window = self.positions.found();
        let (mut start, mut cursor, mut at);
        (start, cursor) = (self.positions.start, self.cursor);
        macro_rules! next {
            () => {{
                if cursor >= window.len() {
                    self.refill();
                    (window, start, cursor) = (self.positions.found(), self.positions.start, 0);
                }
                match window.get(cursor) {
                    Some(relative) => {
                        cursor += 1;
                        at = start + relative.load(Ordering::Relaxed) as usize;
                        json.get(at).copied().unwrap_or_default()
                    }
                    None => {
                        at = json.len();
                        0
                    }
                }
            }};
        }
        macro_rules! broken {
            ($message:expr) => {{
                self.at = at;
                return Err(self.broken($message));
            }};
        }
        self.around.clear();
        let mut byte = next!();
        let mut fresh = true;
        loop {
            let close = if object { b'}' } else { b']' };
            let mut closed = fresh && byte == close;
            if !closed {
                if object {
                    if byte != b'"' {
                        broken!("Expecting property name enclosed in double quotes");
                    }
                    if next!() != b':' {
                        broken!("Expecting ':' delimiter");
                    }
                    byte = next!();
                }
                // Numbers side by side, as in a table of figures.
                while !object && byte <= b'9' {
                    let (Some(next), Some(after)) = (window.get(cursor), window.get(cursor + 1)) else { break };
                    let next = start + next.load(Ordering::Relaxed) as usize;
                    if json.get(next) != Some(&b',') || number::short_end(json, at) != Some(next) {
                        break;
                    }
                    at = start + after.load(Ordering::Relaxed) as usize;
                    byte = json.get(at).copied().unwrap_or_default();
                    cursor += 2;
                }
                if matches!(byte, b'{' | b'[') {
                    self.around.push(object);
                    object = byte == b'{';
                    fresh = true;
                    byte = next!();
                    continue;
                }
                if byte != b'"' && scalar_end(json, at, byte).is_none() {
                    broken!("Expecting value");
                }
            }
            loop {
                if closed {
                    match self.around.pop() {
                        Some(outer) => object = outer,
                        None => {
                            (self.at, self.cursor) = (at, cursor);
                            return Ok(());
                        }
                    }
                }
                match next!() {
                    b',' => break,
                    b'}' if object => closed = true,
                    b']' if !object => closed = true,
                    _ => broken!("Expecting ',' delimiter"),
                }
            }
            fresh = false;
            byte = next!();
        }
    }

    /// Past a colon, to the first byte of the value.
    #[inline(always)]
    fn colon(&mut self) -> Result<u8, JsonError> {
        match self.token() {
            b':' => Ok(self.token()),
            _ => Err(self.broken("Expecting ':' delimiter")),
        }
    }

    /// The name of the member whose first byte is `byte`, escapes included, and the first byte of its value.
    pub fn member(&mut self, byte: u8) -> Result<(&'a str, u8), JsonError> {
        if byte != b'"' {
            return Err(self.broken("Expecting property name enclosed in double quotes"));
        }
        let name = self.string();
        Ok((name, self.colon()?))
    }

    /// After an element: the first byte of the next one, or none where the container ends.
    #[inline]
    pub fn more(&mut self, object: bool) -> Result<Option<u8>, JsonError> {
        match self.token() {
            b',' => Ok(Some(self.token())),
            b'}' if object => Ok(None),
            b']' if !object => Ok(None),
            _ => Err(self.broken("Expecting ',' delimiter")),
        }
    }

    /// After an opening bracket: the first byte of the first element, or none where the container ends.
    #[inline]
    pub fn first(&mut self, object: bool) -> Option<u8> {
        match self.token() {
            b'}' if object => None,
            b']' if !object => None,
            byte => Some(byte),
        }
    }
}

/// Where the number or word at `at` ends, if a token, a blank or the end of the document follows.
#[inline(always)]
fn scalar_end(json: &[u8], at: usize, first: u8) -> Option<usize> {
    let end = match first {
        b'-'..=b'9' => number::end(json, at)?,
        _ => word_end(json, at, first)?,
    };
    match json.get(end) {
        None | Some(b'{' | b'}' | b'[' | b']' | b':' | b',' | b' ' | b'\n' | b'\r' | b'\t') => Some(end),
        _ => None,
    }
}

#[inline(never)]
fn word_end(json: &[u8], at: usize, first: u8) -> Option<usize> {
    let rest = json.get(at..)?;
    match first {
        b't' if rest.starts_with(b"true") => Some(at + 4),
        b'f' if rest.starts_with(b"false") => Some(at + 5),
        b'n' if rest.starts_with(b"null") => Some(at + 4),
        _ => None,
    }
}
