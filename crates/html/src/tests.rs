//! Hostile documents through every kernel, on a stack of a pool thread's size, in a debug build with its larger frames.
//!
//! Nothing may panic, overflow the stack, or take more than linear time: the time limit is 50 times the usual time.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failing test may panic")]

use std::time::{Duration, Instant};

use crate::{article, links, markdown, select, text};
use shoal_kernels::error::{ErrorKind, KernelError};
use shoal_kernels::stop::Stop;

/// The stack of a pool thread.
const STACK: usize = 16 << 20;

/// The size of most documents.
const SIZE: usize = 25_000;

type Kernel = (&'static str, Box<dyn Fn(&str, &Stop) -> Result<usize, KernelError>>);

fn kernels() -> Vec<Kernel> {
    let by = |css: &'static str, attr: Option<&str>| -> Kernel {
        let selector = select::Selector::new(css, attr).unwrap();
        (css, Box::new(move |html, stop| Ok(selector.select(html, stop)?.len())))
    };
    vec![
        ("text", Box::new(|html, stop| Ok(text::text(html, stop)?.len()))),
        ("links", Box::new(|html, stop| Ok(links::links(html, None, stop)?.len()))),
        ("markdown", Box::new(|html, stop| Ok(markdown::markdown(html, stop)?.len()))),
        ("article", Box::new(|html, stop| Ok(article::article(html, None, stop)?.html.len()))),
        by("a ~ b", None),
        by("div span, li > p", None),
        by("li:contains(\"zz\")", None),
        by("div:has(a)", Some("class")),
    ]
}

/// Runs every kernel on every document; a document may be refused.
fn survive(documents: Vec<(&'static str, String)>) {
    let run = move || {
        let kernels = kernels();
        let stop = Stop::default();
        for (name, html) in &documents {
            for (kernel, run) in &kernels {
                let start = Instant::now();
                match run(html, &stop) {
                    Ok(length) => assert!(length <= 100 * html.len() + 1000, "{name}: {kernel} made {length} bytes"),
                    Err(error) => assert_eq!(error.kind, ErrorKind::Value, "{name}: {kernel}: {error}"),
                }
                assert!(start.elapsed() < Duration::from_secs(30), "{name}: {kernel} took {:?}", start.elapsed());
            }
        }
    };
    std::thread::Builder::new().stack_size(STACK).spawn(run).unwrap().join().unwrap();
}

/// A document that repeats one piece.
fn many(piece: &str) -> String {
    piece.repeat(SIZE / piece.len())
}

/// A document of numbered pieces.
fn numbered(piece: impl Fn(usize) -> String) -> String {
    let mut html = String::new();
    for number in 0.. {
        html += &piece(number);
        if html.len() > SIZE {
            break;
        }
    }
    html
}

#[test]
fn open_elements_only() {
    let tags = [
        "<div>",
        "<b>",
        "<span>x",
        "<p>x",
        "<ul><li>",
        "<ol><li>",
        "<table><tr><td>",
        "<blockquote>x",
        "<a href=x>y",
        "<svg>",
        "<math><mi>",
        "<template>",
        "<select><option>x",
        "<ruby><rt>x",
        "<button>x",
        "<form><div></form>",
        "<object>",
        "<nobr>",
        "<dl><dt>x<dd>",
        "<font color=red><p>x",
        "<em><div>x</em>",
        "<a><div>",
        "<b><p></b>",
        "<pre>x",
        "<code>",
        "<frameset>",
        "<table><caption>",
        "<h1><div>",
        "<label><em>",
        "<x-y>",
        "<li>x",
        "<section><h2>",
    ];
    survive(tags.map(|tag| (tag, many(tag))).into());
}

#[test]
fn deep_elements_with_end_tags() {
    let depth = 20_000;
    let nested = |name: &str| format!("<{name}>").repeat(depth) + "<p>x</p>" + &format!("</{name}>").repeat(depth);
    survive(["div", "span", "em", "blockquote", "ul", "li", "svg"].map(|name| (name, nested(name))).into());
}

#[test]
fn reopened_elements() {
    let reopened = numbered(|number| if number < 300 { format!("<b a={number}>") } else { "<p>x".into() });
    survive(vec![
        ("many formats", numbered(|number| format!("<b a={number}>"))),
        ("formats in paragraphs", numbered(|number| format!("<p><b a={number}>x"))),
        ("reopened", reopened),
        ("fostered", "<table>".to_owned() + &many("<b>x</b>")),
        ("fostered text", "<table>".to_owned() + &many("x<tr>")),
        ("ends that end nothing", "<div>".to_owned() + &many("</x><div>")),
        ("attributes of html", numbered(|number| format!("<html a{number}>"))),
        ("select", "<select><selectedcontent></selectedcontent>".to_owned() + &many("<option>x</option>")),
    ]);
}

#[test]
fn unterminated_tags_and_texts() {
    survive(vec![
        ("attribute", format!("<a href=\"{}\">x</a>", many("x"))),
        ("attributes", format!("<a {}>x</a>", numbered(|number| format!("a{number} ")))),
        ("no quote", format!("<a href=\"{}", many("<p>x"))),
        ("no end of tag", format!("<a {}", many("x "))),
        ("comment", format!("<!--{}", many("-- >"))),
        ("script", format!("<script>{}", many("</scrip"))),
        ("escaped script", format!("<script>{}", many("<!--<script>"))),
        ("title", format!("<title>{}", many("</titl"))),
        ("plaintext", format!("<plaintext>{}", many("<p>"))),
        ("cdata", format!("<svg>{}", many("<![CDATA[x]]>"))),
        ("json", format!("<script type='application/ld+json'>{}</script>", many("[{\"@type\":"))),
    ]);
}

#[test]
fn special_characters() {
    let pieces = [
        "<",
        "&",
        "&amp;&notit;",
        "<!",
        "</",
        "</p>",
        "</br>",
        "\0",
        "<a\0 b\0=\0>\0",
        "\r\n",
        "  \n",
        "*_[]`\\",
        "&nbsp;",
        "\u{c2}",
        "<br>",
    ];
    survive(pieces.map(|piece| (piece, many(piece))).into());
    survive(vec![
        ("empty", String::new()),
        ("mark", "\u{feff}".into()),
        ("amp in attribute", format!("<p><a href=\"{}\">xx</a>", many("&"))),
    ]);
}

#[test]
fn expansive_markdown() {
    let lists = |open: &str| open.repeat(400) + &many("<br>x");
    survive(vec![
        ("wide column", format!("<table><tr><th>{}</th></tr>{}", many("w"), many("<tr><td>x"))),
        ("many columns", format!("<table><tr>{}</tr>{}", many("<th>x"), many("<tr><td>x"))),
        ("lists", lists("<ul><li>")),
        ("numbered lists", lists("<ol start=2147483647><li>")),
        ("quotes", lists("<blockquote>")),
        ("joined", many("<b>a</b>")),
        ("joined buttons", many("<button>a</button>")),
        ("ticks", format!("<code>{}</code>", many("` `` ``` "))),
        ("numbers", many("<ol start=99999999999999999999><li>x</ol>")),
        ("tables", many("<table><tr><th>a<tr><td>b</table>")),
    ]);
}

#[test]
fn million_nested_elements() {
    let html = "<div>".repeat(1_000_000) + "<p>x<p>y";
    let run = move || {
        let stop = Stop::default();
        assert_eq!(text::text(&html, &stop).unwrap(), "x\ny");
        assert_eq!(markdown::markdown(&html, &stop).unwrap(), "x\n\ny");
    };
    std::thread::Builder::new().stack_size(STACK).spawn(run).unwrap().join().unwrap();
}

#[test]
fn stop_ends_every_kernel() {
    let stop = Stop::default();
    stop.set();
    for (name, run) in kernels() {
        assert_eq!(run("<p>x", &stop).unwrap_err().kind, ErrorKind::Stopped, "{name}");
    }
}
