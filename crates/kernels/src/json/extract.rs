//! The values at several pointers: one row of a document.

use arrow_array::RecordBatch;

use super::cell;
use super::find::{decode, find};
use super::matches::Matches;
use super::pointer::Pointer;
use super::tree::Tree;
use crate::error::KernelError;
use crate::packed::PackedStrings;
use crate::stop::Stop;
use crate::table::assemble::assemble;
use crate::table::cells::Cells;
use crate::table::document_rows::DocumentRows;

/// What is taken out of each document.
#[derive(Clone, Debug)]
pub struct Extract {
    names: PackedStrings,
    tree: Tree,
    matches: Matches,
}

impl Extract {
    /// Columns by name, each with the place of its values. Names are not repeated.
    pub fn new(columns: &[(String, Pointer)]) -> Self {
        let mut names = PackedStrings::new();
        columns.iter().for_each(|(name, _)| names.push(name));
        let pointers = || columns.iter().map(|(_, pointer)| pointer);
        Self { names, tree: Tree::new(pointers()), matches: Matches::new(pointers()) }
    }

    /// Which pointers have matched so far.
    pub fn matches(&self) -> &Matches {
        &self.matches
    }

    /// The row of one document, with null where nothing is.
    pub fn run(&self, json: &[u8], stop: &Stop) -> Result<DocumentRows, KernelError> {
        let json = decode(json)?;
        let found = find(json, &self.tree, self.names.len(), stop)?;
        self.matches.note(found.iter().map(Option::is_some));
        let mut cells = Cells::with_capacity(found.len());
        for range in found {
            match range {
                Some(range) => cell::push(json.get(range.clone()).unwrap_or_default(), range.start, &mut cells)?,
                None => cells.push_nulls(1),
            }
        }
        Ok(DocumentRows::of_rows(self.names.clone(), 1, cells))
    }

    /// The table of the rows of all documents, in order; a row of nulls for `None`.
    pub fn finish(
        &self,
        rows: impl IntoIterator<Item = Option<DocumentRows>>,
        stop: &Stop,
    ) -> Result<RecordBatch, KernelError> {
        let rows = rows.into_iter().map(|row| row.unwrap_or_else(|| DocumentRows::null_row(self.names.clone())));
        assemble(&self.names, rows.collect(), stop)
    }
}
