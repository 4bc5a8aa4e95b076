//! Python objects for the values that the parser reads.

use std::ffi::CString;

use pyo3::ffi;
use pyo3::prelude::*;
use shoal_json::{Builder, Number, Text};

use super::hold::Hold;
use super::keys::Keys;
use super::owned::{drop_exception, owned};
use super::string;

/// Makes Python objects. `None` where memory ran out or the interpreter refused: then `json.loads` says why.
pub(super) struct PyBuilder<'py> {
    py: Python<'py>,
    keys: Keys<'py>,
    hold: Hold<'py>,
}

impl<'py> PyBuilder<'py> {
    pub fn new(py: Python<'py>, hold: Hold<'py>) -> Self {
        Self { py, keys: Keys::new(py), hold }
    }
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
