//! A finished response: its body is loaded.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Version};
use url::Url;

use super::request::Request;

/// The response to one request.
#[allow(missing_docs, reason = "the others are named after their content")]
#[derive(Clone, Debug)]
pub struct Response {
    /// The status of the last hop.
    pub status: StatusCode,
    pub version: Version,
    /// The headers as sent, `Content-Encoding` included.
    pub headers: HeaderMap,
    /// The URL that answered, if redirects led away from the request's own.
    pub final_url: Option<Url>,
    /// The decoded body; empty if it was saved to `path`.
    pub body: Bytes,
    /// The redirects that were followed, oldest first, without bodies.
    pub history: Vec<Response>,
    /// From the permit of the last attempt to the last byte.
    pub elapsed: Duration,
    pub attempts: u32,
    pub index: usize,
    pub path: Option<PathBuf>,
    pub request: Arc<Request>,
}

impl Response {
    /// The URL that answered.
    pub fn url(&self) -> &Url {
        self.final_url.as_ref().unwrap_or(&self.request.url)
    }
}
