//! Pickling, hashing and repr of the objects that hold options.

use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// The value of `__reduce__` for an object that its constructor makes again.
pub fn reduce<'py>(
    object: &Bound<'py, PyAny>,
    arguments: &Bound<'py, PyTuple>,
    keywords: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyTuple>> {
    let py = object.py();
    let make = py.import("copyreg")?.getattr("__newobj_ex__")?;
    (make, (object.get_type(), arguments, keywords)).into_pyobject(py)
}

/// The hash of an object whose repr shows all that equality compares.
pub fn hash_of(repr: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    repr.hash(&mut hasher);
    hasher.finish()
}

/// The repr of a number or None.
pub fn repr_of(value: Option<impl Debug>) -> String {
    value.map_or_else(|| "None".to_owned(), |value| format!("{value:?}"))
}
