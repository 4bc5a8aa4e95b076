//! `Client`: connections, cookies and settings for many calls; `gather_fetch` and `stream_fetch` of the module.

use std::sync::Arc;

use http::header::{COOKIE, USER_AGENT};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use url::Url;

use super::batch::{gather, stream};
use super::headers::{Owner, PyHeaders};
use super::plan::{Opened, Plan, standard_headers, url_text, warn_of_old_variable};
use super::results::to_python;
use super::single::start_request;
use crate::arguments::options::Options;
use crate::arguments::scalars::wrong_type;
use crate::arguments::settings::{PyLimits, method_from, reduce};
use crate::arguments::table::Function;
use crate::bridge::coroutine::Ready;
use crate::bridge::job::Job;
use crate::bridge::lifecycle::calling_out;
use crate::bridge::stream::Stream;
use shoal_http::attempts::Fetcher;
use shoal_http::client::Client;
use shoal_http::headers::merge;
use shoal_http::stats::Collector;

#[doc = signature!(Client("*"), client)]
/// Keeps connections, cookies and settings for many requests.
///
///     async with shoal.Client(base_url="https://api.example.com") as client:
///         player = await client.get("/players/23", params={"season": "2016-17"})
///
/// One client works in any number of event loops and threads at once. After `fork()` the child opens connections of its
/// own. A pickle holds the configuration. The `with` blocks are optional: a client that is dropped closes its connections.
///
/// Cookies that servers set are kept and sent back (RFC 6265).
///
/// Args:
#[doc = arguments!(client)]
/// Raises:
///     TypeError, ValueError: an argument is invalid, or `verify` has no certificate.
#[pyclass(frozen, weakref, module = "shoal", name = "Client")]
pub struct PyClient {
    client: Client,
    plan: Arc<Plan>,
    limits: Py<PyLimits>,
    keywords: Py<PyDict>,
}

impl PyClient {
    /// The plan and the session. An error if the client is closed.
    fn open(&self) -> PyResult<Opened> {
        if self.client.is_closed() {
            return Err(PyRuntimeError::new_err("this Client is closed"));
        }
        let session = self.client.session().map_err(PyRuntimeError::new_err)?;
        Ok((self.plan.clone(), session))
    }

    fn fetch(
        slf: &Bound<'_, Self>,
        method: http::Method,
        url: &Bound<'_, PyAny>,
        keywords: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<Job>> {
        let py = slf.py();
        calling_out(|| {
            let (plan, session) = slf.get().open()?;
            let read = |keywords| Options::read(Function::ClientRequest, "a client's method", keywords);
            let options = keywords.map(|keywords| read(keywords.iter())).transpose()?.map(|options| options.request);
            let url = url_text(url)?;
            let mut request = plan.build(&url, options.as_ref(), 0).map_err(|error| to_python(py, &error))?;
            request.method = method;
            let fetcher = Fetcher {
                session,
                limits: None,
                settings: plan.settings.clone(),
                headers: plan.headers.clone(),
                collector: Arc::new(Collector::new()),
            };
            start_request(py, fetcher, request)
        })
    }
}

/// Opens the client of the keyword `client`, if it is given.
pub fn open(py: Python<'_>, client: Option<&Py<PyAny>>) -> PyResult<Option<Opened>> {
    let Some(client) = client else { return Ok(None) };
    let client = client.bind(py);
    let opened = client.cast::<PyClient>().map_err(|_| wrong_type("client", "a shoal.Client", client))?.get().open();
    opened.map(Some)
}

#[pymethods]
impl PyClient {
    #[new]
    #[pyo3(signature = (**options), text_signature = None)]
    fn new(py: Python<'_>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let keywords = options.map_or_else(|| Ok(PyDict::new(py)), |options| options.copy())?;
        warn_of_old_variable(py)?;
        let read = Options::read(Function::Client, "Client", keywords.iter())?;
        let Options { mut request, mut client, base_url, limits, user_agent, .. } = read;
        let limits = limits.map_or_else(|| Py::new(py, PyLimits::standard()), Ok)?;
        client.limits = limits.get().limits();
        client.cookies = std::mem::take(&mut request.cookies);
        let mut standard = standard_headers();
        standard.extend(user_agent.map(|agent| (USER_AGENT, agent)));
        let headers = merge(&standard, &request.headers, &request.without);
        let settings = request.settings(&Arc::default());
        let plan = Arc::new(Plan::new(base_url, request.params, headers, settings));
        let client = Client::new(client).map_err(PyValueError::new_err)?;
        Ok(Self { client, plan, limits, keywords: keywords.unbind() })
    }

    #[doc = signature!(request("$self, method, url, *"), client_request)]
    /// Sends a request and returns a Job[Response].
    ///
    /// Options that are left out are the client's. `params`, `headers` and `cookies` are merged with the client's by name.
    ///
    /// Args:
    ///     method: such as "GET".
    ///     url: absolute, or relative to `base_url`.
    #[doc = arguments!(client_request)]
    /// Raises:
    ///     TypeError, ValueError, InvalidURL: at the call, before any I/O.
    ///     RuntimeError: at the call: the client is closed.
    ///     FetchError: from the Job.
    #[pyo3(signature = (method, url, **options), text_signature = None)]
    fn request(
        slf: &Bound<'_, Self>,
        method: &Bound<'_, PyAny>,
        url: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<Job>> {
        Self::fetch(slf, method_from("method", method)?, url, options)
    }

    #[doc = signature!(get("$self, url, *"), client_request)]
    /// Sends a GET request and returns a Job[Response]; see `request`.
    #[pyo3(signature = (url, **options), text_signature = None)]
    fn get(slf: &Bound<'_, Self>, url: &Bound<'_, PyAny>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Py<Job>> {
        Self::fetch(slf, http::Method::GET, url, options)
    }

    #[doc = signature!(head("$self, url, *"), client_request)]
    /// Sends a HEAD request and returns a Job[Response]; see `request`.
    #[pyo3(signature = (url, **options), text_signature = None)]
    fn head(slf: &Bound<'_, Self>, url: &Bound<'_, PyAny>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Py<Job>> {
        Self::fetch(slf, http::Method::HEAD, url, options)
    }

    #[doc = signature!(options("$self, url, *"), client_request)]
    /// Sends an OPTIONS request and returns a Job[Response]; see `request`.
    #[pyo3(signature = (url, **options), text_signature = None)]
    fn options(
        slf: &Bound<'_, Self>,
        url: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<Job>> {
        Self::fetch(slf, http::Method::OPTIONS, url, options)
    }

    #[doc = signature!(post("$self, url, *"), client_request)]
    /// Sends a POST request and returns a Job[Response]; see `request`.
    #[pyo3(signature = (url, **options), text_signature = None)]
    fn post(slf: &Bound<'_, Self>, url: &Bound<'_, PyAny>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Py<Job>> {
        Self::fetch(slf, http::Method::POST, url, options)
    }

    #[doc = signature!(put("$self, url, *"), client_request)]
    /// Sends a PUT request and returns a Job[Response]; see `request`.
    #[pyo3(signature = (url, **options), text_signature = None)]
    fn put(slf: &Bound<'_, Self>, url: &Bound<'_, PyAny>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Py<Job>> {
        Self::fetch(slf, http::Method::PUT, url, options)
    }

    #[doc = signature!(patch("$self, url, *"), client_request)]
    /// Sends a PATCH request and returns a Job[Response]; see `request`.
    #[pyo3(signature = (url, **options), text_signature = None)]
    fn patch(slf: &Bound<'_, Self>, url: &Bound<'_, PyAny>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Py<Job>> {
        Self::fetch(slf, http::Method::PATCH, url, options)
    }

    #[doc = signature!(delete("$self, url, *"), client_request)]
    /// Sends a DELETE request and returns a Job[Response]; see `request`.
    #[pyo3(signature = (url, **options), text_signature = None)]
    fn delete(slf: &Bound<'_, Self>, url: &Bound<'_, PyAny>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Py<Job>> {
        Self::fetch(slf, http::Method::DELETE, url, options)
    }

    #[doc = signature!(gather("$self, requests, *"), client_gather)]
    /// Fetches many requests over this client's connections: `shoal.gather_fetch(requests, client=self, ...)`.
    ///
    /// Options that are left out are the client's. Limits given here apply in addition to the client's.
    ///
    /// Args:
    ///     requests: as for `gather_fetch`.
    #[doc = arguments!(client_gather)]
    /// Returns:
    ///     Job[list[Response]]: as of `gather_fetch`, which tells of the exceptions, too.
    #[pyo3(signature = (requests, **options), text_signature = None)]
    fn gather(
        slf: &Bound<'_, Self>,
        requests: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<Job>> {
        calling_out(|| {
            let options = Options::read(Function::ClientGather, "Client.gather", options.into_iter().flatten())?;
            gather(requests, Some(slf.get().open()?), options)
        })
    }

    /// Closes the idle connections; requests in flight keep theirs until they end. Does not wait. Further requests raise
    /// RuntimeError.
    fn close(&self) {
        self.client.close();
    }

    /// The same as `close()`, to be awaited.
    fn aclose(&self, py: Python<'_>) -> Ready {
        self.client.close();
        Ready::none(py)
    }

    /// Whether the client is closed.
    #[getter]
    fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// The URL that relative URLs are joined to, or None.
    #[getter]
    fn base_url(&self) -> Option<&str> {
        self.plan.base_url.as_ref().map(Url::as_str)
    }

    /// The headers of every request: a `Headers`.
    #[getter]
    fn headers(&self) -> PyHeaders {
        let mut headers = self.plan.headers.as_ref().clone();
        headers.remove(COOKIE);
        PyHeaders(Owner::Map(headers))
    }

    /// The limits: a `Limits`.
    #[getter]
    fn limits(&self, py: Python<'_>) -> Py<PyLimits> {
        self.limits.clone_ref(py)
    }

    /// The cookies that servers have set: a new `dict[str, str]`. If several have the same name, the last one.
    #[getter]
    fn cookies<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let cookies = PyDict::new(py);
        let (_, session) = self.open()?;
        for (name, value, _domain, _path) in session.jar.all() {
            cookies.set_item(name, value)?;
        }
        Ok(cookies)
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_error))]
    fn __exit__(&self, _error: &Bound<'_, PyTuple>) {
        self.client.close();
    }

    fn __aenter__(slf: Bound<'_, Self>) -> Ready {
        Ready(slf.unbind().into_any())
    }

    #[pyo3(signature = (*error))]
    fn __aexit__(&self, error: &Bound<'_, PyTuple>) -> Ready {
        self.aclose(error.py())
    }

    fn __repr__(&self) -> String {
        let base = self.plan.base_url.as_ref().map(|url| format!(" {}", shoal_http::redact::redact_url(url)));
        let closed = if self.client.is_closed() { ", closed" } else { "" };
        format!("<Client{}{closed}>", base.unwrap_or_default())
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let py = slf.py();
        reduce(slf.as_any(), &PyTuple::empty(py), slf.get().keywords.bind(py))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.keywords)
    }
}

#[doc = signature!(gather_fetch("requests, *"), gather)]
/// Fetches many requests at once and returns their responses, in input order.
///
/// The whole batch runs off the GIL and crosses to Python once. Await the Job in a coroutine or notebook cell, or call
/// `.result()` in a script:
///
///     responses = await shoal.gather_fetch(urls)
///     responses = shoal.gather_fetch(urls).result()
///
/// Args:
///     requests: an iterable of `str`, `shoal.Request`, `(url, options)` or mappings with "url". An item's options win
///         over the call's; `params`, `headers` and `cookies` are merged name by name. An empty iterable gives [].
#[doc = arguments!(gather)]
/// Returns:
///     Job[list[Response]]: the responses; with `return_exceptions`, exception instances in the failed places.
///
/// Raises:
///     TypeError, ValueError: at the call, before any I/O: an argument is invalid, or two items would be saved to one file.
///     InvalidURL: at the call: an item has no usable http or https URL.
///     FetchError: from the Job: the first failure. The other requests are cancelled; the exception's `results` holds
///         the finished responses in their places, None elsewhere.
///     DeadlineExceeded: from the Job: the deadline passed; with `results`, too. With `return_exceptions` it is in the
///         unfinished places instead.
#[pyfunction]
#[pyo3(signature = (requests, **keywords), text_signature = None)]
pub fn gather_fetch(requests: &Bound<'_, PyAny>, keywords: Option<&Bound<'_, PyDict>>) -> PyResult<Py<Job>> {
    calling_out(|| {
        let options = Options::read(Function::Gather, "gather_fetch", keywords.into_iter().flatten())?;
        gather(requests, open(requests.py(), options.batch.client.as_ref())?, options)
    })
}

#[doc = signature!(stream_fetch("requests, *"), stream)]
/// Fetches requests as they come and yields the responses as they finish: for inputs that do not fit into memory.
///
///     async for response in shoal.stream_fetch(urls):     # on any event loop
///     for response in shoal.stream_fetch(urls):           # anywhere
///
/// Args:
///     requests: a lazy iterable, or (with `async for`) an async iterable, of what `gather_fetch` takes. It is read
///         only as fast as results are taken: at most `concurrency + buffer` requests have been read and not yet yielded.
///         A plain iterable is read on the calling thread; an async one is awaited on the running event loop.
#[doc = arguments!(stream)]
/// Returns:
///     Stream: yields `Response` objects, whose `index` is the place in `requests`; with `return_exceptions` also
///     exceptions, with `index`. Leaving the loop early, `close()`, or dropping it cancels the rest.
///
/// Raises:
///     TypeError, ValueError: at the call: an argument is invalid.
///     FetchError: from the loop: a request failed; the rest is cancelled.
///     DeadlineExceeded: from the loop: the deadline passed.
///     Exception: whatever the iterable raises, after the responses to the requests before it.
#[pyfunction]
#[pyo3(signature = (requests, **keywords), text_signature = None)]
pub fn stream_fetch(requests: &Bound<'_, PyAny>, keywords: Option<&Bound<'_, PyDict>>) -> PyResult<Stream> {
    calling_out(|| {
        let options = Options::read(Function::Stream, "stream_fetch", keywords.into_iter().flatten())?;
        stream(requests, open(requests.py(), options.batch.client.as_ref())?, options)
    })
}
