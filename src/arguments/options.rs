//! Reads the keywords of the table into the types that the engine uses: one reader for the HTTP functions, a `Request`, an
//! item of a batch, a `Client` and the functions of `shoal.parallel`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyDict, PyString};
use url::Url;

use super::request::{
    BodyInput, Params, SaveTo, auth_from, content_from, cookie_header, cookies_from, data_from, headers_from,
    json_from, params_from, save_to_from,
};
use super::scalars::{at_least, count, flag, path, seconds, size, text, text_or, type_name, utf8, wrong_type};
use super::settings::{
    PyLimits, PyRetry, concurrency_from, method_from, rate_from, retry_from, timeout_from, timeout_to_python,
};
use super::table::{Function, Keyword, Row};
use shoal_http::client::ClientOptions;
use shoal_http::limits::Rate;
use shoal_http::redact::redact_input;
use shoal_http::request::Request;
use shoal_http::retry::Retry;
use shoal_http::settings::{Settings, Timeout};
use shoal_http::transport::Verify;

/// The options of one call. A function uses the parts that it has keywords for.
#[derive(Default)]
pub struct Options {
    pub request: RequestOptions,
    pub batch: BatchOptions,
    /// `http2`, `verify` and `trust_env`.
    pub client: ClientOptions,
    pub base_url: Option<Url>,
    pub limits: Option<Py<PyLimits>>,
    pub user_agent: Option<HeaderValue>,
    pub progress: Option<Py<PyAny>>,
    pub on_error: Policy,
    pub workers: Option<usize>,
    auth: Option<HeaderValue>,
    body: Option<(&'static str, BodyInput)>,
}

/// The options of a request that were given; all others are those of the call, then of the client.
#[derive(Clone, Debug, Default)]
pub struct RequestOptions {
    pub method: Option<Method>,
    pub params: Params,
    /// `headers`, with `auth` and the type of the body among them.
    pub headers: HeaderMap,
    /// The headers whose value is None, sorted.
    pub without: Vec<HeaderName>,
    pub cookies: Vec<(String, String)>,
    /// One of `content`, `data` and `json`.
    pub body: Option<Bytes>,
    /// The `Content-Type` among the headers is that of `data` or `json`, not one that was given.
    pub has_body_type: bool,
    pub name: Option<Box<str>>,
    settings: SettingsOptions,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct SettingsOptions {
    timeout: Option<Timeout>,
    retry: Option<Retry>,
    follow_redirects: Option<bool>,
    max_redirects: Option<u32>,
    max_body: Option<u64>,
    raise_for_status: Option<bool>,
}

#[derive(Default)]
pub struct BatchOptions {
    pub client: Option<Py<PyAny>>,
    /// `concurrency`; `Some(None)`: the call has no limit of its own.
    pub concurrency: Option<Option<usize>>,
    pub per_host: Option<usize>,
    pub rate: Option<Rate>,
    pub deadline: Option<Duration>,
    pub return_exceptions: bool,
    pub save_to: Option<SaveTo>,
    pub buffer: Option<usize>,
    pub ordered: bool,
}

/// What a function of `shoal.parallel` does with documents that fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    #[default]
    Raise,
    /// Returns an `ItemError` in the place of the document.
    Return,
    Skip,
}

impl Options {
    /// Reads the keywords of a call of `function`, which errors call by `name`.
    pub fn read<'py>(
        function: Function,
        name: &str,
        keywords: impl IntoIterator<Item = (Bound<'py, PyAny>, Bound<'py, PyAny>)>,
    ) -> PyResult<Self> {
        let mut options = Self::default();
        for (key, value) in keywords {
            let key = key.cast::<PyString>().map_err(|_| {
                PyTypeError::new_err(format!("{name}: the name of an option must be str, not {}", type_name(&key)))
            })?;
            let key = utf8("the name of an option", key)?;
            let Some(row) = function.keywords().find(|row| row.name == key) else {
                return Err(unknown(name, key, function.keywords().map(|row| row.name)));
            };
            if !is_client_default(&value)? {
                options.set(row, &value)?;
            }
        }
        options.finish();
        Ok(options)
    }

    fn set(&mut self, row: &Row, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let argument = row.name;
        let request = &mut self.request;
        let settings = &mut request.settings;
        match row.keyword {
            // Options of which None is a value.
            Keyword::concurrency => self.batch.concurrency = Some(concurrency_from(value)?),
            Keyword::timeout => settings.timeout = Some(timeout_from(value)?),
            Keyword::retry => settings.retry = Some(retry_from(value)?),
            Keyword::max_redirects => settings.max_redirects = Some(max_redirects_from(value)?),
            Keyword::max_body => settings.max_body = Some(size(argument, value)?),
            // Options that are never None.
            Keyword::on_error => self.on_error = policy_from(value)?,
            Keyword::follow_redirects => settings.follow_redirects = Some(flag(argument, value)?),
            Keyword::raise_for_status => settings.raise_for_status = Some(flag(argument, value)?),
            Keyword::return_exceptions => self.batch.return_exceptions = flag(argument, value)?,
            Keyword::ordered => self.batch.ordered = flag(argument, value)?,
            Keyword::http2 => self.client.connections.http2 = flag(argument, value)?,
            Keyword::trust_env => self.client.connections.trust_env = flag(argument, value)?,
            // For all others None means "not given".
            _ if value.is_none() => {}
            Keyword::method => request.method = Some(method_from(argument, value)?),
            Keyword::params => request.params = params_from(value)?,
            Keyword::headers => {
                let input = headers_from(value)?;
                (request.headers, request.without) = (input.set, input.without);
            }
            Keyword::cookies => request.cookies = cookies_from(value)?,
            Keyword::auth => self.auth = Some(auth_from(value)?),
            Keyword::content => self.set_body(argument, content_from(argument, value)?)?,
            Keyword::data => self.set_body(argument, data_from(value)?)?,
            Keyword::json => self.set_body(argument, json_from(value)?)?,
            Keyword::name => request.name = Some(text(argument, value)?.into()),
            Keyword::per_host => self.batch.per_host = Some(at_least(1, argument, value)?),
            Keyword::rate => self.batch.rate = Some(rate_from(value)?),
            Keyword::deadline => self.batch.deadline = Some(seconds(argument, "a number of seconds or None", value)?),
            Keyword::workers => self.workers = Some(at_least(1, argument, value)?),
            Keyword::buffer => self.batch.buffer = Some(at_least(0, argument, value)?),
            Keyword::progress => self.progress = Some(value.clone().unbind()),
            Keyword::save_to => self.batch.save_to = Some(save_to_from(value)?),
            Keyword::client => self.batch.client = Some(value.clone().unbind()),
            Keyword::base_url => self.base_url = Some(base_url_from(value)?),
            Keyword::limits => self.limits = Some(limits_from(value)?),
            Keyword::verify => self.client.connections.verify = verify_from(value)?,
            Keyword::user_agent => self.user_agent = Some(user_agent_from(value)?),
        }
        Ok(())
    }

    fn set_body(&mut self, argument: &'static str, body: BodyInput) -> PyResult<()> {
        if let Some((other, _)) = self.body {
            return Err(PyTypeError::new_err(format!(
                "{other} and {argument} can't both be given: a request has one body"
            )));
        }
        self.body = Some((argument, body));
        Ok(())
    }

    /// Makes `auth` a header, which replaces one that is given, as in requests and httpx; and the type of the body, unless
    /// a type is given.
    fn finish(&mut self) {
        let request = &mut self.request;
        request.without.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        request.without.dedup();
        if let Some(auth) = self.auth.take() {
            request.headers.insert(AUTHORIZATION, auth);
        }
        let Some((_, BodyInput { bytes, content_type })) = self.body.take() else { return };
        request.body = Some(bytes);
        if let Some(content_type) = content_type
            && !request.without.contains(&CONTENT_TYPE)
            && !request.headers.contains_key(CONTENT_TYPE)
        {
            request.headers.insert(CONTENT_TYPE, content_type);
            request.has_body_type = true;
        }
    }
}

impl RequestOptions {
    /// The options that make `request` again.
    pub fn of(request: &Request) -> Self {
        let settings = request.settings.as_deref().map(|settings| SettingsOptions {
            timeout: Some(settings.timeout),
            retry: Some(settings.retry.clone()),
            follow_redirects: Some(settings.follow_redirects),
            max_redirects: Some(settings.max_redirects),
            max_body: settings.max_body,
            raise_for_status: Some(settings.raise_for_status),
        });
        Self {
            method: Some(request.method.clone()),
            headers: request.headers.clone(),
            without: request.without.clone(),
            body: request.body.clone(),
            name: request.name.clone(),
            settings: settings.unwrap_or_default(),
            ..Self::default()
        }
    }

    /// The keywords that make these options again.
    pub fn keywords<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let keywords = PyDict::new(py);
        let left_out = self.without.iter().map(|name| (name.as_str(), None));
        let set = self.headers.iter().map(|(name, value)| (name.as_str(), Some(PyBytes::new(py, value.as_bytes()))));
        let headers: Vec<_> = left_out.chain(set).collect();
        let settings = &self.settings;
        let timeout = settings.timeout.map(|timeout| timeout_to_python(py, timeout)).transpose()?;
        set_if_given(&keywords, "headers", Some(headers).filter(|headers| !headers.is_empty()))?;
        set_if_given(&keywords, "params", (!self.params.is_empty()).then(|| self.params.to_text()))?;
        set_if_given(&keywords, "cookies", Some(&self.cookies).filter(|cookies| !cookies.is_empty()))?;
        set_if_given(&keywords, "method", self.method.as_ref().map(Method::as_str))?;
        set_if_given(&keywords, "content", self.body.as_ref().map(|body| PyBytes::new(py, body)))?;
        set_if_given(&keywords, "name", self.name.as_deref())?;
        set_if_given(&keywords, "timeout", timeout)?;
        set_if_given(&keywords, "retry", settings.retry.clone().map(PyRetry))?;
        set_if_given(&keywords, "follow_redirects", settings.follow_redirects)?;
        set_if_given(&keywords, "max_redirects", settings.max_redirects)?;
        set_if_given(&keywords, "max_body", settings.max_body)?;
        set_if_given(&keywords, "raise_for_status", settings.raise_for_status)?;
        Ok(keywords)
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

    /// `base` with the settings that are given here; the same `base` if none is.
    pub fn settings(&self, base: &Arc<Settings>) -> Arc<Settings> {
        let given = &self.settings;
        if *given == SettingsOptions::default() {
            return base.clone();
        }
        Arc::new(Settings {
            timeout: given.timeout.unwrap_or(base.timeout),
            retry: given.retry.as_ref().unwrap_or(&base.retry).clone(),
            follow_redirects: given.follow_redirects.unwrap_or(base.follow_redirects),
            max_redirects: given.max_redirects.unwrap_or(base.max_redirects),
            max_body: given.max_body.or(base.max_body),
            raise_for_status: given.raise_for_status.unwrap_or(base.raise_for_status),
        })
    }
}

/// Options are equal if they make the same request. Whether its body came as `json` or as `content` makes no difference.
impl PartialEq for RequestOptions {
    fn eq(&self, other: &Self) -> bool {
        let Self { method, params, headers, without, cookies, body, has_body_type: _, name, settings } = self;
        *method == other.method
            && *params == other.params
            && *headers == other.headers
            && *without == other.without
            && *cookies == other.cookies
            && *body == other.body
            && *name == other.name
            && *settings == other.settings
    }
}

fn set_if_given<'py, T: IntoPyObject<'py>>(keywords: &Bound<'py, PyDict>, key: &str, value: Option<T>) -> PyResult<()> {
    value.map_or(Ok(()), |value| keywords.set_item(key, value))
}

/// Whether a value is `USE_CLIENT_DEFAULT`, which means the same as leaving the argument out.
fn is_client_default(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    static DEFAULT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    Ok(value.is(DEFAULT.import(value.py(), "shoal._types", "USE_CLIENT_DEFAULT")?))
}

fn policy_from(value: &Bound<'_, PyAny>) -> PyResult<Policy> {
    let expected = "\"raise\", \"return\" or \"skip\"";
    match text_or("on_error", expected, value)? {
        "raise" => Ok(Policy::Raise),
        "return" => Ok(Policy::Return),
        "skip" => Ok(Policy::Skip),
        other => Err(PyValueError::new_err(format!("on_error must be {expected}, not {other:?}"))),
    }
}

fn max_redirects_from(value: &Bound<'_, PyAny>) -> PyResult<u32> {
    if value.is_none() {
        return Ok(u32::MAX);
    }
    count("max_redirects", "an int or None", value)
}

fn base_url_from(value: &Bound<'_, PyAny>) -> PyResult<Url> {
    let text = text("base_url", value)?;
    let invalid = |reason: &str| PyValueError::new_err(format!("base_url {:?}: {reason}", redact_input(text)));
    let url = Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid("scheme must be http or https"));
    }
    Ok(url)
}

fn limits_from(value: &Bound<'_, PyAny>) -> PyResult<Py<PyLimits>> {
    Ok(value.cast::<PyLimits>().map_err(|_| wrong_type("limits", "a shoal.Limits", value))?.clone().unbind())
}

fn user_agent_from(value: &Bound<'_, PyAny>) -> PyResult<HeaderValue> {
    let agent = text("user_agent", value)?;
    HeaderValue::from_str(agent).map_err(|_| PyValueError::new_err(format!("user_agent can't be sent: {agent:?}")))
}

fn verify_from(value: &Bound<'_, PyAny>) -> PyResult<Verify> {
    if let Ok(truth) = value.cast::<PyBool>() {
        return Ok(if truth.is_true() { Verify::System } else { Verify::Nothing });
    }
    if let Ok(pem) = value.cast::<PyBytes>() {
        return Ok(Verify::Pem(pem.as_bytes().to_vec()));
    }
    path("verify", "be True, False, a path or PEM bytes", value).map(Verify::File)
}

/// The `TypeError` for a keyword that `function` does not have; it suggests the most similar of the `known` ones.
fn unknown(function: &str, key: &str, known: impl IntoIterator<Item = &'static str>) -> PyErr {
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

/// The Levenshtein distance of two names, in bytes.
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
