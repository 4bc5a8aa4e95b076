//! The results of a batch as Python objects, made in slices: a list with a [`Row`] for each document, or Arrow data made on
//! the pool, with the errors beside it.

use std::ffi::CString;
use std::time::Instant;

use arrow_array::{ArrayRef, RecordBatch};
use pyo3::IntoPyObjectExt as _;
use pyo3::exceptions::{PyOSError, PyUserWarning, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

use super::arguments::Policy;
use super::column::PyColumn;
use super::table::PyTable;
use crate::bridge::exceptions::exception_class;
use crate::bridge::job_result::IntoPython;
use shoal_kernels::batch::{Gathered, IndexedError, IndexedResults};
use shoal_kernels::bytes::hash::Digest;
use shoal_kernels::error::{ErrorKind, KernelError};
use shoal_kernels::packed::{PackedBytes, PackedStrings};
use shoal_kernels::text::findall::Found;

/// The exception for the failure that ended a batch.
fn python_error(py: Python<'_>, failure: Option<&IndexedError>) -> Option<PyErr> {
    let (index, error) = failure?;
    Some(item_error(py, *index, error).map_or_else(|error| error, PyErr::from_value))
}

/// The results of a finished batch, or the exception for the failure that ended it, with them as its `results`.
fn finished(results: Bound<'_, PyAny>, failure: Option<IndexedError>) -> PyResult<Option<Py<PyAny>>> {
    let py = results.py();
    let Some((index, error)) = failure else { return Ok(Some(results.unbind())) };
    let error = item_error(py, index, &error)?;
    error.setattr(intern!(py, "results"), results)?;
    Err(PyErr::from_value(error))
}

/// The `ItemError` for a document.
fn item_error<'py>(py: Python<'py>, index: usize, error: &KernelError) -> PyResult<Bound<'py, PyAny>> {
    exception_class(py, "ItemError")?.call1((index, exception(py, error)?))
}

/// The exception for a kernel's error.
pub fn exception<'py>(py: Python<'py>, error: &KernelError) -> PyResult<Bound<'py, PyAny>> {
    static JSON: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let message = error.message.as_str();
    let exception = match &error.kind {
        ErrorKind::Value | ErrorKind::Stopped => PyValueError::new_err(message.to_owned()),
        ErrorKind::File { number: Some(number), path } => {
            PyOSError::new_err((*number, message.to_owned(), path.clone()))
        }
        ErrorKind::File { number: None, .. } => PyOSError::new_err(message.to_owned()),
        ErrorKind::Json { position, document } => {
            let class = JSON.import(py, "json", "JSONDecodeError")?;
            return class.call1((message, &**document, *position));
        }
        ErrorKind::Internal => return exception_class(py, "InternalError")?.call1((message,)),
    };
    Ok(exception.into_value(py).into_bound(py).into_any())
}

/// The class name of [`exception`].
pub fn exception_name(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Value | ErrorKind::Stopped => "ValueError",
        ErrorKind::File { .. } => "OSError",
        ErrorKind::Json { .. } => "JSONDecodeError",
        ErrorKind::Internal => "InternalError",
    }
}

/// Strings made between two looks at the clock: about 10 µs.
const STRIDE: usize = 128;

/// A native result that becomes a Python object when it is asked for.
pub trait Row: Send + 'static {
    /// Works until `deadline`. `None` means that it is not finished.
    fn step(&mut self, py: Python<'_>, deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>>;
}

/// A result that becomes one object.
pub struct Whole<T>(pub T);

impl<T: Send + 'static> Row for Whole<T>
where
    for<'a, 'py> &'a T: IntoPyObject<'py>,
{
    fn step(&mut self, py: Python<'_>, _deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>> {
        (&self.0).into_py_any(py).map(Some)
    }
}

impl Row for Digest {
    fn step(&mut self, py: Python<'_>, _deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>> {
        Ok(Some(self.with_text(|text| PyString::new(py, text)).unbind().into_any()))
    }
}

/// The native values of a [`MatchList`].
pub trait Items: Send + 'static {
    /// The value at `index` as a Python object.
    fn item<'py>(&self, py: Python<'py>, index: usize) -> Option<Bound<'py, PyAny>>;
}

impl Items for PackedStrings {
    fn item<'py>(&self, py: Python<'py>, index: usize) -> Option<Bound<'py, PyAny>> {
        self.get(index).map(|text| PyString::new(py, text).into_any())
    }
}

impl Items for PackedBytes {
    fn item<'py>(&self, py: Python<'py>, index: usize) -> Option<Bound<'py, PyAny>> {
        self.get(index).map(|bytes| PyBytes::new(py, bytes).into_any())
    }
}

/// A list, which may be long, of values or of tuples of them.
pub struct MatchList<T> {
    items: T,
    /// Values in a tuple; 1 without tuples.
    width: usize,
    next: usize,
    list: Option<Py<PyList>>,
}

impl<T> MatchList<T> {
    /// Of matches: with two or more groups, tuples.
    pub fn new(found: Found<T>) -> Self {
        Self { items: found.values, width: found.groups.max(1), next: 0, list: None }
    }
}

impl MatchList<PackedStrings> {
    pub fn of_texts(texts: PackedStrings) -> Self {
        Self { items: texts, width: 1, next: 0, list: None }
    }
}

impl<T: Items> Row for MatchList<T> {
    fn step(&mut self, py: Python<'_>, deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>> {
        let list = self.list.get_or_insert_with(|| PyList::empty(py).unbind()).clone_ref(py).into_bound(py);
        while let Some(first) = self.items.item(py, self.next) {
            if self.width == 1 {
                list.append(first)?;
            } else {
                let rest = (self.next + 1..self.next + self.width).filter_map(|index| self.items.item(py, index));
                list.append(PyTuple::new(py, std::iter::once(first).chain(rest).collect::<Vec<_>>())?)?;
            }
            self.next += self.width;
            if list.len().is_multiple_of(STRIDE) && deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(None);
            }
        }
        Ok(Some(list.unbind().into_any()))
    }
}

pub struct ListResult<T, I = IndexedResults<T>> {
    results: I,
    policy: Policy,
    /// The length of a list with a place for each document.
    total: Option<usize>,
    failure: Option<IndexedError>,
    list: Option<Py<PyList>>,
    /// The document whose result comes next in the list.
    next: usize,
    /// A row that was not finished before the deadline.
    current: Option<(usize, Result<T, KernelError>)>,
}

impl<T: Row> ListResult<T> {
    pub fn new(mut gathered: Gathered<T>, policy: Policy) -> Self {
        let (total, failure) = (gathered.total, gathered.failure.take());
        Self {
            results: gathered.into_results(),
            policy,
            total: Some(total),
            failure,
            list: None,
            next: 0,
            current: None,
        }
    }
}

impl<T: Row, I: Iterator<Item = (usize, Result<T, KernelError>)>> ListResult<T, I> {
    /// Of nothing but these results.
    pub fn sparse(results: I, failure: Option<IndexedError>) -> Self {
        Self { results, policy: Policy::Return, total: None, failure, list: None, next: 0, current: None }
    }
}

impl<T: Row, I: Iterator<Item = (usize, Result<T, KernelError>)> + Send> IntoPython for ListResult<T, I> {
    fn step(&mut self, py: Python<'_>, deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>> {
        let list = self.list.get_or_insert_with(|| PyList::empty(py).unbind()).clone_ref(py).into_bound(py);
        loop {
            let current = self.current.take().or_else(|| self.results.next());
            // None for each document that was not finished.
            let until = self.total.map(|total| current.as_ref().map_or(total, |(index, _)| *index));
            while until.is_some_and(|until| self.next < until) {
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

    fn failure(&mut self, py: Python<'_>) -> Option<PyErr> {
        python_error(py, self.failure.as_ref())
    }
}

/// How a batch ended, apart from its results.
pub struct Ending {
    /// The errors to return beside the results.
    pub errors: Vec<IndexedError>,
    /// The one that ended the batch.
    pub failure: Option<IndexedError>,
    /// Whether every document was looked at, without a failure.
    complete: bool,
}

/// The results of a batch in the order of the documents: None for each that failed or was not finished; without those under
/// `skip`.
pub fn ordered<T>(mut gathered: Gathered<T>, policy: Policy) -> (Vec<Option<T>>, Ending) {
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
    let complete = seen == total && failure.is_none();
    (results, Ending { errors, failure, complete })
}

/// Arrow data on its way to Python.
pub struct TableResult {
    data: ArrowData,
    errors: std::vec::IntoIter<IndexedError>,
    exceptions: Vec<Py<PyAny>>,
    failure: Option<IndexedError>,
    warnings: Vec<String>,
}

pub enum ArrowData {
    Table(RecordBatch),
    /// A `Column` of this name.
    Column(&'static str, ArrayRef),
}

impl TableResult {
    /// With `warnings`, if the batch is complete, for the caller that takes the result.
    pub fn new(data: ArrowData, ending: Ending, mut warnings: Vec<String>) -> Self {
        if !ending.complete {
            warnings.clear();
        }
        Self { data, errors: ending.errors.into_iter(), exceptions: Vec::new(), failure: ending.failure, warnings }
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

    fn failure(&mut self, py: Python<'_>) -> Option<PyErr> {
        python_error(py, self.failure.as_ref())
    }
}
