//! Response bodies: read to their end, decoded, bounded, into memory or into a file.
//!
//! - [`load`](fn@load) reads a body to its end.
//! - [`inflow`] receives it piece by piece; [`decode`] decodes its `Content-Encoding`.
//! - [`spool`] writes it to a file while it is received.

pub(crate) mod decode;
mod inflow;
mod load;
mod spool;

pub(crate) use self::load::{Loaded, Reading, drain, is_absent, load, target};
