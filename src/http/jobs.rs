//! Starts the jobs of single requests and of batches.

use std::sync::Arc;

use pyo3::prelude::*;

use super::results::GatherResult;
use super::single::SingleRequest;
use crate::bridge::call_site::CallSite;
use crate::bridge::job::Job;
use crate::bridge::job_result::{WorkResult, completion_pair};
use crate::bridge::runtime::{reactor, runtime_error};
use crate::bridge::work::Work;
use shoal_http::attempts::Fetcher;
use shoal_http::batch::{FetchBatch, FetchBatchOptions};
use shoal_http::items::Items;
use shoal_http::request::Request;
use shoal_http::stats::Stats;

impl Work for SingleRequest {
    fn name(&self) -> &'static str {
        "request"
    }

    fn cancel(&self) -> Option<WorkResult> {
        self.stop().then_some(WorkResult::Cancelled(None))
    }

    fn progress(&self) -> (usize, Option<usize>) {
        (usize::from(self.is_over()), Some(1))
    }

    fn stats(&self) -> Stats {
        self.snapshot()
    }
}

/// Starts a request.
pub fn start_request(py: Python<'_>, fetcher: Fetcher, request: Request) -> PyResult<Py<Job>> {
    let (completion, promise) = completion_pair();
    let work = SingleRequest::start(fetcher, request, promise).map_err(|error| runtime_error(&error))?;
    Job::create(py, completion, work, None, CallSite::here(py, false))
}

struct BatchWork(Arc<FetchBatch>);

impl Work for BatchWork {
    fn name(&self) -> &'static str {
        "gather_fetch"
    }

    fn cancel(&self) -> Option<WorkResult> {
        let gathered = self.0.cancel()?;
        Some(WorkResult::Cancelled(Some(Box::new(GatherResult::from(gathered)))))
    }

    fn progress(&self) -> (usize, Option<usize>) {
        let (done, total) = self.0.progress();
        (done, Some(total))
    }

    fn stats(&self) -> Stats {
        self.0.stats()
    }
}

/// Starts a batch.
pub fn start_batch(
    py: Python<'_>,
    fetcher: Fetcher,
    items: Items,
    options: FetchBatchOptions,
    progress: Option<Py<PyAny>>,
) -> PyResult<Py<Job>> {
    let handle = reactor()?;
    let batch = FetchBatch::new(fetcher.collector.clone(), items, options);
    let (completion, promise) = completion_pair();
    let finish = move |gathered| promise.settle(WorkResult::Done(Box::new(GatherResult::from(gathered))));
    batch.start(handle, Arc::new(fetcher), finish);
    Job::create(py, completion, Arc::new(BatchWork(batch)), progress, CallSite::here(py, false))
}
