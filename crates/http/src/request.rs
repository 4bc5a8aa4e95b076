//! A request as owned data, ready to leave the thread that made it.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use super::settings::Settings;

/// One request. Headers, cookies and settings of the client or the call are merged in when it is sent, so that a batch
/// of 20,000 holds them once.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method, GET by default.
    pub method: Method,
    /// Absolute, http or https, parsed once; credentials were moved to `headers`, query parameters merged in.
    pub url: Url,
    /// This request's own headers; they win over the client's. `Authorization` and `Cookie` are marked sensitive.
    pub headers: HeaderMap,
    /// Headers of client or call that this request goes without.
    pub without: Vec<HeaderName>,
    /// The whole body.
    pub body: Option<Bytes>,
    /// Settings that differ from the call's.
    pub settings: Option<Arc<Settings>>,
    /// The item's name, for `save_to` templates.
    pub name: Option<Box<str>>,
    /// Where a 2xx body goes instead of memory.
    pub save_to: Option<PathBuf>,
}

impl Request {
    /// A plain request without headers or body.
    pub fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            without: Vec::new(),
            body: None,
            settings: None,
            name: None,
            save_to: None,
        }
    }

    /// A GET of `url`.
    pub fn get(url: Url) -> Self {
        Self::new(Method::GET, url)
    }
}

/// The value of `Authorization` for Basic authentication (RFC 7617), in UTF-8.
pub fn basic_auth(user: &str, password: &str) -> HeaderValue {
    let encoded = STANDARD.encode(format!("{user}:{password}"));
    // Base64 is always fit for a header.
    let mut value =
        HeaderValue::from_str(&format!("Basic {encoded}")).unwrap_or_else(|_| HeaderValue::from_static("Basic"));
    value.set_sensitive(true);
    value
}
