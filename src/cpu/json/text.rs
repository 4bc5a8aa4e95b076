//! Strings: their escapes checked, and resolved where a string is wanted.

/// Checks the escape whose backslash is at `position`. `paired` is where the second half of a surrogate pair has been
/// seen, which is no fault when it comes.
pub fn check_escape(json: &[u8], position: usize, paired: &mut usize) -> Result<(), &'static str> {
    match json.get(position + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(()),
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
        _ => Err("Invalid \\escape"),
    }
}

/// Four hexadecimal digits.
fn hex(json: &[u8], position: usize) -> Option<u32> {
    let digits = json.get(position..position + 4)?;
    digits.iter().try_fold(0, |value, digit| Some(value << 4 | char::from(*digit).to_digit(16)?))
}

/// Appends what stands between the quotes. Its escapes have been checked.
pub fn unescape(inner: &str, out: &mut String) {
    let mut rest = inner;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut letters = escape.chars();
        let letter = match letters.next() {
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                let bytes = escape.as_bytes();
                let first = hex(bytes, 1).unwrap_or_default();
                let code = if let 0xD800..=0xDBFF = first {
                    letters.by_ref().take(6).for_each(drop);
                    0x10000 + ((first & 0x3FF) << 10 | hex(bytes, 7).unwrap_or_default() & 0x3FF)
                } else {
                    first
                };
                letters.by_ref().take(4).for_each(drop);
                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            Some(letter) => letter,
            None => return,
        };
        out.push(letter);
        rest = letters.as_str();
    }
    out.push_str(rest);
}
