//! `hash`, `compress`, `decompress`.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::pieces::Text;
use super::run::Call;
use crate::py::job::Job;

/// TEMP
#[pyfunction]
#[pyo3(signature = (docs, algorithm="sha256", **keywords))]
pub fn hash(docs: &Bound<'_, PyAny>, algorithm: &str, keywords: Option<&Bound<'_, PyDict>>) -> PyResult<Py<Job>> {
    let _ = algorithm;
    Call { name: "hash", docs, keywords }.listed(|document, stop| {
        stop.check()?;
        Ok(Text(blake3::hash(&document.bytes()?).to_hex().to_string()))
    })
}
