//! One document's result as a Python object.

use std::time::Instant;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyList, PyString};

use crate::cpu::texts::Texts;

/// Strings made between two looks at the clock: about 10 µs.
const STRIDE: usize = 128;

/// A native result that becomes a Python object when somebody asks.
pub trait Piece: Send + 'static {
    /// Goes on until `deadline`; `None` means that there is more to do.
    fn step(&mut self, py: Python<'_>, deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>>;
}

/// A text.
pub struct Text(pub String);

impl Piece for Text {
    fn step(&mut self, py: Python<'_>, _deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>> {
        Ok(Some(PyString::new(py, &self.0).unbind().into_any()))
    }
}

/// Bytes.
pub struct Blob(pub Vec<u8>);

impl Piece for Blob {
    fn step(&mut self, py: Python<'_>, _deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>> {
        Ok(Some(PyBytes::new(py, &self.0).unbind().into_any()))
    }
}

/// A number.
pub struct Count(pub u64);

impl Piece for Count {
    fn step(&mut self, py: Python<'_>, _deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>> {
        Ok(Some(PyInt::new(py, self.0).unbind().into_any()))
    }
}

/// A list of texts, which may be long.
pub struct TextList {
    texts: Texts,
    next: usize,
    list: Option<Py<PyList>>,
}

impl TextList {
    /// Of what a kernel found.
    pub fn new(texts: Texts) -> Self {
        Self { texts, next: 0, list: None }
    }
}

impl Piece for TextList {
    fn step(&mut self, py: Python<'_>, deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>> {
        let list = self.list.get_or_insert_with(|| PyList::empty(py).unbind()).clone_ref(py).into_bound(py);
        while let Some(text) = self.texts.get(self.next) {
            list.append(PyString::new(py, text))?;
            self.next += 1;
            if self.next.is_multiple_of(STRIDE) && deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(None);
            }
        }
        Ok(Some(list.unbind().into_any()))
    }
}
