//! A page as a document of dom_query, for what works on that: Servo's selectors, and the search for the article.

use dom_query::{Document, NodeId};
use html5ever::interface::{ElementFlags, NodeOrText, TreeSink};
use html5ever::tendril::StrTendril;
use html5ever::{Attribute, LocalName, QualName, ns};

use super::page::{Kind, Page, Space};
use super::tag::Tag;

/// Longer texts become several. html5ever writes a text with many `&` in quadratic time: 17 s for one of 1 MB.
const LONGEST: usize = 1 << 14;

/// What an attribute's value may cost to write, its length times its `&`, which has the same trap.
const DEAREST: usize = 1 << 24;

/// The document, and the number that each node of the page has in it. If it is to be written, elements deeper than
/// `deepest` leave their place to their children, and no attribute takes long.
pub fn of(page: &Page<'_>, deepest: Option<usize>) -> (Document, Vec<NodeId>) {
    let document = Document::default();
    let root = document.get_document();
    let mut ids: Vec<NodeId> = Vec::with_capacity(page.nodes.len());
    // Where the open elements end.
    let mut open: Vec<u32> = Vec::new();
    for (index, node) in page.nodes.iter().enumerate() {
        let parent = if index == 0 { root } else { ids.get(node.parent as usize).copied().unwrap_or(root) };
        while open.pop_if(|end| *end as usize <= index).is_some() {}
        let text = page.text(node);
        if node.kind == Kind::Text || deepest.is_some_and(|deepest| open.len() >= deepest) {
            // Neither is anybody's parent, or matches.
            ids.push(parent);
            if node.kind == Kind::Text {
                append_text(&document, parent, text);
            }
            continue;
        }
        open.push(node.end);
        let space = match node.space {
            Space::Html => ns!(html),
            Space::Svg => ns!(svg),
            Space::Math => ns!(mathml),
        };
        let attrs = page.attrs(node).iter().map(|attr| {
            let value = page.strings.get(attr.value);
            let value = if deepest.is_some() && is_dear(value) { "" } else { value };
            Attribute { name: attr_name(page.strings.get(attr.name), node.space), value: StrTendril::from(value) }
        });
        let mut flags = ElementFlags::default();
        flags.template = node.tag == Tag::Template && node.space == Space::Html;
        let id = document.create_element(QualName::new(None, space, LocalName::from(text)), attrs.collect(), flags);
        // The matcher takes the document for the parent element of `<html>`: `* > html` would match.
        if index > 0 || deepest.is_some() {
            document.append(&parent, NodeOrText::AppendNode(id));
        }
        ids.push(id);
    }
    (document, ids)
}

fn is_dear(value: &str) -> bool {
    let escaped = || value.bytes().filter(|byte| matches!(byte, b'&' | 0xC2)).count();
    value.len() > 4096 && escaped().saturating_mul(value.len()) > DEAREST
}

fn append_text(document: &Document, parent: NodeId, mut text: &str) {
    if text.len() <= LONGEST {
        return document.append(&parent, NodeOrText::AppendText(StrTendril::from(text)));
    }
    while !text.is_empty() {
        let end = (0..=LONGEST.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(text.len());
        let (piece, rest) = text.split_at(end);
        let id = document.tree.new_text(piece).id;
        document.append(&parent, NodeOrText::AppendNode(id));
        text = rest;
    }
}

/// In SVG and MathML, `xlink:href` is `href` of another vocabulary, which `[href]` does not mean.
fn attr_name(name: &str, space: Space) -> QualName {
    let split = if space == Space::Html { None } else { name.split_once(':') };
    let plain = || QualName::new(None, ns!(), LocalName::from(name));
    match split {
        Some(("xlink", local)) => QualName::new(Some("xlink".into()), ns!(xlink), LocalName::from(local)),
        Some(("xml", local)) => QualName::new(Some("xml".into()), ns!(xml), LocalName::from(local)),
        Some(("xmlns", local)) => QualName::new(Some("xmlns".into()), ns!(xmlns), LocalName::from(local)),
        _ => plain(),
    }
}
