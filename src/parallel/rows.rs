//! Rows of a list result: one document's result as a Python object.

use std::time::Instant;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyList, PyString, PyTuple};

use shoal_kernels::bytes::hash::Digest;
use shoal_kernels::packed::{PackedBytes, PackedStrings};
use shoal_kernels::text::findall::Found;

/// Strings made between two looks at the clock: about 10 µs.
const STRIDE: usize = 128;

/// A native result that becomes a Python object when it is asked for.
pub trait Row: Send + 'static {
    /// Works until `deadline`. `None` means that it is not finished.
    fn step(&mut self, py: Python<'_>, deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>>;
}

/// A text.
pub struct Text(pub String);

impl Row for Text {
    fn step(&mut self, py: Python<'_>, _deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>> {
        Ok(Some(PyString::new(py, &self.0).unbind().into_any()))
    }
}

impl Row for Digest {
    fn step(&mut self, py: Python<'_>, _deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>> {
        Ok(Some(self.with_text(|text| PyString::new(py, text)).unbind().into_any()))
    }
}

/// Bytes.
pub struct Blob(pub Vec<u8>);

impl Row for Blob {
    fn step(&mut self, py: Python<'_>, _deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>> {
        Ok(Some(PyBytes::new(py, &self.0).unbind().into_any()))
    }
}

/// A number.
pub struct Count(pub u64);

impl Row for Count {
    fn step(&mut self, py: Python<'_>, _deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>> {
        Ok(Some(PyInt::new(py, self.0).unbind().into_any()))
    }
}

/// The native values of a [`MatchList`].
pub trait Items: Send + 'static {
    /// The value at `index` as a Python object.
    fn item<'py>(&self, py: Python<'py>, index: usize) -> Option<Bound<'py, PyAny>>;
}

impl Items for PackedStrings {
    fn item<'py>(&self, py: Python<'py>, index: usize) -> Option<Bound<'py, PyAny>> {
        self.get(index).map(|text| PyString::new(py, text).into_any())
    }
}

impl Items for PackedBytes {
    fn item<'py>(&self, py: Python<'py>, index: usize) -> Option<Bound<'py, PyAny>> {
        self.get(index).map(|bytes| PyBytes::new(py, bytes).into_any())
    }
}

/// A list, which may be long, of values or of tuples of them.
pub struct MatchList<T> {
    items: T,
    /// Values in a tuple; 1 without tuples.
    width: usize,
    next: usize,
    list: Option<Py<PyList>>,
}

impl<T> MatchList<T> {
    /// Of matches: with two or more groups, tuples.
    pub fn new(found: Found<T>) -> Self {
        Self { items: found.values, width: found.groups.max(1), next: 0, list: None }
    }
}

impl MatchList<PackedStrings> {
    /// Of texts.
    pub fn of_texts(texts: PackedStrings) -> Self {
        Self { items: texts, width: 1, next: 0, list: None }
    }
}

impl<T: Items> Row for MatchList<T> {
    fn step(&mut self, py: Python<'_>, deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>> {
        let list = self.list.get_or_insert_with(|| PyList::empty(py).unbind()).clone_ref(py).into_bound(py);
        while let Some(first) = self.items.item(py, self.next) {
            if self.width == 1 {
                list.append(first)?;
            } else {
                let rest = (self.next + 1..self.next + self.width).filter_map(|index| self.items.item(py, index));
                list.append(PyTuple::new(py, std::iter::once(first).chain(rest).collect::<Vec<_>>())?)?;
            }
            self.next += self.width;
            if list.len().is_multiple_of(STRIDE) && deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(None);
            }
        }
        Ok(Some(list.unbind().into_any()))
    }
}
