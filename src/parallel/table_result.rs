//! The results of a batch as Arrow, made on the pool; failures beside it.

use std::ffi::CString;
use std::time::Instant;

use arrow_array::{ArrayRef, RecordBatch};
use pyo3::exceptions::PyUserWarning;
use pyo3::prelude::*;

use super::column::PyColumn;
use super::keywords::Policy;
use super::list_result::{ended, failure_of, item_error};
use super::table::PyTable;
use crate::bridge::into_python::IntoPython;
use shoal_kernels::batch::Gathered;
use shoal_kernels::error::KernelError;

/// A failure and the document it happened to.
pub type IndexedError = (usize, KernelError);

/// Results by the place of their document, and the failures.
pub struct OrderedResults<T> {
    /// With None for what failed or was not finished; with `skip` without it.
    pub results: Vec<Option<T>>,
    /// Those to be told of beside the results.
    pub errors: Vec<IndexedError>,
    /// The one that ended the batch.
    pub failure: Option<IndexedError>,
    /// Every document was looked at.
    pub complete: bool,
}

impl<T> OrderedResults<T> {
    /// Of what a batch has gathered.
    pub fn new(gathered: Gathered<T>, policy: Policy) -> Self {
        let Gathered { blocks, total, failure } = gathered;
        let complete = blocks.iter().map(|block| block.outcomes.len()).sum::<usize>() == total;
        let mut places = Self { results: Vec::with_capacity(total), errors: Vec::new(), failure, complete };
        for block in blocks {
            if policy != Policy::Skip {
                places.results.resize_with(block.start, || None);
            }
            for (index, outcome) in (block.start..).zip(block.outcomes) {
                match outcome {
                    Ok(result) => places.results.push(Some(result)),
                    Err(_) if policy == Policy::Skip => {}
                    Err(failure) => {
                        places.results.push(None);
                        if policy == Policy::Return {
                            places.errors.push((index, failure));
                        }
                    }
                }
            }
        }
        if policy != Policy::Skip {
            places.results.resize_with(total, || None);
        }
        places
    }
}

/// Arrow data on its way to Python.
pub struct TableResult {
    data: ArrowData,
    errors: std::vec::IntoIter<IndexedError>,
    made: Vec<Py<PyAny>>,
    failure: Option<IndexedError>,
    warnings: Vec<String>,
}

/// What it is to be.
pub enum ArrowData {
    /// A `Table`.
    Table(RecordBatch),
    /// A `Column`.
    Column(&'static str, ArrayRef),
}

impl TableResult {
    /// With the failures that go with it.
    pub fn new(data: ArrowData, errors: Vec<IndexedError>, failure: Option<IndexedError>) -> Self {
        Self { data, errors: errors.into_iter(), made: Vec::new(), failure, warnings: Vec::new() }
    }

    /// With warnings for whoever takes the result.
    pub fn warning(self, warnings: Vec<String>) -> Self {
        Self { warnings, ..self }
    }
}

impl IntoPython for TableResult {
    fn step(&mut self, py: Python<'_>, deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>> {
        for (index, failure) in self.errors.by_ref() {
            self.made.push(item_error(py, index, &failure)?.unbind());
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(None);
            }
        }
        let warnings = std::mem::take(&mut self.warnings);
        for warning in warnings {
            PyErr::warn(py, &py.get_type::<PyUserWarning>(), &CString::new(warning)?, 1)?;
        }
        let errors = std::mem::take(&mut self.made);
        let results = match &self.data {
            ArrowData::Table(batch) => Py::new(py, PyTable::new(batch.clone(), errors))?.into_any(),
            ArrowData::Column(name, array) => Py::new(py, PyColumn::new(name, array.clone(), errors))?.into_any(),
        };
        ended(results.into_bound(py), self.failure.take())
    }

    fn failure(&self, py: Python<'_>) -> Option<PyErr> {
        failure_of(py, self.failure.as_ref())
    }
}
