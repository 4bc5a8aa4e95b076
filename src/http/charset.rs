//! Which characters the bytes of a body stand for: a byte order mark, else the charset of `Content-Type`, else UTF-8.
//! JSON has no charset (RFC 8259 8.1): one that is named counts only where the body is not in UTF-8.
//!
//! Names are those of the WHATWG Encoding Standard, as browsers read them: `iso-8859-1` and `ascii` are windows-1252. A
//! name it does not know counts as none. `<meta charset>` inside HTML is not looked at.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};
use http::HeaderMap;
use http::header::CONTENT_TYPE;

use shoal_kernels::charset::{is_utf8, resolve};

/// The encoding of a body.
pub fn encoding_of(headers: &HeaderMap, body: &[u8]) -> &'static Encoding {
    let counts = |named: &&'static Encoding| *named == UTF_8 || !is_json(headers) || !is_utf8(named, body);
    resolve(named(headers).filter(counts), body)
}

/// The encoding that the headers name.
pub fn named(headers: &HeaderMap) -> Option<&'static Encoding> {
    headers.get(CONTENT_TYPE).and_then(|value| charset(value.as_bytes()))
}

/// Whether the media type is JSON: `application/json`, `text/json`, `application/problem+json`.
fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).map(|value| value.as_bytes()).unwrap_or_default();
    let end = media_type.iter().position(|byte| *byte == b';').unwrap_or(media_type.len());
    let essence = media_type.get(..end).unwrap_or_default().trim_ascii().to_ascii_lowercase();
    essence.ends_with(b"/json") || essence.ends_with(b"+json")
}

/// The text; what is not valid becomes U+FFFD, a byte order mark is left out.
pub fn decode<'a>(encoding: &'static Encoding, body: &'a [u8]) -> Cow<'a, str> {
    encoding.decode_with_bom_removal(body).0
}

/// The `charset` parameter of a media type.
fn charset(media_type: &[u8]) -> Option<&'static Encoding> {
    media_type.split(|byte| *byte == b';').skip(1).find_map(|parameter| {
        let parameter = parameter.trim_ascii();
        let at = parameter.iter().position(|byte| *byte == b'=')?;
        let (name, value) = parameter.split_at(at);
        if !name.trim_ascii_end().eq_ignore_ascii_case(b"charset") {
            return None;
        }
        let value = value.get(1..)?.trim_ascii();
        let value = value.strip_prefix(b"\"").unwrap_or(value);
        let value = value.strip_suffix(b"\"").unwrap_or(value);
        let value = value.strip_prefix(b"'").and_then(|value| value.strip_suffix(b"'")).unwrap_or(value);
        label(value)
    })
}

/// By its name in the standard or, as Python programs write it, with other or no hyphens: `utf_8`, `latin-1`.
fn label(name: &[u8]) -> Option<&'static Encoding> {
    let named = Encoding::for_label_no_replacement;
    named(name)
        .or_else(|| named(&name.iter().map(|byte| if *byte == b'_' { b'-' } else { *byte }).collect::<Vec<_>>()))
        .or_else(|| named(&name.iter().copied().filter(|byte| !b"-_".contains(byte)).collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use encoding_rs::UTF_16LE;

    use super::*;

    fn of(content_type: &'static str, body: &[u8]) -> &'static str {
        let mut headers = HeaderMap::new();
        if !content_type.is_empty() {
            headers.insert(CONTENT_TYPE, http::HeaderValue::from_static(content_type));
        }
        encoding_of(&headers, body).name()
    }

    #[test]
    fn the_mark_then_the_header_then_utf_8() {
        assert_eq!(of("", b"abc"), "UTF-8");
        assert_eq!(of("", b"\xff\xfea\0"), "UTF-16LE");
        assert_eq!(of("text/html; charset=shift_jis", b"\xef\xbb\xbfa"), "UTF-8");
        assert_eq!(of("text/html; charset=shift_jis", b"a"), "Shift_JIS");
        assert_eq!(of("application/json; charset=iso-8859-1", "é".as_bytes()), "UTF-8");
        assert_eq!(of("Application/Problem+JSON ;charset=iso-8859-1", "é".as_bytes()), "UTF-8");
        assert_eq!(of("application/json; charset=iso-8859-1", b"\xe9"), "windows-1252");
        assert_eq!(of("application/jsonx; charset=iso-8859-1", "é".as_bytes()), "windows-1252");
        assert_eq!(of("text/html; Charset = \"ISO-8859-1\"; x=y", b""), "windows-1252");
        assert_eq!(of("text/html; boundary=charset; charset='koi8-r'", b""), "KOI8-R");
        assert_eq!(of("text/html; charset=klingon", b"\xfe\xff\0a"), "UTF-16BE");
        assert_eq!(of("text/html; charset=utf-16", b"\xfe\xff\0a"), "UTF-16BE");
        assert_eq!(of("text/html; charset", b"a"), "UTF-8");
        assert_eq!(of("text/html; charset=latin-1", b"a"), "windows-1252");
        assert_eq!(of("text/html; charset=iso_8859_2", b"a"), "ISO-8859-2");
        // Known to the standard only as "refuse it".
        assert_eq!(of("text/html; charset=iso-2022-kr", b"a"), "UTF-8");
    }

    #[test]
    fn marks_are_left_out_and_rubbish_is_replaced() {
        assert_eq!(decode(UTF_8, b"\xef\xbb\xbfa\xff"), "a\u{fffd}");
        assert_eq!(decode(UTF_16LE, b"\xff\xfea\0"), "a");
    }
}
