use super::*;

fn escaped(from: &str) -> String {
    let mut out = String::new();
    text(&mut out, from);
    out
}

#[test]
fn text_is_escaped() {
    assert_eq!(escaped("a  b\n\tc d"), "a b c d");
    assert_eq!(escaped("*a* _b_ `c` [d] \\"), r"\*a\* \_b\_ \`c\` \[d\] \\");
    assert_eq!(escaped("1 < 2 <p> </p> <!-- <3 a<"), r"1 < 2 \<p> \</p> \<!-- <3 a<");
    assert_eq!(escaped("a & b &amp; &#65; &x y; &;"), r"a & b \&amp; \&#65; &x y; &;");
    assert_eq!(escaped("~5 ~~x~~"), r"~5 \~\~x\~\~");
}

#[test]
fn lines_start_no_block() {
    for (line, at) in [
        ("# a", Some(0)),
        ("######", Some(0)),
        ("####### a", None),
        ("#a", None),
        ("- a", Some(0)),
        ("-a", None),
        ("---", Some(0)),
        ("+", Some(0)),
        ("+1", None),
        ("> a", Some(0)),
        ("===", Some(0)),
        ("12. a", Some(2)),
        ("12) a", Some(2)),
        ("12.a", None),
        ("1234567890. a", None),
        ("", None),
    ] {
        assert_eq!(line_start(line), at, "{line}");
    }
}

#[test]
fn code_keeps_its_backticks() {
    for (code, written) in
        [("a", "`a`"), ("a`b", "``a`b``"), ("`a", "`` `a ``"), ("a``b", "`a``b`"), ("`` `", "``` `` ` ```")]
    {
        let mut out = String::new();
        code_span(&mut out, code);
        assert_eq!(out, written);
    }
    assert_eq!(code_fence("a\n```\n````"), "`````");
}

#[test]
fn destinations() {
    let mut out = String::new();
    destination(&mut out, " /a b(c)?x=1&lt;&y=2\n", Some(" a \"b\"\n c "));
    assert_eq!(out, r#"</a b\(c\)?x=1\&lt;&y=2> "a \"b\" c""#);
}
