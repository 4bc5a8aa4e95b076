//! Request bodies: `content`, `data` and `json`.

use bytes::Bytes;
use http::HeaderValue;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyMapping, PyString};

use super::params::fields;
use super::scalars::{type_name, utf8, wrong_type};

/// A request body.
#[derive(Clone, Debug)]
pub struct BodyInput {
    /// The whole body.
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
