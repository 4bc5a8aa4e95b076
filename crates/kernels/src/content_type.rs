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
mod tests;
