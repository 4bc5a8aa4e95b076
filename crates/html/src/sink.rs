//! What html5ever builds into: nodes in one list, linked by their places in it, every move in O(1).
//!
//! Its own example tree searches a node among its siblings to place another before it, which is quadratic where a table
//! holds what it may not; and it is made of counted references, which cost an allocation each.
//!
//! The list is in a `RefCell`, and no borrow of it leaves a method: html5ever keeps the name of an element while it asks
//! for more, so names are counted references.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use html5ever::interface::{ElemName, ElementFlags, QuirksMode, TreeSink};
use html5ever::tendril::StrTendril;
use html5ever::tree_builder::NodeOrText;
use html5ever::{Attribute, LocalName, Namespace, QualName, ns};

/// No node.
pub const NONE: u32 = u32::MAX;

/// The name of an element.
#[derive(Clone, Debug)]
pub struct Name(Rc<QualName>);

impl ElemName for Name {
    fn ns(&self) -> &Namespace {
        &self.0.ns
    }

    fn local_name(&self) -> &LocalName {
        &self.0.local
    }
}

/// A node while the tree is being built.
#[derive(Debug)]
pub struct Knot {
    /// Element, text …
    pub what: What,
    parent: u32,
    previous: u32,
    /// The next of the same parent.
    pub next: u32,
    /// The first child.
    pub first: u32,
    last: u32,
    depth: u32,
}

/// What a node is.
#[derive(Debug)]
pub enum What {
    /// The document, or what is in a `<template>`.
    Document,
    /// An element.
    Element {
        /// Its name.
        name: Name,
        /// Its attributes.
        attrs: Vec<Attribute>,
        /// What a `<template>` holds.
        contents: u32,
        /// Whether it holds HTML within MathML.
        integration: bool,
    },
    /// A text.
    Text(StrTendril),
    /// A comment, without its text.
    Comment,
}

/// What html5ever builds into.
#[derive(Debug)]
pub struct Sink {
    /// All nodes, in the order in which they were made; the first is the document.
    pub knots: RefCell<Vec<Knot>>,
    /// The depth of the last element that found its place.
    pub depth: Cell<usize>,
    /// The deepest so far.
    pub deepest: Cell<usize>,
    /// How many more elements there may be.
    budget: Cell<usize>,
    /// Whether there were more.
    pub spent: Cell<bool>,
    /// The name of what is no element; the tree builder never asks.
    nameless: Name,
}

impl Sink {
    /// Empty, for as many elements at most.
    pub fn new(budget: usize) -> Self {
        let document = Knot::new(What::Document);
        Self {
            knots: RefCell::new(vec![document]),
            depth: Cell::new(0),
            deepest: Cell::new(0),
            budget: Cell::new(budget),
            spent: Cell::new(false),
            nameless: Name(Rc::new(QualName::new(None, ns!(), LocalName::from("")))),
        }
    }

    fn add(&self, what: What) -> u32 {
        let mut knots = self.knots.borrow_mut();
        knots.push(Knot::new(what));
        knots.len() as u32 - 1
    }

    fn with<T: Default>(&self, at: u32, act: impl FnOnce(&mut Knot) -> T) -> T {
        self.knots.borrow_mut().get_mut(at as usize).map_or_else(T::default, act)
    }

    fn unlink(&self, at: u32) {
        let (parent, previous, next) = self.with(at, |knot| {
            let links = (knot.parent, knot.previous, knot.next);
            (knot.parent, knot.previous, knot.next) = (NONE, NONE, NONE);
            links
        });
        if parent == NONE {
            return;
        }
        self.with(if previous == NONE { parent } else { previous }, |knot| {
            if previous == NONE { knot.first = next } else { knot.next = next }
        });
        self.with(if next == NONE { parent } else { next }, |knot| {
            if next == NONE { knot.last = previous } else { knot.previous = previous }
        });
    }

    /// Places a node without parent under `parent`, before `next` or at the end.
    fn link(&self, at: u32, parent: u32, next: u32) {
        self.unlink(at);
        let depth = self.with(parent, |knot| knot.depth) + 1;
        let previous =
            if next == NONE { self.with(parent, |knot| knot.last) } else { self.with(next, |knot| knot.previous) };
        let element = self.with(at, |knot| {
            (knot.parent, knot.previous, knot.next, knot.depth) = (parent, previous, next, depth);
            matches!(knot.what, What::Element { .. })
        });
        self.with(if previous == NONE { parent } else { previous }, |knot| {
            if previous == NONE { knot.first = at } else { knot.next = at }
        });
        self.with(if next == NONE { parent } else { next }, |knot| {
            if next == NONE { knot.last = at } else { knot.previous = at }
        });
        if element {
            self.depth.set(depth as usize);
            self.deepest.set(self.deepest.get().max(depth as usize));
        }
    }

    fn place(&self, parent: u32, next: u32, child: NodeOrText<u32>) {
        match child {
            NodeOrText::AppendNode(at) => self.link(at, parent, next),
            NodeOrText::AppendText(text) => {
                let before = if next == NONE {
                    self.with(parent, |knot| knot.last)
                } else {
                    self.with(next, |knot| knot.previous)
                };
                let joined = self.with(before, |knot| match &mut knot.what {
                    What::Text(so_far) => {
                        so_far.push_tendril(&text);
                        true
                    }
                    _ => false,
                });
                if !joined {
                    let at = self.add(What::Text(text));
                    self.link(at, parent, next);
                }
            }
        }
    }
}

impl Knot {
    fn new(what: What) -> Self {
        Self { what, parent: NONE, previous: NONE, next: NONE, first: NONE, last: NONE, depth: 0 }
    }
}

impl Default for Knot {
    fn default() -> Self {
        Self::new(What::Comment)
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
        match self.knots.borrow().get(*target as usize).map(|knot| &knot.what) {
            Some(What::Element { name, .. }) => name.clone(),
            _ => self.nameless.clone(),
        }
    }

    fn create_element(&self, name: QualName, attrs: Vec<Attribute>, flags: ElementFlags) -> u32 {
        match self.budget.get().checked_sub(1) {
            Some(left) => self.budget.set(left),
            None => self.spent.set(true),
        }
        let contents = if flags.template { self.add(What::Document) } else { NONE };
        let integration = flags.mathml_annotation_xml_integration_point;
        self.add(What::Element { name: Name(Rc::new(name)), attrs, contents, integration })
    }

    fn create_comment(&self, _: StrTendril) -> u32 {
        self.add(What::Comment)
    }

    fn create_pi(&self, _: StrTendril, _: StrTendril) -> u32 {
        self.add(What::Comment)
    }

    fn append(&self, parent: &u32, child: NodeOrText<u32>) {
        self.place(*parent, NONE, child);
    }

    fn append_based_on_parent_node(&self, element: &u32, previous: &u32, child: NodeOrText<u32>) {
        if self.with(*element, |knot| knot.parent != NONE) {
            self.append_before_sibling(element, child);
        } else {
            self.append(previous, child);
        }
    }

    fn append_doctype_to_document(&self, _: StrTendril, _: StrTendril, _: StrTendril) {}

    fn get_template_contents(&self, target: &u32) -> u32 {
        let (contents, depth) = self.with(*target, |knot| match knot.what {
            What::Element { contents, .. } => (contents, knot.depth),
            _ => (NONE, 0),
        });
        self.with(contents, |knot| knot.depth = depth);
        contents
    }

    fn same_node(&self, one: &u32, other: &u32) -> bool {
        one == other
    }

    fn set_quirks_mode(&self, _: QuirksMode) {}

    fn append_before_sibling(&self, sibling: &u32, child: NodeOrText<u32>) {
        let parent = self.with(*sibling, |knot| knot.parent);
        self.place(parent, *sibling, child);
    }

    fn add_attrs_if_missing(&self, target: &u32, added: Vec<Attribute>) {
        self.with(*target, |knot| {
            if let What::Element { attrs, .. } = &mut knot.what {
                for attr in added {
                    // One `<html>` after the other, each with another attribute: what is the harm in losing some.
                    if attrs.len() < 100 && !attrs.iter().any(|have| have.name == attr.name) {
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
            let child = self.with(*node, |knot| knot.first);
            if child == NONE {
                return;
            }
            self.link(child, *new_parent, NONE);
        }
    }

    fn is_mathml_annotation_xml_integration_point(&self, target: &u32) -> bool {
        self.with(*target, |knot| matches!(knot.what, What::Element { integration: true, .. }))
    }
}
