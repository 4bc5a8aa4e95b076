//! Query parameters and form fields.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyList, PyString, PyTuple};

use super::input::{pairs, type_name, utf8};

/// `params`: a mapping or pairs (see [`fields`]), or a query string as it is.
pub fn params_from(value: &Bound<'_, PyAny>) -> PyResult<Vec<(String, String)>> {
    if let Ok(text) = value.cast::<PyString>() {
        let text = utf8("params", text)?;
        let query = text.strip_prefix('?').unwrap_or(text);
        return Ok(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect());
    }
    fields("params", value)
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
                PyTypeError::new_err(format!("{argument}: the value of {name:?} must be {accepted}, not {kind}"))
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
    // NumPy's numbers (an id taken from a table) and Decimal are registered as numbers too.
    static NUMBER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if value.is_instance_of::<PyInt>()
        || value.is_instance_of::<PyFloat>()
        || value.is_instance(NUMBER.import(value.py(), "numbers", "Number")?)?
    {
        return Ok(Some(utf8(argument, &value.str()?)?.to_owned()));
    }
    Ok(None)
}
