//! The stack of open elements, and the nodes written so far.

use crate::page::{MAX_DEPTH, Node, Page, STOP_INTERVAL, Space, Span, push_text};
use crate::tag::{FORMATTING, IMPLIED_END, SCOPE, Tag};
use crate::tokenizer::{Name, Start, Token, Tokenizer};
use shoal_kernels::error::KernelError;
use shoal_kernels::stop::Stop;

/// The result of a rule; `None` if the page needs the slow path.
pub(super) type Step = Option<()>;

/// The insertion modes of the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
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
pub(super) struct Open {
    pub(super) node: u32,
    pub(super) tag: Tag,
    pub(super) space: Space,
}

impl Open {
    pub(super) fn is(self, tag: Tag) -> bool {
        self.space == Space::Html && self.tag == tag
    }

    pub(super) fn has(self, flags: u16) -> bool {
        self.space == Space::Html && self.tag.is(flags)
    }
}

pub(super) struct Builder<'a> {
    pub(super) tokens: Tokenizer<'a>,
    pub(super) nodes: Vec<Node>,
    pub(super) open: Vec<Open>,
    pub(super) mode: Mode,
    /// The node of the open form.
    pub(super) form: Option<u32>,
    /// Whether the page is in quirks mode; `None` after an old doctype, which the slow path has to judge.
    pub(super) quirks: Option<bool>,
    /// Whether a line end at the start of the next text is dropped.
    pub(super) skips_line: bool,
}

/// Builds the page; `None` if it needs the slow path.
pub(crate) fn build<'a>(source: &'a str, stop: &Stop) -> Result<Option<Page<'a>>, KernelError> {
    let tokens = Tokenizer::new(source);
    if tokens.has_nul {
        return Ok(None);
    }
    let mut builder = Builder {
        tokens,
        nodes: Vec::with_capacity(source.len() / 24),
        open: Vec::with_capacity(32),
        mode: Mode::Initial,
        form: None,
        quirks: Some(true),
        skips_line: false,
    };
    loop {
        for _ in 0..STOP_INTERVAL {
            match builder.step() {
                Some(true) => {}
                Some(false) => {
                    let Tokenizer { strings, attrs, .. } = builder.tokens;
                    return Ok(Some(Page { strings, nodes: builder.nodes, attrs }));
                }
                None => return Ok(None),
            }
        }
        stop.check()?;
    }
}

impl Builder<'_> {
    /// Processes one token; whether there are more.
    fn step(&mut self) -> Option<bool> {
        let foreign = self.open.last().is_some_and(|top| top.space != Space::Html);
        let skips_line = std::mem::take(&mut self.skips_line);
        match self.tokens.next(|| foreign) {
            Token::Text(span) => {
                let dropped = skips_line && self.tokens.strings.get(span).starts_with('\n');
                let span = if dropped { span.split(1).1 } else { span };
                if !span.is_empty() {
                    self.text(span, foreign)?;
                }
            }
            Token::Start(start) => self.start(start, foreign)?,
            Token::End(name) => self.end(name, foreign)?,
            Token::Comment | Token::EmptyEndTag => {}
            Token::Doctype(span) => {
                if self.mode == Mode::Initial {
                    let doctype = self.tokens.strings.get(span).trim_ascii();
                    self.quirks = doctype.eq_ignore_ascii_case("html").then_some(false);
                    self.mode = Mode::BeforeHtml;
                }
            }
            Token::Eof => {
                self.finish()?;
                return Some(false);
            }
        }
        Some(true)
    }

    /// Every page has a head and a body.
    fn finish(&mut self) -> Step {
        if matches!(self.mode, Mode::Initial | Mode::BeforeHtml | Mode::BeforeHead) {
            self.before_head()?;
        }
        if matches!(self.mode, Mode::InHead | Mode::InHeadNoscript) {
            self.pop_to(1);
            self.mode = Mode::AfterHead;
        }
        if self.mode == Mode::AfterHead {
            self.insert_implied(Tag::Body)?;
        }
        self.pop_to(0);
        Some(())
    }

    /// Opens the implied elements up to `<head>`.
    pub(super) fn before_head(&mut self) -> Step {
        if self.mode != Mode::BeforeHead {
            self.insert_implied(Tag::Html)?;
        }
        self.mode = Mode::InHead;
        self.insert_implied(Tag::Head)
    }

    /// Opens the implied `<body>`.
    pub(super) fn start_implied_body(&mut self) -> Step {
        self.mode = Mode::InBody;
        self.insert_implied(Tag::Body)
    }

    pub(super) fn top(&self) -> Option<Open> {
        self.open.last().copied()
    }

    pub(super) fn top_is(&self, tag: Tag) -> bool {
        self.top().is_some_and(|top| top.is(tag))
    }

    pub(super) fn name_of(&self, open: Open) -> &str {
        self.nodes.get(open.node as usize).map_or("", |node| self.tokens.strings.get(node.text))
    }

    /// Appends an element without opening it.
    pub(super) fn void(&mut self, start: Start) -> Step {
        self.push(start, Space::Html);
        Some(())
    }

    /// Appends an element and opens it.
    pub(super) fn insert(&mut self, start: Start) -> Step {
        self.insert_in(start, Space::Html)
    }

    pub(super) fn insert_in(&mut self, start: Start, space: Space) -> Step {
        let node = self.push(start, space);
        self.open.push(Open { node, tag: start.name.tag, space });
        (self.open.len() < MAX_DEPTH).then_some(())
    }

    /// Inserts an element whose content has the rules of `mode`.
    pub(super) fn enter(&mut self, mode: Mode, start: Start) -> Step {
        self.mode = mode;
        self.insert(start)
    }

    /// Closes the current element, after which the rules of `mode` hold.
    pub(super) fn leave(&mut self, mode: Mode) {
        self.pop();
        self.mode = mode;
    }

    /// Inserts an element whose start tag is implied.
    pub(super) fn insert_implied(&mut self, tag: Tag) -> Step {
        let text = self.tokens.strings.store(|out| out.push_str(tag.name()));
        self.insert(Start { name: Name { tag, text }, attrs: self.tokens.attrs.len(), self_closing: false })
    }

    fn push(&mut self, start: Start, space: Space) -> u32 {
        let index = self.nodes.len() as u32;
        let parent = self.top().map_or(index, |top| top.node);
        self.nodes.push(Node {
            is_text: false,
            space,
            tag: start.name.tag,
            attrs: start.attrs as u32,
            attr_count: (self.tokens.attrs.len() - start.attrs) as u32,
            ..Node::text(start.name.text, index, parent)
        });
        index
    }

    /// Appends text to the current element.
    pub(super) fn append(&mut self, text: Span) {
        let parent = self.top().map_or(0, |top| top.node);
        push_text(&mut self.nodes, &mut self.tokens.strings, text, parent);
    }

    /// Closes open elements until `length` are left.
    pub(super) fn pop_to(&mut self, length: usize) {
        let end = self.nodes.len() as u32;
        for open in self.open.drain(length.min(self.open.len())..) {
            if let Some(node) = self.nodes.get_mut(open.node as usize) {
                node.end = end;
            }
        }
    }

    pub(super) fn pop(&mut self) {
        self.pop_to(self.open.len().saturating_sub(1));
    }

    /// Closes the open element at `at` and those within, none of which may be a formatting element.
    pub(super) fn close(&mut self, at: usize) -> Step {
        let within = self.open.get(at + 1..).unwrap_or_default();
        if within.iter().any(|open| open.has(FORMATTING)) {
            return None;
        }
        self.pop_to(at);
        Some(())
    }

    /// Closes a cell, caption or object at `at`, which formatting elements do not outlive.
    pub(super) fn close_scope(&mut self, at: usize) -> Step {
        let within = self.open.get(at + 1..).unwrap_or_default();
        if within.iter().any(|open| matches!(open.tag, Tag::Object | Tag::Applet | Tag::Marquee) && open.has(SCOPE)) {
            return None;
        }
        self.pop_to(at);
        Some(())
    }

    /// The place of the innermost open element that `found` accepts, within the first that `bound` accepts.
    #[inline]
    pub(super) fn find(&self, found: impl Fn(Open) -> bool, bound: impl Fn(Open) -> bool) -> Option<usize> {
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

    /// The place of the open element `tag` in the default scope.
    pub(super) fn in_scope(&self, tag: Tag) -> Option<usize> {
        self.find(|open| open.is(tag), |open| self.bounds(open))
    }

    /// Whether an element bounds the default scope.
    pub(super) fn bounds(&self, open: Open) -> bool {
        match open.space {
            Space::Html => open.tag.is(SCOPE),
            Space::Svg => self.holds_html(open),
            Space::Math => true,
        }
    }

    /// Closes current elements whose end tags are implied, but for `except`.
    pub(super) fn imply_ends(&mut self, except: Tag) {
        while self.top().is_some_and(|top| top.has(IMPLIED_END) && (top.tag != except || except == Tag::Other)) {
            self.pop();
        }
    }
}
