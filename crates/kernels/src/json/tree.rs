//! Several pointers as one tree, for one walk that finds them all.

use std::collections::HashMap;

use super::pointer::{Pointer, place};

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

    /// The node with a number.
    pub fn node(&self, number: usize) -> Option<&Node> {
        self.nodes.get(number)
    }
}

impl Node {
    /// Whether it has no children.
    pub fn is_leaf(&self) -> bool {
        self.names.is_empty()
    }

    /// The child of a name.
    #[inline]
    pub fn named(&self, name: &str) -> Option<usize> {
        let found = self.names.binary_search_by(|(known, _)| (known.len(), known.as_str()).cmp(&(name.len(), name)));
        self.names.get(found.ok()?).map(|(_, node)| *node)
    }

    /// The child of an array index.
    #[inline]
    pub fn at_place(&self, place: usize) -> Option<usize> {
        let found = self.places.binary_search_by_key(&place, |(known, _)| *known);
        self.places.get(found.ok()?).map(|(_, node)| *node)
    }
}
