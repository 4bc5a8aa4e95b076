//! The attributes that every exception of a request has.

use std::time::Duration;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use url::Url;

use super::request::PyRequest;
use shoal_http::request::Request;

/// The keyword arguments of `FetchError`. A request comes with its Python object.
pub fn attributes<'py>(
    py: Python<'py>,
    request: Option<(&Request, Py<PyRequest>)>,
    index: Option<usize>,
    attempts: u32,
    elapsed: Duration,
) -> PyResult<Bound<'py, PyDict>> {
    let keywords = PyDict::new(py);
    if let Some((request, object)) = request {
        keywords.set_item(intern!(py, "request"), object)?;
        keywords.set_item(intern!(py, "url"), url_without_credentials(&request.url))?;
        keywords.set_item(intern!(py, "method"), request.method.as_str())?;
    }
    keywords.set_item(intern!(py, "index"), index)?;
    keywords.set_item(intern!(py, "attempts"), attempts)?;
    keywords.set_item(intern!(py, "elapsed"), elapsed.as_secs_f64())?;
    Ok(keywords)
}

/// `url` without user name and password; the query stays.
pub fn url_without_credentials(url: &Url) -> String {
    if url.username().is_empty() && url.password().is_none() {
        return url.to_string();
    }
    let mut bare = url.clone();
    // Both fail only for URLs that have no host, which a request's URL has.
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    bare.into()
}
