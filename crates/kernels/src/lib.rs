//! CPU work over batches of documents, pure Rust: the kernels, and what runs them on all cores.
//!
//! A kernel is a plain function from one document to one result. It knows nothing of threads or Python; it looks at a
//! [`Stop`] where it may take long, and says a [`KernelError`] where a document is not what it needs.
//!
//! [`Stop`]: stop::Stop
//! [`KernelError`]: error::KernelError

pub mod batch;
pub mod bytes;
pub mod charset;
pub mod content_type;
pub mod document;
pub mod error;
pub mod json;
pub mod object_pool;
pub mod packed;
pub mod room;
pub mod stop;
pub mod table;
pub mod text;
