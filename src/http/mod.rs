//! HTTP as Python sees it: `Client`, `Request`, `Response`, `Headers`, `gather_fetch`, `stream_fetch`.
//!
//! - `client`, `gather` and `stream` are the entry points. `batch` reads the arguments of the last two and of
//!   `Client.gather`, with the `defaults` of the client; `plan` turns items into requests.
//! - `jobs` starts the work, `single` runs single requests, `stream_items` converts the items and results of a stream.
//! - `results` converts finished work. `response` and `error` are the only places where a response or an error of the
//!   engine becomes a Python object; `attributes` are those that their exceptions share.
//! - `request`, `headers`, `body`, `summary` and `pickle` are parts of these objects; `names` makes
//!   file names.

pub mod attributes;
pub mod batch;
pub mod body;
pub mod client;
pub mod defaults;
pub mod error;
pub mod gather;
pub mod headers;
pub mod jobs;
pub mod json;
pub mod names;
pub mod pickle;
pub mod plan;
pub mod request;
pub mod response;
pub mod results;
pub mod single;
pub mod stream;
pub mod stream_items;
pub mod summary;
