//! Content codings.

use http::HeaderMap;

use super::error::Failure;

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// `gzip`, `x-gzip`.
    Gzip,
    /// `deflate`.
    Deflate,
    /// `br`.
    Brotli,
    /// `zstd`.
    Zstd,
}

/// Of a response, in the order they were applied.
pub fn codings(_headers: &HeaderMap) -> Result<Vec<Coding>, Failure> {
    Ok(Vec::new())
}

/// Decodes one body.
#[derive(Debug)]
pub struct Decoder {
    out: Vec<u8>,
}

impl Decoder {
    /// For a body with `codings`.
    pub fn new(_codings: Vec<Coding>, _limit: u64) -> Result<Self, Failure> {
        Ok(Self { out: Vec::new() })
    }

    /// The next piece of the body.
    pub fn write(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        self.out.extend_from_slice(chunk);
        Ok(())
    }

    /// Decoded so far.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// The rest.
    pub fn finish(self) -> Result<Vec<u8>, Failure> {
        Ok(self.out)
    }
}
