//! Pages of any kind: html5ever builds the tree, behind guards.
//!
//! The standard's algorithm has traps, and documents that know them: it looks through the stack of open elements at
//! nearly every tag, so a million open `<div>` take hours; it reopens every `<b>` that was left open in every
//! paragraph, so a few hundred kilobytes become gigabytes of nodes; it gives a table's misplaced content another place.
//! So:
//!
//! - Elements that would nest deeper than [`DEEPEST`] are left out; their content stays, and an empty element where a
//!   block was. Browsers do about the same, from 512 elements on. What gets deeper nevertheless (reopened elements) is a
//!   failure at twice that, so the walkers above may recurse.
//! - The number of elements is bounded by what tags can make: the budget in [`build`].
//! - Nodes are kept in a list of our own in which every move is O(1): [`super::sink`].

use std::borrow::Cow;

use html5ever::interface::ElemName;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{Tag as HtmlTag, TagKind, Token as HtmlToken, TokenSink, TokenSinkResult};
use html5ever::tree_builder::{TreeBuilder, TreeBuilderOpts};
use html5ever::{Attribute, LocalName, QualName, ns};

use super::doctype;
use super::page::{Attr, Kind, Node, Page, Space, Span};
use super::sink::{NONE, Sink, What};
use super::tag::{LINE, RAW, Tag, VOID};
use super::token::{Name, Raw, Start, Token, Tokenizer};
use shoal_kernels::error::KernelError;
use shoal_kernels::stop::Stop;

/// How deep elements nest at most.
pub const DEEPEST: usize = 512;

/// After so many tokens it is asked whether to stop: about a millisecond.
const LOOK: usize = 1024;

/// The page of a document.
pub fn build<'a>(source: &'a str, stop: &Stop) -> Result<Page<'a>, KernelError> {
    // The shortest tag has three bytes; `<table>` and `<td>` make three more elements, `</p>` makes one.
    let sink = Sink::new(source.len() / 2 + 10_000);
    let options = TreeBuilderOpts { scripting_enabled: false, drop_doctype: true, ..TreeBuilderOpts::default() };
    let mut driver = Driver {
        builder: TreeBuilder::new(sink, options),
        tokenizer: Tokenizer::new(source),
        left_out: Vec::new(),
        lined: false,
    };
    let mut count = 0_usize;
    while driver.step() {
        count += 1;
        if count.is_multiple_of(LOOK) {
            stop.check()?;
        }
        let sink = &driver.builder.sink;
        if sink.spent.get() {
            return Err(KernelError::value("open formatting elements are repeated too often"));
        }
        if sink.deepest.get() > 2 * DEEPEST {
            return Err(KernelError::value(format!("nested deeper than {} elements", 2 * DEEPEST)));
        }
    }
    stop.check()?;
    flat(&driver.builder.sink, source)
}

struct Driver<'a> {
    builder: TreeBuilder<u32, Sink>,
    tokenizer: Tokenizer<'a>,
    /// The names of start tags that were left out.
    left_out: Vec<Name>,
    /// Whether nothing came since an empty element in place of one.
    lined: bool,
}

impl Driver<'_> {
    /// Takes one token to the tree; whether there are more.
    fn step(&mut self) -> bool {
        let builder = &self.builder;
        match self.tokenizer.next(|| builder.adjusted_current_node_present_but_not_in_html_namespace()) {
            Token::Text(span) => self.text(span),
            Token::Nothing => self.give(HtmlToken::ParseError(Cow::Borrowed(""))),
            Token::Comment => self.give(HtmlToken::CommentToken(StrTendril::new())),
            Token::Doctype(span) => {
                let doctype = doctype::parse(self.tokenizer.strings.get(span));
                self.give(HtmlToken::DoctypeToken(doctype));
            }
            Token::Start(start) => self.start(start),
            Token::End(name) => self.end(name),
            Token::End_ => {
                self.give(HtmlToken::EOFToken);
                return false;
            }
        }
        // Spans of what html5ever has copied are of no more use.
        self.tokenizer.attrs.clear();
        true
    }

    fn give(&self, token: HtmlToken) {
        // Only a start tag has an answer that matters.
        let _ = self.builder.process_token(token, 1);
    }

    /// Where a block was left out, an empty one, so that the line ends; one is enough.
    fn line(&mut self, name: Name) {
        if name.tag.is(LINE) && !self.lined {
            self.give_tag(TagKind::StartTag, name);
            self.give_tag(TagKind::EndTag, name);
            self.lined = true;
        }
    }

    fn give_tag(&self, kind: TagKind, name: Name) {
        let tag = html_tag(kind, self.tokenizer.strings.get(name.text), false, Vec::new());
        self.give(HtmlToken::TagToken(tag));
    }

    fn text(&mut self, span: Span) {
        self.lined = false;
        let text = self.tokenizer.strings.get(span);
        let mut pieces = text.split('\0');
        let first = pieces.next().unwrap_or_default();
        if !first.is_empty() {
            self.give(HtmlToken::CharacterTokens(StrTendril::from(first)));
        }
        for piece in pieces {
            self.give(HtmlToken::NullCharacterToken);
            if !piece.is_empty() {
                self.give(HtmlToken::CharacterTokens(StrTendril::from(piece)));
            }
        }
    }

    fn start(&mut self, start: Start) {
        let tag = start.name.tag;
        if self.builder.sink.depth.get() >= DEEPEST && !tag.is(VOID | RAW) {
            let closed = start.closed && self.builder.adjusted_current_node_present_but_not_in_html_namespace();
            if !closed {
                self.left_out.push(start.name);
                return self.line(start.name);
            }
        }
        self.lined = false;
        let strings = &self.tokenizer.strings;
        let given = self.tokenizer.attrs.get(start.attrs..).unwrap_or_default();
        let attrs = given.iter().map(|attr| Attribute {
            name: QualName::new(None, ns!(), LocalName::from(strings.get(attr.name))),
            value: StrTendril::from(strings.get(attr.value)),
        });
        let tag = html_tag(TagKind::StartTag, strings.get(start.name.text), start.closed, attrs.collect());
        let raw = match self.builder.process_token(HtmlToken::TagToken(tag), 1) {
            TokenSinkResult::RawData(RawKind::Rcdata) => Raw::Decoded,
            TokenSinkResult::RawData(RawKind::Rawtext) => Raw::Plain,
            TokenSinkResult::RawData(_) => Raw::Script,
            TokenSinkResult::Plaintext => {
                let rest = self.tokenizer.rest();
                return self.text(rest);
            }
            TokenSinkResult::Continue | TokenSinkResult::Script(_) | TokenSinkResult::EncodingIndicator(_) => return,
        };
        let content = self.tokenizer.raw(start.name, raw);
        self.text(content);
    }

    fn end(&mut self, name: Name) {
        let strings = &self.tokenizer.strings;
        let text = strings.get(name.text);
        if self.left_out.last().is_some_and(|last| strings.get(last.text) == text) {
            self.left_out.pop();
            return self.line(name);
        }
        self.give_tag(TagKind::EndTag, name);
        // Most end tags close one element. Those that close none let one more in, up to the failure.
        let depth = &self.builder.sink.depth;
        depth.set(depth.get().saturating_sub(1));
    }
}

fn html_tag(kind: TagKind, name: &str, self_closing: bool, attrs: Vec<Attribute>) -> HtmlTag {
    HtmlTag { kind, name: LocalName::from(name), self_closing, attrs, had_duplicate_attributes: false }
}

/// The nodes in document order.
fn flat<'a>(sink: &Sink, source: &'a str) -> Result<Page<'a>, KernelError> {
    let knots = sink.knots.borrow();
    let mut page =
        Page { strings: super::page::Strings::new(source), nodes: Vec::with_capacity(knots.len()), attrs: Vec::new() };
    // A reopened element has its attributes again.
    let most = source.len().saturating_mul(4) + 1_000_000;
    let mut open: Vec<(u32, u32)> = Vec::new();
    let mut at = knots.first().map_or(NONE, |document| document.first);
    loop {
        let Some(knot) = knots.get(at as usize) else {
            // The end of the children: on with the parent's next.
            let Some((index, next)) = open.pop() else { break };
            let end = page.nodes.len() as u32;
            if let Some(node) = page.nodes.get_mut(index as usize) {
                node.end = end;
            }
            at = next;
            continue;
        };
        let index = page.nodes.len() as u32;
        let parent = open.last().map_or(index, |(parent, _)| *parent);
        let node = Node {
            kind: Kind::Text,
            space: Space::Html,
            tag: Tag::Other,
            text: Span::default(),
            parent,
            end: index + 1,
            attrs: 0,
            attr_count: 0,
        };
        at = knot.next;
        match &knot.what {
            What::Document | What::Comment => {}
            What::Text(text) => {
                let text = page.strings.keep(|_, out| out.push_str(text));
                page.nodes.push(Node { text, ..node });
            }
            What::Element { name, attrs, .. } => {
                let space = if *name.ns() == ns!(svg) {
                    Space::Svg
                } else if *name.ns() == ns!(mathml) {
                    Space::Math
                } else {
                    Space::Html
                };
                let text = page.strings.keep(|_, out| out.push_str(name.local_name()));
                let first = page.attrs.len() as u32;
                for attr in attrs {
                    let name = page.strings.keep(|_, out| {
                        if let Some(prefix) = attr.name.prefix.as_ref().filter(|prefix| !prefix.is_empty()) {
                            out.push_str(prefix);
                            out.push(':');
                        }
                        out.push_str(&attr.name.local);
                    });
                    let value = page.strings.keep(|_, out| out.push_str(&attr.value));
                    page.attrs.push(Attr { name, value });
                }
                let attr_count = page.attrs.len() as u32 - first;
                page.nodes.push(Node {
                    kind: Kind::Element,
                    space,
                    tag: Tag::of(name.local_name()),
                    text,
                    attrs: first,
                    attr_count,
                    ..node
                });
                open.push((index, knot.next));
                at = knot.first;
            }
        }
        if page.strings.kept() > most {
            return Err(KernelError::value("open formatting elements are repeated too often"));
        }
    }
    Ok(page)
}
