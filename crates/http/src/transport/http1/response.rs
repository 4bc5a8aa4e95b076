//! Reads the heads of responses, and determines the framing of their bodies.
//!
//! `httparse` reads what follows RFC 9112; what it refuses is read again by [`super::lenient`], which accepts what other
//! clients do. Both agree on where a head ends: at its first empty line, and a line ends with LF. A head has at most
//! 400 KiB. Contradicting lengths are refused.

use std::io;
use std::mem::MaybeUninit;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use httparse::Status;

use super::chunked::ChunkedDecoder;
use super::lenient::{self, MAX_HEAD, malformed};
use crate::memory::with_capacity;
use crate::transport::interface::Head;

/// Headers that `httparse` reads into an array on the stack, 2.4 KB; heads with more go to [`lenient`].
const STACK_HEADERS: usize = 100;

/// How the end of a body is found (RFC 9112, 6.3).
pub enum Framing {
    /// By its length; this many bytes are left.
    Length(u64),
    /// By the last chunk.
    Chunked(Box<ChunkedDecoder>),
    /// By the end of the connection.
    Close,
    /// The body is complete.
    Ended,
}

impl Framing {
    /// Whether nothing is left to read.
    pub(crate) fn is_complete(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(decoder) => decoder.is_done(),
            Self::Close => false,
            Self::Ended => true,
        }
    }
}

/// A parsed head.
pub struct Parsed {
    /// Status, version, headers.
    pub head: Head,
    /// The framing of the body.
    pub framing: Framing,
    /// The bytes of the head in the input.
    pub size: usize,
    /// Whether another request may follow on the connection.
    pub reusable: bool,
}

/// Reads the head at the beginning of `input`; `None` if it is incomplete. The first `seen` bytes were parsed before.
/// `to_head`: the request was HEAD, so that no body follows.
pub fn parse(input: &[u8], seen: usize, to_head: bool) -> io::Result<Option<Parsed>> {
    // An ordinary head begins with "HTTP".
    let head = if input.first() == Some(&b'H') { input } else { without_empty_lines(input) };
    let skipped = input.len() - head.len();
    if !is_due(head, seen.saturating_sub(skipped)) {
        return incomplete(head);
    }
    let mut space = [const { MaybeUninit::uninit() }; STACK_HEADERS];
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
        return Err(malformed("the head is too large"));
    }
    let status = code.and_then(|code| StatusCode::from_u16(code).ok());
    let status = status.ok_or_else(|| malformed("the status code is invalid"))?;
    let version = if version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    let (framing, consistent) = framing(status, version, &headers, to_head)?;
    let length = match framing {
        Framing::Length(length) => Some(length),
        _ => None,
    };
    let reusable = consistent && status != StatusCode::SWITCHING_PROTOCOLS && keeps_alive(version, &headers);
    Ok(Some(Parsed { head: Head { status, version, headers, length }, framing, size: skipped + size, reusable }))
}

/// `input` without the empty lines before a status line, which RFC 9112 (2.2) allows.
pub(super) fn without_empty_lines(mut input: &[u8]) -> &[u8] {
    while let Some(rest) = input.strip_prefix(b"\r\n").or_else(|| input.strip_prefix(b"\n")) {
        input = rest;
    }
    input
}

/// Whether to parse `head`, whose first `seen` bytes were parsed before: the first time, at its end, and when it has
/// doubled, so that bytes that are not HTTP are refused early. Parsing at every read would take quadratic time for a head
/// that arrives byte by byte.
fn is_due(head: &[u8], seen: usize) -> bool {
    if seen == 0 || head.len().leading_zeros() < seen.leading_zeros() {
        return true;
    }
    let unseen = head.get(seen.saturating_sub(2)..).unwrap_or_default();
    unseen.windows(2).any(|two| two == b"\n\n") || unseen.windows(3).any(|three| three == b"\n\r\n")
}

fn incomplete(head: &[u8]) -> io::Result<Option<Parsed>> {
    if head.len() > MAX_HEAD { Err(malformed("the head is too large")) } else { Ok(None) }
}

/// Values up to this total size are allocated infallibly, like everything small around a request.
const SMALL: usize = 16 << 10;

/// Copies the headers out of the receive buffer; the values share one allocation.
fn headers(parsed: &[httparse::Header<'_>]) -> io::Result<HeaderMap> {
    let size = parsed.iter().map(|header| header.value.len()).sum();
    let mut values = if size <= SMALL { Vec::with_capacity(size) } else { with_capacity(size)? };
    parsed.iter().for_each(|header| values.extend_from_slice(header.value));
    let mut values = Bytes::from(values);
    let mut headers = HeaderMap::with_capacity(parsed.len());
    for header in parsed {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| malformed("a header name is invalid"))?;
        let value = HeaderValue::from_maybe_shared(values.split_to(header.value.len()));
        headers.append(name, value.map_err(|_| malformed("a header value is invalid"))?);
    }
    Ok(headers)
}

/// The framing (RFC 9112, 6.3), and whether the head is unambiguous about it.
fn framing(status: StatusCode, version: Version, headers: &HeaderMap, to_head: bool) -> io::Result<(Framing, bool)> {
    let bodiless = status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if to_head || bodiless {
        return Ok((Framing::Ended, true));
    }
    if headers.contains_key(TRANSFER_ENCODING) {
        // With a length as well, or from HTTP/1.0, an intermediary may have read another framing (request smuggling).
        // So the connection is closed after it (RFC 9112, 6.1).
        let consistent = version != Version::HTTP_10 && !headers.contains_key(CONTENT_LENGTH);
        let chunked =
            tokens(headers, &TRANSFER_ENCODING).last().is_some_and(|last| last.eq_ignore_ascii_case(b"chunked"));
        let framing = if chunked { Framing::Chunked(Box::default()) } else { Framing::Close };
        return Ok((framing, consistent));
    }
    let mut length = None;
    for token in tokens(headers, &CONTENT_LENGTH) {
        let value = decimal(token).ok_or_else(|| malformed("Content-Length is invalid"))?;
        if length.is_some_and(|length| length != value) {
            return Err(malformed("Content-Length has two different values"));
        }
        length = Some(value);
    }
    Ok((length.map_or(Framing::Close, Framing::Length), true))
}

/// The value of decimal digits, of which there is at least one.
fn decimal(digits: &[u8]) -> Option<u64> {
    let append = |value: u64, digit: &u8| {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 { None } else { value.checked_mul(10)?.checked_add(u64::from(digit)) }
    };
    if digits.is_empty() { None } else { digits.iter().try_fold(0, append) }
}

fn keeps_alive(version: Version, headers: &HeaderMap) -> bool {
    let says = |option: &[u8]| tokens(headers, &CONNECTION).any(|token| token.eq_ignore_ascii_case(option));
    if version == Version::HTTP_10 { says(b"keep-alive") && !says(b"close") } else { !says(b"close") }
}

/// The elements of a comma-separated header.
fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    let values = headers.get_all(name).into_iter();
    values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii))
}
