//! Both tree builders compared with html5ever, on documents of random tags and texts.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failing test may panic")]

use crate::reference::check_trees;

#[test]
fn random_tags_in_any_order() {
    let tags = [
        "a",
        "b",
        "i",
        "p",
        "div",
        "span",
        "ul",
        "li",
        "table",
        "tr",
        "td",
        "th",
        "tbody",
        "thead",
        "caption",
        "col",
        "colgroup",
        "form",
        "input",
        "button",
        "select",
        "option",
        "optgroup",
        "h1",
        "h2",
        "br",
        "img",
        "hr",
        "pre",
        "textarea",
        "script",
        "style",
        "title",
        "head",
        "body",
        "html",
        "svg",
        "path",
        "foreignObject",
        "desc",
        "math",
        "mi",
        "mtext",
        "annotation-xml",
        "mglyph",
        "malignmark",
        "dl",
        "dt",
        "dd",
        "ruby",
        "rt",
        "rp",
        "object",
        "noscript",
        "iframe",
        "meta",
        "link",
        "template",
        "x-y",
        "nobr",
        "center",
        "font",
        "article",
        "section",
        "xmp",
        "frameset",
        "plaintext",
        "listing",
        "image",
        "label",
    ];
    let attrs = [
        "",
        "",
        "",
        " class=a",
        " href='x?a=1&amp;b=2&copy=3'",
        " id=\"q\"",
        " A=1 a=2",
        " checked",
        " x=/",
        " type=hidden",
        " /",
        "/",
        " xlink:href=z viewbox=0",
        " encoding=text/html",
    ];
    let texts = [
        "x",
        " ",
        "\n",
        "a b",
        "&amp;",
        "&lt;p&gt;",
        "&notit;",
        "&#0;",
        "<",
        "< ",
        "</>",
        "<!-- c -->",
        "<!--->",
        "<!doctype html>",
        "é",
        "<?php ?>",
        "<![CDATA[x]]>",
        "</",
        "<!x>",
        "\u{0}",
        "\r\n",
        "&",
        "&#x41",
    ];
    let mut random =
        fastrand::Rng::with_seed(std::env::var("SHOAL_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7));
    let mut fast = 0;
    let rounds = std::env::var("SHOAL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(4000);
    for round in 0..rounds {
        let mut html = String::new();
        if random.bool() {
            html += "<!DOCTYPE html>";
        }
        let few = random.usize(3..tags.len());
        for _ in 0..random.usize(1..[12, 24, 60][round % 3]) {
            let tag = tags[(random.usize(..few) + round) % tags.len()];
            match random.u8(..10) {
                0..=4 => html += &format!("<{tag}{}>", attrs[random.usize(..attrs.len())]),
                5..=7 => html += &format!("</{tag}>"),
                _ => html += texts[random.usize(..texts.len())],
            }
        }
        fast += usize::from(check_trees(&html).unwrap());
    }
    // The fast path is taken for most documents, so that it is tested.
    assert!(2 * fast > rounds, "{fast} of {rounds}");
}

/// Nested foreign elements, their HTML integration points, and the tags that end them.
#[test]
fn foreign_content() {
    for html in [
        "<math><annotation-xml>x",
        "<math><annotation-xml encoding=text/html><p>x</p></annotation-xml>y",
        "<math><annotation-xml encoding=APPLICATION/XHTML+XML><b>x<svg>y</math>z",
        "<math><annotation-xml encoding=text/xml><p>x</math>",
        "<math><annotation-xml><svg><desc><p>x</svg><mi>y",
        "<math><annotation-xml>\0<mi>x</mi>\0</annotation-xml></math>",
        "<table><math><annotation-xml>x<tr><td>y",
        "<select><math><annotation-xml>x</select>y",
        "<math><mi><mglyph>x<malignmark/>y<b>z</math>",
        "<math><mtext><p>x</mtext><mglyph>y</math>z",
        "<svg><foreignObject><div>x<math><annotation-xml>y</svg>z",
        "<svg><title><b>x</title><font color=red>y</svg>",
        "<svg><desc><svg><desc>x</desc></svg></desc><p>y",
        "<math><mi><svg><mi>x</svg></mi></math>",
        "<p><math></p>x<annotation-xml></p>y",
        "<math><annotation-xml encoding='text/html'><template><mi>x",
        "<template><math><annotation-xml>x</template>y",
        "<math><annotation-xml/>x<annotation-xml encoding=text/html />y",
    ] {
        check_trees(html).unwrap();
    }
    let names =
        ["math", "mi", "mo", "mtext", "annotation-xml", "annotation-xml encoding=text/html", "mglyph", "malignmark"];
    let others =
        ["svg", "foreignObject", "desc", "title", "font color=x", "font", "p", "b", "table", "td", "select", "br"];
    let mut random = fastrand::Rng::with_seed(11);
    for round in 0..4000 {
        let mut html = String::new();
        for _ in 0..random.usize(1..=4 + round % 20) {
            let name =
                if random.bool() { names[random.usize(..names.len())] } else { others[random.usize(..others.len())] };
            match random.u8(..9) {
                0..=4 => html += &format!("<{name}>"),
                5 => html += &format!("<{name}/>"),
                6 => html += &format!("</{}>", name.split(' ').next().unwrap()),
                7 => html += "x",
                _ => html += ["\0", " ", "<!--c-->", "<![CDATA[d]]>"][random.usize(..4)],
            }
        }
        check_trees(&html).unwrap();
    }
}
