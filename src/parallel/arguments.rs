//! Arguments of single functions, checked before anything starts; every error names the argument.

use std::fmt::Display;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

pub use crate::arguments::input::text;
use crate::arguments::limits::integer;

/// A text or None.
pub fn optional_text(argument: &str, value: Option<&Bound<'_, PyAny>>) -> PyResult<Option<String>> {
    let given = value.filter(|value| !value.is_none());
    given.map(|value| text(argument, value).map(str::to_owned)).transpose()
}

/// A whole number from 0, or what is usual.
pub fn number(argument: &str, value: Option<&Bound<'_, PyAny>>, usual: usize) -> PyResult<usize> {
    let Some(value) = value else { return Ok(usual) };
    let number = integer(argument, value)?;
    usize::try_from(number).map_err(|_| PyValueError::new_err(format!("{argument} must be 0 or more, not {number}")))
}

/// Turns a kernel's error about an argument into a `ValueError` that names it.
pub fn invalid<E: Display>(argument: &str) -> impl Fn(E) -> PyErr {
    move |error| PyValueError::new_err(format!("{argument}: {error}"))
}
