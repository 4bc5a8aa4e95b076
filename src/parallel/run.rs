//! Starts a kernel over a batch of documents, as a job.

use std::sync::Arc;
use std::time::Instant;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::arguments::{Keywords, Policy};
use super::documents::{Documents, documents_from};
use super::results::{ListResult, Row, exception, exception_name};
use crate::bridge::detach::detached;
use crate::bridge::job::Job;
use crate::bridge::job_result::{IntoPython, Work, WorkResult, completion_pair, once};
use crate::bridge::lifecycle::{calling_out, runtime_error, thread_error};
use crate::bridge::unobserved::CallSite;
use shoal_http::stats::{LimitedBy, Stats};
use shoal_kernels::batch::{BatchOptions, BatchStats, DocumentBatch, Gathered};
use shoal_kernels::document::Document;
use shoal_kernels::error::KernelError;
use shoal_kernels::stop::Stop;

/// The native result of a finished batch.
pub type NativeResult = Result<Box<dyn IntoPython>, KernelError>;

/// Makes the native result, on the pool, also of a cancelled batch.
type Finish<T> = dyn Fn(Gathered<T>, &Stop) -> NativeResult + Send + Sync;

/// A call of a function of `shoal.parallel`.
pub struct KernelCall<'a, 'py> {
    name: &'static str,
    docs: &'a Bound<'py, PyAny>,
    keywords: Option<&'a Bound<'py, PyDict>>,
    with_urls: bool,
}

struct KernelWork<T> {
    name: &'static str,
    batch: Arc<DocumentBatch<T>>,
    finish: Arc<Finish<T>>,
}

impl<T: Send + 'static> Work for KernelWork<T> {
    fn name(&self) -> &str {
        self.name
    }

    fn cancel(&self) -> Option<WorkResult> {
        // None where the last runner has taken the results: the result it makes of them is not wanted any more.
        let unfinished = |gathered| Unfinished(Some((gathered, self.finish.clone())), None);
        let results = self.batch.cancel().map(|gathered| Box::new(unfinished(gathered)) as Box<dyn IntoPython>);
        Some(WorkResult::Cancelled(results))
    }

    fn progress(&self) -> (usize, Option<usize>) {
        let (done, total) = self.batch.progress();
        (done, Some(total))
    }

    fn stats(&self) -> Stats {
        stats(&self.batch.stats())
    }
}

impl<'a, 'py> KernelCall<'a, 'py> {
    /// Of the function of this name; `keywords` are those of all such functions.
    pub fn new(name: &'static str, docs: &'a Bound<'py, PyAny>, keywords: Option<&'a Bound<'py, PyDict>>) -> Self {
        Self { name, docs, keywords, with_urls: false }
    }

    /// Whether the kernel needs the URLs of responses.
    pub fn with_urls(self, with_urls: bool) -> Self {
        Self { with_urls, ..self }
    }

    /// Starts a kernel whose results are a list, in the order of the documents.
    pub fn list_result<R, K>(self, kernel: K) -> PyResult<Py<Job>>
    where
        R: Row,
        K: Fn(&Document, &Stop) -> Result<R, KernelError> + Send + Sync + 'static,
    {
        self.combined_result(kernel, |gathered, policy, _| Ok(Box::new(ListResult::new(gathered, policy))))
    }

    /// Starts a kernel whose results `finish` makes into one, on the pool.
    pub fn combined_result<T, K, F>(self, kernel: K, finish: F) -> PyResult<Py<Job>>
    where
        T: Send + 'static,
        K: Fn(&Document, &Stop) -> Result<T, KernelError> + Send + Sync + 'static,
        F: Fn(Gathered<T>, Policy, &Stop) -> NativeResult + Send + Sync + 'static,
    {
        let Self { name, docs, keywords, with_urls } = self;
        calling_out(|| {
            let Keywords { policy, workers, progress } = Keywords::read(name, keywords)?;
            let Documents { list, buffers, .. } = documents_from(docs, with_urls)?;
            let (completion, promised) = completion_pair();
            let finish: Arc<Finish<T>> = Arc::new(move |gathered, stop| finish(gathered, policy, stop));
            let finish_batch = finish.clone();
            let end = move |gathered, stop: &Stop| {
                let result = finish_batch(gathered, stop).unwrap_or_else(failed);
                promised.settle(WorkResult::Done(result));
            };
            let options = BatchOptions { workers, keep_going: policy != Policy::Raise };
            let guard = buffers.guard().map_err(|error| thread_error(&error))?;
            let batch =
                DocumentBatch::start(list, guard, options, kernel, end).map_err(|error| runtime_error(&error))?;
            let site = CallSite::here(docs.py(), false);
            Job::create(docs.py(), completion, Arc::new(KernelWork { name, batch, finish }), progress, site)
        })
    }
}

/// The finished results of a cancelled batch; made into its result only when asked for.
struct Unfinished<T>(Option<(Gathered<T>, Arc<Finish<T>>)>, Option<Box<dyn IntoPython>>);

impl<T: Send> IntoPython for Unfinished<T> {
    fn step(&mut self, py: Python<'_>, deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>> {
        if let Some((gathered, finish)) = self.0.take() {
            let result = detached(py, || finish(gathered, &Stop::default()));
            self.1 = Some(result.unwrap_or_else(failed));
        }
        self.1.as_mut().map_or_else(|| Ok(Some(py.None())), |result| result.step(py, deadline))
    }
}

/// The result of a batch whose native result could not be made.
fn failed(error: KernelError) -> Box<dyn IntoPython> {
    once(move |py| Err(exception(py, &error).map_or_else(|error| error, PyErr::from_value)))
}

/// The figures of a batch as [`Stats`].
fn stats(batch: &BatchStats) -> Stats {
    let failed: u64 = batch.failed.iter().map(|(_, count)| count).sum();
    Stats {
        total: batch.ok + failed,
        ok: batch.ok,
        failed,
        by_error: batch.failed.iter().map(|(kind, count)| (exception_name(kind).into(), *count)).collect(),
        wall: batch.wall_time,
        limited_by: if batch.ok + failed > 0 { LimitedBy::Cpu } else { LimitedBy::Nothing },
        ..Stats::default()
    }
}
