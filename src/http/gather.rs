//! `gather_fetch` of the module.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::batch::gather;
use super::client::open;
use crate::arguments::options::Options;
use crate::arguments::table::Function;
use crate::bridge::job::Job;
use crate::bridge::lifecycle::calling_out;

#[doc = signature!(gather_fetch("requests, *"), gather)]
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
#[doc = arguments!(gather)]
/// Returns:
///     Job[list[Response]]: the responses; with `return_exceptions`, exception instances in the failed places.
///
/// Raises:
///     TypeError, ValueError: at the call, before any I/O: an argument is invalid, or two items would be saved to one file.
///     InvalidURL: at the call: an item has no usable http or https URL.
///     FetchError: from the Job: the first failure. The other requests are cancelled; the exception's `results` holds
///         the finished responses in their places, None elsewhere.
///     DeadlineExceeded: from the Job: the deadline passed; with `results`, too. With `return_exceptions` it is in the
///         unfinished places instead.
#[pyfunction]
#[pyo3(signature = (requests, **keywords), text_signature = None)]
pub fn gather_fetch(requests: &Bound<'_, PyAny>, keywords: Option<&Bound<'_, PyDict>>) -> PyResult<Py<Job>> {
    calling_out(|| {
        let options = Options::read(Function::Gather, "gather_fetch", keywords.into_iter().flatten())?;
        gather(requests, open(requests.py(), options.batch.client.as_ref())?, options)
    })
}
