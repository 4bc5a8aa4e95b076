//! One row of each document: the values at several pointers.

use arrow_array::RecordBatch;
use shoal_json::{Scratch, decode};

use super::cell;
use super::find::{Tree, find};
use super::pointer::{Matches, Pointer};
use crate::error::KernelError;
use crate::packed::PackedStrings;
use crate::stop::Stop;
use crate::table::assemble::assemble;
use crate::table::cells::Cells;
use crate::table::document_rows::DocumentRows;

/// The columns of the table and where their values are.
#[derive(Clone, Debug)]
pub struct Extract {
    names: PackedStrings,
    tree: Tree,
    matches: Matches,
}

impl Extract {
    /// Columns by name, none of them twice.
    pub fn new(columns: &[(String, Pointer)]) -> Self {
        let names = columns.iter().map(|(name, _)| name.as_str()).collect();
        let pointers = || columns.iter().map(|(_, pointer)| pointer);
        Self { names, tree: Tree::new(pointers()), matches: Matches::new(pointers()) }
    }

    /// Which pointers have matched so far.
    pub fn matches(&self) -> &Matches {
        &self.matches
    }

    /// The row of one document, with null where it has no value.
    pub fn run(&self, json: &[u8], stop: &Stop) -> Result<DocumentRows, KernelError> {
        let json = decode(json)?;
        let found = find(json, &self.tree, self.names.len(), stop)?;
        self.matches.note(found.iter().map(Option::is_some));
        let mut cells = Cells::with_capacity(found.len());
        let mut scratch = Scratch::default();
        for range in found {
            match range {
                Some(range) => {
                    cell::push(json.get(range.clone()).unwrap_or_default(), range.start, &mut cells, &mut scratch)?
                }
                None => cells.push_nulls(1),
            }
        }
        Ok(DocumentRows::of_rows(self.names.clone(), 1, cells))
    }

    /// The table of all rows, in order; `None` becomes a row of nulls.
    pub fn finish(
        &self,
        rows: impl IntoIterator<Item = Option<DocumentRows>>,
        stop: &Stop,
    ) -> Result<RecordBatch, KernelError> {
        let rows = rows.into_iter().map(|row| row.unwrap_or_else(|| DocumentRows::null_row(self.names.clone())));
        assemble(&self.names, rows.collect(), stop)
    }
}
