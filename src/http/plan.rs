//! Turns the items of a call into requests, with the options of the client and the call.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use http::header::{CONTENT_TYPE, HeaderMap};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyMapping, PyString, PyTuple};
use url::{ParseError, Url};

use super::request::{PyRequest, from_core, options_from};
use crate::arguments::input::{AUTH_HEADER, BodyInput, path_from, path_text, type_name, utf8};
use crate::arguments::options::RequestOptions;
use crate::arguments::params::Params;
use shoal_http::error::{AttemptError, ErrorKind, FetchError, Phase};
use shoal_http::items::Items;
use shoal_http::redact::{quote, redact_input};
use shoal_http::request::{Request, basic_auth};
use shoal_http::save::{PathTemplate, SavedPaths};
use shoal_http::settings::Settings;

/// The argument `save_to`.
pub enum SaveTo {
    /// A template of a path.
    Template(PathTemplate),
    /// A function that returns a path, called for each item on the caller's thread before any I/O.
    Callable(Py<PyAny>),
}

impl SaveTo {
    /// A check that no two items have the same file; `None` if the template has the index and needs none.
    pub fn places(&self) -> Option<SavedPaths> {
        match self {
            Self::Template(template) if template.is_distinct() => None,
            _ => Some(SavedPaths::default()),
        }
    }
}

/// The options that the items of a call have in common.
pub struct Plan {
    /// The method of items without one.
    pub method: Method,
    /// The parser of absolute URLs.
    /// The base of relative URLs.
    pub base_url: Option<Url>,
    /// The parameters of client and call.
    pub params: Params,
    /// The cookies of the call.
    pub cookies: Vec<(String, String)>,
    /// The body of items without one.
    pub body: Option<BodyInput>,
    /// Client or call have a `Content-Type`, which is sent with every body, as in requests and httpx.
    pub typed: bool,
    /// The settings of client and call.
    pub settings: Arc<Settings>,
    /// Where bodies are saved, if not in memory.
    pub save_to: Option<SaveTo>,
    /// Failures are results and do not end the call.
    pub return_exceptions: bool,
}

impl Plan {
    /// The request for one item: a str, a Request, `(url, options)`, or a mapping with "url". The inner error is
    /// about the URL of an otherwise valid item.
    pub fn request(
        &self,
        py: Python<'_>,
        item: &Bound<'_, PyAny>,
        index: usize,
    ) -> PyResult<Result<Arc<Request>, FetchError>> {
        let built = match item.cast::<PyString>() {
            Ok(url) => self.build(url, None, index),
            Err(_) => {
                let (url, options) = self.item(item).map_err(|error| at(py, index, error))?;
                self.build(&url, Some(&options), index)
            }
        };
        let mut request = match built {
            Ok(request) => request,
            Err(error) => return Ok(Err(error)),
        };
        if self.save_to.is_some() {
            request.save_to = self.path(py, &request, index)?;
        }
        Ok(Ok(Arc::new(request)))
    }

    /// An empty collection for the requests of a batch.
    pub fn items(&self, count: usize) -> Items {
        Items::with_capacity(count, self.method.clone(), self.body.as_ref().map(|body| body.bytes.clone()))
    }

    /// Whether a URL needs only this plan's method and body to be a request.
    pub fn is_plain(&self) -> bool {
        self.params.is_empty() && self.save_to.is_none()
    }

    fn item<'py>(&self, item: &Bound<'py, PyAny>) -> PyResult<(Bound<'py, PyString>, RequestOptions)> {
        if let Ok(request) = item.cast::<PyRequest>() {
            let (url, options) = request.get().parts();
            return Ok((PyString::new(item.py(), url), options));
        }
        if let Ok(pair) = item.cast::<PyTuple>()
            && pair.len() == 2
        {
            let options = pair.get_item(1)?;
            let mapping = options.cast::<PyMapping>().map_err(|_| {
                PyTypeError::new_err(format!(
                    "the options of (url, options) must be a mapping, not {}",
                    type_name(&options)
                ))
            })?;
            return Ok((url_text(&pair.get_item(0)?)?, options_of(mapping, None)?));
        }
        if let Ok(mapping) = item.cast::<PyMapping>() {
            let url = mapping
                .get_item("url")
                .map_err(|_| PyValueError::new_err("an item that is a mapping needs the key \"url\""))?;
            return Ok((url_text(&url)?, options_of(mapping, Some("url"))?));
        }
        Err(PyTypeError::new_err(format!(
            "an item must be a URL as str, a Request, a pair (url, options) or a mapping with \"url\", not {}",
            type_name(item),
        )))
    }

    /// The request for a URL and its options.
    pub fn build(
        &self,
        url: &Bound<'_, PyString>,
        options: Option<&RequestOptions>,
        index: usize,
    ) -> Result<Request, FetchError> {
        let text = url.to_str().map_err(|_| surrogate(url, index))?;
        let mut url = self.url(text).map_err(|reason| invalid_url(&reason, text, index))?;
        let credentials = take_credentials(&mut url);
        let method = options.and_then(|options| options.method.clone()).unwrap_or_else(|| self.method.clone());
        let mut request = Request::new(method, url);
        request.body = self.body.as_ref().map(|body| body.bytes.clone());
        let none = Params::default();
        let own = options.map_or(&none, |options| &options.params);
        if !self.params.is_empty() || !own.is_empty() {
            self.params.add_to(&mut request.url, own);
        }
        if let Some(options) = options {
            request.headers = options.headers_with_cookies(&self.cookies);
            request.without.clone_from(&options.without);
            request.name.clone_from(&options.name);
            if let Some(body) = &options.body {
                request.body = Some(body.bytes.clone());
                if self.typed && options.type_of_body {
                    request.headers.remove(CONTENT_TYPE);
                } else if !self.typed && self.body.as_ref().is_some_and(|body| body.content_type.is_some()) {
                    // The call's `Content-Type` describes the call's body.
                    request.without.push(CONTENT_TYPE);
                }
            }
            let settings = options.settings(&self.settings);
            request.settings = (!Arc::ptr_eq(&settings, &self.settings)).then_some(settings);
        }
        if let Some(credentials) = credentials {
            request.headers.entry(AUTH_HEADER).or_insert(credentials);
        }
        Ok(request)
    }

    fn url(&self, text: &str) -> Result<Url, String> {
        if has_no_host(text) {
            return Err("empty host".to_owned());
        }
        let url = match (Url::parse(text), &self.base_url) {
            // With a base URL "player:12" is a relative URL and not one with a scheme.
            (Ok(url), Some(base)) if url.cannot_be_a_base() => join(base, text).map_err(|error| error.to_string())?,
            (Ok(url), None) if url.cannot_be_a_base() => {
                return Err("not an absolute URL (http:// or https:// is missing)".to_owned());
            }
            (Ok(url), _) => url,
            (Err(ParseError::RelativeUrlWithoutBase), Some(base)) => {
                join(base, text).map_err(|error| error.to_string())?
            }
            (Err(ParseError::RelativeUrlWithoutBase), None) => {
                return Err("not an absolute URL (http:// or https:// is missing)".to_owned());
            }
            (Err(error), _) => return Err(error.to_string()),
        };
        match url.scheme() {
            "http" | "https" => Ok(url),
            scheme => Err(format!("scheme must be http or https, not {}", quote(scheme.as_bytes()))),
        }
    }

    fn path(&self, py: Python<'_>, request: &Request, index: usize) -> PyResult<Option<PathBuf>> {
        let name = request.name.as_deref();
        match &self.save_to {
            None => Ok(None),
            Some(SaveTo::Template(template)) => template
                .path(index, name, &request.url)
                .map(Some)
                .map_err(|reason| PyValueError::new_err(format!("save_to: requests[{index}]: {reason}"))),
            Some(SaveTo::Callable(function)) => {
                let request = from_core(py, &Arc::new(request.clone()))?;
                let path = function.call1(py, (index, request))?;
                path_from("save_to: the callable", path.bind(py), "return str or a path").map(Some)
            }
        }
    }
}

/// Whether this is `http:/path` or `http:///path`, which the URL standard reads as `http://path/`. Most likely the host is
/// missing.
fn has_no_host(text: &str) -> bool {
    let Some((scheme, rest)) = text.trim_start().split_once(':') else { return false };
    let ours = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    ours && rest.strip_prefix("//").is_none_or(|place| place.starts_with(['/', '\\']))
}

/// Appends the path to that of the base, also if it begins with a slash, as httpx does. Two slashes do not name a host:
/// a client's headers must not be sent to a host that a relative URL chooses.
fn join(base: &Url, text: &str) -> Result<Url, ParseError> {
    let mut folder = base.clone();
    if !folder.path().ends_with('/') {
        folder.set_path(&format!("{}/", base.path()));
    }
    folder.set_query(None);
    folder.set_fragment(None);
    // Without "./" a colon in the first segment would end a scheme.
    folder.join(&format!("./{}", text.trim_start_matches('/')))
}

fn take_credentials(url: &mut Url) -> Option<http::HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let header = basic_auth(&decode(url.username()), &decode(url.password().unwrap_or_default()));
    // Both fail only for URLs without a host, which http and https URLs have.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(header)
}

/// Reads `url`: a str.
pub fn url_text<'py>(url: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
    let text = url.cast::<PyString>();
    Ok(text.map_err(|_| PyTypeError::new_err(format!("url must be str, not {}", type_name(url))))?.clone())
}

/// Reads `base_url`: an absolute http or https URL.
pub fn base_url_from(value: &Bound<'_, PyAny>) -> PyResult<Url> {
    let Ok(text) = value.cast::<PyString>() else {
        return Err(PyTypeError::new_err(format!("base_url must be str, not {}", type_name(value))));
    };
    let text = utf8("base_url", text)?;
    let wrong = |reason: &str| PyValueError::new_err(format!("base_url {:?}: {reason}", redact_input(text)));
    let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("scheme must be http or https"));
    }
    Ok(url)
}

fn invalid_url(reason: &str, text: &str, index: usize) -> FetchError {
    let failure = AttemptError::new(ErrorKind::InvalidUrl, Phase::Queue, format!("{reason}: {:?}", redact_input(text)));
    FetchError::new(failure, None, index, 0, Duration::ZERO)
}

fn surrogate(url: &Bound<'_, PyString>, index: usize) -> FetchError {
    invalid_url("lone surrogates can't be encoded in UTF-8", &url.to_string_lossy(), index)
}

fn options_of(mapping: &Bound<'_, PyMapping>, without: Option<&str>) -> PyResult<RequestOptions> {
    let mut pairs = Vec::new();
    for pair in mapping.items()? {
        let (key, value) = pair.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
        if without.is_some_and(|left_out| key.eq(left_out).unwrap_or(false)) {
            continue;
        }
        pairs.push((key, value));
    }
    options_from("a request's options", pairs)
}

/// Adds the index of the item to the message of a `TypeError` or `ValueError`.
fn at(py: Python<'_>, index: usize, error: PyErr) -> PyErr {
    let message = format!("requests[{index}]: {}", error.value(py));
    let named = if error.is_instance_of::<PyTypeError>(py) {
        PyTypeError::new_err(message)
    } else if error.get_type(py).is(py.get_type::<PyValueError>()) {
        PyValueError::new_err(message)
    } else {
        return error;
    };
    named.set_cause(py, Some(error));
    named
}

/// Raises if `requests` is a single item and not an iterable of items.
pub fn check_iterable(requests: &Bound<'_, PyAny>) -> PyResult<()> {
    let single = requests.is_instance_of::<PyString>()
        || requests.is_instance_of::<PyBytes>()
        || requests.is_instance_of::<PyByteArray>()
        || requests.cast::<PyMapping>().is_ok()
        || requests.is_instance_of::<PyRequest>();
    if single {
        let kind = type_name(requests);
        return Err(PyTypeError::new_err(format!(
            "requests must be an iterable of URLs or requests, not one {kind}: put it into a list"
        )));
    }
    Ok(())
}

/// Reads `save_to`: a template, a callable or None.
pub fn save_to_from(value: &Bound<'_, PyAny>) -> PyResult<Option<SaveTo>> {
    if value.is_none() {
        return Ok(None);
    }
    if value.is_callable() {
        return Ok(Some(SaveTo::Callable(value.clone().unbind())));
    }
    let text = path_text("save_to", value)?.ok_or_else(|| {
        let kind = type_name(value);
        PyTypeError::new_err(format!("save_to must be a template as str or path, a callable or None, not {kind}"))
    })?;
    let template = PathTemplate::parse(&text).map_err(|reason| PyValueError::new_err(format!("save_to: {reason}")))?;
    Ok(Some(SaveTo::Template(template)))
}

/// The headers of client and call.
pub fn call_headers(client: &Arc<HeaderMap>, options: &RequestOptions) -> Arc<HeaderMap> {
    let mut own = options.headers_with_cookies(&[]);
    if options.type_of_body && client.contains_key(CONTENT_TYPE) {
        own.remove(CONTENT_TYPE);
    }
    if own.is_empty() && options.without.is_empty() {
        return client.clone();
    }
    Arc::new(shoal_http::headers::merge(client, &own, &options.without))
}
