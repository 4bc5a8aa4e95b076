//! The URLs of a batch as text, parsed when they are fetched.

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests;

use url::{ParseError, Url};

/// Paths (with query and fragment) of URLs whose origin was also that of the URL before them, so that parsing them
/// cannot fail.
#[derive(Debug, Default)]
pub struct UrlList {
    paths: String,
    /// The origins of the paths, in order.
    origins: Vec<Url>,
    /// The origin of the last URL as text, and whether it is the last of `origins`.
    last: String,
    is_known: bool,
}

/// The position of a URL in a [`UrlList`].
#[derive(Clone, Copy, Debug)]
pub struct UrlIndex {
    origin: u32,
    start: u32,
    length: u32,
}

impl UrlList {
    /// Adds a URL; `None` for one that must be parsed now because its origin is new.
    pub fn push(&mut self, url: &str) -> Option<UrlIndex> {
        let path = match url.strip_prefix(&*self.last) {
            Some(path) if !self.last.is_empty() && is_path(path) => path,
            _ => {
                let (origin, _) = split(url)?;
                self.last.clear();
                self.last.push_str(origin);
                self.is_known = false;
                return None;
            }
        };
        if !self.is_known {
            self.origins.push(Url::parse(&self.last).ok()?);
            self.is_known = true;
        }
        let index = UrlIndex {
            origin: u32::try_from(self.origins.len()).ok()?.checked_sub(1)?,
            start: u32::try_from(self.paths.len()).ok()?,
            length: u32::try_from(path.len()).ok()?,
        };
        self.paths.push_str(path);
        Some(index)
    }

    /// The URL at `index`.
    pub fn url(&self, index: UrlIndex) -> Result<Url, ParseError> {
        let (start, length) = (index.start as usize, index.length as usize);
        let path = self.paths.get(start..).and_then(|rest| rest.get(..length));
        let origin = self.origins.get(index.origin as usize);
        origin.zip(path).map_or(Err(ParseError::RelativeUrlWithoutBase), |(origin, path)| origin.join(path))
    }
}

/// The origin of a URL and its path; `None` if the border between them is not obvious.
fn split(url: &str) -> Option<(&str, &str)> {
    let start = ["http://", "https://"].iter().find(|scheme| url.starts_with(**scheme))?.len();
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']');
    let end = start + url.as_bytes().get(start..)?.iter().position(|byte| !is_plain(byte))?;
    let (origin, path) = url.split_at_checked(end)?;
    is_path(path).then_some((origin, path))
}

/// Whether the text after an origin is a path, and not more of a host to the parser.
fn is_path(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.first() == Some(&b'/') && !matches!(bytes.get(1), Some(b'/' | b'\\' | b'\t' | b'\n' | b'\r'))
}
