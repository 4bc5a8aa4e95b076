//! Where a page's hyperlinks lead: `<a href>` and `<area href>`.
//!
//! Each once, in document order, as absolute URLs: relative ones are resolved against `<base href>`, which itself is
//! against the page's URL. Without either they stay relative. Other schemes than http and https (`mailto:`,
//! `javascript:` …) are left out, and so are links within the page (`#part`) and empty ones.

use std::collections::HashSet;

use url::{ParseError, Url};

use super::page::{Kind, Page, Space};
use super::parse;
use super::tag::Tag;
use shoal_kernels::error::KernelError;
use shoal_kernels::packed::PackedStrings;
use shoal_kernels::stop::Stop;

/// After so many nodes it is asked whether to stop.
const LOOK: usize = 4096;

/// A page's URL, which is one of http or https; says what is wrong with it.
pub fn base(url: &str) -> Result<Url, String> {
    let parsed = Url::parse(url).map_err(|error| format!("not an absolute URL: '{url}' ({error})"))?;
    if matches!(parsed.scheme(), "http" | "https") {
        Ok(parsed)
    } else {
        Err(format!("not an http or https URL: '{url}'"))
    }
}

/// The links of a document.
pub fn links(html: &str, base: Option<&Url>, stop: &Stop) -> Result<PackedStrings, KernelError> {
    let source = parse::normal(html)?;
    let page = parse::page(&source, stop)?;
    of(&page, base, stop)
}

fn of(page: &Page<'_>, base: Option<&Url>, stop: &Stop) -> Result<PackedStrings, KernelError> {
    let own = hrefs(page, |tag| tag == Tag::Base).next().and_then(|(_, href)| resolved(href, base).url());
    let base = own.as_ref().or(base);
    let mut texts = PackedStrings::new();
    let mut seen = HashSet::new();
    for (count, (_, href)) in hrefs(page, |tag| matches!(tag, Tag::A | Tag::Area)).enumerate() {
        if count.is_multiple_of(LOOK) {
            stop.check()?;
        }
        let text: String = match resolved(href, base) {
            Link::Absolute(url) => url.into(),
            Link::Relative(text) => text,
            Link::Other => continue,
        };
        if !seen.contains(&text) {
            texts.push(&text);
            seen.insert(text);
        }
    }
    Ok(texts)
}

/// The `href`s of some elements.
fn hrefs<'a>(page: &'a Page<'_>, which: impl Fn(Tag) -> bool) -> impl Iterator<Item = (usize, &'a str)> {
    page.nodes.iter().enumerate().filter_map(move |(index, node)| {
        let fits = node.kind == Kind::Element && node.space == Space::Html && which(node.tag);
        if fits { page.attr(node, "href").map(|href| (index, href)) } else { None }
    })
}

enum Link {
    Absolute(Url),
    Relative(String),
    Other,
}

impl Link {
    fn url(self) -> Option<Url> {
        match self {
            Self::Absolute(url) => Some(url),
            Self::Relative(_) | Self::Other => None,
        }
    }
}

fn resolved(href: &str, base: Option<&Url>) -> Link {
    let href = href.trim_matches(|char: char| char <= ' ');
    if href.is_empty() || href.starts_with('#') {
        return Link::Other;
    }
    match Url::options().base_url(base).parse(href) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Link::Absolute(url),
        Ok(_) => Link::Other,
        // URLs may be broken across lines, which are not part of them.
        Err(ParseError::RelativeUrlWithoutBase) => Link::Relative(href.replace(['\n', '\t'], "")),
        Err(_) => Link::Other,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failing test may panic")]
mod tests {
    use super::*;

    fn found(html: &str, url: Option<&str>) -> Vec<String> {
        let url = url.map(|url| base(url).unwrap());
        links(html, url.as_ref(), &Stop::default()).unwrap().iter().map(str::to_owned).collect()
    }

    #[test]
    fn links_are_absolute_and_come_once() {
        let html = "<a href='/a'>1</a><a href=' b?x=1&amp;y=2 '>2</a><area href=//h/c><a href='/a'>3</a><link href=/no>
            <a href='#part'>4</a><a href=''>5</a><a href='mailto:x@y'>6</a><a href='java\nscript:1'>7</a><a>8</a>";
        assert_eq!(
            found(html, Some("https://host/dir/page")),
            ["https://host/a", "https://host/dir/b?x=1&y=2", "https://h/c"]
        );
    }

    #[test]
    fn without_a_base_relative_ones_stay() {
        assert_eq!(
            found("<a href=../x>1</a><a href=http://H/>2</a><a href='//h/c'>3</a>", None),
            ["../x", "http://h/", "//h/c"]
        );
    }

    #[test]
    fn the_page_may_have_a_base_of_its_own() {
        let html = "<base href='/deep/'><base href='/no/'><a href=x>1</a>";
        assert_eq!(found(html, Some("http://h/p")), ["http://h/deep/x"]);
        assert_eq!(found("<base href='http://other/d/'><a href=x>1</a>", None), ["http://other/d/x"]);
        assert_eq!(found("<base href='data:x'><a href=x>1</a>", Some("http://h/p")), ["http://h/x"]);
    }

    #[test]
    fn a_bad_base_is_told() {
        assert!(base("/x").unwrap_err().contains("'/x'"));
        assert!(base("mailto:x").unwrap_err().contains("mailto"));
    }
}
