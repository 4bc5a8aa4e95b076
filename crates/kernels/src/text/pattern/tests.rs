#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::stop::Stop;
use crate::text::findall::findall;

fn all(pattern: &str, text: &str) -> Vec<String> {
    let found = findall(&Pattern::text(pattern).unwrap(), text, &Stop::default()).unwrap();
    found.values.iter().map(str::to_owned).collect()
}

#[test]
fn group_numbers_and_names() {
    let pattern = Pattern::text("(a)(?P<last>b)").unwrap();
    assert_eq!((pattern.groups(), pattern.group("last"), pattern.group("first")), (2, Some(2), None));
    assert!(!pattern.is_bytes() && Pattern::bytes(b"\xff").unwrap().is_bytes());
}

#[test]
fn a_dollar_also_matches_before_a_final_newline() {
    assert_eq!(all(r"\w+$", "one\ntwo\n"), ["two"]);
    assert_eq!(all(r"\w+$", "one\ntwo"), ["two"]);
    assert_eq!(all(r"\w+$", "two\n\n"), [""; 0]);
    assert_eq!(all("$", "a\n"), ["", ""]);
    assert_eq!(all(r"\n$", "a\n"), ["\n"]);
    assert_eq!(all("(?m)a$", "a\na\n"), ["a", "a"]);
}

#[test]
fn word_edges_equal_pythons() {
    assert_eq!(all(r"\b[a-z]+\b", "caf\u{e9} tea \u{201c}milk\u{201d} ½cup na\u{301}"), ["tea", "milk", "na"]);
    assert_eq!(all(r"\b\w+\b", "ça va — l’été 日本語 x²"), ["ça", "va", "l", "été", "日本語", "x²"]);
    assert_eq!(all(r"(\w+)é\b", "café cafés"), ["caf"]);
    assert_eq!(all(r"\B[a-z]", "éa -b"), ["a"]);
    assert_eq!(all(r"(?a)\b\w+", "éa"), ["a"]);
}

#[test]
fn look_around_and_references() {
    assert_eq!(all(r"\w+(?=!)", "so fancy! even!"), ["fancy", "even"]);
    assert_eq!(all(r"(?<=\$)\d+", "$12 13"), ["12"]);
    assert_eq!(all(r"(\w)\1", "aabbc"), ["a", "b"]);
    assert_eq!(all(r"(?P<q>['\x22]).*?(?P=q)", "'a' \"b\""), ["'", "\""]);
    assert_eq!(all("a*+a", "aaa"), [""; 0]);
}

#[test]
fn too_many_backtracking_steps_are_an_error() {
    let pattern = Pattern::text(r"(a|a)*(?=b)\1c").unwrap();
    let failure = findall(&pattern, &"a".repeat(64), &Stop::default()).unwrap_err();
    assert_eq!(failure.message, "the pattern takes too many steps of backtracking here");
}

#[test]
fn hostile_patterns_are_refused_or_fast() {
    for pattern in ["(".repeat(5000) + &")".repeat(5000), "(?:(?:a{1000}){1000}){1000}".into()] {
        assert!(Pattern::text(&pattern).is_err());
    }
    assert!(Pattern::text(&format!("(?={}a{})", "(?:".repeat(5000), ")".repeat(5000))).is_err());
    assert_eq!(all("(a+)+b", &"a".repeat(2000)), [""; 0]);
    assert_eq!(all(r"(x+x+)+y", &"x".repeat(2000)), [""; 0]);
}

#[test]
fn errors_have_one_line() {
    let deep = "(".repeat(5000) + &")".repeat(5000);
    for pattern in [r"\p{Nonsense}", "(?:a{1000}){1000000}", deep.as_str(), "(?=a)*", "("] {
        let message = Pattern::text(pattern).unwrap_err();
        assert!(!message.is_empty() && !message.contains('\n') && message.len() < 200, "{message}");
    }
}

#[test]
fn the_step_limit_allows_long_documents() {
    assert_eq!(all(r"(\w)\1!", &("ab".repeat(600_000) + "cc!")), ["c"]);
}
