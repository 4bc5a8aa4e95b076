#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

fn of(text: &str) -> Result<(Escape, usize), String> {
    let mut cursor = Cursor { at: 1, ..Cursor::new(text, false) };
    cursor.escape().map(|escape| (escape, cursor.at))
}

#[test]
fn numbers_are_groups_or_octal() {
    assert_eq!(of(r"\1").unwrap(), (Escape::Group(1), 2));
    assert_eq!(of(r"\12x").unwrap(), (Escape::Group(12), 3));
    assert_eq!(of(r"\123").unwrap(), (Escape::Literal('S'), 4));
    assert_eq!(of(r"\129").unwrap(), (Escape::Group(12), 3));
    assert_eq!(of(r"\0").unwrap(), (Escape::Literal('\0'), 2));
    assert_eq!(of(r"\01234").unwrap(), (Escape::Literal('\n'), 4));
    assert_eq!(of(r"\777").unwrap_err(), r"octal escape value \777 outside of range 0-0o377 at position 0");
}

#[test]
fn letters() {
    assert_eq!(of(r"\x41").unwrap(), (Escape::Literal('A'), 4));
    assert_eq!(of(r"\u20ac").unwrap(), (Escape::Literal('€'), 6));
    assert_eq!(of(r"\U0001f600").unwrap(), (Escape::Literal('😀'), 10));
    assert_eq!(of(r"\p{Lu}").unwrap(), (Escape::Property(r"\p{Lu}".into()), 6));
    assert_eq!(of(r"\x4").unwrap_err(), r"incomplete escape \x4 at position 0");
    assert_eq!(of(r"\ud800").unwrap_err(), r"bad escape \ud800: no character at position 0");
    assert_eq!(of(r"\q").unwrap_err(), r"bad escape \q at position 0");
    assert_eq!(of(r"\").unwrap_err(), "bad escape (end of pattern) at position 0");
    assert_eq!(of(r"\é").unwrap(), (Escape::Literal('é'), 2));
}
