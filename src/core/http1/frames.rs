//! Undoes `Transfer-Encoding: chunked` (RFC 9112, 7.1).

use std::io;

use httparse::Status;

use super::head::broken;

/// The longest line with a chunk's size and extensions, and the most bytes of trailers.
const MAX_LINE: usize = 16 << 10;
const MAX_TRAILERS: usize = 32;

/// Where in the frames of a body its bytes are.
#[derive(Default)]
pub struct Frames {
    state: State,
    /// The beginning of a line, or of the trailers.
    begun: Vec<u8>,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum State {
    #[default]
    Size,
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
                State::Size => {
                    if let Some(size) = self.line(&mut rest)? {
                        self.state = if size == 0 { State::Trailers } else { State::Data(size) };
                    }
                }
                State::Data(left) => {
                    let count = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                    let (data, after) = rest.split_at(count);
                    into.extend_from_slice(data);
                    rest = after;
                    let left = left - count as u64;
                    self.state = if left == 0 { State::Return } else { State::Data(left) };
                }
                State::Return if *first == b'\r' => (self.state, rest) = (State::Feed, after),
                State::Feed if *first == b'\n' => (self.state, rest) = (State::Size, after),
                State::Return | State::Feed => return Err(broken("a chunk is longer than its size says")),
                State::Trailers => self.trailers(&mut rest)?,
            }
        }
        Ok(input.len() - rest.len())
    }

    /// The size of the next chunk, once its line is complete.
    fn line(&mut self, rest: &mut &[u8]) -> io::Result<Option<u64>> {
        if !self.take_line(rest)? {
            return Ok(None);
        }
        // The parser takes no digits at all for a zero.
        let size = match httparse::parse_chunk_size(&self.begun) {
            Ok(Status::Complete((end, size))) if end == self.begun.len() => Some(size),
            _ => None,
        };
        let size = size.filter(|_| self.begun.first().is_some_and(u8::is_ascii_hexdigit));
        self.begun.clear();
        size.map(Some).ok_or_else(|| broken("the size of a chunk is no number"))
    }

    fn trailers(&mut self, rest: &mut &[u8]) -> io::Result<()> {
        if !self.take_line(rest)? || !(self.begun == b"\r\n" || self.begun.ends_with(b"\n\r\n")) {
            return Ok(());
        }
        let mut space = [httparse::EMPTY_HEADER; MAX_TRAILERS];
        match httparse::parse_headers(&self.begun, &mut space) {
            Ok(Status::Complete(_)) => {}
            Ok(Status::Partial) => return Err(broken("the trailers are no headers")),
            Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        }
        self.begun = Vec::new();
        self.state = State::Done;
        Ok(())
    }

    /// Moves the bytes up to the end of the line to `begun`; whether it was reached.
    fn take_line(&mut self, rest: &mut &[u8]) -> io::Result<bool> {
        let end = rest.iter().position(|byte| *byte == b'\n');
        let (line, after) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
        if self.begun.len() + line.len() > MAX_LINE {
            return Err(broken("the frame of a chunk is too large"));
        }
        self.begun.extend_from_slice(line);
        *rest = after;
        Ok(end.is_some())
    }
}
