//! HTTP without Python: what a request is, how it is sent, retried, governed and collected.
//!
//! From the outside in: [`batch`] and [`stream`] pull requests and keep
//! `concurrency` of them in flight; [`attempts`] takes one request through its attempts; [`redirects`] is one attempt with
//! its redirects and its [`body`]; [`transport`] moves the bytes. [`completion`] hands
//! results over to whoever waits.

pub mod attempts;
pub mod batch;
mod body;
pub mod client;
pub mod completion;
pub mod control_bytes;
pub mod cookies;
mod deadline;
mod descriptors;
pub mod error;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod headers;
pub mod items;
pub mod limits;
pub mod links;
pub mod memory;
mod pace;
pub mod prefault;
pub mod redact;
pub mod redirects;
pub mod request;
pub mod response;
pub mod retry;
pub mod save;
pub mod settings;
pub mod stats;
pub mod stream;
pub mod transport;
pub mod urls;
