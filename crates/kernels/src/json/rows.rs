//! Many rows of each document: the elements of the array at a pointer.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use arrow_array::RecordBatch;
use shoal_json::{Reader, Scratch, decode};

use super::array;
use super::find::{Tree, find};
use super::pointer::{Matches, Pointer};
use crate::error::KernelError;
use crate::packed::PackedStrings;
use crate::stop::Stop;
use crate::table::assemble::assemble;
use crate::table::document_rows::DocumentRows;

/// The member beside the array in which services put the names of its columns.
const NAMES: &str = "headers";

/// The place of the array and the columns that are chosen.
#[derive(Clone, Debug)]
pub struct Rows {
    pointer: Pointer,
    tree: Tree,
    chosen: Option<PackedStrings>,
    matches: Matches,
}

impl Rows {
    /// The rows at `pointer`; with `columns` only those, in that order. Rows that are arrays without names get
    /// `columns` as their names. A repeated name is an error.
    pub fn new(pointer: Pointer, columns: Option<Vec<String>>) -> Result<Self, String> {
        let mut known = HashSet::new();
        if let Some(twice) = columns.iter().flatten().find(|name| !known.insert(name.as_str())) {
            return Err(format!("columns: {twice:?} is there twice"));
        }
        let tree = Tree::new([Some(pointer.clone()), pointer.beside(NAMES)].iter().flatten());
        let chosen = columns.map(|columns| columns.iter().map(String::as_str).collect());
        let matches = Matches::new([&pointer]);
        Ok(Self { pointer, tree, chosen, matches })
    }

    /// Whether the pointer has matched.
    pub fn matches(&self) -> &Matches {
        &self.matches
    }

    /// The rows of one document.
    pub fn run(&self, json: &[u8], stop: &Stop) -> Result<DocumentRows, KernelError> {
        let json = decode(json)?;
        let mut found = find(json, &self.tree, 2, stop)?.into_iter();
        let range = found.next().flatten();
        self.matches.note([range.is_some()]);
        let range = range.ok_or_else(|| KernelError::value(format!("nothing at {:?}", self.pointer.to_string())))?;
        let names = found.next().flatten().and_then(|names| names_at(json, names, stop));
        let body = json.get(range.clone()).unwrap_or_default();
        array::rows((body, range.start), &self.pointer, names.as_ref(), self.chosen.as_ref(), stop)
    }

    /// The table of all rows, in order.
    pub fn finish(
        &self,
        blocks: impl IntoIterator<Item = DocumentRows>,
        stop: &Stop,
    ) -> Result<RecordBatch, KernelError> {
        assemble(self.chosen.as_ref().unwrap_or(&PackedStrings::new()), blocks.into_iter().collect(), stop)
    }
}

/// The strings of the array at `range`, made unique as pandas does; `None` if it is not an array of strings.
fn names_at(json: &str, range: Range<usize>, stop: &Stop) -> Option<PackedStrings> {
    let mut reader = Reader::new(json.get(range)?, stop);
    if reader.token() != b'[' {
        return None;
    }
    let mut names = PackedStrings::new();
    let mut scratch = Scratch::default();
    // How often each occurred.
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut first = reader.first(false);
    while let Some(byte) = first {
        if byte != b'"' {
            return None;
        }
        let mut name = scratch.unescaped(reader.string().ok()?)?.to_owned();
        while let Some(count) = known.get_mut(&name) {
            *count += 1;
            name = format!("{name}.{count}");
        }
        names.push(&name);
        known.insert(name, 0);
        first = reader.more(false).ok()?;
    }
    Some(names)
}
