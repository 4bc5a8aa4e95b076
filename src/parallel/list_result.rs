//! The results of a batch as a list, made in slices.

use std::time::Instant;

use pyo3::prelude::*;
use pyo3::types::PyList;

use super::item_error::{finished, item_error, python_error};
use super::keywords::Policy;
use super::rows::Row;
use crate::bridge::into_python::IntoPython;
use shoal_kernels::batch::{Gathered, IndexedError, IndexedResults};
use shoal_kernels::error::KernelError;

/// A list under construction.
pub struct ListResult<T> {
    results: IndexedResults<T>,
    policy: Policy,
    total: usize,
    failure: Option<IndexedError>,
    list: Option<Py<PyList>>,
    /// The document whose result comes next in the list.
    next: usize,
    /// A row that was not finished before the deadline.
    current: Option<(usize, Result<T, KernelError>)>,
}

impl<T: Row> ListResult<T> {
    /// Of the results of a batch.
    pub fn new(mut gathered: Gathered<T>, policy: Policy) -> Self {
        let (total, failure) = (gathered.total, gathered.failure.take());
        Self { results: gathered.into_results(), policy, total, failure, list: None, next: 0, current: None }
    }
}

impl<T: Row> IntoPython for ListResult<T> {
    fn step(&mut self, py: Python<'_>, deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>> {
        let list = self.list.get_or_insert_with(|| PyList::empty(py).unbind()).clone_ref(py).into_bound(py);
        loop {
            let current = self.current.take().or_else(|| self.results.next());
            // None for each document that was not finished.
            let until = current.as_ref().map_or(self.total, |(index, _)| *index);
            while self.next < until {
                list.append(py.None())?;
                self.next += 1;
            }
            let Some((index, mut result)) = current else { return finished(list.into_any(), self.failure.take()) };
            match &mut result {
                Ok(row) => match row.step(py, deadline)? {
                    Some(object) => list.append(object)?,
                    None => {
                        self.current = Some((index, result));
                        return Ok(None);
                    }
                },
                Err(error) => match self.policy {
                    Policy::Raise => list.append(py.None())?,
                    Policy::Return => list.append(item_error(py, index, error)?)?,
                    Policy::Skip => {}
                },
            }
            self.next = index + 1;
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(None);
            }
        }
    }

    fn failure(&self, py: Python<'_>) -> Option<PyErr> {
        python_error(py, self.failure.as_ref())
    }
}
