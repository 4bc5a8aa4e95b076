//! Undoes `Content-Encoding` piece by piece, with a bound on the decoded bytes.
//!
//! A [`Decoder`] is a chain of stages, one for each coding. A stage decodes into a scratch buffer of 16 KiB and hands
//! each fill on before it makes the next, so a bomb ends after `limit` decoded bytes, whatever the size of the chunk it
//! came in, and memory stays below `limit` plus the scratch buffers and the coding's own window (at most 8 MiB for
//! zstd, which RFC 9659 prescribes for HTTP, 16 MiB for brotli, 32 KiB for the others).
//!
//! Leniency is that of aiohttp, requests and browsers, except that a truncated stream is an error:
//!
//! - `deflate` may be zlib-wrapped (the standard) or raw (what some servers send): the first two bytes tell.
//! - Several gzip members, and several zstd frames, are one body.
//! - Bytes after the end of the stream are ignored, if they don't begin another gzip member or zstd frame.
//! - An empty body is fine whatever the coding (HEAD, 204, 304).
//! - An unknown coding leaves the body as it is.

mod stage;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests;

use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use self::stage::Stage;
use super::error::{Failure, Kind, Phase};

/// More than these are no honest answer (urllib3 and curl draw the same line).
const MAX_CODINGS: usize = 5;

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
pub fn codings(headers: &HeaderMap) -> Result<Vec<Coding>, Failure> {
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
        return Err(Failure::new(Kind::Decoding, Phase::Body, message));
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

impl Decoder {
    /// For a body with `codings` (as [`codings`] gives them) of at most `limit` decoded bytes.
    pub fn new(codings: Vec<Coding>, limit: u64) -> Result<Self, Failure> {
        let stages = codings.into_iter().rev().map(Stage::new).collect::<Result<_, _>>()?;
        Ok(Self { stages, sink: Sink { decoded: Vec::new(), total: 0, limit } })
    }

    /// Decodes the next piece of the body. After an error the decoder is of no further use.
    pub fn write(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        push(&mut self.stages, chunk, &mut self.sink)
    }

    /// What was decoded so far, for whoever takes it out. The limit counts on.
    pub fn decoded(&mut self) -> &mut Vec<u8> {
        &mut self.sink.decoded
    }

    /// The end of the body: [`Kind::IncompleteBody`] if a coding's stream has not ended.
    pub fn end(&self) -> Result<(), Failure> {
        match self.stages.iter().find(|stage| stage.is_open()) {
            None => Ok(()),
            Some(stage) => {
                let message = format!("the {} body ends in the middle", stage.coding().as_str());
                Err(Failure::new(Kind::IncompleteBody, Phase::Body, message))
            }
        }
    }
}

/// Sends `piece` through the chain.
fn push(stages: &mut [Stage], piece: &[u8], sink: &mut Sink) -> Result<(), Failure> {
    match stages.split_first_mut() {
        None => sink.put(piece),
        Some((stage, rest)) => stage.decode(piece, &mut |decoded| push(rest, decoded, sink)),
    }
}

/// The end of the chain.
#[derive(Debug)]
struct Sink {
    decoded: Vec<u8>,
    total: u64,
    limit: u64,
}

impl Sink {
    fn put(&mut self, piece: &[u8]) -> Result<(), Failure> {
        self.total = self.total.saturating_add(piece.len() as u64);
        if self.total > self.limit {
            // What was decoded is of no use any more.
            self.decoded = Vec::new();
            let message = format!("the decoded body is larger than max_body ({} bytes)", self.limit);
            return Err(Failure::new(Kind::BodyTooLarge, Phase::Body, message));
        }
        let needed = self.decoded.len().saturating_add(piece.len());
        if needed > self.decoded.capacity() {
            // Doubles like Vec does, but not beyond the limit.
            let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
            let capacity = self.decoded.capacity().saturating_mul(2).min(limit).max(needed);
            self.decoded.reserve_exact(capacity.saturating_sub(self.decoded.len()));
        }
        self.decoded.extend_from_slice(piece);
        Ok(())
    }
}
