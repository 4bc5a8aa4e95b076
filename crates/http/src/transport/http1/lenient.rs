//! Reads the heads that `httparse` refuses and other clients accept: folded lines, control bytes in values and in the
//! reason, any number of headers.
//!
//! Slower than `httparse`, and as strict where leniency would be dangerous: the status line, header names, NUL and CR in
//! values. It accepts whatever `httparse` accepts, with the same result, so both agree on where a head ends.

use std::io;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::control_bytes;
use crate::memory::extend;

/// The most bytes of a head, and of the trailers of a body.
pub(super) const MAX_HEAD: usize = 400 << 10;

/// The error for bytes that are not HTTP/1.
pub(super) fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

pub(super) struct Fields {
    pub(super) code: u16,
    /// The minor version: 0 or 1.
    pub(super) version: u8,
    /// The headers; control bytes in values are encoded by [`control_bytes`].
    pub(super) headers: HeaderMap,
    /// The bytes of the head.
    pub(super) size: usize,
}

/// Reads the head at the beginning of `input`; `None` if it is incomplete.
pub(super) fn parse(input: &[u8]) -> io::Result<Option<Fields>> {
    let Some((first, mut rest)) = split_line(input) else {
        // A CR at the end may be half of a line end.
        status_line(input.strip_suffix(b"\r").unwrap_or(input))?;
        return Ok(None);
    };
    let (code, version) = status_line(first)?;
    // The values share one allocation; each name is stored with the end of its value.
    let mut values = Vec::new();
    let mut names: Vec<(HeaderName, usize)> = Vec::new();
    loop {
        let Some((line, after)) = split_line(rest) else { return Ok(None) };
        rest = after;
        if line.is_empty() {
            break;
        }
        if is_blank(line.first()) {
            // RFC 9112, 5.2: a fold is replaced by a blank.
            let (_, end) = names.last_mut().ok_or_else(|| malformed("the first header is folded"))?;
            let start = values.len();
            let folded = value_of(line)?;
            if !folded.is_empty() {
                extend(&mut values, b" ")?;
                control_bytes::encode(folded, &mut values)?;
            }
            *end += values.len() - start;
        } else {
            let (name, value) = field(line)?;
            control_bytes::encode(value, &mut values)?;
            names.try_reserve(1)?;
            names.push((name, values.len()));
        }
    }
    Ok(Some(Fields { code, version, headers: headers(names, values)?, size: input.len() - rest.len() }))
}

fn headers(names: Vec<(HeaderName, usize)>, mut values: Vec<u8>) -> io::Result<HeaderMap> {
    values.shrink_to_fit();
    let values = Bytes::from(values);
    let mut headers = HeaderMap::new();
    let mut start = 0;
    for (name, end) in names {
        // After an empty first line the value begins with the blank of the fold.
        let value = values.slice(start..end);
        let value = value.slice_ref(value.trim_ascii_start());
        let value = HeaderValue::from_maybe_shared(value).map_err(|_| malformed("a header value is invalid"))?;
        headers.try_append(name, value).map_err(|_| malformed("the head has too many headers"))?;
        start = end;
    }
    Ok(headers)
}

/// The first line of `input` without its line end, and the rest; `None` if the line is incomplete.
pub(super) fn split_line(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (line, rest) = input.split_at_checked(input.iter().position(|byte| *byte == b'\n')?)?;
    Some((line.strip_suffix(b"\r").unwrap_or(line), rest.get(1..)?))
}

/// Status code and minor version of a status line.
fn status_line(line: &[u8]) -> io::Result<(u16, u8)> {
    let invalid = || malformed("the status line is invalid");
    let rest = line.strip_prefix(b"HTTP/1.").ok_or_else(invalid)?;
    let (version, rest) = match rest {
        [version @ (b'0' | b'1'), b' ', rest @ ..] => (version - b'0', rest),
        _ => return Err(invalid()),
    };
    let (digits, reason) = rest.split_first_chunk::<3>().ok_or_else(invalid)?;
    if !digits.iter().all(u8::is_ascii_digit) || !matches!(reason, [] | [b' ', ..]) || reason.iter().any(is_dangerous) {
        return Err(invalid());
    }
    Ok((digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0')), version))
}

/// Name and value of a line that is not folded.
pub(super) fn field(line: &[u8]) -> io::Result<(HeaderName, &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':');
    let (name, value) =
        colon.and_then(|at| line.split_at_checked(at)).ok_or_else(|| malformed("a header line has no colon"))?;
    let name = HeaderName::from_bytes(name).map_err(|_| malformed("a header name is invalid"))?;
    Ok((name, value_of(value.get(1..).unwrap_or_default())?))
}

/// Checks a value and trims the blanks around it.
pub(super) fn value_of(text: &[u8]) -> io::Result<&[u8]> {
    if text.iter().any(is_dangerous) {
        return Err(malformed("a header value contains NUL or CR"));
    }
    let start = text.iter().position(|byte| !is_blank(Some(byte))).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !is_blank(Some(byte))).map_or(start, |last| last + 1);
    Ok(text.get(start..end).unwrap_or_default())
}

/// Whether a line that begins with this byte continues the previous one.
pub(super) fn is_blank(byte: Option<&u8>) -> bool {
    matches!(byte, Some(b' ' | b'\t'))
}

/// Bytes that RFC 9110, 5.5 forbids in a value.
fn is_dangerous(byte: &u8) -> bool {
    matches!(byte, 0 | b'\r' | b'\n')
}
