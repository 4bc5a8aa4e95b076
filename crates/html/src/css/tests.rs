//! Compiled selectors against Servo's matcher, on random pages.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failing test may panic")]

use super::Program;
use crate::select::Selector;
use shoal_kernels::stop::Stop;

fn texts(selector: &Selector, html: &str) -> Vec<String> {
    selector.select(html, &Stop::default()).unwrap().iter().map(str::to_owned).collect()
}

fn selected(css: &str, attr: Option<&str>, html: &str) -> Vec<String> {
    texts(&Selector::new(css, attr).unwrap(), html)
}

#[test]
fn what_people_select() {
    let html = "<div class='item a'><span class=price>1 &euro;</span><b><span class=price>2</span></b></div>
        <div class=item><span class='x price'>3<i>!</i></span></div><a href='?a&amp;b' id=top>t</a><A HREF=/x>u</A><a>v</a>
        <table><tr><td>c<td>d</table>";
    assert_eq!(selected("div.item > span.price", None, html), ["1 €", "3!"]);
    assert_eq!(selected("div.item span.price", None, html), ["1 €", "2", "3!"]);
    assert_eq!(selected("a[href]", Some("href"), html), ["?a&b", "/x"]);
    assert_eq!(selected("a", Some("id"), html), ["top"]);
    assert_eq!(selected("table tr td", None, html), ["c", "d"]);
    assert_eq!(selected("td:nth-child(2), #top", None, html), ["t", "d"]);
    assert_eq!(selected("html", None, "<p>a<p>b<script>c</script>"), ["abc"]);
    assert_eq!(selected("svg a", Some("xlink:href"), "<svg><a xlink:href=x>y</a>"), ["x"]);
    assert_eq!(selected("p", None, ""), [""; 0]);
}

#[test]
fn all_of_css_is_there() {
    let html = "<ul><li>a<li>b<b>x</b><li>c</ul><p>long text</p>";
    assert_eq!(selected("li:nth-last-child(1)", None, html), ["c"]);
    assert_eq!(selected("li:has(b)", None, html), ["bx"]);
    assert_eq!(selected("p:contains('text')", None, html), ["long text"]);
    assert_eq!(selected("li:not(:has(b)):not(:first-child)", None, html), ["c"]);
    assert_eq!(selected("body :only-of-type", None, html), ["abxc", "x", "long text"]);
}

#[test]
fn a_bad_selector_is_told() {
    let deep = ":not(".repeat(100_000);
    for css in ["", "div >", "a[", "..x", "a,,b", "a:nonsense", "a::before", "1a", ")", deep.as_str(), ":not("] {
        let error = Selector::new(css, None).unwrap_err();
        assert!(error.contains("selector"), "{css}: {error}");
        assert!(error.len() < 400, "{error}");
    }
    assert!(Selector::new("div >", None).unwrap_err().contains("'div >'"));
    assert!(Selector::new("a", Some("")).is_err());
    assert!(Selector::new(&"a ".repeat(100_000), None).is_err());
}

#[test]
fn what_is_compiled_is_known() {
    for css in [
        "a",
        "*",
        "a.b#c[d]",
        "a > b + c ~ d e",
        "a,b , c",
        "[a='b' i]",
        ":not(a, .b)",
        ":is(a,b) c",
        "li:nth-child(2n + 1)",
        "a:last-child",
        "x-y",
        ":root > body",
        "[lang|=de]",
    ] {
        assert!(Selector::new(css, None).unwrap().is_compiled(), "{css}");
    }
    for css in ["A", "a:has(b)", ":not(a b)", "a\\:b", "#\\31", "a:nth-last-child(1)", "*|a", "[a='\\62']", "a:empty"] {
        assert!(Program::new(css).is_none(), "{css}");
    }
    let many = "a,".repeat(64) + "a";
    assert!(Program::new(&many).is_none());
    assert!(Program::new(&many[2..]).is_some());
}

/// The same elements both ways.
#[test]
fn both_ways_agree() {
    let mut random = fastrand::Rng::with_seed(3);
    let pick = |random: &mut fastrand::Rng, from: &[&'static str]| from[random.usize(..from.len())];
    let names = ["a", "b", "p", "div", "span", "li", "ul", "svg", "x-y", "td", "path"];
    let attrs = [
        "",
        "",
        " class=c",
        " class='c d'",
        " id=i",
        " href=/x",
        " type=Text",
        " lang=de-AT",
        " class",
        " href='a b'",
        " viewBox=1",
    ];
    let tests = [
        "",
        "",
        "",
        ".c",
        ".d",
        "#i",
        "[href]",
        "[class]",
        "[type=text]",
        "[type='Text' s]",
        "[lang|=de]",
        "[href~=b]",
        "[href^='/']",
        "[href$=x]",
        "[href*=' ']",
        "[href='/X' i]",
        "[class='']",
        "[href^='']",
        ":first-child",
        ":last-child",
        ":only-child",
        ":nth-child(2)",
        ":nth-child(odd)",
        ":nth-child(-n+2)",
        ":nth-child(3n - 1)",
        ":not(.c)",
        ":not(a, [id])",
        ":is(p, .d)",
        ":where(li):not(:first-child)",
    ];
    for round in 0..1000 {
        let mut html = String::new();
        for _ in 0..random.usize(1..40) {
            let name = pick(&mut random, &names);
            html += &match random.u8(..10) {
                0..=5 => format!("<{name}{}>", pick(&mut random, &attrs)),
                6..=8 => format!("</{name}>"),
                _ => format!("t{round}"),
            };
        }
        for _ in 0..4 {
            let mut css = String::new();
            for part in 0..random.usize(1..4) {
                if part > 0 {
                    css += pick(&mut random, &[" ", " > ", " ~ ", " + ", ", ", ">"]);
                }
                let name = if random.u8(..4) == 0 { "*" } else { pick(&mut random, &names) };
                css += name;
                css += pick(&mut random, &tests);
                css += pick(&mut random, &tests);
            }
            assert!(Selector::new(&css, None).unwrap().is_compiled(), "{css}");
            for attr in [None, Some("class")] {
                let expected = texts(&Selector::uncompiled(&css, attr), &html);
                assert_eq!(selected(&css, attr, &html), expected, "{css} on {html}");
            }
        }
    }
}
