//! `gather_fetch` of the module.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::batch::{BatchCall, gather};
use super::client::take_client;
use crate::bridge::job::Job;
use crate::bridge::lifecycle::calling_out;

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
///     params: query parameters: a mapping or pairs, where a None value omits the name and a list repeats it; or a query
///         string, which is sent as it is.
///     headers: a mapping or pairs; a None value leaves a default header out.
///     cookies: a mapping or pairs.
///     auth: `(user, password)` for Basic, or a bearer token; wins over an Authorization header of the same place.
///     content: the body as bytes or str; or
///     data: the body as a form (mapping or pairs), or bytes or str; or
///     json: the body as a JSON value; None means no body (send a null as `content="null"`).
///     concurrency: requests in flight at once; 100. None for no limit of this call's own.
///     per_host: requests in flight at once to one origin; None for no limit.
///     rate: requests to one origin per time, such as "10/s" or "100/min"; None for no limit.
///     timeout: seconds per attempt, from the permit to send to the last byte, or a `Timeout`, or None for no limit; 30.0. For a
///         body that is saved the number limits the head and each pause, not the whole: that is `Timeout(total=...)`.
///     deadline: seconds for the whole batch, retries and waiting included; None for no limit.
///     retry: attempts after the first, or a `Retry`; 2. A request is repeated if it never reached the server. With an
///         idempotent method or an `Idempotency-Key` header it is also repeated after a network failure or a status of
///         408, 425, 429, 500, 502, 503 or 504. The wait is a backoff, or as long as Retry-After asks for.
///     follow_redirects: True.
///     max_redirects: more raise TooManyRedirects; None for no limit; 10.
///     max_body: the most bytes of a decoded body, as int or "64MiB"; None for no limit. If neither call nor client give
///         one, a body that is saved may have 64 MiB and 100 times the bytes received.
///     return_exceptions: put exceptions into the list instead of raising the first one; False.
///     raise_for_status: treat statuses from 400 as failures (HTTPStatusError); False.
///     progress: True for a tqdm bar, or a callable that gets `(done, total)`; False.
///     save_to: write 2xx bodies to files instead of memory: a template such as "out/{index:05}.json" or
///         "out/{name}.json" (the item's `name`), or a callable `(index, request)` that returns a path. Files are
///         written atomically, folders are created. `Response.path` is the file. Other statuses write no file. Two items
///         with the same file are a ValueError.
///     client: a `Client` whose connections, cookies, settings and limits are used; options that are left out are
///         taken from it (the defaults above hold without a client). Its limits apply to all its requests together; limits
///         given here apply to this call in addition. A `concurrency` above the client's is an error.
///
/// Returns:
///     Job[list[Response]]: the responses; with `return_exceptions`, exception instances in the failed places.
///
/// Raises:
///     TypeError, ValueError: at the call, before any I/O: an argument is invalid.
///     InvalidURL: at the call: an item has no usable http or https URL.
///     FetchError: from the Job: the first failure. The other requests are cancelled; the exception's `results` holds
///         the finished responses in their places, None elsewhere.
///     DeadlineExceeded: from the Job: the deadline passed; with `results`, too. With `return_exceptions` it is in the
///         unfinished places instead.
#[pyfunction]
#[pyo3(
    signature = (requests, **keywords),
    text_signature = "(requests, *, method='GET', params=None, headers=None, cookies=None, auth=None, content=None, data=None, json=None, concurrency=100, per_host=None, rate=None, timeout=30.0, deadline=None, retry=2, follow_redirects=True, max_redirects=10, max_body='64MiB', return_exceptions=False, raise_for_status=False, progress=False, save_to=None, client=None)"
)]
pub fn gather_fetch(requests: &Bound<'_, PyAny>, keywords: Option<&Bound<'_, PyDict>>) -> PyResult<Py<Job>> {
    calling_out(|| {
        let (client, keywords) = take_client(keywords)?;
        let function = "gather_fetch";
        gather(requests, BatchCall { function, client, takes_client: true, keywords: keywords.as_ref() })
    })
}
