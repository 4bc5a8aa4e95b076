//! Pickling of responses: conversion to a dict, their state, and back.
//!
//! The entries of the dict have names, so that pickles of older versions of Shoal can be read: a missing entry gets its
//! default. The settings of the request (timeouts, retries) belong to the call and are not pickled.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Version};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use url::Url;

use super::headers::{from_python, raw_items};
use shoal_http::request::Request;
use shoal_http::response::Response;

const VERSIONS: [(Version, &str); 5] = [
    (Version::HTTP_11, "HTTP/1.1"),
    (Version::HTTP_2, "HTTP/2"),
    (Version::HTTP_10, "HTTP/1.0"),
    (Version::HTTP_3, "HTTP/3"),
    (Version::HTTP_09, "HTTP/0.9"),
];

/// The name of an HTTP version.
pub fn version_name(version: Version) -> &'static str {
    VERSIONS.iter().find(|(known, _)| *known == version).map_or("HTTP", |(_, name)| name)
}

/// The state of a response, apart from its body and redirects.
pub fn state<'py>(py: Python<'py>, response: &Response) -> PyResult<Bound<'py, PyDict>> {
    let request = &response.request;
    let state = PyDict::new(py);
    state.set_item("status", response.status.as_u16())?;
    state.set_item("version", version_name(response.version))?;
    state.set_item("headers", raw_items(py, &response.headers)?)?;
    state.set_item("elapsed", response.elapsed)?;
    state.set_item("attempts", response.attempts)?;
    state.set_item("index", response.index)?;
    state.set_item("url", request.url.as_str())?;
    state.set_item("method", request.method.as_str())?;
    state.set_item("request_headers", raw_items(py, &request.headers)?)?;
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

/// The response with this state, apart from its body and redirects.
pub fn response_from(state: &Bound<'_, PyDict>) -> PyResult<Response> {
    let url = get::<String>(state, "url")?.ok_or_else(|| invalid("url"))?;
    let url = Url::parse(&url).map_err(|_| invalid("url"))?;
    let method = get::<String>(state, "method")?.unwrap_or_else(|| "GET".to_owned());
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| invalid("method"))?;
    let mut request = Request::new(method, url);
    request.headers = headers(state, "request_headers")?;
    request.body = get::<Vec<u8>>(state, "request_body")?.map(Bytes::from);
    request.name = get::<String>(state, "name")?.map(String::into_boxed_str);
    let status = get::<u16>(state, "status")?.ok_or_else(|| invalid("status"))?;
    let version = get::<String>(state, "version")?.unwrap_or_default();
    let final_url = get::<String>(state, "final_url")?.map(|url| Url::parse(&url)).transpose();
    Ok(Response {
        status: StatusCode::from_u16(status).map_err(|_| invalid("status"))?,
        version: VERSIONS.iter().find(|(_, name)| *name == version).map_or(Version::HTTP_11, |(known, _)| *known),
        headers: headers(state, "headers")?,
        final_url: final_url.map_err(|_| invalid("final_url"))?,
        body: Bytes::new(),
        history: Vec::new(),
        elapsed: get::<Duration>(state, "elapsed")?.unwrap_or_default(),
        attempts: get::<u32>(state, "attempts")?.unwrap_or(1),
        index: get::<usize>(state, "index")?.unwrap_or_default(),
        path: get::<PathBuf>(state, "path")?,
        request: Arc::new(request),
    })
}

fn headers(state: &Bound<'_, PyDict>, name: &str) -> PyResult<HeaderMap> {
    Ok(state.get_item(name)?.map(|headers| from_python(&headers)).transpose()?.unwrap_or_default())
}

/// The entry `name` of the state; `None` if it is missing.
pub fn get<'py, T>(state: &Bound<'py, PyDict>, name: &str) -> PyResult<Option<T>>
where
    T: for<'a> FromPyObject<'a, 'py, Error: Into<PyErr>>,
{
    state.get_item(name)?.map(|value| value.extract::<T>().map_err(Into::into)).transpose()
}

fn invalid(name: &str) -> PyErr {
    PyValueError::new_err(format!("the state of a response has no valid {name:?}"))
}
