//! CPU work over batches of documents, pure Rust: the kernels, and what runs them on all cores.
//!
//! A kernel is a plain function from one document to one result. It knows nothing of threads or Python; it looks at a
//! [`Stop`] where it may take long, and says a [`Failure`] where a document is not what it needs.
//!
//! [`Stop`]: stop::Stop
//! [`Failure`]: failure::Failure

pub mod batch;
pub mod bytes;
pub mod charset;
pub mod chunks;
pub mod document;
pub mod failure;
pub mod json;
pub mod room;
pub mod spares;
pub mod stop;
pub mod table;
pub mod text;
pub mod texts;
