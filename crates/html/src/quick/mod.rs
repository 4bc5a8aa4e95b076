//! Pages that open and close their elements as most do, built in one pass.
//!
//! The standard's rules for building a tree, as far as they only ever append: html5ever's ([`super::tree`]) are the
//! model, rule by rule, and a test compares the trees on random documents. Where the rules would move a node or open an
//! element again, this builder gives up, and the document starts anew there:
//!
//! - a formatting element (`<b>`, `<a>` …) that something else closes, or that is closed across a block;
//! - content that a table does not allow at that place;
//! - what is for `<head>` but comes between it and `<body>`; a second `<body>` or `<html>` with attributes;
//! - `<math>`, `<frameset>`, `<plaintext>`, HTML within SVG, a NUL, more than 512 elements deep.
//!
//! Of 500 pages (documentation, shops, forums, articles; 20 KB on average) it built 487. Measured on one thread: 63 µs a
//! page; 170 µs with html5ever's builder on the same tokens, 250 µs with its tokenizer; 180 µs for lexbor (selectolax),
//! 260 µs for libxml2 (lxml).

mod body;
mod foreign;
mod modes;
mod table;
mod template;

use super::doctype;
use super::page::{Kind, Node, Page, Space, Span};
use super::tag::{FORMATTING, IMPLIED, SCOPE, Tag};
use super::token::{Start, Token, Tokenizer};
use super::tree::DEEPEST;
use shoal_kernels::error::KernelError;
use shoal_kernels::stop::Stop;

/// After so many tokens it is asked whether to stop.
const LOOK: usize = 4096;

/// Done, or given up.
type Step = Option<()>;

/// What is expected: the standard's insertion modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Initial,
    BeforeHtml,
    BeforeHead,
    InHead,
    InHeadNoscript,
    AfterHead,
    InBody,
    InTable,
    InCaption,
    InColumnGroup,
    InTableBody,
    InRow,
    InCell,
    AfterBody,
    AfterAfterBody,
}

/// An open element.
#[derive(Clone, Copy, Debug)]
struct Open {
    node: u32,
    tag: Tag,
    space: Space,
}

impl Open {
    fn is(self, tag: Tag) -> bool {
        self.space == Space::Html && self.tag == tag
    }

    fn has(self, flags: u16) -> bool {
        self.space == Space::Html && self.tag.is(flags)
    }
}

struct Builder<'a> {
    tokens: Tokenizer<'a>,
    nodes: Vec<Node>,
    open: Vec<Open>,
    mode: Mode,
    /// The node of the open form.
    form: Option<u32>,
    /// Whether the page is to be treated as in the last century; unknown after an old doctype.
    quirks: Option<bool>,
    /// Whether a line end that comes next is dropped.
    skips_line: bool,
}

/// The page, unless it takes more than this builder can.
pub fn build<'a>(source: &'a str, stop: &Stop) -> Result<Option<Page<'a>>, KernelError> {
    let tokens = Tokenizer::new(source);
    if tokens.has_nul() {
        return Ok(None);
    }
    let mut builder = Builder {
        tokens,
        nodes: Vec::with_capacity(source.len() / 24),
        open: Vec::with_capacity(32),
        mode: Mode::Initial,
        form: None,
        quirks: None,
        skips_line: false,
    };
    loop {
        for _ in 0..LOOK {
            match builder.step() {
                Some(true) => {}
                Some(false) => return Ok(Some(builder.page())),
                None => return Ok(None),
            }
        }
        stop.check()?;
    }
}

impl<'a> Builder<'a> {
    /// Takes a token; whether there are more.
    fn step(&mut self) -> Option<bool> {
        let foreign = self.open.last().is_some_and(|top| top.space != Space::Html);
        let skips_line = std::mem::take(&mut self.skips_line);
        match self.tokens.next(|| foreign) {
            Token::Text(span) => {
                let dropped = skips_line && self.tokens.strings.get(span).starts_with('\n');
                let span = if dropped { span.after_first() } else { span };
                if !span.is_empty() {
                    self.text(span, foreign)?;
                }
            }
            Token::Start(start) => self.start(start, foreign)?,
            Token::End(name) => self.end(name, foreign)?,
            Token::Comment | Token::Nothing => {}
            Token::Doctype(span) => {
                if self.mode == Mode::Initial {
                    let doctype = doctype::parse(self.tokens.strings.get(span));
                    let plain = doctype.name.as_deref() == Some("html")
                        && doctype.public_id.is_none()
                        && doctype.system_id.is_none()
                        && !doctype.force_quirks;
                    self.quirks = plain.then_some(false);
                    self.mode = Mode::BeforeHtml;
                }
            }
            Token::End_ => {
                self.finish()?;
                return Some(false);
            }
        }
        Some(true)
    }

    fn page(self) -> Page<'a> {
        Page { strings: self.tokens.strings, nodes: self.nodes, attrs: self.tokens.attrs }
    }

    /// Every page has a head and a body.
    fn finish(&mut self) -> Step {
        if matches!(self.mode, Mode::Initial | Mode::BeforeHtml) {
            self.phantom(Tag::Html)?;
            self.mode = Mode::BeforeHead;
        }
        if self.mode == Mode::BeforeHead {
            self.phantom(Tag::Head)?;
            self.mode = Mode::InHead;
        }
        if matches!(self.mode, Mode::InHead | Mode::InHeadNoscript) {
            self.pop_to(1);
            self.mode = Mode::AfterHead;
        }
        if self.mode == Mode::AfterHead {
            self.phantom(Tag::Body)?;
        }
        self.pop_to(0);
        Some(())
    }

    // The stack and the nodes.

    fn top(&self) -> Option<Open> {
        self.open.last().copied()
    }

    fn top_is(&self, tag: Tag) -> bool {
        self.top().is_some_and(|top| top.is(tag))
    }

    fn name_of(&self, open: Open) -> &str {
        self.nodes.get(open.node as usize).map_or("", |node| self.tokens.strings.get(node.text))
    }

    fn push(&mut self, kind: Kind, space: Space, tag: Tag, text: Span, attrs: usize) -> u32 {
        let index = self.nodes.len() as u32;
        let parent = self.top().map_or(index, |top| top.node);
        let attr_count = if kind == Kind::Element { (self.tokens.attrs.len() - attrs) as u32 } else { 0 };
        self.nodes.push(Node { kind, space, tag, text, parent, end: index + 1, attrs: attrs as u32, attr_count });
        index
    }

    /// A node for the element, which stays open.
    fn insert(&mut self, start: Start) -> Step {
        self.insert_in(start, Space::Html)
    }

    fn insert_in(&mut self, start: Start, space: Space) -> Step {
        let node = self.push(Kind::Element, space, start.name.tag, start.name.text, start.attrs);
        self.open_up(Open { node, tag: start.name.tag, space })
    }

    fn open_up(&mut self, open: Open) -> Step {
        self.open.push(open);
        (self.open.len() < DEEPEST).then_some(())
    }

    /// A node for the element, which is closed.
    fn void(&mut self, start: Start) -> Step {
        self.push(Kind::Element, Space::Html, start.name.tag, start.name.text, start.attrs);
        Some(())
    }

    /// An element that nobody wrote.
    fn phantom(&mut self, tag: Tag) -> Step {
        let text = self.tokens.strings.keep(|_, out| out.push_str(tag.name()));
        let node = self.push(Kind::Element, Space::Html, tag, text, self.tokens.attrs.len());
        self.open_up(Open { node, tag, space: Space::Html })
    }

    /// Closes open elements until `length` are left.
    fn pop_to(&mut self, length: usize) {
        let end = self.nodes.len() as u32;
        for open in self.open.drain(length.min(self.open.len())..) {
            if let Some(node) = self.nodes.get_mut(open.node as usize) {
                node.end = end;
            }
        }
    }

    fn pop(&mut self) {
        self.pop_to(self.open.len().saturating_sub(1));
    }

    /// Closes the open element at `at` and those within it; gives up on formatting elements there.
    fn close(&mut self, at: usize) -> Step {
        let within = self.open.get(at + 1..).unwrap_or_default();
        if within.iter().any(|open| open.has(FORMATTING)) {
            return None;
        }
        self.pop_to(at);
        Some(())
    }

    /// The same where formatting elements do not outlive the element: cells, captions, objects.
    fn close_scope(&mut self, at: usize) -> Step {
        let within = self.open.get(at + 1..).unwrap_or_default();
        if within.iter().any(|open| matches!(open.tag, Tag::Object | Tag::Applet | Tag::Marquee) && open.has(SCOPE)) {
            return None;
        }
        self.pop_to(at);
        Some(())
    }

    /// Where the innermost open element is for which `found` holds, if nothing is between for which `bound` does.
    #[inline]
    fn find(&self, found: impl Fn(Open) -> bool, bound: impl Fn(Open) -> bool) -> Option<usize> {
        for (at, open) in self.open.iter().enumerate().rev() {
            if found(*open) {
                return Some(at);
            }
            if bound(*open) {
                return None;
            }
        }
        None
    }

    /// Where `tag` is in scope.
    fn in_scope(&self, tag: Tag) -> Option<usize> {
        self.find(|open| open.is(tag), |open| self.bounds(open))
    }

    fn bounds(&self, open: Open) -> bool {
        match open.space {
            Space::Html => open.tag.is(SCOPE),
            Space::Svg => self.holds_html(open),
            Space::Math => true,
        }
    }

    /// Closes what needs no end tag, up to an element named `except`.
    fn imply(&mut self, except: Tag) {
        while self.top().is_some_and(|top| top.has(IMPLIED) && (top.tag != except || except == Tag::Other)) {
            self.pop();
        }
    }

    /// Text within the current element.
    fn append(&mut self, span: Span) {
        let parent = self.top().map_or(0, |top| top.node);
        if let Some(last) = self.nodes.last_mut()
            && last.kind == Kind::Text
            && last.parent == parent
            && let Some(joined) = last.text.joined(span)
        {
            last.text = joined;
            return;
        }
        self.push(Kind::Text, Space::Html, Tag::Other, span, 0);
    }
}
