//! Safe file names from any text.

#[cfg(test)]
mod tests;

use flate2::Crc;

/// The longest ending of a name, with its dot; a longer one is part of the name.
const MAX_ENDING: usize = 17;

/// `text` as a single component of a path on every common file system.
///
/// Replaced by `_`: separators, control characters, `<>:"|?*`, leading dots, trailing dots and spaces. A name that Windows
/// reserves (`CON`, `nul.txt`) gets a `_` in front; an empty name is `_`. All other characters stay, letters of every
/// script included. Different texts can become the same name.
pub fn safe_name(text: &str) -> String {
    let mut name: String = text.chars().map(|char| if is_forbidden(char) { '_' } else { char }).collect();
    let dots = name.len() - name.trim_start_matches('.').len();
    name.replace_range(..dots, &"_".repeat(dots));
    replace_end(&mut name);
    if name.is_empty() || is_reserved(&name) {
        name.insert(0, '_');
    }
    name
}

/// Replaces dots and spaces at the end.
fn replace_end(name: &mut String) {
    let kept = name.trim_end_matches(['.', ' ']).len();
    let end = "_".repeat(name.len() - kept);
    name.replace_range(kept.., &end);
}

/// A safe name of at most `max_len` bytes, cut in front of its ending.
pub(super) fn shorten(name: &str, max_len: usize) -> String {
    if name.len() <= max_len {
        return name.to_owned();
    }
    let (stem, ending) = split_ending(name, max_len.saturating_sub(1));
    let mut short = truncate(stem, max_len.saturating_sub(ending.len())).to_owned();
    // The cut may have uncovered a dot or a space.
    replace_end(&mut short);
    short + ending
}

/// The same with a checksum in front of the ending, so that two long names with the same beginning differ.
pub fn shorten_with_checksum(name: &str, max_len: usize) -> String {
    if name.len() <= max_len {
        return name.to_owned();
    }
    let mut crc = Crc::new();
    crc.update(name.as_bytes());
    let (stem, ending) = split_ending(name, MAX_ENDING);
    let tail = format!("-{:08x}{ending}", crc.sum());
    truncate(stem, max_len.saturating_sub(tail.len())).to_owned() + &tail
}

/// A name in front of its ending, and the ending with its dot if it has at most `max_len` bytes.
fn split_ending(name: &str, max_len: usize) -> (&str, &str) {
    let (stem, ending) = name.split_at(name.rfind('.').unwrap_or(name.len()));
    if ending.len() <= max_len.min(MAX_ENDING) { (stem, ending) } else { (name, "") }
}

fn is_forbidden(char: char) -> bool {
    char.is_control() || matches!(char, '/' | '\\' | '<' | '>' | ':' | '"' | '|' | '?' | '*' | '\u{2028}' | '\u{2029}')
}

/// Whether `name` is a device on Windows, with any ending.
fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_ascii_uppercase();
    match stem.as_str() {
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" => true,
        _ => stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT")).is_some_and(|number| {
            let mut chars = number.chars();
            matches!(chars.next(), Some('0'..='9' | '¹' | '²' | '³')) && chars.next().is_none()
        }),
    }
}

/// At most `max_len` bytes of `text`, cut between characters.
fn truncate(text: &str, max_len: usize) -> &str {
    let end = (0..=max_len.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}
