//! Checks of arguments that single functions take. Every error names the argument.

use std::fmt::Display;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::arguments::scalars::at_least;
pub use crate::arguments::scalars::text;

/// What a document may be, for messages.
pub const WANTED: &str = "str, bytes, a bytes-like object, a path or a shoal.Response";

/// A `str` or None.
pub fn optional_text(argument: &str, value: Option<&Bound<'_, PyAny>>) -> PyResult<Option<String>> {
    let given = value.filter(|value| !value.is_none());
    given.map(|value| text(argument, value).map(str::to_owned)).transpose()
}

/// An integer of 0 or more; `default` if the argument is absent.
pub fn number(argument: &str, value: Option<&Bound<'_, PyAny>>, default: usize) -> PyResult<usize> {
    value.map_or(Ok(default), |value| at_least(0, argument, value))
}

/// Turns a kernel's error about an argument into a `ValueError` that names it.
pub fn invalid<E: Display>(argument: &str) -> impl Fn(E) -> PyErr {
    move |error| PyValueError::new_err(format!("{argument}: {error}"))
}
