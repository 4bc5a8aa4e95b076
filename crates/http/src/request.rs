//! A request as owned data, ready to leave the thread that made it.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use super::settings::Settings;

/// One request. The headers, cookies and settings of client and call are merged in when it is sent, so that a batch of
/// 20,000 requests holds them once.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Absolute, http or https; credentials are in `headers`, query parameters are merged in.
    pub url: Url,
    /// The request's own headers, which win over those of client and call. `Authorization` and `Cookie` are marked
    /// sensitive.
    pub headers: HeaderMap,
    /// Headers of client or call that this request is sent without.
    pub without: Vec<HeaderName>,
    /// The whole body.
    pub body: Option<Bytes>,
    /// Settings other than the call's.
    pub settings: Option<Arc<Settings>>,
    /// The item's name, for `save_to` templates.
    pub name: Option<Box<str>>,
    /// The file for a 2xx body.
    pub save_to: Option<PathBuf>,
}

impl Request {
    /// A request without headers or body.
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
    // Base64 is always a valid header value.
    let mut value =
        HeaderValue::from_str(&format!("Basic {encoded}")).unwrap_or_else(|_| HeaderValue::from_static("Basic"));
    value.set_sensitive(true);
    value
}
