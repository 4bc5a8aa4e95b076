//! The walk through one document that finds the values of several pointers.
//!
//! It enters the containers on the way to a value and skips everything else. It does not recurse: a pointer may have
//! any number of steps.

use std::ops::Range;

use shoal_json::{Reader, Scratch};

use super::tree::{Node, Tree};
use crate::error::KernelError;
use crate::stop::Stop;

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
