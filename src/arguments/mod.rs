//! The arguments of every call: read once, checked before any I/O, into the types that the engine uses.

pub mod input;
pub mod limits;
pub mod options;
pub mod params;
pub mod timeout;
