//! Pickling of responses: their state as a plain dict, and back.
//!
//! The dict has names, so that a pickle of an older version still says what is what: a name that is missing has its
//! default. The settings of the request (timeouts, retries) belong to the call and are left behind.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode, Version};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict};
use url::Url;

use super::body::{Body, Handle};
use super::headers::{from_python, raw_items};
use super::response::PyResponse;
use shoal_http::request::Request;

const VERSIONS: [(Version, &str); 5] = [
    (Version::HTTP_11, "HTTP/1.1"),
    (Version::HTTP_2, "HTTP/2"),
    (Version::HTTP_10, "HTTP/1.0"),
    (Version::HTTP_3, "HTTP/3"),
    (Version::HTTP_09, "HTTP/0.9"),
];

/// The name Python shows for a version of HTTP.
pub fn version_name(version: Version) -> &'static str {
    VERSIONS.iter().find(|(known, _)| *known == version).map_or("HTTP", |(_, name)| name)
}

/// All of a response.
pub fn state<'py>(py: Python<'py>, response: &PyResponse) -> PyResult<Bound<'py, PyDict>> {
    let request = &response.request;
    let state = PyDict::new(py);
    state.set_item("status", response.status.as_u16())?;
    state.set_item("version", version_name(response.version))?;
    state.set_item("headers", raw_items(py, &response.headers)?)?;
    state.set_item("content", response.body.content(py)?)?;
    state.set_item("elapsed", response.elapsed)?;
    state.set_item("attempts", response.attempts)?;
    state.set_item("index", response.index)?;
    state.set_item("url", request.url.as_str())?;
    state.set_item("method", request.method.as_str())?;
    state.set_item("request_headers", raw_items(py, &request.headers)?)?;
    let history: Vec<_> = response.redirects(py)?.iter().map(|redirect| redirect.clone_ref(py)).collect();
    state.set_item("history", history)?;
    if let Some(url) = &response.final_url {
        state.set_item("final_url", url.as_str())?;
    }
    if let Some(path) = &response.path {
        state.set_item("path", path)?;
    }
    if let Some(body) = &request.body {
        state.set_item("request_body", PyBytes::new(py, body))?;
    }
    if let Some(name) = &request.name {
        state.set_item("name", &**name)?;
    }
    Ok(state)
}

/// Makes a response from the state another one was pickled with.
#[pyfunction]
#[pyo3(name = "_restore_response", signature = (state, /))]
pub fn restore_response(state: &Bound<'_, PyDict>) -> PyResult<PyResponse> {
    let py = state.py();
    let url = get::<String>(state, "url")?.ok_or_else(|| bad("url"))?;
    let url = Url::parse(&url).map_err(|_| bad("url"))?;
    let method = get::<String>(state, "method")?.unwrap_or_else(|| "GET".to_owned());
    let mut request = Request::new(Method::from_bytes(method.as_bytes()).map_err(|_| bad("method"))?, url);
    if let Some(headers) = state.get_item("request_headers")? {
        request.headers = from_python(&headers)?;
    }
    request.body = get::<Vec<u8>>(state, "request_body")?.map(Bytes::from);
    request.name = get::<String>(state, "name")?.map(String::into_boxed_str);
    let status = get::<u16>(state, "status")?.ok_or_else(|| bad("status"))?;
    let version = get::<String>(state, "version")?.unwrap_or_else(|| "HTTP/1.1".to_owned());
    let content = match get::<Bound<'_, PyBytes>>(state, "content")? {
        Some(content) => Handle::Python(content.unbind()),
        None => Handle::Core(Bytes::new()),
    };
    let history = PyOnceLock::new();
    // A fresh cell takes it.
    let _ = history.set(py, get::<Vec<Py<PyResponse>>>(state, "history")?.unwrap_or_default());
    Ok(PyResponse {
        status: StatusCode::from_u16(status).map_err(|_| bad("status"))?,
        version: VERSIONS.iter().find(|(_, name)| *name == version).map_or(Version::HTTP_11, |(known, _)| *known),
        headers: Arc::new(
            state.get_item("headers")?.map(|headers| from_python(&headers)).transpose()?.unwrap_or_default(),
        ),
        final_url: get::<String>(state, "final_url")?
            .map(|url| Url::parse(&url).map_err(|_| bad("final_url")))
            .transpose()?,
        body: Body::new(content),
        history: Vec::new(),
        history_made: history,
        elapsed: get::<Duration>(state, "elapsed")?.unwrap_or_default(),
        attempts: get::<u32>(state, "attempts")?.unwrap_or(1),
        index: get::<usize>(state, "index")?.unwrap_or_default(),
        path: get::<PathBuf>(state, "path")?,
        request: Arc::new(request),
        request_made: PyOnceLock::new(),
    })
}

fn get<'py, T>(state: &Bound<'py, PyDict>, name: &str) -> PyResult<Option<T>>
where
    T: for<'a> FromPyObject<'a, 'py, Error: Into<PyErr>>,
{
    state.get_item(name)?.map(|value| value.extract::<T>().map_err(Into::into)).transpose()
}

fn bad(name: &str) -> PyErr {
    PyValueError::new_err(format!("the state of a response has no valid {name:?}"))
}
