//! Tables from JSON documents.
//!
//! Two kernels: [`Extract`](extract::Extract) makes one row of a document, from the values at several pointers;
//! [`Rows`](rows::Rows) makes many, from the array at one pointer. Both read with [`shoal_json::Reader`], which checks
//! the whole document, so that a truncated download is a failure with its position even if the wanted values precede
//! it.
//!
//! - [`Pointer`](pointer::Pointer) names a place; a `Tree` of them is found in one walk (`find`), which notes
//!   where the values are.
//! - Only those bytes become `cell`s of a [`DocumentRows`](crate::table::document_rows::DocumentRows). Rows that are
//!   an array take a second walk, over that array alone (`array`), since the names of its columns may stand before or
//!   behind it.
//! - [`Matches`](pointer::Matches) knows which pointers matched in no document, for the warning.
//!
//! One thread, 2,000 documents of 17 KB with 1,900 numbers each, four pointers, the last one at the end, µs a document:
//! this about 14, the table included; pysimdjson 15.4, msgspec with a `Struct` of exactly these fields 16.8, sonic-rs'
//! `get_many`, which does not check what follows the last value, 20.6, orjson and subscripting 44. All 1,820 cells of a
//! document as rows: 38, and 12 more for the table; `orjson.loads` alone is 44.

pub mod extract;
pub mod pointer;
pub mod rows;

mod array;
mod cell;
mod find;

use shoal_json::{Interrupt, JsonError};

use crate::error::KernelError;
use crate::stop::Stop;

impl Interrupt for Stop {
    fn is_set(&self) -> bool {
        Self::is_set(self)
    }
}

impl From<JsonError> for KernelError {
    fn from(error: JsonError) -> Self {
        match error {
            JsonError::Syntax(error) => Self::json(error.message, error.position),
            JsonError::Interrupted => Self::stopped(),
        }
    }
}

#[cfg(test)]
mod tests;
