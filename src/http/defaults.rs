//! The defaults of a client, or of a call without one.

use std::sync::Arc;

use http::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderValue, USER_AGENT};
use pyo3::exceptions::{PyDeprecationWarning, PyRuntimeError};
use pyo3::prelude::*;
use url::Url;

use crate::arguments::params::Params;
use shoal_http::client::{Client, ClientOptions, Session};
use shoal_http::limits::Limits;
use shoal_http::settings::Settings;

/// A client's defaults and its connections.
pub type Opened = (Arc<Defaults>, Arc<Session>);

/// The options of requests that do not set their own.
pub struct Defaults {
    /// For relative URLs.
    pub base_url: Option<Url>,
    /// Query parameters of every request.
    pub params: Params,
    /// Headers of every request.
    pub headers: Arc<HeaderMap>,
    /// Timeouts, retries and the like.
    pub settings: Arc<Settings>,
}

impl Defaults {
    /// The defaults of a call without a client, with connections that live as long as the call.
    pub fn of_a_call(py: Python<'_>, limits: Limits) -> PyResult<Opened> {
        warn_of_old_variable(py)?;
        let client =
            Client::new(ClientOptions { limits, ..ClientOptions::default() }).map_err(PyRuntimeError::new_err)?;
        let session = client.session().map_err(PyRuntimeError::new_err)?;
        let defaults = Self {
            base_url: None,
            params: Params::default(),
            headers: Arc::new(standard_headers()),
            settings: Arc::new(Settings::default()),
        };
        Ok((Arc::new(defaults), session))
    }
}

/// Warns if the environment selects the transport by the old name of the variable.
pub fn warn_of_old_variable(py: Python<'_>) -> PyResult<()> {
    if std::env::var_os("SHOAL_LANE").is_none_or(|value| value.is_empty()) {
        return Ok(());
    }
    let message = c"SHOAL_LANE is deprecated: use SHOAL_TRANSPORT=reqwest in place of SHOAL_LANE=full";
    PyErr::warn(py, &py.get_type::<PyDeprecationWarning>(), message, 1)
}

/// The headers of every request that does not override them.
pub fn standard_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate, br, zstd"));
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("shoal/", env!("CARGO_PKG_VERSION"))));
    headers
}
