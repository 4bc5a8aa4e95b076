//! The arguments and the start of `gather_fetch`, `stream_fetch` and `Client.gather`.

use std::sync::Arc;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::defaults::{Defaults, Opened};
use super::jobs::start_batch;
use super::plan::{Plan, SaveTo, call_headers, check_iterable, save_to_from};
use super::stream_items::StreamItems;
use crate::arguments::input::{type_name, utf8};
use crate::arguments::limits::{CONCURRENCY, at_least_one, concurrency_from, integer, rate_from};
use crate::arguments::options::{REQUEST_KEYS, RequestOptions, flag, is_client_default, unknown};
use crate::arguments::timeout::seconds;
use crate::bridge::job::Job;
use crate::bridge::progress::reporter;
use crate::bridge::stream::Stream;
use shoal_http::attempts::Fetcher;
use shoal_http::batch::FetchBatchOptions;
use shoal_http::items::Item;
use shoal_http::limits::{Limiter, Limits, Rate};
use shoal_http::stats::Collector;
use shoal_http::stream::{FetchStream, FetchStreamOptions};

const GATHER_KEYS: [&str; 7] =
    ["concurrency", "deadline", "per_host", "progress", "rate", "return_exceptions", "save_to"];
const STREAM_KEYS: [&str; 2] = ["buffer", "ordered"];

/// A call of one of the three functions.
pub struct BatchCall<'a, 'py> {
    /// The name, for messages.
    pub function: &'static str,
    /// The client, opened.
    pub client: Option<Opened>,
    /// Whether the function has the keyword `client`, which is not in `keywords` any more.
    pub takes_client: bool,
    /// The other keywords.
    pub keywords: Option<&'a Bound<'py, PyDict>>,
}

/// The keywords of a batch that are not those of a request.
#[derive(Default)]
struct BatchOptions {
    /// `Some(None)`: no limit of the call's own.
    concurrency: Option<Option<usize>>,
    per_host: Option<usize>,
    rate: Option<Rate>,
    deadline: Option<Duration>,
    progress: Option<Py<PyAny>>,
    return_exceptions: bool,
    save_to: Option<SaveTo>,
    buffer: Option<usize>,
    ordered: bool,
}

impl BatchOptions {
    fn set(&mut self, key: &str, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        match key {
            key if !(GATHER_KEYS.contains(&key) || STREAM_KEYS.contains(&key)) => return Ok(false),
            _ if is_client_default(value)? => {}
            "return_exceptions" => self.return_exceptions = flag("return_exceptions", value)?,
            "ordered" => self.ordered = flag("ordered", value)?,
            "save_to" => self.save_to = save_to_from(value)?,
            "progress" => self.progress = reporter(value, "req")?,
            "concurrency" => self.concurrency = Some(concurrency_from(value)?),
            _ if value.is_none() => {}
            "per_host" => self.per_host = Some(at_least_one("per_host", integer("per_host", value)?)?),
            "deadline" => self.deadline = Some(seconds("deadline", value)?),
            "buffer" => {
                let number = integer("buffer", value)?;
                let buffer = usize::try_from(number);
                let wrong = |_| PyValueError::new_err(format!("buffer must be 0 or more, not {number}"));
                self.buffer = Some(buffer.map_err(wrong)?);
            }
            "rate" => self.rate = Some(rate_from(value)?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A batch without its items.
struct Prepared {
    plan: Plan,
    fetcher: Fetcher,
    options: BatchOptions,
    /// Requests in flight at once; `None` for no limit of the call's own.
    concurrency: Option<usize>,
    /// Requests that may wait for a limit of their host in addition.
    ahead: usize,
}

/// Requests of one call that may wait for a limit of their host (`per_host`, `rate`) in addition to those in flight, so
/// that a slow host does not block the others. Each takes a task of some kilobytes.
const AHEAD: usize = 256;

impl BatchOptions {
    /// Requests in flight at once; `None` for no limit of the call's own. A number above the client's limit is an error,
    /// because it would have no effect.
    fn in_flight(&self, of_client: Option<Option<usize>>) -> PyResult<Option<usize>> {
        match (self.concurrency, of_client) {
            (None, None) => Ok(Some(CONCURRENCY)),
            (None | Some(None), Some(of_client)) => Ok(of_client),
            (Some(Some(given)), Some(Some(most))) if given > most => Err(PyValueError::new_err(format!(
                "concurrency={given} is more than the client's limit of {most}, which holds for all its calls: give \
                 {most} or less, or make the client with limits=shoal.Limits({given})"
            ))),
            (Some(given), _) => Ok(given),
        }
    }

    /// The call's own limits by host, if it has any.
    fn by_host(&self) -> Option<Limits> {
        let limited = self.per_host.is_some() || self.rate.is_some();
        limited.then_some(Limits { concurrency: None, per_host: self.per_host, rate: self.rate })
    }
}

fn prepare(call: BatchCall<'_, '_>, streaming: bool) -> PyResult<Prepared> {
    let BatchCall { function, client, takes_client, keywords } = call;
    let mut request = RequestOptions::default();
    let mut options = BatchOptions::default();
    // `name` belongs to an item, and a batch that is not streamed has no buffer and no choice of the order.
    let known = |key: &str| key != "name" && (streaming || !STREAM_KEYS.contains(&key));
    for (key, value) in keywords.into_iter().flatten() {
        let key = utf8("the name of an option", key.cast::<PyString>()?)?.to_owned();
        if !(known(&key) && (options.set(&key, &value)? || request.set(&key, &value)?)) {
            let all = REQUEST_KEYS.into_iter().chain(GATHER_KEYS).chain(STREAM_KEYS).filter(|key| known(key));
            return Err(unknown(function, &key, all.chain(takes_client.then_some("client"))));
        }
    }
    request.finish();
    let of_client = client.as_ref().map(|(_, session)| session.limiter.limits().concurrency);
    let concurrency = options.in_flight(of_client)?;
    let by_host = options.by_host().map(|limits| Limits { concurrency, ..limits });
    let ahead = if by_host.is_some() { AHEAD } else { 0 };
    let (defaults, session, limits) = match client {
        Some((defaults, session)) => (defaults, session, by_host.map(|limits| Arc::new(Limiter::new(limits)))),
        None => {
            let (defaults, session) = Defaults::of_a_call(by_host.unwrap_or_default())?;
            (defaults, session, None)
        }
    };
    let headers = call_headers(&defaults.headers, &request);
    let settings = request.settings(&defaults.settings);
    let plan = Plan {
        method: request.method.unwrap_or(http::Method::GET),
        base_url: defaults.base_url.clone(),
        params: request.params.over(&defaults.params),
        cookies: request.cookies,
        body: request.body,
        typed: headers.contains_key(CONTENT_TYPE)
            && (!request.type_of_body || defaults.headers.contains_key(CONTENT_TYPE)),
        settings: settings.clone(),
        save_to: options.save_to.take(),
        return_exceptions: options.return_exceptions,
    };
    let fetcher = Fetcher { session, limits, settings, headers, collector: Arc::new(Collector::new()) };
    Ok(Prepared { plan, fetcher, options, concurrency, ahead })
}

/// Starts a batch.
pub fn gather(requests: &Bound<'_, PyAny>, call: BatchCall<'_, '_>) -> PyResult<Py<Job>> {
    let py = requests.py();
    check_iterable(requests)?;
    let Prepared { plan, fetcher, options, concurrency, ahead } = prepare(call, false)?;
    let mut items = plan.items(requests.len().unwrap_or(0));
    let plain = plan.is_plain();
    let iterator = requests.try_iter().map_err(|error| {
        if requests.hasattr("__aiter__").unwrap_or(false) {
            return PyTypeError::new_err("requests is an async iterable: read it with stream_fetch");
        }
        let message = format!("requests must be an iterable of URLs or requests, not {}", type_name(requests));
        let renamed = PyTypeError::new_err(message);
        renamed.set_cause(py, Some(error));
        renamed
    })?;
    for item in iterator {
        let item = item?;
        if plain && item.cast::<PyString>().is_ok_and(|url| url.to_str().is_ok_and(|url| items.push_url(url))) {
            continue;
        }
        items.list.push(match plan.request(py, &item, items.list.len())? {
            Ok(request) => Item::Request(request),
            Err(error) if options.return_exceptions => Item::Failed(Box::new(error)),
            Err(error) => return Err(super::error::to_python(py, &error)),
        });
    }
    if plan.save_to.is_some() {
        different_files(&items.list)?;
    }
    // Without limits by host the number of workers is the limit; with them the limiter enforces it.
    let concurrency = concurrency.unwrap_or(usize::MAX).saturating_add(ahead);
    let run = FetchBatchOptions { concurrency, deadline: options.deadline, keep_errors: options.return_exceptions };
    start_batch(py, fetcher, items, run, options.progress)
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

/// Starts a stream.
pub fn stream(requests: &Bound<'_, PyAny>, call: BatchCall<'_, '_>) -> PyResult<Stream> {
    check_iterable(requests)?;
    let Prepared { plan, fetcher, options, concurrency, ahead } = prepare(call, true)?;
    // A stream reads its source ahead by the number of requests in flight, so it needs a limit.
    let concurrency = match (concurrency, options.concurrency) {
        (Some(concurrency), _) => concurrency,
        (None, None) => CONCURRENCY,
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
    let flow = FetchStream::new(Arc::new(fetcher), run);
    Stream::create(requests, Box::new(StreamItems::new(plan)), flow, options.progress)
}
