//! The arguments of every call, checked before any I/O and read once into the types that the engine uses.
//!
//! [`options`] reads the keywords of a call, with the readers of the other files; [`scalars`] reads single values and
//! lists of pairs. [`table`] is the one source of the keywords: their types, defaults and documentation.

#[macro_use]
pub mod table;

pub mod options;
pub mod request;
pub mod scalars;
pub mod settings;
