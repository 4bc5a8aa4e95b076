//! Each element alone, and pages whose Markdown could become disproportionately large.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use super::*;

fn written(html: &str) -> String {
    markdown(html, &Stop::default()).unwrap()
}

#[test]
fn the_usual_elements() {
    let html = "<h1>A &amp; B</h1><p>one <b>two</b><strong> more</strong> <a href='/x' title=t>link</a><br>next</p>
        <ul><li>a<li>b<ol start=3><li>c<li>d</ol></ul><blockquote><p>q<p>r</blockquote>
        <pre><code class='language-rust'>let x = 1 &lt; 2;\n  y\n</code></pre><p><code>c</code><img src=i alt=j>
        <table><thead><tr><th>h<th>wide</thead><tr><td>1<td>2 | 3</table><hr>
        <p>1. not a list, *not* [a](b) <i>x</i><em>y</em><button>p</button><button>q</button><math><mi>z</mi></math>";
    let expected = "# A & B\n\none **two more** [link](/x \"t\")  \nnext\n\n*   a\n*   b\n\n    3.  c\n    4.  d\n\n> q\n>\n> r\n\n\
        ```rust\nlet x = 1 < 2;\n  y\n```\n\n`c`![j](i)\n\n| h | wide   |\n| - | ------ |\n| 1 | 2 \\| 3 |\n\n* * *\n\n\
        1\\. not a list, \\*not\\* \\[a\\](b) *xy*pqz";
    assert_eq!(written(html), expected);
}

#[test]
fn invisible_elements_are_left_out() {
    let html = "<html><head><title>HIDDEN</title><style>HIDDEN</style></head><body><p>seen<script>HIDDEN</script>
        <noscript>HIDDEN</noscript><template>HIDDEN</template><style>HIDDEN</style><iframe>HIDDEN</iframe>";
    assert_eq!(written(html), "seen");
    assert_eq!(written(""), "");
    assert_eq!(
        written("<p>&nbsp;<b> </b><a href=x></a><h1></h1><ul><li></ul><pre>\n</pre><code></code><blockquote>"),
        ""
    );
}

#[test]
fn deep_nesting_is_flattened() {
    let lists = written(&("<ul><li>".repeat(30) + "x"));
    assert!(lists.ends_with('x') && lists.len() < 60, "{lists:?}");
    assert_eq!(written(&("<div>".repeat(5000) + "x<p>y")), "x\n\ny");
}

#[test]
fn disproportionate_tables_are_not_padded() {
    let wide = "w".repeat(400_000);
    let html = format!("<table><tr><th>{wide}</th></tr>{}</table>", "<tr><td>cell".repeat(1000));
    let text = written(&html);
    assert!(text.len() < 2 * html.len() && text.contains("| - |\n| cell |\n| cell |"), "{} bytes", text.len());
    assert!(written("<table><tr><th>a<tr><td>b</table>").contains("| a |\n| - |\n| b |"));
}

#[test]
fn lists() {
    for (html, expected) in [
        ("<ul><li>a<ul><li>b</ul>c<li>d</ul>", "*   a\n    *   b\n\n    c\n*   d"),
        ("<ul><li>a</li><ul><li>b</li></ul></ul>", "*   a\n    *   b"),
        ("<ul><ul><li>b</ul></ul>", "*   b"),
        ("<ul><li>a</li><ol><li>b</li></ol><li>c</ul>", "*   a\n    1.  b\n*   c"),
        ("<ol><li>a<ul><li>b</ul><li>c</ol>", "1.  a\n    *   b\n2.  c"),
        ("<ol start=9><li>a<li>b</ol>", "9.  a\n10.  b"),
        ("<ol start=-1><li>a</ol><ol start=x><li>b</ol>", "1.  a\n\n1)  b"),
        ("<ul><li><p>a<p>b</li><li><p>c</ul>d", "*   a\n\n    b\n\n*   c\n\nd"),
        ("<ul><li>a</ul><ul><li>b</ul>", "*   a\n\n-   b"),
        ("<ul><li><ul><li>a</ul></ul>", "*   *   a"),
        ("<ul><li>a<li><li>b</ul>", "*   a\n*   b"),
        ("<ul><li><pre>x\n\ny</pre><li><h2>z</h2></ul>", "*   ```\n    x\n\n    y\n    ```\n\n*   ## z"),
        ("<ul><li><hr><li>a</ul>", "*   _ _ _\n\n*   a"),
        ("<li>a<li>b", "*   a\n\n*   b"),
        ("<blockquote><ul><li>a</ul></blockquote><blockquote>b</blockquote>", "> *   a\n\n> b"),
        ("<ul><li><blockquote>a<p>b</blockquote>c</ul>", "*   > a\n    >\n    > b\n\n    c"),
        ("<ul>x<li>a</ul>", "x\n*   a"),
    ] {
        assert_eq!(written(html), expected, "{html}");
    }
}

#[test]
fn styles() {
    for (html, expected) in [
        ("<b>Note:</b>text", "**Note**:text"),
        ("a<strong>(b)</strong>c", "a(**b**)c"),
        ("a<b> b </b>c", "a **b** c"),
        ("<b><i>Note:</i></b>text", "***Note***:text"),
        ("a<b>!</b>b", "&#97;**!**&#98;"),
        ("<b><code>x</code></b>s", "**`x`**&#115;"),
        ("<b>a</b><b>b</b>", "**ab**"),
        ("<b>a<b>b</b></b>", "**ab**"),
        ("a<b></b><i> </i>b", "a b"),
        ("<b>a<br></b>b", "**a**  \nb"),
        ("<b>a&nbsp;</b>b", "**a**\u{a0}b"),
        ("<b><p>a<p>b</b>", "**a**\n\n**b**"),
        ("<b>“概念”</b>是", "**“概念**”是"),
        ("<a href=/y><h3>Card</h3><p>text</a>", "### [Card](/y)\n\n[text](/y)"),
        ("<a href=/y><div><img src=i></div></a>", "[![](i)](/y)"),
        ("wow!<a href=y>x</a>", "wow\\![x](y)"),
        ("<code>Vec&lt;<a href=t>T</a>&gt;</code>", "`Vec<`[`T`](t)`>`"),
        ("<h1>a<br>b<div>c</div></h1>d", "# a b c\n\nd"),
        ("a<br><br><br>b", "a\n\nb"),
    ] {
        assert_eq!(written(html), expected, "{html}");
    }
}

#[test]
fn tables() {
    for (html, expected) in [
        ("<table><tr><td>a<td>b</table>", "|   |   |\n| - | - |\n| a | b |"),
        ("<table><thead></thead><tr><td>a</table>", "|   |\n| - |\n| a |"),
        (
            "<table><tr><th></th><th>2019<tr><th>Sales<td>1</table>",
            "|       | 2019 |\n| ----- | ---- |\n| Sales | 1    |",
        ),
        ("<table><tr><th colspan=2>a<tr><td>b<td>c</table>", "| a | a |\n| - | - |\n| b | c |"),
        (
            "<table><tr><th>x<th>y<tr><td rowspan=9>a<td>b<tr><td>c</table>",
            "| x | y |\n| - | - |\n| a | b |\n| a | c |",
        ),
        (
            "<table><tr><th>x<th>y<tr><td rowspan=0>a<td>b<tr><td>c</table>",
            "| x | y |\n| - | - |\n| a | b |\n| a | c |",
        ),
        ("<table><tfoot><tr><td>f<tbody><tr><td>b<thead><tr><td>h</table>", "| h |\n| - |\n| b |\n| f |"),
        ("<table><caption>t<p>u</caption><tr><th>a</table>", "t u\n\n| a |\n| - |"),
        (
            "<table><tr><th>a<tr><td><p>b<p>c<ul><li>d</ul>e<br>f<pre>g\nh</pre></table>",
            "| a               |\n| --------------- |\n| b c d e f `g h` |",
        ),
        ("<table><tr><th>a<tr><td><table><tr><td>b<td>c</table></table>", "| a   |\n| --- |\n| b c |"),
        ("<table><tr><td>x<table><tr><td>b</table>y</table>", "x\n\n|   |\n| - |\n| b |\n\ny"),
        (
            "<table><tr><th>a<tr><td><code>x|y</code> <a href='p|q'>r</a></table>",
            "| a                |\n| ---------------- |\n| `x\\|y` [r](p\\|q) |",
        ),
    ] {
        assert_eq!(written(html), expected, "{html}");
    }
}

#[test]
fn spans_are_bounded() {
    let span = "<table><tr><td colspan=100000000 rowspan=100000000>x</td></tr></table>";
    assert!(written(&span.repeat(1000)).len() < 3 << 20);
    let rows =
        format!("<table><tr><td colspan=1000>{}</td></tr>{}</table>", "x".repeat(1000), "<tr><td>y".repeat(10_000));
    let text = written(&rows);
    assert!(
        text.len() < (4 << 20) && text.lines().filter(|line| line.contains('y')).count() == 10_000,
        "{}",
        text.len()
    );
    let link = format!("<a href={}>{}</a>", "u".repeat(10_000), "<p>x</p>".repeat(10_000));
    assert!(written(&link).len() < 3 << 20);
}

#[test]
fn preformatted_text() {
    for (html, expected) in [
        ("<pre># c\n    y</pre>", "```\n# c\n    y\n```"),
        ("<pre>```\nx\n```</pre>", "````\n```\nx\n```\n````"),
        (
            "<div class='highlight-python notranslate'><div class=highlight><pre><span></span>x = <span class=mi>1</span>\n</pre></div></div>",
            "```python\nx = 1\n```",
        ),
        ("<div class='highlight highlight-source-shell'><pre>ls</pre></div>", "```shell\nls\n```"),
        ("<pre><code class=language-c++ data-lang=x>y</code></pre>", "```c++\ny\n```"),
        ("<pre class='lang-`evil'>y</pre>", "```\ny\n```"),
        ("<pre><div>a</div><div>b</div></pre>", "```\na\nb\n```"),
        ("<pre>a<br>b</pre>", "```\na\nb\n```"),
        ("<table><tr><td><pre>1\n2</pre><td><pre>x\ny</pre></table>", "```\n1\n2\n```\n\n```\nx\ny\n```"),
    ] {
        assert_eq!(written(html), expected, "{html}");
    }
}
