//! The known content codings, and those of a response.

use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use crate::error::{AttemptError, ErrorKind, Phase};
use crate::named::named;

/// A response with more codings is an attack (the limit of urllib3 and curl).
const MAX_CODINGS: usize = 5;

named! {
    /// A known content coding, by its token in the header.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Coding.as_str {
        /// Also `x-gzip`.
        Gzip = "gzip",
        /// Zlib-wrapped or raw.
        Deflate = "deflate",
        /// RFC 7932.
        Brotli = "br",
        /// RFC 8878.
        Zstd = "zstd",
    }
}

/// The codings of a response in the order of application, without `identity`. Empty if one of them is unknown: then the
/// body is left as it is. More than five are an error.
pub(crate) fn codings(headers: &HeaderMap) -> Result<Vec<Coding>, AttemptError> {
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
