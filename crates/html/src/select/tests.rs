//! Selectors on a small page, and compared with dom_query on random pages.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failing test may panic")]

use super::Selector;
use crate::reference::check_matches;
use shoal_kernels::stop::Stop;

fn selected(css: &str, attr: Option<&str>, html: &str) -> Vec<String> {
    let texts = Selector::new(css, attr).unwrap().select(html, &Stop::default()).unwrap();
    texts.iter().map(str::to_owned).collect()
}

#[test]
fn usual_selectors() {
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
fn selectors_level_4() {
    let html = "<ul><li>a<li>b<b>x</b><li>c</ul><p>long text</p>";
    assert_eq!(selected("li:nth-last-child(1)", None, html), ["c"]);
    assert_eq!(selected("li:has(b)", None, html), ["bx"]);
    assert_eq!(selected("p:contains('text')", None, html), ["long text"]);
    assert_eq!(selected("li:not(:has(b)):not(:first-child)", None, html), ["c"]);
    assert_eq!(selected("body :only-of-type", None, html), ["abxc", "x", "long text"]);
    assert_eq!(selected(":root > body > p", None, html), ["long text"]);
    assert_eq!(selected("* > html, :not(*) > html", None, html), [""; 0]);
    assert_eq!(selected("p:has-text('g t'), li:only-text, b:empty", None, html), ["a", "c", "long text"]);
    assert_eq!(selected("svg path, LI:Nth-Child(2) > B, linearGradient", None, html), ["x"]);
    assert_eq!(selected("[*|href]", Some("id"), "<svg><a xlink:href=x id=a></a><a href=y id=b></svg>"), ["a", "b"]);
}

#[test]
fn quadratic_matches_are_refused() {
    let html = "<b>x</b>".repeat(60_000);
    let error = Selector::new("a ~ b", None).unwrap().select(&html, &Stop::default()).unwrap_err();
    assert!(error.message.contains("too long"), "{error}");
    assert_eq!(selected("b ~ b:last-child", None, &html), ["x"]);
    let stop = Stop::default();
    stop.set();
    assert!(Selector::new("b", None).unwrap().select(&html, &stop).is_err());
}

#[test]
fn bad_selectors_are_refused() {
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
fn random_selectors_agree_with_dom_query() {
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
        ":has(b)",
        ":has(~ p)",
        ":nth-last-child(2)",
        ":nth-of-type(2)",
        ":only-of-type",
        ":empty",
        ":only-text",
        ":contains('t1')",
        ":has-text('t')",
        ":link",
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
            check_matches(&css, &html).unwrap();
        }
    }
}
