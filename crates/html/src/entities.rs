//! Character references: `&amp;`, `&#8364;`, and the old ones without a semicolon. The names are html5ever's.

use html5ever::data::{C1_REPLACEMENTS, NAMED_ENTITIES};

/// Where a text stands. In an attribute `&copy=1` is no reference, so that URLs survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Text,
    Attribute,
}

/// Appends `text` with its character references decoded.
pub(crate) fn decode(text: &str, place: Place, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (before, reference) = rest.split_at(at);
        out.push_str(before);
        let used = decode_one(reference, place, out);
        if used == 0 {
            out.push('&');
        }
        rest = reference.get(used.max(1)..).unwrap_or_default();
    }
    out.push_str(rest);
}

/// Decodes the reference at the start of `text`; its length, 0 if there is none.
fn decode_one(text: &str, place: Place, out: &mut String) -> usize {
    let bytes = text.as_bytes();
    match bytes.get(1) {
        Some(b'#') => numeric(bytes, out),
        Some(byte) if byte.is_ascii_alphanumeric() => named(text, place, out),
        _ => 0,
    }
}

/// Nearly all references in practice; the table takes a look-up per character.
const FREQUENT: [(&str, &str); 6] =
    [("amp;", "&"), ("nbsp;", "\u{a0}"), ("quot;", "\""), ("lt;", "<"), ("gt;", ">"), ("copy;", "©")];

fn named(text: &str, place: Place, out: &mut String) -> usize {
    let name = text.get(1..).unwrap_or_default();
    for (frequent, decoded) in FREQUENT {
        if name.starts_with(frequent) {
            out.push_str(decoded);
            return 1 + frequent.len();
        }
    }
    // The table holds every prefix of a name, too, with zeros: the longest match is found step by step.
    let mut found = None;
    for end in 1..=name.len() {
        let Some(entry) = name.get(..end).and_then(|prefix| NAMED_ENTITIES.get(prefix)) else { break };
        if entry.0 != 0 {
            found = Some((end, *entry));
        }
    }
    let Some((length, (first, second))) = found else { return 0 };
    let bytes = name.as_bytes();
    let is_parameter = || bytes.get(length).is_some_and(|next| *next == b'=' || next.is_ascii_alphanumeric());
    if place == Place::Attribute && bytes.get(length - 1) != Some(&b';') && is_parameter() {
        return 0;
    }
    out.extend([first, second].into_iter().filter(|code| *code != 0).filter_map(char::from_u32));
    1 + length
}

fn numeric(bytes: &[u8], out: &mut String) -> usize {
    let hexadecimal = matches!(bytes.get(2), Some(b'x' | b'X'));
    let start = if hexadecimal { 3 } else { 2 };
    let radix = if hexadecimal { 16 } else { 10 };
    let digits = bytes.get(start..).unwrap_or_default();
    let mut code: u32 = 0;
    let mut length = 0;
    for digit in digits.iter().map_while(|byte| char::from(*byte).to_digit(radix)) {
        code = code.saturating_mul(radix).saturating_add(digit).min(0x0011_0000);
        length += 1;
    }
    if length == 0 {
        return 0;
    }
    out.push(character(code));
    start + length + usize::from(digits.get(length) == Some(&b';'))
}

fn character(code: u32) -> char {
    let replaced = code.checked_sub(0x80).and_then(|at| C1_REPLACEMENTS.get(at as usize)).copied().flatten();
    replaced.unwrap_or_else(|| if code == 0 { '\u{fffd}' } else { char::from_u32(code).unwrap_or('\u{fffd}') })
}

#[cfg(test)]
mod tests;
