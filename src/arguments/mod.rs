//! The arguments of every call, checked before any I/O and read once into the types that the engine uses.
//!
//! [`scalars`] and [`pairs`] read single values and lists of pairs; [`headers`], [`params`], [`body`], [`limits`],
//! [`retry`], [`timeout`] and [`save_to`] read one argument each; [`options`] reads the keywords of a call. [`table`] is
//! the one source of those keywords: their types, defaults and documentation.

#[macro_use]
pub mod table;

pub mod body;
pub mod headers;
pub mod limits;
pub mod objects;
pub mod options;
pub mod pairs;
pub mod params;
pub mod retry;
pub mod save_to;
pub mod scalars;
pub mod timeout;
pub mod unknown;
