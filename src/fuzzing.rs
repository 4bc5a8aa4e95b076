//! What the fuzz targets (`fuzz/`) reach that nothing else outside this crate may. Only there with `--cfg fuzzing`.

use pyo3::prelude::*;

/// What the parser behind `Response.json()` makes of a text; `None` where it leaves the verdict to `json.loads`.
pub fn json_objects<'py>(py: Python<'py>, text: &[u8]) -> Option<Bound<'py, PyAny>> {
    crate::json_fast(py, text)
}
