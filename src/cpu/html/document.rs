//! A page as a document of dom_query, for what works on that: Servo's selectors, and the search for the article.

use dom_query::{Document, NodeId};
use html5ever::interface::{ElementFlags, NodeOrText, TreeSink};
use html5ever::tendril::StrTendril;
use html5ever::{Attribute, LocalName, QualName, ns};

use super::page::{Kind, Page, Space};
use super::tag::Tag;

/// The document, and the number that each node of the page has in it.
pub fn of(page: &Page<'_>) -> (Document, Vec<NodeId>) {
    let document = Document::default();
    let root = document.get_document();
    let mut ids: Vec<NodeId> = Vec::with_capacity(page.nodes.len());
    for (index, node) in page.nodes.iter().enumerate() {
        let parent = if index == 0 { root } else { ids.get(node.parent as usize).copied().unwrap_or(root) };
        let text = page.text(node);
        if node.kind == Kind::Text {
            document.append(&parent, NodeOrText::AppendText(StrTendril::from(text)));
            // Texts are nobody's parents and match nothing.
            ids.push(parent);
            continue;
        }
        let space = match node.space {
            Space::Html => ns!(html),
            Space::Svg => ns!(svg),
            Space::Math => ns!(mathml),
        };
        let attrs = page.attrs(node).iter().map(|attr| Attribute {
            name: attr_name(page.strings.get(attr.name), node.space),
            value: StrTendril::from(page.strings.get(attr.value)),
        });
        let mut flags = ElementFlags::default();
        flags.template = node.tag == Tag::Template && node.space == Space::Html;
        let id = document.create_element(QualName::new(None, space, LocalName::from(text)), attrs.collect(), flags);
        document.append(&parent, NodeOrText::AppendNode(id));
        ids.push(id);
    }
    (document, ids)
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
