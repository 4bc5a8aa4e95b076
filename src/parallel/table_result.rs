//! The results of a batch as Arrow data, made on the pool, with the errors beside it.

use std::ffi::CString;
use std::time::Instant;

use arrow_array::{ArrayRef, RecordBatch};
use pyo3::exceptions::PyUserWarning;
use pyo3::prelude::*;

use super::column::PyColumn;
use super::item_error::{finished, item_error, python_error};
use super::keywords::Policy;
use super::table::PyTable;
use crate::bridge::into_python::IntoPython;
use shoal_kernels::batch::{Gathered, IndexedError};

/// The results of a batch in the order of the documents, and its errors.
pub struct OrderedResults<T> {
    /// None for each document that failed or was not finished; without those under `skip`.
    pub results: Vec<Option<T>>,
    /// The errors to return beside the results.
    pub errors: Vec<IndexedError>,
    /// The one that ended the batch.
    pub failure: Option<IndexedError>,
    /// Whether every document was looked at.
    pub complete: bool,
}

impl<T> OrderedResults<T> {
    /// Of the results of a batch.
    pub fn new(mut gathered: Gathered<T>, policy: Policy) -> Self {
        let (total, failure) = (gathered.total, gathered.failure.take());
        let (mut results, mut errors, mut seen) = (Vec::with_capacity(total), Vec::new(), 0);
        let skip = policy == Policy::Skip;
        for (index, result) in gathered.into_results() {
            seen += 1;
            if !skip {
                results.resize_with(index, || None);
            }
            match result {
                Ok(result) => results.push(Some(result)),
                Err(_) if skip => {}
                Err(error) => {
                    results.push(None);
                    if policy == Policy::Return {
                        errors.push((index, error));
                    }
                }
            }
        }
        if !skip {
            results.resize_with(total, || None);
        }
        Self { results, errors, failure, complete: seen == total }
    }
}

/// Arrow data on its way to Python.
pub struct TableResult {
    data: ArrowData,
    errors: std::vec::IntoIter<IndexedError>,
    exceptions: Vec<Py<PyAny>>,
    failure: Option<IndexedError>,
    warnings: Vec<String>,
}

/// What the data becomes.
pub enum ArrowData {
    /// A `Table`.
    Table(RecordBatch),
    /// A `Column` of this name.
    Column(&'static str, ArrayRef),
}

impl TableResult {
    /// Of data and its errors.
    pub fn new(data: ArrowData, errors: Vec<IndexedError>, failure: Option<IndexedError>) -> Self {
        Self { data, errors: errors.into_iter(), exceptions: Vec::new(), failure, warnings: Vec::new() }
    }

    /// With warnings for the caller that takes the result.
    pub fn with_warnings(self, warnings: Vec<String>) -> Self {
        Self { warnings, ..self }
    }
}

impl IntoPython for TableResult {
    fn step(&mut self, py: Python<'_>, deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>> {
        for (index, error) in self.errors.by_ref() {
            self.exceptions.push(item_error(py, index, &error)?.unbind());
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(None);
            }
        }
        for warning in std::mem::take(&mut self.warnings) {
            PyErr::warn(py, &py.get_type::<PyUserWarning>(), &CString::new(warning)?, 1)?;
        }
        let errors = std::mem::take(&mut self.exceptions);
        let result = match &self.data {
            ArrowData::Table(batch) => Py::new(py, PyTable::new(batch.clone(), errors))?.into_any(),
            ArrowData::Column(name, array) => Py::new(py, PyColumn::new(name, array.clone(), errors))?.into_any(),
        };
        finished(result.into_bound(py), self.failure.take())
    }

    fn failure(&self, py: Python<'_>) -> Option<PyErr> {
        python_error(py, self.failure.as_ref())
    }
}
