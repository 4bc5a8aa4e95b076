"""Fetch many things fast, and work on them on all cores: a Rust core behind one awaitable Job.

>>> responses = await shoal.gather_fetch(urls)            # in a coroutine or a notebook cell
>>> responses = shoal.gather_fetch(urls).result()         # in a script or a thread

`gather_fetch` runs a batch of requests, `stream_fetch` yields the responses as they complete, and `Client` keeps
connections, cookies and settings for many calls. `shoal.parallel` processes documents on all cores. Every call that
takes time returns a `Job`.
"""

import warnings

# `_interrupt` is imported now, so that Ctrl-C in the first wait cannot interrupt its import.
from shoal import _interrupt as _interrupt
from shoal import _shoal, parallel
from shoal._shoal import (
    Client,
    Headers,
    Job,
    JobStats,
    Limits,
    Request,
    Response,
    Retry,
    Stream,
    Timeout,
    __version__,
    gather_fetch,
    stream_fetch,
)
from shoal._types import USE_CLIENT_DEFAULT
from shoal.exceptions import (
    BlockedAddress,
    BodyTooLarge,
    ConnectError,
    ConnectTimeout,
    DeadlineExceeded,
    DecodingError,
    DNSError,
    FetchError,
    HTTPError,
    HTTPStatusError,
    IncompleteBody,
    InternalError,
    InvalidURL,
    ItemError,
    JSONDecodeError,
    NetworkError,
    ParallelError,
    PoolTimeout,
    ProtocolError,
    ProxyError,
    ReadError,
    ReadTimeout,
    RequestException,
    TimeoutException,
    TLSError,
    TooManyRedirects,
    TotalTimeout,
    WorkerDied,
    WriteError,
)

__all__ = [
    "USE_CLIENT_DEFAULT",
    "BlockedAddress",
    "BodyTooLarge",
    "Client",
    "ConnectError",
    "ConnectTimeout",
    "DNSError",
    "DeadlineExceeded",
    "DecodingError",
    "FetchError",
    "HTTPError",
    "HTTPStatusError",
    "Headers",
    "IncompleteBody",
    "InternalError",
    "InvalidURL",
    "ItemError",
    "JSONDecodeError",
    "Job",
    "JobStats",
    "Limits",
    "NetworkError",
    "ParallelError",
    "PoolTimeout",
    "ProtocolError",
    "ProxyError",
    "ReadError",
    "ReadTimeout",
    "Request",
    "RequestException",
    "Response",
    "Retry",
    "Stream",
    "TLSError",
    "Timeout",
    "TimeoutException",
    "TooManyRedirects",
    "TotalTimeout",
    "WorkerDied",
    "WriteError",
    "__version__",
    "gather_fetch",
    "parallel",
    "stream_fetch",
]

if getattr(_shoal, "DEBUG_BUILD", False):
    warnings.warn(
        "this is a debug build of shoal, many times slower than a release build (`make dev` makes a quick one)",
        RuntimeWarning,
        stacklevel=2,
    )

del warnings
