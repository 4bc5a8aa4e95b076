"""`html_to_markdown`: what its Markdown means to CommonMark, and its tables beside `pandas.read_html`."""

import io
import random
import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal import parallel


def markdown(html: str) -> str:
    (text,) = parallel.html_to_markdown([html]).result()
    return text


def rendered(html: str) -> str:
    """The HTML that CommonMark makes of our Markdown."""
    markdown_it = pytest.importorskip("markdown_it")
    return markdown_it.MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown(html))


class Letters(HTMLParser):
    """The letters and digits of a page, each with what marks it."""

    MARKS = {"b": "strong", "strong": "strong", "i": "em", "em": "em", "code": "code", "h3": "h3", "li": "li"}

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


def says_the_same(html: str) -> None:
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
def test_marks_render(html: str) -> None:
    says_the_same(html)


PIECES = st.sampled_from(
    ["a", "b1", "é", "概念", " ", " ", "\xa0", ":", "(", ")", "!", "“", "€", "&amp;", "&lt;", "*", "_", "`", "[", "]", "~~"]
)
MARKED = st.recursive(
    PIECES,
    lambda inner: st.builds(
        lambda tag, parts: f"<{tag}>{''.join(parts)}</{tag.split()[0]}>",
        st.sampled_from(["b", "i", "em", "strong", "code", "span", "a href=/x", "a href=/y"]),
        st.lists(inner, max_size=4),
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=500)
@given(st.lists(MARKED, max_size=8).map("".join))
def test_any_marks_render(html: str) -> None:
    # A link ends the one that it is in; that is the parser's.
    html = re.sub(r"<a [^>]*>(?=(?:(?!</a>).)*<a )", "<span>", html)
    says_the_same(f"<p>{html}</p>")
