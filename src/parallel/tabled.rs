//! The results of a batch as Arrow, made on the pool; failures beside it.

use std::ffi::CString;
use std::time::Instant;

use arrow_array::{ArrayRef, RecordBatch};
use pyo3::exceptions::PyUserWarning;
use pyo3::prelude::*;

use super::column::PyColumn;
use super::keywords::Policy;
use super::listed::{ended, failure_of, item_error};
use super::table::PyTable;
use crate::bridge::outcome::Harvest;
use shoal_kernels::batch::Gathered;
use shoal_kernels::failure::Failure;

/// A failure and the document it happened to.
pub type Numbered = (usize, Failure);

/// Results by the place of their document, and the failures.
pub struct Places<T> {
    /// With None for what failed or was not finished; with `skip` without it.
    pub results: Vec<Option<T>>,
    /// Those to be told of beside the results.
    pub errors: Vec<Numbered>,
    /// The one that ended the batch.
    pub failure: Option<Numbered>,
    /// Every document was looked at.
    pub complete: bool,
}

impl<T> Places<T> {
    /// Of what a batch has gathered.
    pub fn of(gathered: Gathered<T>, policy: Policy) -> Self {
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
pub struct Tabled {
    data: Data,
    errors: std::vec::IntoIter<Numbered>,
    made: Vec<Py<PyAny>>,
    failure: Option<Numbered>,
    warnings: Vec<String>,
}

/// What it is to be.
pub enum Data {
    /// A `Table`.
    Table(RecordBatch),
    /// A `Column`.
    Column(&'static str, ArrayRef),
}

impl Tabled {
    /// With the failures that go with it.
    pub fn new(data: Data, errors: Vec<Numbered>, failure: Option<Numbered>) -> Self {
        Self { data, errors: errors.into_iter(), made: Vec::new(), failure, warnings: Vec::new() }
    }

    /// With warnings for whoever takes the result.
    pub fn warning(self, warnings: Vec<String>) -> Self {
        Self { warnings, ..self }
    }
}

impl Harvest for Tabled {
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
            Data::Table(batch) => Py::new(py, PyTable::new(batch.clone(), errors))?.into_any(),
            Data::Column(name, array) => Py::new(py, PyColumn::new(name, array.clone(), errors))?.into_any(),
        };
        ended(results.into_bound(py), self.failure.take())
    }

    fn failure(&self, py: Python<'_>) -> Option<PyErr> {
        failure_of(py, self.failure.as_ref())
    }
}
