//! `stream_fetch` of the module.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::batch::stream;
use super::client::open;
use crate::arguments::options::Options;
use crate::arguments::table::Function;
use crate::bridge::lifecycle::calling_out;
use crate::bridge::stream::Stream;

#[doc = signature!(stream_fetch("requests, *"), stream)]
/// Fetches requests as they come and yields the responses as they finish: for inputs that do not fit into memory.
///
///     async for response in shoal.stream_fetch(urls):     # on any event loop
///     for response in shoal.stream_fetch(urls):           # anywhere
///
/// Args:
///     requests: a lazy iterable, or (with `async for`) an async iterable, of what `gather_fetch` takes. It is read
///         only as fast as results are taken: at most `concurrency + buffer` requests have been read and not yet yielded.
///         A plain iterable is read on the calling thread; an async one is awaited on the running event loop.
#[doc = arguments!(stream)]
/// Returns:
///     Stream: yields `Response` objects, whose `index` is the place in `requests`; with `return_exceptions` also
///     exceptions, with `index`. Leaving the loop early, `close()`, or dropping it cancels the rest.
///
/// Raises:
///     TypeError, ValueError: at the call: an argument is invalid.
///     FetchError: from the loop: a request failed; the rest is cancelled.
///     DeadlineExceeded: from the loop: the deadline passed.
///     Exception: whatever the iterable raises, after the responses to the requests before it.
#[pyfunction]
#[pyo3(signature = (requests, **keywords), text_signature = None)]
pub fn stream_fetch(requests: &Bound<'_, PyAny>, keywords: Option<&Bound<'_, PyDict>>) -> PyResult<Stream> {
    calling_out(|| {
        let options = Options::read(Function::Stream, "stream_fetch", keywords.into_iter().flatten())?;
        stream(requests, open(requests.py(), options.batch.client.as_ref())?, options)
    })
}
