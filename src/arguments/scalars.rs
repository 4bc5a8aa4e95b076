//! Readers of single values and lists of pairs. Each checks its whole argument; its error names the argument and shows the value.

use std::path::PathBuf;
use std::time::Duration;

use pyo3::exceptions::{PyTypeError, PyUnicodeEncodeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyMapping, PyString};

/// Characters of a value's repr that an error shows.
const MAX_SHOWN: usize = 40;

/// A century in seconds: a longer time counts as this one, because it would overflow the clock.
const MAX_SECONDS: f64 = 3.2e9;

/// The name of a value's type, for errors.
pub fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "object".to_owned(), |name| name.to_string())
}

/// The `TypeError` for a value of the wrong type.
pub fn wrong_type(argument: &str, expected: &str, value: &Bound<'_, PyAny>) -> PyErr {
    PyTypeError::new_err(format!("{argument} must be {expected}, not {}", type_name(value)))
}

/// A `TypeError` or `ValueError` with `prefix` before its message; other exceptions are not about an argument and stay.
pub fn prefixed(py: Python<'_>, prefix: &str, error: PyErr) -> PyErr {
    let message = format!("{prefix}: {}", error.value(py));
    if error.is_instance_of::<PyTypeError>(py) {
        caused_by(py, PyTypeError::new_err(message), error)
    } else if error.get_type(py).is(py.get_type::<PyValueError>()) {
        caused_by(py, PyValueError::new_err(message), error)
    } else {
        error
    }
}

pub fn caused_by(py: Python<'_>, error: PyErr, cause: PyErr) -> PyErr {
    error.set_cause(py, Some(cause));
    error
}

/// The text of a str. A lone surrogate is refused, and not shown: a `UnicodeEncodeError` would show the whole text.
pub fn utf8<'a>(argument: &str, text: &'a Bound<'_, PyString>) -> PyResult<&'a str> {
    let reason = "a str has a lone surrogate, which UTF-8 cannot carry";
    text.to_str().map_err(|_| PyValueError::new_err(format!("{argument}: {reason}")))
}

pub fn text<'a>(argument: &str, value: &'a Bound<'_, PyAny>) -> PyResult<&'a str> {
    text_or(argument, "str", value)
}

/// A str; the `TypeError` for anything else says what was expected.
pub fn text_or<'a>(argument: &str, expected: &str, value: &'a Bound<'_, PyAny>) -> PyResult<&'a str> {
    utf8(argument, value.cast::<PyString>().map_err(|_| wrong_type(argument, expected, value))?)
}

pub fn flag(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let truth = value.cast::<PyBool>().map_err(|_| wrong_type(argument, "True or False", value))?;
    Ok(truth.is_true())
}

/// Whether a value is an int, and no bool.
pub fn is_integer(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>()
}

/// An int of 64 bits.
pub fn integer(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<i64> {
    if !is_integer(value) {
        return Err(wrong_type(argument, "an int", value));
    }
    value.extract().map_err(|_| PyValueError::new_err(format!("{argument} is too large: {value}")))
}

/// An int that is not below `minimum`.
pub fn at_least(minimum: usize, argument: &str, value: &Bound<'_, PyAny>) -> PyResult<usize> {
    let number = integer(argument, value)?;
    let fits = usize::try_from(number).ok().filter(|number| *number >= minimum);
    fits.ok_or_else(|| PyValueError::new_err(format!("{argument} must be {minimum} or more, not {number}")))
}

/// An int from 0 to what 32 bits hold; `expected` says what else the argument may be.
pub fn count(argument: &str, expected: &str, value: &Bound<'_, PyAny>) -> PyResult<u32> {
    if !is_integer(value) {
        return Err(wrong_type(argument, expected, value));
    }
    value.extract().or_else(|_| {
        let bound = if value.lt(0)? { "0 or more".to_owned() } else { format!("at most {}", u32::MAX) };
        Err(PyValueError::new_err(format!("{argument} must be {bound}, not {}", shown(value)?)))
    })
}

pub fn float(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<f64> {
    value.extract().map_err(|_| wrong_type(argument, "a number", value))
}

/// A finite number from 0.
pub fn not_negative(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<f64> {
    let number = float(argument, value)?;
    if number >= 0.0 && number.is_finite() {
        // -0.0 loses its sign, so that equal objects have one repr.
        return Ok(number.abs());
    }
    Err(PyValueError::new_err(format!("{argument} must be finite and 0 or more, not {number}")))
}

/// Seconds from 0.
pub fn pause(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<Duration> {
    Ok(Duration::from_secs_f64(not_negative(argument, value)?.min(MAX_SECONDS)))
}

/// Seconds above 0; `expected` says what else the argument may be.
pub fn seconds(argument: &str, expected: &str, value: &Bound<'_, PyAny>) -> PyResult<Duration> {
    if !(value.is_instance_of::<PyFloat>() || is_integer(value)) {
        return Err(wrong_type(argument, expected, value));
    }
    // An int that is too large for a float is refused like infinity.
    let number: f64 = value.extract().unwrap_or(f64::INFINITY);
    if number > 0.0 && number.is_finite() {
        return Ok(Duration::from_secs_f64(number.min(MAX_SECONDS)).max(Duration::from_nanos(1)));
    }
    let shown = shown(value)?;
    Err(PyValueError::new_err(format!("{argument} must be finite and more than 0 seconds, not {shown}")))
}

/// Bytes: an int, "64MiB", "10MB", "512 KiB", "1000", or None for no limit.
pub fn size(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<u64> {
    if value.is_none() {
        return Ok(u64::MAX);
    }
    let invalid = || {
        let shown = value.repr().map_or_else(|_| type_name(value), |repr| repr.to_string());
        PyValueError::new_err(format!(
            "{argument} must be a number of bytes, a size like \"64MiB\" or None, not {shown}"
        ))
    };
    if is_integer(value) {
        return value.extract().map_err(|_| invalid());
    }
    let text = text_or(argument, "an int, a size like \"64MiB\" or None", value)?.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        _ => return Err(invalid()),
    };
    let number: f64 = number.parse().map_err(|_| invalid())?;
    Ok((number * factor as f64) as u64)
}

/// A path; the error says what the argument must do ("be a path", "return a path").
pub fn path(argument: &str, expected: &str, value: &Bound<'_, PyAny>) -> PyResult<PathBuf> {
    value.extract().map_err(|error: PyErr| {
        if error.is_instance_of::<PyUnicodeEncodeError>(value.py()) {
            let reason = "a path has a lone surrogate, which no file name can have";
            return PyValueError::new_err(format!("{argument}: {reason}"));
        }
        PyTypeError::new_err(format!("{argument} must {expected}, not {}", type_name(value)))
    })
}

/// The text of a str or a path; None for other types and for a path of bytes, which has no text.
pub fn path_text(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    let path = match value.cast::<PyString>() {
        Ok(_) => value.clone(),
        Err(_) => match value.call_method0(intern!(value.py(), "__fspath__")) {
            Ok(path) => path,
            Err(_) => return Ok(None),
        },
    };
    path.cast::<PyString>().ok().map(|path| utf8(argument, path).map(str::to_owned)).transpose()
}

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

/// The beginning of a value's repr.
fn shown(value: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(value.repr()?.to_string_lossy().chars().take(MAX_SHOWN).collect())
}
