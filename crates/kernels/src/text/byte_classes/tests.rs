#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use super::*;

fn of(pattern: &str) -> Option<ByteClasses> {
    ByteClasses::new(&regex_syntax::parse(pattern).unwrap()).map(|(classes, _)| classes)
}

fn converted(pattern: &str, text: &str) -> ByteText {
    let mut converted = ByteText::default();
    of(pattern).unwrap().convert(text, &mut converted);
    converted
}

#[test]
fn only_patterns_with_unicode_word_edges_are_converted() {
    assert!(of(r"\ba").is_some());
    assert!(of(r"[\p{L}\p{N}_]+").is_none());
    assert!(of(r"(?-u:\b)a").is_none());
}

#[test]
fn one_byte_per_character() {
    let text = "aé“😀”z日";
    let converted = converted(r"\b[a-z]", text);
    assert_eq!(converted.bytes().len(), text.chars().count());
    let places: Vec<usize> = (0..=converted.bytes().len()).map(|at| converted.position(at)).collect();
    let expected: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    assert_eq!(places, expected);
}

#[test]
fn unlisted_letters_become_letters_and_classes_differ() {
    // A letter outside of all classes is represented by any letter outside of all classes.
    let bytes = converted(r"\b[a-z]+“", "é“”");
    let [letter, quote, other] = *bytes.bytes() else { panic!("{bytes:?}") };
    assert!(letter.is_ascii_alphanumeric() && !letter.is_ascii_lowercase() || letter == b'_');
    assert!(!quote.is_ascii_alphanumeric() && quote != other);
}

#[test]
fn some_patterns_cannot_be_converted() {
    // No ASCII letter belongs to the same classes as these.
    for pattern in [r"\bà", r"\b[é]", r"\b[a-zA-Z0-9_]é", r"\b[a-zA-Z0-9_]+\s"] {
        assert!(of(pattern).is_none(), "{pattern}");
    }
    for pattern in [r"\b[a-zà]", r"\b[\p{L}\p{N}_]+ [a-z]", r"\b“", r"(?i)\bk"] {
        assert!(of(pattern).is_some(), "{pattern}");
    }
    let many = (0..200).map(|index| char::from_u32(0x4e00 + index).unwrap()).collect::<String>();
    assert!(of(&format!(r"\b[{many}]|{}", many.chars().map(String::from).collect::<Vec<_>>().join("a|"))).is_none());
}

#[test]
fn matches_are_the_same_in_both_forms() {
    let pieces = ["a", "B", "é", "ü", "9", " ", "“", "—", "日", "_", "😀", "\n", "ß"];
    let patterns = [
        r"\b[a-z]+\b",
        r"\b[A-Za-zé]+\b",
        r"\B[a-z]",
        r"\b[\p{L}\p{N}_]+",
        r"[^a]\b",
        r"\b“|a\b",
        r"(?m:^)\b.",
        r"(?i)\bb+",
        r"(?s:.)\b.",
        r"\b\PL",
        r"\b[a-z]+ [a-z]+\b",
        r"\ba|9\b",
        r"a.\b",
    ];
    let mut random = fastrand::Rng::with_seed(5);
    for pattern in patterns {
        let hir = regex_syntax::parse(pattern).unwrap();
        let (classes, hir) = ByteClasses::new(&hir).unwrap_or_else(|| panic!("{pattern}"));
        let regex = regex_automata::meta::Builder::new()
            .configure(regex_automata::meta::Config::new().utf8_empty(false))
            .build_from_hir(&hir)
            .unwrap();
        let usual = regex::Regex::new(pattern).unwrap();
        for _ in 0..300 {
            let text: String = (0..random.usize(..20)).map(|_| *random.choice(pieces.iter()).unwrap()).collect();
            let mut converted = ByteText::default();
            classes.convert(&text, &mut converted);
            let found = regex.find_iter(converted.bytes());
            let found: Vec<_> =
                found.map(|found| (converted.position(found.start()), converted.position(found.end()))).collect();
            let expected: Vec<_> = usual.find_iter(&text).map(|found| (found.start(), found.end())).collect();
            assert_eq!(found, expected, "{pattern} {text:?}");
        }
    }
}
