"""`html_to_markdown`: its output rendered by CommonMark, and its tables compared with `pandas.read_html`."""

import io
import random
import re
import time
from html.parser import HTMLParser
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal import parallel


def markdown(html: str) -> str:
    (text,) = parallel.html_to_markdown([html]).result()
    return text


def rendered(html: str) -> str:
    """The HTML that CommonMark renders from our Markdown."""
    markdown_it = pytest.importorskip("markdown_it")
    return markdown_it.MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown(html))


class Letters(HTMLParser):
    """The letters and digits of a page, each with the elements around it that Markdown can express."""

    MARKS: ClassVar = {"b": "strong", "strong": "strong", "i": "em", "em": "em", "code": "code", "h3": "h3", "li": "li"}

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[tuple[str, str]] = []
        self.found: list[tuple[str, frozenset[str]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.open.append((tag, f"to {dict(attrs)['href']}"))
        elif tag in self.MARKS:
            self.open.append((tag, self.MARKS[tag]))

    def handle_endtag(self, tag: str) -> None:
        if tag in self.MARKS or tag == "a":
            at = max(index for index, (name, _) in enumerate(self.open) if name == tag)
            del self.open[at]

    def handle_data(self, data: str) -> None:
        self.text += data
        marks = frozenset(mark for _, mark in self.open)
        self.found += [(char, marks) for char in data if char.isalnum()]


def assert_renders_like(html: str) -> None:
    ours, theirs = Letters(html), Letters(rendered(html))
    assert ours.found == theirs.found, markdown(html)
    assert "".join(ours.text.split()) == "".join(theirs.text.split()), markdown(html)


@pytest.mark.parametrize(
    "html",
    [
        "<b>Note:</b>text",
        "a<strong>(b)</strong>c",
        "a<b>!</b>b",
        "a<b> b </b>c",
        "<b>a&nbsp;</b>b",
        "<i><b>“x”</b></i>y",
        "<b>概念：</b>是",
        "x<b>€5</b>y",
        "<b><code>x</code></b>s",
        "a<b><a href=/x>x</a></b>s",
        "<b>a</b><i>b</i>c",
        "a<i>b</i><b>c</b>d",
        "<b>a<i>b</i></b>c",
        "<b>a</b><strong>b</strong>",
        "wow!<a href=/y>x</a>",
        "<code>Vec&lt;<a href=/t>T</a>&gt;</code>",
        "1<b>.</b> x",
        "5<b>*</b> x_y_z ~~a~~ `b` [c](d) &lt;p&gt; &amp;amp; \\*",
        "<p># a</p><p>- b</p><p>1. c</p><p>2) d</p><p>&gt; e</p><p>f<br>===</p><p>g<br>---</p><p>+</p>",
    ],
)
def test_inline_marks_render(html: str) -> None:
    assert_renders_like(html)


PIECES = st.sampled_from(
    [
        "a",
        "b1",
        "é",
        "概念",
        " ",
        " ",
        "\xa0",
        ":",
        "(",
        ")",
        "!",
        "“",
        "€",
        "&amp;",
        "&lt;",
        "*",
        "_",
        "`",
        "[",
        "]",
        "~~",
    ]
)


def marked(tag: str, parts: list[str]) -> str:
    inner = "".join(parts)
    if tag.startswith("a "):
        # Links cannot be nested.
        inner = re.sub("</?a[^>]*>", "", inner)
    return f"<{tag}>{inner}</{tag.split(maxsplit=1)[0]}>"


TAGS = st.sampled_from(["b", "i", "em", "strong", "code", "span", "a href=/x", "a href=/y"])
MARKED = st.recursive(PIECES, lambda inner: st.builds(marked, TAGS, st.lists(inner, max_size=4)), max_leaves=12)


@settings(deadline=None, max_examples=200)
@given(st.lists(MARKED, max_size=8).map("".join))
def test_no_mark_appears_as_text(html: str) -> None:
    """Markdown cannot express all adjacent emphases. One that it cannot express is left out, without literal stars."""
    ours, theirs = Letters(html), Letters(rendered(html))
    assert "".join(ours.text.split()) == "".join(theirs.text.split()), markdown(html)
    assert len(ours.found) == len(theirs.found)
    for (_, wanted), (_, found) in zip(ours.found, theirs.found, strict=True):
        assert found <= wanted and wanted - found <= {"strong", "em"}, markdown(html)


@settings(deadline=None, max_examples=200)
@given(st.lists(PIECES, max_size=3), TAGS, st.lists(PIECES, min_size=1, max_size=4), st.lists(PIECES, max_size=3))
def test_one_mark_renders_in_any_context(before: list[str], tag: str, within: list[str], after: list[str]) -> None:
    html = "".join(before) + marked(tag, within) + "".join(after)
    assert_renders_like(html)
    if tag != "span" and Letters(marked(tag, within)).text.strip():
        name = {"b": "strong", "i": "em"}.get(tag, tag.split(maxsplit=1)[0])
        assert f"<{name}" in rendered(html), markdown(html)


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<a href=/y><h3>Card</h3></a>", '<h3><a href="/y">Card</a></h3>'),
        ("<a href=/y><div>a</div><p>b</p></a>", '<p><a href="/y">a</a></p><p><a href="/y">b</a></p>'),
        ("<a href=/y><p><img src=i alt=j></p></a>", '<p><a href="/y"><img src="i" alt="j" /></a></p>'),
        ("<b><p>a</p><p>b</p></b>", "<p><strong>a</strong></p><p><strong>b</strong></p>"),
        ("<ul><li>a</li><ul><li>b</li></ul></ul>", "<ul><li>a<ul><li>b</li></ul></li></ul>"),
        ("<ul><li>a</li><ol><li>b</li></ol><li>c</ul>", "<ul><li>a<ol><li>b</li></ol></li><li>c</li></ul>"),
        ("<ul><li>a<ul><li>b</ul>c</ul>", "<ul><li><p>a</p><ul><li>b</li></ul><p>c</p></li></ul>"),
        ("<ol start=7><li>a<li>b</ol>", '<ol start="7"><li>a</li><li>b</li></ol>'),
        ("<ul><li>a<ol start=7><li>b</ol></ul>", '<ul><li><p>a</p><ol start="7"><li>b</li></ol></li></ul>'),
        ("<ul><li><p>a<p>b<li>c</ul>", "<ul><li><p>a</p><p>b</p></li><li><p>c</p></li></ul>"),
        ("<ul><li>a</ul><ul><li>b</ul>", "<ul><li>a</li></ul><ul><li>b</li></ul>"),
        ("<ul><li><h2>a</h2><pre>b</pre><hr></ul>", "<ul><li><h2>a</h2><pre><code>b</code></pre><hr /></li></ul>"),
        ("<ul><li><hr></ul>", "<ul><li><hr /></li></ul>"),
        (
            "<blockquote>a</blockquote><blockquote>b</blockquote>",
            ("<blockquote><p>%s</p></blockquote>" * 2) % ("a", "b"),
        ),
        (
            "<ul><li>a<blockquote>b<ul><li>c</ul></blockquote></ul>",
            "<ul><li><p>a</p><blockquote><p>b</p><ul><li>c</li></ul></blockquote></li></ul>",
        ),
        ("<pre># c\n    y</pre>", "<pre><code># c\n    y</code></pre>"),
        ("<pre>```\n~~~~\n</pre>", "<pre><code>```\n~~~~</code></pre>"),
        (
            "<div class='highlight-py'><pre><span>x</span> = 1</pre></div>",
            '<pre><code class="language-py">x = 1</code></pre>',
        ),
        ("<ul><li><pre>a\n\n  b</pre></ul>", "<ul><li><pre><code>a\n\n  b</code></pre></li></ul>"),
        ("<blockquote><pre>a\n\nb</pre></blockquote>", "<blockquote><pre><code>a\n\nb</code></pre></blockquote>"),
        ("<h1>a<br>b</h1><h2><p>c</p></h2>d", "<h1>a b</h1><h2>c</h2><p>d</p>"),
        ("a<br>b<br><br>c", "<p>a<br />b</p><p>c</p>"),
    ],
)
def test_blocks_render(html: str, expected: str) -> None:
    found = re.sub(r"\n*(</?(?:p|ul|ol|li|blockquote|h\d|pre|hr|br)\b[^>]*>)\n*", r"\1", rendered(html))
    assert re.sub("\n</code>", "</code>", found) == expected, markdown(html)


def cells(text: str) -> list[list[str]]:
    """The rows of a Markdown table, heading first, without empty rows."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    heading, delimiters, *rest = rows
    assert all(re.fullmatch("-+", cell) for cell in delimiters) and len(delimiters) == len(heading)
    assert all(len(row) == len(heading) for row in rest)
    return [row for row in [heading, *rest] if any(row)]


def by_pandas(html: str) -> list[list[str]]:
    pandas = pytest.importorskip("pandas")
    (frame,) = pandas.read_html(io.StringIO(html), flavor="lxml", keep_default_na=False)
    # Each level of the heading is a row. pandas renames empty and repeated names.
    rows = []
    if not all(isinstance(column, int) for column in frame.columns):
        levels = [column if isinstance(column, tuple) else (column,) for column in frame.columns]
        rows = [[re.sub(r"^Unnamed: .*|\.\d+$", "", str(name)) for name in row] for row in zip(*levels, strict=True)]
    rows += [["" if pandas.isna(cell) else str(cell) for cell in row] for row in frame.to_numpy().tolist()]
    return [row for row in rows if any(row)]


WITHIN = [
    "c{}q",
    "<p>c{}q</p>",
    "\n c{}q\n",
    "<ul><li>c{}q</ul>",
    "<div><span>c{}q</span></div>",
    "<br>c{}q",
    "x|c{}q|",
]


def table(choose: random.Random) -> str:
    """A random table without gaps or overlaps: each place has one cell, which may span others of its section."""
    columns = choose.randint(1, 5)
    out = "<caption>Of what</caption>" * choose.randint(0, 1)
    number = 0
    sections = ["thead"] * choose.randint(0, 1) + ["tbody"] * choose.randint(1, 2) + ["tfoot"] * choose.randint(0, 1)
    for section in sections:
        rows = choose.randint(1, 2 if section == "thead" else 5)
        taken = [[False] * columns for _ in range(rows)]
        out += f"<{section}>"
        for row in range(rows):
            # pandas reads rows that have only th cells as part of the heading.
            names = [choose.choice(["th", "td", "td"]) for _ in range(columns)]
            if section == "thead":
                names = ["th"] * columns
            elif row > 0 or section != "tbody":
                names[choose.randrange(columns)] = "td"
            out += "<tr>"
            for column in range(columns):
                if taken[row][column]:
                    continue
                width, height = choose.choice([1, 1, 1, 2, 3]), choose.choice([1, 1, 1, 2, 3])
                while any(taken[row][column : column + width]) or column + width > columns:
                    width -= 1
                height = min(height, rows - row)
                for line in taken[row : row + height]:
                    line[column : column + width] = [True] * width
                number += 1
                # pandas fails on a heading without names.
                text = (
                    ""
                    if section != "thead" and row > 0 and choose.random() < 0.1
                    else choose.choice(WITHIN).format(number)
                )
                spans = f" colspan={width}" * (width > 1) + f" rowspan={height}" * (height > 1)
                out += f"<{names[column]}{spans}>{text}" + f"</{names[column]}>" * choose.randint(0, 1)
            out += "</tr>"
        out += f"</{section}>"
    return f"<table>{out}</table>"


def test_tables_equal_pandas() -> None:
    for seed in range(300):
        html = table(random.Random(seed))
        assert cells(markdown(html)) == by_pandas(html), (seed, html)


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        (
            "<table><tr><th></th><th>2019</th></tr><tr><th>Sales</th><td>1</td></tr></table>",
            [["", "2019"], ["Sales", "1"]],
        ),
        ("<table><tr><td></td><th>a</th></tr><tr><th>b</th><td>1</td></tr></table>", [["", "a"], ["b", "1"]]),
        ("<table><tr><td>a<th>b<td>c<tr><td>d<td>e<th>f</table>", [["a", "b", "c"], ["d", "e", "f"]]),
        ("<table><thead></thead><tr><td>a<td>b</table>", [["a", "b"]]),
        ("<table><thead><tr><th><th></thead><tr><td>a<td>b</table>", [["a", "b"]]),
        (
            "<table><thead><tr><th>h<th>i<tr><th>j<th>k</thead><tr><td>a<td>b</table>",
            [["h", "i"], ["j", "k"], ["a", "b"]],
        ),
        ("<table><tr><th>a<th>b<tr><td>c<tr><td>d<td>e<td>f</table>", [["a", "b", ""], ["c", "", ""], ["d", "e", "f"]]),
        ("<table><tfoot><tr><td>z</tfoot><tr><th>a<tr><td>b</table>", [["a"], ["b"], ["z"]]),
        ("<table><tr><th>a<tr><td><code>x|y</code></table>", [["a"], ["`x|y`"]]),
        ("<table><tr><th>a<tr><td>x|y<br>z<pre>p\nq</pre></table>", [["a"], ["x|y z `p q`"]]),
        ("<table><tr><th>a<tr><td><h3>b</h3><ol><li>c<li>d</ol><hr><blockquote>e</table>", [["a"], ["b c d e"]]),
        ("<table><tr><th>a<tr><td><table><tr><th>b<td>c</table>d</table>", [["a"], ["b c d"]]),
        ("<table><tr><th colspan=2>a<tr><td>b<td>c</table>", [["a", "a"], ["b", "c"]]),
        ("<table><tr><th>a<th>b<tr><td rowspan=0>c<td>d<tr><td>e</table>", [["a", "b"], ["c", "d"], ["c", "e"]]),
        ("<table><tr><th>a<th>b<tr><td rowspan=99>c<td>d<tr><td>e</table>", [["a", "b"], ["c", "d"], ["c", "e"]]),
        ("<ul><li>x<table><tr><th>a</table></ul>", None),
    ],
)
def test_tables(html: str, expected: list[list[str]] | None) -> None:
    text = markdown(html)
    if expected is None:
        assert "<table>" in rendered(html), text
    else:
        assert cells(text) == expected, text
        assert rendered(html).count("<tr>") == text.count("\n"), text


def test_a_caption_is_above_the_table() -> None:
    html = "<table><caption>Sales <b>now</b></caption><tr><td>1</table>"
    assert markdown(html) == "Sales **now**\n\n|   |\n| - |\n| 1 |"


def test_layout_tables_become_blocks() -> None:
    html = "<table><tr><td><h1>Title</h1><p>Text</p><td><table><tr><th>a<tr><td>b</table></table>"
    assert markdown(html) == "# Title\n\nText\n\n| a |\n| - |\n| b |"
    gutter = "<table><tr><td><pre>1\n2</pre><td><pre>x = 1\ny = 2</pre></table>"
    assert markdown(gutter) == "```\n1\n2\n```\n\n```\nx = 1\ny = 2\n```"
    assert markdown("<table role=presentation><tr><td>a<td>b</table>") == "a\n\nb"


@pytest.mark.parametrize(
    "html",
    [
        "<table>" + "<tr><td colspan=100000000 rowspan=100000000>x" * 2000,
        "<table><tr>" + "<td rowspan=65534>x" * 1000 + "<tr>" * 1000,
        "<table><tr>" + "<td>x" * 2000 + "<tr><td colspan=0 rowspan=0>" * 2000,
        f"<table><tr><td colspan=1000 rowspan=65534>{'x' * 10_000}" + "<tr><td>y" * 1000,
        f"<a href={'u' * 10_000}>" + "<p>x" * 10_000,
        "<table>" * 20_000 + "<tr><td>x",
        "<b>x<i>y" * 20_000,
        "<pre>" + "`" * 200_000,
        "<code>" + "` `` ```" * 50_000,
    ],
    ids=["spans", "rows", "short rows", "text", "link", "nested", "marks", "fence", "code"],
)
def test_the_result_is_proportional_to_the_page(html: str) -> None:
    start = time.monotonic()
    text = markdown(html)
    assert len(text) < 20 * len(html) + (8 << 20)
    assert time.monotonic() - start < 10
