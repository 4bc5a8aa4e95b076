//! The head of a request, parsed by `httparse` and borrowed from the input buffer, with its framing.

use std::borrow::Cow;
use std::mem::MaybeUninit;

use httparse::{Header, Status};
use percent_encoding::percent_decode_str;

/// The most headers of a request.
pub(crate) const HEADERS: usize = 128;
/// The largest head of a request, in bytes.
pub(crate) const HEAD_LIMIT: usize = 256 * 1024;

/// The storage of parsed headers, uninitialised because clearing 4 KB per request shows up in profiles.
pub(crate) type Slots<'b> = [MaybeUninit<Header<'b>>; HEADERS];

/// How the body of a request is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    None,
    Length(u64),
    Chunked,
}

pub(crate) struct Head<'b> {
    pub(crate) method: &'b str,
    /// Percent-encoded as sent, without the query.
    pub(crate) path: &'b str,
    /// The part after the question mark, as sent.
    pub(crate) query: &'b str,
    pub(crate) http10: bool,
    pub(crate) keep_alive: bool,
    pub(crate) expects_continue: bool,
    pub(crate) framing: Framing,
    pub(crate) headers: &'b [Header<'b>],
}

/// An invalid request: the status of the answer and its message.
pub(crate) type Refused = (u16, &'static str);

impl<'b> Head<'b> {
    /// Parses the head at the start of `bytes`; returns it with its length, or `None` if it is incomplete.
    pub(crate) fn parse(bytes: &'b [u8], slots: &'b mut Slots<'b>) -> Result<Option<(Self, usize)>, Refused> {
        let mut request = httparse::Request::new(&mut []);
        let length = match request.parse_with_uninit_headers(bytes, slots) {
            Ok(Status::Complete(length)) => length,
            Ok(Status::Partial) if bytes.len() > HEAD_LIMIT => return Err((431, "the head is too large")),
            Ok(Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err((431, "too many headers")),
            Err(_) => return Err((400, "this is not HTTP/1.1")),
        };
        let target = origin_form(request.path.unwrap_or("/"));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let http10 = request.version == Some(0);
        let headers: &'b [Header<'b>] = request.headers;
        let mut head = Self {
            method: request.method.unwrap_or(""),
            path,
            query,
            http10,
            keep_alive: !http10,
            expects_continue: false,
            framing: Framing::None,
            headers,
        };
        head.read_framing()?;
        Ok(Some((head, length)))
    }

    fn read_framing(&mut self) -> Result<(), Refused> {
        for header in self.headers {
            // The length first: most headers need no comparison.
            match header.name.len() {
                10 if header.name.eq_ignore_ascii_case("connection") => {
                    if contains_token(header.value, b"close") {
                        self.keep_alive = false;
                    } else if contains_token(header.value, b"keep-alive") {
                        self.keep_alive = true;
                    }
                }
                14 if header.name.eq_ignore_ascii_case("content-length") => {
                    let text = std::str::from_utf8(header.value).unwrap_or("").trim();
                    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
                    let length = text.parse().ok().filter(|_| digits).ok_or((400, "a bad content-length"))?;
                    match self.framing {
                        Framing::Length(other) if other != length => return Err((400, "two content-lengths")),
                        Framing::Chunked => return Err((400, "content-length beside transfer-encoding")),
                        _ => self.framing = Framing::Length(length),
                    }
                }
                17 if header.name.eq_ignore_ascii_case("transfer-encoding") => {
                    if !header.value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                        return Err((501, "an unknown transfer-encoding"));
                    }
                    if matches!(self.framing, Framing::Length(_)) {
                        return Err((400, "content-length beside transfer-encoding"));
                    }
                    self.framing = Framing::Chunked;
                }
                6 if header.name.eq_ignore_ascii_case("expect") => {
                    self.expects_continue = contains_token(header.value, b"100-continue");
                }
                _ => {}
            }
        }
        if self.framing == Framing::Length(0) {
            self.framing = Framing::None;
        }
        Ok(())
    }

    pub(crate) fn header(&self, name: &str) -> Option<Cow<'b, str>> {
        let header = self.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        Some(latin1_or_utf8(header.value))
    }

    pub(crate) fn pairs(&self) -> impl Iterator<Item = (Cow<'b, str>, Cow<'b, str>)> {
        url::form_urlencoded::parse(self.query.as_bytes())
    }

    /// The first value of a query parameter.
    pub(crate) fn param(&self, name: &str) -> Option<Cow<'b, str>> {
        if self.query.is_empty() {
            return None;
        }
        self.pairs().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// A query parameter as a number, or `default` if it is missing.
    pub(crate) fn number(&self, name: &str, default: u64) -> Result<u64, String> {
        match self.param(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| format!("{name} must be a whole number, not {text:?}")),
        }
    }
}

/// A header value as text: UTF-8, or else Latin-1.
pub(crate) fn latin1_or_utf8(value: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(value) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(value.iter().map(|byte| char::from(*byte)).collect()),
    }
}

pub(crate) fn decoded(segment: &str) -> Cow<'_, str> {
    percent_decode_str(segment).decode_utf8_lossy()
}

/// The path and query of a target; a proxy gets it as `http://host/path`.
fn origin_form(target: &str) -> &str {
    if target.starts_with('/') {
        return target;
    }
    match target.split_once("://") {
        Some((_, rest)) => rest.find(['/', '?']).and_then(|start| rest.get(start..)).unwrap_or("/"),
        None => target,
    }
}

fn contains_token(value: &[u8], token: &[u8]) -> bool {
    value.split(|byte| *byte == b',').any(|part| part.trim_ascii().eq_ignore_ascii_case(token))
}
