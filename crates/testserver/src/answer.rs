//! The answer to a request: a reply, a delayed reply, or a script of steps.

use std::borrow::Cow;
use std::fmt;
use std::io::Write;
use std::time::Duration;

use bytes::Bytes;

/// The answer of a handler, sent by [`crate::connection`].
pub(crate) enum Answer {
    /// A well-formed response.
    Reply(Reply),
    Delayed(Duration, Reply),
    Script(Script),
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self::Reply(reply)
    }
}

impl From<Script> for Answer {
    fn from(script: Script) -> Self {
        Self::Script(script)
    }
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: Cow<'static, str>,
    pub(crate) headers: Vec<(Cow<'static, str>, String)>,
    pub(crate) body: Body,
    pub(crate) close: bool,
}

/// The bytes of a reply.
pub(crate) enum Body {
    /// None.
    Empty,
    /// Known at compile time.
    Static(&'static str),
    /// Made for this request.
    Owned(Vec<u8>),
    /// A part of its own and a cached rest.
    Parts(Vec<u8>, Bytes),
    /// A slice of the endless deterministic byte sequence ([`crate::content`]).
    Pattern { from: u64, len: u64 },
}

impl Body {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Static(text) => text.len() as u64,
            Self::Owned(bytes) => bytes.len() as u64,
            Self::Parts(first, rest) => (first.len() + rest.len()) as u64,
            Self::Pattern { len, .. } => *len,
        }
    }
}

impl Reply {
    /// A 200 of any type.
    pub(crate) fn ok(content_type: &'static str, body: Body) -> Self {
        Self { status: 200, content_type: Cow::Borrowed(content_type), headers: Vec::new(), body, close: false }
    }

    /// A 200 with a JSON document.
    pub(crate) fn json(document: impl Into<Vec<u8>>) -> Self {
        Self::ok("application/json", Body::Owned(document.into()))
    }

    /// A JSON document with an error message.
    pub(crate) fn error(status: u16, message: &str) -> Self {
        let mut document = String::from("{\"error\":");
        crate::json::push_string(&mut document, message);
        document.push('}');
        Self::json(document).with_status(status)
    }

    /// An empty body, no content type.
    pub(crate) fn bare(status: u16) -> Self {
        Self::ok("", Body::Empty).with_status(status)
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Adds a header. Bytes that would end the header line become spaces.
    pub(crate) fn with_header(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        let value: String = value.into();
        let value = if value.bytes().any(|byte| byte < 0x20 && byte != b'\t') {
            value.replace(|letter: char| letter.is_ascii_control(), " ")
        } else {
            value
        };
        self.headers.push((name.into(), value));
        self
    }

    /// Appends the status line and all headers to `out`. `http10` and `keep` decide about the `connection` header.
    pub(crate) fn write_head(&self, out: &mut Vec<u8>, http10: bool, keep: bool) {
        write_status_line(out, self.status);
        if !self.content_type.is_empty() {
            write_header(out, "content-type", &self.content_type);
        }
        for (name, value) in &self.headers {
            write_header(out, name, value);
        }
        if !without_body(self.status) {
            write_header(out, "content-length", self.body.len());
        }
        if !keep {
            write_header(out, "connection", "close");
        } else if http10 {
            write_header(out, "connection", "keep-alive");
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// Statuses whose responses end with their head.
pub(crate) fn without_body(status: u16) -> bool {
    status < 200 || status == 204 || status == 304
}

/// Appends a status line such as `HTTP/1.1 404 Not Found`.
pub(crate) fn write_status_line(out: &mut Vec<u8>, status: u16) {
    let reason = http::StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason());
    let _ = write!(out, "HTTP/1.1 {status} {}\r\n", reason.unwrap_or("Unknown"));
}

fn write_header(out: &mut Vec<u8>, name: &str, value: impl fmt::Display) {
    let _ = write!(out, "{name}: {value}\r\n");
}

pub(crate) struct Script {
    /// Sent first, also to a HEAD request; may be empty or invalid.
    pub(crate) head: Vec<u8>,
    /// The steps after it. A HEAD request skips those that send.
    pub(crate) steps: Vec<Step>,
}

impl Script {
    /// A head (with its empty line) and the steps after it.
    pub(crate) fn new(head: impl Into<Vec<u8>>, steps: Vec<Step>) -> Self {
        Self { head: head.into(), steps }
    }
}

pub(crate) enum Step {
    Send(Bytes),
    /// Sends a slice of the deterministic byte sequence.
    Pattern {
        from: u64,
        len: u64,
    },
    /// Sends `n` bytes of that sequence, each after `interval`.
    Drip {
        n: u64,
        interval: Duration,
    },
    /// Sends `n` bytes of that sequence in chunks of `piece`, and the last chunk with a checksum as trailer.
    Chunks {
        n: u64,
        piece: u64,
        trailers: bool,
        framed: bool,
    },
    /// Sends `n` server-sent events, `interval` apart.
    Events {
        n: u64,
        interval: Duration,
        framed: bool,
    },
    /// Sends nothing until the client leaves.
    Silence,
    /// Resets the connection (RST).
    Reset,
    /// Closes the connection (FIN).
    Close,
}
