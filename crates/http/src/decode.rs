//! Undoes `Content-Encoding` piece by piece, with a bound on the decoded bytes.
//!
//! A [`Decoder`] is a chain of stages, one for each coding. A stage reads a little, decodes into a scratch buffer of
//! 16 KiB, and goes on when the next stage has read that. Every stage is bounded: the last one by `limit`, each before it
//! by a little more ([`most_within`]), so that a coding that unpacks to what decodes to nothing is a bomb as well. Memory
//! stays below `limit` plus the scratch buffers and the coding's own window (at most 8 MiB for zstd, which RFC 9659
//! prescribes for HTTP, 16 MiB for brotli, 32 KiB for the others).
//!
//! Kilobytes can unpack to work for seconds, so a decoder stops after each piece when its [`Pace`] is due, and goes on
//! where it was.
//!
//! Leniency is that of aiohttp, requests and browsers, except that a truncated stream is an error:
//!
//! - `deflate` may be zlib-wrapped (the standard) or raw (what some servers send): the first two bytes tell.
//! - Several gzip members, and several zstd frames, are one body.
//! - Bytes after the end of the stream are ignored, if they don't begin another gzip member or zstd frame.
//! - An empty body is fine whatever the coding (HEAD, 204, 304).
//! - An unknown coding leaves the body as it is.

mod allocator;
mod stage;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests;

use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use self::stage::Stage;
use super::error::{AttemptError, ErrorKind, Phase};
use super::memory;
use super::pace::Pace;

/// More than these are no honest answer (urllib3 and curl draw the same line).
const MAX_CODINGS: usize = 5;

/// Decoded bytes after which a decoder stops, for whoever takes them out.
const PIECE: usize = 256 << 10;

/// A content coding that can be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// `gzip` or `x-gzip`.
    Gzip,
    /// `deflate`, zlib-wrapped or raw.
    Deflate,
    /// `br`.
    Brotli,
    /// `zstd`.
    Zstd,
}

impl Coding {
    /// The token of the header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }
}

/// The codings of a response, in the order they were applied; `identity` is left out. If one of them is unknown, the
/// list is empty: the body stays as it is, for the caller to make sense of. More than five are an error.
pub fn codings(headers: &HeaderMap) -> Result<Vec<Coding>, AttemptError> {
    let mut codings = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        let Ok(text) = value.to_str() else { return Ok(Vec::new()) };
        for token in text.split(',').map(str::trim) {
            let is = |name: &str| token.eq_ignore_ascii_case(name);
            if token.is_empty() || is("identity") {
                continue;
            }
            codings.push(match () {
                () if is("gzip") || is("x-gzip") => Coding::Gzip,
                () if is("deflate") => Coding::Deflate,
                () if is("br") => Coding::Brotli,
                () if is("zstd") => Coding::Zstd,
                () => return Ok(Vec::new()),
            });
        }
    }
    if codings.len() > MAX_CODINGS {
        let message = format!("the body has {} content codings, more than {MAX_CODINGS}", codings.len());
        return Err(AttemptError::new(ErrorKind::Decoding, Phase::Body, message));
    }
    Ok(codings)
}

/// Decodes one body. Without codings it only counts.
#[derive(Debug)]
pub struct Decoder {
    /// The last applied coding first.
    stages: Vec<Stage>,
    sink: Sink,
}

/// How far [`Decoder::write`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the input that were read.
    pub read: usize,
    /// All of the input is decoded. Otherwise there is more to do, even if all of it was read.
    pub done: bool,
}

impl Decoder {
    /// For a body with `codings` (as [`codings`] gives them) of at most `limit` decoded bytes.
    pub fn new(codings: Vec<Coding>, limit: u64) -> Result<Self, AttemptError> {
        let stages = codings.into_iter().rev().map(Stage::new).collect::<Result<_, _>>()?;
        Ok(Self { stages, sink: Sink { decoded: Vec::new(), total: 0, limit } })
    }

    /// Changes the most decoded bytes.
    pub fn set_limit(&mut self, limit: u64) {
        self.sink.limit = limit;
    }

    /// Decodes the next piece of the body, or a part of it: until `pace` is due, enough is decoded to be taken out, or
    /// what follows [is heavy](Self::is_heavy).
    /// After an error the decoder is of no further use.
    pub fn write(&mut self, input: &[u8], pace: &mut Pace) -> Result<Progress, AttemptError> {
        let mut read = 0;
        let most = self.sink.decoded.len().saturating_add(PIECE);
        let was_heavy = self.is_heavy();
        while let Some(count) = self.step(input.get(read..).unwrap_or_default())? {
            read += count;
            if pace.is_due() || self.sink.decoded.len() >= most || self.is_heavy() != was_heavy {
                return Ok(Progress { read, done: false });
            }
        }
        Ok(Progress { read, done: true })
    }

    /// One step of the last stage that has something to do: how much of `input` was read. `None` if none has.
    fn step(&mut self, input: &[u8]) -> Result<Option<usize>, AttemptError> {
        let Self { stages, sink } = self;
        if stages.is_empty() {
            sink.put(input)?;
            return Ok((!input.is_empty()).then_some(input.len()));
        }
        let last = stages.len() - 1;
        for index in (0..=last).rev() {
            let (before, here) = stages.split_at_mut(index);
            let (previous, Some(stage)) = (before.last_mut(), here.first_mut()) else { break };
            let of_stage = previous.as_ref().map_or(input, |previous| previous.decoded());
            if of_stage.is_empty() && !stage.has_more() {
                continue;
            }
            let read = stage.decode(of_stage)?;
            if index == last {
                sink.put(stage.decoded())?;
                stage.take(usize::MAX);
            } else if stage.total() > most_within(sink.limit) {
                return Err(sink.too_large("what its codings pack"));
            }
            return Ok(Some(previous.map_or(read, |previous| {
                previous.take(read);
                0
            })));
        }
        Ok(None)
    }

    /// Whether a single step may take milliseconds: it had better be done on another thread than the reactor's.
    pub fn is_heavy(&self) -> bool {
        self.stages.iter().any(Stage::is_heavy)
    }

    /// What was decoded so far, for whoever takes it out. The limit counts on.
    pub fn decoded(&mut self) -> &mut Vec<u8> {
        &mut self.sink.decoded
    }

    /// The end of the body: [`ErrorKind::IncompleteBody`] if a coding's stream has not ended.
    pub fn end(&self) -> Result<(), AttemptError> {
        match self.stages.iter().find(|stage| stage.is_open()) {
            None => Ok(()),
            Some(stage) => {
                let message = format!("the {} body ends in the middle", stage.coding().as_str());
                Err(AttemptError::new(ErrorKind::IncompleteBody, Phase::Body, message))
            }
        }
    }
}

/// The most bytes between two codings of a body of at most `limit`: what doesn't compress gets a little longer.
fn most_within(limit: u64) -> u64 {
    limit.saturating_add(limit / 16).saturating_add(64 << 10)
}

/// The end of the chain.
#[derive(Debug)]
struct Sink {
    decoded: Vec<u8>,
    total: u64,
    limit: u64,
}

impl Sink {
    fn put(&mut self, piece: &[u8]) -> Result<(), AttemptError> {
        self.total = self.total.saturating_add(piece.len() as u64);
        if self.total > self.limit {
            return Err(self.too_large("the decoded body"));
        }
        let needed = self.decoded.len().saturating_add(piece.len());
        if needed > self.decoded.capacity() {
            // Doubles like Vec does, but not beyond the limit.
            let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
            let capacity = self.decoded.capacity().saturating_mul(2).min(limit).max(needed);
            let additional = capacity.saturating_sub(self.decoded.len());
            memory::reserve_exact(&mut self.decoded, additional)?;
        }
        self.decoded.extend_from_slice(piece);
        Ok(())
    }

    /// What was decoded is of no use any more.
    fn too_large(&mut self, what: &str) -> AttemptError {
        memory::discard(std::mem::take(&mut self.decoded));
        let message = format!("{what} is larger than max_body ({} bytes)", self.limit);
        AttemptError::new(ErrorKind::BodyTooLarge, Phase::Body, message)
    }
}
