//! The hyperlinks of a page: the targets of `<a href>` and `<area href>`.
//!
//! Each target comes once, in document order, as an absolute URL: it is resolved against `<base href>`, which is itself
//! resolved against the page's URL. Without either it stays relative. Schemes other than http and https (`mailto:`,
//! `javascript:` …), fragments (`#part`) and empty targets are left out.

use std::collections::HashSet;

use url::{ParseError, Url};

use super::page::{Page, STOP_INTERVAL, Space};
use super::parse;
use super::tag::Tag;
use shoal_kernels::error::KernelError;
use shoal_kernels::packed::PackedStrings;
use shoal_kernels::stop::Stop;

/// Parses the URL of a page; the error says why it is not an absolute http or https URL.
pub fn base(url: &str) -> Result<Url, String> {
    let parsed = Url::parse(url).map_err(|error| format!("not an absolute URL: '{url}' ({error})"))?;
    if is_http(&parsed) { Ok(parsed) } else { Err(format!("not an http or https URL: '{url}'")) }
}

fn is_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

/// The links of a document.
pub fn links(html: &str, base: Option<&Url>, stop: &Stop) -> Result<PackedStrings, KernelError> {
    let source = parse::normalize(html)?;
    let page = parse::page(&source, stop)?;
    let own = hrefs(&page, |tag| tag == Tag::Base).next().and_then(|href| match resolve(href, base) {
        Some(Link::Absolute(url)) => Some(url),
        _ => None,
    });
    let base = own.as_ref().or(base);
    let mut texts = PackedStrings::new();
    let mut seen = HashSet::new();
    for (count, href) in hrefs(&page, |tag| matches!(tag, Tag::A | Tag::Area)).enumerate() {
        if count.is_multiple_of(STOP_INTERVAL) {
            stop.check()?;
        }
        let text: String = match resolve(href, base) {
            Some(Link::Absolute(url)) => url.into(),
            Some(Link::Relative(text)) => text,
            None => continue,
        };
        if !seen.contains(&text) {
            texts.push(&text);
            seen.insert(text);
        }
    }
    Ok(texts)
}

/// The `href` attributes of the HTML elements whose tags fit.
fn hrefs<'a>(page: &'a Page<'_>, fits: impl Fn(Tag) -> bool) -> impl Iterator<Item = &'a str> {
    let nodes = page.nodes.iter().filter(move |node| node.space == Space::Html && fits(node.tag));
    nodes.filter_map(|node| page.attr(node, "href"))
}

enum Link {
    Absolute(Url),
    Relative(String),
}

/// The target of a link; `None` for one that is left out.
fn resolve(href: &str, base: Option<&Url>) -> Option<Link> {
    let href = href.trim_matches(|char: char| char <= ' ');
    if href.is_empty() || href.starts_with('#') {
        return None;
    }
    match Url::options().base_url(base).parse(href) {
        Ok(url) => is_http(&url).then_some(Link::Absolute(url)),
        // Line ends and tabs are not part of a URL.
        Err(ParseError::RelativeUrlWithoutBase) => Some(Link::Relative(href.replace(['\n', '\t'], ""))),
        Err(_) => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failing test may panic")]
mod tests;
