"""The exceptions. Every error of a request is a `FetchError`, and an instance of Python's class for its kind if any.

    FetchError                      also as RequestException and HTTPError
    ├── InvalidURL                  ValueError
    ├── TimeoutException            TimeoutError
    │   └── ConnectTimeout · ReadTimeout · PoolTimeout · TotalTimeout · DeadlineExceeded
    ├── NetworkError                ConnectionError
    │   ├── ConnectError            DNSError · TLSError · ProxyError · BlockedAddress
    │   └── ReadError · WriteError
    ├── ProtocolError · TooManyRedirects · BodyTooLarge · IncompleteBody
    ├── DecodingError               JSONDecodeError (json.JSONDecodeError)
    ├── HTTPStatusError
    └── InternalError

    ParallelError                   of shoal.parallel
    ├── ItemError                   one item failed
    └── WorkerDied                  one item took its worker process with it

The Rust core finds a class by its name, which is that of the error kind.
"""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from shoal import Request, Response

__all__ = [
    "BlockedAddress",
    "BodyTooLarge",
    "ConnectError",
    "ConnectTimeout",
    "DNSError",
    "DeadlineExceeded",
    "DecodingError",
    "FetchError",
    "HTTPError",
    "HTTPStatusError",
    "IncompleteBody",
    "InternalError",
    "InvalidURL",
    "ItemError",
    "JSONDecodeError",
    "NetworkError",
    "ParallelError",
    "PoolTimeout",
    "ProtocolError",
    "ProxyError",
    "ReadError",
    "ReadTimeout",
    "RequestException",
    "TLSError",
    "TimeoutException",
    "TooManyRedirects",
    "TotalTimeout",
    "WorkerDied",
    "WriteError",
]


class FetchError(Exception):
    """A request that failed for good, or a batch that did; the base of every error here.

    Its message is never empty, and passwords and tokens are cut from it. It can be pickled and copied.

    Attributes:
        request: the `Request`, or None where the input never became one.
        url: the URL that was asked for (str), without user name and password; None if unknown.
        method: the HTTP method (str); None if unknown.
        index: the place in the batch (int, from 0); None if the error is about the whole batch.
        attempts: how many attempts were made (int); 0 if none was.
        elapsed: seconds from the request's first turn to the failure (float).
        phase: where the last attempt was: "queue", "connect", "headers", "body" or "save"; None if unknown.
        results: for a batch that raised, the list of what was finished, with None in the other places; else None.
        response: the `Response` of an `HTTPStatusError` and, where there was one, of a `TooManyRedirects`; else None.
    """

    request: Request | None
    url: str | None
    method: str | None
    index: int | None
    attempts: int
    elapsed: float
    phase: str | None
    results: list[Response | None] | None
    response: Response | None

    def __init__(
        self,
        message: str,
        *,
        request: Request | None = None,
        url: str | None = None,
        method: str | None = None,
        index: int | None = None,
        attempts: int = 0,
        elapsed: float = 0.0,
        phase: str | None = None,
        results: list[Response | None] | None = None,
        response: Response | None = None,
    ) -> None:
        # Not the mix-ins' __init__: OSError would interpret the arguments, json.JSONDecodeError needs more of them.
        Exception.__init__(self, message)
        self.args = (str(message) or type(self).__name__,)
        self.request = request
        self.url = url
        self.method = method
        self.index = index
        self.attempts = attempts
        self.elapsed = elapsed
        self.phase = phase
        self.results = results
        self.response = response

    def __str__(self) -> str:
        # OSError has a __str__ of its own, and users may set `args`.
        return Exception.__str__(self) or type(self).__name__

    def __reduce__(self) -> tuple[Callable[..., FetchError], tuple[Any, ...], dict[str, Any]]:
        # Does not call the class, whose arguments are keywords and may differ in a subclass.
        return _restore, (type(self), self.args), self.__dict__


def _restore(cls: type[FetchError], args: tuple[object, ...]) -> FetchError:
    error = cls.__new__(cls, *args)
    error.args = args
    return error


class InvalidURL(FetchError, ValueError):  # noqa: N818 - as in requests and httpx
    """The URL cannot be fetched: it does not parse, is not absolute, or is neither http nor https. Nothing was sent.

    Also if the environment names a proxy for it that cannot be used (`HTTP_PROXY=http://[::1`).
    """


class TimeoutException(FetchError, TimeoutError):  # noqa: N818 - as in httpx
    """A time limit was exceeded. Also a `TimeoutError`."""


class ConnectTimeout(TimeoutException):
    """No connection within the connect timeout: name, TCP and TLS together. The server has seen no request."""


class ReadTimeout(TimeoutException):
    """The server sent nothing for as long as the read timeout."""


class PoolTimeout(TimeoutException):
    """The request did not get its turn (a place under the limits) within the pool timeout. Nothing was sent."""


class TotalTimeout(TimeoutException):
    """One attempt took longer than its total timeout, from its turn to the last byte."""


class DeadlineExceeded(TimeoutException):
    """The deadline of the whole batch passed; `results` has what was finished until then."""


class NetworkError(FetchError, ConnectionError):
    """The connection failed. Also a `ConnectionError`."""


class ConnectError(NetworkError):
    """No connection could be made: refused, unreachable, or one of the classes below this one."""


class DNSError(ConnectError):
    """The name of the host could not be resolved."""


class TLSError(ConnectError):
    """TLS could not be agreed on: a certificate expired, for another host or not trusted, or no common version."""


class ProxyError(ConnectError):
    """The proxy could not be reached, or refused to connect."""


class BlockedAddress(ConnectError):  # noqa: N818 - says what happened
    """The host resolves to a private address, and the client was made with `allow_private=False`."""


class ReadError(NetworkError):
    """The connection broke while the response was awaited or read."""


class WriteError(NetworkError):
    """The connection broke while the request was sent."""


class ProtocolError(FetchError):
    """The server sent invalid HTTP."""


class TooManyRedirects(FetchError):  # noqa: N818 - as in requests and httpx
    """More redirects than `max_redirects`, or a circle. `response` is the last one, where there is one."""


class BodyTooLarge(FetchError):  # noqa: N818 - says what happened
    """The decoded body has more bytes than `max_body`; reading stopped there."""


class IncompleteBody(FetchError):  # noqa: N818 - says what happened
    """The body ended before its announced end."""


class DecodingError(FetchError):
    """The body cannot be decoded: a broken gzip, brotli, zstd or deflate stream, or not JSON."""


class JSONDecodeError(DecodingError, json.JSONDecodeError):
    """The body is not JSON. Also a `json.JSONDecodeError`, and so a `ValueError`.

    The message of `Response.json` has the method, the URL, the status, the Content-Type and the first bytes.

    Attributes:
        msg: what is wrong, without its place (str).
        doc: the text that was parsed (str).
        pos: the index in `doc` where it went wrong (int, from 0, in characters).
        lineno: the line of `pos` (int, from 1).
        colno: the column of `pos` (int, from 1).
    """

    def __init__(
        self,
        msg: str,
        doc: str,
        pos: int,
        *,
        request: Request | None = None,
        url: str | None = None,
        method: str | None = None,
        index: int | None = None,
        attempts: int = 0,
        elapsed: float = 0.0,
        phase: str | None = None,
        results: list[Response | None] | None = None,
        response: Response | None = None,
        context: str | None = None,
    ) -> None:
        self.msg = msg
        self.doc = doc
        self.pos = pos
        self.lineno = doc.count("\n", 0, pos) + 1
        self.colno = pos - doc.rfind("\n", 0, pos)
        place = f"{msg}: line {self.lineno} column {self.colno} (char {pos})"
        super().__init__(
            place if context is None else f"{context}: {place}",
            request=request,
            url=url,
            method=method,
            index=index,
            attempts=attempts,
            elapsed=elapsed,
            phase=phase,
            results=results,
            response=response,
        )


class HTTPStatusError(FetchError):
    """The status is 4xx or 5xx, with `raise_for_status`.

    The message has the status and the first 200 bytes of the body; `response` has all of it.
    """

    response: Response


class InternalError(FetchError):
    """A bug in Shoal, contained: please report it."""


class ParallelError(Exception):
    """Work of `shoal.parallel` that failed; the base of its errors. It can be pickled and copied.

    Attributes:
        results: for a call that raised, the list of what was finished, with None in the other places; else None.
    """

    results: list[Any] | None

    def __init__(self, message: str, *, results: list[Any] | None = None) -> None:
        super().__init__(str(message) or type(self).__name__)
        self.results = results

    def __str__(self) -> str:
        return super().__str__() or type(self).__name__

    def __reduce__(self) -> tuple[Callable[..., ParallelError], tuple[Any, ...], dict[str, Any]]:
        # pickle does not include the cause, which is not in __dict__.
        return _restore_parallel, (type(self), self.args, self.__cause__), self.__dict__


def _restore_parallel(cls: type[ParallelError], args: tuple[object, ...], cause: BaseException | None) -> ParallelError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__cause__ = cause
    return error


class ItemError(ParallelError):
    """One item failed.

    Attributes:
        index: the place of the item in the input (int, from 0).
        exception: what was raised; also the `__cause__`. A `pickle.PicklingError` says that the item, its result or its
            exception could not be sent between processes, a `TimeoutError` that the item took too long.
        traceback_text: the traceback where it was raised, as Python prints it; "" if there is none.
        results: for a call that raised, the list of what was finished, with None in the other places; else None.
    """

    index: int
    exception: BaseException
    traceback_text: str

    def __init__(
        self,
        index: int,
        exception: BaseException,
        *,
        traceback_text: str = "",
        results: list[Any] | None = None,
    ) -> None:
        try:
            text = str(exception)
        except Exception:  # noqa: BLE001 - a user's __str__
            text = ""
        name = type(exception).__name__
        super().__init__(f"item {index}: {name}: {text}" if text else f"item {index}: {name}", results=results)
        self.index = index
        self.exception = exception
        self.traceback_text = traceback_text
        self.__cause__ = exception


class WorkerDied(ParallelError):  # noqa: N818 - says what happened
    """A worker process died while it worked on one item: a crash, an `os._exit`, or a kill when memory ran out.

    Attributes:
        index: the place of the item in the input (int, from 0).
        exitcode: the exit code of the process (int), negative for a signal; None if unknown.
        results: for a call that raised, the list of what was finished, with None in the other places; else None.
    """

    index: int
    exitcode: int | None

    def __init__(
        self, index: int, exitcode: int | None = None, *, reason: str = "", results: list[Any] | None = None
    ) -> None:
        super().__init__(f"item {index}: its worker process died: {reason or _ending(exitcode)}", results=results)
        self.index = index
        self.exitcode = exitcode


def _ending(exitcode: int | None) -> str:
    if exitcode is None:
        return "unknown exit code"
    if exitcode >= 0:
        return f"exit code {exitcode}"
    try:
        name = signal.Signals(-exitcode).name
    except ValueError:
        name = "unknown"
    return f"signal {-exitcode} ({name})" + ("; possibly out of memory" if name == "SIGKILL" else "")


RequestException = FetchError
"""The name that requests gives to the base of its errors."""

HTTPError = FetchError
"""The name that httpx and urllib3 give to the base of their errors."""
