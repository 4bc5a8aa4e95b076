//! The walk through one document that finds the values of several pointers.
//!
//! It enters the containers on the way to a value and skips everything else. It does not recurse: a pointer may have
//! any number of steps.

use std::collections::HashMap;
use std::ops::Range;

use shoal_json::{Reader, Scratch};

use super::pointer::{Pointer, place};
use crate::error::KernelError;
use crate::stop::Stop;

/// The pointers of a batch. Nodes are numbered; the root is 0.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
}

/// A place that a pointer passes or ends at.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    /// The pointers that end here.
    pub here: Vec<usize>,
    /// The pointers that end here or further down: a repeated name makes their values void.
    pub below: Vec<usize>,
    /// Children by name, sorted by length and then letters for a binary search.
    names: Vec<(String, usize)>,
    /// Children by array index, sorted.
    places: Vec<(usize, usize)>,
}

impl Tree {
    /// The pointers are numbered in their order.
    pub fn new<'a>(pointers: impl IntoIterator<Item = &'a Pointer>) -> Self {
        let mut tree = Self { nodes: vec![Node::default()] };
        // Sorted at the end: inserting 100,000 names in order one by one takes half a minute.
        let mut known: HashMap<(usize, &str), usize> = HashMap::new();
        for (number, pointer) in pointers.into_iter().enumerate() {
            let mut at = 0;
            for step in pointer.steps() {
                let next = *known.entry((at, step)).or_insert_with(|| tree.grow(at, step));
                if let Some(node) = tree.nodes.get_mut(at) {
                    node.below.push(number);
                }
                at = next;
            }
            if let Some(node) = tree.nodes.get_mut(at) {
                node.below.push(number);
                node.here.push(number);
            }
        }
        for node in &mut tree.nodes {
            node.names.sort_unstable_by(|(name, _), (other, _)| (name.len(), name).cmp(&(other.len(), other)));
            node.places.sort_unstable();
        }
        tree
    }

    fn grow(&mut self, at: usize, step: &str) -> usize {
        let new = self.nodes.len();
        self.nodes.push(Node::default());
        if let Some(node) = self.nodes.get_mut(at) {
            node.names.push((step.to_owned(), new));
            node.places.extend(place(step).map(|place| (place, new)));
        }
        new
    }

    pub fn node(&self, number: usize) -> Option<&Node> {
        self.nodes.get(number)
    }
}

impl Node {
    pub fn is_leaf(&self) -> bool {
        self.names.is_empty()
    }

    #[inline]
    pub fn named(&self, name: &str) -> Option<usize> {
        let found = self.names.binary_search_by(|(known, _)| (known.len(), known.as_str()).cmp(&(name.len(), name)));
        self.names.get(found.ok()?).map(|(_, node)| *node)
    }

    #[inline]
    pub fn at_place(&self, place: usize) -> Option<usize> {
        let found = self.places.binary_search_by_key(&place, |(known, _)| *known);
        self.places.get(found.ok()?).map(|(_, node)| *node)
    }
}

/// A container that the walk is in.
struct Frame<'t> {
    node: &'t Node,
    object: bool,
    start: usize,
    /// The number of elements or members before this one.
    place: usize,
}

/// The range in the document of each pointer's value; of members with equal names the last one counts.
pub(super) fn find(
    json: &str,
    tree: &Tree,
    count: usize,
    stop: &Stop,
) -> Result<Vec<Option<Range<usize>>>, KernelError> {
    let mut walk = Walk {
        reader: Reader::new(json, stop),
        found: vec![None; count],
        frames: Vec::new(),
        scratch: Scratch::default(),
    };
    walk.run(tree)?;
    Ok(walk.found)
}

struct Walk<'a, 't> {
    reader: Reader<'a>,
    found: Vec<Option<Range<usize>>>,
    frames: Vec<Frame<'t>>,
    scratch: Scratch,
}

impl<'t> Walk<'_, 't> {
    fn run(&mut self, tree: &'t Tree) -> Result<(), KernelError> {
        let first = self.reader.token();
        self.value(tree.node(0), first)?;
        while let Some(frame) = self.frames.last_mut() {
            let (node, object) = (frame.node, frame.object);
            let first = if frame.place == 0 { self.reader.first(object) } else { self.reader.more(object)? };
            let place = frame.place;
            frame.place += 1;
            match first {
                None => {
                    let range = frame.start..self.reader.at() + 1;
                    self.frames.pop();
                    self.note(node, &range);
                }
                Some(first) if object => {
                    let (name, first) = self.reader.member(first)?;
                    let name = self.scratch.unescaped(name).ok_or_else(|| KernelError::memory(name.len()))?;
                    let child = node.named(name).and_then(|child| tree.node(child));
                    self.value(child, first)?;
                }
                Some(first) => {
                    self.value(node.at_place(place).and_then(|child| tree.node(child)), first)?;
                }
            }
        }
        Ok(self.reader.end()?)
    }

    /// Enters, notes or skips the value whose first byte is `first`; `node` is its place in the tree, if it has one.
    fn value(&mut self, node: Option<&'t Node>, first: u8) -> Result<(), KernelError> {
        let Some(node) = node else {
            self.reader.skip(first)?;
            return Ok(());
        };
        let start = self.reader.at();
        for number in &node.below {
            if let Some(found) = self.found.get_mut(*number) {
                *found = None;
            }
        }
        if matches!(first, b'{' | b'[') && !node.is_leaf() {
            self.frames.push(Frame { node, object: first == b'{', start, place: 0 });
            return Ok(());
        }
        let range = start..self.reader.skip(first)?;
        self.note(node, &range);
        Ok(())
    }

    fn note(&mut self, node: &Node, range: &Range<usize>) {
        for number in &node.here {
            if let Some(found) = self.found.get_mut(*number) {
                *found = Some(range.clone());
            }
        }
    }
}
