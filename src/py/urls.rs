//! Parses URLs, and the host of several in a row only once: that takes half of the time a
//! `gather_fetch` needs for a URL (0.49 to 0.26 µs).

use std::sync::{Mutex, PoisonError};

use url::{ParseError, Url};

/// What a batch, or a client, parses its URLs with.
#[derive(Default)]
pub struct Urls(Mutex<Origin>);

/// The scheme and host of the last URL.
#[derive(Default)]
struct Origin {
    text: String,
    /// Once a second URL has come with it.
    root: Option<Url>,
}

impl Urls {
    /// As [`Url::parse`] does it.
    pub fn parse(&self, text: &str) -> Result<Url, ParseError> {
        let Some((origin, path)) = split(text) else { return Url::parse(text) };
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.text != origin {
            last.text.clear();
            last.text.push_str(origin);
            last.root = None;
            drop(last);
            return Url::parse(text);
        }
        let root = match &mut last.root {
            Some(root) => root,
            none => none.insert(Url::parse(origin)?),
        };
        root.join(path)
    }
}

/// A URL's scheme and host, and the path with all that follows; `None` for one in which the border may be elsewhere.
fn split(text: &str) -> Option<(&str, &str)> {
    let start = ["http://", "https://"].iter().find(|scheme| text.starts_with(**scheme))?.len();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']');
    let end = start + text.as_bytes().get(start..)?.iter().position(|byte| !plain(byte))?;
    let (origin, path) = text.split_at_checked(end)?;
    // A path that starts like a host would be taken for one.
    let bytes = path.as_bytes();
    (bytes.first() == Some(&b'/') && !matches!(bytes.get(1), Some(b'/' | b'\\' | b'\t' | b'\n' | b'\r')))
        .then_some((origin, path))
}
