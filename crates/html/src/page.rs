//! The tree of a page, flat: its nodes in document order, each with the place where its descendants end.
//!
//! A subtree is a range of nodes, so the text of an element is one walk over a slice, and a whole page is freed with
//! four vectors, however deep it is. Texts are spans of the source, which is where nearly all of them are; those that
//! were decoded (`&amp;`) are spans of a second buffer.

use super::tag::Tag;

/// Where a text is: in the source, or among the decoded ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    start: u32,
    length: u32,
}

/// Set in `start` of a decoded text. A document is therefore shorter than 2 GiB, which [`super::parse`] sees to.
const DECODED: u32 = 1 << 31;

/// The vocabulary of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// HTML
    Html,
    /// SVG within HTML
    Svg,
    /// MathML within HTML
    Math,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An element; `text` is its name.
    Element,
    /// A text.
    Text,
}

/// An element or a text. Comments are not kept.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// Element or text.
    pub kind: Kind,
    /// The element's vocabulary.
    pub space: Space,
    /// The element's name, if HTML knows it.
    pub tag: Tag,
    /// The name, or the text.
    pub text: Span,
    /// The index of the parent; its own for the root.
    pub parent: u32,
    /// The index of the first node that is no descendant.
    pub end: u32,
    /// The element's attributes: where they start.
    pub attrs: u32,
    /// How many attributes there are.
    pub attr_count: u32,
}

/// An attribute of an element.
#[derive(Clone, Copy, Debug)]
pub struct Attr {
    /// As it is written in the tree, in lower case for HTML, with its prefix.
    pub name: Span,
    /// Decoded.
    pub value: Span,
}

/// Source and decoded texts.
#[derive(Debug)]
pub struct Strings<'a> {
    /// The document, lines ending in `\n` alone.
    pub source: &'a str,
    decoded: String,
}

impl<'a> Strings<'a> {
    /// Of a document.
    pub fn new(source: &'a str) -> Self {
        Self { source, decoded: String::new() }
    }

    /// A part of the source.
    pub fn span(&self, start: usize, end: usize) -> Span {
        debug_assert!(start <= end && end < DECODED as usize, "{start}..{end}");
        Span { start: start as u32, length: (end - start) as u32 }
    }

    /// Keeps a text that is not in the source as it stands. Decoded texts are never longer than what they were decoded
    /// from, apart from a factor: the builders bound it.
    pub fn keep(&mut self, write: impl FnOnce(&'a str, &mut String)) -> Span {
        let start = self.decoded.len();
        write(self.source, &mut self.decoded);
        if self.decoded.len() >= DECODED as usize {
            // Cannot be addressed; the builders stop long before.
            self.decoded.truncate(start);
        }
        Span { start: start as u32 | DECODED, length: (self.decoded.len() - start) as u32 }
    }

    /// The text.
    #[inline]
    pub fn get(&self, span: Span) -> &str {
        let start = (span.start & !DECODED) as usize;
        let buffer = if span.start & DECODED == 0 { self.source } else { self.decoded.as_str() };
        buffer.get(start..start + span.length as usize).unwrap_or_default()
    }

    /// How many bytes are kept beside the source.
    pub fn kept(&self) -> usize {
        self.decoded.len()
    }
}

impl Span {
    /// Whether the text is empty.
    pub fn is_empty(self) -> bool {
        self.length == 0
    }

    /// Without the first byte.
    pub fn after_first(self) -> Self {
        self.split(1).1
    }

    /// The first bytes, and the others.
    pub fn split(self, at: usize) -> (Self, Self) {
        let at = self.length.min(at as u32);
        (Self { length: at, ..self }, Self { start: self.start + at, length: self.length - at })
    }

    /// Both in one, if `next` follows this.
    pub fn joined(self, next: Self) -> Option<Self> {
        (self.start + self.length == next.start).then(|| Self { length: self.length + next.length, ..self })
    }
}

/// A parsed document.
#[derive(Debug)]
pub struct Page<'a> {
    /// What the spans point into.
    pub strings: Strings<'a>,
    /// In document order; the first is `<html>`.
    pub nodes: Vec<Node>,
    /// Of all elements.
    pub attrs: Vec<Attr>,
}

impl Page<'_> {
    /// The node at `index`.
    #[inline]
    pub fn node(&self, index: usize) -> Option<&Node> {
        self.nodes.get(index)
    }

    /// The name of an element, or the text of a text.
    #[inline]
    pub fn text(&self, node: &Node) -> &str {
        self.strings.get(node.text)
    }

    /// The attributes of an element.
    #[inline]
    pub fn attrs(&self, node: &Node) -> &[Attr] {
        let start = node.attrs as usize;
        self.attrs.get(start..start + node.attr_count as usize).unwrap_or_default()
    }

    /// An attribute's value, by its name as the tree has it.
    pub fn attr(&self, node: &Node, name: &str) -> Option<&str> {
        self.attrs(node)
            .iter()
            .find(|attr| self.strings.get(attr.name) == name)
            .map(|attr| self.strings.get(attr.value))
    }

    /// All text within the node at `index`, in pieces.
    pub fn texts(&self, index: usize) -> impl Iterator<Item = &str> {
        let end = self.nodes.get(index).map_or(0, |node| node.end as usize);
        let nodes = self.nodes.get(index..end).unwrap_or_default();
        nodes.iter().filter(|node| node.kind == Kind::Text).map(|node| self.text(node))
    }

    /// One line per node, for comparing in tests; adjacent texts are one.
    #[cfg(any(test, fuzzing))]
    pub fn outline(&self) -> String {
        let mut out = String::new();
        let mut depths: Vec<usize> = Vec::new();
        let mut text: Option<(u32, String)> = None;
        for node in &self.nodes {
            let depth = depths.get(node.parent as usize).map_or(0, |depth| depth + 1);
            depths.push(depth);
            if node.kind == Kind::Text {
                match &mut text {
                    Some((parent, so_far)) if *parent == node.parent => so_far.push_str(self.text(node)),
                    _ => {
                        if let Some((_, before)) = text.replace((node.parent, self.text(node).to_owned())) {
                            out += &format!("  {before:?}\n");
                        }
                    }
                }
                continue;
            }
            if let Some((_, before)) = text.take() {
                out += &format!("  {before:?}\n");
            }
            out += &format!("{depth} {:?} {}", node.space, self.text(node));
            for attr in self.attrs(node) {
                out += &format!(" {}={:?}", self.strings.get(attr.name), self.strings.get(attr.value));
            }
            out.push('\n');
        }
        if let Some((_, before)) = text {
            out += &format!("  {before:?}\n");
        }
        out
    }
}
