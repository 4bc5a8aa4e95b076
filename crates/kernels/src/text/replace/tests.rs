#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

fn sub(pattern: &str, by: &str, text: &str) -> String {
    let pattern = Pattern::text(pattern).unwrap();
    let by = Replacement::parse(by, &pattern).unwrap();
    replace(&pattern, text, &by, &Stop::default()).unwrap()
}

#[test]
fn templates_and_empty_matches_as_in_python() {
    assert_eq!(sub("a", "b", "banana"), "bbnbnb");
    assert_eq!(sub("x", "y", "banana"), "banana");
    assert_eq!(sub(r"(\w+) (\w+)", r"\2 \1", "hello wörld!"), "wörld hello!");
    assert_eq!(sub("(?P<n>n)", r"<\g<n>>", "né"), "<n>é");
    assert_eq!(sub("(a)|b", r"[\1]", "ab"), "[a][]");
    assert_eq!(sub("$1", "x", "$1"), "$1");
    assert_eq!(sub("a", "$0", "a"), "$0");
    assert_eq!(sub("", "-", "é😀"), "-é-😀-");
    assert_eq!(sub("x*", "-", "abxd"), "-a-b--d-");
    assert_eq!(sub(r"(?<=a)b", "c", "ab b"), "ac b");
    assert_eq!(sub(r"\bé(\w)", r"\1", "été “éa”"), "té “a”");
}

#[test]
fn patterns_for_bytes() {
    let pattern = Pattern::bytes(b"(\xff)a").unwrap();
    let by = Replacement::parse_bytes(b"\xfe\\1", &pattern).unwrap();
    assert_eq!(replace_bytes(&pattern, b"\xffa\x80", &by, &Stop::default()).unwrap(), b"\xfe\xff\x80");
}
