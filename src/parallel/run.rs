//! Starts a kernel over a batch of documents, as a job.

use std::sync::Arc;
use std::time::Instant;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::documents::{Documents, documents_from};
use super::keywords::{Keywords, Policy};
use super::list_result::{ListResult, exception, exception_name};
use super::rows::Row;
use crate::bridge::call_site::CallSite;
use crate::bridge::detach::detached;
use crate::bridge::into_python::IntoPython;
use crate::bridge::job::Job;
use crate::bridge::job_result::{WorkResult, completion_pair};
use crate::bridge::lifecycle::calling_out;
use crate::bridge::runtime::{runtime_error, thread_error};
use crate::bridge::work::Work;
use shoal_http::stats::{LimitedBy, Stats};
use shoal_kernels::batch::{Batch, Figures, Gathered, Options, Outcome};
use shoal_kernels::document::Document;
use shoal_kernels::error::KernelError;
use shoal_kernels::stop::Stop;

/// What a finished batch becomes, on the pool.
pub type Made = Result<Box<dyn IntoPython>, KernelError>;

/// What makes it: of a batch that ended by itself, or of what is there of one that was cancelled.
type Finish<T> = dyn Fn(Gathered<T>, &Stop) -> Made + Send + Sync;

/// A call of a function of `shoal.parallel`.
pub struct KernelCall<'a, 'py> {
    name: &'static str,
    docs: &'a Bound<'py, PyAny>,
    keywords: Option<&'a Bound<'py, PyDict>>,
    urls: bool,
}

struct Kernels<T> {
    name: &'static str,
    batch: Arc<Batch<T>>,
    finish: Arc<Finish<T>>,
}

impl<T: Send + 'static> Work for Kernels<T> {
    fn name(&self) -> &str {
        self.name
    }

    fn cancel(&self) -> Option<WorkResult> {
        // Where the end has the results already they are being made into one, which nobody wants any more.
        let unfinished = |gathered| Unfinished(Some((gathered, self.finish.clone())), None);
        let results = self.batch.cancel().map(|gathered| Box::new(unfinished(gathered)) as Box<dyn IntoPython>);
        Some(WorkResult::Cancelled(results))
    }

    fn progress(&self) -> (usize, Option<usize>) {
        let (done, total) = self.batch.progress();
        (done, Some(total))
    }

    fn stats(&self) -> Stats {
        stats(&self.batch.figures())
    }
}

impl<'a, 'py> KernelCall<'a, 'py> {
    /// Of the function of this name; the keywords are those that all such functions have.
    pub fn new(name: &'static str, docs: &'a Bound<'py, PyAny>, keywords: Option<&'a Bound<'py, PyDict>>) -> Self {
        Self { name, docs, keywords, urls: false }
    }

    /// Whether the kernel asks for the URLs of responses.
    pub fn with_urls(self, urls: bool) -> Self {
        Self { urls, ..self }
    }

    /// A kernel whose results are a list, in the order of the documents.
    pub fn list_result<P, K>(self, kernel: K) -> PyResult<Py<Job>>
    where
        P: Row,
        K: Fn(&Document, &Stop) -> Outcome<P> + Send + Sync + 'static,
    {
        self.combined_result(kernel, |gathered, policy, _| Ok(Box::new(ListResult::new(gathered, policy))))
    }

    /// A kernel whose results are made into one thing, on the pool.
    pub fn combined_result<T, K, F>(self, kernel: K, finish: F) -> PyResult<Py<Job>>
    where
        T: Send + 'static,
        K: Fn(&Document, &Stop) -> Outcome<T> + Send + Sync + 'static,
        F: Fn(Gathered<T>, Policy, &Stop) -> Made + Send + Sync + 'static,
    {
        let Self { name, docs, keywords, urls } = self;
        calling_out(|| {
            let Keywords { policy, workers, progress } = Keywords::read(name, keywords)?;
            let Documents { list, held, .. } = documents_from(docs, urls)?;
            let (completion, promised) = completion_pair();
            let finish: Arc<Finish<T>> = Arc::new(move |gathered, stop| finish(gathered, policy, stop));
            let at_the_end = finish.clone();
            let end = move |gathered, stop: &Stop| {
                let made = at_the_end(gathered, stop);
                promised.settle(WorkResult::Done(made.unwrap_or_else(|failure| Box::new(Failed(failure)))));
            };
            let options = Options { workers, keep_going: policy != Policy::Raise };
            let lease = held.lend().map_err(|error| thread_error(&error))?;
            let batch = Batch::start(list, lease, options, kernel, end).map_err(|error| runtime_error(&error))?;
            let site = CallSite::here(docs.py(), false);
            Job::create(docs.py(), completion, Arc::new(Kernels { name, batch, finish }), progress, site)
        })
    }
}

/// What was finished of a batch that was cancelled; made into the result only if somebody asks.
struct Unfinished<T>(Option<(Gathered<T>, Arc<Finish<T>>)>, Option<Box<dyn IntoPython>>);

impl<T: Send> IntoPython for Unfinished<T> {
    fn step(&mut self, py: Python<'_>, deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>> {
        if let Some((gathered, finish)) = self.0.take() {
            let made = detached(py, || finish(gathered, &Stop::default()));
            self.1 = Some(made.unwrap_or_else(|failure| Box::new(Failed(failure))));
        }
        self.1.as_mut().map_or_else(|| Ok(Some(py.None())), |made| made.step(py, deadline))
    }

    fn failure(&self, _py: Python<'_>) -> Option<PyErr> {
        None
    }
}

/// A batch whose end failed.
struct Failed(KernelError);

impl IntoPython for Failed {
    fn step(&mut self, py: Python<'_>, _deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>> {
        Err(PyErr::from_value(exception(py, &self.0)?))
    }

    fn failure(&self, py: Python<'_>) -> Option<PyErr> {
        Some(exception(py, &self.0).map_or_else(|error| error, PyErr::from_value))
    }
}

/// What a batch did, in the words of [`Stats`].
fn stats(figures: &Figures) -> Stats {
    let failed: u64 = figures.failed.iter().map(|(_, count)| count).sum();
    Stats {
        total: figures.ok + failed,
        ok: figures.ok,
        failed,
        by_error: figures.failed.iter().map(|(kind, count)| (exception_name(kind).into(), *count)).collect(),
        wall: figures.wall,
        limited_by: if figures.ok + failed > 0 { LimitedBy::Cpu } else { LimitedBy::Nothing },
        ..Stats::default()
    }
}
