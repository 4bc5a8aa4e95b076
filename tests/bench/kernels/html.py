"""Pages to Markdown, text, articles, elements and links."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from documents import SCRIPT_MARK, STYLE_MARK, Page
from kernels.common import Kernel, Run, Verdict, equal


def sources(items: list[Page]) -> list[str]:
    """The pages as `response.text` returns them."""
    return [item.html for item in items]


def length(item: Page) -> int:
    """Characters."""
    return len(item.html)


def readable(text_of: Callable[[Any], str] = str) -> Callable[..., Verdict]:
    """A check that the visible sentences are in the result, and scripts and styles are not."""

    def check(items: Sequence[Page], result: Any, _counts: list[int]) -> Verdict:
        if len(result) != len(items):
            return Verdict(wrong=f"{len(result)} results of {len(items)}")
        found = wanted = 0
        for number, (item, value) in enumerate(zip(items, result, strict=True)):
            # White space may differ, and Markdown may escape characters.
            text = " ".join(text_of(value).replace("\\", "").split())
            if SCRIPT_MARK in text or STYLE_MARK in text:
                return Verdict(wrong=f"a script or style in the text of page {number}")
            found += sum(phrase in text for phrase in item.phrases)
            wanted += len(item.phrases)
        note = f"{found / wanted:.1%} of sentences"
        return Verdict(note=note, wrong="" if found >= 0.9 * wanted else f"only {note}")

    return check


MARKDOWN = Kernel("HTML", "html_to_markdown", "", "pages", readable(), sources, length)
MARKDOWN.ours("`html_to_markdown(docs)`", lambda parallel, docs: parallel.html_to_markdown(docs))


@MARKDOWN.by("markdownify", "`markdownify(doc)`", share=0.05)
def _markdownify() -> Run:
    from markdownify import markdownify

    return lambda docs: [markdownify(doc) for doc in docs]


@MARKDOWN.by("html2text", "`HTML2Text(bodywidth=0).handle(doc)`", share=0.05)
def _html2text() -> Run:
    from html2text import HTML2Text

    def convert(doc: str) -> str:
        # One for each document, because it keeps its input.
        return HTML2Text(bodywidth=0).handle(doc)

    return lambda docs: [convert(doc) for doc in docs]


def _article_text(value: Any) -> str:
    if isinstance(value, str) or value is None:
        return value or ""
    return str(value["text"] if isinstance(value, dict) else value.text)


ARTICLE = Kernel("HTML", "html_article", "", "articles", readable(_article_text), sources, length, per=0.5)
ARTICLE.ours("`html_article(docs)`", lambda parallel, docs: parallel.html_article(docs))


@ARTICLE.by("trafilatura", "`extract(doc)`", share=0.05)
def _trafilatura() -> Run:
    from trafilatura import extract

    return lambda docs: [extract(doc) for doc in docs]


@ARTICLE.by("readability-lxml", "`Document(doc).summary()`", share=0.05)
def _readability() -> Run:
    from readability import Document

    return lambda docs: [Document(doc).summary() for doc in docs]


# Links in the cells of tables, in titles of cards and in texts.
CSS = "main a[href^='/players/']"
ATTR = "href"


def _select(case: str, attr: str | None) -> Kernel:
    kernel = Kernel("HTML", "html_select", case, "pages", equal(), sources, length, stall=case == "attribute")
    arguments = "docs, css, attr" if attr else "docs, css"

    def start(parallel: Any, docs: Sequence[str], **options: int) -> Any:
        return parallel.html_select(docs, CSS, attr, **options)

    kernel.ours(f"`html_select({arguments})`", start)
    kernel.ours(
        f"`html_select({arguments}, workers=1)`",
        lambda parallel, docs: start(parallel, docs, workers=1),
        label="shoal, workers=1",
        workers=1,
    )
    return kernel


SELECT_ATTRIBUTE, SELECT_TEXT = _select("attribute", ATTR), _select("text", None)


def _lexbor(take: Callable[[Any], Any]) -> Run:
    from selectolax.lexbor import LexborHTMLParser

    return lambda docs: [[take(node) for node in LexborHTMLParser(doc).css(CSS)] for doc in docs]


def _lxml(take: Callable[[Any], Any]) -> Run:
    from lxml.cssselect import CSSSelector
    from lxml.html import document_fromstring

    select = CSSSelector(CSS)
    return lambda docs: [[str(take(node)) for node in select(document_fromstring(doc))] for doc in docs]


@SELECT_ATTRIBUTE.by("selectolax", "`LexborHTMLParser(doc).css(css)`, `.attributes`", share=0.5)
def _attribute_lexbor() -> Run:
    return _lexbor(lambda node: node.attributes[ATTR])


@SELECT_ATTRIBUTE.by("lxml", "`CSSSelector(css)(fromstring(doc))`, `.get`", share=0.25)
def _attribute_lxml() -> Run:
    return _lxml(lambda node: node.get(ATTR))


@SELECT_TEXT.by("selectolax", "`LexborHTMLParser(doc).css(css)`, `.text()`", share=0.5)
def _text_lexbor() -> Run:
    return _lexbor(lambda node: node.text())


@SELECT_TEXT.by("lxml", "`CSSSelector(css)(fromstring(doc))`, `.text_content()`", share=0.25)
def _text_lxml() -> Run:
    return _lxml(lambda node: node.text_content())


LINKS = Kernel("HTML", "html_links", "", "pages", equal(), sources, length)
LINKS.ours("`html_links(docs)`", lambda parallel, docs: parallel.html_links(docs))


def _leads_on(href: str) -> bool:
    return bool(href) and not href.startswith(("#", "mailto:", "javascript:"))


@LINKS.by("lxml", "`fromstring(doc).xpath('//a/@href')`, each once", share=0.25)
def _links_lxml() -> Run:
    from lxml.etree import XPath
    from lxml.html import document_fromstring

    hrefs = XPath("//a/@href", smart_strings=False)

    def links(doc: str) -> list[str]:
        return list(dict.fromkeys(filter(_leads_on, hrefs(document_fromstring(doc)))))

    return lambda docs: [links(doc) for doc in docs]


@LINKS.by("selectolax", "`LexborHTMLParser(doc).css('a[href]')`, each once", share=0.5)
def _links_lexbor() -> Run:
    from selectolax.lexbor import LexborHTMLParser

    def links(doc: str) -> list[str]:
        hrefs = (node.attributes["href"] for node in LexborHTMLParser(doc).css("a[href]"))
        return list(dict.fromkeys(filter(_leads_on, hrefs)))

    return lambda docs: [links(doc) for doc in docs]


TEXT = Kernel("HTML", "html_text", "", "pages", readable(), sources, length)
TEXT.ours("`html_text(docs)`", lambda parallel, docs: parallel.html_text(docs))


@TEXT.by("selectolax", "`.strip_tags([…])`, `.body.text(separator='\\n')`", share=0.5)
def _body_lexbor() -> Run:
    from selectolax.lexbor import LexborHTMLParser

    def text(doc: str) -> str:
        tree = LexborHTMLParser(doc)
        tree.strip_tags(["script", "style"])
        return tree.body.text(separator="\n") if tree.body else ""

    return lambda docs: [text(doc) for doc in docs]


@TEXT.by("lxml", "`strip_elements(…)`, `.text_content()`", share=0.25)
def _body_lxml() -> Run:
    from lxml.etree import strip_elements
    from lxml.html import document_fromstring

    def text(doc: str) -> str:
        tree = document_fromstring(doc)
        strip_elements(tree, "script", "style", "head", with_tail=False)
        return str(tree.text_content())

    return lambda docs: [text(doc) for doc in docs]
