//! JSON for `Response.json()`: [`shoal_json::parse`] with a builder of Python objects, and `json.loads` for what it
//! refuses.
//!
//! 38 documents of 0.1 to 500 kB took 0.3 to 1.0 times as long as with orjson (jiter: 0.7 to 3.5 times). What the
//! parser refuses goes to `json.loads`, so the result, and the message and position of an error, are those of
//! `json.loads`.

mod hold;
mod keys;
mod string;

use std::ffi::CString;

use pyo3::exceptions::{PyRecursionError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;
use pyo3::{ffi, intern};

use crate::bridge::lifecycle::calling_out;
use hold::Hold;
use keys::Keys;
use shoal_json::{Builder, Number, Text};
use string::{drop_exception, owned};

/// The value of a JSON text in UTF-8 without byte order mark. If the text is not JSON, `not_json` makes the exception;
/// its arguments are the message, the text and the position in characters.
pub fn parse<'py>(
    py: Python<'py>,
    text: &[u8],
    not_json: impl FnOnce(String, &Bound<'py, PyString>, usize) -> PyErr,
) -> PyResult<Bound<'py, PyAny>> {
    parse_fast(py, text).map_or_else(|| parse_with_loads(py, text, not_json), Ok)
}

/// Like [`parse`], but `None` where `parse` would call `json.loads`.
pub fn parse_fast<'py>(py: Python<'py>, text: &[u8]) -> Option<Bound<'py, PyAny>> {
    let mut hold = Hold::new(py, text.len());
    let text = if hold.releases() { hold.release(|| shoal_json::decode(text)) } else { shoal_json::decode(text) };
    shoal_json::parse(text.ok()?, PyBuilder { py, keys: Keys::new(py), hold })
}

fn parse_with_loads<'py>(
    py: Python<'py>,
    text: &[u8],
    not_json: impl FnOnce(String, &Bound<'py, PyString>, usize) -> PyErr,
) -> PyResult<Bound<'py, PyAny>> {
    static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let document = PyString::new(py, &String::from_utf8_lossy(text));
    if let Err(error) = std::str::from_utf8(text) {
        let valid = text.get(..error.valid_up_to()).unwrap_or_default();
        return Err(not_json("Invalid UTF-8".into(), &document, String::from_utf8_lossy(valid).chars().count()));
    }
    let error = match calling_out(|| LOADS.import(py, "json", "loads")?.call1((&document,))) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let value = error.value(py);
    if error.is_instance_of::<PyRecursionError>(py) {
        return Err(not_json("Nested too deeply".into(), &document, 0));
    }
    if !error.is_instance_of::<PyValueError>(py) {
        return Err(error);
    }
    // A `ValueError` without these attributes is about an integer with more digits than `sys.set_int_max_str_digits`
    // allows.
    let (message, position) = match (value.getattr(intern!(py, "msg")), value.getattr(intern!(py, "pos"))) {
        (Ok(message), Ok(position)) => (message.extract()?, position.extract()?),
        _ => (value.str()?.to_string(), 0),
    };
    Err(not_json(message, &document, position))
}

/// Makes Python objects. `None` if memory ran out or the interpreter refused; `json.loads` then raises the reason.
struct PyBuilder<'py> {
    py: Python<'py>,
    keys: Keys<'py>,
    hold: Hold<'py>,
}

impl<'py> Builder for PyBuilder<'py> {
    type Value = Bound<'py, PyAny>;

    #[inline(always)]
    fn null(&mut self) -> Option<Self::Value> {
        Some(self.py.None().into_bound(self.py))
    }

    #[inline(always)]
    fn boolean(&mut self, value: bool) -> Option<Self::Value> {
        Some(value.into_pyobject(self.py).ok()?.to_owned().into_any())
    }

    #[inline(always)]
    fn number(&mut self, number: Number<'_>) -> Option<Self::Value> {
        // SAFETY: attached, as `self.py` shows. Each function returns a new reference, or null with an exception. The
        // text of `Big` ends in a zero and is alive during the call.
        unsafe {
            let made = match number {
                Number::Int(value) => ffi::PyLong_FromLongLong(value),
                Number::Float(value) => ffi::PyFloat_FromDouble(value),
                Number::Uint(value) => ffi::PyLong_FromUnsignedLongLong(value),
                // Refused if there are more digits than `sys.set_int_max_str_digits` allows.
                Number::Big(digits) => {
                    let digits = CString::new(digits).ok()?;
                    ffi::PyLong_FromString(digits.as_ptr(), std::ptr::null_mut(), 10)
                }
            };
            owned(self.py, made)
        }
    }

    #[inline(always)]
    fn string(&mut self, text: Text<'_>) -> Option<Self::Value> {
        string::object(self.py, text)
    }

    #[inline(always)]
    fn key(&mut self, text: Text<'_>) -> Option<Self::Value> {
        match text {
            Text::Ascii(key) => self.keys.get(key),
            _ => string::object(self.py, text),
        }
    }

    fn array(&mut self, elements: &mut Vec<Self::Value>, first: usize) -> Option<Self::Value> {
        let taken = elements.get(first..)?;
        let length = ffi::Py_ssize_t::try_from(taken.len()).ok()?;
        // SAFETY: attached, as `self.py` shows; the result is a new reference, or null with an exception. The list is
        // new and has `length` places, all empty (`ob_item` is null only if there is none). A `Bound` is a pointer that
        // owns a reference: the copy moves the references into the list, and `set_len` makes the vector forget them.
        unsafe {
            let list = owned(self.py, ffi::PyList_New(length))?;
            let places = (*list.as_ptr().cast::<ffi::PyListObject>()).ob_item;
            places.cast::<Self::Value>().copy_from_nonoverlapping(taken.as_ptr(), taken.len());
            elements.set_len(first);
            Some(list)
        }
    }

    #[inline(always)]
    fn object(&mut self) -> Option<Self::Value> {
        // SAFETY: attached, as `self.py` shows; the result is a new reference, or null with an exception.
        unsafe { owned(self.py, ffi::PyDict_New()) }
    }

    #[inline(always)]
    fn insert(&mut self, object: &mut Self::Value, key: Self::Value, value: Self::Value) -> Option<()> {
        // SAFETY: attached, as `self.py` shows; `object` comes from `PyDict_New`, and the three references are alive.
        if unsafe { ffi::PyDict_SetItem(object.as_ptr(), key.as_ptr(), value.as_ptr()) } != 0 {
            drop_exception(self.py);
            return None;
        }
        Some(())
    }

    #[inline(always)]
    fn progress(&mut self, position: usize) {
        self.hold.progress(position);
    }
}
