#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

fn of(pattern: &str) -> Option<Vec<(Place, Place)>> {
    Shape::new(&regex_syntax::parse(pattern).unwrap()).map(|shape| shape.0)
}

#[test]
fn groups_at_fixed_places() {
    assert_eq!(of("a+"), Some(vec![]));
    assert_eq!(of("(a+)"), Some(vec![(Place::Start(0), Place::End(0))]));
    assert_eq!(of(r#"href="([^"]+)""#), Some(vec![(Place::Start(6), Place::End(1))]));
    let date = [(Place::Start(0), Place::Start(4)), (Place::Start(5), Place::Start(7))];
    assert_eq!(of(r"([0-9]{4})-([0-9]{2})"), Some(date.to_vec()));
    assert_eq!(of(r"\b(a)b+c(d)"), Some(vec![(Place::Start(0), Place::Start(1)), (Place::End(1), Place::End(0))]));
    let all = Shape::new(&regex_syntax::parse("x([0-9]+)yz").unwrap()).unwrap();
    assert_eq!(all.groups(10, 20).collect::<Vec<_>>(), [(11, 18)]);
}

#[test]
fn groups_that_need_a_search() {
    for pattern in ["(a)?b", "(a)|b", "((a)b)", "a+(b)c+", "(?:a(b))+", "(é|x)+?z(a)b*"] {
        assert_eq!(of(pattern), None, "{pattern}");
    }
}
