//! Decodes `Transfer-Encoding: chunked` (RFC 9112, 7.1).
//!
//! As lenient as other clients: sizes may have leading zeros, and trailers are read like headers ([`super::lenient`]).
//! Lines with sizes, and trailers, are bounded.

use std::io;

use super::lenient::{self, MAX_HEAD, malformed};
use crate::memory::extend;

/// The longest line with a chunk's size and extensions.
const MAX_LINE: usize = 16 << 10;

/// An incremental decoder.
#[derive(Default)]
pub struct ChunkedDecoder {
    state: State,
    /// Bytes of the current size line, or of the trailers.
    overhead: usize,
    /// The beginning of a trailer line.
    partial: Vec<u8>,
    /// A trailer was read, which the next line may continue.
    in_trailers: bool,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum State {
    /// Before the first digit of a size.
    #[default]
    Start,
    Size(u64),
    /// After the digits: blanks, then an extension or the end of the line.
    Blank(u64),
    Extension(u64),
    SizeEnd(u64),
    Data(u64),
    /// Before the CR after a chunk.
    DataEnd,
    /// Between that CR and its LF.
    DataLf,
    Trailers,
    Done,
}

impl ChunkedDecoder {
    /// Whether the body is complete.
    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Appends the data in `input` to `into`. Returns how many bytes of `input` belong to the body: all, unless it ends.
    pub(super) fn feed(&mut self, input: &[u8], into: &mut Vec<u8>) -> io::Result<usize> {
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
                    self.state = if left == 0 { State::DataEnd } else { State::Data(left) };
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
        self.overhead += 1;
        if self.overhead > MAX_LINE {
            return Err(malformed("the size line of a chunk is too long"));
        }
        match (self.state, byte) {
            (State::Start, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => self.digit(0, byte),
            (State::Size(size), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => self.digit(size, byte),
            (State::Size(size) | State::Blank(size), b' ' | b'\t') => Ok(State::Blank(size)),
            (State::Size(size) | State::Blank(size), b';') => Ok(State::Extension(size)),
            (State::Size(size) | State::Blank(size) | State::Extension(size), b'\r') => Ok(State::SizeEnd(size)),
            (State::Extension(size), byte) if byte != b'\n' => Ok(State::Extension(size)),
            (State::SizeEnd(size), b'\n') => {
                self.overhead = 0;
                Ok(if size == 0 { State::Trailers } else { State::Data(size) })
            }
            (State::DataEnd, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => Ok(State::Start),
            (State::DataEnd | State::DataLf, _) => Err(malformed("a chunk is longer than its size says")),
            _ => Err(malformed("a chunk size is not a hexadecimal number")),
        }
    }

    fn digit(&self, size: u64, byte: u8) -> io::Result<State> {
        let digit = char::from(byte).to_digit(16).map(u64::from);
        let size = size.checked_mul(16).zip(digit).map(|(size, digit)| size + digit);
        size.map(State::Size).ok_or_else(|| malformed("a chunk size is too large"))
    }

    /// Checks and drops a line of the trailers, or the part of it that has arrived.
    fn trailers(&mut self, rest: &mut &[u8]) -> io::Result<()> {
        let end = rest.iter().position(|byte| *byte == b'\n');
        let (line, after) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
        *rest = after;
        self.overhead += line.len();
        if self.overhead > MAX_HEAD {
            return Err(malformed("the trailers are too large"));
        }
        extend(&mut self.partial, line)?;
        let partial = std::mem::take(&mut self.partial);
        match lenient::split_line(&partial) {
            None => self.partial = partial,
            Some((b"", _)) => self.state = State::Done,
            Some((line, _)) if self.in_trailers && lenient::is_blank(line.first()) => drop(lenient::value_of(line)?),
            Some((line, _)) => {
                lenient::field(line)?;
                self.in_trailers = true;
            }
        }
        Ok(())
    }
}
