//! The two kinds of work behind a fetching [`Job`]: one request, and a batch.

use std::sync::Arc;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use tokio::runtime::Handle;

use super::job::{Job, Work};
use super::lifecycle::exiting;
use super::outcome::{Ended, Harvest, promise};
use super::single::Single;
use super::unwatched::CallSite;
use crate::http::harvest::Many;
use crate::http::stats::PyStats;
use shoal_http::attempts::Fetcher;
use shoal_http::batch::{FetchBatch, FetchBatchOptions};
use shoal_http::items::Items;
use shoal_http::request::Request;
use shoal_http::stats::Stats;
use shoal_runtime::{self, RuntimeError};

/// The reactor, or the exception that says why there is none.
pub fn reactor() -> PyResult<&'static Handle> {
    shoal_runtime::reactor_handle().map_err(|error| no_threads(&error))
}

/// Why a thread can't be started.
pub fn no_thread(error: &std::io::Error) -> PyErr {
    PyRuntimeError::new_err(format!("a thread could not be started: {error}"))
}

/// Why nothing can be started.
pub fn no_threads(error: &RuntimeError) -> PyErr {
    match error {
        RuntimeError::Exiting => exiting(),
        RuntimeError::Thread(_) => PyRuntimeError::new_err(error.to_string()),
        RuntimeError::ThreadCount(_) => PyValueError::new_err(error.to_string()),
    }
}

impl Work for Single {
    fn name(&self) -> &'static str {
        "request"
    }

    fn cancel(&self) -> Option<Option<Box<dyn Harvest>>> {
        self.stop().then_some(None)
    }

    fn progress(&self) -> (usize, usize) {
        (usize::from(self.is_over()), 1)
    }

    fn stats(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        stats(py, self.snapshot())
    }
}

fn stats(py: Python<'_>, stats: Stats) -> PyResult<Py<PyAny>> {
    Ok(Py::new(py, PyStats(stats))?.into_any())
}

/// Starts one request.
pub fn single(py: Python<'_>, call: Fetcher, request: Request) -> PyResult<Py<Job>> {
    let (completion, promised) = promise();
    let work = Single::start(call, request, promised).map_err(|error| no_threads(&error))?;
    Job::create(py, completion, work, None, CallSite::here(py, false))
}

struct Bulk(Arc<FetchBatch>);

impl Work for Bulk {
    fn name(&self) -> &'static str {
        "gather_fetch"
    }

    fn cancel(&self) -> Option<Option<Box<dyn Harvest>>> {
        self.0.cancel().map(|gathered| Some(Box::new(Many::new(gathered)) as Box<dyn Harvest>))
    }

    fn progress(&self) -> (usize, usize) {
        self.0.progress()
    }

    fn stats(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        stats(py, self.0.stats())
    }
}

/// Starts a batch.
pub fn bulk(
    py: Python<'_>,
    call: Fetcher,
    items: Items,
    options: FetchBatchOptions,
    progress: Option<Py<PyAny>>,
) -> PyResult<Py<Job>> {
    let handle = reactor()?;
    let batch = FetchBatch::new(call.collector.clone(), items, options);
    let (completion, promised) = promise();
    batch.start(handle, Arc::new(call), move |gathered| promised.settle(Ended::Done(Box::new(Many::new(gathered)))));
    Job::create(py, completion, Arc::new(Bulk(batch)), progress, CallSite::here(py, false))
}
