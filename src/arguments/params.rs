//! Query parameters and form fields.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyList, PyString, PyTuple};
use url::Url;

use super::pairs::pairs;
use super::scalars::{type_name, utf8};
use shoal_http::redact::quote;

/// Query parameters in order, as text of a URL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(Vec<Param>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Param {
    /// The decoded name, which decides what replaces what.
    name: String,
    /// The encoded name and value.
    text: String,
}

/// What a query cannot have raw. A percent sign stays, because a query string is given encoded.
const QUERY_UNSAFE: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');

impl Params {
    /// Whether there are none.
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
