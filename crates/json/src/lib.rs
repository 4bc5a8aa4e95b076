//! JSON documents, read in two ways over the same parts.
//!
//! - [`parse`] is for documents of which everything is wanted. It makes one pass and calls a [`Builder`] for each
//!   value; no tree lies in between. `Response.json()` builds Python objects with it.
//! - [`Reader`] is for documents of which little is wanted. It goes from token to token and checks the whole document,
//!   but makes values only on demand. The table kernels extract columns with it.
//!
//! Both take their values from one place:
//!
//! - `number` reads a number: where it ends and its value.
//! - `string` reads a string: where it ends, and the text without its escapes.
//! - `block` finds the next token, and tells which of 16 bytes are quotes, digits or blanks, as a mask of bits.
//!
//! The two differ in what they accept. The reader is strict (RFC 8259), names the first error and its position, and
//! needs no recursion, so any depth is fine. The parser also accepts `NaN` and `Infinity`, as `json.loads` does. It
//! gives no reason when it refuses, and also refuses what is valid but rare (nesting beyond 200 levels), so a caller
//! has to ask a slower parser for the verdict.

mod block;
mod error;
mod number;
mod parser;
mod reader;
mod string;

pub use error::{JsonError, SyntaxError};
pub use number::Number;
pub use parser::{Builder, parse};
pub use reader::{Interrupt, Reader, decode};
pub use string::{Scratch, Text};
