//! Encodings told by the bytes themselves: by a byte order mark, the zeros of UTF-16 and UTF-32 JSON, or an HTML page's own
//! declaration.

use std::borrow::Cow;

use encoding_rs::{Encoding, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};

/// The bytes that browsers search for a `<meta>` with the encoding before they begin to parse.
const PRESCAN: usize = 1024;

/// Begins an escape sequence of ISO-2022-JP, whose bytes are all ASCII.
const ESCAPE: u8 = 0x1b;

/// Elements whose content is no markup.
const RAW: [&[u8]; 8] = [b"script", b"style", b"title", b"textarea", b"iframe", b"xmp", b"noembed", b"noframes"];

/// The encoding of the byte order mark, which wins over everything (WHATWG Encoding, "decode"), else the named one (by a
/// response's headers, say), else UTF-8.
pub fn resolve(named: Option<&'static Encoding>, bytes: &[u8]) -> &'static Encoding {
    Encoding::for_bom(bytes).map(|(mark, _)| mark).or(named).unwrap_or(UTF_8)
}

/// A JSON document in UTF-8, without byte order mark. JSON is in UTF-8 whatever its headers say (RFC 8259 8.1), or in
/// UTF-16 or UTF-32, which `json.loads` tells by the zeros around the first character. Only other bytes are in the named
/// encoding.
pub fn json_text<'a>(named: Option<&'static Encoding>, bytes: &'a [u8]) -> Cow<'a, [u8]> {
    let decoded = |encoding: &'static Encoding, bytes: &'a [u8]| -> Cow<'a, [u8]> {
        match encoding.decode_without_bom_handling(bytes).0 {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        }
    };
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => Cow::Borrowed(rest),
        [0, 0, 0xfe, 0xff, rest @ ..] => Cow::Owned(utf32(rest, u32::from_be_bytes)),
        [0xff, 0xfe, 0, 0, rest @ ..] => Cow::Owned(utf32(rest, u32::from_le_bytes)),
        [0xfe, 0xff, rest @ ..] => decoded(UTF_16BE, rest),
        [0xff, 0xfe, rest @ ..] => decoded(UTF_16LE, rest),
        [0, _, ..] | [_, 0, ..] if is_ascii_at_its_ends(bytes, 4, 3) => Cow::Owned(utf32(bytes, u32::from_be_bytes)),
        [0, _, ..] | [_, 0, ..] if is_ascii_at_its_ends(bytes, 4, 0) => Cow::Owned(utf32(bytes, u32::from_le_bytes)),
        [0, _, ..] | [_, 0, ..] if is_ascii_at_its_ends(bytes, 2, 1) => decoded(UTF_16BE, bytes),
        [0, _, ..] | [_, 0, ..] if is_ascii_at_its_ends(bytes, 2, 0) => decoded(UTF_16LE, bytes),
        _ => match named {
            Some(named) if named != UTF_8 && !is_utf8(named, bytes) => decoded(named, bytes),
            _ => Cow::Borrowed(bytes),
        },
    }
}

/// Whether the first and the last character are ASCII, as those of a JSON document are, in units of `size` bytes that are
/// zero except at `place`.
fn is_ascii_at_its_ends(bytes: &[u8], size: usize, place: usize) -> bool {
    let is_ascii = |unit: &[u8]| unit.iter().enumerate().all(|(at, byte)| (*byte == 0) == (at != place));
    let mut units = bytes.chunks_exact(size);
    bytes.len().is_multiple_of(size) && units.next().is_some_and(is_ascii) && units.last().is_none_or(is_ascii)
}

/// Whether JSON with the charset `named` is in UTF-8 nevertheless. (ISO-2022-JP is ASCII with escape sequences, and so
/// looks like UTF-8.)
pub(crate) fn is_utf8(named: &'static Encoding, bytes: &[u8]) -> bool {
    named != ISO_2022_JP && simdutf8::basic::from_utf8(bytes).is_ok()
}

/// Decodes UTF-32; invalid characters become U+FFFD, as in other encodings.
fn utf32(bytes: &[u8], unit: fn([u8; 4]) -> u32) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len() / 4);
    for four in bytes.chunks(4) {
        let character = four.try_into().ok().and_then(|four| char::from_u32(unit(four)));
        let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
        text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    text
}

/// The encoding of an HTML page: that of its byte order mark, else the named one, else the page's own, else UTF-8.
pub fn html_encoding(named: Option<&'static Encoding>, html: &[u8]) -> &'static Encoding {
    let mark = Encoding::for_bom(html).map(|(encoding, _)| encoding);
    mark.or(named).or_else(|| prescan(html)).or_else(|| late(html)).or_else(|| declared(html)).unwrap_or(UTF_8)
}

/// The encoding that a page declares at its start (HTML standard, "prescan a byte stream to determine its encoding").
fn prescan(html: &[u8]) -> Option<&'static Encoding> {
    match html {
        [b'<', 0, b'?', 0, b'x', 0, ..] => Some(UTF_16LE),
        [0, b'<', 0, b'?', 0, b'x', ..] => Some(UTF_16BE),
        _ => find_meta(html.get(..PRESCAN).unwrap_or(html), false),
    }
}

/// The encoding of a `<meta>` further down (HTML standard, "changing the encoding while parsing"). A page that is the same
/// in all encodings is not searched.
fn late(html: &[u8]) -> Option<&'static Encoding> {
    let same = html.is_ascii() && !html.contains(&ESCAPE);
    if same { None } else { find_meta(html, true) }
}

/// The encoding of the XML declaration that XHTML begins with (HTML standard, "get an XML encoding").
fn declared(html: &[u8]) -> Option<&'static Encoding> {
    let rest = html.strip_prefix(b"<?xml")?;
    let rest = rest.get(..rest.iter().position(|byte| *byte == b'>')?)?;
    let at = rest.windows(8).position(|window| window == b"encoding")?;
    let rest = rest.get(at + 8..)?.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (quote, rest) = rest.split_first().filter(|(quote, _)| matches!(quote, b'"' | b'\''))?;
    page_encoding(rest.get(..rest.iter().position(|byte| byte == quote)?)?)
}

/// The encoding of the first `<meta>` with one. With `parsed`, one that a parser would reach: not in a script, say.
fn find_meta(html: &[u8], parsed: bool) -> Option<&'static Encoding> {
    let mut rest = html;
    while let Some(at) = rest.iter().position(|byte| *byte == b'<') {
        rest = rest.get(at + 1..)?;
        if rest.starts_with(b"!--") {
            // The dashes of `<!-->` are both.
            let end = rest.windows(3).position(|window| window == b"-->")?;
            rest = rest.get(end + 3..)?;
            continue;
        }
        let length =
            rest.iter().position(|byte| byte.is_ascii_whitespace() || b"/>".contains(byte)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(length);
        if name.eq_ignore_ascii_case(b"meta") {
            rest = after;
            if let Some(found) = meta(&mut rest) {
                return Some(found);
            }
        } else if rest.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'/') {
            // Past the attributes, in which a `<` means nothing.
            while attribute(&mut rest).is_some() {}
            if parsed && RAW.iter().any(|raw| name.eq_ignore_ascii_case(raw)) {
                let end = |window: &[u8]| window.strip_prefix(b"</").is_some_and(|end| end.eq_ignore_ascii_case(name));
                rest = rest.get(rest.windows(name.len() + 2).position(end)?..)?;
            }
        }
    }
    None
}

/// The encoding in the attributes of a `<meta>`; moves `rest` behind them.
fn meta(rest: &mut &[u8]) -> Option<&'static Encoding> {
    let (mut named, mut content, mut is_type) = (None, None, false);
    let tag = *rest;
    while let Some((name, value)) = attribute(rest) {
        match name.as_slice() {
            b"charset" if named.is_none() => named = Some(value),
            b"content" if content.is_none() => content = content_label(&value),
            b"http-equiv" => is_type |= value == b"content-type",
            _ => {}
        }
    }
    // A truncated tag may lack a part of the name.
    let ended = tag.get(..tag.len() - rest.len()).is_some_and(|tag| tag.ends_with(b">"));
    let label = named.or(content.filter(|_| is_type)).filter(|_| ended)?;
    page_encoding(&label)
}

/// The encoding of a label in a page.
fn page_encoding(label: &[u8]) -> Option<&'static Encoding> {
    let found = Encoding::for_label(label)?;
    // The page was read as ASCII to get here, so it is not in UTF-16.
    Some(match found {
        found if found == UTF_16LE || found == UTF_16BE => UTF_8,
        found if found == X_USER_DEFINED => WINDOWS_1252,
        found => found,
    })
}

/// The label in `text/html; charset=utf-8`.
fn content_label(content: &[u8]) -> Option<Vec<u8>> {
    let mut rest = content;
    loop {
        let at = rest.windows(7).position(|window| window == b"charset")?;
        rest = rest.get(at + 7..)?.trim_ascii_start();
        if let Some(value) = rest.strip_prefix(b"=") {
            let value = value.trim_ascii_start();
            let (value, end): (_, fn(&u8) -> bool) = match value.first()? {
                b'"' => (value.get(1..)?, |byte| *byte == b'"'),
                b'\'' => (value.get(1..)?, |byte| *byte == b'\''),
                _ => (value, |byte| byte.is_ascii_whitespace() || *byte == b';'),
            };
            return Some(value.iter().copied().take_while(|byte| !end(byte)).collect());
        }
    }
}

/// The next attribute of a tag, in lower case; `None` at the end of the tag, which is read.
fn attribute(rest: &mut &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let skip = |rest: &mut &[u8], also: u8| {
        while let Some((first, after)) = rest.split_first()
            && (first.is_ascii_whitespace() || *first == also)
        {
            *rest = after;
        }
    };
    let take = |rest: &mut &[u8], end: &dyn Fn(u8) -> bool| {
        let length = rest.iter().position(|byte| end(*byte)).unwrap_or(rest.len());
        let (taken, after) = rest.split_at(length);
        *rest = after;
        taken.to_ascii_lowercase()
    };
    skip(rest, b'/');
    if let (b'>', after) = rest.split_first()? {
        *rest = after;
        return None;
    }
    let name = take(rest, &|byte| byte.is_ascii_whitespace() || b"/>=".contains(&byte));
    skip(rest, b' ');
    let Some(after) = rest.strip_prefix(b"=") else {
        // A `=` without a name begins one; it is skipped.
        return Some((name, Vec::new()));
    };
    *rest = after;
    skip(rest, b' ');
    let value = match rest.first() {
        Some(quote @ (b'"' | b'\'')) => {
            let quote = *quote;
            *rest = rest.get(1..)?;
            let value = take(rest, &|byte| byte == quote);
            *rest = rest.get(1..).unwrap_or_default();
            value
        }
        _ => take(rest, &|byte| byte.is_ascii_whitespace() || byte == b'>'),
    };
    Some((name, value))
}

#[cfg(test)]
mod tests;
