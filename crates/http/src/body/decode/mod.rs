//! Decodes `Content-Encoding` piece by piece, with a bound on the decoded bytes.
//!
//! A [`Decoder`] is a chain of stages, one for each coding. A stage reads a little, decodes into a scratch buffer of
//! 16 KiB, and goes on when the next stage has read that. Every stage is bounded: the last by the limit, the others by a
//! little more ([`decoder::max_between`]), so that a coding whose output decodes to nothing is a bomb as well. Memory stays
//! below the limit plus the scratch buffers and the codings' windows: at most 8 MiB for zstd (RFC 9659), 16 MiB for brotli,
//! 32 KiB for the others.
//!
//! Kilobytes can decode for seconds, so a decoder stops after each piece when its [`Pace`](crate::pace::Pace) is due, and
//! goes on where it was.
//!
//! It is as lenient as aiohttp, requests and browsers, except that a truncated stream is an error:
//!
//! - `deflate` may be zlib-wrapped (the standard) or raw (what some servers send): the first two bytes tell.
//! - Several gzip members, or several zstd frames, are one body.
//! - Bytes after the end of the stream are ignored unless they begin another gzip member or zstd frame.
//! - An empty body is valid in every coding (HEAD, 204, 304).
//! - An unknown coding leaves the body as it is.

mod allocator;
mod decoder;
mod stage;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests;

pub use self::decoder::Decoder;
#[cfg(fuzzing)]
pub use self::stage::Coding;
pub(crate) use self::stage::codings;
