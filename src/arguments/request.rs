//! Readers of the parts of a request: parameters, headers, cookies, credentials, body; and of the place where the response
//! is saved. Errors never show the values of headers and cookies, which may be secrets.

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyInt, PyList, PyMapping, PyString, PyTuple};
use url::Url;

use super::scalars::{pairs, path_text, prefixed, type_name, utf8, wrong_type};
use shoal_http::redact::{is_secret_header, quote, truncate};
use shoal_http::save::{PathTemplate, SavedPaths, safe_name, shorten_with_checksum};

/// Query parameters in order, as text of a URL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(Vec<Param>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Param {
    /// The decoded name, which decides what replaces what.
    name: String,
    text: String,
}

/// What a query cannot have raw. A percent sign stays, because a query string is given encoded.
const QUERY_UNSAFE: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');

impl Params {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These parameters after those of `base` with other names.
    pub fn over(self, base: &Self) -> Self {
        let mut all: Vec<Param> = base.0.iter().filter(|param| !self.has(param)).cloned().collect();
        all.extend(self.0);
        Self(all)
    }

    /// Appends these to the query of `url`, but for those that `own` replaces, and then `own`.
    pub fn add_to(&self, url: &mut Url, own: &Self) {
        let mut query = url.query().unwrap_or_default().to_owned();
        let mut follows = !query.is_empty();
        for param in self.0.iter().filter(|param| !own.has(param)).chain(&own.0) {
            if follows {
                query.push('&');
            }
            query.push_str(&param.text);
            follows = true;
        }
        url.set_query(Some(&query));
    }

    /// The query string that [`params_from`] reads as these.
    pub fn to_text(&self) -> String {
        let texts: Vec<&str> = self.0.iter().map(|param| &*param.text).collect();
        format!("?{}", texts.join("&"))
    }

    fn has(&self, other: &Param) -> bool {
        self.0.iter().any(|param| param.name == other.name)
    }
}

impl Param {
    fn of_text(text: &str) -> Self {
        let name = url::form_urlencoded::parse(text.as_bytes()).next().map(|(name, _)| name.into_owned());
        Self { name: name.unwrap_or_default(), text: utf8_percent_encode(text, QUERY_UNSAFE).to_string() }
    }

    fn of_pair((name, value): (String, String)) -> Self {
        let mut text = url::form_urlencoded::Serializer::new(String::new());
        let text = text.append_pair(&name, &value).finish();
        Self { name, text }
    }
}

/// `params`: a mapping or pairs (see [`fields`]), or a query string, which is sent as it is, but for
/// characters that no URL may have.
pub fn params_from(value: &Bound<'_, PyAny>) -> PyResult<Params> {
    let Ok(text) = value.cast::<PyString>() else {
        return Ok(Params(fields("params", value)?.into_iter().map(Param::of_pair).collect()));
    };
    let text = utf8("params", text)?;
    let query = text.strip_prefix('?').unwrap_or(text);
    if query.is_empty() {
        return Ok(Params::default());
    }
    Ok(Params(query.split('&').map(Param::of_text).collect()))
}

/// Names and values as text. As in requests, a None value leaves the name out and a list or tuple repeats it; as in
/// httpx, booleans are "true" and "false".
pub fn fields(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<Vec<(String, String)>> {
    let mut found = Vec::new();
    for (name, value) in pairs(argument, value)? {
        let name = scalar(argument, &name)?.ok_or_else(|| {
            let kind = type_name(&name);
            PyTypeError::new_err(format!("{argument}: a name must be str, bytes, a number or bool, not {kind}"))
        })?;
        let single = !(value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>());
        let values = if single { vec![value] } else { value.try_iter()?.collect::<PyResult<Vec<_>>>()? };
        for value in values {
            if value.is_none() {
                continue;
            }
            let text = scalar(argument, &value)?.ok_or_else(|| {
                let kind = type_name(&value);
                let accepted = "str, bytes, a number, bool, None or a list of these";
                let name = quote(name.as_bytes());
                PyTypeError::new_err(format!("{argument}: the value of {name} must be {accepted}, not {kind}"))
            })?;
            found.push((name.clone(), text));
        }
    }
    Ok(found)
}

fn scalar(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Some(utf8(argument, text)?.to_owned()));
    }
    if let Ok(truth) = value.cast::<PyBool>() {
        return Ok(Some(if truth.is_true() { "true" } else { "false" }.to_owned()));
    }
    if let Ok(bytes) = value.cast::<PyBytes>() {
        let text = std::str::from_utf8(bytes.as_bytes());
        return text
            .map(|text| Some(text.to_owned()))
            .map_err(|_| PyValueError::new_err(format!("{argument}: bytes must be UTF-8")));
    }
    // NumPy's numbers and Decimal are registered there.
    static NUMBER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if value.is_instance_of::<PyInt>()
        || value.is_instance_of::<PyFloat>()
        || value.is_instance(NUMBER.import(value.py(), "numbers", "Number")?)?
    {
        return Ok(Some(utf8(argument, &value.str()?)?.to_owned()));
    }
    Ok(None)
}

/// Characters of a header's or cookie's name that an error shows.
const MAX_SHOWN: usize = 100;

/// What a cookie value may not have raw (RFC 6265, 4.1.1), and the percent sign.
const COOKIE_UNSAFE: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b',').add(b';').add(b'\\').add(b'%');

#[derive(Clone, Debug, Default)]
pub struct HeaderInput {
    pub set: HeaderMap,
    /// Headers with the value None: those of client or call that are left out.
    pub without: Vec<HeaderName>,
}

/// `headers`: a mapping or pairs of str or bytes; None leaves a default out.
pub fn headers_from(value: &Bound<'_, PyAny>) -> PyResult<HeaderInput> {
    let mut input = HeaderInput::default();
    for (name, value) in pairs("headers", value)? {
        let shown = || shown(&name);
        let name_bytes = text_or_bytes(&name)?
            .ok_or_else(|| PyTypeError::new_err(format!("headers: name {} must be str or bytes", shown())))?;
        let header = HeaderName::from_bytes(&name_bytes)
            .map_err(|_| PyValueError::new_err(format!("headers: {} is not a header name", shown())))?;
        if value.is_none() {
            input.without.push(header);
            continue;
        }
        let value_bytes = text_or_bytes(&value)?.ok_or_else(|| {
            let kind = type_name(&value);
            PyTypeError::new_err(format!("headers: the value of {} must be str, bytes or None, not {kind}", shown()))
        })?;
        let mut sent = HeaderValue::from_bytes(&value_bytes).map_err(|_| {
            let reason = "has a character that no header may have (line break or control character)";
            PyValueError::new_err(format!("headers: the value of {} {reason}", shown()))
        })?;
        sent.set_sensitive(is_secret_header(&header));
        input.set.append(header, sent);
    }
    Ok(input)
}

/// The beginning of a name. After a colon comes the value when a whole header line was given: it is not shown.
fn shown(name: &Bound<'_, PyAny>) -> String {
    let text = name.repr().map_or_else(|_| "?".to_owned(), |repr| repr.to_string_lossy().into_owned());
    match text.split_once(':') {
        Some((start, _)) => truncate(start, MAX_SHOWN) + ":…",
        None => truncate(&text, MAX_SHOWN),
    }
}

fn text_or_bytes(value: &Bound<'_, PyAny>) -> PyResult<Option<Vec<u8>>> {
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Some(utf8("headers", text)?.as_bytes().to_vec()));
    }
    Ok(value.cast::<PyBytes>().ok().map(|bytes| bytes.as_bytes().to_vec()))
}

/// `cookies`: a mapping or pairs of str. Characters that a cookie cannot carry are percent-encoded.
pub fn cookies_from(value: &Bound<'_, PyAny>) -> PyResult<Vec<(String, String)>> {
    let mut cookies = Vec::new();
    for (name, value) in pairs("cookies", value)? {
        let (Ok(name), Ok(value)) = (name.cast::<PyString>(), value.cast::<PyString>()) else {
            let (shown, name, value) = (shown(&name), type_name(&name), type_name(&value));
            let message = format!("cookies: {shown} and its value must be str, not {name} and {value}");
            return Err(PyTypeError::new_err(message));
        };
        let (name, value) = (utf8("cookies", name)?.to_owned(), utf8("cookies", value)?.to_owned());
        let token = |byte: u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte);
        if name.is_empty() || !name.bytes().all(token) {
            return Err(PyValueError::new_err(format!("cookies: {} is not a cookie name", quote(name.as_bytes()))));
        }
        // A valid value, which may have percent signs, stays as it is.
        let invalid = |byte: u8| !byte.is_ascii_graphic() || b"\",;\\".contains(&byte);
        let value =
            if value.bytes().any(invalid) { utf8_percent_encode(&value, COOKIE_UNSAFE).to_string() } else { value };
        cookies.push((name, value));
    }
    Ok(cookies)
}

/// The `Cookie` header for `cookies`; later ones of the same name win.
pub fn cookie_header(cookies: &[(String, String)]) -> Option<HeaderValue> {
    let mut unique: Vec<&(String, String)> = Vec::new();
    for cookie in cookies {
        unique.retain(|other| other.0 != cookie.0);
        unique.push(cookie);
    }
    let text: Vec<String> = unique.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut header = HeaderValue::from_str(&text.join("; ")).ok().filter(|header| !header.is_empty())?;
    header.set_sensitive(true);
    Some(header)
}

/// `auth`, as the `Authorization` header: `(user, password)` for Basic (RFC 7617), a str for a bearer token (RFC 6750).
pub fn auth_from(value: &Bound<'_, PyAny>) -> PyResult<HeaderValue> {
    if let Ok(token) = value.cast::<PyString>() {
        let token = utf8("auth", token)?;
        let mut header = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| PyValueError::new_err("auth: the bearer token has a character that no header may have"))?;
        header.set_sensitive(true);
        return Ok(header);
    }
    let wrong = || PyTypeError::new_err("auth must be a pair (user, password) of str, or a bearer token as str");
    let pair = value.cast::<PyTuple>().map_err(|_| wrong())?;
    let (user, password) = pair.extract::<(Bound<'_, PyString>, Bound<'_, PyString>)>().map_err(|_| wrong())?;
    let (user, password) = (utf8("auth", &user)?, utf8("auth", &password)?);
    if user.contains(':') {
        return Err(PyValueError::new_err("auth: the user name must not contain a colon"));
    }
    Ok(shoal_http::request::basic_auth(user, password))
}

#[derive(Clone, Debug)]
pub struct BodyInput {
    pub bytes: Bytes,
    /// The `Content-Type` of `json` and of a form.
    pub content_type: Option<HeaderValue>,
}

/// `content`: bytes, bytearray, memoryview or str (UTF-8).
pub fn content_from(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<BodyInput> {
    let bytes = if let Ok(bytes) = value.cast::<PyBytes>() {
        Bytes::copy_from_slice(bytes.as_bytes())
    } else if let Ok(text) = value.cast::<PyString>() {
        Bytes::copy_from_slice(utf8(argument, text)?.as_bytes())
    } else if let Ok(array) = value.cast::<PyByteArray>() {
        Bytes::from(array.to_vec())
    } else {
        // memoryview takes every buffer, also one that is not contiguous or not of bytes.
        static MEMORYVIEW: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let py = value.py();
        let view = MEMORYVIEW.import(py, "builtins", "memoryview")?.call1((value,));
        let view = view.map_err(|_| wrong_type(argument, "bytes, a bytes-like object or str", value))?;
        let bytes = view.call_method0(intern!(py, "tobytes"))?;
        Bytes::copy_from_slice(bytes.cast::<PyBytes>()?.as_bytes())
    };
    Ok(BodyInput { bytes, content_type: None })
}

/// `data`: a mapping or pairs becomes a form (`application/x-www-form-urlencoded`), anything else is sent as it is.
pub fn data_from(value: &Bound<'_, PyAny>) -> PyResult<BodyInput> {
    let raw = value.is_instance_of::<PyString>()
        || value.is_instance_of::<PyBytes>()
        || value.is_instance_of::<PyByteArray>()
        || !(value.cast::<PyMapping>().is_ok() || value.try_iter().is_ok())
        || type_name(value) == "memoryview";
    if raw {
        return content_from("data", value);
    }
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields("data", value)?);
    Ok(BodyInput {
        bytes: form.finish().into(),
        content_type: Some(HeaderValue::from_static("application/x-www-form-urlencoded")),
    })
}

/// `json`: what `json.dumps` takes, compact and in UTF-8, as httpx and aiohttp send it. NaN and Infinity, which JSON does
/// not have, are refused.
pub fn json_from(value: &Bound<'_, PyAny>) -> PyResult<BodyInput> {
    static DUMPS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = value.py();
    let options = PyDict::new(py);
    options.set_item(intern!(py, "ensure_ascii"), false)?;
    options.set_item(intern!(py, "allow_nan"), false)?;
    options.set_item(intern!(py, "separators"), (",", ":"))?;
    let dumped = DUMPS.import(py, "json", "dumps")?.call((value,), Some(&options));
    let dumped = dumped.map_err(|error| prefixed(py, "json", error))?;
    let text = utf8("json", dumped.cast::<PyString>()?)?;
    Ok(BodyInput {
        bytes: Bytes::copy_from_slice(text.as_bytes()),
        content_type: Some(HeaderValue::from_static("application/json")),
    })
}

/// Gives the path of each body.
pub enum SaveTo {
    Template(PathTemplate),
    /// Called for every item, on the caller's thread, before any I/O.
    Callable(Py<PyAny>),
}

impl SaveTo {
    /// The record of paths that keeps a stream from writing two bodies to one file; None for a template that has the
    /// item's index.
    pub fn places(&self) -> Option<SavedPaths> {
        match self {
            Self::Template(template) if template.is_distinct() => None,
            _ => Some(SavedPaths::default()),
        }
    }
}

/// `save_to`: a template or a callable.
pub fn save_to_from(value: &Bound<'_, PyAny>) -> PyResult<SaveTo> {
    if value.is_callable() {
        return Ok(SaveTo::Callable(value.clone().unbind()));
    }
    let text = path_text("save_to", value)?
        .ok_or_else(|| wrong_type("save_to", "a template as str or path, a callable or None", value))?;
    let template = PathTemplate::parse(&text).map_err(|reason| PyValueError::new_err(format!("save_to: {reason}")))?;
    Ok(SaveTo::Template(template))
}

/// A safe file name from `text`, of at most `max_len` bytes.
#[pyfunction]
#[pyo3(signature = (text, max_len, /))]
pub fn _safe_name(text: &str, max_len: usize) -> String {
    shorten_with_checksum(&safe_name(text), max_len)
}
