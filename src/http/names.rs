//! File names, for the command line.

use pyo3::prelude::*;

use shoal_http::save::{safe_name, shorten_with_checksum};

/// A safe file name from `text`, of at most `max_len` bytes.
#[pyfunction]
#[pyo3(signature = (text, max_len, /))]
pub fn _safe_name(text: &str, max_len: usize) -> String {
    shorten_with_checksum(&safe_name(text), max_len)
}
