//! Any page: html5ever's tree builder, behind limits.
//!
//! The standard's algorithm is expensive on hostile documents. It scans the stack of open elements at nearly every tag, so
//! a million open `<div>` take hours; it reopens every `<b>` that was left open in every paragraph, so some hundred
//! kilobytes become gigabytes of nodes; it moves the misplaced content of a table. Hence three limits:
//!
//! - Elements that would nest deeper than [`MAX_DEPTH`] are left out, as browsers do. Their content stays, and an empty
//!   element marks the end of a line where a block was. Reopened elements may still get deeper; twice the depth is a
//!   failure, so the kernels may recurse.
//! - The number of elements is limited in proportion to the document: [`build`].
//! - Every move of a node is O(1): [`sink`].

mod sink;

use std::borrow::Cow;

use html5ever::interface::ElemName;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{Doctype, Tag as HtmlTag, TagKind, Token as HtmlToken, TokenSink, TokenSinkResult};
use html5ever::tree_builder::{TreeBuilder, TreeBuilderOpts};
use html5ever::{Attribute, LocalName, QualName, ns};

use super::page::{Attr, MAX_DEPTH, Node, Page, STOP_INTERVAL, Space, Span, Strings, push_text};
use super::tag::{LINE, RAW, Tag, VOID};
use super::tokenizer::{ContentModel, Name, Start, Token, Tokenizer};
use shoal_kernels::error::KernelError;
use shoal_kernels::stop::Stop;
use sink::{Data, NONE, Sink};

/// Builds the page of a document.
pub(crate) fn build<'a>(source: &'a str, stop: &Stop) -> Result<Page<'a>, KernelError> {
    // The shortest tag has three bytes; `<table>` and `<td>` imply three more elements, `</p>` one.
    let sink = Sink::new(source.len() / 2 + 10_000);
    let options = TreeBuilderOpts { scripting_enabled: false, drop_doctype: true, ..TreeBuilderOpts::default() };
    let mut driver = Driver {
        builder: TreeBuilder::new(sink, options),
        tokenizer: Tokenizer::new(source),
        left_out: Vec::new(),
        line_ended: false,
    };
    let mut count = 0_usize;
    while driver.step() {
        count += 1;
        if count.is_multiple_of(STOP_INTERVAL) {
            stop.check()?;
        }
        let sink = &driver.builder.sink;
        if sink.exceeded.get() {
            return Err(too_many_elements());
        }
        if sink.max_depth.get() > 2 * MAX_DEPTH {
            return Err(KernelError::value(format!("nested deeper than {} elements", 2 * MAX_DEPTH)));
        }
    }
    stop.check()?;
    flatten(&driver.builder.sink, source)
}

fn too_many_elements() -> KernelError {
    KernelError::value("open formatting elements are repeated too often")
}

/// Feeds the tokens of a document to html5ever's tree builder.
struct Driver<'a> {
    builder: TreeBuilder<u32, Sink>,
    tokenizer: Tokenizer<'a>,
    /// The names of the open elements that were left out.
    left_out: Vec<Name>,
    /// Whether the last element was an empty one in place of a block.
    line_ended: bool,
}

impl Driver<'_> {
    /// Processes one token; whether there are more.
    fn step(&mut self) -> bool {
        let builder = &self.builder;
        match self.tokenizer.next(|| builder.adjusted_current_node_present_but_not_in_html_namespace()) {
            Token::Text(span) => self.text(span),
            Token::EmptyEndTag => self.process(HtmlToken::ParseError(Cow::Borrowed(""))),
            Token::Comment => self.process(HtmlToken::CommentToken(StrTendril::new())),
            Token::Doctype(span) => {
                let doctype = doctype(self.tokenizer.strings.get(span));
                self.process(HtmlToken::DoctypeToken(doctype));
            }
            Token::Start(start) => self.start(start),
            Token::End(name) => self.end(name),
            Token::Eof => {
                self.process(HtmlToken::EOFToken);
                return false;
            }
        }
        // html5ever has copied them.
        self.tokenizer.attrs.clear();
        true
    }

    /// Processes a token whose result does not matter: any but a start tag.
    fn process(&self, token: HtmlToken) {
        let _ = self.builder.process_token(token, 1);
    }

    fn process_tag(&self, kind: TagKind, name: Name) {
        let tag = html_tag(kind, self.tokenizer.strings.get(name.text), false, Vec::new());
        self.process(HtmlToken::TagToken(tag));
    }

    /// Ends the line with an empty element where a block is left out; one is enough.
    fn end_line(&mut self, name: Name) {
        if name.tag.is(LINE) && !self.line_ended {
            self.process_tag(TagKind::StartTag, name);
            self.process_tag(TagKind::EndTag, name);
            self.line_ended = true;
        }
    }

    fn text(&mut self, span: Span) {
        self.line_ended = false;
        for (index, part) in self.tokenizer.strings.get(span).split('\0').enumerate() {
            if index > 0 {
                self.process(HtmlToken::NullCharacterToken);
            }
            if !part.is_empty() {
                self.process(HtmlToken::CharacterTokens(StrTendril::from(part)));
            }
        }
    }

    fn start(&mut self, start: Start) {
        if self.builder.sink.depth.get() >= MAX_DEPTH && !start.name.tag.is(VOID | RAW) {
            let foreign = self.builder.adjusted_current_node_present_but_not_in_html_namespace();
            if !(start.self_closing && foreign) {
                self.left_out.push(start.name);
                return self.end_line(start.name);
            }
        }
        self.line_ended = false;
        let strings = &self.tokenizer.strings;
        let attrs = self.tokenizer.attrs.get(start.attrs..).unwrap_or_default().iter().map(|attr| Attribute {
            name: QualName::new(None, ns!(), LocalName::from(strings.get(attr.name))),
            value: StrTendril::from(strings.get(attr.value)),
        });
        let name = strings.get(start.name.text);
        let tag = html_tag(TagKind::StartTag, name, start.self_closing, attrs.collect());
        let model = match self.builder.process_token(HtmlToken::TagToken(tag), 1) {
            TokenSinkResult::RawData(RawKind::Rcdata) => ContentModel::Rcdata,
            TokenSinkResult::RawData(RawKind::Rawtext) => ContentModel::RawText,
            TokenSinkResult::RawData(_) => ContentModel::Script,
            TokenSinkResult::Plaintext => {
                let rest = self.tokenizer.rest();
                return self.text(rest);
            }
            TokenSinkResult::Continue | TokenSinkResult::Script(_) | TokenSinkResult::EncodingIndicator(_) => return,
        };
        let content = self.tokenizer.raw(start.name, model);
        self.text(content);
    }

    fn end(&mut self, name: Name) {
        let strings = &self.tokenizer.strings;
        if self.left_out.last().is_some_and(|last| strings.get(last.text) == strings.get(name.text)) {
            self.left_out.pop();
            return self.end_line(name);
        }
        self.process_tag(TagKind::EndTag, name);
        // Most end tags close one element. One that closes none admits one more, up to the failure.
        let depth = &self.builder.sink.depth;
        depth.set(depth.get().saturating_sub(1));
    }
}

fn html_tag(kind: TagKind, name: &str, self_closing: bool, attrs: Vec<Attribute>) -> HtmlTag {
    HtmlTag { kind, name: LocalName::from(name), self_closing, attrs, had_duplicate_attributes: false }
}

/// The nodes of the sink in document order.
fn flatten<'a>(sink: &Sink, source: &'a str) -> Result<Page<'a>, KernelError> {
    let nodes = sink.nodes.borrow();
    let mut page = Page { strings: Strings::new(source), nodes: Vec::with_capacity(nodes.len()), attrs: Vec::new() };
    // A reopened element repeats its attributes.
    let max_bytes = source.len().saturating_mul(4) + 1_000_000;
    // Each open element in the page, and its next sibling in the sink.
    let mut open: Vec<(u32, u32)> = Vec::new();
    let mut at = nodes.first().map_or(NONE, |document| document.first);
    loop {
        let Some(from) = nodes.get(at as usize) else {
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
        at = from.next;
        match &from.data {
            Data::Document | Data::Comment => {}
            // Comments are dropped, so texts may come together.
            Data::Text(text) => {
                let text = page.strings.store(|out| out.push_str(text));
                push_text(&mut page.nodes, &mut page.strings, text, parent);
            }
            Data::Element { name, attrs, .. } => {
                let text = page.strings.store(|out| out.push_str(name.local_name()));
                let first = page.attrs.len() as u32;
                for attr in attrs {
                    let name = page.strings.store(|out| {
                        if let Some(prefix) = attr.name.prefix.as_ref().filter(|prefix| !prefix.is_empty()) {
                            out.push_str(prefix);
                            out.push(':');
                        }
                        out.push_str(&attr.name.local);
                    });
                    let value = page.strings.store(|out| out.push_str(&attr.value));
                    page.attrs.push(Attr { name, value });
                }
                page.nodes.push(Node {
                    is_text: false,
                    space: Space::of(name.ns()),
                    tag: Tag::of(name.local_name()),
                    attrs: first,
                    attr_count: page.attrs.len() as u32 - first,
                    ..Node::text(text, index, parent)
                });
                open.push((index, from.next));
                at = from.first;
            }
        }
        if page.strings.decoded_len() > max_bytes {
            return Err(too_many_elements());
        }
    }
    Ok(page)
}

/// Parses the text between `<!doctype` and `>`.
fn doctype(text: &str) -> Doctype {
    let mut doctype = Doctype { name: None, public_id: None, system_id: None, force_quirks: false };
    doctype.force_quirks = fill_doctype(&mut doctype, text).is_none();
    doctype
}

/// Fills in the parts of a doctype; `None` if it is malformed.
fn fill_doctype(doctype: &mut Doctype, text: &str) -> Option<()> {
    let text = text.trim_ascii_start();
    let end = text.find(|char: char| char.is_ascii_whitespace()).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return None;
    }
    doctype.name = Some(StrTendril::from(name.to_ascii_lowercase().replace('\0', "\u{fffd}").as_str()));
    let rest = rest.trim_ascii_start();
    if rest.is_empty() {
        return Some(());
    }
    let (keyword, rest) = (rest.get(..6)?, rest.get(6..)?);
    if keyword.eq_ignore_ascii_case("system") {
        return quoted(&mut doctype.system_id, rest).map(|_| ());
    }
    if !keyword.eq_ignore_ascii_case("public") {
        return None;
    }
    let rest = quoted(&mut doctype.public_id, rest)?;
    if rest.trim_ascii_start().is_empty() { Some(()) } else { quoted(&mut doctype.system_id, rest).map(|_| ()) }
}

/// Stores the quoted text at the start of `text`, even without its end quote; the rest after the quote.
fn quoted<'a>(id: &mut Option<StrTendril>, text: &'a str) -> Option<&'a str> {
    let text = text.trim_ascii_start();
    let quote = text.chars().next().filter(|char| matches!(char, '"' | '\''))?;
    let inner = text.get(1..)?;
    let (inside, rest) = inner.split_once(quote).map_or((inner, None), |(inside, rest)| (inside, Some(rest)));
    *id = Some(StrTendril::from(inside));
    rest
}
