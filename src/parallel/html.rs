//! `html_to_markdown`, `html_article`, `html_select`, `html_links`, `html_text`.

use std::time::Instant;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::arguments::{invalid, optional_text, text as text_argument};
use super::results::{MatchList, Row, Whole};
use super::run::KernelCall;
use crate::bridge::job::Job;
use shoal_html::article::{Article, article};
use shoal_html::links::{base, links};
use shoal_html::markdown::markdown;
use shoal_html::select::Selector;
use shoal_html::text::text;

#[doc = signature!(html_to_markdown("docs, *"), kernel)]
/// Each HTML document as Markdown, without its scripts, styles and head.
///
///     texts = await parallel.html_to_markdown(responses)
///
/// It is CommonMark with GitHub's tables. Every cell of a table is one line in its row and column; one that spans others
/// stands in each of them, as pandas.read_html has it. A table without headings has an empty heading line. Tables that
/// arrange a page (no headings, but tables or headings in their cells) are left out, their cells are blocks.
///
/// Args:
///     docs: an iterable of `str`, `bytes`, bytes-like objects, paths or `Response`s, or an Arrow or NumPy array of them.
///         Bytes are read as browsers read them, in the encoding that a byte order mark, a response's headers or the page
///         itself names, wherever it does, else in UTF-8.
///     on_error: "raise" the first failure as an ItemError, "return" it in its place, or "skip" the document; "raise".
///     workers: threads at once; None for all cores (or `SHOAL_THREADS`).
///     progress: True for a tqdm bar, or a callable that gets `(done, total)`; False.
///
/// Returns:
///     Job[list[str]]: in the order of the documents.
///
/// Raises:
///     TypeError, ValueError: at the call: an argument is not what it should be.
///     ItemError: from the Job: a document cannot be read, or is made to take for ever (a ValueError).
#[pyfunction]
#[pyo3(signature = (docs, **keywords), text_signature = None)]
pub fn html_to_markdown(docs: &Bound<'_, PyAny>, keywords: Option<&Bound<'_, PyDict>>) -> PyResult<Py<Job>> {
    KernelCall::new("html_to_markdown", docs, keywords)
        .list_result(|document, stop| markdown(&document.html()?, stop).map(Whole))
}

#[doc = signature!(html_text("docs, *"), kernel)]
/// The readable text of each HTML document: without scripts, styles and head, blocks on lines of their own.
///
/// Takes the arguments of `html_to_markdown` and raises what that raises.
///
/// Returns:
///     Job[list[str]]: in the order of the documents.
#[pyfunction]
#[pyo3(signature = (docs, **keywords), text_signature = None)]
pub fn html_text(docs: &Bound<'_, PyAny>, keywords: Option<&Bound<'_, PyDict>>) -> PyResult<Py<Job>> {
    KernelCall::new("html_text", docs, keywords).list_result(|document, stop| text(&document.html()?, stop).map(Whole))
}

#[doc = signature!(html_select("docs, css, attr=None, *"), kernel)]
/// What the CSS selector matches in each HTML document: texts, or values of an attribute.
///
///     prices = await parallel.html_select(pages, "div.offer > span.price")
///     targets = await parallel.html_select(pages, "a.next", attr="href")
///
/// Args:
///     docs: as for `html_to_markdown`.
///     css: a selector (Selectors level 4, as far as it makes sense without a browser; no pseudo-elements).
///     attr: the attribute to take, or None for the text: all text within the element as it stands.
///     on_error, workers, progress: as for `html_to_markdown`.
///
/// Returns:
///     Job[list[list[str]]]: for each document the matches in document order; an element without `attr` is left out.
///
/// Raises:
///     As `html_to_markdown`; ValueError also for a selector that is none.
#[pyfunction]
#[pyo3(signature = (docs, css, attr=None, **keywords), text_signature = None)]
pub fn html_select(
    docs: &Bound<'_, PyAny>,
    css: &Bound<'_, PyAny>,
    attr: Option<&Bound<'_, PyAny>>,
    keywords: Option<&Bound<'_, PyDict>>,
) -> PyResult<Py<Job>> {
    let attr = optional_text("attr", attr)?;
    let selector = Selector::new(text_argument("css", css)?, attr.as_deref()).map_err(invalid("css"))?;
    KernelCall::new("html_select", docs, keywords)
        .list_result(move |document, stop| selector.select(&document.html()?, stop).map(MatchList::of_texts))
}

#[doc = signature!(html_links("docs, base_url=None, *"), kernel)]
/// Where the links of each HTML document lead: the `href` of its `a` and `area` elements.
///
///     targets = await parallel.html_links(pages, base_url="https://example.com/")
///
/// Args:
///     docs: as for `html_to_markdown`.
///     base_url: what relative links are resolved against, where a page has no `<base>`; None leaves them as they are,
///         or, of a `Response`, takes its URL.
///     on_error, workers, progress: as for `html_to_markdown`.
///
/// Returns:
///     Job[list[list[str]]]: for each document the http and https URLs, each once, in document order.
///
/// Raises:
///     As `html_to_markdown`; ValueError also for a `base_url` that is no absolute http or https URL.
#[pyfunction]
#[pyo3(signature = (docs, base_url=None, **keywords), text_signature = None)]
pub fn html_links(
    docs: &Bound<'_, PyAny>,
    base_url: Option<&Bound<'_, PyAny>>,
    keywords: Option<&Bound<'_, PyDict>>,
) -> PyResult<Py<Job>> {
    let base_url = optional_text("base_url", base_url)?;
    let base_url = base_url.map(|url| base(&url).map_err(invalid("base_url"))).transpose()?;
    KernelCall::new("html_links", docs, keywords).with_urls(base_url.is_none()).list_result(move |document, stop| {
        let base_url = base_url.as_ref().or(document.url());
        links(&document.html()?, base_url, stop).map(MatchList::of_texts)
    })
}

#[doc = signature!(html_article("docs, url=None, *"), kernel)]
/// The article of each HTML document, by Mozilla's Readability: what a browser's reader view shows.
///
///     for page in await parallel.html_article(responses):
///         print(page["title"], page["published"], page["text"])
///
/// Args:
///     docs: as for `html_to_markdown`.
///     url: what relative links in the articles are resolved against; None leaves them as they are, or, of a `Response`,
///         takes its URL.
///     on_error, workers, progress: as for `html_to_markdown`.
///
/// Returns:
///     Job[list[dict]]: for each document "title", "byline", "text", "html", "excerpt", "site_name", "language",
///     "direction", "published", "modified", "image" and "url", all str, or None for what is not known. "text" is the
///     `html_text` of "html". A page without an article has an empty "text".
///
/// Raises:
///     As `html_to_markdown`; ValueError also for a `url` that is no absolute http or https URL.
#[pyfunction]
#[pyo3(signature = (docs, url=None, **keywords), text_signature = None)]
pub fn html_article(
    docs: &Bound<'_, PyAny>,
    url: Option<&Bound<'_, PyAny>>,
    keywords: Option<&Bound<'_, PyDict>>,
) -> PyResult<Py<Job>> {
    let url = optional_text("url", url)?;
    let url = url.map(|url| base(&url).map_err(invalid("url"))).transpose()?;
    KernelCall::new("html_article", docs, keywords).with_urls(url.is_none()).list_result(move |document, stop| {
        let url = url.as_ref().or(document.url());
        article(&document.html()?, url.map(url::Url::as_str), stop)
    })
}

impl Row for Article {
    fn step(&mut self, py: Python<'_>, _deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>> {
        let dict = PyDict::new(py);
        dict.set_item(intern!(py, "title"), &self.title)?;
        dict.set_item(intern!(py, "byline"), &self.byline)?;
        dict.set_item(intern!(py, "text"), &self.text)?;
        dict.set_item(intern!(py, "html"), &self.html)?;
        dict.set_item(intern!(py, "excerpt"), &self.excerpt)?;
        dict.set_item(intern!(py, "site_name"), &self.site_name)?;
        dict.set_item(intern!(py, "language"), &self.language)?;
        dict.set_item(intern!(py, "direction"), &self.direction)?;
        dict.set_item(intern!(py, "published"), &self.published)?;
        dict.set_item(intern!(py, "modified"), &self.modified)?;
        dict.set_item(intern!(py, "image"), &self.image)?;
        dict.set_item(intern!(py, "url"), &self.url)?;
        Ok(Some(dict.unbind().into_any()))
    }
}
