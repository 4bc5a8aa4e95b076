//! `Response`: a finished answer. Built by the thousand, so everything that can wait waits until it is asked for.
//!
//! Making one moves the core's fields into a Python object and allocates nothing else but a count for the headers;
//! text, headers, history and the request become Python objects at first sight. It has no reference to any object that
//! could refer back to it, so the garbage collector need not know it. What changes is behind locks or made once, so
//! that all threads may read.

use std::ffi::c_int;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LINK};
use http::{HeaderMap, HeaderValue, StatusCode, Version};
use pyo3::exceptions::PyMemoryError;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString};
use url::Url;

use super::body::{Body, Handle, text_of};
use super::error::{class, to_python, url_text};
use super::headers::{PyHeaders, value_text};
use super::json::{self, NotJson, Refused};
use super::request::{PyRequest, from_core};
use super::restore;
use super::shown;
use shoal_http::cookies::response_cookies;
use shoal_http::error::FetchError;
use shoal_http::links;
use shoal_http::memory::granted;
use shoal_http::redact::{quote, redact_url};
use shoal_http::request::Request;
use shoal_http::response::Response;
use shoal_kernels::charset::json_text;
use shoal_kernels::content_type::{charset, encoding_of};

/// How much of the body a message quotes, at most.
const QUOTED: usize = 200;

/// The answer to one request, body included: nothing is left to await.
///
/// Attributes are made when they are first looked at. `memoryview(response)` shows the body without a copy. Two
/// responses are equal only if they are the same object. It can be pickled and copied, and read from any thread.
#[pyclass(frozen, weakref, name = "Response", module = "shoal")]
pub struct PyResponse {
    pub(super) status: StatusCode,
    pub(super) version: Version,
    pub(crate) headers: Arc<HeaderMap>,
    pub(super) final_url: Option<Url>,
    pub(crate) body: Body,
    pub(super) history: Vec<Response>,
    pub(super) history_made: PyOnceLock<Vec<Py<PyResponse>>>,
    pub(super) elapsed: Duration,
    pub(super) attempts: u32,
    pub(super) index: usize,
    pub(crate) path: Option<PathBuf>,
    pub(super) request: Arc<Request>,
    pub(super) request_made: PyOnceLock<Py<PyRequest>>,
}

/// Hands a response of the core over to Python.
pub fn into_python(py: Python<'_>, response: Response) -> PyResult<Py<PyResponse>> {
    let Response { status, version, headers, final_url, body, history, elapsed, attempts, index, path, request } =
        response;
    let response = PyResponse {
        status,
        version,
        headers: Arc::new(headers),
        final_url,
        body: Body::new(Handle::Core(body)),
        history,
        history_made: PyOnceLock::new(),
        elapsed,
        attempts,
        index,
        path,
        request,
        request_made: PyOnceLock::new(),
    };
    Py::new(py, response)
}

impl PyResponse {
    pub(crate) fn url_parsed(&self) -> &Url {
        self.final_url.as_ref().unwrap_or(&self.request.url)
    }

    /// The header `Content-Type`; empty without one.
    pub(crate) fn content_type(&self) -> &[u8] {
        self.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default()
    }

    /// The redirects as Python objects, always the same ones.
    pub(super) fn redirects(&self, py: Python<'_>) -> PyResult<&[Py<PyResponse>]> {
        let made = self.history_made.get_or_try_init(py, || {
            self.history.iter().map(|response| into_python(py, response.clone())).collect::<PyResult<Vec<_>>>()
        })?;
        Ok(made)
    }

    /// The core's own form, with the first bytes of the body.
    fn to_core(&self, body: &[u8]) -> Response {
        Response {
            status: self.status,
            version: self.version,
            headers: (*self.headers).clone(),
            final_url: self.final_url.clone(),
            body: Bytes::copy_from_slice(body),
            history: Vec::new(),
            elapsed: self.elapsed,
            attempts: self.attempts,
            index: self.index,
            path: self.path.clone(),
            request: self.request.clone(),
        }
    }

    fn json_error(&self, py: Python<'_>, broken: NotJson<'_>) -> PyResult<PyErr> {
        let NotJson { message, document, position } = broken;
        let known = PyDict::new(py);
        known.set_item(intern!(py, "request"), self.request(py)?)?;
        known.set_item(intern!(py, "url"), url_text(&self.request.url))?;
        known.set_item(intern!(py, "method"), self.request.method.as_str())?;
        known.set_item(intern!(py, "index"), self.index)?;
        known.set_item(intern!(py, "attempts"), self.attempts)?;
        known.set_item(intern!(py, "elapsed"), self.elapsed.as_secs_f64())?;
        known.set_item(intern!(py, "context"), self.context(py))?;
        Ok(PyErr::from_value(class(py, "JSONDecodeError")?.call((message, document, position), Some(&known))?))
    }

    /// What was asked for and what came back, for a message.
    fn context(&self, py: Python<'_>) -> String {
        let media_type = match self.headers.get(CONTENT_TYPE) {
            Some(value) => quote(value.as_bytes()),
            None => "no Content-Type".to_owned(),
        };
        let body = match &self.path {
            Some(path) => {
                let mut start = Vec::new();
                let read = File::open(path).and_then(|file| file.take(QUOTED as u64).read_to_end(&mut start));
                let start = read.map_or_else(|_| String::new(), |_| format!(" beginning with {}", quote(&start)));
                format!("body saved to {}{start}", quote(path.as_os_str().as_encoded_bytes()))
            }
            None => {
                let body = self.body.handle(py);
                let bytes = body.as_slice(py);
                format!("body beginning with {}", quote(bytes.get(..QUOTED).unwrap_or(bytes)))
            }
        };
        let (method, url) = (&self.request.method, redact_url(self.url_parsed()));
        format!("{method} {url}: status {}, {media_type}, {body}", self.status.as_u16())
    }

    fn reason_text(&self) -> &'static str {
        self.status.canonical_reason().unwrap_or_default()
    }

    fn summary(&self, py: Python<'_>) -> shown::Summary<'_> {
        shown::Summary {
            status: self.status.as_u16(),
            reason: self.reason_text(),
            size: self.body.len(py),
            path: self.path.as_deref(),
        }
    }
}

#[pymethods]
impl PyResponse {
    /// The status code (int), such as 200.
    #[getter]
    fn status_code(&self) -> u16 {
        self.status.as_u16()
    }

    /// The same as `status_code` (int).
    #[getter]
    fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// Whether the status is below 400 (bool).
    #[getter]
    fn ok(&self) -> bool {
        self.status.as_u16() < 400
    }

    /// Whether the status is 2xx (bool).
    #[getter]
    fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// The standard's words for the status (str), such as "Not Found"; empty for a status it does not know.
    #[getter]
    fn reason(&self) -> &'static str {
        self.reason_text()
    }

    /// The URL that answered (str), after redirects, without user name and password.
    #[getter]
    fn url(&self) -> String {
        url_text(self.url_parsed())
    }

    /// The headers (`Headers`), as the server sent them: a mapping in which case does not matter.
    #[getter]
    fn headers(&self) -> PyHeaders {
        PyHeaders::new(self.headers.clone())
    }

    /// The body, decoded from gzip and the like (bytes). Empty if it was saved to `path`.
    ///
    /// The first access copies it into the bytes object, which is the same ever after, and frees the original; use
    /// `memoryview(response)` to copy nothing.
    #[getter]
    fn content(&self, py: Python<'_>) -> PyResult<Py<PyBytes>> {
        self.body.content(py)
    }

    /// The body as text (str), decoded with `encoding`; what is not valid becomes U+FFFD. Decoded anew each time.
    #[getter]
    fn text<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        let body = self.body.handle(py);
        let bytes = body.as_slice(py);
        // What is not UTF-8 is decoded into a buffer that can't fail to grow.
        granted(bytes.len()).map_err(|error| PyMemoryError::new_err(error.to_string()))?;
        text_of(py, &encoding_of(self.content_type(), bytes).decode_with_bom_removal(bytes).0)
    }

    /// The name of the body's encoding (str), in lower case: that of a byte order mark, else the charset of Content-Type,
    /// else "utf-8". As in browsers, "iso-8859-1" and "ascii" are read as "windows-1252". JSON is "utf-8", whatever its
    /// Content-Type says, if that can be.
    #[getter]
    fn encoding(&self, py: Python<'_>) -> String {
        let body = self.body.handle(py);
        encoding_of(self.content_type(), body.as_slice(py)).name().to_ascii_lowercase()
    }

    /// The body parsed as JSON (dict, list, str, int, float, bool or None). Parsed anew each time.
    ///
    /// The same values as `json.loads`, faster: NaN and Infinity are accepted, integers are exact, of equal keys the
    /// last one wins. A megabyte takes some 2 ms, with the GIL held. Where that is too long for an event loop, call it in
    /// another thread, `await asyncio.to_thread(response.json)`: there it lends the GIL every 2 ms. To make no Python
    /// objects at all, take what you need out of many documents with `parallel.json_extract` and `parallel.json_rows`,
    /// on all cores.
    ///
    /// The body is in UTF-8, UTF-16 or UTF-32, as its first bytes tell; a charset of Content-Type counts only if it is
    /// in none of them. A body that was saved to `path` is not read.
    ///
    /// Raises:
    ///     JSONDecodeError: the body is not JSON, or not in its encoding; also a `json.JSONDecodeError`, with `msg`,
    ///         `doc` and `pos`. The message says what was asked for and what came back, with the first bytes.
    fn json<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let body = self.body.handle(py);
        let bytes = body.as_slice(py);
        let parsed = json::parse(py, &json_text(charset(self.content_type()), bytes));
        parsed.map_err(|refused| match refused {
            Refused::NotJson(broken) => self.json_error(py, broken).unwrap_or_else(|failed| failed),
            Refused::Failed(error) => error,
        })
    }

    /// The cookies this response sets (dict of str to str).
    #[getter]
    fn cookies<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let cookies = PyDict::new(py);
        for (name, value) in response_cookies(&self.headers) {
            cookies.set_item(name, value)?;
        }
        Ok(cookies)
    }

    /// The redirects that were followed (list of `Response`, oldest first), without their bodies.
    #[getter]
    fn history(&self, py: Python<'_>) -> PyResult<Vec<Py<PyResponse>>> {
        Ok(self.redirects(py)?.iter().map(|response| response.clone_ref(py)).collect())
    }

    /// How long the last attempt took (timedelta), from its turn to the last byte.
    #[getter]
    fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// The protocol spoken with the server (str): "HTTP/1.1", "HTTP/2" and so on.
    #[getter]
    fn http_version(&self) -> &'static str {
        restore::version_name(self.version)
    }

    /// How many attempts it took (int), 1 or more.
    #[getter]
    fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The place of the request in its batch (int, from 0).
    #[getter]
    fn index(&self) -> usize {
        self.index
    }

    /// What was asked for (`Request`).
    #[getter]
    fn request(&self, py: Python<'_>) -> PyResult<Py<PyRequest>> {
        Ok(self.request_made.get_or_try_init(py, || from_core(py, &self.request))?.clone_ref(py))
    }

    /// Where the body was saved (pathlib.Path), or None if it is in memory.
    #[getter]
    fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The links of the Link header: a dict from the relation, or the URL where there is none, to a dict of "url" and
    /// the link's parameters, all str: `response.links["next"]["url"]`. URLs are as sent, possibly relative.
    #[getter]
    fn links<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let found = PyDict::new(py);
        for value in self.headers.get_all(LINK) {
            for link in links::parse(&value_text(value)) {
                let known = PyDict::new(py);
                for (name, text) in &link.parameters {
                    known.set_item(name, text)?;
                }
                known.set_item(intern!(py, "url"), &link.url)?;
                found.set_item(link.key(), known)?;
            }
        }
        Ok(found)
    }

    /// Returns the response itself, unless its status is an error.
    ///
    /// Raises:
    ///     HTTPStatusError: the status is 4xx or 5xx. The message has the first 200 bytes of the body, the exception's
    ///         `response` is this response.
    fn raise_for_status<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        let py = slf.py();
        let response = slf.get();
        if !(response.status.is_client_error() || response.status.is_server_error()) {
            return Ok(slf.clone());
        }
        let body = response.body.handle(py);
        let bytes = body.as_slice(py);
        let error = to_python(py, &FetchError::of_status(response.to_core(bytes.get(..QUOTED).unwrap_or(bytes))));
        error.value(py).setattr(intern!(py, "response"), slf)?;
        Err(error)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        self.summary(py).text()
    }

    /// For notebooks.
    fn _repr_html_(&self, py: Python<'_>) -> String {
        let rows = [
            ("URL", redact_url(self.url_parsed())),
            ("Type", self.headers.get(CONTENT_TYPE).map(value_text).unwrap_or_default()),
            ("Took", format!("{:.3} s", self.elapsed.as_secs_f64())),
            ("Attempts", self.attempts.to_string()),
        ];
        self.summary(py).html(&rows)
    }

    unsafe fn __getbuffer__(slf: &Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        // SAFETY: called by CPython as `bf_getbuffer`; what is exported goes to `__releasebuffer__`.
        unsafe { slf.get().body.export(slf.as_any(), view, flags) }
    }

    unsafe fn __releasebuffer__(&self, view: *mut ffi::Py_buffer) {
        // SAFETY: CPython releases each view once, after `__getbuffer__` filled it.
        unsafe { Body::release(view) }
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyDict>,))> {
        let restorer =
            slf.py().import(intern!(slf.py(), "shoal._shoal"))?.getattr(intern!(slf.py(), "_restore_response"))?;
        Ok((restorer, (restore::state(slf.py(), slf.get())?,)))
    }
}
