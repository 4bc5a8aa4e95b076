from collections.abc import (
    AsyncIterable,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    ItemsView,
    Iterable,
    Iterator,
    KeysView,
    Mapping,
    ValuesView,
)
from datetime import timedelta
from os import PathLike
from pathlib import Path
from re import Pattern
from types import GenericAlias, TracebackType
from typing import Any, AnyStr, ClassVar, Final, Generic, Literal, NoReturn, TypeAlias, TypeVar, final, overload

from typing_extensions import CapsuleType, Self, deprecated, disjoint_base

from shoal._types import (
    USE_CLIENT_DEFAULT,
    Attempts,
    Auth,
    Content,
    Cookies,
    Data,
    Documents,
    HeaderInput,
    Item,
    Params,
    Progress,
    SaveTo,
    Seconds,
    Size,
    StreamProgress,
    UseClientDefault,
)
from shoal.exceptions import FetchError, ItemError

__all__ = [
    "DEBUG_BUILD",
    "Client",
    "Column",
    "Headers",
    "Job",
    "JobStats",
    "Limits",
    "Request",
    "Response",
    "Retry",
    "Server",
    "Stream",
    "Table",
    "Timeout",
    "_Promise",
    "__version__",
    "_end_with_parent",
    "_keyword_types",
    "_restore_response",
    "_safe_name",
    "_unraisable",
    "_usable_cores",
    "compress",
    "decompress",
    "dedupe",
    "gather_fetch",
    "hash",
    "html_article",
    "html_links",
    "html_select",
    "html_text",
    "html_to_markdown",
    "json_extract",
    "json_rows",
    "minhash",
    "regex_count",
    "regex_findall",
    "regex_replace",
    "stream_fetch",
]

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)

__version__: Final[str]
DEBUG_BUILD: Final[bool]

@final
class Job(Coroutine[Any, Any, _T_co]):
    """Work that has started, and its result.

    A Job starts at once, like a `concurrent.futures.Future`, with or without a running event loop, from any thread.

    - `await job` on any event loop (asyncio, uvloop), any number of times. It is a coroutine, so `asyncio.create_task`,
      `gather`, `wait_for`, `timeout`, `shield` and `TaskGroup.create_task` take it.
    - `job.result()` anywhere else: in a script, a thread, or a notebook cell while a loop runs.

    Cancelling it, cancelling the task that awaits it, or dropping the last reference to it stops the work and releases
    its sockets. A job that is dropped before its end without having been awaited, asked for its result, cancelled or given
    a callback warns (RuntimeWarning). If it failed and the exception was never retrieved, the exception is logged (logger
    "shoal"). All methods may be called from any thread.
    """
    def result(self, timeout: float | None = None) -> _T_co:
        """Waits for the result and returns it.

        Blocks the calling thread with the GIL released. If an event loop runs in this thread it is blocked, too: await the
        job there instead where you can.

        Args:
            timeout: seconds to wait at most; None (the default) for no limit. The job goes on when it passes.

        Raises:
            TimeoutError: `timeout` passed.
            concurrent.futures.CancelledError: the job was cancelled.
            KeyboardInterrupt: Ctrl-C, answered within 200 ms; the job is cancelled, and the exception's `results` holds
                what was finished (for a batch: a list with None in the other places).
            FetchError: whatever the work raised.
            SystemExit: in a daemon thread, when the interpreter exits: it ends the thread without a message.
        """
    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Waits for the end and returns the exception the work raised, or None.

        Takes `timeout` and raises like `result()`, but for the work's own exception.
        """
    def cancel(self) -> bool:
        """Stops the work and releases its sockets. Returns False if it had ended already."""
    def done(self) -> bool:
        """Whether the work has ended: with a result, an exception or a cancellation."""
    def cancelled(self) -> bool:
        """Whether the job was cancelled."""
    def add_done_callback(self, fn: Callable[[Job[_T_co]], object], /) -> None:
        """Calls `fn(job)` when the work has ended, from a thread of Shoal's; at once, from this one, if it has already.

        What the function raises goes to `sys.unraisablehook`. A job with callbacks is kept alive until it ends.
        """
    @property
    def stats(self) -> JobStats:
        """What the work has done so far: counts, retries, bytes, times, and what limited it."""
    def __await__(self) -> Generator[Any, Any, _T_co]: ...
    def send(self, value: object) -> object:
        """The coroutine protocol: called by event loops."""
    def throw(
        self, typ: type[BaseException] | BaseException, val: object = None, tb: TracebackType | None = None
    ) -> NoReturn:
        """The coroutine protocol: cancels the work and raises the exception."""
    def close(self) -> None:
        """Cancels the work if it has not ended. Part of the coroutine protocol."""
    def _repr_html_(self) -> str:
        """A notebook's view: what it does, and how far it is."""
    def __class_getitem__(cls, key: object) -> GenericAlias: ...

@final
class Stream(Generic[_T_co]):
    """The responses of `stream_fetch`, one by one.

    `async for` on any event loop, plain `for` anywhere; also a context manager of either kind. Leaving the loop early,
    `close()`, `aclose()` or dropping the Stream cancels the rest and releases its sockets. May be read from several
    threads or tasks: each result goes to one of them.
    """
    def __iter__(self) -> Self: ...
    def __next__(self) -> _T_co: ...
    def __aiter__(self) -> Self: ...
    def __anext__(self) -> Awaitable[_T_co]: ...
    def close(self) -> None:
        """Cancels what is not finished, releases its sockets and ends the stream."""
    def aclose(self) -> Awaitable[None]:
        """The same as `close()`, to be awaited."""
    def __enter__(self) -> Self: ...
    def __exit__(self, *_error: object) -> None: ...
    def __aenter__(self) -> Awaitable[Self]: ...
    def __aexit__(self, *_error: object) -> Awaitable[None]: ...
    @property
    def stats(self) -> JobStats:
        """What the stream has done so far, as `Job.stats`."""
    def __class_getitem__(cls, key: object) -> GenericAlias: ...

@final
class JobStats:
    """What a job has done so far. A snapshot: read `job.stats` again for newer figures.

    For a job of `shoal.parallel`, "requests" are its documents or items.

    All times are in seconds. The times of the phases (`queue`, `connect`, `first_byte`, `body`) are dicts with `count`,
    `p50`, `p90`, `p99`, `max` and `mean`, over the last attempt of every finished request.
    """
    @property
    def total(self) -> int:
        """Finished requests."""
    @property
    def ok(self) -> int:
        """Requests that ended in a response of any status."""
    @property
    def failed(self) -> int:
        """Requests that ended in an exception."""
    @property
    def by_status(self) -> dict[int, int]:
        """The number of responses by status: `dict[int, int]`."""
    @property
    def by_error(self) -> dict[str, int]:
        """The number of failed requests by class name of the exception: `dict[str, int]`."""
    @property
    def by_transport(self) -> dict[str, int]:
        """The number of requests by transport: `dict[str, int]`. "http1" is Shoal's own HTTP/1.1; "reqwest" is for HTTP/2, for
        proxies, and for connections to `https` servers that were made before it was known that they do not offer HTTP/2.
        """
    @property
    @deprecated("use by_transport")
    def by_lane(self) -> dict[str, int]:
        """The old name of `by_transport`, with "lean" for "http1" and "full" for "reqwest". Deprecated."""
    @property
    def retries(self) -> int:
        """The number of retries."""
    @property
    def retries_by_cause(self) -> dict[str, int]:
        """The number of retries by status or class name of the exception: `dict[str, int]`."""
    @property
    def bytes(self) -> int:
        """The size of all decoded bodies in bytes."""
    @property
    def wall_time(self) -> float:
        """The time from the start of the job to its end, or to now."""
    @property
    @deprecated("use wall_time")
    def wall(self) -> float:
        """The old name of `wall_time`. Deprecated."""
    @property
    def connections_opened(self) -> int:
        """The number of connections opened."""
    @property
    def queue(self) -> dict[str, float]:
        """The time a request waited for its last attempt: for limits, pauses and earlier attempts."""
    @property
    def connect(self) -> dict[str, float]:
        """The time it took to open a connection."""
    @property
    def first_byte(self) -> dict[str, float]:
        """The time from the permit to send to the head of the response."""
    @property
    def body(self) -> dict[str, float]:
        """The time from the head to the last byte of the body."""
    @property
    def limited_by(
        self,
    ) -> Literal["concurrency", "per_host", "rate", "retry_after", "server", "bandwidth", "cpu", "nothing"]:
        """What limited the job: "concurrency", "per_host", "rate", "retry_after", "server", "bandwidth", "cpu" or
        "nothing".
        """
    def as_dict(self) -> dict[str, Any]:
        """All figures as a dict, ready for `json.dumps`. It also has the deprecated keys `by_lane` and `wall`."""

@final
class Timeout:
    """Limits on the time of one attempt, each in seconds; None (the default) means no limit.

    Args:
        total: from the start of the attempt to the last byte of its body, loaded or saved. (`timeout=10.0`, a number,
            bounds the whole of a body that is loaded; of one that is saved, the head and each silence.)
        connect: name resolution, TCP and TLS of a new connection.
        read: the longest silence while waiting for the head or the next piece of the body.
        pool: waiting for a permit (concurrency, per-host and rate limits).

    Raises:
        ValueError: a limit is not more than 0.
    """
    def __new__(
        cls,
        total: float | None = None,
        *,
        connect: float | None = None,
        read: float | None = None,
        pool: float | None = None,
    ) -> Self: ...
    @property
    def total(self) -> float | None:
        """Seconds for the whole attempt, or None."""
    @property
    def connect(self) -> float | None:
        """Seconds for a new connection, or None."""
    @property
    def read(self) -> float | None:
        """Seconds between two pieces, or None."""
    @property
    def pool(self) -> float | None:
        """Seconds of waiting for a permit, or None."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Retry:
    """When to try again, and how long to wait before. Names and meaning are urllib3's.

    Args:
        total: attempts after the first.
        backoff_factor: the wait before retry n is `backoff_factor * 2 ** (n - 1)` seconds, and none before the first.
        backoff_max: the longest such wait, in seconds.
        backoff_jitter: the most seconds, at random, that are added to each wait.
        status_forcelist: the statuses worth another attempt.
        allowed_methods: the methods that may be repeated after the server may have seen the request; None (the default)
            means the idempotent ones, and any with an `Idempotency-Key` header. A request that was never sent, or that
            an HTTP/2 server says it did not process, is repeated whatever its method.
        respect_retry_after: pause requests to the host as long as a `Retry-After` says (RFC 9110, 10.2.3).
        retry_after_max: the longest such pause, in seconds.

    Raises:
        ValueError: a number is negative, or a status or method is not valid.
    """
    def __new__(
        cls,
        total: int,
        *,
        backoff_factor: float = 0.2,
        backoff_max: float = 30.0,
        backoff_jitter: float = 1.0,
        status_forcelist: Iterable[int] | None = (408, 425, 429, 500, 502, 503, 504),
        allowed_methods: Iterable[str] | None = None,
        respect_retry_after: bool = True,
        retry_after_max: float = 120.0,
    ) -> Self: ...
    @property
    def total(self) -> int:
        """Attempts after the first."""
    @property
    def backoff_factor(self) -> float:
        """Seconds."""
    @property
    def backoff_max(self) -> float:
        """Seconds."""
    @property
    def backoff_jitter(self) -> float:
        """Seconds."""
    @property
    def status_forcelist(self) -> frozenset[int]:
        """A frozenset of statuses."""
    @property
    def allowed_methods(self) -> frozenset[str] | None:
        """A frozenset of methods, or None for the idempotent ones."""
    @property
    def respect_retry_after(self) -> bool:
        """Whether `Retry-After` is followed."""
    @property
    def retry_after_max(self) -> float:
        """Seconds."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Limits:
    """How many requests a client may have in flight.

    Args:
        concurrency: in flight at once; None means no limit.
        per_host: in flight at once to one origin (scheme, host and port); None (the default) means no limit.
        rate: requests to one origin per time, as "10/s", "100/min" or "1000/h", with a burst of 1; None (the default)
            means no limit.

    Raises:
        ValueError: a number is below 1, or `rate` can't be read.
    """
    def __new__(
        cls, concurrency: int | None = 100, *, per_host: int | None = None, rate: str | None = None
    ) -> Self: ...
    @property
    def concurrency(self) -> int | None:
        """In flight at once, or None."""
    @property
    def per_host(self) -> int | None:
        """In flight at once to one origin, or None."""
    @property
    def rate(self) -> str | None:
        """As given, or None."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Request:
    """One request: a URL and the options that differ from the call's.

    Options that are left out are the call's. `params`, `headers` and `cookies` are merged with the call's by name.

    Args:
        url: absolute http or https URL (relative with a client that has a `base_url`).
        method: such as "POST", in upper or lower case.
        params: query parameters: a mapping or pairs, of which None values are left out and lists repeat the name; or a
            query string, which is sent as it is.
        headers: a mapping or pairs; a None value leaves a default header (Accept, Accept-Encoding, User-Agent) out.
        cookies: a mapping or pairs. They are sent to every host, but not after a redirect to another origin.
        auth: `(user, password)` for Basic, or a bearer token; wins over an Authorization header of the same place. Not
            sent to another origin after a redirect.
        content: the body as bytes or str; or
        data: the body as a form (mapping or pairs), or bytes or str; or
        json: the body as a JSON value; None means no body (send a null as `content="null"`).
        timeout: seconds per attempt, from its start to the last byte, or a `Timeout`, or None for no limit. Of a body that
            is saved a number bounds the head and each silence, not the whole: that is `Timeout(total=...)`.
        retry: attempts after the first, or a `Retry`. Repeated are requests that never reached the server and, of
            idempotent methods or with an `Idempotency-Key` header, those that failed on the way or ended in status
            408, 425, 429, 500, 502, 503 or 504; with backoff, and as long as a Retry-After asks for.
        follow_redirects: follow redirects. Credentials are not sent to another origin.
        max_redirects: more than that raise TooManyRedirects; None for no limit.
        max_body: the most bytes of a decoded body, as int or "64MiB"; None for no limit. If neither call nor client give
            one, a body that is saved may have 64 MiB and 100 times the bytes received.
        raise_for_status: make statuses from 400 on failures (HTTPStatusError); False: they are results.
        name: the text that replaces `{name}` in `save_to`.

    Raises:
        TypeError, ValueError: an option is invalid.
    """
    def __new__(
        cls,
        url: str,
        *,
        method: str | None = ...,
        params: Params | None = None,
        headers: HeaderInput | None = None,
        cookies: Cookies | None = None,
        auth: Auth | None = None,
        content: Content | None = None,
        data: Data | None = None,
        json: object = None,
        timeout: Seconds | None = ...,
        retry: Attempts | None = ...,
        follow_redirects: bool = ...,
        max_redirects: int | None = ...,
        max_body: Size | None = ...,
        raise_for_status: bool = ...,
        name: str | None = None,
    ) -> Self: ...
    @property
    def url(self) -> str:
        """The URL, as given or as sent (credentials removed, parameters added)."""
    @property
    def method(self) -> str | None:
        """The method in upper case, or None if it is left to the call."""
    @property
    def headers(self) -> Headers:
        """The request's own headers, without those of call and client: a `Headers`."""
    @property
    def content(self) -> bytes | None:
        """The body as bytes, or None."""
    @property
    def name(self) -> str | None:
        """The value of `{name}` in `save_to`, or None."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Client:
    """Keeps connections, cookies and settings for many requests.

        async with shoal.Client(base_url="https://api.example.com") as client:
            player = await client.get("/players/23", params={"season": "2016-17"})

    One client works in any number of event loops and threads at once. After `fork()` the child opens connections of its
    own. A pickle holds the configuration. The `with` blocks are optional: a client that is dropped closes its connections.

    Cookies that servers set are kept and sent back (RFC 6265).

    Args:
        base_url: joined in front of relative URLs, path included ("https://host/api" and "/players" make
            "https://host/api/players").
        params: query parameters: a mapping or pairs, of which None values are left out and lists repeat the name; or a
            query string, which is sent as it is.
        headers: a mapping or pairs; a None value leaves a default header (Accept, Accept-Encoding, User-Agent) out.
        cookies: a mapping or pairs. They are sent to every host, but not after a redirect to another origin.
        auth: `(user, password)` for Basic, or a bearer token; wins over an Authorization header of the same place. Not
            sent to another origin after a redirect.
        timeout: seconds per attempt, from its start to the last byte, or a `Timeout`, or None for no limit. Of a body that
            is saved a number bounds the head and each silence, not the whole: that is `Timeout(total=...)`.
        retry: attempts after the first, or a `Retry`. Repeated are requests that never reached the server and, of
            idempotent methods or with an `Idempotency-Key` header, those that failed on the way or ended in status
            408, 425, 429, 500, 502, 503 or 504; with backoff, and as long as a Retry-After asks for.
        limits: a `Limits`: requests in flight, in flight per host, and rate per host; `Limits(concurrency=100)` unless
            given.
        follow_redirects: follow redirects. Credentials are not sent to another origin.
        max_redirects: more than that raise TooManyRedirects; None for no limit.
        max_body: the most bytes of a decoded body, as int or "64MiB"; None for no limit. If neither call nor client give
            one, a body that is saved may have 64 MiB and 100 times the bytes received.
        raise_for_status: make statuses from 400 on failures (HTTPStatusError); False: they are results.
        http2: offer HTTP/2 to https servers.
        verify: True to check certificates against the system's, a path or bytes (PEM) to trust just those, False to trust
            every certificate.
        trust_env: use the proxies of HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY (lower case wins). Where one of them
            cannot be used, requests that it is for fail with InvalidURL; they never go directly.
        user_agent: the User-Agent header; "shoal/" and the version unless given.

    Raises:
        TypeError, ValueError: an argument is invalid, or `verify` has no certificate.
    """
    def __new__(
        cls,
        *,
        base_url: str | None = None,
        params: Params | None = None,
        headers: HeaderInput | None = None,
        cookies: Cookies | None = None,
        auth: Auth | None = None,
        timeout: Seconds | None = 30.0,
        retry: Attempts | None = 2,
        limits: Limits | None = ...,
        follow_redirects: bool = True,
        max_redirects: int | None = 10,
        max_body: Size | None = "64MiB",
        raise_for_status: bool = False,
        http2: bool = True,
        verify: bool | str | PathLike[str] | bytes | None = True,
        trust_env: bool = True,
        user_agent: str | None = ...,
    ) -> Self: ...
    def request(
        self,
        method: str,
        url: str,
        *,
        params: Params | None = None,
        headers: HeaderInput | None = None,
        cookies: Cookies | None = None,
        auth: Auth | None = None,
        content: Content | None = None,
        data: Data | None = None,
        json: object = None,
        timeout: UseClientDefault | Seconds | None = USE_CLIENT_DEFAULT,
        retry: UseClientDefault | Attempts | None = USE_CLIENT_DEFAULT,
        follow_redirects: UseClientDefault | bool = USE_CLIENT_DEFAULT,
        max_redirects: UseClientDefault | int | None = USE_CLIENT_DEFAULT,
        max_body: UseClientDefault | Size | None = USE_CLIENT_DEFAULT,
        raise_for_status: UseClientDefault | bool = USE_CLIENT_DEFAULT,
        name: str | None = None,
    ) -> Job[Response]:
        """Sends a request and returns a Job[Response].

        Options that are left out are the client's. `params`, `headers` and `cookies` are merged with the client's by name.

        Args:
            method: such as "GET".
            url: absolute, or relative to `base_url`.
            params: query parameters: a mapping or pairs, of which None values are left out and lists repeat the name; or a
                query string, which is sent as it is.
            headers: a mapping or pairs; a None value leaves a default header (Accept, Accept-Encoding, User-Agent) out.
            cookies: a mapping or pairs. They are sent to every host, but not after a redirect to another origin.
            auth: `(user, password)` for Basic, or a bearer token; wins over an Authorization header of the same place. Not
                sent to another origin after a redirect.
            content: the body as bytes or str; or
            data: the body as a form (mapping or pairs), or bytes or str; or
            json: the body as a JSON value; None means no body (send a null as `content="null"`).
            timeout: seconds per attempt, from its start to the last byte, or a `Timeout`, or None for no limit. Of a body that
                is saved a number bounds the head and each silence, not the whole: that is `Timeout(total=...)`.
            retry: attempts after the first, or a `Retry`. Repeated are requests that never reached the server and, of
                idempotent methods or with an `Idempotency-Key` header, those that failed on the way or ended in status
                408, 425, 429, 500, 502, 503 or 504; with backoff, and as long as a Retry-After asks for.
            follow_redirects: follow redirects. Credentials are not sent to another origin.
            max_redirects: more than that raise TooManyRedirects; None for no limit.
            max_body: the most bytes of a decoded body, as int or "64MiB"; None for no limit. If neither call nor client give
                one, a body that is saved may have 64 MiB and 100 times the bytes received.
            raise_for_status: make statuses from 400 on failures (HTTPStatusError); False: they are results.
            name: the text that replaces `{name}` in `save_to`.

        Raises:
            TypeError, ValueError, InvalidURL: at the call, before any I/O.
            RuntimeError: at the call: the client is closed.
            FetchError: from the Job.
        """
    def get(
        self,
        url: str,
        *,
        params: Params | None = None,
        headers: HeaderInput | None = None,
        cookies: Cookies | None = None,
        auth: Auth | None = None,
        content: Content | None = None,
        data: Data | None = None,
        json: object = None,
        timeout: UseClientDefault | Seconds | None = USE_CLIENT_DEFAULT,
        retry: UseClientDefault | Attempts | None = USE_CLIENT_DEFAULT,
        follow_redirects: UseClientDefault | bool = USE_CLIENT_DEFAULT,
        max_redirects: UseClientDefault | int | None = USE_CLIENT_DEFAULT,
        max_body: UseClientDefault | Size | None = USE_CLIENT_DEFAULT,
        raise_for_status: UseClientDefault | bool = USE_CLIENT_DEFAULT,
        name: str | None = None,
    ) -> Job[Response]:
        """Sends a GET request and returns a Job[Response]; see `request`."""
    def head(
        self,
        url: str,
        *,
        params: Params | None = None,
        headers: HeaderInput | None = None,
        cookies: Cookies | None = None,
        auth: Auth | None = None,
        content: Content | None = None,
        data: Data | None = None,
        json: object = None,
        timeout: UseClientDefault | Seconds | None = USE_CLIENT_DEFAULT,
        retry: UseClientDefault | Attempts | None = USE_CLIENT_DEFAULT,
        follow_redirects: UseClientDefault | bool = USE_CLIENT_DEFAULT,
        max_redirects: UseClientDefault | int | None = USE_CLIENT_DEFAULT,
        max_body: UseClientDefault | Size | None = USE_CLIENT_DEFAULT,
        raise_for_status: UseClientDefault | bool = USE_CLIENT_DEFAULT,
        name: str | None = None,
    ) -> Job[Response]:
        """Sends a HEAD request and returns a Job[Response]; see `request`."""
    def options(
        self,
        url: str,
        *,
        params: Params | None = None,
        headers: HeaderInput | None = None,
        cookies: Cookies | None = None,
        auth: Auth | None = None,
        content: Content | None = None,
        data: Data | None = None,
        json: object = None,
        timeout: UseClientDefault | Seconds | None = USE_CLIENT_DEFAULT,
        retry: UseClientDefault | Attempts | None = USE_CLIENT_DEFAULT,
        follow_redirects: UseClientDefault | bool = USE_CLIENT_DEFAULT,
        max_redirects: UseClientDefault | int | None = USE_CLIENT_DEFAULT,
        max_body: UseClientDefault | Size | None = USE_CLIENT_DEFAULT,
        raise_for_status: UseClientDefault | bool = USE_CLIENT_DEFAULT,
        name: str | None = None,
    ) -> Job[Response]:
        """Sends an OPTIONS request and returns a Job[Response]; see `request`."""
    def post(
        self,
        url: str,
        *,
        params: Params | None = None,
        headers: HeaderInput | None = None,
        cookies: Cookies | None = None,
        auth: Auth | None = None,
        content: Content | None = None,
        data: Data | None = None,
        json: object = None,
        timeout: UseClientDefault | Seconds | None = USE_CLIENT_DEFAULT,
        retry: UseClientDefault | Attempts | None = USE_CLIENT_DEFAULT,
        follow_redirects: UseClientDefault | bool = USE_CLIENT_DEFAULT,
        max_redirects: UseClientDefault | int | None = USE_CLIENT_DEFAULT,
        max_body: UseClientDefault | Size | None = USE_CLIENT_DEFAULT,
        raise_for_status: UseClientDefault | bool = USE_CLIENT_DEFAULT,
        name: str | None = None,
    ) -> Job[Response]:
        """Sends a POST request and returns a Job[Response]; see `request`."""
    def put(
        self,
        url: str,
        *,
        params: Params | None = None,
        headers: HeaderInput | None = None,
        cookies: Cookies | None = None,
        auth: Auth | None = None,
        content: Content | None = None,
        data: Data | None = None,
        json: object = None,
        timeout: UseClientDefault | Seconds | None = USE_CLIENT_DEFAULT,
        retry: UseClientDefault | Attempts | None = USE_CLIENT_DEFAULT,
        follow_redirects: UseClientDefault | bool = USE_CLIENT_DEFAULT,
        max_redirects: UseClientDefault | int | None = USE_CLIENT_DEFAULT,
        max_body: UseClientDefault | Size | None = USE_CLIENT_DEFAULT,
        raise_for_status: UseClientDefault | bool = USE_CLIENT_DEFAULT,
        name: str | None = None,
    ) -> Job[Response]:
        """Sends a PUT request and returns a Job[Response]; see `request`."""
    def patch(
        self,
        url: str,
        *,
        params: Params | None = None,
        headers: HeaderInput | None = None,
        cookies: Cookies | None = None,
        auth: Auth | None = None,
        content: Content | None = None,
        data: Data | None = None,
        json: object = None,
        timeout: UseClientDefault | Seconds | None = USE_CLIENT_DEFAULT,
        retry: UseClientDefault | Attempts | None = USE_CLIENT_DEFAULT,
        follow_redirects: UseClientDefault | bool = USE_CLIENT_DEFAULT,
        max_redirects: UseClientDefault | int | None = USE_CLIENT_DEFAULT,
        max_body: UseClientDefault | Size | None = USE_CLIENT_DEFAULT,
        raise_for_status: UseClientDefault | bool = USE_CLIENT_DEFAULT,
        name: str | None = None,
    ) -> Job[Response]:
        """Sends a PATCH request and returns a Job[Response]; see `request`."""
    def delete(
        self,
        url: str,
        *,
        params: Params | None = None,
        headers: HeaderInput | None = None,
        cookies: Cookies | None = None,
        auth: Auth | None = None,
        content: Content | None = None,
        data: Data | None = None,
        json: object = None,
        timeout: UseClientDefault | Seconds | None = USE_CLIENT_DEFAULT,
        retry: UseClientDefault | Attempts | None = USE_CLIENT_DEFAULT,
        follow_redirects: UseClientDefault | bool = USE_CLIENT_DEFAULT,
        max_redirects: UseClientDefault | int | None = USE_CLIENT_DEFAULT,
        max_body: UseClientDefault | Size | None = USE_CLIENT_DEFAULT,
        raise_for_status: UseClientDefault | bool = USE_CLIENT_DEFAULT,
        name: str | None = None,
    ) -> Job[Response]:
        """Sends a DELETE request and returns a Job[Response]; see `request`."""
    @overload
    def gather(
        self,
        requests: Iterable[Item],
        *,
        method: str | None = "GET",
        params: Params | None = None,
        headers: HeaderInput | None = None,
        cookies: Cookies | None = None,
        auth: Auth | None = None,
        content: Content | None = None,
        data: Data | None = None,
        json: object = None,
        concurrency: UseClientDefault | int | None = USE_CLIENT_DEFAULT,
        per_host: UseClientDefault | int | None = USE_CLIENT_DEFAULT,
        rate: UseClientDefault | str | None = USE_CLIENT_DEFAULT,
        timeout: UseClientDefault | Seconds | None = USE_CLIENT_DEFAULT,
        deadline: float | None = None,
        retry: UseClientDefault | Attempts | None = USE_CLIENT_DEFAULT,
        follow_redirects: UseClientDefault | bool = USE_CLIENT_DEFAULT,
        max_redirects: UseClientDefault | int | None = USE_CLIENT_DEFAULT,
        max_body: UseClientDefault | Size | None = USE_CLIENT_DEFAULT,
        return_exceptions: Literal[False] = False,
        raise_for_status: UseClientDefault | bool = USE_CLIENT_DEFAULT,
        progress: Progress | None = False,
        save_to: SaveTo | None = None,
    ) -> Job[list[Response]]:
        """Fetches many requests over this client's connections: `shoal.gather_fetch(requests, client=self, ...)`.

        Options that are left out are the client's. Limits given here apply in addition to the client's.

        Args:
            requests: as for `gather_fetch`.
            method: such as "POST", in upper or lower case.
            params: query parameters: a mapping or pairs, of which None values are left out and lists repeat the name; or a
                query string, which is sent as it is.
            headers: a mapping or pairs; a None value leaves a default header (Accept, Accept-Encoding, User-Agent) out.
            cookies: a mapping or pairs. They are sent to every host, but not after a redirect to another origin.
            auth: `(user, password)` for Basic, or a bearer token; wins over an Authorization header of the same place. Not
                sent to another origin after a redirect.
            content: the body as bytes or str; or
            data: the body as a form (mapping or pairs), or bytes or str; or
            json: the body as a JSON value; None means no body (send a null as `content="null"`).
            concurrency: requests in flight at once; None for no limit of the call's own. (A stream needs a number: that of the
                call or the client, or 100.)
            per_host: requests in flight at once to one origin; None for no limit.
            rate: requests to one origin per time, such as "10/s" or "100/min"; None for no limit.
            timeout: seconds per attempt, from its start to the last byte, or a `Timeout`, or None for no limit. Of a body that
                is saved a number bounds the head and each silence, not the whole: that is `Timeout(total=...)`.
            deadline: seconds for the whole batch, retries and waiting included; None for no limit.
            retry: attempts after the first, or a `Retry`. Repeated are requests that never reached the server and, of
                idempotent methods or with an `Idempotency-Key` header, those that failed on the way or ended in status
                408, 425, 429, 500, 502, 503 or 504; with backoff, and as long as a Retry-After asks for.
            follow_redirects: follow redirects. Credentials are not sent to another origin.
            max_redirects: more than that raise TooManyRedirects; None for no limit.
            max_body: the most bytes of a decoded body, as int or "64MiB"; None for no limit. If neither call nor client give
                one, a body that is saved may have 64 MiB and 100 times the bytes received.
            return_exceptions: put exceptions into the results instead of raising the first one.
            raise_for_status: make statuses from 400 on failures (HTTPStatusError); False: they are results.
            progress: True for a tqdm bar, or a callable that gets `(done, total)`; in a stream the total may be None.
            save_to: write 2xx bodies to files instead of memory: a template such as "out/{index:05}.json" or
                "out/{name}.json" (the item's `name`), or a callable `(index, request)` that returns a path. Files appear
                whole or not at all, folders are made. `Response.path` tells the file. Other statuses write no file.

        Returns:
            Job[list[Response]]: as of `gather_fetch`, which tells of the exceptions, too.
        """
    @overload
    def gather(
        self,
        requests: Iterable[Item],
        *,
        method: str | None = "GET",
        params: Params | None = None,
        headers: HeaderInput | None = None,
        cookies: Cookies | None = None,
        auth: Auth | None = None,
        content: Content | None = None,
        data: Data | None = None,
        json: object = None,
        concurrency: UseClientDefault | int | None = USE_CLIENT_DEFAULT,
        per_host: UseClientDefault | int | None = USE_CLIENT_DEFAULT,
        rate: UseClientDefault | str | None = USE_CLIENT_DEFAULT,
        timeout: UseClientDefault | Seconds | None = USE_CLIENT_DEFAULT,
        deadline: float | None = None,
        retry: UseClientDefault | Attempts | None = USE_CLIENT_DEFAULT,
        follow_redirects: UseClientDefault | bool = USE_CLIENT_DEFAULT,
        max_redirects: UseClientDefault | int | None = USE_CLIENT_DEFAULT,
        max_body: UseClientDefault | Size | None = USE_CLIENT_DEFAULT,
        return_exceptions: bool,
        raise_for_status: UseClientDefault | bool = USE_CLIENT_DEFAULT,
        progress: Progress | None = False,
        save_to: SaveTo | None = None,
    ) -> Job[list[Response | FetchError]]: ...
    def close(self) -> None:
        """Closes the idle connections; requests in flight keep theirs until they end. Does not wait. Further requests raise
        RuntimeError.
        """
    def aclose(self) -> Awaitable[None]:
        """The same as `close()`, to be awaited."""
    @property
    def is_closed(self) -> bool:
        """Whether the client is closed."""
    @property
    def base_url(self) -> str | None:
        """The URL that relative URLs are joined to, or None."""
    @property
    def headers(self) -> Headers:
        """The headers of every request: a `Headers`."""
    @property
    def limits(self) -> Limits:
        """The limits: a `Limits`."""
    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that servers have set: a new `dict[str, str]`. If several have the same name, the last one."""
    def __enter__(self) -> Self: ...
    def __exit__(self, *_error: object) -> None: ...
    def __aenter__(self) -> Awaitable[Self]: ...
    def __aexit__(self, *_error: object) -> Awaitable[None]: ...

@disjoint_base
class Server:
    """An HTTP/1.1 server on its own threads, running from construction until ``close()``.

    The documented class is :class:`shoal.testing.Server`.
    """
    def __new__(
        cls, *, host: str = "127.0.0.1", port: int = 0, latency: float = 0.0, players: int = 500, threads: int = 1
    ) -> Self: ...
    @property
    def base_url(self) -> str:
        """The base URL, without a slash at the end: ``"http://127.0.0.1:43210"``."""
    @property
    def host(self) -> str:
        """The address it listens on, as a string."""
    @property
    def port(self) -> int:
        """The port it listens on; with ``port=0`` the one that the system chose."""
    @property
    def closed(self) -> bool:
        """Whether ``close()`` was called."""
    def url(self, path: str = "/") -> str:
        """The URL of a path: ``server.url("/json/10")``. A missing leading slash is added."""
    def requests(self, path: str = "/") -> int:
        """The number of requests to a route and the routes below it: ``server.requests("/fault/flaky")``; all by default."""
    def attempts(self, key: str) -> int:
        """The number of requests whose query had ``key=<key>``, on any route."""
    def _stats(self) -> dict[str, int]:
        """The counters since the start or ``reset_stats()``, as a dict of integers."""
    def reset_stats(self) -> None:
        """Resets the counters to zero, peaks to what is open now, and fault routes to their first attempt."""
    def close(self) -> None:
        """Closes the port and all connections and waits until they are closed. Calling it again does nothing."""
    def __enter__(self) -> Self: ...
    def __exit__(self, *_exc_info: object) -> None: ...

@overload
def gather_fetch(
    requests: Iterable[Item],
    *,
    method: str | None = "GET",
    params: Params | None = None,
    headers: HeaderInput | None = None,
    cookies: Cookies | None = None,
    auth: Auth | None = None,
    content: Content | None = None,
    data: Data | None = None,
    json: object = None,
    concurrency: UseClientDefault | int | None = 100,
    per_host: UseClientDefault | int | None = None,
    rate: UseClientDefault | str | None = None,
    timeout: UseClientDefault | Seconds | None = 30.0,
    deadline: float | None = None,
    retry: UseClientDefault | Attempts | None = 2,
    follow_redirects: UseClientDefault | bool = True,
    max_redirects: UseClientDefault | int | None = 10,
    max_body: UseClientDefault | Size | None = "64MiB",
    return_exceptions: Literal[False] = False,
    raise_for_status: UseClientDefault | bool = False,
    progress: Progress | None = False,
    save_to: SaveTo | None = None,
    client: Client | None = None,
) -> Job[list[Response]]:
    """Fetches many requests at once and returns their responses, in input order.

    The whole batch runs off the GIL and crosses to Python once. Await the Job in a coroutine or notebook cell, or call
    `.result()` in a script:

        responses = await shoal.gather_fetch(urls)
        responses = shoal.gather_fetch(urls).result()

    Args:
        requests: an iterable of `str`, `shoal.Request`, `(url, options)` or mappings with "url". An item's options win
            over the call's; `params`, `headers` and `cookies` are merged name by name. An empty iterable gives [].
        method: such as "POST", in upper or lower case.
        params: query parameters: a mapping or pairs, of which None values are left out and lists repeat the name; or a
            query string, which is sent as it is.
        headers: a mapping or pairs; a None value leaves a default header (Accept, Accept-Encoding, User-Agent) out.
        cookies: a mapping or pairs. They are sent to every host, but not after a redirect to another origin.
        auth: `(user, password)` for Basic, or a bearer token; wins over an Authorization header of the same place. Not
            sent to another origin after a redirect.
        content: the body as bytes or str; or
        data: the body as a form (mapping or pairs), or bytes or str; or
        json: the body as a JSON value; None means no body (send a null as `content="null"`).
        concurrency: requests in flight at once; None for no limit of the call's own. (A stream needs a number: that of the
            call or the client, or 100.)
        per_host: requests in flight at once to one origin; None for no limit.
        rate: requests to one origin per time, such as "10/s" or "100/min"; None for no limit.
        timeout: seconds per attempt, from its start to the last byte, or a `Timeout`, or None for no limit. Of a body that
            is saved a number bounds the head and each silence, not the whole: that is `Timeout(total=...)`.
        deadline: seconds for the whole batch, retries and waiting included; None for no limit.
        retry: attempts after the first, or a `Retry`. Repeated are requests that never reached the server and, of
            idempotent methods or with an `Idempotency-Key` header, those that failed on the way or ended in status
            408, 425, 429, 500, 502, 503 or 504; with backoff, and as long as a Retry-After asks for.
        follow_redirects: follow redirects. Credentials are not sent to another origin.
        max_redirects: more than that raise TooManyRedirects; None for no limit.
        max_body: the most bytes of a decoded body, as int or "64MiB"; None for no limit. If neither call nor client give
            one, a body that is saved may have 64 MiB and 100 times the bytes received.
        return_exceptions: put exceptions into the results instead of raising the first one.
        raise_for_status: make statuses from 400 on failures (HTTPStatusError); False: they are results.
        progress: True for a tqdm bar, or a callable that gets `(done, total)`; in a stream the total may be None.
        save_to: write 2xx bodies to files instead of memory: a template such as "out/{index:05}.json" or
            "out/{name}.json" (the item's `name`), or a callable `(index, request)` that returns a path. Files appear
            whole or not at all, folders are made. `Response.path` tells the file. Other statuses write no file.
        client: a `Client` whose connections, cookies, settings and limits are used; options that are not given are taken
            from it (the defaults above hold without a client). Its limits are shared by all its requests; those given
            here count this call alone and hold in addition. A `concurrency` above the client's is an error.

    Returns:
        Job[list[Response]]: the responses; with `return_exceptions`, exception instances in the failed places.

    Raises:
        TypeError, ValueError: at the call, before any I/O: an argument is invalid, or two items would be saved to one file.
        InvalidURL: at the call: an item has no usable http or https URL.
        FetchError: from the Job: the first failure. The other requests are cancelled; the exception's `results` holds
            the finished responses in their places, None elsewhere.
        DeadlineExceeded: from the Job: the deadline passed; with `results`, too. With `return_exceptions` it is in the
            unfinished places instead.
    """

@overload
def gather_fetch(
    requests: Iterable[Item],
    *,
    method: str | None = "GET",
    params: Params | None = None,
    headers: HeaderInput | None = None,
    cookies: Cookies | None = None,
    auth: Auth | None = None,
    content: Content | None = None,
    data: Data | None = None,
    json: object = None,
    concurrency: UseClientDefault | int | None = 100,
    per_host: UseClientDefault | int | None = None,
    rate: UseClientDefault | str | None = None,
    timeout: UseClientDefault | Seconds | None = 30.0,
    deadline: float | None = None,
    retry: UseClientDefault | Attempts | None = 2,
    follow_redirects: UseClientDefault | bool = True,
    max_redirects: UseClientDefault | int | None = 10,
    max_body: UseClientDefault | Size | None = "64MiB",
    return_exceptions: bool,
    raise_for_status: UseClientDefault | bool = False,
    progress: Progress | None = False,
    save_to: SaveTo | None = None,
    client: Client | None = None,
) -> Job[list[Response | FetchError]]: ...
@overload
def stream_fetch(
    requests: Iterable[Item] | AsyncIterable[Item],
    *,
    ordered: bool = False,
    buffer: int | None = None,
    method: str | None = "GET",
    params: Params | None = None,
    headers: HeaderInput | None = None,
    cookies: Cookies | None = None,
    auth: Auth | None = None,
    content: Content | None = None,
    data: Data | None = None,
    json: object = None,
    concurrency: UseClientDefault | int | None = 100,
    per_host: UseClientDefault | int | None = None,
    rate: UseClientDefault | str | None = None,
    timeout: UseClientDefault | Seconds | None = 30.0,
    deadline: float | None = None,
    retry: UseClientDefault | Attempts | None = 2,
    follow_redirects: UseClientDefault | bool = True,
    max_redirects: UseClientDefault | int | None = 10,
    max_body: UseClientDefault | Size | None = "64MiB",
    return_exceptions: Literal[False] = False,
    raise_for_status: UseClientDefault | bool = False,
    progress: StreamProgress | None = False,
    save_to: SaveTo | None = None,
    client: Client | None = None,
) -> Stream[Response]:
    """Fetches requests as they come and yields the responses as they finish: for inputs that do not fit into memory.

        async for response in shoal.stream_fetch(urls):     # on any event loop
        for response in shoal.stream_fetch(urls):           # anywhere

    Args:
        requests: a lazy iterable, or (with `async for`) an async iterable, of what `gather_fetch` takes. It is read
            only as fast as results are taken: at most `concurrency + buffer` requests have been read and not yet yielded.
            A plain iterable is read on the calling thread; an async one is awaited on the running event loop.
        ordered: yield responses in the order of the requests; False: in the order in which they finish.
        buffer: finished responses that may wait to be taken; None for as many as `concurrency`.
        method: such as "POST", in upper or lower case.
        params: query parameters: a mapping or pairs, of which None values are left out and lists repeat the name; or a
            query string, which is sent as it is.
        headers: a mapping or pairs; a None value leaves a default header (Accept, Accept-Encoding, User-Agent) out.
        cookies: a mapping or pairs. They are sent to every host, but not after a redirect to another origin.
        auth: `(user, password)` for Basic, or a bearer token; wins over an Authorization header of the same place. Not
            sent to another origin after a redirect.
        content: the body as bytes or str; or
        data: the body as a form (mapping or pairs), or bytes or str; or
        json: the body as a JSON value; None means no body (send a null as `content="null"`).
        concurrency: requests in flight at once; None for no limit of the call's own. (A stream needs a number: that of the
            call or the client, or 100.)
        per_host: requests in flight at once to one origin; None for no limit.
        rate: requests to one origin per time, such as "10/s" or "100/min"; None for no limit.
        timeout: seconds per attempt, from its start to the last byte, or a `Timeout`, or None for no limit. Of a body that
            is saved a number bounds the head and each silence, not the whole: that is `Timeout(total=...)`.
        deadline: seconds for the whole batch, retries and waiting included; None for no limit.
        retry: attempts after the first, or a `Retry`. Repeated are requests that never reached the server and, of
            idempotent methods or with an `Idempotency-Key` header, those that failed on the way or ended in status
            408, 425, 429, 500, 502, 503 or 504; with backoff, and as long as a Retry-After asks for.
        follow_redirects: follow redirects. Credentials are not sent to another origin.
        max_redirects: more than that raise TooManyRedirects; None for no limit.
        max_body: the most bytes of a decoded body, as int or "64MiB"; None for no limit. If neither call nor client give
            one, a body that is saved may have 64 MiB and 100 times the bytes received.
        return_exceptions: put exceptions into the results instead of raising the first one.
        raise_for_status: make statuses from 400 on failures (HTTPStatusError); False: they are results.
        progress: True for a tqdm bar, or a callable that gets `(done, total)`; in a stream the total may be None.
        save_to: write 2xx bodies to files instead of memory: a template such as "out/{index:05}.json" or
            "out/{name}.json" (the item's `name`), or a callable `(index, request)` that returns a path. Files appear
            whole or not at all, folders are made. `Response.path` tells the file. Other statuses write no file.
        client: a `Client` whose connections, cookies, settings and limits are used; options that are not given are taken
            from it (the defaults above hold without a client). Its limits are shared by all its requests; those given
            here count this call alone and hold in addition. A `concurrency` above the client's is an error.

    Returns:
        Stream: yields `Response` objects, whose `index` is the place in `requests`; with `return_exceptions` also
        exceptions, with `index`. Leaving the loop early, `close()`, or dropping it cancels the rest.

    Raises:
        TypeError, ValueError: at the call: an argument is invalid.
        FetchError: from the loop: a request failed; the rest is cancelled.
        DeadlineExceeded: from the loop: the deadline passed.
        Exception: whatever the iterable raises, after the responses to the requests before it.
    """

@overload
def stream_fetch(
    requests: Iterable[Item] | AsyncIterable[Item],
    *,
    ordered: bool = False,
    buffer: int | None = None,
    method: str | None = "GET",
    params: Params | None = None,
    headers: HeaderInput | None = None,
    cookies: Cookies | None = None,
    auth: Auth | None = None,
    content: Content | None = None,
    data: Data | None = None,
    json: object = None,
    concurrency: UseClientDefault | int | None = 100,
    per_host: UseClientDefault | int | None = None,
    rate: UseClientDefault | str | None = None,
    timeout: UseClientDefault | Seconds | None = 30.0,
    deadline: float | None = None,
    retry: UseClientDefault | Attempts | None = 2,
    follow_redirects: UseClientDefault | bool = True,
    max_redirects: UseClientDefault | int | None = 10,
    max_body: UseClientDefault | Size | None = "64MiB",
    return_exceptions: bool,
    raise_for_status: UseClientDefault | bool = False,
    progress: StreamProgress | None = False,
    save_to: SaveTo | None = None,
    client: Client | None = None,
) -> Stream[Response | FetchError]: ...

_HeaderPairs: TypeAlias = Iterable[tuple[str | bytes, str | bytes]]

@final
class Headers(Mapping[str, str]):
    """The headers of a response or request: a mapping of str to str, in which the case of names does not matter.

    `headers["Content-Type"]` and `headers["content-type"]` are the same. Names are in lower case, in the order of their first
    appearance. A header that was sent several times is one item whose values are joined with ", "; `get_list` and
    `multi_items` return them separately (as `Set-Cookie` needs). Values are decoded as UTF-8 or, if that fails, as
    latin-1.

    It is immutable. `dict(headers)` makes a dict, `repr()` hides secrets, and it can be pickled. All methods may be
    called from any thread.

    Args:
        headers: a mapping or an iterable of pairs, of str or bytes; None (the default) for no headers. Repeated names
            are kept.

    Raises:
        TypeError: a name or value is neither str nor bytes.
        ValueError: a name or value has invalid characters.
    """
    def __new__(cls, headers: Mapping[str, str] | Mapping[bytes, bytes] | _HeaderPairs | None = None, /) -> Self: ...
    def __getitem__(self, name: str, /) -> str: ...
    def __iter__(self) -> Iterator[str]: ...
    def __len__(self) -> int: ...
    def __contains__(self, name: object, /) -> bool: ...
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]
    @overload
    def get(self, name: str, /, default: None = None) -> str | None:
        """The value of a header (str), several of them joined with ", ".

        Args:
            name: in any case.
            default: the return value if there is no such header; None by default.
        """
    @overload
    def get(self, name: str, /, default: str | _T) -> str | _T: ...
    def get_list(self, name: str, /) -> list[str]:
        """All values of a header (list of str), in the order received; empty if there is none.

        Args:
            name: in any case.
        """
    def keys(self) -> KeysView[str]:
        """The names, in lower case, each once (a `KeysView`)."""
    def values(self) -> ValuesView[str]:
        """The values, one for each name, several joined with ", " (a `ValuesView`)."""
    def items(self) -> ItemsView[str, str]:
        """Pairs of name and value, one for each name, several values joined with ", " (an `ItemsView`)."""
    def multi_items(self) -> list[tuple[str, str]]:
        """Pairs of name and value (list of tuples), one for each value: a name may occur several times."""

@final
class Response:
    """The response to one request, body included: nothing is left to await.

    Attributes are created when they are first accessed. `memoryview(response)` shows the body without a copy. Two
    responses are equal only if they are the same object. It can be pickled and copied, and read from any thread.
    """
    @property
    def status_code(self) -> int:
        """The status code (int), such as 200."""
    @property
    def status(self) -> int:
        """The same as `status_code` (int)."""
    @property
    def ok(self) -> bool:
        """Whether the status is below 400 (bool)."""
    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx (bool)."""
    @property
    def reason(self) -> str:
        """The standard reason phrase of the status (str), such as "Not Found"; empty for a status that has none."""
    @property
    def url(self) -> str:
        """The URL of the response (str), after redirects, without user name and password."""
    @property
    def headers(self) -> Headers:
        """The headers (`Headers`), as the server sent them: a mapping in which case does not matter."""
    @property
    def content(self) -> bytes:
        """The body, decoded from gzip and the like (bytes). Empty if it was saved to `path`.

        The first access copies it into a bytes object, which later accesses return, and frees the original; use
        `memoryview(response)` to copy nothing.
        """
    @property
    def text(self) -> str:
        """The body as text (str), decoded with `encoding`; invalid bytes become U+FFFD. Decoded on each access."""
    @property
    def encoding(self) -> str:
        """The name of the body's encoding (str), in lower case: that of a byte order mark, else the charset of Content-Type,
        else "utf-8". As in browsers, "iso-8859-1" and "ascii" are read as "windows-1252". JSON is
        "utf-8" if the body is valid UTF-8, whatever its Content-Type says.
        """
    def json(self) -> Any:
        """The body parsed as JSON (dict, list, str, int, float, bool or None). Parsed on each call.

        The same values as `json.loads`, faster: NaN and Infinity are accepted, integers are exact, of equal keys the
        last one wins. A megabyte takes some 2 ms, with the GIL held. If that blocks an event loop for too long, call it in
        another thread, `await asyncio.to_thread(response.json)`: there it releases the GIL every 2 ms. To extract values
        from many documents without creating Python objects, on all cores, use `parallel.json_extract` and
        `parallel.json_rows`.

        The body is UTF-8, UTF-16 or UTF-32, detected from its first bytes; the charset of Content-Type is used only if it is
        none of them. A body that was saved to `path` is not read.

        Raises:
            JSONDecodeError: the body is not JSON, or not in its encoding; also a `json.JSONDecodeError`, with `msg`,
                `doc` and `pos`. The message names the request and quotes the first bytes of the response.
        """
    @property
    def cookies(self) -> dict[str, str]:
        """The cookies this response sets (dict of str to str)."""
    @property
    def history(self) -> list[Response]:
        """The redirects that were followed (list of `Response`, oldest first), without their bodies."""
    @property
    def elapsed(self) -> timedelta:
        """How long the last attempt took (timedelta), from the permit to send to the last byte."""
    @property
    def http_version(self) -> str:
        """The protocol version (str): "HTTP/1.1", "HTTP/2" and so on."""
    @property
    def request(self) -> Request:
        """The request (`Request`)."""
    @property
    def attempts(self) -> int:
        """The number of attempts (int), 1 or more."""
    @property
    def index(self) -> int:
        """The place of the request in its batch (int, from 0)."""
    @property
    def path(self) -> Path | None:
        """Where the body was saved (pathlib.Path), or None if it is in memory."""
    @property
    def links(self) -> dict[str, dict[str, str]]:
        """The links of the Link header: a dict from the relation, or the URL if there is none, to a dict of "url" and
        the link's parameters, all str: `response.links["next"]["url"]`. URLs are as sent, possibly relative.
        """
    def raise_for_status(self) -> Self:
        """Returns the response itself, unless its status is an error.

        Raises:
            HTTPStatusError: the status is 4xx or 5xx. The message has the first 200 bytes of the body, the exception's
                `response` is this response.
        """
    def _repr_html_(self) -> str:
        """For notebooks."""
    def __buffer__(self, flags: int, /) -> memoryview: ...

@final
class Table:
    """A table in memory, in Arrow's format: what `json_extract` and `json_rows` make.

    Everything that speaks Arrow takes it as it is and copies nothing: `pandas.DataFrame.from_arrow(table)` (pandas 3),
    `pyarrow.table(table)`, `polars.DataFrame(table)`, and DuckDB finds it in a query by the name of its variable. An older
    pandas takes `pandas.DataFrame(table.to_pydict())`; `pandas.DataFrame(table)` and `numpy.asarray(table)` are refused.
    `table["name"]` is a column, `to_pydict()` and `to_pylist()` make Python objects. `len(table)` is the number of rows.

    It cannot be changed, and may be used from any thread.
    """
    @property
    def num_rows(self) -> int:
        """How many rows (int)."""
    @property
    def num_columns(self) -> int:
        """How many columns (int)."""
    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns (tuple of two int)."""
    @property
    def column_names(self) -> list[str]:
        """The names of the columns, in order (list of str)."""
    @property
    def errors(self) -> list[ItemError]:
        """With `on_error="return"`, an `ItemError` for each document that failed (list); else empty."""
    def to_pydict(self) -> dict[str, list[Any]]:
        """The columns by name, each a list (dict of str to list). Arrays and objects of a document are their JSON text."""
    def to_pylist(self) -> list[dict[str, Any]]:
        """The rows, each a dict of the columns' names and its values (list of dict)."""
    def __len__(self) -> int: ...
    def __getitem__(self, key: int | str, /) -> Column: ...
    def __contains__(self, key: object, /) -> bool: ...
    def __iter__(self) -> Iterator[Column]: ...
    def __array__(self, dtype: object = None, copy: object = None) -> NoReturn: ...
    def __arrow_c_stream__(self, requested_schema: object = None) -> CapsuleType: ...
    def __arrow_c_schema__(self) -> CapsuleType: ...
    def _repr_html_(self) -> str: ...

@final
class Column:
    """A column in memory, in Arrow's format: a sequence of values, some of which may be missing (`None`).

    `pyarrow.array(column)`, `polars.Series(column)` and whatever else speaks Arrow take it as it is. Numbers without
    missing values also have the buffer protocol: `numpy.asarray(column)` copies nothing (two dimensions, for a column
    of lists of one length).

    It cannot be changed, and may be used from any thread.
    """
    @property
    def name(self) -> str:
        """The column's name (str); may be empty."""
    @property
    def type(self) -> str:
        """The type of its values, as Arrow calls it (str): `int64`, `uint64`, `float64`, `bool`, `large_utf8`, `null` …"""
    @property
    def null_count(self) -> int:
        """How many values are missing (int)."""
    @property
    def errors(self) -> list[ItemError]:
        """With `on_error="return"`, an `ItemError` for each document that failed (list); else empty."""
    def to_pylist(self) -> list[Any]:
        """The values (list)."""
    def __len__(self) -> int: ...
    def __getitem__(self, key: int, /) -> Any: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[CapsuleType, CapsuleType]: ...
    def __arrow_c_stream__(self, requested_schema: object = None) -> CapsuleType: ...
    def __arrow_c_schema__(self) -> CapsuleType: ...

@final
class _Promise:
    """The producing end of a Job. Internal."""
    def __new__(cls, name: str, collect: Callable[[], object], total: int | None = None) -> Self: ...
    def job(self, progress: object = None) -> Job[Any]:
        """The job. There is one, and dropping it cancels the work."""
    def fileno(self) -> int:
        """A descriptor that is readable after `wake` and after a cancellation."""
    def wake(self) -> None:
        """Makes `fileno` readable."""
    def drain(self) -> None:
        """Makes `fileno` no longer readable."""
    def close(self) -> None:
        """Closes `fileno`; later calls of `wake` do nothing."""
    def cancelled(self) -> bool:
        """Whether the job was cancelled."""
    def expect(self, total: int) -> None:
        """Sets the total number of items."""
    def advance(self, count: int) -> None:
        """Counts items that have a result."""
    def failed(self, name: str) -> None:
        """Counts an item that failed with an exception of the class of this name."""
    def resolve(self, value: object) -> bool:
        """Sets the result; `False` if the job had ended already."""
    def reject(self, error: BaseException) -> bool:
        """Sets the exception; `False` if the job had ended already."""

def _end_with_parent() -> bool:
    """Makes the kernel kill this process when the thread that started it ends; `False` if the system can't. For worker
    processes. Internal.
    """

@overload
def compress(
    docs: Documents,
    format: Literal["gzip", "zstd", "brotli"] = "gzip",
    level: int | None = None,
    *,
    on_error: Literal["raise", "skip"] = "raise",
    workers: int | None = None,
    progress: Progress | None = False,
) -> Job[list[bytes]]:
    """Each document, compressed.

        packed = await parallel.compress(docs, "zstd", level=9)

    Args:
        docs: as for `hash`.
        format: "gzip" (RFC 1952), "zstd" (RFC 8878) or "brotli" (RFC 7932); "gzip".
        level: how hard to try: gzip 0 to 9 (6 unless said), zstd -131072 to 22 (3), brotli 0 to 11 (5); None for the
            format's usual one.
        on_error, workers, progress: as for `hash`.

    Returns:
        Job[list[bytes]]: in the order of the documents.

    Raises:
        TypeError, ValueError: at the call: an argument is not what it should be.
        ItemError: from the Job: a document cannot be read.
    """

@overload
def compress(
    docs: Documents,
    format: Literal["gzip", "zstd", "brotli"] = "gzip",
    level: int | None = None,
    *,
    on_error: Literal["return"],
    workers: int | None = None,
    progress: Progress | None = False,
) -> Job[list[bytes | ItemError]]: ...
@overload
def decompress(
    docs: Documents,
    format: Literal["auto", "gzip", "zlib", "zstd", "brotli"] = "auto",
    *,
    max_size: Size | None = "64MiB",
    on_error: Literal["raise", "skip"] = "raise",
    workers: int | None = None,
    progress: Progress | None = False,
) -> Job[list[bytes]]:
    """Each document, unpacked, and never more of it than allowed.

        bodies = await parallel.decompress(docs, max_size="1GiB")

    Files of several gzip members or zstd frames are unpacked to the end, check sums are verified, and what is cut off or
    followed by something else is a failure.

    Args:
        docs: as for `hash`.
        format: "auto" tells gzip, zlib and zstd apart by their first bytes, document by document; or "gzip", "zlib",
            "zstd", "brotli" (which has no mark of its own); "auto".
        max_size: bytes that one document may unpack to, as int or "64MiB"; None for no limit; "64MiB".
        on_error, workers, progress: as for `hash`.

    Returns:
        Job[list[bytes]]: in the order of the documents.

    Raises:
        TypeError, ValueError: at the call: an argument is not what it should be.
        ItemError: from the Job: a document is broken, unpacks to more than `max_size`, or is in no known format
            (`exception` is a ValueError), or cannot be read.
    """

@overload
def decompress(
    docs: Documents,
    format: Literal["auto", "gzip", "zlib", "zstd", "brotli"] = "auto",
    *,
    max_size: Size | None = "64MiB",
    on_error: Literal["return"],
    workers: int | None = None,
    progress: Progress | None = False,
) -> Job[list[bytes | ItemError]]: ...
@overload
def dedupe(
    docs: Documents,
    threshold: float = 0.8,
    *,
    num_perm: int = 128,
    ngram: int = 5,
    by: Literal["words", "characters"] = "words",
    seed: int = 1,
    on_error: Literal["raise", "skip"] = "raise",
    workers: int | None = None,
    progress: Progress | None = False,
) -> Job[list[int]]:
    """Which documents to keep so that no two of them are nearly the same.

        keep = await parallel.dedupe(docs, threshold=0.8)
        unique = [docs[index] for index in keep]

    A document is kept unless its similarity to one that is kept before it reaches `threshold`: the Jaccard index of their
    shingles, as `minhash` estimates it. Candidates are found by locality-sensitive hashing (Leskovec, Rajaraman and
    Ullman, "Mining of Massive Datasets", chapter 3), so the time does not grow with the square of the documents. Texts
    with the same words are always found.

    Args:
        docs: as for `minhash`.
        threshold: the least similarity of duplicates, above 0, at most 1; 0.8.
        num_perm, ngram, by, seed: as for `minhash`.
        on_error: "raise" the first failure as an ItemError, "return" it among the indices, or "skip" the document;
            "raise".
        workers, progress: as for `minhash`.

    Returns:
        Job[list[int]]: the indices of the documents to keep, in order.

    Raises:
        TypeError, ValueError: at the call: an argument is not what it should be.
        ItemError: from the Job: a document cannot be read.
    """

@overload
def dedupe(
    docs: Documents,
    threshold: float = 0.8,
    *,
    num_perm: int = 128,
    ngram: int = 5,
    by: Literal["words", "characters"] = "words",
    seed: int = 1,
    on_error: Literal["return"],
    workers: int | None = None,
    progress: Progress | None = False,
) -> Job[list[int | ItemError]]: ...
@overload
def hash(
    docs: Documents,
    algorithm: Literal["sha256", "blake3", "xxh3", "md5"] = "sha256",
    *,
    on_error: Literal["raise", "skip"] = "raise",
    workers: int | None = None,
    progress: Progress | None = False,
) -> Job[list[str]]:
    """The hash of each document, in lower-case hexadecimal digits.

        digests = await parallel.hash(docs, "sha256")

    Args:
        docs: an iterable of `str` (hashed as UTF-8), `bytes`, bytes-like objects, paths or `Response`s, or an Arrow or
            NumPy array of them.
        algorithm: "sha256" (FIPS 180-4), "blake3", "xxh3" (XXH3 of 64 bits; fast, but not safe against an adversary) or
            "md5" (RFC 1321; likewise).
        on_error: "raise" the first failure as an ItemError, "return" it in its place, or "skip" the document; "raise".
        workers: threads at once; None for all cores (or `SHOAL_THREADS`).
        progress: True for a tqdm bar, or a callable that gets `(done, total)`; False.

    Returns:
        Job[list[str]]: the digests, as `hexdigest()` of hashlib gives them, in the order of the documents.

    Raises:
        TypeError, ValueError: at the call: an argument is not what it should be.
        ItemError: from the Job: a document cannot be read.
    """

@overload
def hash(
    docs: Documents,
    algorithm: Literal["sha256", "blake3", "xxh3", "md5"] = "sha256",
    *,
    on_error: Literal["return"],
    workers: int | None = None,
    progress: Progress | None = False,
) -> Job[list[str | ItemError]]: ...
@overload
def html_article(
    docs: Documents,
    url: str | None = None,
    *,
    on_error: Literal["raise", "skip"] = "raise",
    workers: int | None = None,
    progress: Progress | None = False,
) -> Job[list[dict[str, str | None]]]:
    """The article of each HTML document, by Mozilla's Readability: what a browser's reader view shows.

        for page in await parallel.html_article(responses):
            print(page["title"], page["published"], page["text"])

    Args:
        docs: as for `html_to_markdown`.
        url: what relative links in the articles are resolved against; None leaves them as they are, or, of a `Response`,
            takes its URL.
        on_error, workers, progress: as for `html_to_markdown`.

    Returns:
        Job[list[dict]]: for each document "title", "byline", "text", "html", "excerpt", "site_name", "language",
        "direction", "published", "modified", "image" and "url", all str, or None for what is not known. "text" is the
        `html_text` of "html". A page without an article has an empty "text".

    Raises:
        As `html_to_markdown`; ValueError also for a `url` that is no absolute http or https URL.
    """

@overload
def html_article(
    docs: Documents,
    url: str | None = None,
    *,
    on_error: Literal["return"],
    workers: int | None = None,
    progress: Progress | None = False,
) -> Job[list[dict[str, str | None] | ItemError]]: ...
@overload
def html_links(
    docs: Documents,
    base_url: str | None = None,
    *,
    on_error: Literal["raise", "skip"] = "raise",
    workers: int | None = None,
    progress: Progress | None = False,
) -> Job[list[list[str]]]:
    """Where the links of each HTML document lead: the `href` of its `a` and `area` elements.

        targets = await parallel.html_links(pages, base_url="https://example.com/")

    Args:
        docs: as for `html_to_markdown`.
        base_url: what relative links are resolved against, where a page has no `<base>`; None leaves them as they are,
            or, of a `Response`, takes its URL.
        on_error, workers, progress: as for `html_to_markdown`.

    Returns:
        Job[list[list[str]]]: for each document the http and https URLs, each once, in document order.

    Raises:
        As `html_to_markdown`; ValueError also for a `base_url` that is no absolute http or https URL.
    """

@overload
def html_links(
    docs: Documents,
    base_url: str | None = None,
    *,
    on_error: Literal["return"],
    workers: int | None = None,
    progress: Progress | None = False,
) -> Job[list[list[str] | ItemError]]: ...
@overload
def html_select(
    docs: Documents,
    css: str,
    attr: str | None = None,
    *,
    on_error: Literal["raise", "skip"] = "raise",
    workers: int | None = None,
    progress: Progress | None = False,
) -> Job[list[list[str]]]:
    """What the CSS selector matches in each HTML document: texts, or values of an attribute.

        prices = await parallel.html_select(pages, "div.offer > span.price")
        targets = await parallel.html_select(pages, "a.next", attr="href")

    Args:
        docs: as for `html_to_markdown`.
        css: a selector (Selectors level 4, as far as it makes sense without a browser; no pseudo-elements).
        attr: the attribute to take, or None for the text: all text within the element as it stands.
        on_error, workers, progress: as for `html_to_markdown`.

    Returns:
        Job[list[list[str]]]: for each document the matches in document order; an element without `attr` is left out.

    Raises:
        As `html_to_markdown`; ValueError also for a selector that is none.
    """

@overload
def html_select(
    docs: Documents,
    css: str,
    attr: str | None = None,
    *,
    on_error: Literal["return"],
    workers: int | None = None,
    progress: Progress | None = False,
) -> Job[list[list[str] | ItemError]]: ...
@overload
def html_text(
    docs: Documents,
    *,
    on_error: Literal["raise", "skip"] = "raise",
    workers: int | None = None,
    progress: Progress | None = False,
) -> Job[list[str]]:
    """The readable text of each HTML document: without scripts, styles and head, blocks on lines of their own.

    Takes the arguments of `html_to_markdown` and raises what that raises.

    Returns:
        Job[list[str]]: in the order of the documents.
    """

@overload
def html_text(
    docs: Documents, *, on_error: Literal["return"], workers: int | None = None, progress: Progress | None = False
) -> Job[list[str | ItemError]]: ...
@overload
def html_to_markdown(
    docs: Documents,
    *,
    on_error: Literal["raise", "skip"] = "raise",
    workers: int | None = None,
    progress: Progress | None = False,
) -> Job[list[str]]:
    """Each HTML document as Markdown, without its scripts, styles and head.

        texts = await parallel.html_to_markdown(responses)

    It is CommonMark with GitHub's tables. Every cell of a table is one line in its row and column; one that spans others
    stands in each of them, as pandas.read_html has it. A table without headings has an empty heading line. Tables that
    arrange a page (no headings, but tables or headings in their cells) are left out, their cells are blocks.

    Args:
        docs: an iterable of `str`, `bytes`, bytes-like objects, paths or `Response`s, or an Arrow or NumPy array of them.
            Bytes are read as browsers read them, in the encoding that a byte order mark, a response's headers or the page
            itself names, wherever it does, else in UTF-8.
        on_error: "raise" the first failure as an ItemError, "return" it in its place, or "skip" the document; "raise".
        workers: threads at once; None for all cores (or `SHOAL_THREADS`).
        progress: True for a tqdm bar, or a callable that gets `(done, total)`; False.

    Returns:
        Job[list[str]]: in the order of the documents.

    Raises:
        TypeError, ValueError: at the call: an argument is not what it should be.
        ItemError: from the Job: a document cannot be read, or is made to take for ever (a ValueError).
    """

@overload
def html_to_markdown(
    docs: Documents, *, on_error: Literal["return"], workers: int | None = None, progress: Progress | None = False
) -> Job[list[str | ItemError]]: ...
def json_extract(
    docs: Documents,
    columns: Mapping[str, str] | Iterable[tuple[str, str]],
    *,
    on_error: Literal["raise", "return", "skip"] = "raise",
    workers: int | None = None,
    progress: Progress | None = False,
) -> Job[Table]:
    """Values out of each JSON document, as a table with a row for each.

        table = await parallel.json_extract(docs, {"id": "/id", "team": "/team/name", "first": "/games/0/date"})
        frame = pandas.DataFrame.from_arrow(table)      # or polars.DataFrame(table), pyarrow.table(table)

    A document is checked to its last byte, but nothing is built but what is asked for. Where a document has no value
    the table has null; a pointer that matches in no document at all warns (UserWarning). The type of a column is that of its values: bool, int64, uint64, float64 or large_utf8; integers
    and fractions together are float64, all other mixtures are text, and so are arrays and objects: their JSON.

    Args:
        docs: an iterable of `bytes`, `str`, bytes-like objects, paths or `Response`s, or an Arrow or NumPy array of them.
        columns: a mapping (or pairs) from the name of a column to the place of its values, a JSON Pointer (RFC 6901).
        on_error: "raise" the first failure as an ItemError; "return": its row is null and the table's `errors` has it;
            or "skip": it has no row; "raise".
        workers: threads at once; None for all cores (or `SHOAL_THREADS`).
        progress: True for a tqdm bar, or a callable that gets `(done, total)`; False.

    Returns:
        Job[Table]: rows in the order of the documents.

    Raises:
        TypeError, ValueError: at the call: an argument is not what it should be.
        ItemError: from the Job: a document is not JSON (`exception` is a json.JSONDecodeError) or cannot be read.
    """

def json_rows(
    docs: Documents,
    pointer: str,
    columns: Iterable[str] | None = None,
    *,
    on_error: Literal["raise", "return", "skip"] = "raise",
    workers: int | None = None,
    progress: Progress | None = False,
) -> Job[Table]:
    """The rows of an array in each JSON document, as one table.

        table = await parallel.json_rows(responses, "/resultSets/0/rowSet")
        table = await parallel.json_rows(responses, "/items", columns=["id", "name"])

    The array's elements are rows: objects, whose members are the columns; or arrays, whose columns have the names in
    `headers` beside the array, if it is there, else "0", "1" and so on; or single values, in a column
    "value". An object in the place of the array is one row. Types are those of `json_extract`.

    Args:
        docs: as for `json_extract`.
        pointer: the place of the array, a JSON Pointer (RFC 6901); "" for the whole document.
        columns: the names of the columns to take, in this order; of arrays without names, the names to give. None for
            all, in the order in which they appear.
        on_error: "raise" the first failure as an ItemError; "return": the table's `errors` has it; or "skip"; "raise".
            A document that fails has no row. A pointer that matches in no document at all warns (UserWarning).
        workers, progress: as for `json_extract`.

    Returns:
        Job[Table]: the rows of all documents, one after the other.

    Raises:
        TypeError, ValueError: at the call: an argument is not what it should be.
        ItemError: from the Job: a document is not JSON (`exception` is a json.JSONDecodeError), has no array there (a
            ValueError), or cannot be read.
    """

def minhash(
    docs: Documents,
    *,
    num_perm: int = 128,
    ngram: int = 5,
    by: Literal["words", "characters"] = "words",
    seed: int = 1,
    on_error: Literal["raise", "return", "skip"] = "raise",
    workers: int | None = None,
    progress: Progress | None = False,
) -> Job[Column]:
    """The MinHash signature of each document: texts that are alike have signatures that agree.

        signatures = numpy.asarray(await parallel.minhash(docs))        # shape (documents, num_perm), uint32
        similarity = (signatures[0] == signatures[1]).mean()

    The share of places in which two signatures agree estimates the Jaccard index of their shingles, the share they have
    in common of all that either has (Broder, "On the resemblance and containment of documents", 1997); the standard
    error is at most 0.5 / √num_perm.

    Args:
        docs: an iterable of `str`, `bytes`, bytes-like objects, paths or `Response`s, or an Arrow or NumPy array of them.
        num_perm: numbers in a signature; 128.
        ngram: words or characters in a shingle; 5.
        by: "words" (what stands between white space) or "characters"; "words".
        seed: of the hash functions; signatures of different seeds cannot be compared; 1.
        on_error: "raise" the first failure as an ItemError; "return": null is in its place and the column's `errors` has
            it; or "skip" the document; "raise".
        workers: threads at once; None for all cores (or `SHOAL_THREADS`).
        progress: True for a tqdm bar, or a callable that gets `(done, total)`; False.

    Returns:
        Job[Column]: lists of `num_perm` unsigned 32-bit integers, in the order of the documents. It has the buffer
        protocol, so NumPy takes it without a copy.

    Raises:
        TypeError, ValueError: at the call: an argument is not what it should be.
        ItemError: from the Job: a document cannot be read.
    """

@overload
def regex_count(
    docs: Documents,
    pattern: str | bytes | Pattern[str] | Pattern[bytes],
    *,
    on_error: Literal["raise", "skip"] = "raise",
    workers: int | None = None,
    progress: Progress | None = False,
) -> Job[list[int]]:
    """How often a pattern matches in each document: `len(re.findall(pattern, document))`, without making the matches.

    Takes the arguments of `regex_findall` and raises what that raises.

    Returns:
        Job[list[int]]: in the order of the documents.
    """

@overload
def regex_count(
    docs: Documents,
    pattern: str | bytes | Pattern[str] | Pattern[bytes],
    *,
    on_error: Literal["return"],
    workers: int | None = None,
    progress: Progress | None = False,
) -> Job[list[int | ItemError]]: ...
@overload
def regex_findall(
    docs: Documents,
    pattern: str | bytes | Pattern[str] | Pattern[bytes],
    *,
    on_error: Literal["raise", "skip"] = "raise",
    workers: int | None = None,
    progress: Progress | None = False,
) -> Job[list[list[Any]]]:
    """All matches of a pattern in each document, as `re.findall` gives them.

        found = await parallel.regex_findall(docs, r"\\b[\\w.]+@[\\w.]+\\b")

    The syntax is that of `re`. A search takes time in proportion to the document, whatever the pattern; only patterns
    with look-around or references backtrack, and fail where that takes too long.

    Args:
        docs: an iterable of `str`, `bytes`, bytes-like objects, paths or `Response`s, or an Arrow or NumPy array of them.
            For a `str` pattern bytes are read as text, in UTF-8 or a response's encoding.
        pattern: a `str`, which finds `str`, or `bytes`, which finds `bytes`, or what `re.compile` made of them.
        on_error: "raise" the first failure as an ItemError, "return" it in its place, or "skip" the document; "raise".
        workers: threads at once; None for all cores (or `SHOAL_THREADS`).
        progress: True for a tqdm bar, or a callable that gets `(done, total)`; False.

    Returns:
        Job[list[list]]: for each document the matches: of a pattern without groups the whole match, with one group that,
        with more a tuple of them, empty for a group that took no part.

    Raises:
        TypeError, ValueError: at the call: an argument is not what it should be, such as a pattern that is none.
        ItemError: from the Job: a document cannot be read, or a hard pattern takes too long on it.
    """

@overload
def regex_findall(
    docs: Documents,
    pattern: str | bytes | Pattern[str] | Pattern[bytes],
    *,
    on_error: Literal["return"],
    workers: int | None = None,
    progress: Progress | None = False,
) -> Job[list[list[Any] | ItemError]]: ...
@overload
def regex_replace(
    docs: Documents,
    pattern: AnyStr | Pattern[AnyStr],
    repl: AnyStr,
    *,
    on_error: Literal["raise", "skip"] = "raise",
    workers: int | None = None,
    progress: Progress | None = False,
) -> Job[list[AnyStr]]:
    """Each document with all matches of a pattern replaced, as `re.sub` does it.

        safe = await parallel.regex_replace(docs, r"(\\w+)@\\w+", r"\\1@…")

    Args:
        docs, pattern: as for `regex_findall`.
        repl: what stands there instead, a `str` or `bytes` as the pattern is. `\\1` and `\\g<name>` are what a group
            matched, `\\g<0>` the whole match, `\\n` and the like are escapes. A callable is not taken: use
            `parallel.map` with `re.sub`.
        on_error, workers, progress: as for `regex_findall`.

    Returns:
        Job[list[str]] or Job[list[bytes]]: in the order of the documents.

    Raises:
        As `regex_findall`; ValueError also for a `repl` that refers to a group which the pattern has not.
    """

@overload
def regex_replace(
    docs: Documents,
    pattern: AnyStr | Pattern[AnyStr],
    repl: AnyStr,
    *,
    on_error: Literal["return"],
    workers: int | None = None,
    progress: Progress | None = False,
) -> Job[list[AnyStr | ItemError]]: ...
def _keyword_types() -> dict[str, str]:
    """The type of each option, for the stub."""

def _restore_response(state: dict[str, Any], /) -> Response:
    """The response that was pickled with this state."""

def _safe_name(text: str, max_len: int, /) -> str:
    """A safe file name from `text`, of at most `max_len` bytes."""

def _unraisable(error: BaseException, object: object) -> None:
    """Calls `sys.unraisablehook`. Internal."""

def _usable_cores() -> int:
    """The number of cores that this process may use: `SHOAL_THREADS`, or else those of its CPU affinity and cgroup quota."""
