//! What the parsers of heads and of chunks share.

use std::io;

/// The most bytes of a head, and of the trailers of a body.
pub(super) const MAX_HEAD: usize = 400 << 10;

/// The error for bytes that are not HTTP/1.
pub(super) fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
