#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

fn all(pattern: &str, text: &str) -> (usize, Vec<String>) {
    let found = findall(&Pattern::text(pattern).unwrap(), text, &Stop::default()).unwrap();
    (found.groups, found.values.iter().map(str::to_owned).collect())
}

#[test]
fn values_are_the_match_the_group_or_all_groups() {
    assert_eq!(all(r"\d+", "1 23"), (0, vec!["1".into(), "23".into()]));
    assert_eq!(all(r"a(\d+)", "a1 a23"), (1, vec!["1".into(), "23".into()]));
    assert_eq!(all(r"(a)?(\d)", "a1 2").1, ["a", "1", "", "2"]);
    assert_eq!(all(r#"href="([^"]+)" id=(\d)"#, r#"<a href="x/y" id=7>"#).1, ["x/y", "7"]);
}

/// The expected values are those of CPython 3.11.
#[test]
fn empty_matches() {
    assert_eq!(all("|a", "a").1, ["", "a", ""]);
    assert_eq!(all("a*?", "aa").1, ["", "a", "", "a", ""]);
    assert_eq!(all("a*", "baac").1, ["", "aa", "", ""]);
    assert_eq!(all("a*|b", "b").1, ["", "b", ""]);
    assert_eq!(all(r"\b|\w+", "ab c").1, ["", "ab", "", "", "c", ""]);
    assert_eq!(all("x*", "é😀").1, ["", "", ""]);
    assert_eq!(all("", "").1, [""]);
    assert_eq!(all("(?a)\\b|\\B|\\S", "ü_").1, ["", "ü", "", "_", ""]);
}

#[test]
fn patterns_for_bytes() {
    let of = |pattern: &[u8], text: &[u8]| {
        let found = findall_bytes(&Pattern::bytes(pattern).unwrap(), text, &Stop::default()).unwrap();
        found.values.iter().map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    assert_eq!(of(b"\xff+", b"a\xff\xffb"), [b"\xff\xff"]);
    assert_eq!(of(b".", b"\xc3\n\xa9"), [b"\xc3", b"\xa9"]);
    assert_eq!(of(br"\w+", "né".as_bytes()), [b"n"]);
    assert_eq!(of(b"(?i)A(\xe9)?", b"a\xe9"), [b"\xe9"]);
    assert_eq!(of(b"(?<=\xff)[\x80-\xff]", b"\xff\x80"), [b"\x80"]);
    assert_eq!(of(b"(?<=\xff)\xfe", b"\xff\xfe"), [b"\xfe"]);
    assert_eq!(of(b"a$", b"a\n"), [b"a"]);
}

#[test]
fn a_pattern_for_bytes_is_refused_for_texts() {
    let failure = findall(&Pattern::bytes(b"a").unwrap(), "a", &Stop::default()).unwrap_err();
    assert_eq!(failure.kind, crate::error::ErrorKind::Internal);
}

#[test]
fn a_stop_ends_the_search() {
    let stop = Stop::default();
    stop.set();
    for pattern in ["a", "(?=a)", r"\ba"] {
        assert_eq!(findall(&Pattern::text(pattern).unwrap(), "a é", &stop), Err(KernelError::stopped()));
    }
}

#[test]
fn counts() {
    let of = |pattern: &str, text: &str| count(&Pattern::text(pattern).unwrap(), text, &Stop::default()).unwrap();
    assert_eq!(of("a", "banana"), 3);
    assert_eq!(of("", "né"), 3);
    assert_eq!(of("(?<=n)a", "banana"), 2);
    assert_eq!(of("x", ""), 0);
    let bytes = Pattern::bytes(b"\xff|").unwrap();
    assert_eq!(count_bytes(&bytes, b"a\xffb", &Stop::default()), Ok(4));
}
