//! A client's cookies.

use http::{HeaderMap, HeaderValue};
use url::Url;

/// One stored cookie: name, value, domain, path.
pub type StoredCookie = (String, String, String, String);

/// A client's cookies.
#[derive(Debug, Default)]
pub struct Jar {}

impl Jar {
    /// Empty.
    pub fn new() -> Self {
        Self {}
    }

    /// Cookies for every host.
    pub fn seed(&self, _pairs: &[(String, String)]) {}

    /// The `Cookie` header for a request.
    pub fn header(&self, _url: &Url, _extra: &[(String, String)]) -> Option<HeaderValue> {
        None
    }

    /// Keeps what a response sets.
    pub fn store(&self, _url: &Url, _headers: &HeaderMap) {}

    /// Nothing to send anywhere.
    pub fn is_empty(&self) -> bool {
        true
    }

    /// All of them.
    pub fn all(&self) -> Vec<StoredCookie> {
        Vec::new()
    }

    /// Forgets everything.
    pub fn clear(&self) {}

    /// A copy for a forked child.
    pub fn fork_copy(&self) -> Jar {
        Self::new()
    }
}

/// Of one response.
pub fn response_cookies(_headers: &HeaderMap) -> Vec<(String, String)> {
    Vec::new()
}
