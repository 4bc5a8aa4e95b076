//! Undoes `Transfer-Encoding: chunked` (RFC 9112, 7.1).
//!
//! As lenient as other clients: sizes may have leading zeros, trailers are read like headers ([`super::lenient`]). What
//! is not data is bounded by its bytes.

use std::io;

use super::head::{MAX_HEAD, broken};
use super::lenient;
use crate::memory::extend;

/// The longest line with a chunk's size and extensions.
const MAX_LINE: usize = 16 << 10;

/// Where in the frames of a body its bytes are.
#[derive(Default)]
pub struct Frames {
    state: State,
    /// The bytes of the line with a chunk's size so far, or of the trailers.
    framing: usize,
    /// The beginning of a trailer.
    begun: Vec<u8>,
    /// A trailer has come, which the next line may continue.
    trailer: bool,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum State {
    /// In the digits of a size, of which there is none yet.
    #[default]
    Start,
    Size(u64),
    /// Behind the digits: blanks, then an extension or the end of the line.
    Blank(u64),
    Extension(u64),
    SizeEnd(u64),
    Data(u64),
    Return,
    Feed,
    Trailers,
    Done,
}

impl Frames {
    /// Whether the last frame has come.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Adds the data in `input` to `into`; how many bytes of `input` belong to the body: all, unless it is done.
    pub fn feed(&mut self, input: &[u8], into: &mut Vec<u8>) -> io::Result<usize> {
        let mut rest = input;
        while let Some((first, after)) = rest.split_first() {
            match self.state {
                State::Done => break,
                State::Data(left) => {
                    let count = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                    let (data, after) = rest.split_at(count);
                    extend(into, data)?;
                    rest = after;
                    let left = left - count as u64;
                    self.state = if left == 0 { State::Return } else { State::Data(left) };
                }
                State::Trailers => self.trailers(&mut rest)?,
                _ => {
                    self.state = self.next(*first)?;
                    rest = after;
                }
            }
        }
        Ok(input.len() - rest.len())
    }

    /// The state after a byte between two chunks.
    fn next(&mut self, byte: u8) -> io::Result<State> {
        self.framing += 1;
        if self.framing > MAX_LINE {
            return Err(broken("the frame of a chunk is too large"));
        }
        match (self.state, byte) {
            (State::Start, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => self.digit(0, byte),
            (State::Size(size), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => self.digit(size, byte),
            (State::Size(size) | State::Blank(size), b' ' | b'\t') => Ok(State::Blank(size)),
            (State::Size(size) | State::Blank(size), b';') => Ok(State::Extension(size)),
            (State::Size(size) | State::Blank(size) | State::Extension(size), b'\r') => Ok(State::SizeEnd(size)),
            (State::Extension(size), byte) if byte != b'\n' => Ok(State::Extension(size)),
            (State::SizeEnd(size), b'\n') => {
                self.framing = 0;
                Ok(if size == 0 { State::Trailers } else { State::Data(size) })
            }
            (State::Return, b'\r') => Ok(State::Feed),
            (State::Feed, b'\n') => Ok(State::Start),
            (State::Return | State::Feed, _) => Err(broken("a chunk is longer than its size says")),
            _ => Err(broken("the size of a chunk is no number")),
        }
    }

    fn digit(&self, size: u64, byte: u8) -> io::Result<State> {
        let digit = char::from(byte).to_digit(16).map(u64::from);
        let size = size.checked_mul(16).zip(digit).map(|(size, digit)| size + digit);
        size.map(State::Size).ok_or_else(|| broken("the size of a chunk is too large"))
    }

    /// Reads a line of the trailers, or as much of it as there is, and drops it.
    fn trailers(&mut self, rest: &mut &[u8]) -> io::Result<()> {
        let end = rest.iter().position(|byte| *byte == b'\n');
        let (line, after) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
        *rest = after;
        self.framing += line.len();
        if self.framing > MAX_HEAD {
            return Err(broken("the trailers are too large"));
        }
        extend(&mut self.begun, line)?;
        let begun = std::mem::take(&mut self.begun);
        match lenient::split_line(&begun) {
            None => self.begun = begun,
            Some((b"", _)) => self.state = State::Done,
            Some((line, _)) if self.trailer && lenient::is_blank(line.first()) => drop(lenient::value_of(line)?),
            Some((line, _)) => {
                lenient::field(line)?;
                self.trailer = true;
            }
        }
        Ok(())
    }
}
