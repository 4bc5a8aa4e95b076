//! A page as Markdown, written by htmd.
//!
//! htmd's parser is not used: our [`Page`] becomes the tree that htmd walks, without what nobody reads. That is half the
//! time, and it is where the walker is kept from its traps, all of which it has (sizes for 1 MB of HTML):
//!
//! - It recurses, and every level copies what is within: elements deeper than [`DEEPEST`] leave their place to their
//!   children.
//! - It pads each column of a table to its widest cell: a wide cell and many rows are gigabytes. A table whose padding is
//!   out of proportion becomes lines.
//! - It indents each line by its lists and quotes: those nested deeper than [`DEEPEST_LIST`] are plain blocks.
//! - It joins `<b>a</b><b>b</b>` by moving all that follows, quadratic: here they are joined on the way.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::LazyLock;

use htmd::HtmlToMarkdown;
use markup5ever::tendril::StrTendril;
use markup5ever::{Attribute, LocalName, QualName, ns};
use markup5ever_rcdom::{Node as Knot, NodeData};

use super::page::{Kind, Node, Page};
use super::parse;
use super::tag::{HIDDEN, Tag};
use crate::cpu::failure::Failure;
use crate::cpu::stop::Stop;

/// How deep elements nest for htmd: each level takes up to 4 KB of stack in a debug build, and one copy of its content.
const DEEPEST: usize = 100;

/// How deep lists and quotes nest.
const DEEPEST_LIST: usize = 12;

/// Padding of tables that is always fine.
const PADDING: usize = 1 << 20;

/// After so many nodes it is asked whether to stop.
const LOOK: usize = 4096;

/// What htmd takes for a block, and so does not join.
const BLOCKS: [&str; 66] = [
    "address",
    "article",
    "aside",
    "base",
    "basefont",
    "blockquote",
    "body",
    "caption",
    "center",
    "col",
    "colgroup",
    "dd",
    "details",
    "dialog",
    "dir",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "frame",
    "frameset",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "header",
    "hr",
    "html",
    "iframe",
    "legend",
    "li",
    "link",
    "main",
    "menu",
    "menuitem",
    "nav",
    "noframes",
    "ol",
    "optgroup",
    "option",
    "p",
    "param",
    "pre",
    "script",
    "search",
    "section",
    "style",
    "summary",
    "table",
    "tbody",
    "td",
    "textarea",
    "tfoot",
    "th",
    "thead",
    "title",
    "tr",
    "track",
    "ul",
];

static CONVERTER: LazyLock<HtmlToMarkdown> = LazyLock::new(HtmlToMarkdown::new);

/// The Markdown of a document.
pub fn markdown(html: &str, stop: &Stop) -> Result<String, Failure> {
    let source = parse::normal(html)?;
    let page = parse::page(&source, stop)?;
    let tree = Builder::new(&page).build(stop)?;
    drop(page);
    stop.check()?;
    Ok(CONVERTER.tree_to_markdown(&tree))
}

struct Builder<'a> {
    page: &'a Page<'a>,
    /// How many bytes of text there are before each node.
    before: Vec<usize>,
    /// How much padding there may still be.
    padding: usize,
}

/// An element that is being filled.
struct Open {
    knot: Rc<Knot>,
    children: Vec<Rc<Knot>>,
    end: usize,
    lists: usize,
    /// Whether the parts of a table within become lines.
    plain: bool,
}

impl<'a> Builder<'a> {
    fn new(page: &'a Page<'a>) -> Self {
        let mut total = 0;
        let mut before = Vec::with_capacity(page.nodes.len() + 1);
        for node in &page.nodes {
            before.push(total);
            total += if node.kind == Kind::Text { page.text(node).len() } else { 0 };
        }
        before.push(total);
        Self { page, before, padding: PADDING.max(4 * total) }
    }

    fn build(mut self, stop: &Stop) -> Result<Rc<Knot>, Failure> {
        let document =
            Open { knot: Knot::new(NodeData::Document), children: Vec::new(), end: usize::MAX, lists: 0, plain: false };
        let mut open = vec![document];
        let mut index = 0;
        let mut steps = 0_usize;
        while let Some(node) = self.page.node(index) {
            steps += 1;
            if steps.is_multiple_of(LOOK) {
                stop.check()?;
            }
            while open.len() > 1 && open.last().is_some_and(|top| top.end <= index) {
                close(&mut open);
            }
            let depth = open.len();
            let Some(top) = open.last_mut() else { break };
            if node.kind == Kind::Text {
                let text = StrTendril::from(self.page.text(node));
                top.add(Knot::new(NodeData::Text { contents: RefCell::new(text) }));
                index += 1;
                continue;
            }
            if node.tag.is(HIDDEN) {
                index = node.end as usize;
                continue;
            }
            index += 1;
            if depth > DEEPEST {
                continue;
            }
            let lists = top.lists + usize::from(is_list(node.tag));
            let mut plain = top.plain;
            let name = match node.tag {
                Tag::Table => {
                    plain = !self.affords(index - 1, node);
                    if plain { "div" } else { "table" }
                }
                Tag::Ul | Tag::Ol | Tag::Li | Tag::Blockquote if lists > DEEPEST_LIST => "div",
                Tag::Tr | Tag::Tbody | Tag::Thead | Tag::Tfoot | Tag::Caption if top.plain => "div",
                Tag::Td | Tag::Th if top.plain => "div",
                _ => self.page.text(node),
            };
            let knot = self.element(node, name);
            open.push(Open { knot, children: Vec::new(), end: node.end as usize, lists, plain });
        }
        while open.len() > 1 {
            close(&mut open);
        }
        let Some(document) = open.pop() else { return Err(Failure::internal("no document")) };
        Ok(document.done())
    }

    fn element(&self, node: &Node, name: &str) -> Rc<Knot> {
        // These are the ones that htmd reads.
        let attrs = self.page.attrs(node).iter().filter_map(|attr| {
            let name = self.page.strings.get(attr.name);
            let read = matches!(name, "href" | "src" | "alt" | "title" | "class" | "start");
            read.then(|| Attribute {
                name: QualName::new(None, ns!(), LocalName::from(name)),
                value: StrTendril::from(self.page.strings.get(attr.value)),
            })
        });
        Knot::new(NodeData::Element {
            name: QualName::new(None, ns!(html), LocalName::from(name)),
            attrs: RefCell::new(attrs.collect()),
            template_contents: RefCell::new(None),
            mathml_annotation_xml_integration_point: false,
        })
    }

    /// Whether the table at `index` is small when its columns are padded.
    fn affords(&mut self, index: usize, table: &Node) -> bool {
        let mut widths: Vec<usize> = Vec::new();
        let mut rows = 0_usize;
        let mut column = 0;
        let mut at = index + 1;
        while let Some(node) = self.page.nodes.get(at).filter(|_| at < table.end as usize) {
            let mut next = at + 1;
            match node.tag {
                Tag::Tr => {
                    rows += 1;
                    column = 0;
                }
                Tag::Td | Tag::Th => {
                    let width = self.length(at, node.end as usize) + 3;
                    match widths.get_mut(column) {
                        Some(widest) => *widest = width.max(*widest),
                        None => widths.push(width),
                    }
                    column += 1;
                    next = node.end as usize;
                }
                _ => {}
            }
            at = next;
        }
        let padded = rows.saturating_add(1).saturating_mul(widths.iter().sum());
        let affordable = padded <= self.padding;
        if affordable {
            self.padding -= padded.saturating_sub(self.length(index, table.end as usize)).min(self.padding);
        }
        affordable
    }

    fn length(&self, start: usize, end: usize) -> usize {
        let at = |index: usize| self.before.get(index).copied().unwrap_or_default();
        at(end).saturating_sub(at(start))
    }
}

fn is_list(tag: Tag) -> bool {
    matches!(tag, Tag::Ul | Tag::Ol | Tag::Blockquote)
}

fn close(open: &mut Vec<Open>) {
    if let Some(done) = open.pop() {
        let knot = done.done();
        if let Some(parent) = open.last_mut() {
            parent.add(knot);
        }
    }
}

impl Open {
    /// Appends a child, or its text to that of the child before, where htmd would.
    fn add(&mut self, child: Rc<Knot>) {
        if self.children.last().is_some_and(|last| joined(last, &child)) {
            return;
        }
        child.parent.set(Some(Rc::downgrade(&self.knot)));
        self.children.push(child);
    }

    fn done(self) -> Rc<Knot> {
        *self.knot.children.borrow_mut() = self.children;
        self.knot
    }
}

/// Appends the text of `second` to that of `first` if both are texts, or the same emphasis around nothing but a text.
fn joined(first: &Knot, second: &Knot) -> bool {
    match (&first.data, &second.data) {
        (NodeData::Text { contents }, NodeData::Text { contents: more }) => {
            contents.borrow_mut().push_tendril(&more.borrow());
            true
        }
        (NodeData::Element { name: one, attrs, .. }, NodeData::Element { name: other, attrs: others, .. }) => {
            let (one, other) = (&*one.local, &*other.local);
            let bold = |name: &str| matches!(name, "b" | "strong");
            let italic = |name: &str| matches!(name, "i" | "em");
            let same = one == other || bold(one) && bold(other) || italic(one) && italic(other);
            if !same || one == "a" || BLOCKS.contains(&one) || *attrs.borrow() != *others.borrow() {
                return false;
            }
            match (first.children.borrow().as_slice(), second.children.borrow().as_slice()) {
                ([text], [more]) => {
                    matches!((&text.data, &more.data), (NodeData::Text { .. }, NodeData::Text { .. }))
                        && joined(text, more)
                }
                _ => false,
            }
        }
        _ => false,
    }
}
