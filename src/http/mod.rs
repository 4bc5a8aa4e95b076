//! HTTP as Python sees it: client, requests, responses, batches, streams.

pub mod batch;
pub mod body;
pub mod client;
pub mod error;
pub mod harvest;
pub mod headers;
pub mod json;
pub mod request;
pub mod response;
pub mod restore;
pub mod shown;
pub mod source;
pub mod stats;
pub mod stream;
