//! Turns the items of a call into requests, with the options of the client and the call.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use pyo3::exceptions::{PyDeprecationWarning, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyMapping, PyString, PyTuple};
use url::{ParseError, Url};

use super::request::{PyRequest, from_core};
use crate::arguments::options::{Options, RequestOptions};
use crate::arguments::request::{Params, SaveTo};
use crate::arguments::scalars::{path, prefixed, type_name, wrong_type};
use crate::arguments::table::Function;
use shoal_http::client::{Client, ClientOptions, Session};
use shoal_http::error::{AttemptError, ErrorKind, FetchError, Phase};
use shoal_http::headers::merge;
use shoal_http::items::Items;
use shoal_http::limits::Limits;
use shoal_http::redact::{quote, redact_input};
use shoal_http::request::{Request, basic_auth};
use shoal_http::settings::Settings;

/// A client's plan and its connections.
pub type Opened = (Arc<Plan>, Arc<Session>);

/// The options that the requests of a client, or the items of a call, have in common.
pub struct Plan {
    /// The method of items without one.
    pub method: Method,
    /// The base of relative URLs.
    pub base_url: Option<Url>,
    pub params: Params,
    pub headers: Arc<HeaderMap>,
    /// The cookies of the call; a client keeps its own in its jar.
    cookies: Vec<(String, String)>,
    /// The body of items without one.
    body: Option<Bytes>,
    /// The call's `Content-Type` is that of its body.
    has_body_type: bool,
    /// Client or call have a `Content-Type`, which is sent with every body, as in requests and httpx.
    typed: bool,
    pub settings: Arc<Settings>,
    /// Where bodies are saved, if not in memory.
    pub save_to: Option<SaveTo>,
    /// Failures are results and do not end the call.
    pub return_exceptions: bool,
}

impl Plan {
    /// The plan of a client.
    pub fn new(base_url: Option<Url>, params: Params, headers: HeaderMap, settings: Arc<Settings>) -> Self {
        Self {
            method: Method::GET,
            base_url,
            params,
            typed: headers.contains_key(CONTENT_TYPE),
            headers: Arc::new(headers),
            cookies: Vec::new(),
            body: None,
            has_body_type: false,
            settings,
            save_to: None,
            return_exceptions: false,
        }
    }

    /// The plan of a call without a client, with connections that live as long as the call.
    pub fn of_a_call(py: Python<'_>, limits: Limits) -> PyResult<Opened> {
        warn_of_old_variable(py)?;
        let client = Client::new(ClientOptions { limits, ..ClientOptions::default() });
        let session = client.and_then(|client| client.session()).map_err(PyRuntimeError::new_err)?;
        Ok((Arc::new(Self::new(None, Params::default(), standard_headers(), Arc::default())), session))
    }

    /// This plan of a client with the options of a call.
    pub fn with(&self, request: RequestOptions, save_to: Option<SaveTo>, return_exceptions: bool) -> Self {
        let mut own = request.headers_with_cookies(&[]);
        if request.has_body_type && self.typed {
            own.remove(CONTENT_TYPE);
        }
        let headers = if own.is_empty() && request.without.is_empty() {
            self.headers.clone()
        } else {
            Arc::new(merge(&self.headers, &own, &request.without))
        };
        Self {
            settings: request.settings(&self.settings),
            method: request.method.unwrap_or(Method::GET),
            base_url: self.base_url.clone(),
            params: request.params.over(&self.params),
            typed: headers.contains_key(CONTENT_TYPE) && (!request.has_body_type || self.typed),
            headers,
            cookies: request.cookies,
            body: request.body,
            has_body_type: request.has_body_type,
            save_to,
            return_exceptions,
        }
    }

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
                let (url, options) =
                    self.item(item).map_err(|error| prefixed(py, &format!("requests[{index}]"), error))?;
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
        Items::with_capacity(count, self.method.clone(), self.body.clone())
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
            let mapping = options
                .cast::<PyMapping>()
                .map_err(|_| wrong_type("the options of (url, options)", "a mapping", &options))?;
            return Ok((url_text(&pair.get_item(0)?)?, options_of(mapping, None)?));
        }
        if let Ok(mapping) = item.cast::<PyMapping>() {
            let url = mapping
                .get_item("url")
                .map_err(|_| PyValueError::new_err("an item that is a mapping needs the key \"url\""))?;
            return Ok((url_text(&url)?, options_of(mapping, Some("url"))?));
        }
        let expected = "a URL as str, a Request, a pair (url, options) or a mapping with \"url\"";
        Err(wrong_type("an item", expected, item))
    }

    /// The request for a URL and its options.
    pub fn build(
        &self,
        url: &Bound<'_, PyString>,
        options: Option<&RequestOptions>,
        index: usize,
    ) -> Result<Request, FetchError> {
        let text = url
            .to_str()
            .map_err(|_| invalid_url("a lone surrogate, which UTF-8 cannot carry", &url.to_string_lossy(), index))?;
        let mut url = self.url(text).map_err(|reason| invalid_url(&reason, text, index))?;
        let credentials = take_credentials(&mut url);
        let method = options.and_then(|options| options.method.clone()).unwrap_or_else(|| self.method.clone());
        let mut request = Request::new(method, url);
        request.body = self.body.clone();
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
                request.body = Some(body.clone());
                if self.typed && options.has_body_type {
                    request.headers.remove(CONTENT_TYPE);
                } else if !self.typed && self.has_body_type {
                    // The call's `Content-Type` describes the call's body.
                    request.without.push(CONTENT_TYPE);
                }
            }
            let settings = options.settings(&self.settings);
            request.settings = (!Arc::ptr_eq(&settings, &self.settings)).then_some(settings);
        }
        if let Some(credentials) = credentials {
            request.headers.entry(AUTHORIZATION).or_insert(credentials);
        }
        Ok(request)
    }

    fn url(&self, text: &str) -> Result<Url, String> {
        if has_no_host(text) {
            return Err("empty host".to_owned());
        }
        let absolute = Url::parse(text);
        let is_relative = match &absolute {
            // With a base URL "player:12" is a relative URL and not one with a scheme.
            Ok(url) => url.cannot_be_a_base(),
            Err(error) => *error == ParseError::RelativeUrlWithoutBase,
        };
        let url = match &self.base_url {
            Some(base) if is_relative => join(base, text),
            None if is_relative => {
                return Err("not an absolute URL (http:// or https:// is missing)".to_owned());
            }
            _ => absolute,
        };
        let url = url.map_err(|error| error.to_string())?;
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
                let returned = function.call1(py, (index, request))?;
                path("save_to: the callable", "return str or a path", returned.bind(py)).map(Some)
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

fn take_credentials(url: &mut Url) -> Option<HeaderValue> {
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
    Ok(text.map_err(|_| wrong_type("url", "str", url))?.clone())
}

fn invalid_url(reason: &str, text: &str, index: usize) -> FetchError {
    let failure = AttemptError::new(ErrorKind::InvalidUrl, Phase::Queue, format!("{reason}: {:?}", redact_input(text)));
    FetchError::new(failure, None, index, 0, Duration::ZERO)
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
    Ok(Options::read(Function::Request, "a request's options", pairs)?.request)
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

/// Warns if the environment selects the transport by the old name of the variable.
pub fn warn_of_old_variable(py: Python<'_>) -> PyResult<()> {
    if std::env::var_os("SHOAL_LANE").is_none_or(|value| value.is_empty()) {
        return Ok(());
    }
    let message = c"SHOAL_LANE is deprecated: use SHOAL_TRANSPORT=reqwest in place of SHOAL_LANE=full";
    PyErr::warn(py, &py.get_type::<PyDeprecationWarning>(), message, 1)
}

/// The headers of every request that does not override them.
pub fn standard_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate, br, zstd"));
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("shoal/", env!("CARGO_PKG_VERSION"))));
    headers
}
