//! The entry points of the fuzz targets (`fuzz/`). Compiled only with `--cfg fuzzing`.

use pyo3::prelude::*;

/// The value that the parser of `Response.json()` reads; `None` if it leaves the text to `json.loads`.
pub fn json_objects<'py>(py: Python<'py>, text: &[u8]) -> Option<Bound<'py, PyAny>> {
    crate::json_fast(py, text)
}
