//! Starts a kernel over a batch of documents, as a job.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::documents::{Documents, documents_from};
use super::keywords::{Keywords, Policy};
use super::listed::{Listed, exception, exception_name};
use super::pieces::Piece;
use crate::core::stats::{LimitedBy, Stats};
use crate::cpu::batch::{Batch, Figures, Gathered, Options, Outcome};
use crate::cpu::document::Document;
use crate::cpu::failure::Failure;
use crate::cpu::stop::Stop;
use crate::py::job::{Job, Work};
use crate::py::lifecycle::calling_out;
use crate::py::outcome::{Ended, Harvest, promise};
use crate::py::stats::PyStats;
use crate::py::work::no_threads;

/// What a finished batch becomes, on the pool.
pub type Made = Result<Box<dyn Harvest>, Failure>;

/// What a cancelled batch becomes.
type Partial<T> = fn(Gathered<T>, Policy) -> Option<Box<dyn Harvest>>;

/// A call of a function of `shoal.parallel`.
pub struct Call<'a, 'py> {
    /// Its name.
    pub name: &'static str,
    /// Its documents.
    pub docs: &'a Bound<'py, PyAny>,
    /// The keywords that all such functions have.
    pub keywords: Option<&'a Bound<'py, PyDict>>,
}

struct Kernels<T> {
    name: &'static str,
    batch: Arc<Batch<T>>,
    policy: Policy,
    partial: Partial<T>,
}

impl<T: Send + 'static> Work for Kernels<T> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cancel(&self) -> Option<Option<Box<dyn Harvest>>> {
        // Where the end has the results already they are being made into one, which nobody wants any more.
        Some(self.batch.cancel().and_then(|gathered| (self.partial)(gathered, self.policy)))
    }

    fn progress(&self) -> (usize, usize) {
        self.batch.progress()
    }

    fn stats(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(Py::new(py, PyStats(stats(&self.batch.figures())))?.into_any())
    }
}

impl Call<'_, '_> {
    /// A kernel whose results are a list, in the order of the documents.
    pub fn listed<P, K>(self, kernel: K) -> PyResult<Py<Job>>
    where
        P: Piece,
        K: Fn(&Document, &Stop) -> Outcome<P> + Send + Sync + 'static,
    {
        let list = |gathered, policy| Some(Box::new(Listed::new(gathered, policy)) as Box<dyn Harvest>);
        self.start(kernel, move |gathered, policy, _| Ok(Box::new(Listed::new(gathered, policy))), list)
    }

    /// A kernel whose results are made into one thing, on the pool.
    pub fn whole<T, K, F>(self, kernel: K, finish: F) -> PyResult<Py<Job>>
    where
        T: Send + 'static,
        K: Fn(&Document, &Stop) -> Outcome<T> + Send + Sync + 'static,
        F: FnOnce(Gathered<T>, Policy, &Stop) -> Made + Send + 'static,
    {
        self.start(kernel, finish, |_, _| None)
    }

    fn start<T, K, F>(self, kernel: K, finish: F, partial: Partial<T>) -> PyResult<Py<Job>>
    where
        T: Send + 'static,
        K: Fn(&Document, &Stop) -> Outcome<T> + Send + Sync + 'static,
        F: FnOnce(Gathered<T>, Policy, &Stop) -> Made + Send + 'static,
    {
        let Self { name, docs, keywords } = self;
        calling_out(|| {
            let Keywords { policy, workers, progress } = Keywords::read(name, keywords)?;
            let Documents { list, held } = documents_from(docs)?;
            let (completion, promised) = promise();
            let finish = move |gathered, stop: &Stop| {
                promised.settle(match finish(gathered, policy, stop) {
                    Ok(harvest) => Ended::Done(harvest),
                    Err(failure) => Ended::Done(Box::new(Failed(failure))),
                });
            };
            let options = Options { workers, keep_going: policy != Policy::Raise };
            let batch = Batch::start(list, held.lend(), options, kernel, finish).map_err(|error| no_threads(&error))?;
            let work = Kernels { name, batch, policy, partial };
            Job::create(docs.py(), completion, Box::new(work), progress)
        })
    }
}

/// A batch whose end failed.
struct Failed(Failure);

impl Harvest for Failed {
    fn step(&mut self, py: Python<'_>, _deadline: Option<std::time::Instant>) -> PyResult<Option<Py<PyAny>>> {
        Err(PyErr::from_value(exception(py, &self.0)?))
    }
}

/// What a batch did, in the words of [`Stats`].
fn stats(figures: &Figures) -> Stats {
    let failed: u64 = figures.failed.iter().map(|(_, count)| count).sum();
    Stats {
        total: figures.ok + failed,
        ok: figures.ok,
        failed,
        by_error: figures.failed.iter().map(|(kind, count)| (exception_name(kind), *count)).collect(),
        wall: figures.wall,
        limited_by: if figures.ok + failed > 0 { LimitedBy::Cpu } else { LimitedBy::Nothing },
        ..Stats::default()
    }
}
