//! The elements that match a CSS selector: their texts, or one attribute of each.
//!
//! dom_query parses the selector, Servo's matcher (the crate `selectors`) runs it on the page in place ([`element`]). A
//! compiler of our own (one pass, from left to right) was dropped for it: parsing a page of 20 KB and selecting from it
//! took 80 µs with either (`main a[href^=…]` 2 % more, `p` 6 % less, `h1, h2, h3.name` 7 % more); on a dom_query document,
//! a second tree, it takes 145 µs.
//!
//! The streaming rewriter lol_html is the usual fast way. It sees tags, not elements: where one `<p>` ends another, an
//! `<a>` is reopened in the next paragraph, or a `<td>` stands outside a table, its matches and texts differ from the
//! tree's. With a parser about as fast ([`super::fast_path`]) there is nothing to gain.

mod element;
#[cfg(test)]
mod tests;

use dom_query::Matcher;

#[cfg(any(test, fuzzing))]
use super::page::Page;
use super::page::STOP_INTERVAL;
use super::parse;
use element::Search;
use shoal_kernels::error::KernelError;
use shoal_kernels::packed::PackedStrings;
use shoal_kernels::stop::Stop;

/// Bytes of a selector.
const MAX_LENGTH: usize = 10_000;

/// Nesting of parentheses in a selector; its parser recurses.
const MAX_NESTING: usize = 32;

/// A CSS selector, and what to take from the elements that match.
#[derive(Debug)]
pub struct Selector {
    matcher: Matcher,
    attr: Option<String>,
}

impl Selector {
    /// A selector that takes the text of each element, or the value of `attr` from those that have it. The error says
    /// what is wrong with `css`.
    pub fn new(css: &str, attr: Option<&str>) -> Result<Self, String> {
        if css.len() > MAX_LENGTH {
            return Err(format!("a CSS selector of {} bytes; the most is {MAX_LENGTH}", css.len()));
        }
        let mut depth = 0_usize;
        for byte in css.bytes() {
            match byte {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > MAX_NESTING {
                return Err(format!("a CSS selector with {depth} parentheses within each other: {}", excerpt(css)));
            }
        }
        if attr.is_some_and(str::is_empty) {
            return Err("the name of the attribute is empty".into());
        }
        let matcher = Matcher::new(css).map_err(|_| format!("not a CSS selector: {}", excerpt(css)))?;
        Ok(Self { matcher, attr: attr.map(str::to_owned) })
    }

    /// The texts or attribute values of the matching elements, in document order.
    pub fn select(&self, html: &str, stop: &Stop) -> Result<PackedStrings, KernelError> {
        let source = parse::normalize(html)?;
        let page = parse::page(&source, stop)?;
        // `*` on nested elements repeats each text once per level.
        let max = source.len().saturating_mul(16).max(64 << 20);
        let mut texts = PackedStrings::new();
        let mut size = 0;
        let mut text = String::new();
        let search = Search::new(&page, stop);
        for index in self.matches(&search) {
            let index = index?;
            if let Some(name) = &self.attr {
                if let Some(value) = page.node(index).and_then(|node| page.attr(node, name)) {
                    texts.push(value);
                }
                continue;
            }
            text.clear();
            text.extend(page.texts(index));
            size += text.len();
            if size > max {
                return Err(KernelError::value(format!("the texts of the matching elements exceed {max} bytes")));
            }
            texts.push(&text);
        }
        Ok(texts)
    }

    /// The index of each matching element.
    fn matches(&self, search: &Search<'_>) -> impl Iterator<Item = Result<usize, KernelError>> {
        let mut caches = Default::default();
        search.elements().enumerate().filter_map(move |(count, element)| {
            let stopped = if count.is_multiple_of(STOP_INTERVAL) { search.stop.check() } else { Ok(()) };
            let matched = self.matcher.match_element_with_caches(&element, &mut caches);
            stopped.and_then(|()| search.check()).map(|()| matched.then(|| element.index())).transpose()
        })
    }

    /// The indices of the matching elements.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn indices(&self, page: &Page<'_>) -> Result<Vec<usize>, KernelError> {
        self.matches(&Search::new(page, &Stop::default())).collect()
    }
}

/// The beginning of a selector, for messages.
fn excerpt(css: &str) -> String {
    let short: String = css.chars().take(80).collect();
    if short.len() < css.len() { format!("'{short}…'") } else { format!("'{short}'") }
}
