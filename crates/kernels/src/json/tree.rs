//! Several pointers as one tree, so that one walk finds them all.

use std::collections::HashMap;

use super::pointer::{Pointer, place};

/// The pointers of a batch. A node is a number; the root is 0.
#[derive(Clone, Debug)]
pub struct Tree {
    nodes: Vec<Node>,
}

/// A place on the way to what is asked for, or such a place.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Which pointers end here.
    pub here: Vec<usize>,
    /// Which end here or further down: what a repeated name makes void.
    pub below: Vec<usize>,
    /// By length and then letters, for a binary search.
    names: Vec<(String, usize)>,
    /// By place in an array.
    places: Vec<(usize, usize)>,
}

impl Tree {
    /// Of pointers, which are numbered in their order.
    pub fn new<'a>(pointers: impl IntoIterator<Item = &'a Pointer>) -> Self {
        let mut tree = Self { nodes: vec![Node::default()] };
        // Sorted when all are there: 100,000 names put in their places one by one take half a minute.
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

    /// By its number.
    pub fn node(&self, number: usize) -> Option<&Node> {
        self.nodes.get(number)
    }
}

impl Node {
    /// Whether no pointer goes on from here.
    pub fn is_leaf(&self) -> bool {
        self.names.is_empty()
    }

    /// The node behind a member's name.
    #[inline]
    pub fn named(&self, name: &str) -> Option<usize> {
        let found = self.names.binary_search_by(|(known, _)| (known.len(), known.as_str()).cmp(&(name.len(), name)));
        self.names.get(found.ok()?).map(|(_, node)| *node)
    }

    /// The first place of an array from `from` on that is wanted, and its node.
    #[inline]
    pub fn from_place(&self, from: usize) -> Option<(usize, usize)> {
        self.places.get(self.places.partition_point(|(place, _)| *place < from)).copied()
    }
}
