//! Safe file names from any text.

use flate2::Crc;

/// A longer ending is part of the name.
const MAX_ENDING: usize = 16;

/// `text` as the name of a file in one folder, on every common file system, of at most `max_len` bytes.
///
/// Separators, control characters and `<>:"|?*` become `_`, and so does a leading dot. White space at both ends and dots
/// at the end are removed. A name that Windows reserves (`CON`, `nul.txt`) gets a `_` in front; an empty name is `_`. A
/// name that is too long keeps its ending and gets a checksum, so that two long names with the same beginning differ.
/// All other characters stay, letters of every script included.
pub fn safe_name(text: &str, max_len: usize) -> String {
    let replaced: String = text.chars().map(|char| if is_forbidden(char) { '_' } else { char }).collect();
    let mut name = replaced.trim_start().trim_end_matches(|char: char| char.is_whitespace() || char == '.').to_owned();
    if name.starts_with('.') {
        name.replace_range(..1, "_");
    }
    if name.is_empty() || is_reserved(&name) {
        name.insert(0, '_');
    }
    if name.len() > max_len { shorten(&name, max_len) } else { name }
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

/// Cuts a safe name in front of its checksum and ending.
fn shorten(name: &str, max_len: usize) -> String {
    let mut crc = Crc::new();
    crc.update(name.as_bytes());
    let checksum = crc.sum();
    let (stem, tail) = match name.rsplit_once('.') {
        Some((stem, ending)) if ending.len() <= MAX_ENDING => (stem, format!("-{checksum:08x}.{ending}")),
        _ => (name, format!("-{checksum:08x}")),
    };
    let short = truncate(stem, max_len.saturating_sub(tail.len())).to_owned() + &tail;
    truncate(&short, max_len).to_owned()
}

/// At most `max_len` bytes of `text`, cut between characters.
fn truncate(text: &str, max_len: usize) -> &str {
    let end = (0..=max_len.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_on_every_system() {
        for (text, expected) in [
            ("D'Angelo Russell", "D'Angelo Russell"),
            ("Nikola Jokić", "Nikola Jokić"),
            ("渡邊雄太", "渡邊雄太"),
            ("a/b", "a_b"),
            ("a\\b", "a_b"),
            ("../../etc/passwd", "_._.._etc_passwd"),
            ("..", "_"),
            (".", "_"),
            ("", "_"),
            (".bashrc", "_bashrc"),
            ("C:\\Windows", "C__Windows"),
            ("<>:\"|?*", "_______"),
            ("a\0b\nc\u{7f}", "a_b_c_"),
            ("\u{2028}\u{85}", "__"),
            ("end. . ", "end"),
            (" \u{3000}start", "start"),
            ("   ", "_"),
            ("CON", "_CON"),
            ("con", "_con"),
            ("nul.txt", "_nul.txt"),
            ("CON .txt", "_CON .txt"),
            ("COM1", "_COM1"),
            ("lpt9.tar.gz", "_lpt9.tar.gz"),
            ("COM¹", "_COM¹"),
            ("COM10", "COM10"),
            ("CONSOLE", "CONSOLE"),
            ("v1.2.tar.gz", "v1.2.tar.gz"),
            ("{index}", "{index}"),
        ] {
            assert_eq!(safe_name(text, 255), expected, "{text:?}");
        }
    }

    #[test]
    fn long_names_keep_their_ending_and_differ() {
        let long = "x".repeat(300);
        assert_eq!(safe_name(&long, 255), format!("{}-1b432d13", "x".repeat(246)));
        let html = safe_name(&format!("{long}.html"), 255);
        assert!(html.len() == 255 && html.starts_with(&"x".repeat(241)) && html.ends_with(".html"), "{html}");
        let (one, two) = (safe_name(&format!("{long}1"), 255), safe_name(&format!("{long}2"), 255));
        assert!(one != two && one.len() == 255 && two.len() == 255);
        assert_eq!(safe_name(&"ć".repeat(300), 255).len(), 255);
        assert_eq!(safe_name(&"ć".repeat(300), 254).len(), 253);
        assert_eq!(safe_name(&format!("a.{}", "b".repeat(300)), 255).len(), 255);
        assert_eq!(safe_name(&long, 4), "-1b4");
        assert_eq!(safe_name("long", 0), "");
    }
}
