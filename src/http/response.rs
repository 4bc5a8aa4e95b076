//! `Response`: a finished response.
//!
//! A batch creates thousands of them, so the constructor only moves the engine's fields into a Python object; its one
//! allocation shares the fields with the views of the headers. Text, headers, redirects and the request become Python objects when
//! they are first accessed. A response refers to no object that could refer back to it, so it takes no part in garbage
//! collection. Mutable state is behind locks or set once, so that any thread may read it.

use std::ffi::c_int;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::mem;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::header::{CONTENT_TYPE, LINK};
use pyo3::exceptions::{PyBufferError, PyMemoryError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString};
use pyo3::{ffi, intern};

use super::body::{Body, BodyBytes};
use super::headers::{Owner, PyHeaders, value_text};
use super::json;
use super::pickle::{self, version_name};
use super::request::{PyRequest, attributes, from_core, url_without_credentials};
use crate::bridge::exceptions::exception_class;
use crate::bridge::repr::escape_html;
use shoal_http::cookies::response_cookies;
use shoal_http::error::FetchError;
use shoal_http::links;
use shoal_http::memory::granted;
use shoal_http::redact::{quote, redact_url};
use shoal_http::response::Response;
use shoal_kernels::charset::json_text;
use shoal_kernels::content_type::{charset, encoding_of};

/// The most bytes of a body that a message quotes.
const QUOTED: usize = 200;

/// The response to one request, body included: nothing is left to await.
///
/// Attributes are created when they are first accessed. `memoryview(response)` shows the body without a copy. Two
/// responses are equal only if they are the same object. It can be pickled and copied, and read from any thread.
#[pyclass(frozen, weakref, name = "Response", module = "shoal")]
pub struct PyResponse {
    /// Without the body.
    pub(crate) response: Arc<Response>,
    pub(crate) body: Body,
    history: PyOnceLock<Vec<Py<PyResponse>>>,
    request: PyOnceLock<Py<PyRequest>>,
}

/// The Python object of a response.
pub fn into_python(py: Python<'_>, mut response: Response) -> PyResult<Py<PyResponse>> {
    let body = BodyBytes::Rust(mem::take(&mut response.body));
    Py::new(py, PyResponse::new(response, body))
}

/// The response that was pickled with this state.
#[pyfunction]
#[pyo3(name = "_restore_response", signature = (state, /))]
pub fn restore_response(state: &Bound<'_, PyDict>) -> PyResult<PyResponse> {
    let body = match pickle::get::<Bound<'_, PyBytes>>(state, "content")? {
        Some(content) => BodyBytes::Python(content.unbind()),
        None => BodyBytes::Rust(Bytes::new()),
    };
    let response = PyResponse::new(pickle::response_from(state)?, body);
    let history = pickle::get::<Vec<Py<PyResponse>>>(state, "history")?.unwrap_or_default();
    // The cell is new, so this succeeds.
    let _ = response.history.set(state.py(), history);
    Ok(response)
}

impl PyResponse {
    fn new(response: Response, body: BodyBytes) -> Self {
        let response = Arc::new(response);
        Self { response, body: Body::new(body), history: PyOnceLock::new(), request: PyOnceLock::new() }
    }

    /// The header `Content-Type`; empty without one.
    pub(crate) fn content_type(&self) -> &[u8] {
        self.response.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default()
    }

    fn redirects(&self, py: Python<'_>) -> PyResult<&Vec<Py<PyResponse>>> {
        self.history.get_or_try_init(py, || {
            self.response.history.iter().map(|response| into_python(py, response.clone())).collect()
        })
    }

    /// The attributes of an exception about this response.
    fn attributes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let Response { request, index, attempts, elapsed, .. } = &*self.response;
        attributes(py, Some((request, self.request(py)?)), Some(*index), *attempts, *elapsed)
    }

    fn json_error(&self, message: String, document: &Bound<'_, PyString>, position: usize) -> PyResult<PyErr> {
        let py = document.py();
        let known = self.attributes(py)?;
        known.set_item(intern!(py, "context"), self.context(py))?;
        let class = exception_class(py, "JSONDecodeError")?;
        Ok(PyErr::from_value(class.call((message, document, position), Some(&known))?))
    }

    /// The request and the start of the response, for a message.
    fn context(&self, py: Python<'_>) -> String {
        let media_type = match self.response.headers.get(CONTENT_TYPE) {
            Some(value) => quote(value.as_bytes()),
            None => "no Content-Type".to_owned(),
        };
        let body = match &self.response.path {
            Some(path) => {
                let mut start = Vec::new();
                let read = File::open(path).and_then(|file| file.take(QUOTED as u64).read_to_end(&mut start));
                let start = read.map_or_else(|_| String::new(), |_| format!(" beginning with {}", quote(&start)));
                format!("body saved to {}{start}", quote(path.as_os_str().as_encoded_bytes()))
            }
            None => {
                let body = self.body.bytes(py);
                let bytes = body.as_slice(py);
                format!("body beginning with {}", quote(bytes.get(..QUOTED).unwrap_or(bytes)))
            }
        };
        let (method, url) = (&self.response.request.method, redact_url(self.response.url()));
        format!("{method} {url}: status {}, {media_type}, {body}", self.response.status.as_u16())
    }
}

#[pymethods]
impl PyResponse {
    /// The status code (int), such as 200.
    #[getter]
    fn status_code(&self) -> u16 {
        self.response.status.as_u16()
    }

    /// The same as `status_code` (int).
    #[getter]
    fn status(&self) -> u16 {
        self.response.status.as_u16()
    }

    /// Whether the status is below 400 (bool).
    #[getter]
    fn ok(&self) -> bool {
        self.response.status.as_u16() < 400
    }

    /// Whether the status is 2xx (bool).
    #[getter]
    fn is_success(&self) -> bool {
        self.response.status.is_success()
    }

    /// The standard reason phrase of the status (str), such as "Not Found"; empty for a status that has none.
    #[getter]
    fn reason(&self) -> &'static str {
        self.response.status.canonical_reason().unwrap_or_default()
    }

    /// The URL of the response (str), after redirects, without user name and password.
    #[getter]
    fn url(&self) -> String {
        url_without_credentials(self.response.url())
    }

    /// The headers (`Headers`), as the server sent them: a mapping in which case does not matter.
    #[getter]
    fn headers(&self) -> PyHeaders {
        PyHeaders(Owner::Response(self.response.clone()))
    }

    /// The body, decoded from gzip and the like (bytes). Empty if it was saved to `path`.
    ///
    /// The first access copies it into a bytes object, which later accesses return, and frees the original; use
    /// `memoryview(response)` to copy nothing.
    #[getter]
    fn content(&self, py: Python<'_>) -> PyResult<Py<PyBytes>> {
        self.body.content(py)
    }

    /// The body as text (str), decoded with `encoding`; invalid bytes become U+FFFD. Decoded on each access.
    #[getter]
    fn text<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        let body = self.body.bytes(py);
        let bytes = body.as_slice(py);
        can_decode(bytes)?;
        PyString::from_bytes(py, encoding_of(self.content_type(), bytes).decode_with_bom_removal(bytes).0.as_bytes())
    }

    /// The name of the body's encoding (str), in lower case: that of a byte order mark, else the charset of Content-Type,
    /// else "utf-8". As in browsers, "iso-8859-1" and "ascii" are read as "windows-1252". JSON is
    /// "utf-8" if the body is valid UTF-8, whatever its Content-Type says.
    #[getter]
    fn encoding(&self, py: Python<'_>) -> String {
        let body = self.body.bytes(py);
        encoding_of(self.content_type(), body.as_slice(py)).name().to_ascii_lowercase()
    }

    /// The body parsed as JSON (dict, list, str, int, float, bool or None). Parsed on each call.
    ///
    /// The same values as `json.loads`, faster: NaN and Infinity are accepted, integers are exact, of equal keys the
    /// last one wins. A megabyte takes some 2 ms, with the GIL held. If that blocks an event loop for too long, call it in
    /// another thread, `await asyncio.to_thread(response.json)`: there it releases the GIL every 2 ms. To extract values
    /// from many documents without creating Python objects, on all cores, use `parallel.json_extract` and
    /// `parallel.json_rows`.
    ///
    /// The body is UTF-8, UTF-16 or UTF-32, detected from its first bytes; the charset of Content-Type is used only if it is
    /// none of them. A body that was saved to `path` is not read.
    ///
    /// Raises:
    ///     JSONDecodeError: the body is not JSON, or not in its encoding; also a `json.JSONDecodeError`, with `msg`,
    ///         `doc` and `pos`. The message names the request and quotes the first bytes of the response.
    fn json<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let body = self.body.bytes(py);
        let bytes = body.as_slice(py);
        can_decode(bytes)?;
        json::parse(py, &json_text(charset(self.content_type()), bytes), |message, document, position| {
            self.json_error(message, document, position).unwrap_or_else(|failed| failed)
        })
    }

    /// The cookies this response sets (dict of str to str).
    #[getter]
    fn cookies<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let cookies = PyDict::new(py);
        for (name, value) in response_cookies(&self.response.headers) {
            cookies.set_item(name, value)?;
        }
        Ok(cookies)
    }

    /// The redirects that were followed (list of `Response`, oldest first), without their bodies.
    #[getter]
    fn history(&self, py: Python<'_>) -> PyResult<Vec<Py<PyResponse>>> {
        Ok(self.redirects(py)?.iter().map(|response| response.clone_ref(py)).collect())
    }

    /// How long the last attempt took (timedelta), from the permit to send to the last byte.
    #[getter]
    fn elapsed(&self) -> Duration {
        self.response.elapsed
    }

    /// The protocol version (str): "HTTP/1.1", "HTTP/2" and so on.
    #[getter]
    fn http_version(&self) -> &'static str {
        version_name(self.response.version)
    }

    /// The number of attempts (int), 1 or more.
    #[getter]
    fn attempts(&self) -> u32 {
        self.response.attempts
    }

    /// The place of the request in its batch (int, from 0).
    #[getter]
    fn index(&self) -> usize {
        self.response.index
    }

    /// The request (`Request`).
    #[getter]
    fn request(&self, py: Python<'_>) -> PyResult<Py<PyRequest>> {
        Ok(self.request.get_or_try_init(py, || from_core(py, &self.response.request))?.clone_ref(py))
    }

    /// Where the body was saved (pathlib.Path), or None if it is in memory.
    #[getter]
    fn path(&self) -> Option<&Path> {
        self.response.path.as_deref()
    }

    /// The links of the Link header: a dict from the relation, or the URL if there is none, to a dict of "url" and
    /// the link's parameters, all str: `response.links["next"]["url"]`. URLs are as sent, possibly relative.
    #[getter]
    fn links<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let found = PyDict::new(py);
        for value in self.response.headers.get_all(LINK) {
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
        let status = response.response.status;
        if !(status.is_client_error() || status.is_server_error()) {
            return Ok(slf.clone());
        }
        let body = response.body.bytes(py);
        let bytes = body.as_slice(py);
        let start = Bytes::copy_from_slice(bytes.get(..QUOTED).unwrap_or(bytes));
        let error =
            FetchError::of_status(Response { body: start, history: Vec::new(), ..(*response.response).clone() });
        let known = response.attributes(py)?;
        known.set_item(intern!(py, "phase"), error.details().phase.as_str())?;
        known.set_item(intern!(py, "response"), slf)?;
        Err(PyErr::from_value(
            exception_class(py, error.kind().class_name())?.call((error.to_string(),), Some(&known))?,
        ))
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let path = self.response.path.as_deref();
        summary(self.response.status.as_u16(), self.reason(), self.body.len(py), path)
    }

    /// For notebooks.
    fn _repr_html_(&self, py: Python<'_>) -> String {
        let rows = [
            ("URL", redact_url(self.response.url())),
            ("Type", self.response.headers.get(CONTENT_TYPE).map(value_text).unwrap_or_default()),
            ("Took", format!("{:.3} s", self.response.elapsed.as_secs_f64())),
            ("Attempts", self.response.attempts.to_string()),
        ];
        summary_html(&self.__repr__(py), &rows)
    }

    unsafe fn __getbuffer__(slf: &Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let py = slf.py();
        let bytes = Box::new(slf.get().body.bytes(py));
        let slice = bytes.as_slice(py);
        let length = slice.len().try_into().map_err(|_| PyBufferError::new_err("body too large"))?;
        let start = slice.as_ptr().cast_mut().cast();
        // SAFETY: CPython calls this as `bf_getbuffer` with a `view` to fill. The bytes at `start` neither move nor change
        // while their share lives, which `view.internal`, a field for the exporter, keeps until `__releasebuffer__`. They
        // are exported as read-only (the 1).
        unsafe {
            if ffi::PyBuffer_FillInfo(view, slf.as_ptr(), start, length, 1, flags) != 0 {
                return Err(PyErr::fetch(py));
            }
            (*view).internal = Box::into_raw(bytes).cast();
        }
        Ok(())
    }

    unsafe fn __releasebuffer__(&self, view: *mut ffi::Py_buffer) {
        // SAFETY: CPython calls this as `bf_releasebuffer`, once for each view that `__getbuffer__` filled, so `internal` is
        // the box from there, and is freed once.
        unsafe { drop(Box::from_raw((*view).internal.cast::<BodyBytes>())) };
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyDict>,))> {
        let (py, response) = (slf.py(), slf.get());
        let state = pickle::state(py, &response.response)?;
        state.set_item("content", response.body.content(py)?)?;
        state.set_item("history", response.history(py)?)?;
        let restorer = py.import(intern!(py, "shoal._shoal"))?.getattr(intern!(py, "_restore_response"))?;
        Ok((restorer, (state,)))
    }
}

/// Fails if too little memory is left to decode a body that is not UTF-8: the decoder aborts the process if its buffer
/// can't grow.
fn can_decode(bytes: &[u8]) -> PyResult<()> {
    granted(bytes.len()).map_err(|error| PyMemoryError::new_err(error.to_string()))
}

/// `<Response [200 OK] 1.2 kB>`.
fn summary(status: u16, reason: &str, size: usize, path: Option<&Path>) -> String {
    let space = if reason.is_empty() { "" } else { " " };
    match path {
        Some(path) => format!("<Response [{status}{space}{reason}] saved to {}>", path.display()),
        None => format!("<Response [{status}{space}{reason}] {}>", size_text(size)),
    }
}

/// The summary above a table of further facts; rows with an empty value are omitted.
fn summary_html(summary: &str, rows: &[(&str, String)]) -> String {
    let mut html = format!("<table><caption><code>{}</code></caption>", escape_html(summary));
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        // Writing to a String cannot fail.
        let _ = write!(html, "<tr><th>{}</th><td>{}</td></tr>", escape_html(name), escape_html(value));
    }
    html + "</table>"
}

/// The size in decimal units, with one digit after the point.
fn size_text(bytes: usize) -> String {
    #[allow(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
    let mut size = bytes as f64;
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut suffix = "";
    for unit in ["kB", "MB", "GB"] {
        suffix = unit;
        size /= 1000.0;
        if size < 999.95 {
            break;
        }
    }
    format!("{size:.1} {suffix}")
}

#[cfg(test)]
mod tests;
