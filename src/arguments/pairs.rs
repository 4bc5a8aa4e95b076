//! Lists of pairs, as headers, cookies, parameters and columns are given.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyMapping, PyString};

use super::scalars::wrong_type;

/// The pairs of a mapping or of an iterable of pairs, in order.
pub fn pairs<'py>(argument: &str, value: &Bound<'py, PyAny>) -> PyResult<Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
    if let Ok(dict) = value.cast::<PyDict>() {
        return Ok(dict.iter().collect());
    }
    // A multi-mapping (ours, httpx's) gives repeated names there.
    let listed = if value.hasattr("multi_items")? {
        value.call_method0("multi_items")?
    } else if value.cast::<PyMapping>().is_ok() {
        value.call_method0("items")?
    } else {
        value.clone()
    };
    let wrong = || wrong_type(argument, "a mapping or a sequence of (name, value) pairs", value);
    if listed.is_instance_of::<PyString>() || listed.is_instance_of::<PyBytes>() {
        return Err(wrong());
    }
    listed.try_iter().map_err(|_| wrong())?.map(|pair| pair?.extract().map_err(|_| wrong())).collect()
}
