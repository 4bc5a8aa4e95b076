use crate::error::JsonError;

use super::{Scratch, Text, end, escape_length, read, simple, unit};

/// The string at the start of `json`, and its length including the quotes.
fn string(json: &str) -> Option<(String, usize)> {
    let mut scratch = Scratch::default();
    let (text, end) = read(json, 1, &mut scratch)?;
    let text = match text {
        Text::Ascii(bytes) => {
            assert!(bytes.is_ascii());
            String::from_utf8_lossy(bytes).into_owned()
        }
        Text::Unicode(text) => {
            assert!(!text.is_ascii());
            text.to_owned()
        }
        Text::Characters(characters) => characters.iter().filter_map(|code| char::from_u32(*code)).collect(),
    };
    Some((text, end + 1))
}

#[test]
fn each_character_at_each_position() {
    let specials = [
        ("", ""),
        ("\\n", "\n"),
        ("\\\"", "\""),
        ("\\u0041", "A"),
        ("é", "é"),
        ("\\u00e9", "é"),
        ("\\u4F60", "你"),
        ("😀", "😀"),
        ("\\ud83d\\ude00", "😀"),
        ("\\u4f60\\u597d\\n\\u4f60", "你好\n你"),
        ("\\\\\\\\", "\\\\"),
    ];
    for (escaped, expected) in specials {
        for before in 0..110 {
            for after in [0, 1, 15, 16, 70, 200] {
                let (before, after) = ("a".repeat(before), "b".repeat(after));
                let inner = format!("{before}{escaped}{after}");
                let expected = format!("{before}{expected}{after}");
                for behind in ["", ", 1", "                                                 "] {
                    let json = format!("\"{inner}\"{behind}");
                    assert_eq!(string(&json), Some((expected.clone(), inner.len() + 2)), "{json}");
                }
                assert_eq!(Scratch::default().unescaped(&inner), Some(expected.as_str()));
                for broken in ["", "\n\"", "\\x\"", "\\u12g4\"", "\\ud800\"", "\\udc00\"", "\\ud800\\u0041\"", "\\"] {
                    assert_eq!(string(&format!("\"{inner}{broken}")), None, "{inner}{broken}");
                }
            }
        }
    }
}

#[test]
fn dense_escapes() {
    let mut random = fastrand::Rng::with_seed(3);
    let parts = [("\\n", "\n"), ("\\u0061", "a"), ("\\u0416", "Ж"), ("x", "x"), ("Ж", "Ж"), ("\\ud83d\\ude00", "😀")];
    let mut scratch = Scratch::default();
    for _ in 0..2000 {
        let (mut inner, mut expected) = (String::new(), String::new());
        for _ in 0..random.usize(..300) {
            let (escaped, plain) = parts[random.usize(..parts.len())];
            inner.push_str(escaped);
            expected.push_str(plain);
        }
        assert_eq!(string(&format!("\"{inner}\"")), Some((expected.clone(), inner.len() + 2)));
        assert_eq!(scratch.unescaped(&inner), Some(expected.as_str()));
    }
}

#[test]
fn escapes() {
    for unit_value in 0..=0xFFFF {
        assert_eq!(unit(format!("\\u{unit_value:04x}").as_bytes(), 0), Some(unit_value));
        assert_eq!(unit(format!("\\u{unit_value:04X}").as_bytes(), 0), Some(unit_value));
    }
    for byte in 0..=255u8 {
        assert_eq!(simple(byte).is_some(), b"\"\\/bfnrt".contains(&byte));
        let mut text = *b"\\u0000";
        text[3] = byte;
        assert_eq!(unit(&text, 0).is_some(), byte.is_ascii_hexdigit());
    }
}

#[test]
fn escape_lengths_and_messages() {
    for (text, expected) in [
        ("\\n", Ok(2)),
        ("\\u00e9", Ok(6)),
        ("\\ud83d\\ude00", Ok(12)),
        ("\\x", Err("Invalid \\escape")),
        ("\\", Err("Invalid \\escape")),
        ("\\u12g4", Err("Invalid \\uXXXX escape")),
        ("\\u12", Err("Invalid \\uXXXX escape")),
        ("\\ud800", Err("Half of a surrogate pair")),
        ("\\ud800\\ud800", Err("Half of a surrogate pair")),
        ("\\udc00", Err("Half of a surrogate pair")),
    ] {
        assert_eq!(escape_length(text.as_bytes(), 0), expected, "{text}");
    }
}

#[test]
fn ends_and_errors() {
    for before in 0..40 {
        let before = "a".repeat(before);
        for (rest, expected) in [
            ("\"", Ok(2)),
            ("\\n\\ud83d\\ude00é\", 1", Ok(18)),
            ("\\\"\"", Ok(4)),
            ("\\\"", Err(("Unterminated string starting at", None))),
            ("", Err(("Unterminated string starting at", None))),
            ("\n\"", Err(("Invalid control character at", Some(1)))),
            ("é\\x\"", Err(("Invalid \\escape", Some(3)))),
        ] {
            let json = format!("\"{before}{rest}");
            let expected = match expected {
                Ok(length) => Ok(before.len() + length),
                Err((message, at)) => Err(JsonError::syntax(message, at.map_or(0, |at: usize| before.len() + at))),
            };
            assert_eq!(end(json.as_bytes(), 1), expected, "{json}");
        }
    }
}
