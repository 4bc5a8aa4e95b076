//! A finished response: its body is loaded, nothing is left to wait for.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Version};
use url::Url;

use super::request::Request;

/// What came back for one request.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status of the last hop.
    pub status: StatusCode,
    /// The version spoken with the server.
    pub version: Version,
    /// As the server sent them, `Content-Encoding` included.
    pub headers: HeaderMap,
    /// The URL that answered, if redirects led away from the request's own.
    pub final_url: Option<Url>,
    /// The decoded body; empty when it was saved to `path`.
    pub body: Bytes,
    /// The redirects that were followed, oldest first; bodies not kept.
    pub history: Vec<Response>,
    /// From the turn of the last attempt to the last byte.
    pub elapsed: Duration,
    /// How many attempts it took, 1 or more.
    pub attempts: u32,
    /// The place of the request in its batch.
    pub index: usize,
    /// Where the body was saved.
    pub path: Option<PathBuf>,
    /// What was asked for.
    pub request: Arc<Request>,
}

impl Response {
    /// The URL that answered.
    pub fn url(&self) -> &Url {
        self.final_url.as_ref().unwrap_or(&self.request.url)
    }
}
