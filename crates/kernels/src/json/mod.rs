//! JSON documents to rows of a table, without the values nobody asked for.
//!
//! Every document is checked as a whole, in one pass: UTF-8, strings, numbers, commas and brackets, to the last byte. A
//! truncated download is a failure with its position, also where the wanted values are in front. What makes that fast
//! is that nothing is built on the way:
//!
//! - [`classify`] tells for 64 bytes at a time which are quotes, brackets, blanks; [`index`] makes of it the positions
//!   where tokens start; [`reader`] follows them and checks the grammar. No recursion anywhere: a document may be nested
//!   as deeply as it likes.
//! - [`mod@pointer`] are the places that are asked for, [`tree`] several of them, [`find`] the walk that notes where they
//!   are. Only those bytes are then made into [`cell`]s of a [`block`](crate::table::block).
//! - [`extract`] makes one row of a document, [`rows`] many; [`mod@matches`] notes which places were ever there.
//!
//! One thread, 2,000 documents of 17 KB with 1,900 numbers each, four pointers, the last one at the end, µs a document:
//! this 11.5, the table included; pysimdjson 15.4, msgspec with a `Struct` of exactly these fields 16.8, sonic-rs'
//! `get_many` 20.6 without looking behind the last value, orjson and subscripting 44. All 1,820 cells of a document as
//! rows: 38, and 12 more for the table; `orjson.loads` alone is 44.

pub mod array;
pub mod cell;
pub mod classify;
pub mod decimal;
pub mod escape;
pub mod extract;
pub mod find;
pub mod index;
pub mod matches;
pub mod number;
pub mod pointer;
pub mod reader;
pub mod rows;
pub mod text;
pub mod tree;

#[cfg(test)]
mod tests;
