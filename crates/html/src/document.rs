//! A page as a document of dom_query, for the search for its article.

use dom_query::{Document, NodeId};
use html5ever::interface::{ElementFlags, NodeOrText, TreeSink};
use html5ever::tendril::StrTendril;
use html5ever::{Attribute, LocalName, QualName};

use super::page::{Node, Page, Space};
use super::tag::Tag;

/// Depth of the document. Readability walks the descendants of most elements several times.
pub(crate) const MAX_DEPTH: usize = 100;

/// Bytes of one text node; longer texts become several. html5ever serializes a text with many `&` in quadratic time, 17 s
/// for 1 MB.
const MAX_TEXT: usize = 1 << 14;

/// Length of an attribute's value times its characters to escape: it is serialized in quadratic time as well.
const MAX_ATTR_COST: usize = 1 << 24;

/// The document of a page. Elements deeper than [`MAX_DEPTH`] leave their place to their children; attributes that are
/// too expensive to serialize are empty.
pub(crate) fn of(page: &Page<'_>) -> Document {
    let document = Document::default();
    let root = document.get_document();
    let mut ids: Vec<NodeId> = Vec::with_capacity(page.nodes.len());
    // The ends of the open elements.
    let mut open: Vec<u32> = Vec::new();
    for (index, node) in page.nodes.iter().enumerate() {
        let parent = if index == 0 { root } else { ids.get(node.parent as usize).copied().unwrap_or(root) };
        while open.pop_if(|end| *end as usize <= index).is_some() {}
        if node.is_text {
            append_text(&document, parent, page.text(node));
        }
        if node.is_text || open.len() >= MAX_DEPTH {
            ids.push(parent);
            continue;
        }
        open.push(node.end);
        let mut flags = ElementFlags::default();
        flags.template = node.tag == Tag::Template && node.space == Space::Html;
        let name = QualName::new(None, node.space.namespace(), LocalName::from(page.text(node)));
        let id = document.create_element(name, attributes(page, node), flags);
        document.append(&parent, NodeOrText::AppendNode(id));
        ids.push(id);
    }
    document
}

fn attributes(page: &Page<'_>, node: &Node) -> Vec<Attribute> {
    let attrs = page.attrs(node).iter().map(|attr| {
        let (prefix, namespace, local) = node.space.split_attr(page.strings.get(attr.name));
        let value = page.strings.get(attr.value);
        let value = if is_expensive(value) { "" } else { value };
        let name = QualName::new(prefix.map(Into::into), namespace, LocalName::from(local));
        Attribute { name, value: StrTendril::from(value) }
    });
    attrs.collect()
}

fn is_expensive(value: &str) -> bool {
    let escaped = || value.bytes().filter(|byte| matches!(byte, b'&' | 0xC2)).count();
    value.len() > 4096 && escaped().saturating_mul(value.len()) > MAX_ATTR_COST
}

fn append_text(document: &Document, parent: NodeId, mut text: &str) {
    if text.len() <= MAX_TEXT {
        return document.append(&parent, NodeOrText::AppendText(StrTendril::from(text)));
    }
    while !text.is_empty() {
        let end = (0..=MAX_TEXT.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(text.len());
        let (part, rest) = text.split_at(end);
        let id = document.tree.new_text(part).id;
        document.append(&parent, NodeOrText::AppendNode(id));
        text = rest;
    }
}
