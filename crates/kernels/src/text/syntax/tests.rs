#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

fn text(pattern: &str) -> String {
    translate(pattern, false).unwrap().pattern
}

fn refused(pattern: &str) -> String {
    translate(pattern, false).unwrap_err()
}

#[test]
fn common_syntax_is_unchanged() {
    for pattern in ["", "a", "(a)|b", r"\.\*", "a+?b*?", "a{2,3}", r"\bé\B", "[a-z]", "[^a]"] {
        assert_eq!(text(pattern), pattern);
    }
}

#[test]
fn other_syntax_is_translated() {
    for (pattern, expected) in [
        (r"\Aa\Z", r"\Aa\z"),
        ("^a", r"\Aa"),
        ("(?m)^a$", "(?m:^)a(?m:$)"),
        ("a.b", r"a[^\n]b"),
        ("(?s)a.b", "a(?s:.)b"),
        (r"\d\w\s", r"[\p{Nd}][\p{L}\p{N}_][\s\x1c-\x1f]"),
        (r"[\D-]", r"[[^\p{Nd}]\-]"),
        (r"(?a)\w\b", r"[0-9A-Za-z_](?-u:\b)"),
        ("[[]", r"[\[]"),
        ("[]a]", r"[\]a]"),
        ("[a&&b]", r"[a\&\&b]"),
        ("a{,2}b{,}c{d{1", r"a{0,2}b{0,}c\{d\{1"),
        (r"\0\101\x41\u0042\n", r"\x{00}AAB\x{0a}"),
        ("(?P<name>a)", "(a)"),
        ("(?#no)a", "a"),
        ("(?x) a b # c\n[ ] \\ ", "ab[ ] "),
        ("(?i)a(?-i:b)(?i:c)", "(?i)a(?-i:b)(?:c)"),
        ("(?i)is[^h-j]", "(?i)[Iiİı]s(?-i:[^H-Jh-jİ-ı])"),
        (r"(?i)\w\d[\W]", r"(?i)(?-i:[\p{L}\p{N}_])[\p{Nd}](?-i:[[^\p{L}\p{N}_]])"),
        ("(?ai)ké1[i]", "(?i)(?-i:[Kk])(?-i:[é])1(?-i:[Ii])"),
        (r"(?i)[i\p{Lu}]", r"(?i)[i\p{Lu}]"),
        ("(?:a(?s:.).)", r"(?:a(?:(?s:.))[^\n])"),
    ] {
        assert_eq!(text(pattern), expected, "{pattern}");
    }
}

#[test]
fn patterns_that_need_backtracking() {
    for pattern in ["(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "(?>a)", "a++", "a{2}+", r"(a)\1", "(?P<x>a)(?P=x)"] {
        assert!(translate(pattern, false).unwrap().hard, "{pattern}");
    }
    assert_eq!(text(r"(a)\1"), r"(a)(?:\1)");
    assert_eq!(text("(?P<x>a)?(?(x)b|c)"), "(a)?(?(1)b|c)");
    assert!(!translate("a+?b", false).unwrap().hard);
}

#[test]
fn a_dollar_has_a_second_form_before_a_newline() {
    let translated = translate("a$", false).unwrap();
    assert_eq!((translated.pattern.as_str(), translated.hard), (r"a\z", false));
    assert_eq!(translated.before_newline.as_deref(), Some(r"a(?=\n?\z)"));
    assert_eq!(translate("(?m)a$", false).unwrap().before_newline, None);
    assert_eq!(translate(r"[$]\$", false).unwrap().before_newline, None);
}

#[test]
fn groups_have_numbers_and_names() {
    let translated = translate("(a)(?P<b>(c))(?:d)", false).unwrap();
    assert_eq!((translated.groups, translated.names), (3, vec![("b".to_owned(), 2)]));
}

#[test]
fn patterns_for_bytes() {
    assert_eq!(translate("é+[ÿ]\\b.", true).unwrap().pattern, r"\xe9+[\xff]\b[^\n]");
    assert_eq!(translate(r"\u0041", true).unwrap_err(), r"bad escape \u at position 0");
    assert_eq!(translate("(?u)a", true).unwrap_err(), "bad inline flags: 'u' with a bytes pattern at position 2");
}

/// Messages and positions of CPython 3.11.
#[test]
fn errors_have_the_messages_of_re() {
    for (pattern, words) in [
        ("*a", "nothing to repeat at position 0"),
        ("^*", "nothing to repeat at position 1"),
        ("(|*)", "nothing to repeat at position 2"),
        ("a**", "multiple repeat at position 2"),
        ("a{2}{3}", "multiple repeat at position 4"),
        ("a{3,1}", "min repeat greater than max repeat at position 2"),
        ("(a", "missing ), unterminated subpattern at position 0"),
        ("é(a", "missing ), unterminated subpattern at position 1"),
        ("a)", "unbalanced parenthesis at position 1"),
        ("[a", "unterminated character set at position 0"),
        ("[", "unterminated character set at position 0"),
        ("[z-a]", "bad character range z-a at position 1"),
        (r"[\w-a]", r"bad character range \w-a at position 1"),
        ("a\\", "bad escape (end of pattern) at position 1"),
        (r"\q", r"bad escape \q at position 0"),
        (r"\1", "invalid group reference 1 at position 1"),
        (r"(\1)", "cannot refer to an open group at position 1"),
        ("(?P<a>b)(?P<a>c)", "redefinition of group name 'a' as group 2; was group 1 at position 12"),
        ("(?P<1>b)", "bad character in group name '1' at position 4"),
        ("(?P=a)", "unknown group name 'a' at position 4"),
        ("(?P<a", "missing >, unterminated name at position 4"),
        ("(?P<", "missing group name at position 4"),
        ("(?<a>b)", "unknown extension ?<a at position 1"),
        ("(?%)", "unknown extension ?% at position 1"),
        ("(?", "unexpected end of pattern at position 2"),
        ("(?#", "missing ), unterminated comment at position 0"),
        ("a(?i)b", "global flags not at the start of the expression at position 1"),
    ] {
        assert_eq!(refused(pattern), words, "{pattern}");
    }
}

#[test]
fn deep_and_long_patterns() {
    let deep = format!("{}a{}", "(".repeat(200_000), ")".repeat(200_000));
    assert_eq!(translate(&deep, false).unwrap().groups, 200_000);
    assert!(refused(&"(".repeat(200_000)).starts_with("missing )"));
    assert!(translate(&"a|".repeat(200_000), false).is_ok());
}
