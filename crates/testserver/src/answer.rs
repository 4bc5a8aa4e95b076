//! The answer to a request: a reply, a delayed reply, or a script of steps.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;

/// The answer of a handler, sent by [`crate::connection`].
pub(crate) enum Answer {
    /// A well-formed response.
    Reply(Reply),
    /// A response after a delay.
    Delayed(Duration, Reply),
    /// Raw bytes and faults.
    Script(Script),
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self::Reply(reply)
    }
}

/// A well-formed response.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: Cow<'static, str>,
    pub(crate) headers: Vec<(Cow<'static, str>, String)>,
    pub(crate) body: Body,
    /// Whether the connection ends after this response.
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
    /// Its length in bytes.
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

    /// Sets the status.
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
        if self.status == 200 {
            out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        } else {
            write_status_line(out, self.status);
        }
        if !self.content_type.is_empty() {
            out.extend_from_slice(b"content-type: ");
            out.extend_from_slice(self.content_type.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        for (name, value) in &self.headers {
            write_header(out, name, value);
        }
        if !without_body(self.status) {
            out.extend_from_slice(b"content-length: ");
            write_number(out, self.body.len());
            out.extend_from_slice(b"\r\n");
        }
        if !keep {
            out.extend_from_slice(b"connection: close\r\n");
        } else if http10 {
            out.extend_from_slice(b"connection: keep-alive\r\n");
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
    out.extend_from_slice(b"HTTP/1.1 ");
    write_number(out, u64::from(status));
    out.push(b' ');
    let reason = http::StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason());
    out.extend_from_slice(reason.unwrap_or("Unknown").as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Appends one header line.
pub(crate) fn write_header(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Appends a decimal number. `write!` would cost more than the rest of a head.
pub(crate) fn write_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0_u8; 20];
    let mut used = 0;
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + (number % 10) as u8;
        number /= 10;
        used += 1;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(20 - used..).unwrap_or_default());
}

/// A response in raw steps.
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

impl From<Script> for Answer {
    fn from(script: Script) -> Self {
        Self::Script(script)
    }
}

/// One step of a script.
pub(crate) enum Step {
    /// Sends bytes.
    Send(Bytes),
    /// Sends a slice of the deterministic byte sequence.
    Pattern { from: u64, len: u64 },
    /// Sends `n` bytes of that sequence, each after `interval`.
    Drip { n: u64, interval: Duration },
    /// Sends `n` bytes of that sequence in chunks of `piece`, and the last chunk with a checksum as trailer.
    Chunks { n: u64, piece: u64, trailers: bool, framed: bool },
    /// Sends `n` server-sent events, `interval` apart.
    Events { n: u64, interval: Duration, framed: bool },
    /// Sends nothing until the client leaves.
    Silence,
    /// Resets the connection (RST).
    Reset,
    /// Closes the connection (FIN).
    Close,
}
