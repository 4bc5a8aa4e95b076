//! HTTP as Python sees it: `Client`, `Request`, `Response`, `Headers`, `gather_fetch`, `stream_fetch`.
//!
//! - `client` has the entry points. `plan` turns items into requests, with the options of client and call.
//! - `batch` and `single` start the work.
//! - `results` and `response` are the only places where an error or a response of the engine becomes a Python object;
//!   `request`, `headers`, `body`, `json` and `pickle` are parts of these objects.

pub mod batch;
pub mod body;
pub mod client;
pub mod headers;
pub mod json;
pub mod pickle;
pub mod plan;
pub mod request;
pub mod response;
pub mod results;
pub mod single;
