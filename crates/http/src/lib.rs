//! HTTP without Python: what a request is, how it is sent, retried, governed and collected.
//!
//! From the outside in: [`batch`] and [`stream`] pull requests and keep
//! `concurrency` of them in flight; [`attempts`] takes one request through its attempts; [`redirects`] is one attempt with
//! its redirects and its [`body`]; [`transport`] is the interface to whatever moves the bytes. [`lanes`] chooses between
//! [`http1`] and [`http2`], and between connections of `http1`'s own and those of reqwest ([`http`]). [`completion`]
//! hands results over to whoever waits.

pub mod attempts;
pub mod batch;
pub mod body;
pub mod causes;
pub mod client;
pub mod completion;
pub mod connections;
pub mod control_bytes;
pub mod cookies;
pub mod deadline;
pub mod decode;
pub mod descriptors;
pub mod error;
pub mod first_contact;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod headers;
pub mod http;
pub mod http1;
pub mod http2;
pub mod items;
pub mod lanes;
pub mod limits;
pub mod links;
pub mod memory;
pub mod pace;
pub mod pages;
pub mod proxies;
pub mod redact;
pub mod redirects;
pub mod request;
pub mod resolve;
pub mod response;
pub mod retry;
pub mod save;
pub mod settings;
pub mod stats;
pub mod stream;
pub mod tls;
pub mod transport;
pub mod urls;
