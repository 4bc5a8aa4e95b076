//! The charset of a `Content-Type` header.
//!
//! Names are those of the WHATWG Encoding Standard, as browsers read them: `iso-8859-1` and `ascii` are windows-1252. An
//! unknown name is ignored.

use encoding_rs::{Encoding, UTF_8};

use crate::charset::{is_utf8, resolve};

/// The encoding of a body: that of its byte order mark, else the header's charset, else UTF-8. JSON has no charset
/// (RFC 8259 8.1): it is used only for a body that is not in UTF-8. `<meta charset>` inside HTML is not read.
pub fn encoding_of(content_type: &[u8], body: &[u8]) -> &'static Encoding {
    let counts = |named: &&'static Encoding| *named == UTF_8 || !is_json(content_type) || !is_utf8(named, body);
    resolve(charset(content_type).filter(counts), body)
}

/// Whether the media type is JSON: `application/json`, `text/json`, `application/problem+json`.
fn is_json(content_type: &[u8]) -> bool {
    let media_type = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
    let media_type = media_type.trim_ascii().to_ascii_lowercase();
    media_type.ends_with(b"/json") || media_type.ends_with(b"+json")
}

/// The `charset` parameter.
pub fn charset(content_type: &[u8]) -> Option<&'static Encoding> {
    content_type.split(|byte| *byte == b';').skip(1).find_map(|parameter| {
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

/// The encoding by its name in the standard or, as Python programs write it, with other or no hyphens: `utf_8`,
/// `latin-1`.
fn label(name: &[u8]) -> Option<&'static Encoding> {
    let named = Encoding::for_label_no_replacement;
    named(name)
        .or_else(|| named(&name.iter().map(|byte| if *byte == b'_' { b'-' } else { *byte }).collect::<Vec<_>>()))
        .or_else(|| named(&name.iter().copied().filter(|byte| !b"-_".contains(byte)).collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_then_the_header_then_utf_8() {
        for (content_type, body, name) in [
            ("", &b"abc"[..], "UTF-8"),
            ("", b"\xff\xfea\0", "UTF-16LE"),
            ("text/html; charset=shift_jis", b"\xef\xbb\xbfa", "UTF-8"),
            ("text/html; charset=shift_jis", b"a", "Shift_JIS"),
            ("application/json; charset=iso-8859-1", "é".as_bytes(), "UTF-8"),
            ("Application/Problem+JSON ;charset=iso-8859-1", "é".as_bytes(), "UTF-8"),
            ("application/json; charset=iso-8859-1", b"\xe9", "windows-1252"),
            ("application/jsonx; charset=iso-8859-1", "é".as_bytes(), "windows-1252"),
            ("text/html; Charset = \"ISO-8859-1\"; x=y", b"", "windows-1252"),
            ("text/html; boundary=charset; charset='koi8-r'", b"", "KOI8-R"),
            ("text/html; charset=klingon", b"\xfe\xff\0a", "UTF-16BE"),
            ("text/html; charset=utf-16", b"\xfe\xff\0a", "UTF-16BE"),
            ("text/html; charset", b"a", "UTF-8"),
            ("text/html; charset=latin-1", b"a", "windows-1252"),
            ("text/html; charset=iso_8859_2", b"a", "ISO-8859-2"),
            // The standard knows this name only to refuse it.
            ("text/html; charset=iso-2022-kr", b"a", "UTF-8"),
        ] {
            assert_eq!(encoding_of(content_type.as_bytes(), body).name(), name, "{content_type}");
        }
    }
}
