//! Headers, cookies, credentials and bodies as users write them, turned into owned Rust data.
//!
//! Every function checks its whole argument and names it, with the offending value, in a `TypeError` or `ValueError`;
//! values of headers and cookies are never shown, since they may be secrets.

use std::path::PathBuf;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use pyo3::exceptions::{PyTypeError, PyUnicodeEncodeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyMapping, PyString, PyTuple};

use shoal_http::redact::{is_secret_header, quote, truncate};

/// A longer name is shown by its beginning.
const LONGEST_NAME: usize = 100;

/// The pairs of a mapping or of an iterable of pairs, in order.
pub fn pairs<'py>(argument: &str, value: &Bound<'py, PyAny>) -> PyResult<Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
    let listed = match value.cast::<PyDict>() {
        Ok(dict) => return Ok(dict.iter().collect()),
        Err(_) if value.cast::<PyMapping>().is_ok() || value.hasattr("multi_items")? => {
            // A multi-mapping (ours, httpx's) keeps repeated names there.
            let items = if value.hasattr("multi_items")? { "multi_items" } else { "items" };
            value.call_method0(items)?
        }
        Err(_) => value.clone(),
    };
    let wrong = || {
        let kind = value.get_type().name().map(|name| name.to_string()).unwrap_or_default();
        PyTypeError::new_err(format!("{argument} must be a mapping or a sequence of (name, value) pairs, not {kind}"))
    };
    if listed.is_instance_of::<PyString>() || listed.is_instance_of::<PyBytes>() {
        return Err(wrong());
    }
    let mut found = Vec::new();
    for pair in listed.try_iter().map_err(|_| wrong())? {
        let pair = pair?;
        let (name, value) = pair.extract::<(Bound<'py, PyAny>, Bound<'py, PyAny>)>().map_err(|_| wrong())?;
        found.push((name, value));
    }
    Ok(found)
}

/// The name of a value's type, for messages.
pub fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "object".to_owned(), |name| name.to_string())
}

/// What `headers=` says: what to set, and (for None values) which defaults to leave out.
#[derive(Clone, Debug, Default)]
pub struct HeaderInput {
    /// To be sent.
    pub set: HeaderMap,
    /// Not to be sent, although client or call would.
    pub without: Vec<HeaderName>,
}

/// `headers`: a mapping or pairs of str or bytes; None leaves a default out.
pub fn headers_from(value: &Bound<'_, PyAny>) -> PyResult<HeaderInput> {
    let mut input = HeaderInput::default();
    for (name, value) in pairs("headers", value)? {
        let shown = || shown(&name);
        let name_bytes = text_or_bytes("headers", &name)?
            .ok_or_else(|| PyTypeError::new_err(format!("headers: name {} must be str or bytes", shown())))?;
        let header = HeaderName::from_bytes(&name_bytes)
            .map_err(|_| PyValueError::new_err(format!("headers: {} is not a header name", shown())))?;
        if value.is_none() {
            input.without.push(header);
            continue;
        }
        let value_bytes = text_or_bytes("headers", &value)?.ok_or_else(|| {
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

/// A name in a message: its beginning. What is behind a colon may be the value, a secret that went astray.
fn shown(name: &Bound<'_, PyAny>) -> String {
    let text = name.repr().map_or_else(|_| "?".to_owned(), |repr| repr.to_string_lossy().into_owned());
    match text.split_once(':') {
        Some((start, _)) => truncate(start, LONGEST_NAME) + ":…",
        None => truncate(&text, LONGEST_NAME),
    }
}

fn text_or_bytes(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<Option<Vec<u8>>> {
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Some(utf8(argument, text)?.as_bytes().to_vec()));
    }
    Ok(value.cast::<PyBytes>().ok().map(|bytes| bytes.as_bytes().to_vec()))
}

/// The text of a str. One with a lone surrogate is refused without being shown, unlike in a `UnicodeEncodeError`.
pub fn utf8<'a>(argument: &str, text: &'a Bound<'_, PyString>) -> PyResult<&'a str> {
    let reason = "a str has a lone surrogate, which UTF-8 cannot carry";
    text.to_str().map_err(|_| PyValueError::new_err(format!("{argument}: {reason}")))
}

/// The text of an argument that must be a str.
pub fn text<'a>(argument: &str, value: &'a Bound<'_, PyAny>) -> PyResult<&'a str> {
    let text = value.cast::<PyString>();
    utf8(argument, text.map_err(|_| PyTypeError::new_err(format!("{argument} must be str, not {}", type_name(value))))?)
}

/// A path. One that the file system's encoding has no bytes for is refused as such.
pub fn path_from(argument: &str, value: &Bound<'_, PyAny>, expected: &str) -> PyResult<PathBuf> {
    value.extract().map_err(|error: PyErr| {
        if error.is_instance_of::<PyUnicodeEncodeError>(value.py()) {
            return PyValueError::new_err(format!(
                "{argument}: a path has a lone surrogate, which no file name can have"
            ));
        }
        PyTypeError::new_err(format!("{argument} must {expected}, not {}", type_name(value)))
    })
}

/// A str or a path; a path of bytes has no text.
pub fn path_text(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    let py = value.py();
    let path = match value.cast::<PyString>() {
        Ok(_) => value.clone(),
        Err(_) => match value.call_method0(intern!(py, "__fspath__")) {
            Ok(path) => path,
            Err(_) => return Ok(None),
        },
    };
    path.cast::<PyString>().ok().map(|path| utf8(argument, path).map(str::to_owned)).transpose()
}

/// What a cookie value may not have raw (RFC 6265, 4.1.1), and the percent sign.
const COOKIE_UNSAFE: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b',').add(b';').add(b'\\').add(b'%');

/// `cookies`: a mapping or pairs of str. Characters that a cookie cannot carry are percent-encoded.
pub fn cookies_from(value: &Bound<'_, PyAny>) -> PyResult<Vec<(String, String)>> {
    let mut found = Vec::new();
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
        // A value that is already fit stays as it is.
        let unfit = |byte: u8| !byte.is_ascii_graphic() || b"\",;\\".contains(&byte);
        let value =
            if value.bytes().any(unfit) { utf8_percent_encode(&value, COOKIE_UNSAFE).to_string() } else { value };
        found.push((name, value));
    }
    Ok(found)
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

/// `auth`: `(user, password)` for Basic (RFC 7617), a str for a bearer token (RFC 6750).
pub fn auth_header_from(value: &Bound<'_, PyAny>) -> PyResult<HeaderValue> {
    let wrong = || PyTypeError::new_err("auth must be a pair (user, password) of str, or a bearer token as str");
    if let Ok(token) = value.cast::<PyString>() {
        let token = utf8("auth", token)?;
        let mut header = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| PyValueError::new_err("auth: the bearer token has a character that no header may have"))?;
        header.set_sensitive(true);
        return Ok(header);
    }
    let pair = value.cast::<PyTuple>().map_err(|_| wrong())?;
    let (user, password) = pair.extract::<(Bound<'_, PyString>, Bound<'_, PyString>)>().map_err(|_| wrong())?;
    basic_auth(utf8("auth", &user)?, utf8("auth", &password)?)
}

/// `Authorization: Basic`, in UTF-8.
pub fn basic_auth(user: &str, password: &str) -> PyResult<HeaderValue> {
    if user.contains(':') {
        return Err(PyValueError::new_err("auth: the user name must not contain a colon"));
    }
    let mut header = shoal_http::request::basic_auth(user, password);
    header.set_sensitive(true);
    Ok(header)
}

/// A request body and the `Content-Type` that goes with it.
#[derive(Clone, Debug)]
pub struct BodyInput {
    /// The whole body.
    pub bytes: Bytes,
    /// For `json` and form `data`.
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
        // Anything with the buffer protocol, also if not contiguous or not of bytes.
        static MEMORYVIEW: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let py = value.py();
        let view = MEMORYVIEW.import(py, "builtins", "memoryview")?.call1((value,)).map_err(|_| {
            let kind = type_name(value);
            PyTypeError::new_err(format!("{argument} must be bytes, a bytes-like object or str, not {kind}"))
        })?;
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
    let fields = super::params::fields("data", value)?;
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    Ok(BodyInput {
        bytes: form.finish().into(),
        content_type: Some(HeaderValue::from_static("application/x-www-form-urlencoded")),
    })
}

/// `json`: anything `json.dumps` takes, compact and in UTF-8, as httpx and aiohttp send it; NaN and Infinity, which are
/// not JSON, are refused.
pub fn json_from(value: &Bound<'_, PyAny>) -> PyResult<BodyInput> {
    static DUMPS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = value.py();
    let options = PyDict::new(py);
    options.set_item(intern!(py, "ensure_ascii"), false)?;
    options.set_item(intern!(py, "allow_nan"), false)?;
    options.set_item(intern!(py, "separators"), (",", ":"))?;
    let dumped = DUMPS.import(py, "json", "dumps")?.call((value,), Some(&options)).map_err(|error| {
        let message = format!("json: {}", error.value(py));
        let renamed = if error.is_instance_of::<PyTypeError>(py) {
            PyTypeError::new_err(message)
        } else if error.is_instance_of::<PyValueError>(py) {
            PyValueError::new_err(message)
        } else {
            // KeyboardInterrupt, RecursionError and what the object itself raises are not about this argument.
            return error;
        };
        renamed.set_cause(py, Some(error));
        renamed
    })?;
    let text = utf8("json", dumped.cast::<PyString>()?)?;
    Ok(BodyInput {
        bytes: Bytes::copy_from_slice(text.as_bytes()),
        content_type: Some(HeaderValue::from_static("application/json")),
    })
}

/// Where credentials go.
pub const AUTH_HEADER: HeaderName = AUTHORIZATION;
