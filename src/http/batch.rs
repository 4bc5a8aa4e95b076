//! Starts `gather_fetch`, `stream_fetch` and `Client.gather`.

use std::sync::Arc;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::plan::{Opened, Plan, check_iterable};
use super::results::{GatherResult, single_result, to_python};
use crate::arguments::options::{BatchOptions, Options};
use crate::arguments::request::SaveTo;
use crate::arguments::scalars::{caused_by, type_name};
use crate::arguments::settings::DEFAULT_CONCURRENCY;
use crate::bridge::job::Job;
use crate::bridge::job_result::{Work, WorkResult, completion_pair};
use crate::bridge::lifecycle::reactor;
use crate::bridge::progress::reporter;
use crate::bridge::source::Convert;
use crate::bridge::stream::Stream;
use crate::bridge::unobserved::CallSite;
use shoal_http::attempts::{FetchResult, Fetcher};
use shoal_http::batch::{FetchBatch, FetchBatchOptions};
use shoal_http::error::FetchError;
use shoal_http::items::Item;
use shoal_http::limits::{Limiter, Limits};
use shoal_http::request::Request;
use shoal_http::save::SavedPaths;
use shoal_http::stats::{Collector, Stats};
use shoal_http::stream::{FetchStream, FetchStreamOptions};

/// Requests of one call that may wait for a limit of their host (`per_host`, `rate`) in addition to those in flight, so
/// that a slow host does not block the others. Each takes a task of some kilobytes.
const AHEAD: usize = 256;

struct Prepared {
    plan: Plan,
    fetcher: Fetcher,
    options: BatchOptions,
    progress: Option<Py<PyAny>>,
    /// Requests in flight at once; `None` for no limit of the call's own.
    concurrency: Option<usize>,
    /// Requests that may wait for a limit of their host in addition.
    ahead: usize,
}

/// Requests in flight at once; `None` for no limit of the call's own. A number above the client's limit is an error,
/// because it would have no effect.
fn in_flight(given: Option<Option<usize>>, of_client: Option<Option<usize>>) -> PyResult<Option<usize>> {
    match (given, of_client) {
        (None, None) => Ok(Some(DEFAULT_CONCURRENCY)),
        (None | Some(None), Some(of_client)) => Ok(of_client),
        (Some(Some(given)), Some(Some(most))) if given > most => Err(PyValueError::new_err(format!(
            "concurrency={given} is more than the client's limit of {most}, which holds for all its calls: give {most} \
             or less, or make the client with limits=shoal.Limits({given})"
        ))),
        (Some(given), _) => Ok(given),
    }
}

fn prepare(py: Python<'_>, client: Option<Opened>, options: Options) -> PyResult<Prepared> {
    let Options { request, batch: mut options, progress, .. } = options;
    let progress = progress.map(|progress| reporter(progress.bind(py), "req")).transpose()?.flatten();
    let of_client = client.as_ref().map(|(_, session)| session.limiter.limits().concurrency);
    let concurrency = in_flight(options.concurrency, of_client)?;
    let has_host_limits = options.per_host.is_some() || options.rate.is_some();
    let host_limits = Limits { concurrency, per_host: options.per_host, rate: options.rate.take() };
    let host_limits = Some(host_limits).filter(|_| has_host_limits);
    let ((base, session), limits) = match client {
        Some(opened) => (opened, host_limits.map(|limits| Arc::new(Limiter::new(limits)))),
        None => (Plan::of_a_call(py, host_limits.unwrap_or_default())?, None),
    };
    let plan = base.with(request, options.save_to.take(), options.return_exceptions);
    let (settings, headers) = (plan.settings.clone(), plan.headers.clone());
    let fetcher = Fetcher { session, limits, settings, headers, collector: Arc::new(Collector::new()) };
    let ahead = if has_host_limits { AHEAD } else { 0 };
    Ok(Prepared { plan, fetcher, options, progress, concurrency, ahead })
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

pub fn gather(requests: &Bound<'_, PyAny>, client: Option<Opened>, options: Options) -> PyResult<Py<Job>> {
    let py = requests.py();
    check_iterable(requests)?;
    let Prepared { plan, fetcher, options, progress, concurrency, ahead } = prepare(py, client, options)?;
    let mut items = plan.items(requests.len().unwrap_or(0));
    let plain = plan.is_plain();
    let iterator = requests.try_iter().map_err(|error| {
        if requests.hasattr("__aiter__").unwrap_or(false) {
            return PyTypeError::new_err("requests is an async iterable: read it with stream_fetch");
        }
        let message = format!("requests must be an iterable of URLs or requests, not {}", type_name(requests));
        caused_by(py, PyTypeError::new_err(message), error)
    })?;
    for item in iterator {
        let item = item?;
        if plain && item.cast::<PyString>().is_ok_and(|url| url.to_str().is_ok_and(|url| items.push_url(url))) {
            continue;
        }
        items.list.push(match plan.request(py, &item, items.list.len())? {
            Ok(request) => Item::Request(request),
            Err(error) if options.return_exceptions => Item::Failed(Box::new(error)),
            Err(error) => return Err(to_python(py, &error)),
        });
    }
    if plan.save_to.is_some() {
        different_files(&items.list)?;
    }
    // Without limits by host the number of workers is the limit; with them the limiter enforces it.
    let concurrency = concurrency.unwrap_or(usize::MAX).saturating_add(ahead);
    let run = FetchBatchOptions { concurrency, deadline: options.deadline, keep_errors: options.return_exceptions };
    let handle = reactor()?;
    let batch = FetchBatch::new(fetcher.collector.clone(), items, run);
    let (completion, promise) = completion_pair();
    let finish = move |gathered| promise.settle(WorkResult::Done(Box::new(GatherResult::from(gathered))));
    batch.start(handle, Arc::new(fetcher), finish);
    Job::create(py, completion, Arc::new(BatchWork(batch)), progress, CallSite::here(py, false))
}

/// Raises if two bodies would be written to one file, which would lose one of them.
fn different_files(items: &[Item]) -> PyResult<()> {
    let mut seen = std::collections::HashMap::new();
    for (index, item) in items.iter().enumerate() {
        let Item::Request(request) = item else { continue };
        let Some(path) = &request.save_to else { continue };
        if let Some(first) = seen.insert(path, index) {
            return Err(PyValueError::new_err(format!(
                "save_to: requests[{first}] and requests[{index}] would both be written to {path:?}; use {{index}} or \
                 different names"
            )));
        }
    }
    Ok(())
}

pub fn stream(requests: &Bound<'_, PyAny>, client: Option<Opened>, options: Options) -> PyResult<Stream> {
    check_iterable(requests)?;
    let Prepared { plan, fetcher, options, progress, concurrency, ahead } = prepare(requests.py(), client, options)?;
    // A stream reads its source ahead by the number of requests in flight, so it needs a limit.
    let concurrency = match (concurrency, options.concurrency) {
        (Some(concurrency), _) => concurrency,
        (None, None) => DEFAULT_CONCURRENCY,
        (None, Some(_)) => return Err(PyValueError::new_err("concurrency of a stream must be 1 or more, not None")),
    };
    let buffer = options.buffer.unwrap_or(concurrency);
    let ahead = ahead.min(buffer);
    let run = FetchStreamOptions {
        concurrency: concurrency.saturating_add(ahead),
        buffer: buffer - ahead,
        ordered: options.ordered,
        deadline: options.deadline,
    };
    let items = StreamItems { places: plan.save_to.as_ref().and_then(SaveTo::places), plan };
    let flow = FetchStream::new(Arc::new(fetcher), run);
    Stream::create(requests, Box::new(items), flow, progress)
}

/// Makes requests by a plan, and responses or exceptions of their outcomes.
struct StreamItems {
    plan: Plan,
    /// The files of earlier items, unless the template makes each file distinct.
    places: Option<SavedPaths>,
}

impl Convert for StreamItems {
    fn request(
        &self,
        py: Python<'_>,
        item: &Bound<'_, PyAny>,
        index: usize,
    ) -> PyResult<Result<Arc<Request>, FetchError>> {
        let request = self.plan.request(py, item, index)?;
        if let Ok(request) = &request
            && let (Some(places), Some(path)) = (&self.places, &request.save_to)
            && !places.claim(path)
        {
            return Err(PyValueError::new_err(format!(
                "save_to: requests[{index}] would be written to {path:?} like one before it; use {{index}} or different \
                 names"
            )));
        }
        Ok(request)
    }

    fn result(&self, py: Python<'_>, outcome: FetchResult) -> PyResult<Py<PyAny>> {
        match outcome {
            Err(error) if self.plan.return_exceptions => Ok(to_python(py, &error).into_value(py).into_any()),
            outcome => single_result(py, outcome),
        }
    }
}
