use std::sync::atomic::AtomicBool;

use super::{Builder, MAX_DEPTH, parse};
use crate::{Number, Reader, Text};

/// A builder of compact JSON text.
struct Compact;

impl Builder for Compact {
    type Value = String;

    fn null(&mut self) -> Option<String> {
        Some("null".into())
    }

    fn boolean(&mut self, value: bool) -> Option<String> {
        Some(value.to_string())
    }

    fn number(&mut self, number: Number<'_>) -> Option<String> {
        Some(match number {
            Number::Int(value) => value.to_string(),
            Number::Uint(value) => value.to_string(),
            Number::Big(digits) => digits.to_owned(),
            Number::Float(value) => format!("{value:?}"),
        })
    }

    fn string(&mut self, text: Text<'_>) -> Option<String> {
        Some(match text {
            Text::Ascii(bytes) => format!("{:?}", std::str::from_utf8(bytes).ok()?),
            Text::Unicode(text) => format!("{text:?}"),
            Text::Characters(codes) => {
                format!("{:?}", codes.iter().filter_map(|code| char::from_u32(*code)).collect::<String>())
            }
        })
    }

    fn key(&mut self, text: Text<'_>) -> Option<String> {
        self.string(text)
    }

    fn array(&mut self, elements: &mut Vec<String>, first: usize) -> Option<String> {
        Some(format!("[{}]", elements.split_off(first).join(",")))
    }

    fn object(&mut self) -> Option<String> {
        Some("{}".into())
    }

    fn insert(&mut self, object: &mut String, key: String, value: String) -> Option<()> {
        object.pop();
        let comma = if object.len() > 1 { "," } else { "" };
        object.push_str(&format!("{comma}{key}:{value}}}"));
        Some(())
    }
}

#[test]
fn values() {
    for (text, expected) in [
        ("null", "null"),
        (" [true , false,\n\t\"a\\\"\u{e9}\"\r] ", "[true,false,\"a\\\"\u{e9}\"]"),
        ("[NaN, Infinity, -Infinity, -0, 18446744073709551615]", "[NaN,inf,-inf,0,18446744073709551615]"),
        (
            "{\"a\": {\"b\": [[], {}, [1.5, -2]]}, \"c\": 36893488147419103232}",
            "{\"a\":{\"b\":[[],{},[1.5,-2]]},\"c\":36893488147419103232}",
        ),
    ] {
        assert_eq!(parse(text, Compact).as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn refusals() {
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(parse(&deep(MAX_DEPTH as usize), Compact).is_some());
    assert!(parse(&deep(MAX_DEPTH as usize + 1), Compact).is_none());
    for text in
        ["", " ", "[1,]", "{\"a\" 1}", "{1: 2}", "[1] 2", "nul", "-", "-Inf", "\"\\ud800\"", "[\"a", "{\"a\":1,}", "\0"]
    {
        assert!(parse(text, Compact).is_none(), "{text:?}");
    }
}

#[test]
fn the_parser_accepts_what_the_reader_accepts() {
    let documents = [
        r#"{"id": 17, "text": "a\"b\\", "list": [1, -2.5e+3, true, false, null], "more": {"x": {}, "y": []}}"#,
        "[[1,2,3],[12345678,123456789,0.125,-0.5],[\"\\ud83d\\ude00\",\"\u{e9}\",\"\\u0041\"]]",
        "[0, 00, 01, 1., .5, 1e5, 1E-05, -, +1, 1e999, 1234567890123456.5]",
    ];
    let inserts =
        ["{", "}", "[", "]", ":", ",", "\"", "\\", "0", "-", ".", "e", "u", "true", " ", "\n", "\u{1}", "\u{e9}"];
    let mut random = fastrand::Rng::with_seed(5);
    // Each text is a document with up to two random changes.
    let mut valid = 0;
    for _ in 0..20_000 {
        let mut text = random.choice(documents).unwrap_or_default().to_owned();
        for _ in 0..random.usize(..3) {
            let mut at = random.usize(..=text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            match random.u8(..3) {
                0 => text.insert_str(at, random.choice(inserts).unwrap_or_default()),
                1 if at < text.len() => drop(text.remove(at)),
                _ => text.truncate(at),
            }
        }
        let interrupt = AtomicBool::new(false);
        let mut reader = Reader::new(&text, &interrupt);
        let first = reader.token();
        let read = reader.skip(first).and_then(|_| reader.end());
        assert_eq!(parse(&text, Compact).is_some(), read.is_ok(), "{text:?}: {read:?}");
        valid += u32::from(read.is_ok());
    }
    assert!(valid > 1_000, "{valid}");
}
