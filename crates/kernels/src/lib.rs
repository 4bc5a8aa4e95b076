//! CPU work over batches of documents, without Python: the kernels, and the runner that spreads a batch over all cores.
//!
//! A kernel is a plain function from one document to one result. It uses no threads; it checks a [`Stop`](stop::Stop) where
//! it may take long, and returns a [`KernelError`](error::KernelError) for a document that it cannot process.
//!
//! - [`batch`] runs a kernel over documents on the pool, in slices, and gathers the results.
//! - [`document`] is what kernels read: borrowed memory, the body of a response, or a file. [`arrow`] makes documents of
//!   Arrow arrays; [`charset`] and [`content_type`] tell encodings.
//! - [`text`], [`bytes`] and [`json`] are the kernels; those over HTML are a crate of their own.
//! - [`packed`] holds results of many short values in two allocations; tables are Arrow record batches.

pub mod arrow;
pub mod batch;
pub mod bytes;
pub mod charset;
pub mod content_type;
pub mod document;
pub mod error;
pub mod json;
pub mod packed;
pub mod stop;
mod table;
pub mod text;
