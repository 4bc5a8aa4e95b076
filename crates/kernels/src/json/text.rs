//! Strings: their escapes checked, and resolved where a string is wanted.

use super::escape;

/// Checks the escape whose backslash is at `position`. `paired` is where the second half of a surrogate pair has been
/// seen, which is no fault when it comes.
pub fn check_escape(json: &[u8], position: usize, paired: &mut usize) -> Result<(), &'static str> {
    match json.get(position + 1) {
        Some(b'u') => {
            let unit = hex(json, position + 2).ok_or("Invalid \\uXXXX escape")?;
            match unit {
                0xD800..=0xDBFF => {
                    let second = position + 6;
                    let low = json.get(second..second + 2) == Some(b"\\u");
                    match low.then(|| hex(json, second + 2)).flatten() {
                        Some(0xDC00..=0xDFFF) => {
                            *paired = second;
                            Ok(())
                        }
                        _ => Err("Half of a surrogate pair"),
                    }
                }
                0xDC00..=0xDFFF if *paired != position => Err("Half of a surrogate pair"),
                _ => Ok(()),
            }
        }
        Some(letter) if escape::simple(*letter).is_some() => Ok(()),
        _ => Err("Invalid \\escape"),
    }
}

/// Four hexadecimal digits.
fn hex(json: &[u8], position: usize) -> Option<u32> {
    escape::hex(*json.get(position..)?.first_chunk()?)
}

/// Appends what stands between the quotes. Its escapes have been checked.
pub fn unescape(inner: &str, out: &mut String) {
    let mut rest = inner;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut letters = escape.chars();
        let letter = match letters.next() {
            Some('u') => {
                let bytes = escape.as_bytes();
                let first = hex(bytes, 1).unwrap_or_default();
                let code = if let 0xD800..=0xDBFF = first {
                    letters.by_ref().take(6).for_each(drop);
                    escape::pair(first, hex(bytes, 7).unwrap_or_default()).unwrap_or_default()
                } else {
                    first
                };
                letters.by_ref().take(4).for_each(drop);
                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            Some(letter) => u8::try_from(letter).ok().and_then(escape::simple).map_or(letter, char::from),
            None => return,
        };
        out.push(letter);
        rest = letters.as_str();
    }
    out.push_str(rest);
}
