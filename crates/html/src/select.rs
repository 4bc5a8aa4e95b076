//! The elements that match a CSS selector: their texts, or an attribute of each.
//!
//! Most selectors are compiled ([`super::css`]). For the others the page becomes a dom_query document, whose matcher is
//! Servo's: with `:has`, `:nth-last-of-type`, `:contains` and the like a page takes 120 µs in place of 70 µs.
//!
//! The streaming rewriter lol_html, which is the usual fast way, was measured and left out: it sees tags, not elements. A
//! `<p>` that another `<p>` ends, an `<a>` that the parser opens again in the next paragraph, a `<td>` outside a table
//! all give other matches and other texts than the tree has, and with a parser ([`super::quick`]) that is about as fast
//! there is nothing to gain: `a[href]` takes 51 µs a page of 20 KB with lol_html, 69 µs here, 180 µs with selectolax.

use dom_query::{Document, Matcher, NodeId};

use super::css::Program;
use super::document;
use super::page::{Kind, Page};
use super::parse;
use shoal_kernels::error::KernelError;
use shoal_kernels::packed::PackedStrings;
use shoal_kernels::stop::Stop;

/// Longer selectors are a mistake.
const LONGEST: usize = 10_000;

/// Deeper nesting of parentheses too; the parser behind [`Matcher`] recurses.
const DEEPEST: usize = 32;

/// After so many elements it is asked whether to stop.
const LOOK: usize = 1024;

/// A CSS selector and what to take from the elements that match.
#[derive(Debug)]
pub struct Selector {
    way: Way,
    attr: Option<String>,
}

#[derive(Debug)]
enum Way {
    Compiled(Program),
    Matched(Box<Matcher>),
}

impl Selector {
    /// Takes the text of each element, or the value of `attr` where it has it. Says what is wrong with the selector.
    pub fn new(css: &str, attr: Option<&str>) -> Result<Self, String> {
        if css.len() > LONGEST {
            return Err(format!("a CSS selector of {} bytes; the most is {LONGEST}", css.len()));
        }
        let mut depth = 0_usize;
        for byte in css.bytes() {
            match byte {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > DEEPEST {
                return Err(format!("a CSS selector with {depth} parentheses within each other: {}", shown(css)));
            }
        }
        if attr.is_some_and(str::is_empty) {
            return Err("the name of the attribute is empty".into());
        }
        let matcher = Matcher::new(css).map_err(|_| format!("not a CSS selector: {}", shown(css)))?;
        let way = Program::new(css).map_or_else(|| Way::Matched(Box::new(matcher)), Way::Compiled);
        Ok(Self { way, attr: attr.map(str::to_owned) })
    }

    /// In document order.
    pub fn select(&self, html: &str, stop: &Stop) -> Result<PackedStrings, KernelError> {
        let source = parse::normal(html)?;
        let page = parse::page(&source, stop)?;
        let mut found = Found {
            page: &page,
            attr: self.attr.as_deref(),
            stop,
            texts: PackedStrings::new(),
            text: String::new(),
            size: 0,
            count: 0,
        };
        match &self.way {
            Way::Compiled(program) => program.run(&page, |index| found.take(index))?,
            Way::Matched(matcher) => matched(matcher, &page, stop, |index| found.take(index))?,
        }
        Ok(found.texts)
    }

    /// Whether the selector is compiled.
    #[cfg(test)]
    pub fn is_compiled(&self) -> bool {
        matches!(self.way, Way::Compiled(_))
    }

    /// The same the other way.
    #[cfg(test)]
    pub fn uncompiled(css: &str, attr: Option<&str>) -> Self {
        let matcher = Matcher::new(css).ok().map(Box::new).map(Way::Matched);
        Self { way: matcher.unwrap_or_else(|| unreachable!("{css}")), attr: attr.map(str::to_owned) }
    }
}

/// The beginning of a selector, for messages.
fn shown(css: &str) -> String {
    let short: String = css.chars().take(80).collect();
    if short.len() < css.len() { format!("'{short}…'") } else { format!("'{short}'") }
}

struct Found<'a> {
    page: &'a Page<'a>,
    attr: Option<&'a str>,
    stop: &'a Stop,
    texts: PackedStrings,
    text: String,
    size: usize,
    count: usize,
}

impl Found<'_> {
    fn take(&mut self, index: usize) -> Result<(), KernelError> {
        self.count += 1;
        if self.count.is_multiple_of(LOOK) {
            self.stop.check()?;
        }
        if let Some(name) = self.attr {
            if let Some(value) = self.page.node(index).and_then(|node| self.page.attr(node, name)) {
                self.texts.push(value);
            }
            return Ok(());
        }
        self.text.clear();
        for piece in self.page.texts(index) {
            self.text.push_str(piece);
        }
        self.size += self.text.len();
        // `*` on a page of nested elements gives each text as often as it is deep.
        let most = self.page.strings.source.len().saturating_mul(16).max(64 << 20);
        if self.size > most {
            return Err(KernelError::value(format!("the texts of the matching elements have more than {most} bytes")));
        }
        self.texts.push(&self.text);
        Ok(())
    }
}

/// Asks the matcher for each element.
fn matched(
    matcher: &Matcher,
    page: &Page<'_>,
    stop: &Stop,
    mut found: impl FnMut(usize) -> Result<(), KernelError>,
) -> Result<(), KernelError> {
    let (document, ids): (Document, Vec<NodeId>) = document::of(page, None);
    stop.check()?;
    let mut caches = Default::default();
    for (index, (node, id)) in page.nodes.iter().zip(&ids).enumerate() {
        // One element may have a million siblings to be compared with.
        stop.check()?;
        if node.kind != Kind::Element {
            continue;
        }
        let Some(element) = document.tree.get(id) else { continue };
        if matcher.match_element_with_caches(&element, &mut caches) {
            found(index)?;
        }
    }
    Ok(())
}
