//! From token to token of a document, with the grammar checked on the way.

use std::cell::Cell;
use std::sync::atomic::Ordering;

use super::index::{Index, Positions};
use super::number::{self, Short};
use crate::error::KernelError;
use crate::stop::Stop;

thread_local! {
    /// The positions of the last document, for the next one: 64 KB that are in the cache already.
    static SPARE: Cell<Option<Positions>> = const { Cell::new(None) };
}

/// Reads one document.
pub struct Reader<'a> {
    json: &'a str,
    index: Index<'a>,
    positions: Positions,
    cursor: usize,
    at: usize,
    /// What the index found; told when the reader comes to it.
    fault: Option<KernelError>,
    /// Of the containers around: whether each is an object.
    around: Vec<bool>,
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let mut positions = std::mem::take(&mut self.positions);
        positions.filled = 0;
        // Fails where the thread ends, and then it does not matter.
        let _ = SPARE.try_with(|spare| spare.set(Some(positions)));
    }
}

impl<'a> Reader<'a> {
    /// At the start of a document.
    pub fn new(json: &'a str, stop: &'a Stop) -> Self {
        let positions = SPARE.try_with(Cell::take).ok().flatten().unwrap_or_else(Positions::with_room);
        let index = Index::new(json, stop);
        Self { json, index, positions, cursor: 0, at: 0, fault: None, around: Vec::new() }
    }

    /// The document.
    pub fn json(&self) -> &'a str {
        self.json
    }

    /// Where the last token is.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The first byte of the next token; zero at the end, and where the index found a fault.
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

    /// Where the next token is, without going there; the document's length at its end.
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
        if self.fault.is_none() {
            self.fault = self.index.next(&mut self.positions).err();
        }
        self.cursor = 0;
        if self.fault.is_some() {
            self.positions.filled = 0;
        }
        self.positions.filled > 0
    }

    /// What is told where `message` is the case at the last token.
    #[cold]
    #[inline(never)]
    pub fn broken(&mut self, message: &str) -> KernelError {
        let at = self.at;
        let ended = at >= self.json.len();
        match self.fault.take() {
            Some(fault) if ended => fault,
            _ => KernelError::json(message, at),
        }
    }

    /// The document must be over.
    pub fn end(&mut self) -> Result<(), KernelError> {
        // A zero byte is a token, too.
        if self.token() != 0 || self.at < self.json.len() {
            return Err(self.broken("Extra data"));
        }
        self.fault.take().map_or(Ok(()), Err)
    }

    /// Past the value whose first token is `first`, checking it; where it ends.
    #[inline]
    pub fn skip(&mut self, first: u8) -> Result<usize, KernelError> {
        match first {
            b'{' | b'[' => self.container(first == b'{').map(|()| self.at + 1),
            b'"' => Ok(self.string_end()),
            _ => self.scalar(first),
        }
    }

    /// What is between the quotes of the string at the last token.
    pub fn string(&mut self) -> &'a str {
        let end = self.string_end();
        let start = self.at + 1;
        self.json.get(start..end.saturating_sub(1).max(start)).unwrap_or_default()
    }

    /// Behind the closing quote of the string at the last token: up to the next token there are only blanks.
    #[inline]
    fn string_end(&mut self) -> usize {
        let next = self.peek();
        let text = self.json.as_bytes().get(self.at..next).unwrap_or_default();
        let blanks = text.iter().rev().take_while(|byte| **byte != b'"').count();
        next - blanks
    }

    /// The number that starts at the last token, if it is a short one and the next token follows at once.
    #[inline(always)]
    pub fn short_number(&mut self) -> Option<Short> {
        let next = self.peek();
        number::short(self.json.as_bytes(), self.at, next)
    }

    /// Where the number or word ends that starts at the last token.
    #[inline(always)]
    fn scalar(&mut self, first: u8) -> Result<usize, KernelError> {
        if first <= b'9' && self.short_number().is_some() {
            return Ok(self.peek());
        }
        long_scalar(self.json.as_bytes(), self.at, first).ok_or_else(|| self.broken("Expecting value"))
    }

    /// Past the container whose bracket was the last token.
    ///
    /// More than half of all time is spent here. So what `token` keeps in memory is kept in registers, which saves a
    /// tenth of it all; the shortest way from number to number saves another sixth.
    fn container(&mut self, object: bool) -> Result<(), KernelError> {
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
                // Numbers side by side, of which a table of figures is made: without a look at what they cannot be.
                while !object && byte <= b'9' {
                    let (Some(next), Some(after)) = (window.get(cursor), window.get(cursor + 1)) else { break };
                    let next = start + next.load(Ordering::Relaxed) as usize;
                    if json.get(next) != Some(&b',') || number::short(json, at, next).is_none() {
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
                if byte != b'"' {
                    // Where the next token is in another window, the number is one of those that are not short.
                    let next =
                        window.get(cursor).map_or(0, |relative| start + relative.load(Ordering::Relaxed) as usize);
                    let short = byte <= b'9' && number::short(json, at, next).is_some();
                    if !short && long_scalar(json, at, byte).is_none() {
                        broken!("Expecting value");
                    }
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

    /// Past a colon, to the first token of the value.
    #[inline(always)]
    fn colon(&mut self) -> Result<u8, KernelError> {
        match self.token() {
            b':' => Ok(self.token()),
            _ => Err(self.broken("Expecting ':' delimiter")),
        }
    }

    /// The name of the member whose first token is `byte`, as it is written, and the first token of its value.
    pub fn member(&mut self, byte: u8) -> Result<(&'a str, u8), KernelError> {
        if byte != b'"' {
            return Err(self.broken("Expecting property name enclosed in double quotes"));
        }
        let name = self.string();
        Ok((name, self.colon()?))
    }

    /// After an element: the first token of the next one, or none where the container ends.
    #[inline]
    pub fn more(&mut self, object: bool) -> Result<Option<u8>, KernelError> {
        match self.token() {
            b',' => Ok(Some(self.token())),
            b'}' if object => Ok(None),
            b']' if !object => Ok(None),
            _ => Err(self.broken("Expecting ',' delimiter")),
        }
    }

    /// After an opening bracket: the first token of the first element, or none where there is none.
    #[inline]
    pub fn first(&mut self, object: bool) -> Option<u8> {
        match self.token() {
            b'}' if object => None,
            b']' if !object => None,
            byte => Some(byte),
        }
    }
}

/// Where the number or word ends that starts at `at`, and is followed by what may follow.
#[inline(never)]
fn long_scalar(json: &[u8], at: usize, first: u8) -> Option<usize> {
    let word = |word: &[u8]| json.get(at..)?.starts_with(word).then_some(at + word.len());
    let end = match first {
        b'-' | b'0'..=b'9' => number::end(json, at),
        b't' => word(b"true"),
        b'f' => word(b"false"),
        b'n' => word(b"null"),
        _ => None,
    };
    let follows =
        |end: &usize| matches!(json.get(*end), None | Some(b',' | b']' | b'}' | b':' | b' ' | b'\n' | b'\r' | b'\t'));
    end.filter(follows)
}
