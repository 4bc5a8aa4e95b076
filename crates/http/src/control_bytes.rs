//! Encodes control bytes in header values, which [`http::HeaderValue`] can't hold.
//!
//! Some servers send them, and RFC 9110 (5.5) lets a client keep them. Each is stored as its overlong UTF-8 form, which no
//! valid text contains (`01` becomes `C0 81`), and decoded when Python asks for the value. NUL, CR and LF never get here:
//! a head with them is refused.

use std::borrow::Cow;

use super::memory::{OutOfMemory, reserve};

/// Appends `value` to `into`, encoded.
pub fn encode(value: &[u8], into: &mut Vec<u8>) -> Result<(), OutOfMemory> {
    reserve(into, value.len() + value.iter().filter(|byte| is_control(**byte)).count())?;
    for byte in value {
        if is_control(*byte) { into.extend([0xc0 | byte >> 6, 0x80 | byte & 0x3f]) } else { into.push(*byte) }
    }
    Ok(())
}

/// The value as it was sent.
pub fn decode(value: &[u8]) -> Cow<'_, [u8]> {
    if !has_any(value) {
        return Cow::Borrowed(value);
    }
    let mut sent = Vec::with_capacity(value.len());
    let mut rest = value;
    while let [first, after @ ..] = rest {
        match encoded(rest) {
            Some(byte) => {
                sent.push(byte);
                rest = after.get(1..).unwrap_or_default();
            }
            None => {
                sent.push(*first);
                rest = after;
            }
        }
    }
    Cow::Owned(sent)
}

/// Whether an encoded value has control bytes.
pub fn has_any(value: &[u8]) -> bool {
    value.windows(2).any(|two| encoded(two).is_some())
}

fn encoded(bytes: &[u8]) -> Option<u8> {
    match bytes {
        [first @ (0xc0 | 0xc1), second @ 0x80..=0xbf, ..] => {
            Some((first & 1) << 6 | second & 0x3f).filter(|byte| is_control(*byte))
        }
        _ => None,
    }
}

/// Bytes that [`http::HeaderValue`] refuses, except NUL, CR and LF.
fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && !matches!(byte, 0 | b'\t' | b'\r' | b'\n')
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn values_round_trip() {
        let every: Vec<u8> = (1..=255).filter(|byte| !b"\r\n".contains(byte)).collect();
        for value in [&every[..], b"", b"plain", "é漢".as_bytes(), b"\x01", b"\x7f\x01\x1f"] {
            let mut text = Vec::new();
            encode(value, &mut text).unwrap();
            assert_eq!(*decode(&text), *value);
            assert_eq!(has_any(&text), value.iter().any(|byte| is_control(*byte)));
            assert_eq!(http::HeaderValue::from_bytes(&text).unwrap().as_bytes(), text);
        }
    }

    #[test]
    fn an_overlong_line_break_is_not_decoded() {
        for form in [b"\xc0\x80", b"\xc0\x8a", b"\xc0\x8d", b"\xc0\x89", b"\xc1\x81"] {
            assert_eq!(*decode(form), form[..]);
        }
    }
}
