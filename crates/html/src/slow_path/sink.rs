//! The tree that html5ever builds into: nodes in one list, linked by index, every move in O(1).
//!
//! html5ever's example tree searches a node among its siblings to insert another before it, which is quadratic where a
//! table holds misplaced content, and allocates each node.
//!
//! The list is in a `RefCell`. No borrow leaves a method, as html5ever keeps the name of an element while it calls others;
//! it gets a copy, which for the names of HTML is two words.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};

use html5ever::interface::{ElemName, ElementFlags, QuirksMode, TreeSink};
use html5ever::tendril::StrTendril;
use html5ever::tree_builder::NodeOrText;
use html5ever::{Attribute, LocalName, Namespace, QualName, ns};

/// The index of no node.
pub(super) const NONE: u32 = u32::MAX;

/// Attributes of `<html>` and `<body>`: later tags add theirs, and each is compared with all.
const MAX_ADDED_ATTRS: usize = 100;

/// The name of an element.
#[derive(Clone, Debug)]
pub(super) struct Name {
    space: Namespace,
    local: LocalName,
}

impl ElemName for Name {
    fn ns(&self) -> &Namespace {
        &self.space
    }

    fn local_name(&self) -> &LocalName {
        &self.local
    }
}

/// A node of the tree under construction.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) data: Data,
    parent: u32,
    previous: u32,
    /// The next sibling.
    pub(super) next: u32,
    /// The first child.
    pub(super) first: u32,
    last: u32,
    depth: u32,
}

#[derive(Debug)]
pub(super) enum Data {
    /// The document, or the contents of a `<template>`.
    Document,
    Element {
        name: Name,
        attrs: Vec<Attribute>,
        /// The contents of a `<template>`.
        contents: u32,
        /// Whether a MathML element may hold HTML.
        integration_point: bool,
    },
    Text(StrTendril),
    Comment,
}

/// The tree under construction.
#[derive(Debug)]
pub(super) struct Sink {
    /// In order of creation; the first is the document.
    pub(super) nodes: RefCell<Vec<Node>>,
    /// The depth of the element linked last.
    pub(super) depth: Cell<usize>,
    /// The greatest depth so far.
    pub(super) max_depth: Cell<usize>,
    /// Elements that may still be created.
    budget: Cell<usize>,
    /// Whether more were created.
    pub(super) exceeded: Cell<bool>,
}

impl Sink {
    /// An empty tree for at most `budget` elements.
    pub(super) fn new(budget: usize) -> Self {
        Self {
            nodes: RefCell::new(vec![Node::new(Data::Document)]),
            depth: Cell::new(0),
            max_depth: Cell::new(0),
            budget: Cell::new(budget),
            exceeded: Cell::new(false),
        }
    }

    fn add(&self, data: Data) -> u32 {
        let mut nodes = self.nodes.borrow_mut();
        nodes.push(Node::new(data));
        nodes.len() as u32 - 1
    }

    fn with<T: Default>(&self, at: u32, act: impl FnOnce(&mut Node) -> T) -> T {
        self.nodes.borrow_mut().get_mut(at as usize).map_or_else(T::default, act)
    }

    /// Makes two nodes neighbours under `parent`; `NONE` stands for its edge.
    fn join(&self, parent: u32, left: u32, right: u32) {
        match left {
            NONE => self.with(parent, |node| node.first = right),
            _ => self.with(left, |node| node.next = right),
        }
        match right {
            NONE => self.with(parent, |node| node.last = left),
            _ => self.with(right, |node| node.previous = left),
        }
    }

    fn unlink(&self, at: u32) {
        let (parent, previous, next) =
            self.with(at, |node| (std::mem::replace(&mut node.parent, NONE), node.previous, node.next));
        if parent != NONE {
            self.join(parent, previous, next);
        }
    }

    /// The last child of `parent` before `next`, or of all.
    fn child_before(&self, parent: u32, next: u32) -> u32 {
        if next == NONE { self.with(parent, |node| node.last) } else { self.with(next, |node| node.previous) }
    }

    /// Moves a node under `parent`, before `next` or to the end.
    fn link(&self, at: u32, parent: u32, next: u32) {
        self.unlink(at);
        let previous = self.child_before(parent, next);
        self.join(parent, previous, at);
        self.join(parent, at, next);
        let depth = self.with(parent, |node| node.depth) + 1;
        let is_element = self.with(at, |node| {
            (node.parent, node.depth) = (parent, depth);
            matches!(node.data, Data::Element { .. })
        });
        if is_element {
            self.depth.set(depth as usize);
            self.max_depth.set(self.max_depth.get().max(depth as usize));
        }
    }

    fn insert(&self, parent: u32, next: u32, child: NodeOrText<u32>) {
        match child {
            NodeOrText::AppendNode(at) => self.link(at, parent, next),
            NodeOrText::AppendText(text) => {
                let joined = self.with(self.child_before(parent, next), |node| match &mut node.data {
                    Data::Text(so_far) => {
                        so_far.push_tendril(&text);
                        true
                    }
                    _ => false,
                });
                if !joined {
                    let at = self.add(Data::Text(text));
                    self.link(at, parent, next);
                }
            }
        }
    }
}

impl Node {
    fn new(data: Data) -> Self {
        Self { data, parent: NONE, previous: NONE, next: NONE, first: NONE, last: NONE, depth: 0 }
    }
}

impl TreeSink for Sink {
    type Handle = u32;
    type Output = Self;
    type ElemName<'a> = Name;

    fn finish(self) -> Self {
        self
    }

    fn parse_error(&self, _: Cow<'static, str>) {}

    fn get_document(&self) -> u32 {
        0
    }

    fn elem_name(&self, target: &u32) -> Name {
        match self.nodes.borrow().get(*target as usize).map(|node| &node.data) {
            Some(Data::Element { name, .. }) => name.clone(),
            _ => Name { space: ns!(), local: LocalName::default() },
        }
    }

    fn create_element(&self, name: QualName, attrs: Vec<Attribute>, flags: ElementFlags) -> u32 {
        match self.budget.get().checked_sub(1) {
            Some(left) => self.budget.set(left),
            None => self.exceeded.set(true),
        }
        let contents = if flags.template { self.add(Data::Document) } else { NONE };
        let integration_point = flags.mathml_annotation_xml_integration_point;
        let name = Name { space: name.ns, local: name.local };
        self.add(Data::Element { name, attrs, contents, integration_point })
    }

    fn create_comment(&self, _: StrTendril) -> u32 {
        self.add(Data::Comment)
    }

    fn create_pi(&self, _: StrTendril, _: StrTendril) -> u32 {
        self.add(Data::Comment)
    }

    fn append(&self, parent: &u32, child: NodeOrText<u32>) {
        self.insert(*parent, NONE, child);
    }

    fn append_based_on_parent_node(&self, element: &u32, previous: &u32, child: NodeOrText<u32>) {
        if self.with(*element, |node| node.parent != NONE) {
            self.append_before_sibling(element, child);
        } else {
            self.append(previous, child);
        }
    }

    fn append_doctype_to_document(&self, _: StrTendril, _: StrTendril, _: StrTendril) {}

    fn get_template_contents(&self, target: &u32) -> u32 {
        let (contents, depth) = self.with(*target, |node| match node.data {
            Data::Element { contents, .. } => (contents, node.depth),
            _ => (NONE, 0),
        });
        self.with(contents, |node| node.depth = depth);
        contents
    }

    fn same_node(&self, one: &u32, other: &u32) -> bool {
        one == other
    }

    fn set_quirks_mode(&self, _: QuirksMode) {}

    fn append_before_sibling(&self, sibling: &u32, child: NodeOrText<u32>) {
        let parent = self.with(*sibling, |node| node.parent);
        self.insert(parent, *sibling, child);
    }

    fn add_attrs_if_missing(&self, target: &u32, added: Vec<Attribute>) {
        self.with(*target, |node| {
            if let Data::Element { attrs, .. } = &mut node.data {
                for attr in added {
                    if attrs.len() < MAX_ADDED_ATTRS && !attrs.iter().any(|have| have.name == attr.name) {
                        attrs.push(attr);
                    }
                }
            }
        });
    }

    fn remove_from_parent(&self, target: &u32) {
        self.unlink(*target);
    }

    fn reparent_children(&self, node: &u32, new_parent: &u32) {
        loop {
            let child = self.with(*node, |node| node.first);
            if child == NONE {
                return;
            }
            self.link(child, *new_parent, NONE);
        }
    }

    fn is_mathml_annotation_xml_integration_point(&self, target: &u32) -> bool {
        self.with(*target, |node| matches!(node.data, Data::Element { integration_point: true, .. }))
    }
}
