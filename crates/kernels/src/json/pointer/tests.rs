#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use super::*;

#[test]
fn the_rfcs_examples() {
    let steps = |text: &str| Pointer::parse(text).unwrap().steps;
    assert!(steps("").is_empty());
    for (text, step) in [("/", ""), ("/a~1b", "a/b"), ("/m~0n", "m~n"), ("/~01", "~1"), ("/ ", " "), ("/k\"l", "k\"l")]
    {
        assert_eq!(steps(text), [step]);
        assert_eq!(Pointer::parse(text).unwrap().to_string(), text);
    }
    assert_eq!(steps("/foo/0"), ["foo", "0"]);
}

#[test]
fn a_bad_one_is_named() {
    for text in ["a", "a/b", "#/a", "/~", "/~2", "/a~", "/~~0"] {
        assert!(Pointer::parse(text).unwrap_err().contains(text), "{text}");
    }
}

#[test]
fn places() {
    assert_eq!((place("0"), place("10")), (Some(0), Some(10)));
    for step in ["", "-", "01", "+1", "1a", "99999999999999999999999"] {
        assert_eq!(place(step), None, "{step}");
    }
}

#[test]
fn neighbours() {
    assert_eq!(Pointer::parse("/a/b").unwrap().beside("c"), Some(Pointer::parse("/a/c").unwrap()));
    assert_eq!(Pointer::default().beside("c"), None);
}
