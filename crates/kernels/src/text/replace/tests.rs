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

fn of(template: &str) -> Result<Vec<Part>, String> {
    let pattern = Pattern::text("(?P<first>a)(b)").unwrap();
    Replacement::parse(template, &pattern).map(|replacement| replacement.0)
}

fn literal(text: &str) -> Part {
    Part::Literal(text.as_bytes().to_vec())
}

#[test]
fn templates() {
    assert_eq!(of("").unwrap(), []);
    assert_eq!(of(r"é\1$1\2").unwrap(), [literal("é"), Part::Group(1), literal("$1"), Part::Group(2)]);
    assert_eq!(
        of(r"\g<first>\g<0>\g<2>0").unwrap(),
        [1, 0, 2].map(Part::Group).into_iter().chain([literal("0")]).collect::<Vec<_>>()
    );
    assert_eq!(of(r"\n\t\\\.\101\0").unwrap(), [literal("\n\t\\\\.A\0")]);
}

#[test]
fn errors() {
    for (template, message) in [
        (r"a\3", "invalid group reference 3 at position 2"),
        (r"\12", "invalid group reference 12 at position 1"),
        (r"\g<9>", "invalid group reference 9 at position 3"),
        (r"\g<other>", "unknown group name 'other' at position 3"),
        (r"\g<first", "missing >, unterminated name at position 3"),
        (r"\g<>", "missing group name at position 3"),
        (r"\gx", "missing < at position 2"),
        (r"\q", r"bad escape \q at position 0"),
        ("a\\", "bad escape (end of pattern) at position 1"),
        (r"\777", r"octal escape value \777 outside of range 0-0o377 at position 0"),
    ] {
        assert_eq!(of(template).unwrap_err(), message, "{template}");
    }
}
