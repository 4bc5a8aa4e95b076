//! `Request`: a URL with its own options. Exceptions have one, too: the request that failed.

use std::sync::Arc;
use std::time::Duration;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};
use url::Url;

use super::headers::{Owner, PyHeaders};
use crate::arguments::options::{Options, RequestOptions};
use crate::arguments::scalars::text;
use crate::arguments::settings::reduce;
use crate::arguments::table::Function;
use shoal_http::redact::{redact_input, redact_url};
use shoal_http::request::Request;

enum Form {
    /// Made by the user. Options that are not set are the call's.
    Made { url: String, options: Box<RequestOptions> },
    /// Sent by a call, complete.
    Sent(Arc<Request>),
}

#[doc = signature!(Request("url, *"), request)]
/// One request: a URL and the options that differ from the call's.
///
/// Options that are left out are the call's. `params`, `headers` and `cookies` are merged with the call's by name.
///
/// Args:
///     url: absolute http or https URL (relative with a client that has a `base_url`).
#[doc = arguments!(request)]
/// Raises:
///     TypeError, ValueError: an option is invalid.
#[pyclass(frozen, module = "shoal", name = "Request")]
pub struct PyRequest(Form);

/// The Python object of a request that was sent.
pub fn from_core(py: Python<'_>, request: &Arc<Request>) -> PyResult<Py<PyRequest>> {
    Py::new(py, PyRequest(Form::Sent(request.clone())))
}

impl PyRequest {
    /// The URL and the options, with which the same request can be made again.
    pub fn parts(&self) -> (&str, RequestOptions) {
        match &self.0 {
            Form::Made { url, options, .. } => (url, options.as_ref().clone()),
            Form::Sent(request) => (request.url.as_str(), RequestOptions::of(request)),
        }
    }
}

#[pymethods]
impl PyRequest {
    #[new]
    #[pyo3(signature = (url, **options), text_signature = None)]
    fn new(url: &Bound<'_, PyAny>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let url = text("url", url)?.to_owned();
        let options = Options::read(Function::Request, "Request", options.into_iter().flatten())?.request;
        Ok(Self(Form::Made { url, options: Box::new(options) }))
    }

    /// The URL, as given or as sent (credentials removed, parameters added).
    #[getter]
    fn url(&self) -> &str {
        match &self.0 {
            Form::Made { url, .. } => url,
            Form::Sent(request) => request.url.as_str(),
        }
    }

    /// The method in upper case, or None if it is left to the call.
    #[getter]
    fn method(&self) -> Option<&str> {
        match &self.0 {
            Form::Made { options, .. } => options.method.as_ref().map(http::Method::as_str),
            Form::Sent(request) => Some(request.method.as_str()),
        }
    }

    /// The request's own headers, without those of call and client: a `Headers`.
    #[getter]
    fn headers(&self) -> PyHeaders {
        match &self.0 {
            Form::Made { options, .. } => PyHeaders(Owner::Map(options.headers_with_cookies(&[]))),
            Form::Sent(request) => PyHeaders(Owner::Request(request.clone())),
        }
    }

    /// The body as bytes, or None.
    #[getter]
    fn content<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        let bytes = match &self.0 {
            Form::Made { options, .. } => options.body.as_ref(),
            Form::Sent(request) => request.body.as_ref(),
        };
        bytes.map(|bytes| PyBytes::new(py, bytes))
    }

    /// The value of `{name}` in `save_to`, or None.
    #[getter]
    fn name(&self) -> Option<&str> {
        match &self.0 {
            Form::Made { options, .. } => options.name.as_deref(),
            Form::Sent(request) => request.name.as_deref(),
        }
    }

    fn __repr__(&self) -> String {
        let url = match &self.0 {
            Form::Made { url, .. } => redact_input(url),
            Form::Sent(request) => redact_url(&request.url),
        };
        match self.method() {
            Some(method) => format!("<Request {method} {url}>"),
            None => format!("<Request {url}>"),
        }
    }

    fn __eq__(&self, other: &Self) -> bool {
        let ((url, options), (other_url, other_options)) = (self.parts(), other.parts());
        url == other_url && options == other_options
    }

    fn __hash__(&self) -> isize {
        self.url().bytes().fold(17, |hash: isize, byte| hash.wrapping_mul(31).wrapping_add(isize::from(byte)))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        // Not from the arguments: they may have been changed, or be exhausted iterators.
        let (py, (url, options)) = (slf.py(), slf.get().parts());
        reduce(slf.as_any(), &(url,).into_pyobject(py)?, &options.keywords(py)?)
    }
}

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
