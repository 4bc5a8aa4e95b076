//! `Client`: connections, cookies and settings for many calls.

use std::sync::Arc;

use http::header::{CONTENT_TYPE, COOKIE, HeaderValue, USER_AGENT};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyString, PyTuple};
use url::Url;

use super::batch::{BatchCall, gather};
use super::defaults::{Defaults, Opened, standard_headers};
use super::error::to_python;
use super::headers::PyHeaders;
use super::jobs::start_request;
use super::plan::{Plan, base_url_from, url_text};
use super::request::options_from;
use crate::arguments::input::{cookies_from, path_from, text, type_name, utf8};
use crate::arguments::limits::{CONCURRENCY, PyLimits, method_from, rebuilt};
use crate::arguments::options::{RequestOptions, flag, is_client_default, unknown};
use crate::bridge::coroutine::Ready;
use crate::bridge::job::Job;
use crate::bridge::lifecycle::calling_out;
use shoal_http::attempts::Fetcher;
use shoal_http::client::{Client, ClientOptions};
use shoal_http::headers::merge;
use shoal_http::settings::Settings;
use shoal_http::stats::Collector;
use shoal_http::transport::Verify;

const KEYS: [&str; 16] = [
    "base_url",
    "headers",
    "params",
    "cookies",
    "auth",
    "timeout",
    "retry",
    "limits",
    "follow_redirects",
    "max_redirects",
    "max_body",
    "http2",
    "verify",
    "trust_env",
    "user_agent",
    "raise_for_status",
];

/// Keeps connections, cookies and settings for many requests.
///
///     async with shoal.Client(base_url="https://api.example.com") as client:
///         player = await client.get("/players/23", params={"season": "2016-17"})
///
/// One client works in any number of event loops and threads at once. After `fork()` the child opens connections of its
/// own. A pickle holds the configuration. The `with` blocks are optional: a client that is dropped closes its connections.
///
/// Args:
///     base_url: joined in front of relative URLs, path included ("https://host/api" and "/players" make
///         "https://host/api/players").
///     headers: sent with every request; a None value omits a standard header (Accept-Encoding, User-Agent).
///     params: query parameters of every request.
///     cookies: sent with every request, to every host, but not after a redirect to another origin. Cookies that
///         servers set are kept and sent back (RFC 6265).
///     auth: `(user, password)` for Basic, or a bearer token; wins over an Authorization header. Not sent to other origins
///         after a redirect.
///     timeout: seconds per attempt, or a `Timeout`, or None for no limit; 30.0.
///     retry: attempts after the first, or a `Retry`; 2.
///     limits: a `Limits`: requests in flight, in flight per host, and rate per host; `Limits(concurrency=100)`.
///     follow_redirects: True. Credentials are not sent to another origin.
///     max_redirects: more raise TooManyRedirects; None for no limit; 10.
///     max_body: the most bytes of a decoded body, as int or "64MiB"; None for no limit.
///     raise_for_status: treat statuses from 400 as failures; False.
///     http2: offer HTTP/2 to https servers; True.
///     verify: True to check certificates against the system's, a path or bytes (PEM) to trust only those, False to
///         trust any.
///     trust_env: use the proxies of HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY (lower case wins); True. If
///         a proxy's URL is invalid, its requests fail with InvalidURL; they are never sent directly.
///     user_agent: "shoal/" and the version.
///
/// Raises:
///     TypeError, ValueError: an argument is invalid, or `verify` has no certificate.
#[pyclass(frozen, weakref, module = "shoal", name = "Client")]
pub struct PyClient {
    client: Client,
    defaults: Arc<Defaults>,
    plan: Plan,
    limits: Py<PyLimits>,
    keywords: Py<PyDict>,
}

impl PyClient {
    /// The defaults and the session. An error if the client is closed.
    fn open(&self) -> PyResult<Opened> {
        if self.client.is_closed() {
            return Err(PyRuntimeError::new_err("this Client is closed"));
        }
        let session = self.client.session().map_err(PyRuntimeError::new_err)?;
        Ok((self.defaults.clone(), session))
    }

    fn fetch(
        slf: &Bound<'_, Self>,
        method: http::Method,
        url: &Bound<'_, PyAny>,
        keywords: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<Job>> {
        calling_out(|| slf.get().start(slf.py(), method, url, keywords))
    }

    fn start(
        &self,
        py: Python<'_>,
        method: http::Method,
        url: &Bound<'_, PyAny>,
        keywords: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<Job>> {
        let (defaults, session) = self.open()?;
        let options = match keywords {
            None => None,
            Some(keywords) => {
                if keywords.contains("method")? {
                    return Err(unknown("a client's method", "method", []));
                }
                Some(options_from("a client's method", keywords.iter())?)
            }
        };
        let url = url_text(url)?;
        let mut request = self.plan.build(&url, options.as_ref(), 0).map_err(|error| to_python(py, &error))?;
        request.method = method;
        let fetcher = Fetcher {
            session,
            limits: None,
            settings: defaults.settings.clone(),
            headers: defaults.headers.clone(),
            collector: Arc::new(Collector::new()),
        };
        start_request(py, fetcher, request)
    }
}

/// Takes the keyword `client` out of a call's keywords and opens the client.
pub fn take_client<'py>(
    keywords: Option<&Bound<'py, PyDict>>,
) -> PyResult<(Option<Opened>, Option<Bound<'py, PyDict>>)> {
    let Some(keywords) = keywords else { return Ok((None, None)) };
    let Some(value) = keywords.get_item("client")? else { return Ok((None, Some(keywords.clone()))) };
    let rest = keywords.copy()?;
    rest.del_item("client")?;
    if value.is_none() || is_client_default(&value)? {
        return Ok((None, Some(rest)));
    }
    let client = value
        .cast::<PyClient>()
        .map_err(|_| PyTypeError::new_err(format!("client must be a shoal.Client, not {}", type_name(&value))))?;
    Ok((Some(client.get().open()?), Some(rest)))
}

/// The arguments of `Client`.
struct Arguments {
    config: ClientOptions,
    defaults: Defaults,
    limits: Option<Py<PyLimits>>,
}

fn arguments(keywords: &Bound<'_, PyDict>) -> PyResult<Arguments> {
    let mut config = ClientOptions::default();
    let mut headers = standard_headers();
    let mut options = RequestOptions::default();
    let mut base_url = None;
    let mut limits = None;
    for (key, value) in keywords {
        let key = utf8("the name of an option", key.cast::<PyString>()?)?;
        match key {
            key if !KEYS.contains(&key) => return Err(unknown("Client", key, KEYS)),
            "http2" => config.connections.http2 = flag("http2", &value)?,
            "trust_env" => config.connections.trust_env = flag("trust_env", &value)?,
            "base_url" | "cookies" | "verify" | "user_agent" | "limits" if value.is_none() => {}
            "base_url" => base_url = Some(base_url_from(&value)?),
            "cookies" => config.cookies = cookies_from(&value)?,
            "verify" => config.connections.verify = verify_from(&value)?,
            "user_agent" => {
                let agent = text("user_agent", &value)?;
                let sent = HeaderValue::from_str(agent);
                let sent = sent.map_err(|_| PyValueError::new_err(format!("user_agent can't be sent: {agent:?}")))?;
                headers.insert(USER_AGENT, sent);
            }
            "limits" => {
                let given = value.cast::<PyLimits>();
                let given = given.map_err(|_| {
                    PyTypeError::new_err(format!("limits must be a shoal.Limits, not {}", type_name(&value)))
                })?;
                config.limits = given.get().limits.clone();
                limits = Some(given.clone().unbind());
            }
            // An option that a call has, too.
            _ => {
                options.set(key, &value)?;
            }
        }
    }
    if limits.is_none() {
        config.limits.concurrency = Some(CONCURRENCY);
    }
    options.finish();
    let settings = options.settings(&Arc::new(Settings::default()));
    headers = merge(&headers, &options.headers, &options.without);
    let defaults = Defaults { base_url, params: options.params, headers: Arc::new(headers), settings };
    Ok(Arguments { config, defaults, limits })
}

fn verify_from(value: &Bound<'_, PyAny>) -> PyResult<Verify> {
    if let Ok(truth) = value.cast::<PyBool>() {
        return Ok(if truth.is_true() { Verify::System } else { Verify::Nothing });
    }
    if let Ok(pem) = value.cast::<PyBytes>() {
        return Ok(Verify::Pem(pem.as_bytes().to_vec()));
    }
    let path = path_from("verify", value, "be True, False, a path or PEM bytes")?;
    Ok(Verify::File(path))
}

#[pymethods]
impl PyClient {
    #[new]
    #[pyo3(
        signature = (**options),
        text_signature = "(*, base_url=None, headers=None, params=None, cookies=None, auth=None, timeout=30.0, retry=2, limits=..., follow_redirects=True, max_redirects=10, max_body='64MiB', raise_for_status=False, http2=True, verify=True, trust_env=True, user_agent=...)"
    )]
    fn new(py: Python<'_>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let keywords = options.map_or_else(|| Ok(PyDict::new(py)), |options| options.copy())?;
        let Arguments { config, defaults, limits } = arguments(&keywords)?;
        let limits = match limits {
            Some(limits) => limits,
            None => Py::new(py, PyLimits::standard())?,
        };
        let plan = Plan {
            method: http::Method::GET,
            base_url: defaults.base_url.clone(),
            params: defaults.params.clone(),
            cookies: Vec::new(),
            body: None,
            typed: defaults.headers.contains_key(CONTENT_TYPE),
            settings: defaults.settings.clone(),
            save_to: None,
            return_exceptions: false,
        };
        let client = Client::new(config).map_err(PyValueError::new_err)?;
        Ok(Self { client, defaults: Arc::new(defaults), plan, limits, keywords: keywords.unbind() })
    }

    /// Sends a request and returns a Job[Response].
    ///
    /// Args:
    ///     method: such as "GET".
    ///     url: absolute, or relative to `base_url`.
    ///     params, headers, cookies, auth, content, data, json, timeout, retry, follow_redirects, max_redirects, max_body,
    ///         raise_for_status: as for `gather_fetch`; options that are left out are the client's. `params`, `headers`
    ///         and `cookies` are merged with the client's by name.
    ///
    /// Raises:
    ///     TypeError, ValueError, InvalidURL: at the call, before any I/O.
    ///     RuntimeError: at the call: the client is closed.
    ///     FetchError: from the Job.
    #[pyo3(
        signature = (method, url, **options),
        text_signature = "($self, method, url, *, params=None, headers=None, cookies=None, auth=None, content=None, data=None, json=None, timeout=shoal.USE_CLIENT_DEFAULT, retry=shoal.USE_CLIENT_DEFAULT, follow_redirects=shoal.USE_CLIENT_DEFAULT, max_redirects=shoal.USE_CLIENT_DEFAULT, max_body=shoal.USE_CLIENT_DEFAULT, raise_for_status=shoal.USE_CLIENT_DEFAULT)"
    )]
    fn request(
        slf: &Bound<'_, Self>,
        method: &Bound<'_, PyAny>,
        url: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<Job>> {
        Self::fetch(slf, method_from("method", method)?, url, options)
    }

    /// Sends a GET request and returns a Job[Response]; see `request`.
    #[pyo3(
        signature = (url, **options),
        text_signature = "($self, url, *, params=None, headers=None, cookies=None, auth=None, content=None, data=None, json=None, timeout=shoal.USE_CLIENT_DEFAULT, retry=shoal.USE_CLIENT_DEFAULT, follow_redirects=shoal.USE_CLIENT_DEFAULT, max_redirects=shoal.USE_CLIENT_DEFAULT, max_body=shoal.USE_CLIENT_DEFAULT, raise_for_status=shoal.USE_CLIENT_DEFAULT)"
    )]
    fn get(slf: &Bound<'_, Self>, url: &Bound<'_, PyAny>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Py<Job>> {
        Self::fetch(slf, http::Method::GET, url, options)
    }

    /// Sends a HEAD request and returns a Job[Response]; see `request`.
    #[pyo3(
        signature = (url, **options),
        text_signature = "($self, url, *, params=None, headers=None, cookies=None, auth=None, content=None, data=None, json=None, timeout=shoal.USE_CLIENT_DEFAULT, retry=shoal.USE_CLIENT_DEFAULT, follow_redirects=shoal.USE_CLIENT_DEFAULT, max_redirects=shoal.USE_CLIENT_DEFAULT, max_body=shoal.USE_CLIENT_DEFAULT, raise_for_status=shoal.USE_CLIENT_DEFAULT)"
    )]
    fn head(slf: &Bound<'_, Self>, url: &Bound<'_, PyAny>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Py<Job>> {
        Self::fetch(slf, http::Method::HEAD, url, options)
    }

    /// Sends an OPTIONS request and returns a Job[Response]; see `request`.
    #[pyo3(
        signature = (url, **options),
        text_signature = "($self, url, *, params=None, headers=None, cookies=None, auth=None, content=None, data=None, json=None, timeout=shoal.USE_CLIENT_DEFAULT, retry=shoal.USE_CLIENT_DEFAULT, follow_redirects=shoal.USE_CLIENT_DEFAULT, max_redirects=shoal.USE_CLIENT_DEFAULT, max_body=shoal.USE_CLIENT_DEFAULT, raise_for_status=shoal.USE_CLIENT_DEFAULT)"
    )]
    fn options(
        slf: &Bound<'_, Self>,
        url: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<Job>> {
        Self::fetch(slf, http::Method::OPTIONS, url, options)
    }

    /// Sends a POST request and returns a Job[Response]; see `request`.
    #[pyo3(
        signature = (url, **options),
        text_signature = "($self, url, *, params=None, headers=None, cookies=None, auth=None, content=None, data=None, json=None, timeout=shoal.USE_CLIENT_DEFAULT, retry=shoal.USE_CLIENT_DEFAULT, follow_redirects=shoal.USE_CLIENT_DEFAULT, max_redirects=shoal.USE_CLIENT_DEFAULT, max_body=shoal.USE_CLIENT_DEFAULT, raise_for_status=shoal.USE_CLIENT_DEFAULT)"
    )]
    fn post(slf: &Bound<'_, Self>, url: &Bound<'_, PyAny>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Py<Job>> {
        Self::fetch(slf, http::Method::POST, url, options)
    }

    /// Sends a PUT request and returns a Job[Response]; see `request`.
    #[pyo3(
        signature = (url, **options),
        text_signature = "($self, url, *, params=None, headers=None, cookies=None, auth=None, content=None, data=None, json=None, timeout=shoal.USE_CLIENT_DEFAULT, retry=shoal.USE_CLIENT_DEFAULT, follow_redirects=shoal.USE_CLIENT_DEFAULT, max_redirects=shoal.USE_CLIENT_DEFAULT, max_body=shoal.USE_CLIENT_DEFAULT, raise_for_status=shoal.USE_CLIENT_DEFAULT)"
    )]
    fn put(slf: &Bound<'_, Self>, url: &Bound<'_, PyAny>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Py<Job>> {
        Self::fetch(slf, http::Method::PUT, url, options)
    }

    /// Sends a PATCH request and returns a Job[Response]; see `request`.
    #[pyo3(
        signature = (url, **options),
        text_signature = "($self, url, *, params=None, headers=None, cookies=None, auth=None, content=None, data=None, json=None, timeout=shoal.USE_CLIENT_DEFAULT, retry=shoal.USE_CLIENT_DEFAULT, follow_redirects=shoal.USE_CLIENT_DEFAULT, max_redirects=shoal.USE_CLIENT_DEFAULT, max_body=shoal.USE_CLIENT_DEFAULT, raise_for_status=shoal.USE_CLIENT_DEFAULT)"
    )]
    fn patch(slf: &Bound<'_, Self>, url: &Bound<'_, PyAny>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Py<Job>> {
        Self::fetch(slf, http::Method::PATCH, url, options)
    }

    /// Sends a DELETE request and returns a Job[Response]; see `request`.
    #[pyo3(
        signature = (url, **options),
        text_signature = "($self, url, *, params=None, headers=None, cookies=None, auth=None, content=None, data=None, json=None, timeout=shoal.USE_CLIENT_DEFAULT, retry=shoal.USE_CLIENT_DEFAULT, follow_redirects=shoal.USE_CLIENT_DEFAULT, max_redirects=shoal.USE_CLIENT_DEFAULT, max_body=shoal.USE_CLIENT_DEFAULT, raise_for_status=shoal.USE_CLIENT_DEFAULT)"
    )]
    fn delete(slf: &Bound<'_, Self>, url: &Bound<'_, PyAny>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Py<Job>> {
        Self::fetch(slf, http::Method::DELETE, url, options)
    }

    /// Fetches many requests over this client's connections: `shoal.gather_fetch(requests, client=self, ...)`.
    ///
    /// Options that are left out are the client's. Limits given here apply in addition to the client's.
    #[pyo3(
        signature = (requests, **options),
        text_signature = "($self, requests, *, method='GET', params=None, headers=None, cookies=None, auth=None, content=None, data=None, json=None, concurrency=shoal.USE_CLIENT_DEFAULT, per_host=shoal.USE_CLIENT_DEFAULT, rate=shoal.USE_CLIENT_DEFAULT, timeout=shoal.USE_CLIENT_DEFAULT, deadline=None, retry=shoal.USE_CLIENT_DEFAULT, follow_redirects=shoal.USE_CLIENT_DEFAULT, max_redirects=shoal.USE_CLIENT_DEFAULT, max_body=shoal.USE_CLIENT_DEFAULT, return_exceptions=False, raise_for_status=shoal.USE_CLIENT_DEFAULT, progress=False, save_to=None)"
    )]
    fn gather(
        slf: &Bound<'_, Self>,
        requests: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<Job>> {
        calling_out(|| {
            let (client, function) = (Some(slf.get().open()?), "Client.gather");
            gather(requests, BatchCall { function, client, takes_client: false, keywords: options })
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
        self.defaults.base_url.as_ref().map(Url::as_str)
    }

    /// The headers of every request: a `Headers`.
    #[getter]
    fn headers(&self) -> PyHeaders {
        let mut headers = self.defaults.headers.as_ref().clone();
        headers.remove(COOKIE);
        PyHeaders::new(Arc::new(headers))
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
        let base = self.defaults.base_url.as_ref().map(shoal_http::redact::redact_url);
        match (base, self.client.is_closed()) {
            (Some(base), false) => format!("<Client {base}>"),
            (None, false) => "<Client>".to_owned(),
            (Some(base), true) => format!("<Client {base}, closed>"),
            (None, true) => "<Client, closed>".to_owned(),
        }
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let py = slf.py();
        rebuilt(slf.as_any(), &PyTuple::empty(py), slf.get().keywords.bind(py))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.keywords)
    }
}
