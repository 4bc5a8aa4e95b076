//! The heads of requests and responses, and what a response's says about its body.
//!
//! `httparse` reads what is written as RFC 9112 says; what it refuses is read again by [`super::lenient`], which accepts
//! what other clients do. Both agree on where a head ends: at its first empty line, a line being what ends with LF.
//! A head has at most 400 KiB. Lengths that contradict each other are refused.

use std::io;
use std::mem::MaybeUninit;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, PROXY_AUTHORIZATION, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use httparse::Status;
use url::{Position, Url};

use super::frames::Frames;
use super::lenient;
use crate::memory::with_capacity;
use crate::transport::{Head, Outgoing};

/// `httparse` reads so many headers into an array on the stack, 2.4 KB; more are read by [`lenient`].
const FEW_HEADERS: usize = 100;

/// The most bytes of a head, and of the trailers of a body.
pub const MAX_HEAD: usize = 400 << 10;

/// How the end of a body is known (RFC 9112, 6.3).
pub enum Framing {
    /// So many bytes are left.
    Length(u64),
    /// Chunks.
    Chunked(Box<Frames>),
    /// The end of the connection.
    Close,
    /// It has come.
    Ended,
}

impl Framing {
    /// Whether nothing is left to read.
    pub fn is_complete(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(frames) => frames.is_done(),
            Self::Close => false,
            Self::Ended => true,
        }
    }
}

/// A response without its body.
pub struct Parsed {
    /// Status, version, headers.
    pub head: Head,
    /// What follows.
    pub framing: Framing,
    /// Its size.
    pub size: usize,
    /// Whether another request may follow on the connection.
    pub keep: bool,
}

/// Not HTTP.
pub fn broken(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Whom a request is written for.
pub enum Via {
    /// The server itself, or a tunnel to it.
    Nobody,
    /// A proxy that takes requests for any server, and what it wants to be told.
    Proxy(Option<HeaderValue>),
}

/// What the caller's headers ask of the connection.
#[derive(Default)]
pub struct Wishes {
    /// No other request shall follow.
    pub close: bool,
    /// The body shall be sent in chunks.
    pub chunked: bool,
}

/// Writes the head of a request to `into`. How its body is framed is decided here, whatever the caller's headers say: a
/// wrong length would make the rest of the body another request.
pub fn write(outgoing: &Outgoing<'_>, via: &Via, into: &mut Vec<u8>) -> Wishes {
    let url = outgoing.url;
    let mut line = |parts: &[&[u8]]| parts.iter().for_each(|part| into.extend_from_slice(part));
    let host = url[Position::BeforeHost..Position::AfterPort].as_bytes();
    let target = url[Position::BeforePath..Position::AfterQuery].as_bytes();
    let method = outgoing.method.as_str().as_bytes();
    // RFC 9112, 3.2
    match via {
        _ if outgoing.method == Method::CONNECT => line(&[method, b" ", &authority(url), b" HTTP/1.1\r\n"]),
        Via::Nobody => line(&[method, b" ", target, b" HTTP/1.1\r\n"]),
        Via::Proxy(_) => line(&[method, b" ", url.scheme().as_bytes(), b"://", host, target, b" HTTP/1.1\r\n"]),
    }
    if !outgoing.headers.contains_key(HOST) {
        line(&[b"host: ", host, b"\r\n"]);
    }
    if let Via::Proxy(Some(authorization)) = via
        && !outgoing.headers.contains_key(PROXY_AUTHORIZATION)
    {
        line(&[b"proxy-authorization: ", authorization.as_bytes(), b"\r\n"]);
    }
    let length = outgoing.body.as_ref().map_or(0, Bytes::len);
    let (mut wishes, mut announced) = (Wishes::default(), false);
    for (name, value) in &*outgoing.headers {
        if *name == TRANSFER_ENCODING {
            wishes.chunked |= length > 0 && lists(value, b"chunked");
            continue;
        } else if *name == CONTENT_LENGTH {
            announced = true;
            continue;
        } else if *name == CONNECTION {
            wishes.close |= lists(value, b"close");
        }
        line(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
    }
    if wishes.chunked {
        line(&[b"transfer-encoding: chunked\r\n"]);
    } else if announced || length > 0 {
        line(&[b"content-length: ", length.to_string().as_bytes(), b"\r\n"]);
    }
    line(&[b"\r\n"]);
    wishes
}

/// Host and port, for CONNECT.
fn authority(url: &Url) -> Vec<u8> {
    let host = &url[Position::BeforeHost..Position::AfterHost];
    format!("{host}:{}", url.port_or_known_default().unwrap_or_default()).into_bytes()
}

/// Whether the comma-separated `value` has this element.
fn lists(value: &HeaderValue, word: &[u8]) -> bool {
    value.as_bytes().split(|byte| *byte == b',').any(|token| token.trim_ascii().eq_ignore_ascii_case(word))
}

/// Reads the head at the beginning of `input`; `None` if it is not complete. `seen` bytes were looked at before.
pub fn parse(input: &[u8], seen: usize, to_head: bool) -> io::Result<Option<Parsed>> {
    // An ordinary head begins with "HTTP".
    let head = if input.first() == Some(&b'H') { input } else { without_empty_lines(input) };
    let skipped = input.len() - head.len();
    if !is_due(head, seen.saturating_sub(skipped)) {
        return incomplete(head);
    }
    let mut space = [const { MaybeUninit::uninit() }; FEW_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let (code, version, headers, size) =
        match config.parse_response_with_uninit_headers(&mut response, head, &mut space) {
            Ok(Status::Complete(size)) => (response.code, response.version, headers(response.headers)?, size),
            Ok(Status::Partial) => return incomplete(head),
            Err(_) => match lenient::parse(head)? {
                Some(lenient::Fields { code, version, headers, size }) => (Some(code), Some(version), headers, size),
                None => return incomplete(head),
            },
        };
    if size > MAX_HEAD {
        return Err(broken("the head is too large"));
    }
    let status = code.and_then(|code| StatusCode::from_u16(code).ok());
    let status = status.ok_or_else(|| broken("the status is no status"))?;
    let version = if version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    let (framing, consistent) = framing(status, version, &headers, to_head)?;
    let length = match framing {
        Framing::Length(length) => Some(length),
        _ => None,
    };
    let keep = consistent && status != StatusCode::SWITCHING_PROTOCOLS && keeps_alive(version, &headers);
    Ok(Some(Parsed { head: Head { status, version, headers, length }, framing, size: skipped + size, keep }))
}

/// `input` without the empty lines before a status line, which RFC 9112 (2.2) allows.
pub fn without_empty_lines(mut input: &[u8]) -> &[u8] {
    while let Some(rest) = input.strip_prefix(b"\r\n").or_else(|| input.strip_prefix(b"\n")) {
        input = rest;
    }
    input
}

/// Whether it is worth it to parse `head`, of which `seen` bytes were looked at before: at first, at its end, and each
/// time that it has doubled, so that what is not HTTP is refused early. Parsing a head that trickles in byte by byte each
/// time would take time squared.
fn is_due(head: &[u8], seen: usize) -> bool {
    if seen == 0 || head.len().leading_zeros() < seen.leading_zeros() {
        return true;
    }
    let unseen = head.get(seen.saturating_sub(2)..).unwrap_or_default();
    unseen.windows(2).any(|two| two == b"\n\n") || unseen.windows(3).any(|three| three == b"\n\r\n")
}

fn incomplete(head: &[u8]) -> io::Result<Option<Parsed>> {
    if head.len() > MAX_HEAD { Err(broken("the head is too large")) } else { Ok(None) }
}

/// Values up to this size in all are allocated like every other small thing around a request, infallibly.
const SMALL: usize = 16 << 10;

/// The values share one allocation: the buffer they were read into is used again.
fn headers(parsed: &[httparse::Header<'_>]) -> io::Result<HeaderMap> {
    let size = parsed.iter().map(|header| header.value.len()).sum();
    let mut values = if size <= SMALL { Vec::with_capacity(size) } else { with_capacity(size)? };
    parsed.iter().for_each(|header| values.extend_from_slice(header.value));
    let mut values = Bytes::from(values);
    let mut headers = HeaderMap::with_capacity(parsed.len());
    for header in parsed {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| broken("a header's name is no name"))?;
        let value = HeaderValue::from_maybe_shared(values.split_to(header.value.len()));
        headers.append(name, value.map_err(|_| broken("a header's value is no value"))?);
    }
    Ok(headers)
}

/// RFC 9112, 6.3; and whether the head agrees with itself.
fn framing(status: StatusCode, version: Version, headers: &HeaderMap, to_head: bool) -> io::Result<(Framing, bool)> {
    let bodiless = status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if to_head || bodiless {
        return Ok((Framing::Ended, true));
    }
    if headers.contains_key(TRANSFER_ENCODING) {
        // Not with a length too, nor from HTTP/1.0, which does not know it: somebody on the way may have read the body in
        // another way (request smuggling). The connection is closed after it (RFC 9112, 6.1).
        let consistent = version != Version::HTTP_10 && !headers.contains_key(CONTENT_LENGTH);
        let chunked =
            tokens(headers, &TRANSFER_ENCODING).last().is_some_and(|last| last.eq_ignore_ascii_case(b"chunked"));
        let framing = if chunked { Framing::Chunked(Box::default()) } else { Framing::Close };
        return Ok((framing, consistent));
    }
    let mut length = None;
    for token in tokens(headers, &CONTENT_LENGTH) {
        let digits = !token.is_empty() && token.iter().all(u8::is_ascii_digit);
        let value = std::str::from_utf8(token).ok().filter(|_| digits).and_then(|token| token.parse::<u64>().ok());
        let value = value.ok_or_else(|| broken("Content-Length is no length"))?;
        if length.is_some_and(|length| length != value) {
            return Err(broken("Content-Length contradicts itself"));
        }
        length = Some(value);
    }
    match length {
        Some(length) => Ok((Framing::Length(length), true)),
        None if headers.contains_key(CONTENT_LENGTH) => Err(broken("Content-Length is no length")),
        None => Ok((Framing::Close, true)),
    }
}

fn keeps_alive(version: Version, headers: &HeaderMap) -> bool {
    let says = |word: &[u8]| tokens(headers, &CONNECTION).any(|token| token.eq_ignore_ascii_case(word));
    if version == Version::HTTP_10 { says(b"keep-alive") && !says(b"close") } else { !says(b"close") }
}

/// The elements of a comma-separated header.
fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    let values = headers.get_all(name).into_iter();
    values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii))
}
