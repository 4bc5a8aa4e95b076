use super::*;

#[test]
fn parses_the_usual_spellings() {
    for (text, count, seconds) in [
        ("10/s", 10.0, 1.0),
        ("10/second", 10.0, 1.0),
        (" 10 / sec ", 10.0, 1.0),
        ("100/m", 100.0, 60.0),
        ("1000/min", 1000.0, 60.0),
        ("1000/Minutes", 1000.0, 60.0),
        ("5/h", 5.0, 3600.0),
        ("5/hour", 5.0, 3600.0),
        ("7/day", 7.0, 86_400.0),
        ("0.5/s", 0.5, 1.0),
        ("10/2s", 10.0, 2.0),
        ("10/2.5 s", 10.0, 2.5),
        ("1/500ms", 1.0, 0.5),
    ] {
        let rate = Rate::parse(text).unwrap();
        assert_eq!((rate.count, rate.period.as_secs_f64()), (count, seconds), "{text}");
    }
}

#[test]
fn says_what_is_wrong() {
    for (text, why) in [
        ("", "no '/'"),
        ("10", "no '/'"),
        ("ten/s", "not a number"),
        ("/s", "not a number"),
        ("0/s", "more than 0"),
        ("-1/s", "more than 0"),
        ("nan/s", "more than 0"),
        ("inf/s", "more than 0"),
        ("10/", "unit of time"),
        ("10/fortnight", "unit of time"),
        ("10/s/s", "unit of time"),
        ("10/0s", "more than 0"),
        ("10/1.2.3s", "number and a unit"),
        ("10/-2s", "unit of time"),
    ] {
        let message = Rate::parse(text).unwrap_err();
        assert!(message.contains(why) && message.contains(&format!("{text:?}")), "{message}");
    }
}
