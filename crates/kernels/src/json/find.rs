//! The walk through one document that finds what several pointers lead to.
//!
//! It goes into what is on the way to a pointer's end and skips, checking, all else. How deep it goes is up to the
//! pointers and not to the document; it keeps its own stack all the same, as the pointers are the user's.

use std::ops::Range;

use super::reader::Reader;
use super::text;
use super::tree::{Node, Tree};
use crate::error::KernelError;
use crate::stop::Stop;

/// A container that is being walked through.
struct Frame<'t> {
    node: &'t Node,
    object: bool,
    start: usize,
    /// In arrays: the place of the element that is next.
    place: usize,
}

/// A document as text, which it is if it is UTF-8.
pub fn decode(json: &[u8]) -> Result<&str, KernelError> {
    if let Ok(text) = simdutf8::basic::from_utf8(json) {
        return Ok(text);
    }
    // Slower, but knows where.
    std::str::from_utf8(json).map_err(|error| KernelError::json("Invalid UTF-8", error.valid_up_to()))
}

/// Where in the document the values are that the tree's pointers lead to; the last one where a name is repeated.
pub fn find(json: &str, tree: &Tree, count: usize, stop: &Stop) -> Result<Vec<Option<Range<usize>>>, KernelError> {
    let mut walk = Walk { reader: Reader::new(json, stop), found: vec![None; count], frames: Vec::new() };
    walk.run(tree)?;
    Ok(walk.found)
}

struct Walk<'a, 't> {
    reader: Reader<'a>,
    found: Vec<Option<Range<usize>>>,
    frames: Vec<Frame<'t>>,
}

impl<'t> Walk<'_, 't> {
    fn run(&mut self, tree: &'t Tree) -> Result<(), KernelError> {
        let first = self.reader.token();
        self.value(tree.node(0), first)?;
        while let Some(frame) = self.frames.last_mut() {
            let (node, object) = (frame.node, frame.object);
            // The place is 0 only before the first element.
            let first = match frame.place {
                0 => self.reader.first(object),
                _ => self.reader.more(object)?,
            };
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
                    self.value(child(node, name).and_then(|child| tree.node(child)), first)?;
                }
                Some(first) => {
                    let wanted = node.from_place(place).filter(|(wanted, _)| *wanted == place);
                    self.value(wanted.and_then(|(_, child)| tree.node(child)), first)?;
                }
            }
        }
        self.reader.end()
    }

    /// The value whose first token is `first`, at a node of the tree or beside it.
    fn value(&mut self, node: Option<&'t Node>, first: u8) -> Result<(), KernelError> {
        let Some(node) = node else {
            return self.reader.skip(first).map(drop);
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

/// The node behind a name as it is written, which may be with escapes.
fn child(node: &Node, name: &str) -> Option<usize> {
    if !name.as_bytes().contains(&b'\\') {
        return node.named(name);
    }
    let mut plain = String::new();
    text::unescape(name, &mut plain);
    node.named(&plain)
}
