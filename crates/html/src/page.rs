//! The tree of a page as a flat list: nodes in document order, each with the index at which its descendants end.
//!
//! A subtree is a range of nodes. The text of an element is one walk over a slice, and a page is freed with four vectors,
//! however deep it nests. A text is a [`Span`] of the source, or of a second buffer if it had to be decoded (`&amp;`).

use html5ever::{Namespace, ns};

use super::tag::Tag;

/// Depth at which both builders stop nesting elements; browsers stop there, too.
pub(crate) const MAX_DEPTH: usize = 512;

/// Nodes or tokens between two looks at the [`Stop`](shoal_kernels::stop::Stop): about a millisecond of work.
pub(crate) const STOP_INTERVAL: usize = 1024;

/// A part of the source or of the decoded texts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    start: u32,
    length: u32,
}

/// Bit of `start` that marks a decoded text. It limits documents to 2 GiB; [`super::parse`] refuses them far below.
const DECODED: u32 = 1 << 31;

impl Span {
    pub(crate) fn is_empty(self) -> bool {
        self.length == 0
    }

    /// The first `at` bytes and the rest.
    pub(crate) fn split(self, at: usize) -> (Self, Self) {
        let at = self.length.min(at as u32);
        (Self { length: at, ..self }, Self { start: self.start + at, length: self.length - at })
    }
}

/// The namespace of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Space {
    Html,
    Svg,
    Math,
}

impl Space {
    pub(crate) fn namespace(self) -> Namespace {
        match self {
            Self::Html => ns!(html),
            Self::Svg => ns!(svg),
            Self::Math => ns!(mathml),
        }
    }

    pub(crate) fn of(namespace: &Namespace) -> Self {
        match *namespace {
            ns!(svg) => Self::Svg,
            ns!(mathml) => Self::Math,
            _ => Self::Html,
        }
    }

    /// Prefix, namespace and local name of an attribute. In HTML a colon is part of the name.
    pub(crate) fn split_attr(self, name: &str) -> (Option<&str>, Namespace, &str) {
        let split = if self == Self::Html { None } else { name.split_once(':') };
        match split {
            Some((prefix @ "xlink", local)) => (Some(prefix), ns!(xlink), local),
            Some((prefix @ "xml", local)) => (Some(prefix), ns!(xml), local),
            Some((prefix @ "xmlns", local)) => (Some(prefix), ns!(xmlns), local),
            _ => (None, ns!(), name),
        }
    }
}

/// An element or a text. Comments are dropped; two texts never follow each other in one element.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub(crate) is_text: bool,
    /// Of an element.
    pub(crate) space: Space,
    /// [`Tag::Other`] for a text and for an unknown element.
    pub(crate) tag: Tag,
    /// The name of an element, or the text.
    pub(crate) text: Span,
    /// Index of the parent; the root's own.
    pub(crate) parent: u32,
    /// Index of the first node after the descendants.
    pub(crate) end: u32,
    /// Index of the element's first attribute.
    pub(crate) attrs: u32,
    pub(crate) attr_count: u32,
}

impl Node {
    /// A text node.
    pub(crate) fn text(text: Span, index: u32, parent: u32) -> Self {
        let (space, tag) = (Space::Html, Tag::Other);
        Self { is_text: true, space, tag, text, parent, end: index + 1, attrs: 0, attr_count: 0 }
    }
}

/// An attribute of an element.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attr {
    /// With its prefix; in lower case for HTML.
    pub(crate) name: Span,
    /// Decoded.
    pub(crate) value: Span,
}

/// The source, and the texts that had to be decoded.
#[derive(Debug)]
pub(crate) struct Strings<'a> {
    /// The document; its lines end with `\n`.
    pub(crate) source: &'a str,
    decoded: String,
}

impl<'a> Strings<'a> {
    pub(crate) fn new(source: &'a str) -> Self {
        Self { source, decoded: String::new() }
    }

    /// A part of the source.
    pub(crate) fn span(&self, start: usize, end: usize) -> Span {
        debug_assert!(start <= end && end < DECODED as usize, "{start}..{end}");
        Span { start: start as u32, length: (end - start) as u32 }
    }

    /// Stores the text that `write` appends.
    pub(crate) fn store(&mut self, write: impl FnOnce(&mut String)) -> Span {
        let start = self.decoded.len();
        write(&mut self.decoded);
        if self.decoded.len() >= DECODED as usize {
            // Out of reach of a span. Both builders refuse the document long before.
            self.decoded.truncate(start);
        }
        Span { start: start as u32 | DECODED, length: (self.decoded.len() - start) as u32 }
    }

    /// Both texts as one.
    pub(crate) fn join(&mut self, first: Span, second: Span) -> Span {
        let joined = Span { length: first.length + second.length, ..first };
        if first.start + first.length == second.start {
            return joined;
        }
        let text = self.get(second).to_owned();
        if (first.start & !DECODED) + first.length == self.decoded.len() as u32 && first.start & DECODED != 0 {
            // The last of the decoded texts grows in place, so that many joins stay linear.
            self.store(|out| out.push_str(&text));
            return joined;
        }
        let text = self.get(first).to_owned() + &text;
        self.store(|out| out.push_str(&text))
    }

    #[inline]
    pub(crate) fn get(&self, span: Span) -> &str {
        let start = (span.start & !DECODED) as usize;
        let buffer = if span.start & DECODED == 0 { self.source } else { self.decoded.as_str() };
        buffer.get(start..start + span.length as usize).unwrap_or_default()
    }

    /// Bytes of all decoded texts.
    pub(crate) fn decoded_len(&self) -> usize {
        self.decoded.len()
    }
}

/// A parsed document.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    /// What the spans point into.
    pub(crate) strings: Strings<'a>,
    /// In document order, `<html>` first.
    pub(crate) nodes: Vec<Node>,
    /// Of all elements.
    pub(crate) attrs: Vec<Attr>,
}

impl Page<'_> {
    #[inline]
    pub(crate) fn node(&self, index: usize) -> Option<&Node> {
        self.nodes.get(index)
    }

    /// The name of an element, or the text of a text node.
    #[inline]
    pub(crate) fn text(&self, node: &Node) -> &str {
        self.strings.get(node.text)
    }

    #[inline]
    pub(crate) fn attrs(&self, node: &Node) -> &[Attr] {
        let start = node.attrs as usize;
        self.attrs.get(start..start + node.attr_count as usize).unwrap_or_default()
    }

    /// The value of an attribute; the name is compared as the tree has it.
    pub(crate) fn attr(&self, node: &Node, name: &str) -> Option<&str> {
        let attr = self.attrs(node).iter().find(|attr| self.strings.get(attr.name) == name)?;
        Some(self.strings.get(attr.value))
    }

    /// All texts within the node at `index`.
    pub(crate) fn texts(&self, index: usize) -> impl Iterator<Item = &str> {
        let end = self.nodes.get(index).map_or(0, |node| node.end as usize);
        let nodes = self.nodes.get(index..end).unwrap_or_default();
        nodes.iter().filter(|node| node.is_text).map(|node| self.text(node))
    }
}

/// Appends a text to the element `parent`, the innermost open one.
pub(crate) fn push_text(nodes: &mut Vec<Node>, strings: &mut Strings<'_>, text: Span, parent: u32) {
    match nodes.last_mut() {
        Some(last) if last.is_text && last.parent == parent => last.text = strings.join(last.text, text),
        _ => nodes.push(Node::text(text, nodes.len() as u32, parent)),
    }
}
