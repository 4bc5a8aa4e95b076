//! `Headers`: a view of the engine's header map. Names and values become Python objects when they are read.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use pyo3::exceptions::{PyKeyError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyIterator, PyList, PyMapping, PyString, PyTuple, PyType};

use crate::arguments::request::headers_from;
use shoal_http::control_bytes;
use shoal_http::headers::decode_text;
use shoal_http::redact::is_secret_header;
use shoal_http::request::Request;
use shoal_http::response::Response;

/// The headers of a response or request: a mapping of str to str, in which the case of names does not matter.
///
/// `headers["Content-Type"]` and `headers["content-type"]` are the same. Names are in lower case, in the order of their first
/// appearance. A header that was sent several times is one item whose values are joined with ", "; `get_list` and
/// `multi_items` return them separately (as `Set-Cookie` needs). Values are decoded as UTF-8 or, if that fails, as
/// latin-1.
///
/// It is immutable. `dict(headers)` makes a dict, `repr()` hides secrets, and it can be pickled. All methods may be
/// called from any thread.
///
/// Args:
///     headers: a mapping or an iterable of pairs, of str or bytes; None (the default) for no headers. Repeated names
///         are kept.
///
/// Raises:
///     TypeError: a name or value is neither str nor bytes.
///     ValueError: a name or value has invalid characters.
#[pyclass(frozen, mapping, name = "Headers", module = "shoal")]
pub struct PyHeaders(pub Owner);

/// The owner of a header map.
pub enum Owner {
    Map(HeaderMap),
    Request(Arc<Request>),
    Response(Arc<Response>),
}

impl PyHeaders {
    fn map(&self) -> &HeaderMap {
        match &self.0 {
            Owner::Map(map) => map,
            Owner::Request(request) => &request.headers,
            Owner::Response(response) => &response.headers,
        }
    }

    /// All values of a name, joined; `None` if there is none.
    fn joined(&self, name: &str) -> Option<String> {
        let mut values = self.map().get_all(name).iter();
        let first = value_text(values.next()?);
        Some(values.fold(first, |text, value| text + ", " + &value_text(value)))
    }

    fn pairs(&self) -> impl Iterator<Item = (&str, String)> {
        self.map().keys().map(|name| (name.as_str(), self.joined(name.as_str()).unwrap_or_default()))
    }
}

/// The value as text: UTF-8, or latin-1 if that fails.
pub fn value_text(value: &HeaderValue) -> String {
    decode_text(&control_bytes::decode(value.as_bytes()))
}

/// Names and values as bytes, for pickling.
pub fn raw_items<'py>(py: Python<'py>, map: &HeaderMap) -> PyResult<Bound<'py, PyList>> {
    let pairs = map
        .iter()
        .map(|(name, value)| (PyBytes::new(py, name.as_str().as_bytes()), PyBytes::new(py, value.as_bytes())));
    PyList::new(py, pairs.collect::<Vec<_>>())
}

/// The headers in a mapping (also a `Headers`) or an iterable of pairs, of str or bytes.
pub fn from_python(headers: &Bound<'_, PyAny>) -> PyResult<HeaderMap> {
    if let Ok(headers) = headers.cast::<PyHeaders>() {
        return Ok(headers.get().map().clone());
    }
    let input = headers_from(headers)?;
    match input.without.first() {
        Some(name) => {
            Err(PyTypeError::new_err(format!("headers: the value of '{name}' must be str or bytes, not None")))
        }
        None => Ok(input.set),
    }
}

/// A view of `collections.abc`, such as `KeysView`.
fn view<'py>(slf: &Bound<'py, PyHeaders>, class: &str) -> PyResult<Bound<'py, PyAny>> {
    slf.py().import(intern!(slf.py(), "collections.abc"))?.getattr(class)?.call1((slf,))
}

#[pymethods]
impl PyHeaders {
    #[new]
    #[pyo3(signature = (headers=None, /))]
    fn py_new(headers: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let map = headers.map(from_python).transpose()?.unwrap_or_default();
        Ok(Self(Owner::Map(map)))
    }

    fn __getitem__(&self, name: &Bound<'_, PyAny>) -> PyResult<String> {
        let value = name.cast::<PyString>().ok().and_then(|text| self.joined(text.to_str().ok()?));
        value.ok_or_else(|| PyKeyError::new_err(name.clone().unbind()))
    }

    /// The value of a header (str), several of them joined with ", ".
    ///
    /// Args:
    ///     name: in any case.
    ///     default: the return value if there is no such header; None by default.
    #[pyo3(signature = (name, /, default=None))]
    fn get<'py>(&self, name: &Bound<'py, PyAny>, default: Option<Bound<'py, PyAny>>) -> Option<Bound<'py, PyAny>> {
        let value = name.cast::<PyString>().ok().and_then(|text| self.joined(text.to_str().ok()?));
        value.map(|text| PyString::new(name.py(), &text).into_any()).or(default)
    }

    /// All values of a header (list of str), in the order received; empty if there is none.
    ///
    /// Args:
    ///     name: in any case.
    #[pyo3(signature = (name, /))]
    fn get_list(&self, name: &Bound<'_, PyString>) -> Vec<String> {
        name.to_str().map_or_else(|_| Vec::new(), |name| self.map().get_all(name).iter().map(value_text).collect())
    }

    /// The names, in lower case, each once (a `KeysView`).
    fn keys<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        view(slf, "KeysView")
    }

    /// The values, one for each name, several joined with ", " (a `ValuesView`).
    fn values<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        view(slf, "ValuesView")
    }

    /// Pairs of name and value, one for each name, several values joined with ", " (an `ItemsView`).
    fn items<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        view(slf, "ItemsView")
    }

    /// Pairs of name and value (list of tuples), one for each value: a name may occur several times.
    fn multi_items(&self) -> Vec<(&str, String)> {
        self.map().iter().map(|(name, value)| (name.as_str(), value_text(value))).collect()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        PyTuple::new(py, self.map().keys().map(HeaderName::as_str).collect::<Vec<_>>())?.try_iter()
    }

    fn __len__(&self) -> usize {
        self.map().keys_len()
    }

    fn __contains__(&self, name: &Bound<'_, PyAny>) -> bool {
        name.cast::<PyString>().is_ok_and(|text| text.to_str().is_ok_and(|text| self.map().contains_key(text)))
    }

    /// Equal to any mapping with the same headers. The case of names does not matter; repeated headers are joined.
    fn __eq__<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = other.py();
        let equal = if let Ok(other) = other.cast::<Self>() {
            let (mine, theirs) = (self.map(), other.get().map());
            mine.keys_len() == theirs.keys_len()
                && mine.keys().all(|name| mine.get_all(name).iter().eq(theirs.get_all(name).iter()))
        } else if let Ok(mapping) = other.cast::<PyMapping>() {
            let mine = PyDict::new(py);
            for (name, value) in self.pairs() {
                mine.set_item(name, value)?;
            }
            let theirs = PyDict::new(py);
            for item in mapping.items()?.iter() {
                let (name, value) = item.extract::<(Bound<'py, PyAny>, Bound<'py, PyAny>)>()?;
                let name = match name.cast::<PyString>() {
                    Ok(text) => text.call_method0(intern!(py, "lower"))?,
                    Err(_) => name,
                };
                theirs.set_item(name, value)?;
            }
            mine.eq(theirs)?
        } else {
            return Ok(py.NotImplemented().into_bound(py));
        };
        Ok(equal.into_pyobject(py)?.to_owned().into_any())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let redacted = |name: &HeaderName, value: &HeaderValue| {
            let text = if is_secret_header(name) { "***".to_owned() } else { value_text(value) };
            (name.as_str().to_owned(), text)
        };
        let pairs: Vec<_> = self.map().iter().map(|(name, value)| redacted(name, value)).collect();
        let pairs = if pairs.len() == self.map().keys_len() {
            let dict = PyDict::new(py);
            for (name, value) in pairs {
                dict.set_item(name, value)?;
            }
            dict.into_any()
        } else {
            PyList::new(py, pairs)?.into_any()
        };
        Ok(format!("Headers({})", pairs.repr()?))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyType>, (Bound<'py, PyList>,))> {
        Ok((slf.get_type(), (raw_items(slf.py(), slf.get().map())?,)))
    }
}

/// Registers `Headers` as a `Mapping`, for `isinstance` and pattern matching.
pub fn register(py: Python<'_>) -> PyResult<()> {
    PyMapping::register::<PyHeaders>(py)
}
