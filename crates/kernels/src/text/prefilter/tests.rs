#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use regex_automata::{Input, meta};

use super::*;

fn parsed(pattern: &str) -> Hir {
    regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(pattern).unwrap()
}

fn of(pattern: &str) -> Option<Prefilter> {
    Prefilter::new(&parsed(pattern))
}

#[test]
fn a_prefilter_needs_few_first_bytes() {
    let bytes = |pattern| {
        let set = of(pattern)?.set;
        Some((0..=u8::MAX).filter(|byte| set.position(&[*byte]).is_some()).collect::<Vec<u8>>())
    };
    let others = || ASCII..=u8::MAX;
    assert_eq!(bytes(r"\b[A-Z][a-z]+"), Some((b'A'..=b'Z').collect()));
    assert_eq!(bytes(r"(?m)(?:-?[0-9]|\xff)+$"), Some(b"-0123456789".iter().copied().chain(others()).collect()));
    assert_eq!(bytes(r"(?i)x?y"), Some(b"XYxy".to_vec()));
    assert_eq!(bytes(r"\bé"), Some(others().collect()));
    assert_eq!(bytes(r"[\x00\x7f]"), Some(vec![0, 0x7f]));
    for frequent in [r"(?s-u).", r"\w+", "[a-z]", " |!", "[A-Z]|e"] {
        assert_eq!(bytes(frequent), None, "{frequent}");
    }
    // A search already looks for line ends.
    assert_eq!(bytes("(?m)^a"), None);
    // Never matches.
    assert_eq!(bytes(r"[^\s\S]"), None);
    // Too large.
    assert_eq!(bytes(r"(?:[ab]{1,40}c){40}"), None);
    assert!(Prefilter::new(&regex_syntax::parse(r"\w{9}").unwrap()).is_none());
    assert!(Prefilter::new(&regex_syntax::parse(r"\bx").unwrap()).is_none());
}

#[test]
fn every_byte_is_found_at_every_position() {
    let set = Set::new(|byte| matches!(byte, b'f'..=b'z') || matches!(byte, 0 | b'-') || byte >= 0xf0).unwrap();
    for length in 0..40 {
        for place in 0..length {
            let mut bytes = vec![b'.'; length];
            assert_eq!(set.position(&bytes), None);
            for byte in 0..=u8::MAX {
                *bytes.get_mut(place).unwrap() = byte;
                let within = matches!(byte, b'f'..=b'z') || matches!(byte, 0 | b'-') || byte >= ASCII;
                assert_eq!(set.position(&bytes), within.then_some(place));
            }
        }
    }
}

fn searched(pattern: &str) -> (Prefilter, meta::Regex) {
    (of(pattern).unwrap(), meta::Builder::new().build_from_hir(&parsed(pattern)).unwrap())
}

/// All matches, and whether the budget was sufficient.
fn all((starts, regex): &(Prefilter, meta::Regex), document: &[u8]) -> (Vec<(usize, usize)>, bool) {
    let (mut budget, mut at, mut found, mut lasted) = (Budget::new(document.len()), 0, Vec::new(), true);
    loop {
        let span = match starts.find(document, at, &mut budget) {
            Found::Match(start, end) => Some((start, end)),
            Found::Nothing => None,
            Found::Unknown(from) => {
                assert!(from >= at);
                lasted = false;
                regex.find(Input::new(document).range(from..)).map(|found| (found.start(), found.end()))
            }
        };
        let Some((start, end)) = span else { return (found, lasted) };
        found.push((start, end));
        at = end;
    }
}

#[test]
fn matches_equal_those_of_a_plain_search() {
    let patterns = [
        r"\b[A-Z][a-z]+ [A-Z][a-z]+\b",
        r"\B[A-Z]+",
        r"(?:[A-Z]|-[A-Z])[a-z]*?(?:x|\b)",
        r"A|AB|ABC",
        r"(?:A|AB)(?:C|BCD)\b",
        r"(?m)(?:^A|\B[BC]).*?$",
        r"[A-C]+?\b|C+",
        r"-?[0-9]+(?:\.[0-9]+)?",
        r"(?i)\ba+b*",
    ];
    let mut dice = fastrand::Rng::with_seed(7);
    let letters = b"AABCDabbcxyz  --.12\n\xe9\xff";
    for pattern in patterns {
        let both = searched(pattern);
        for round in 0..400 {
            // Few starts and many starts, so that both strategies are used.
            let wide = if round % 2 == 0 { 1 } else { 30 };
            let length = dice.usize(..120);
            let document: Vec<u8> = (0..length)
                .map(|_| if dice.usize(..wide) == 0 { *dice.choice(letters).unwrap() } else { b'_' })
                .collect();
            let expected: Vec<_> = both.1.find_iter(&document).map(|found| (found.start(), found.end())).collect();
            assert_eq!(all(&both, &document).0, expected, "{pattern} in {:?}", document.escape_ascii().to_string());
        }
    }
}

#[test]
fn a_prefilter_whose_starts_fail_late_is_given_up() {
    let document = [b'A'; 10_000];
    let both = searched("A+B");
    assert_eq!(all(&both, &document), (vec![], false));
    let (starts, mut budget) = (&both.0, Budget::new(document.len()));
    // After the first start.
    assert_eq!(starts.find(&document, 0, &mut budget), Found::Unknown(1));
    // For the rest of the document, however many bytes could be skipped.
    assert_eq!(starts.find(&[b'.'; 1000], 0, &mut budget), Found::Unknown(0));
    // The budget lasts where failing starts are rare, and where starts lead to matches.
    assert!(all(&both, &[[b'.'; 50].as_slice(), b"AAC"].concat().repeat(100)).1);
    assert!(all(&both, &[b"AAAAAAAAAAAA".as_slice(), b"AAB"].concat().repeat(100)).1);
}
