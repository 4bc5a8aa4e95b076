use std::sync::atomic::AtomicBool;

use super::{INTERVAL, JsonError, Reader};

/// The places of the tokens, up to the first error, and that one's place.
fn positions(json: &str) -> (Vec<usize>, Option<usize>) {
    let interrupt = AtomicBool::new(false);
    let mut reader = Reader::new(json, &interrupt);
    let mut all = Vec::new();
    loop {
        let byte = reader.token();
        if reader.at() == json.len() {
            return (all, None);
        }
        all.push(reader.at());
        if !b"{}[]:,".contains(&byte)
            && let Err(error) = reader.skip(byte)
        {
            let JsonError::Syntax(error) = error else { return (all, None) };
            return (all, Some(error.position));
        }
    }
}

/// The same positions found byte by byte; `None` for a backslash outside of strings, which is an error.
fn by_byte(json: &str) -> Option<Vec<usize>> {
    let (mut all, mut in_string, mut escaped, mut bare) = (Vec::new(), false, false, false);
    for (place, byte) in json.bytes().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
        } else {
            let follows = std::mem::take(&mut bare);
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => {}
                b'"' => {
                    in_string = true;
                    all.extend((!follows).then_some(place));
                }
                b'{' | b'}' | b'[' | b']' | b':' | b',' => all.push(place),
                b'\\' => return None,
                _ => {
                    bare = true;
                    all.extend((!follows).then_some(place));
                }
            }
        }
    }
    Some(all)
}

#[test]
fn tokens_agree_with_a_loop_over_bytes() {
    let mut random = fastrand::Rng::with_seed(7);
    let values = ["\"a\"", "true", "1", "-2.5e3", "\"\\\\\\\"é\"", "\"ab\\nc\"", "", " "];
    let others = [",", ":", "{", "]", " ", "\n", "[ \t"];
    let broken = ["\"", "x", "\\\\"];
    let mut compared = 0;
    for round in 0..4000 {
        let count = if round % 100 == 0 { 2 * INTERVAL } else { random.usize(..200) };
        let mut json = String::new();
        while json.len() < count {
            let last = if random.usize(..100) == 0 { &broken[..] } else { &others };
            let parts = [&values[..], last].map(|parts| random.choice(parts).copied().unwrap_or_default());
            json += &parts.concat();
        }
        let (found, error) = positions(&json);
        if let Some(expected) = by_byte(&json) {
            assert_eq!(Some(found.as_slice()), expected.get(..found.len()), "{json:?}");
            assert!(error.is_some() || found.len() == expected.len(), "{json:?}");
            assert!(error.is_none_or(|at| found.last().is_some_and(|last| *last <= at)), "{json:?}");
            compared += found.len();
        }
    }
    assert!(compared > 50_000, "{compared}");
}

#[test]
fn errors_and_their_places() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let long = format!("[{}\"\u{1}\"]", "[1, 2.5], {\"a\": null}, ".repeat(5000));
    for (json, expected) in [
        (deep.as_str(), None),
        ("\u{feff}[1]", None),
        ("[1, 2, 3 ]", None),
        ("[1, [2], -3, {\"a\": 4}, 5, \"\", 6, null]", None),
        ("[[], {}, {\"a\": [{\"b\": []}]}]", None),
        ("", Some(("Expecting value", 0))),
        ("[1] 2", Some(("Extra data", 4))),
        ("[1]\0", Some(("Extra data", 3))),
        ("[1,]", Some(("Expecting value", 3))),
        ("[1, 2, 03]", Some(("Expecting value", 7))),
        ("[1, 2x]", Some(("Expecting value", 4))),
        ("[1 2]", Some(("Expecting ',' delimiter", 3))),
        ("[1}", Some(("Expecting ',' delimiter", 2))),
        ("[", Some(("Expecting value", 1))),
        ("[1", Some(("Expecting ',' delimiter", 2))),
        ("{\"a\":1]", Some(("Expecting ',' delimiter", 6))),
        ("{\"a\" 1}", Some(("Expecting ':' delimiter", 5))),
        ("{1: 2}", Some(("Expecting property name enclosed in double quotes", 1))),
        ("{\"a\":1,}", Some(("Expecting property name enclosed in double quotes", 7))),
        ("[\"a\", \"b]", Some(("Unterminated string starting at", 6))),
        (&long, Some(("Invalid control character at", long.len() - 3))),
    ] {
        let interrupt = AtomicBool::new(false);
        let mut reader = Reader::new(json, &interrupt);
        let first = reader.token();
        let found = reader.skip(first).and_then(|_| reader.end()).err();
        assert_eq!(found, expected.map(|(message, at)| JsonError::syntax(message, at)), "{:.40}", json);
    }
}

#[test]
fn interrupted() {
    let interrupt = AtomicBool::new(true);
    let mut reader = Reader::new("[1, 2]", &interrupt);
    let first = reader.token();
    assert_eq!(reader.skip(first), Err(JsonError::Interrupted));
}
