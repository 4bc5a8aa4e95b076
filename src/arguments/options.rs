//! The options of a request: the keywords of a call, of a `Request`, and of one item of a batch, read by one table.

use std::collections::HashSet;
use std::sync::Arc;

use http::Method;
use http::header::{CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyDict, PyInt, PyString};

use super::input::{
    AUTH_HEADER, BodyInput, auth_header_from, content_from, cookie_header, cookies_from, data_from, headers_from,
    json_from, text, type_name, utf8,
};
use super::limits::{PyRetry, method_from, retry_from, whole};
use super::params::{Params, params_from};
use super::timeout::{timeout_from, timeout_to_python};
use shoal_http::request::Request;
use shoal_http::retry::Retry;
use shoal_http::settings::{Settings, Timeout};

/// What [`RequestOptions::set`] knows, for the messages of whoever reads keywords.
pub const REQUEST_KEYS: [&str; 15] = [
    "method",
    "params",
    "headers",
    "cookies",
    "auth",
    "content",
    "data",
    "json",
    "timeout",
    "retry",
    "follow_redirects",
    "max_redirects",
    "max_body",
    "raise_for_status",
    "name",
];

/// What was given; everything else is left to the call, then to the client.
#[derive(Clone, Debug, Default)]
pub struct RequestOptions {
    /// `method`.
    pub method: Option<Method>,
    /// `params`.
    pub params: Params,
    /// `headers`, with `auth` among them.
    pub headers: HeaderMap,
    /// The headers whose value is None.
    pub without: Vec<HeaderName>,
    /// `cookies`.
    pub cookies: Vec<(String, String)>,
    /// One of `content`, `data` and `json`.
    pub body: Option<BodyInput>,
    body_argument: Option<&'static str>,
    /// `name`.
    pub name: Option<Box<str>>,
    timeout: Option<Timeout>,
    retry: Option<Retry>,
    follow_redirects: Option<bool>,
    max_redirects: Option<u32>,
    max_body: Option<u64>,
    raise_for_status: Option<bool>,
    auth: Option<HeaderValue>,
    /// The `Content-Type` is that of the body, not one that was given.
    pub type_of_body: bool,
}

impl RequestOptions {
    /// Those that make the same request again.
    pub fn of(request: &Request) -> Self {
        Self {
            method: Some(request.method.clone()),
            headers: request.headers.clone(),
            without: request.without.clone(),
            body: request.body.clone().map(|bytes| BodyInput { bytes, content_type: None }),
            name: request.name.clone(),
            ..request.settings.as_deref().map(Self::of_settings).unwrap_or_default()
        }
    }

    fn of_settings(settings: &Settings) -> Self {
        Self {
            timeout: Some(settings.timeout),
            retry: Some(settings.retry.clone()),
            follow_redirects: Some(settings.follow_redirects),
            max_redirects: Some(settings.max_redirects),
            max_body: settings.max_body,
            raise_for_status: Some(settings.raise_for_status),
            ..Self::default()
        }
    }

    /// The keywords that give these options again, once [`RequestOptions::finish`] was called.
    pub fn keywords<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let keywords = PyDict::new(py);
        let mut headers: Vec<(&str, Option<Bound<'py, PyBytes>>)> =
            self.without.iter().map(|name| (name.as_str(), None)).collect();
        headers
            .extend(self.headers.iter().map(|(name, value)| (name.as_str(), Some(PyBytes::new(py, value.as_bytes())))));
        set_unless_empty(&keywords, "headers", headers)?;
        set_if_given(&keywords, "params", (!self.params.is_empty()).then(|| self.params.to_text()))?;
        set_unless_empty(&keywords, "cookies", self.cookies.clone())?;
        set_if_given(&keywords, "method", self.method.as_ref().map(Method::as_str))?;
        set_if_given(&keywords, "content", self.body.as_ref().map(|body| PyBytes::new(py, &body.bytes)))?;
        set_if_given(&keywords, "name", self.name.as_deref())?;
        let timeout = self.timeout.map(|timeout| timeout_to_python(py, timeout)).transpose()?;
        set_if_given(&keywords, "timeout", timeout)?;
        set_if_given(&keywords, "retry", self.retry.clone().map(PyRetry))?;
        set_if_given(&keywords, "follow_redirects", self.follow_redirects)?;
        set_if_given(&keywords, "max_redirects", self.max_redirects)?;
        set_if_given(&keywords, "max_body", self.max_body)?;
        set_if_given(&keywords, "raise_for_status", self.raise_for_status)?;
        Ok(keywords)
    }

    /// Whether a request with these options is the same. Where a body came from (`json`, `content`) makes no
    /// difference; its type is among the headers.
    pub fn same(&self, other: &Self) -> bool {
        let body = |options: &Self| options.body.as_ref().map(|body| body.bytes.clone());
        let without = |options: &Self| options.without.iter().cloned().collect::<HashSet<HeaderName>>();
        self.method == other.method
            && self.params == other.params
            && self.headers == other.headers
            && without(self) == without(other)
            && self.cookies == other.cookies
            && body(self) == body(other)
            && self.name == other.name
            && self.timeout == other.timeout
            && self.retry == other.retry
            && self.follow_redirects == other.follow_redirects
            && self.max_redirects == other.max_redirects
            && self.max_body == other.max_body
            && self.raise_for_status == other.raise_for_status
    }

    /// Takes one keyword; `false` if it is none of [`REQUEST_KEYS`].
    pub fn set(&mut self, key: &str, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        match key {
            key if !REQUEST_KEYS.contains(&key) => return Ok(false),
            _ if is_client_default(value)? => {}
            "timeout" => self.timeout = Some(timeout_from(value)?),
            "retry" => self.retry = Some(retry_from(value)?),
            "max_body" => self.max_body = Some(size_from("max_body", value)?),
            "follow_redirects" => self.follow_redirects = Some(flag("follow_redirects", value)?),
            "raise_for_status" => self.raise_for_status = Some(flag("raise_for_status", value)?),
            "max_redirects" => self.max_redirects = Some(count("max_redirects", value)?),
            // For the others None means "not given".
            _ if value.is_none() && key != "json" => {}
            "method" => self.method = Some(method_from("method", value)?),
            "params" => self.params = params_from(value)?,
            "headers" => {
                let input = headers_from(value)?;
                (self.headers, self.without) = (input.set, input.without);
            }
            "cookies" => self.cookies = cookies_from(value)?,
            "auth" => self.auth = Some(auth_header_from(value)?),
            "content" => self.set_body("content", content_from("content", value)?)?,
            "data" => self.set_body("data", data_from(value)?)?,
            "json" => {
                // None is "not given" here too, as in requests and httpx; `content=b"null"` sends a null.
                if !value.is_none() {
                    self.set_body("json", json_from(value)?)?;
                }
            }
            "name" => self.name = Some(text("name", value)?.into()),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn set_body(&mut self, argument: &'static str, body: BodyInput) -> PyResult<()> {
        if let Some(other) = self.body_argument {
            return Err(PyTypeError::new_err(format!(
                "{other} and {argument} can't both be given: a request has one body"
            )));
        }
        self.body_argument = Some(argument);
        self.body = Some(body);
        Ok(())
    }

    /// Once all keywords are in: `auth` becomes a header and, as in requests and httpx, replaces one that is given; the
    /// body's type becomes one too, unless it is given.
    pub fn finish(&mut self) {
        if let Some(auth) = self.auth.take() {
            self.headers.insert(AUTH_HEADER, auth);
        }
        if let Some(content_type) = self.body.as_ref().and_then(|body| body.content_type.clone())
            && !self.without.contains(&CONTENT_TYPE)
            && !self.headers.contains_key(CONTENT_TYPE)
        {
            self.headers.insert(CONTENT_TYPE, content_type);
            self.type_of_body = true;
        }
    }

    /// The headers, with the cookies of the call and of these options among them.
    pub fn headers_with_cookies(&self, of_the_call: &[(String, String)]) -> HeaderMap {
        let mut headers = self.headers.clone();
        if !self.cookies.is_empty()
            && let Some(cookies) = cookie_header(&[of_the_call, &self.cookies].concat())
        {
            headers.insert(COOKIE, cookies);
        }
        headers
    }

    /// `base` with what is given here; the same `base` if nothing is.
    pub fn settings(&self, base: &Arc<Settings>) -> Arc<Settings> {
        let nothing = self.timeout.is_none()
            && self.retry.is_none()
            && self.follow_redirects.is_none()
            && self.max_redirects.is_none()
            && self.max_body.is_none()
            && self.raise_for_status.is_none();
        if nothing {
            return base.clone();
        }
        let base = base.as_ref().clone();
        Arc::new(Settings {
            timeout: self.timeout.unwrap_or(base.timeout),
            retry: self.retry.clone().unwrap_or(base.retry),
            follow_redirects: self.follow_redirects.unwrap_or(base.follow_redirects),
            max_redirects: self.max_redirects.unwrap_or(base.max_redirects),
            max_body: self.max_body.or(base.max_body),
            raise_for_status: self.raise_for_status.unwrap_or(base.raise_for_status),
        })
    }
}

fn set_unless_empty<'py, T: IntoPyObject<'py>>(
    keywords: &Bound<'py, PyDict>,
    key: &str,
    values: Vec<T>,
) -> PyResult<()> {
    if values.is_empty() { Ok(()) } else { keywords.set_item(key, values) }
}

fn set_if_given<'py, T: IntoPyObject<'py>>(keywords: &Bound<'py, PyDict>, key: &str, value: Option<T>) -> PyResult<()> {
    value.map_or(Ok(()), |value| keywords.set_item(key, value))
}

/// The `TypeError` for a keyword nobody knows.
pub fn unknown(function: &str, key: &str, known: impl IntoIterator<Item = &'static str>) -> PyErr {
    let hint = known
        .into_iter()
        .map(|name| (distance(name, key), name))
        .min()
        .filter(|(distance, name)| {
            // Few letters differ, or the beginning is the same ("retries").
            let shared = name.bytes().zip(key.bytes()).take_while(|(a, b)| a == b).count();
            distance * 3 <= name.len() || shared * 2 > name.len()
        })
        .map_or_else(String::new, |(_, name)| format!("; did you mean {name:?}?"));
    PyTypeError::new_err(format!("{function} got an unexpected keyword argument {key:?}{hint}"))
}

/// How many letters must be added, left out or exchanged to make one word of the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, of_a) in a.bytes().enumerate() {
        let (mut diagonal, mut left) = (i, i + 1);
        for (above, of_b) in row.iter_mut().skip(1).zip(b.bytes()) {
            let cell = (diagonal + usize::from(of_a != of_b)).min(left + 1).min(*above + 1);
            diagonal = std::mem::replace(above, cell);
            left = cell;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

/// True or False.
pub fn flag(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let truth = value.cast::<PyBool>().map(|truth| truth.is_true());
    truth.map_err(|_| PyTypeError::new_err(format!("{argument} must be True or False, not {}", type_name(value))))
}

/// `USE_CLIENT_DEFAULT`: the same as leaving the argument out.
pub fn is_client_default(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    static DEFAULT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    Ok(value.is(DEFAULT.import(value.py(), "shoal._types", "USE_CLIENT_DEFAULT")?))
}

/// A number of something, or None for no limit.
fn count(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<u32> {
    if value.is_none() {
        return Ok(u32::MAX);
    }
    if !value.is_instance_of::<PyInt>() || value.is_instance_of::<PyBool>() {
        return Err(PyTypeError::new_err(format!("{argument} must be an int or None, not {}", type_name(value))));
    }
    whole(argument, value)
}

/// Bytes: an int, "64MiB", "10MB", "512 KiB", "1000"; None for no limit.
pub fn size_from(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<u64> {
    if value.is_none() {
        return Ok(u64::MAX);
    }
    let wrong = || {
        let shown = value.repr().map_or_else(|_| type_name(value), |repr| repr.to_string());
        PyValueError::new_err(format!(
            "{argument} must be a number of bytes, a size like \"64MiB\" or None, not {shown}"
        ))
    };
    if value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>() {
        return value.extract().map_err(|_| wrong());
    }
    let Ok(text) = value.cast::<PyString>() else {
        let message = format!("{argument} must be an int, a size like \"64MiB\" or None, not {}", type_name(value));
        return Err(PyTypeError::new_err(message));
    };
    let text = utf8(argument, text)?.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    Ok((number * factor as f64) as u64)
}
