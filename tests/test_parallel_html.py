"""`html_*` compared with lexbor (selectolax), libxml2 (lxml) and markdownify, on sample pages and random markup."""

import random
import re
import time
from urllib.parse import urljoin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal
from shoal import parallel

WORDS = "the of and a to in is was he for it with as his on be at by I this had not are but from or have an they"
CYRILLIC = "в и не на я быть он с что а по это она этот к но они мы весь который из у то за свой год"
HAN = "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能"


def words(count: int, among: str = WORDS, between: str = " ") -> str:
    """Random words, the same for the same arguments."""
    choose = random.Random(f"{count}{among[0]}").choice
    choices = among.split() if between else among
    return between.join(choose(choices) for _ in range(count))


def page(title: str, body: str, language: str = "en") -> str:
    links = "".join(f'<li><a href="/c/{i}?a=1&amp;b={i}">{words(2)} {i}</a></li>' for i in range(9))
    return f"""<!DOCTYPE html>
<html lang="{language}"><head><meta charset="utf-8"><title>{title}</title><link rel="stylesheet" href="/s.css">
<meta name="description" content="What it is about."><meta name="author" content="Zoë Smith">
<style>.a > p {{ color: red }}</style><script>if (1 < 2) {{ document.write("<b>HIDDEN</b>") }}</script>
</head><body class="page"><nav><ul>{links}
</ul></nav>{body}<noscript>HIDDEN</noscript><footer><a href="#top">up</a> <a href="mailto:a@b">mail</a>
<svg viewBox="0 0 1 1"><path d="M0 0"/></svg> &copy; 2024</footer></body></html>"""


def article(among: str = WORDS, between: str = " ", language: str = "en") -> str:
    paragraphs = "".join(
        f"<p>{words(40 + i, among, between)}, <em>{words(3, among, between)}</em> &mdash; "
        f"<strong>{words(2, among, between)}</strong> <a href='more/{i}'>{words(2, among, between)}</a>.</p>\n"
        + (
            "<h2>Next</h2><figure><img src='/i.png' alt='A picture'><figcaption>Caption</figcaption></figure>"
            * (i == 3)
        )
        for i in range(9)
    )
    heading = words(5, among, between)
    return page(heading, f"<main><article><h1>{heading}</h1>{paragraphs}</article></main>", language)


def listing() -> str:
    items = "".join(
        f"""<div class="item card" data-id="{i}"><a href="/p/{i}"><img src="/i/{i}.jpg" alt=""></a>
        <h3 class=name>No. {i}</h3><span class="price">&euro;{i}.99</span><p>{words(9)}</p><button>Buy</button></div>"""
        for i in range(30)
    )
    return page("Shop", f'<div class="grid">{items}</div>')


def table() -> str:
    rows = "".join(f"<tr><td>{i}</td><td>name {i}</td><td>{i * i}</td></tr>\n" for i in range(40))
    return page(
        "Table", f"<table><thead><tr><th>no</th><th>name</th><th>square</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def forum() -> str:
    """A page with omitted end tags, as in hand-written HTML."""
    posts = "".join(
        f"""<div class=post id=p{i}><b>user{i}</b><br><small>{i} posts</small><blockquote><p>{words(7)}</blockquote>
        <p>{words(20)}<br><br>{words(5)}<pre><code>x = {i}\n  if x &lt; 3: pass\n</code></pre>
        <ul><li>one<li>two</ul></div>"""
        for i in range(12)
    )
    return page("Forum", posts)


PAGES = {
    "article": article(),
    "russian": article(CYRILLIC, language="ru"),
    "chinese": article(HAN, "", "zh"),
    "listing": listing(),
    "table": table(),
    "forum": forum(),
    "misnested": page(
        "Wrong", "<p><b>one<p>two</b> three<a href=x>four<a href=y>five<div>six</a></div><table>seven<tr><td>8"
    ),
    "fragment": "<p>one<p class='x y'>two &amp; three<td>four</td>",
    "text": "nothing but text",
    "empty": "",
}
SELECTORS = [
    ("a[href]", "href"),
    ("a", None),
    ("p", None),
    ("li:first-child a", None),
    ("div.item > span.price", None),
    ("table tr td", None),
    ("td:nth-child(2)", None),
    ("h1, h2, h3.name", None),
    ("[data-id]", "data-id"),
    ("div.post > b + br ~ blockquote", None),
    ("body", None),
    ("body.page nav li:not(:last-child) > a[href*='b=3']", "href"),
    ("img[alt='']", "src"),
    ("p.x.y", "class"),
    ("script", None),
    ("ul:has(a)", None),
]


def selected(doc: str, css: str, attr: str | None = None) -> list[str]:
    (found,) = parallel.html_select([doc], css, attr).result()
    return found


def by_lexbor(doc: str, css: str, attr: str | None = None) -> list[str]:
    lexbor = pytest.importorskip("selectolax.lexbor")
    nodes = lexbor.LexborHTMLParser(doc).css(css)
    if attr is None:
        return [node.text() for node in nodes]
    return [node.attributes[attr] or "" for node in nodes if attr in node.attributes]


@pytest.mark.parametrize(("css", "attr"), SELECTORS)
def test_select_equals_lexbor(css: str, attr: str | None) -> None:
    found = parallel.html_select(PAGES.values(), css, attr).result()
    assert len(found) == len(PAGES)
    for name, doc, texts in zip(PAGES, PAGES.values(), found, strict=True):
        assert texts == by_lexbor(doc, css, attr), name


@pytest.mark.parametrize(("css", "attr"), SELECTORS[:-1])
@pytest.mark.parametrize("name", ["article", "russian", "chinese", "listing", "table"])
def test_select_equals_lxml(name: str, css: str, attr: str | None) -> None:
    pytest.importorskip("cssselect")
    html = pytest.importorskip("lxml.html")
    nodes = html.document_fromstring(PAGES[name]).cssselect(css)
    expected = [node.text_content() if attr is None else node.get(attr) for node in nodes]
    if css == "body":
        # libxml2 moves the white space that follows the body.
        expected = [text.rstrip() for text in expected]
        assert [text.rstrip() for text in selected(PAGES[name], css)] == expected
    else:
        assert selected(PAGES[name], css, attr) == expected


TAGS = ["p", "div", "span", "b", "i", "a", "ul", "li", "h1", "table", "tr", "td", "section", "em", "pre", "br", "img"]
ATTRIBUTES = ["", "", ' class="c d"', " id=i", " href='x?a=1&amp;b=2'", " data-x"]
MARKUP = st.lists(
    st.one_of(
        st.builds("<{}{}>".format, st.sampled_from(TAGS), st.sampled_from(ATTRIBUTES)),
        st.builds("</{}>".format, st.sampled_from(TAGS)),
        st.sampled_from(["text", " ", "&lt;", "&eacute;", "ö", "<!-- c -->"]),
    ),
    max_size=25,
).map("".join)


@settings(deadline=None, max_examples=150)
@given(
    MARKUP,
    st.sampled_from(["*", "p", "a[href]", ".c", "#i", "div p", "li > b", "td", "p ~ p", "b + i", "tr td:first-child"]),
)
def test_select_from_random_markup_equals_lexbor(doc: str, css: str) -> None:
    assert selected(doc, css) == by_lexbor(doc, css)
    assert selected(doc, css, "href") == by_lexbor(doc, css, "href")


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet=st.sampled_from("<>/!-=&;#x3a b'\"\x00\n\réß漢😀"), max_size=60))
def test_broken_markup_has_a_result(doc: str) -> None:
    jobs = [
        parallel.html_to_markdown([doc]),
        parallel.html_text([doc]),
        parallel.html_links([doc], "http://h/"),
        parallel.html_select([doc], "*"),
        parallel.html_article([doc]),
    ]
    for job in jobs:
        assert len(job.result()) == 1


def test_a_bad_selector_is_refused_at_the_call() -> None:
    for css in ("div >", "a[", "", "a:nonsense", ":not(" * 1000):
        with pytest.raises(ValueError, match="selector"):
            parallel.html_select(["<p>"], css)


def test_links_are_absolute_and_distinct() -> None:
    base = "https://host.example/dir/page"
    for name, doc, links in zip(PAGES, PAGES.values(), parallel.html_links(PAGES.values(), base).result(), strict=True):
        hrefs = [href for href in selected(doc, "a[href], area[href]", "href") if not href.startswith(("#", "mailto:"))]
        assert links == list(dict.fromkeys(urljoin(base, href) for href in hrefs)), name


def test_links_without_a_base_stay_relative() -> None:
    doc = "<a href='../x'>1</a><a href='http://H/'>2</a><a href='javascript:x()'>3</a><a href=' y '>4</a>"
    doc += "<area href='//h/z'>"
    assert parallel.html_links([doc]).result() == [["../x", "http://h/", "y", "//h/z"]]
    assert parallel.html_links(["<base href='http://b/c/'>" + doc]).result() == [
        ["http://b/x", "http://h/", "http://b/c/y", "http://h/z"]
    ]


def test_a_bad_base_is_refused_at_the_call() -> None:
    for url in ("/relative", "mailto:a@b", "not a url"):
        with pytest.raises(ValueError, match=re.escape(url)):
            parallel.html_links(["<a href=x>"], url)


def test_text_has_the_visible_words() -> None:
    html = pytest.importorskip("lxml.html")
    for name, text in zip(PAGES, parallel.html_text(PAGES.values()).result(), strict=True):
        if not PAGES[name]:
            assert text == ""
            continue
        tree = html.document_fromstring(PAGES[name])
        for hidden in tree.xpath("//head | //script | //style | //noscript | //template"):
            hidden.drop_tree()
        assert re.sub(r"\s+", "", text) == re.sub(r"\s+", "", tree.text_content()), name
        assert "HIDDEN" not in text


def test_text_has_a_line_for_each_block() -> None:
    doc = "<h1>A</h1><p>b <b>c</b>\n d<ul><li>e<li>f&nbsp;g</ul><table><tr><td>1<td>2</table><pre> x\n  y</pre>z"
    assert parallel.html_text([doc]).result() == ["A\nb c d\ne\nf\xa0g\n1\t2\n x\n  y\nz"]


def test_markdown_has_the_words_of_the_page() -> None:
    markdownify = pytest.importorskip("markdownify")
    marks = re.compile(r"[^\w]+")
    for name in ("article", "russian", "chinese", "table"):
        ours = parallel.html_to_markdown([PAGES[name]]).result()[0]
        theirs = markdownify.markdownify(PAGES[name], strip=["script", "style", "head", "noscript", "title"])
        assert "HIDDEN" not in ours
        body = re.sub(r"\bHIDDEN\b", "", theirs)
        shared = set(marks.split(ours)) & set(marks.split(body))
        assert len(shared) > 0.95 * len(set(marks.split(ours))), name


def test_markdown_of_the_usual_elements() -> None:
    doc = """<h2>Head</h2><p>a <b>b</b> <i>c</i> <a href="/x">d</a> <code>e</code></p><ol><li>f<li>g</ol>
        <blockquote>h</blockquote><pre><code>i\n j</code></pre><table><tr><th>k</th></tr><tr><td>l</td></tr></table>"""
    (text,) = parallel.html_to_markdown([doc]).result()
    for part in ("## Head", "a **b** *c* [d](/x) `e`", "1.  f\n2.  g", "> h", "```\ni\n j\n```", "| k |\n| - |\n| l |"):
        assert part in text, text


def test_article_fields() -> None:
    english, russian, chinese, listed = parallel.html_article(
        [PAGES[name] for name in ("article", "russian", "chinese", "empty")], "https://host.example/a/"
    ).result()
    assert english["title"] == words(5)
    assert english["byline"] == "Zoë Smith"
    assert english["excerpt"] == "What it is about."
    assert english["language"] == "en" and russian["language"] == "ru" and chinese["language"] == "zh"
    assert (
        words(40) in english["text"]
        and words(40, CYRILLIC) in russian["text"]
        and words(40, HAN, "") in chinese["text"]
    )
    assert 'href="https://host.example/a/more/1"' in english["html"]
    assert "HIDDEN" not in english["text"] and "mail" not in english["text"]
    assert listed["text"] == "" and listed["title"] is None


def test_blocks_of_an_article_are_separated() -> None:
    sentence = "The shoal turned at once, as if it were a single fish, and was gone before the net had closed. " * 4
    doc = (
        f"<article><p>{sentence}one</p><p>two</p><ul><li>three</li><li>four</li></ul>five<br>six"
        f"<table><tr><td>seven</td><td>eight</td></tr></table><p>{sentence}<b>ni</b>ne</p></article>"
    )
    (found,) = parallel.html_article([doc]).result()
    assert "one\ntwo\nthree\nfour\nfive\nsix\nseven\teight\n" in found["text"]
    assert parallel.html_text([found["html"]]).result() == [found["text"]]


LATE = "<!-- " + "x" * 2000 + " -->"
ENCODED = [
    ("koi8-r", "<meta charset=koi8-r>"),
    ("koi8-r", LATE + "<meta charset=koi8-r>"),
    ("shift_jis", LATE + "<script>'<meta charset=koi8-r>'</script><meta charset=Shift_JIS>"),
    ("gbk", f"<title>{'x' * 1100}</title><meta http-equiv=Content-Type content='text/html; charset=gb2312'>"),
    ("shift_jis", "<?xml version='1.0' encoding=\"Shift_JIS\"?><html>"),
    ("iso2022_jp", LATE + "<meta charset=iso-2022-jp>"),
    ("gbk", "<?xml version='1.0' encoding='koi8-r'?><meta charset=gbk>"),
    ("utf-8-sig", "<?xml version='1.0' encoding='koi8-r'?><meta charset=gbk>"),
    ("utf-16", "<meta charset=gbk>"),
    ("utf-8", LATE + "<!-- <meta charset=gbk> --><textarea><meta charset=gbk></textarea>"),
]


@pytest.mark.parametrize(("encoding", "head"), ENCODED)
def test_bytes_are_decoded_as_in_browsers(encoding: str, head: str) -> None:
    words = "日本の魚" if encoding in {"shift_jis", "iso2022_jp", "gbk"} else "рыба"
    page = (head + f"<p>{words}").encode(encoding)
    for kernel in (parallel.html_text, parallel.html_to_markdown):
        assert kernel([page]).result()[0].endswith(words), page


FOREIGN = [
    "<math><annotation-xml>x",
    "<math><annotation-xml encoding=text/html><p>x</p></annotation-xml>y</math>z",
    "<math><annotation-xml encoding='application/xhtml+xml'><div>x<svg>y</math>z",
    "<math><annotation-xml><svg><desc><p>x</svg><mi>y",
    "<table><math><annotation-xml>x<tr><td>y",
    "<math><mi><mglyph>x<malignmark>y</math>z",
    "<svg><foreignObject><div>x<math><annotation-xml>y</svg>z",
]


@pytest.mark.parametrize("doc", FOREIGN)
def test_mathml_and_svg_within_html(doc: str) -> None:
    assert selected(doc, "*") == by_lexbor(doc, "*")
    assert "".join(parallel.html_text([doc]).result()[0].split()) == re.sub("<[^>]*>", "", doc)


NAMES = ["math", "mi", "annotation-xml", "annotation-xml encoding=text/html", "mglyph", "mtext", "svg", "desc", "title"]
NAMES += ["foreignObject", "p", "b", "table", "td", "select", "font color=x", "template"]


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.tuples(st.sampled_from(["<{}>", "<{}>", "</{}>", "<{}/>", "x"]), st.sampled_from(NAMES)), max_size=25)
)
def test_foreign_elements_in_any_order(parts: list[tuple[str, str]]) -> None:
    doc = "".join(form.format(name.split(" ", 1)[0] if form == "</{}>" else name) for form, name in parts)
    for kernel in (parallel.html_text, parallel.html_to_markdown, parallel.html_links, parallel.html_article):
        assert len(kernel([doc]).result()) == 1


HOSTILE = {
    "nested": "<div>" * 300_000,
    "closed": "<em>x" * 100_000 + "</em>" * 100_000,
    "lists": "<ul><li>" * 50_000,
    "tables": "<table><tr><td>" * 30_000,
    "quotes": "<blockquote>" * 50_000,
    "reopened": "".join(f"<b a={i}>" for i in range(300)) + "<p>x" * 50_000,
    "formats": "".join(f"<p><b a={i}>x" for i in range(30_000)),
    "fostered": "<table>" + "<b>x</b>" * 50_000,
    "attribute": f'<a href="{"x" * 50_000_000}">x</a>',
    "attributes": f"<a {' '.join(f'a{i}' for i in range(200_000))}>x</a>",
    "column": f"<table><tr><th>{'w' * 500_000}</tr>" + "<tr><td>x" * 50_000,
    "joined": "<b>a</b>" * 100_000,
    "ampersands": "&" * 500_000,
    "nul": "\x00" * 500_000,
    "svg": "<svg>" * 200_000,
    "templates": "<template>" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kernel", ["html_text", "html_links", "html_to_markdown", "html_article"])
def test_hostile_documents(kernel: str, name: str) -> None:
    start = time.monotonic()
    (result,) = getattr(parallel, kernel)([HOSTILE[name]], on_error="return").result()
    # An error is an acceptable result.
    assert not isinstance(result, shoal.ParallelError) or isinstance(result.exception, ValueError)
    assert time.monotonic() - start < 20


@pytest.mark.parametrize("name", HOSTILE)
def test_select_from_hostile_documents(name: str) -> None:
    for css in ("a ~ b", "div span > p", "b:nth-last-child(2)"):
        (result,) = parallel.html_select([HOSTILE[name]], css, on_error="return").result()
        assert not isinstance(result, shoal.ParallelError) or isinstance(result.exception, ValueError)
