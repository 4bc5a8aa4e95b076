//! The array at a pointer as rows.
//!
//! The document is walked twice: once to the end, to check it and to find the array and the names of its columns, which
//! may stand before or behind it; then the array alone. Both are much faster than building anything from it.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use arrow_array::RecordBatch;

use super::array::Array;
use super::find::{decode, find};
use super::matches::Matches;
use super::pointer::Pointer;
use super::reader::Reader;
use super::text;
use super::tree::Tree;
use crate::error::KernelError;
use crate::packed::PackedStrings;
use crate::stop::Stop;
use crate::table::assemble::assemble;
use crate::table::document_rows::DocumentRows;

/// Where services put the names of an array's columns: beside it.
const NAMES: &str = "headers";

/// What is taken out of each document.
#[derive(Clone, Debug)]
pub struct Rows {
    pointer: Pointer,
    tree: Tree,
    chosen: Option<PackedStrings>,
    matches: Matches,
}

impl Rows {
    /// The rows at `pointer`; with `columns` only those, in that order. Where an array's rows are arrays without names,
    /// `columns` are their names. A repeated name is an error.
    pub fn new(pointer: Pointer, columns: Option<Vec<String>>) -> Result<Self, String> {
        let mut known = HashSet::new();
        if let Some(twice) = columns.iter().flatten().find(|name| !known.insert(name.as_str())) {
            return Err(format!("columns: {twice:?} is there twice"));
        }
        let tree = Tree::new([Some(pointer.clone()), pointer.beside(NAMES)].iter().flatten());
        let chosen = columns.map(|columns| {
            let mut names = PackedStrings::new();
            columns.iter().for_each(|name| names.push(name));
            names
        });
        let matches = Matches::new([&pointer]);
        Ok(Self { pointer, tree, chosen, matches })
    }

    /// Whether the pointer has matched so far.
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
        let mut array = Array::new(body, range.start, &self.pointer, stop);
        match array.open() {
            b'[' => array.rows(names.as_ref(), self.chosen.as_ref()),
            b'{' => array.one_object(self.chosen.as_ref()),
            _ => Err(KernelError::value(format!("{:?} is not an array or object", self.pointer.to_string()))),
        }
    }

    /// The table of the rows of all documents, in order.
    pub fn finish(
        &self,
        blocks: impl IntoIterator<Item = DocumentRows>,
        stop: &Stop,
    ) -> Result<RecordBatch, KernelError> {
        let none = PackedStrings::new();
        assemble(self.chosen.as_ref().unwrap_or(&none), blocks.into_iter().collect(), stop)
    }
}

/// The strings of the array there, made unique as pandas does; `None` if it is none of strings alone.
fn names_at(json: &str, range: Range<usize>, stop: &Stop) -> Option<PackedStrings> {
    let mut reader = Reader::new(json.get(range)?, stop);
    if reader.token() != b'[' {
        return None;
    }
    let mut names = PackedStrings::new();
    // How often each has been there.
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut first = reader.first(false);
    while let Some(byte) = first {
        if byte != b'"' {
            return None;
        }
        let mut name = String::new();
        text::unescape(reader.string(), &mut name);
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
