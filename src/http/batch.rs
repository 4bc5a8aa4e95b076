//! `gather_fetch` and `stream_fetch`, for the module and for a `Client`.

use std::sync::Arc;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::client::{Defaults, PyClient};
use super::stream::Stream;
use crate::arguments::input::{type_name, utf8};
use crate::arguments::limits::{at_least_one, concurrency_from, integer, rate_from};
use crate::arguments::options::{REQUEST_KEYS, RequestOptions, flag, is_client_default, unknown};
use crate::arguments::plan::{Plan, SaveTo, call_headers, check_iterable, save_to_from};
use crate::arguments::timeout::seconds;
use crate::bridge::job::Job;
use crate::bridge::lifecycle::calling_out;
use crate::bridge::progress::reporter;
use crate::bridge::work::{bulk, reactor};
use shoal_http::attempts::Fetcher;
use shoal_http::batch::FetchBatchOptions;
use shoal_http::items::Item;
use shoal_http::limits::{Limiter, Limits, Rate};
use shoal_http::stats::Collector;
use shoal_http::stream::{FetchStream, FetchStreamOptions};
use shoal_http::urls::UrlParser;

const GATHER_KEYS: [&str; 8] =
    ["client", "concurrency", "deadline", "per_host", "progress", "rate", "return_exceptions", "save_to"];
const STREAM_KEYS: [&str; 2] = ["buffer", "ordered"];

/// Requests in flight unless someone says otherwise.
pub const CONCURRENCY: usize = 100;

/// The keywords of a batch that are not those of a request.
#[derive(Default)]
struct BatchOptions {
    client: Option<Py<PyClient>>,
    /// `Some(None)`: the call has no limit of its own.
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
            "client" => {
                let client = value.cast::<PyClient>().map_err(|_| {
                    PyTypeError::new_err(format!("client must be a shoal.Client, not {}", type_name(value)))
                })?;
                self.client = Some(client.clone().unbind());
            }
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

/// Everything a batch needs but its items.
struct Prepared {
    plan: Plan,
    call: Fetcher,
    options: BatchOptions,
    /// Requests in flight at once; None for no limit but the client's.
    concurrency: Option<usize>,
    /// Requests that may wait for their host while others are in flight.
    ahead: usize,
}

/// Requests of one call that may wait for limits of their host (`per_host`, `rate`) without counting as in flight. Each
/// takes a task of some kilobytes.
const AHEAD: usize = 256;

impl BatchOptions {
    /// The requests in flight at once that this call is to have; None for no limit. A number that the client would never
    /// allow is an error: it would change nothing, and nobody would know.
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

    /// The limits of this call by host, if it has any.
    fn by_host(&self) -> Option<Limits> {
        let limited = self.per_host.is_some() || self.rate.is_some();
        limited.then_some(Limits { concurrency: None, per_host: self.per_host, rate: self.rate })
    }
}

fn prepare(
    py: Python<'_>,
    function: &str,
    client: Option<&Bound<'_, PyClient>>,
    keywords: Option<&Bound<'_, PyDict>>,
    streaming: bool,
) -> PyResult<Prepared> {
    let mut request = RequestOptions::default();
    let mut options = BatchOptions::default();
    for (key, value) in keywords.into_iter().flatten() {
        let key = utf8("the name of an option", key.cast::<PyString>()?)?.to_owned();
        // A name is an item's; a stream has two keywords more; a client's methods know their client.
        let fits = key != "name"
            && (streaming || !STREAM_KEYS.contains(&key.as_str()))
            && !(client.is_some() && key == "client");
        if !(fits && (options.set(&key, &value)? || request.set(&key, &value)?)) {
            let known = REQUEST_KEYS.into_iter().chain(GATHER_KEYS).chain(STREAM_KEYS).filter(|name| {
                *name != "name"
                    && (streaming || !STREAM_KEYS.contains(name))
                    && !(client.is_some() && *name == "client")
            });
            return Err(unknown(function, &key, known));
        }
    }
    request.finish();
    let given = options.client.take().map(|given| given.into_bound(py));
    let client = client.cloned().or(given);
    let opened = client.as_ref().map(|client| client.get().open()).transpose()?;
    let of_client = opened.as_ref().map(|(_, session)| session.limiter.limits().concurrency);
    let concurrency = options.in_flight(of_client)?;
    let by_host = options.by_host().map(|limits| Limits { concurrency, ..limits });
    let ahead = if by_host.is_some() { AHEAD } else { 0 };
    let (defaults, session, limits) = match opened {
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
        urls: UrlParser::default(),
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
    let call = Fetcher { session, limits, settings, headers, collector: Arc::new(Collector::new()) };
    Ok(Prepared { plan, call, options, concurrency, ahead })
}

/// See [`gather_fetch`]; `client` is the one whose method was called.
pub fn gather_with(
    requests: &Bound<'_, PyAny>,
    client: Option<&Bound<'_, PyClient>>,
    keywords: Option<&Bound<'_, PyDict>>,
) -> PyResult<Py<Job>> {
    calling_out(|| gathered(requests, client, keywords))
}

fn gathered(
    requests: &Bound<'_, PyAny>,
    client: Option<&Bound<'_, PyClient>>,
    keywords: Option<&Bound<'_, PyDict>>,
) -> PyResult<Py<Job>> {
    let py = requests.py();
    let function = if client.is_some() { "Client.gather" } else { "gather_fetch" };
    check_iterable(requests)?;
    let Prepared { plan, call, options, concurrency, ahead } = prepare(py, function, client, keywords, false)?;
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
    // Without limits by host a worker is a permit; with them the limiter counts.
    let concurrency = concurrency.unwrap_or(usize::MAX).saturating_add(ahead);
    let run = FetchBatchOptions { concurrency, deadline: options.deadline, keep_errors: options.return_exceptions };
    bulk(py, call, items, run, options.progress)
}

/// Two bodies in one file: one of them would be lost without a word.
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

/// See [`stream_fetch`]; `client` is the one whose method was called.
pub fn stream_with(
    requests: &Bound<'_, PyAny>,
    client: Option<&Bound<'_, PyClient>>,
    keywords: Option<&Bound<'_, PyDict>>,
) -> PyResult<Stream> {
    calling_out(|| streamed(requests, client, keywords))
}

fn streamed(
    requests: &Bound<'_, PyAny>,
    client: Option<&Bound<'_, PyClient>>,
    keywords: Option<&Bound<'_, PyDict>>,
) -> PyResult<Stream> {
    check_iterable(requests)?;
    let Prepared { plan, call, options, concurrency, ahead } =
        prepare(requests.py(), "stream_fetch", client, keywords, true)?;
    // A stream reads its source ahead by as much as may be in flight: that must have an end.
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
    let flow = FetchStream::new(Arc::new(call), run);
    Stream::create(requests, plan, flow, reactor()?, options.progress)
}

/// Fetches many requests at once and returns their responses, in input order.
///
/// The whole batch runs off the GIL and crosses to Python once. Await the Job in a coroutine or notebook cell, or call
/// `.result()` in a script:
///
///     responses = await shoal.gather_fetch(urls)
///     responses = shoal.gather_fetch(urls).result()
///
/// Args:
///     requests: an iterable of `str`, `shoal.Request`, `(url, options)` or mappings with "url". An item's options win
///         over the call's; `params`, `headers` and `cookies` are merged name by name. An empty iterable gives [].
///     method: of every request without its own; "GET".
///     params: query parameters: a mapping or pairs, of which None values are left out and lists repeat the name; or a
///         query string, which is sent as it is.
///     headers: a mapping or pairs; a None value leaves a default header out.
///     cookies: a mapping or pairs.
///     auth: `(user, password)` for Basic, or a bearer token; wins over an Authorization header of the same place.
///     content: the body as bytes or str; or
///     data: the body as a form (mapping or pairs), or bytes or str; or
///     json: the body as a JSON value; None means no body (send a null as `content="null"`).
///     concurrency: requests in flight at once; 100. None for no limit of this call's own.
///     per_host: requests in flight at once to one origin; None for no limit.
///     rate: requests to one origin per time, such as "10/s" or "100/min"; None for no limit.
///     timeout: seconds per attempt, from its turn to the last byte, or a `Timeout`, or None for no limit; 30.0. Of a body
///         that is saved a number bounds the head and each silence, not the whole: that is `Timeout(total=...)`.
///     deadline: seconds for the whole batch, retries and waiting included; None for no limit.
///     retry: attempts after the first, or a `Retry`; 2. Repeated are requests that never reached the server and, of
///         idempotent methods or with an `Idempotency-Key` header, those that failed on the way or ended in status
///         408, 425, 429, 500, 502, 503 or 504; with backoff, and as long as a Retry-After asks for.
///     follow_redirects: True.
///     max_redirects: more than that raise TooManyRedirects; None for no limit; 10.
///     max_body: the most bytes of a decoded body, as int or "64MiB"; None for no limit. If neither call nor client give
///         one, a body that is saved may have 64 MiB and 100 times the bytes received.
///     return_exceptions: put exceptions into the list instead of raising the first one; False.
///     raise_for_status: make statuses from 400 on failures (HTTPStatusError); False: they are results.
///     progress: True for a tqdm bar, or a callable that gets `(done, total)`; False.
///     save_to: write 2xx bodies to files instead of memory: a template such as "out/{index:05}.json" or
///         "out/{name}.json" (the item's `name`), or a callable `(index, request)` that returns a path. Files appear
///         whole or not at all, folders are made. `Response.path` tells the file. Other statuses write no file. Two items
///         that would be written to one file are a ValueError.
///     client: a `Client` whose connections, cookies, settings and limits are used; what is left out here is taken from
///         it (the defaults above hold without a client). Its limits are shared by all its requests; those given here
///         count this call alone and hold in addition. A `concurrency` above the client's is an error.
///
/// Returns:
///     Job[list[Response]]: the responses; with `return_exceptions`, exception instances in the failed places.
///
/// Raises:
///     TypeError, ValueError: at the call, before any I/O: an argument is not what it should be.
///     InvalidURL: at the call: an item has no usable http or https URL.
///     FetchError: from the Job: the first failure. The other requests are cancelled; the exception's `results` holds
///         the finished responses in their places, None elsewhere.
///     DeadlineExceeded: from the Job: the deadline passed; with `results` too. With `return_exceptions` it stands in
///         the unfinished places instead.
#[pyfunction]
#[pyo3(
    signature = (requests, **keywords),
    text_signature = "(requests, *, method='GET', params=None, headers=None, cookies=None, auth=None, content=None, data=None, json=None, concurrency=100, per_host=None, rate=None, timeout=30.0, deadline=None, retry=2, follow_redirects=True, max_redirects=10, max_body='64MiB', return_exceptions=False, raise_for_status=False, progress=False, save_to=None, client=None)"
)]
pub fn gather_fetch(requests: &Bound<'_, PyAny>, keywords: Option<&Bound<'_, PyDict>>) -> PyResult<Py<Job>> {
    gather_with(requests, None, keywords)
}

/// Fetches requests as they come and gives the responses as they are finished: for lists too long to hold.
///
///     async for response in shoal.stream_fetch(urls):     # on any event loop
///     for response in shoal.stream_fetch(urls):           # anywhere
///
/// Args:
///     requests: a lazy iterable, or (with `async for`) an async iterable, of what `gather_fetch` takes. It is read
///         only as fast as results are taken: at most `concurrency + buffer` requests are between it and you. A plain
///         iterable is read on your own thread; an async one is awaited on your event loop.
///     ordered: give the responses in the order of the requests; False: as they are finished.
///     buffer: finished responses that may wait to be taken; None means as many as `concurrency`.
///     concurrency: requests in flight at once; 100. A stream needs a number: that of the call or the client's, else 100.
///
///     All other arguments are those of `gather_fetch`.
///
/// Returns:
///     Stream: yields `Response` objects, whose `index` is the place in `requests`; with `return_exceptions` also
///     exceptions, with `index`. Leaving the loop early, `close()`, or dropping it cancels the rest.
///
/// Raises:
///     TypeError, ValueError: at the call: an argument is not what it should be.
///     FetchError: from the loop: a request failed; the rest is cancelled.
///     DeadlineExceeded: from the loop: the deadline passed.
///     Exception: whatever the iterable raises, after the responses of what it gave before.
#[pyfunction]
#[pyo3(
    signature = (requests, **keywords),
    text_signature = "(requests, *, ordered=False, buffer=None, method='GET', params=None, headers=None, cookies=None, auth=None, content=None, data=None, json=None, concurrency=100, per_host=None, rate=None, timeout=30.0, deadline=None, retry=2, follow_redirects=True, max_redirects=10, max_body='64MiB', return_exceptions=False, raise_for_status=False, progress=False, save_to=None, client=None)"
)]
pub fn stream_fetch(requests: &Bound<'_, PyAny>, keywords: Option<&Bound<'_, PyDict>>) -> PyResult<Stream> {
    stream_with(requests, None, keywords)
}
