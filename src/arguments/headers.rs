//! Headers, cookies and credentials. Errors never show their values, which may be secrets.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

use super::pairs::pairs;
use super::scalars::{type_name, utf8};
use shoal_http::redact::{is_secret_header, quote, truncate};

/// Characters of a header's or cookie's name that an error shows.
const MAX_SHOWN: usize = 100;

/// What a cookie value may not have raw (RFC 6265, 4.1.1), and the percent sign.
const COOKIE_UNSAFE: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b',').add(b';').add(b'\\').add(b'%');

/// `headers=`, read.
#[derive(Clone, Debug, Default)]
pub struct HeaderInput {
    /// The headers to send.
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
