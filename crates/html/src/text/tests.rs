use super::*;

fn rendered(html: &str) -> String {
    text(html, &Stop::default()).unwrap()
}

#[test]
fn blocks_are_lines() {
    assert_eq!(rendered("<h1>A</h1><p>b <b>c</b>\n d<p>e<br>f<ul><li>g<li>h</ul>i"), "A\nb c d\ne\nf\ng\nh\ni");
    assert_eq!(rendered("a<div><div> b </div></div> c"), "a\nb\nc");
    assert_eq!(rendered("in<i>li</i>ne <i> x </i> y"), "inline x y");
}

#[test]
fn tabs_separate_cells() {
    assert_eq!(rendered("<table><tr><th>a<th>b<tr><td> 1 <td>2</table>end"), "a\tb\n1\t2\nend");
}

#[test]
fn preformatted_text_is_preserved() {
    assert_eq!(rendered("x<pre>\n a\n  b\n</pre>y <textarea>\n p\nq </textarea>z"), "x\n a\n  b\ny  p\nq  z");
}

#[test]
fn invisible_elements_are_left_out() {
    let html = "<title>t</title><style>s</style><body>a<script>b</script><noscript>c</noscript><template>d</template>\
        <iframe>e</iframe><svg><title>f</title><text>g</text></svg>";
    assert_eq!(rendered(html), "ag");
    assert_eq!(rendered(""), "");
    assert_eq!(rendered("&lt;&eacute;&nbsp;x&#0;"), "<é\u{a0}x\u{fffd}");
}
