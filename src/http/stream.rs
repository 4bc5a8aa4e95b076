//! `stream_fetch` of the module.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::batch::{BatchCall, stream};
use super::client::take_client;
use crate::bridge::lifecycle::calling_out;
use crate::bridge::stream::Stream;

/// Fetches requests as they come and yields the responses as they finish: for inputs that do not fit into memory.
///
///     async for response in shoal.stream_fetch(urls):     # on any event loop
///     for response in shoal.stream_fetch(urls):           # anywhere
///
/// Args:
///     requests: a lazy iterable, or (with `async for`) an async iterable, of what `gather_fetch` takes. It is read
///         only as fast as results are taken: at most `concurrency + buffer` requests have been read and not yet yielded.
///         A plain iterable is read on the calling thread; an async one is awaited on the running event loop.
///     ordered: yield the responses in the order of the requests; False: as they finish.
///     buffer: finished responses that may wait to be taken; None means the value of `concurrency`.
///     concurrency: requests in flight at once; 100. A stream needs a number: the call's or the client's, else 100.
///
///     All other arguments are those of `gather_fetch`.
///
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
#[pyo3(
    signature = (requests, **keywords),
    text_signature = "(requests, *, ordered=False, buffer=None, method='GET', params=None, headers=None, cookies=None, auth=None, content=None, data=None, json=None, concurrency=100, per_host=None, rate=None, timeout=30.0, deadline=None, retry=2, follow_redirects=True, max_redirects=10, max_body='64MiB', return_exceptions=False, raise_for_status=False, progress=False, save_to=None, client=None)"
)]
pub fn stream_fetch(requests: &Bound<'_, PyAny>, keywords: Option<&Bound<'_, PyDict>>) -> PyResult<Stream> {
    calling_out(|| {
        let (client, keywords) = take_client(keywords)?;
        let function = "stream_fetch";
        stream(requests, BatchCall { function, client, takes_client: true, keywords: keywords.as_ref() })
    })
}
