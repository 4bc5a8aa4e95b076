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

from typing_extensions import CapsuleType, Self, disjoint_base

from shoal._types import (
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
    "_restore_response",
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

_OnError: TypeAlias = Literal["raise", "return", "skip"]
_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)

__version__: Final[str]
DEBUG_BUILD: Final[bool]

@final
class Job(Coroutine[Any, Any, _T_co]):
    def result(self, timeout: float | None = None) -> _T_co: ...
    def exception(self, timeout: float | None = None) -> BaseException | None: ...
    def cancel(self) -> bool: ...
    def done(self) -> bool: ...
    def cancelled(self) -> bool: ...
    def add_done_callback(self, fn: Callable[[Job[_T_co]], object], /) -> None: ...
    @property
    def stats(self) -> JobStats: ...
    def __await__(self) -> Generator[Any, Any, _T_co]: ...
    def send(self, value: object) -> object: ...
    def throw(
        self,
        typ: type[BaseException] | BaseException,
        val: object = None,
        tb: TracebackType | None = None,
    ) -> NoReturn: ...
    def close(self) -> None: ...
    def _repr_html_(self) -> str: ...
    def __class_getitem__(cls, key: object) -> GenericAlias: ...

@final
class Stream(Generic[_T_co]):
    def __iter__(self) -> Self: ...
    def __next__(self) -> _T_co: ...
    def __aiter__(self) -> Self: ...
    def __anext__(self) -> Awaitable[_T_co]: ...
    def close(self) -> None: ...
    def aclose(self) -> Awaitable[None]: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_error: object) -> None: ...
    def __aenter__(self) -> Awaitable[Self]: ...
    def __aexit__(self, *_error: object) -> Awaitable[None]: ...
    @property
    def stats(self) -> JobStats: ...
    def __class_getitem__(cls, key: object) -> GenericAlias: ...

@final
class JobStats:
    @property
    def total(self) -> int: ...
    @property
    def ok(self) -> int: ...
    @property
    def failed(self) -> int: ...
    @property
    def by_status(self) -> dict[int, int]: ...
    @property
    def by_error(self) -> dict[str, int]: ...
    @property
    def by_lane(self) -> dict[str, int]: ...
    @property
    def retries(self) -> int: ...
    @property
    def retries_by_cause(self) -> dict[str, int]: ...
    @property
    def bytes(self) -> int: ...
    @property
    def wall(self) -> float: ...
    @property
    def connections_opened(self) -> int: ...
    @property
    def queue(self) -> dict[str, float]: ...
    @property
    def connect(self) -> dict[str, float]: ...
    @property
    def first_byte(self) -> dict[str, float]: ...
    @property
    def body(self) -> dict[str, float]: ...
    @property
    def limited_by(
        self,
    ) -> Literal["concurrency", "per_host", "rate", "retry_after", "server", "bandwidth", "cpu", "nothing"]: ...
    def as_dict(self) -> dict[str, Any]: ...

@final
class Timeout:
    def __new__(
        cls,
        total: float | None = None,
        *,
        connect: float | None = None,
        read: float | None = None,
        pool: float | None = None,
    ) -> Self: ...
    @property
    def total(self) -> float | None: ...
    @property
    def connect(self) -> float | None: ...
    @property
    def read(self) -> float | None: ...
    @property
    def pool(self) -> float | None: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Retry:
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
    def total(self) -> int: ...
    @property
    def backoff_factor(self) -> float: ...
    @property
    def backoff_max(self) -> float: ...
    @property
    def backoff_jitter(self) -> float: ...
    @property
    def status_forcelist(self) -> frozenset[int]: ...
    @property
    def allowed_methods(self) -> frozenset[str] | None: ...
    @property
    def respect_retry_after(self) -> bool: ...
    @property
    def retry_after_max(self) -> float: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Limits:
    def __new__(
        cls,
        concurrency: int | None = ...,  # 100
        *,
        per_host: int | None = None,
        rate: str | None = None,
    ) -> Self: ...
    @property
    def concurrency(self) -> int | None: ...
    @property
    def per_host(self) -> int | None: ...
    @property
    def rate(self) -> str | None: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Request:
    def __new__(
        cls,
        url: str,
        *,
        method: str | None = ...,
        params: Params | None = ...,
        headers: HeaderInput | None = ...,
        cookies: Cookies | None = ...,
        auth: Auth | None = ...,
        content: Content | None = ...,
        data: Data | None = ...,
        json: object = ...,
        timeout: Seconds | None = ...,
        retry: Attempts | None = ...,
        follow_redirects: bool = ...,
        max_redirects: int | None = ...,
        max_body: Size | None = ...,
        raise_for_status: bool = ...,
        name: str | None = ...,
    ) -> Self: ...
    @property
    def url(self) -> str: ...
    @property
    def method(self) -> str | None: ...
    @property
    def headers(self) -> Headers: ...
    @property
    def content(self) -> bytes | None: ...
    @property
    def name(self) -> str | None: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Client:
    def __new__(
        cls,
        *,
        base_url: str | None = None,
        headers: HeaderInput | None = None,
        params: Params | None = None,
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
        params: Params | None = ...,
        headers: HeaderInput | None = ...,
        cookies: Cookies | None = ...,
        auth: Auth | None = ...,
        content: Content | None = ...,
        data: Data | None = ...,
        json: object = ...,
        timeout: Seconds | UseClientDefault | None = ...,
        retry: Attempts | UseClientDefault | None = ...,
        follow_redirects: bool | UseClientDefault = ...,
        max_redirects: int | UseClientDefault | None = ...,
        max_body: Size | UseClientDefault | None = ...,
        raise_for_status: bool | UseClientDefault = ...,
    ) -> Job[Response]: ...
    def get(
        self,
        url: str,
        *,
        params: Params | None = ...,
        headers: HeaderInput | None = ...,
        cookies: Cookies | None = ...,
        auth: Auth | None = ...,
        content: Content | None = ...,
        data: Data | None = ...,
        json: object = ...,
        timeout: Seconds | UseClientDefault | None = ...,
        retry: Attempts | UseClientDefault | None = ...,
        follow_redirects: bool | UseClientDefault = ...,
        max_redirects: int | UseClientDefault | None = ...,
        max_body: Size | UseClientDefault | None = ...,
        raise_for_status: bool | UseClientDefault = ...,
    ) -> Job[Response]: ...
    def head(
        self,
        url: str,
        *,
        params: Params | None = ...,
        headers: HeaderInput | None = ...,
        cookies: Cookies | None = ...,
        auth: Auth | None = ...,
        content: Content | None = ...,
        data: Data | None = ...,
        json: object = ...,
        timeout: Seconds | UseClientDefault | None = ...,
        retry: Attempts | UseClientDefault | None = ...,
        follow_redirects: bool | UseClientDefault = ...,
        max_redirects: int | UseClientDefault | None = ...,
        max_body: Size | UseClientDefault | None = ...,
        raise_for_status: bool | UseClientDefault = ...,
    ) -> Job[Response]: ...
    def options(
        self,
        url: str,
        *,
        params: Params | None = ...,
        headers: HeaderInput | None = ...,
        cookies: Cookies | None = ...,
        auth: Auth | None = ...,
        content: Content | None = ...,
        data: Data | None = ...,
        json: object = ...,
        timeout: Seconds | UseClientDefault | None = ...,
        retry: Attempts | UseClientDefault | None = ...,
        follow_redirects: bool | UseClientDefault = ...,
        max_redirects: int | UseClientDefault | None = ...,
        max_body: Size | UseClientDefault | None = ...,
        raise_for_status: bool | UseClientDefault = ...,
    ) -> Job[Response]: ...
    def post(
        self,
        url: str,
        *,
        params: Params | None = ...,
        headers: HeaderInput | None = ...,
        cookies: Cookies | None = ...,
        auth: Auth | None = ...,
        content: Content | None = ...,
        data: Data | None = ...,
        json: object = ...,
        timeout: Seconds | UseClientDefault | None = ...,
        retry: Attempts | UseClientDefault | None = ...,
        follow_redirects: bool | UseClientDefault = ...,
        max_redirects: int | UseClientDefault | None = ...,
        max_body: Size | UseClientDefault | None = ...,
        raise_for_status: bool | UseClientDefault = ...,
    ) -> Job[Response]: ...
    def put(
        self,
        url: str,
        *,
        params: Params | None = ...,
        headers: HeaderInput | None = ...,
        cookies: Cookies | None = ...,
        auth: Auth | None = ...,
        content: Content | None = ...,
        data: Data | None = ...,
        json: object = ...,
        timeout: Seconds | UseClientDefault | None = ...,
        retry: Attempts | UseClientDefault | None = ...,
        follow_redirects: bool | UseClientDefault = ...,
        max_redirects: int | UseClientDefault | None = ...,
        max_body: Size | UseClientDefault | None = ...,
        raise_for_status: bool | UseClientDefault = ...,
    ) -> Job[Response]: ...
    def patch(
        self,
        url: str,
        *,
        params: Params | None = ...,
        headers: HeaderInput | None = ...,
        cookies: Cookies | None = ...,
        auth: Auth | None = ...,
        content: Content | None = ...,
        data: Data | None = ...,
        json: object = ...,
        timeout: Seconds | UseClientDefault | None = ...,
        retry: Attempts | UseClientDefault | None = ...,
        follow_redirects: bool | UseClientDefault = ...,
        max_redirects: int | UseClientDefault | None = ...,
        max_body: Size | UseClientDefault | None = ...,
        raise_for_status: bool | UseClientDefault = ...,
    ) -> Job[Response]: ...
    def delete(
        self,
        url: str,
        *,
        params: Params | None = ...,
        headers: HeaderInput | None = ...,
        cookies: Cookies | None = ...,
        auth: Auth | None = ...,
        content: Content | None = ...,
        data: Data | None = ...,
        json: object = ...,
        timeout: Seconds | UseClientDefault | None = ...,
        retry: Attempts | UseClientDefault | None = ...,
        follow_redirects: bool | UseClientDefault = ...,
        max_redirects: int | UseClientDefault | None = ...,
        max_body: Size | UseClientDefault | None = ...,
        raise_for_status: bool | UseClientDefault = ...,
    ) -> Job[Response]: ...
    @overload
    def gather(
        self,
        requests: Iterable[Item],
        *,
        method: str | None = ...,
        params: Params | None = ...,
        headers: HeaderInput | None = ...,
        cookies: Cookies | None = ...,
        auth: Auth | None = ...,
        content: Content | None = ...,
        data: Data | None = ...,
        json: object = ...,
        concurrency: int | UseClientDefault | None = ...,
        per_host: int | UseClientDefault | None = ...,
        rate: str | UseClientDefault | None = ...,
        timeout: Seconds | UseClientDefault | None = ...,
        deadline: float | None = ...,
        retry: Attempts | UseClientDefault | None = ...,
        follow_redirects: bool | UseClientDefault = ...,
        max_redirects: int | UseClientDefault | None = ...,
        max_body: Size | UseClientDefault | None = ...,
        return_exceptions: Literal[False] = ...,
        raise_for_status: bool | UseClientDefault = ...,
        progress: Progress | None = ...,
        save_to: SaveTo | None = ...,
    ) -> Job[list[Response]]: ...
    @overload
    def gather(
        self,
        requests: Iterable[Item],
        *,
        method: str | None = ...,
        params: Params | None = ...,
        headers: HeaderInput | None = ...,
        cookies: Cookies | None = ...,
        auth: Auth | None = ...,
        content: Content | None = ...,
        data: Data | None = ...,
        json: object = ...,
        concurrency: int | UseClientDefault | None = ...,
        per_host: int | UseClientDefault | None = ...,
        rate: str | UseClientDefault | None = ...,
        timeout: Seconds | UseClientDefault | None = ...,
        deadline: float | None = ...,
        retry: Attempts | UseClientDefault | None = ...,
        follow_redirects: bool | UseClientDefault = ...,
        max_redirects: int | UseClientDefault | None = ...,
        max_body: Size | UseClientDefault | None = ...,
        return_exceptions: bool,
        raise_for_status: bool | UseClientDefault = ...,
        progress: Progress | None = ...,
        save_to: SaveTo | None = ...,
    ) -> Job[list[Response | FetchError]]: ...
    def close(self) -> None: ...
    def aclose(self) -> Awaitable[None]: ...
    @property
    def is_closed(self) -> bool: ...
    @property
    def base_url(self) -> str | None: ...
    @property
    def headers(self) -> Headers: ...
    @property
    def limits(self) -> Limits: ...
    @property
    def cookies(self) -> dict[str, str]: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_error: object) -> None: ...
    def __aenter__(self) -> Awaitable[Self]: ...
    def __aexit__(self, *_error: object) -> Awaitable[None]: ...

@disjoint_base
class Server:
    def __new__(
        cls,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        latency: float = 0.0,
        players: int = 500,
        threads: int = 1,
    ) -> Self: ...
    @property
    def base_url(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def closed(self) -> bool: ...
    def url(self, path: str = "/") -> str: ...
    def requests(self, path: str = "/") -> int: ...
    def attempts(self, key: str) -> int: ...
    def _stats(self) -> dict[str, int]: ...
    def reset_stats(self) -> None: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_exc_info: object) -> None: ...

@overload
def gather_fetch(
    requests: Iterable[Item],
    *,
    method: str | None = ...,
    params: Params | None = ...,
    headers: HeaderInput | None = ...,
    cookies: Cookies | None = ...,
    auth: Auth | None = ...,
    content: Content | None = ...,
    data: Data | None = ...,
    json: object = ...,
    concurrency: int | UseClientDefault | None = ...,
    per_host: int | UseClientDefault | None = ...,
    rate: str | UseClientDefault | None = ...,
    timeout: Seconds | UseClientDefault | None = ...,
    deadline: float | None = ...,
    retry: Attempts | UseClientDefault | None = ...,
    follow_redirects: bool | UseClientDefault = ...,
    max_redirects: int | UseClientDefault | None = ...,
    max_body: Size | UseClientDefault | None = ...,
    return_exceptions: Literal[False] = ...,
    raise_for_status: bool | UseClientDefault = ...,
    progress: Progress | None = ...,
    save_to: SaveTo | None = ...,
    client: Client | None = ...,
) -> Job[list[Response]]: ...
@overload
def gather_fetch(
    requests: Iterable[Item],
    *,
    method: str | None = ...,
    params: Params | None = ...,
    headers: HeaderInput | None = ...,
    cookies: Cookies | None = ...,
    auth: Auth | None = ...,
    content: Content | None = ...,
    data: Data | None = ...,
    json: object = ...,
    concurrency: int | UseClientDefault | None = ...,
    per_host: int | UseClientDefault | None = ...,
    rate: str | UseClientDefault | None = ...,
    timeout: Seconds | UseClientDefault | None = ...,
    deadline: float | None = ...,
    retry: Attempts | UseClientDefault | None = ...,
    follow_redirects: bool | UseClientDefault = ...,
    max_redirects: int | UseClientDefault | None = ...,
    max_body: Size | UseClientDefault | None = ...,
    return_exceptions: bool,
    raise_for_status: bool | UseClientDefault = ...,
    progress: Progress | None = ...,
    save_to: SaveTo | None = ...,
    client: Client | None = ...,
) -> Job[list[Response | FetchError]]: ...
@overload
def stream_fetch(
    requests: Iterable[Item] | AsyncIterable[Item],
    *,
    ordered: bool = ...,
    buffer: int | None = ...,
    method: str | None = ...,
    params: Params | None = ...,
    headers: HeaderInput | None = ...,
    cookies: Cookies | None = ...,
    auth: Auth | None = ...,
    content: Content | None = ...,
    data: Data | None = ...,
    json: object = ...,
    concurrency: int | UseClientDefault | None = ...,
    per_host: int | UseClientDefault | None = ...,
    rate: str | UseClientDefault | None = ...,
    timeout: Seconds | UseClientDefault | None = ...,
    deadline: float | None = ...,
    retry: Attempts | UseClientDefault | None = ...,
    follow_redirects: bool | UseClientDefault = ...,
    max_redirects: int | UseClientDefault | None = ...,
    max_body: Size | UseClientDefault | None = ...,
    return_exceptions: Literal[False] = ...,
    raise_for_status: bool | UseClientDefault = ...,
    progress: StreamProgress | None = ...,
    save_to: SaveTo | None = ...,
    client: Client | None = ...,
) -> Stream[Response]: ...
@overload
def stream_fetch(
    requests: Iterable[Item] | AsyncIterable[Item],
    *,
    ordered: bool = ...,
    buffer: int | None = ...,
    method: str | None = ...,
    params: Params | None = ...,
    headers: HeaderInput | None = ...,
    cookies: Cookies | None = ...,
    auth: Auth | None = ...,
    content: Content | None = ...,
    data: Data | None = ...,
    json: object = ...,
    concurrency: int | UseClientDefault | None = ...,
    per_host: int | UseClientDefault | None = ...,
    rate: str | UseClientDefault | None = ...,
    timeout: Seconds | UseClientDefault | None = ...,
    deadline: float | None = ...,
    retry: Attempts | UseClientDefault | None = ...,
    follow_redirects: bool | UseClientDefault = ...,
    max_redirects: int | UseClientDefault | None = ...,
    max_body: Size | UseClientDefault | None = ...,
    return_exceptions: bool,
    raise_for_status: bool | UseClientDefault = ...,
    progress: StreamProgress | None = ...,
    save_to: SaveTo | None = ...,
    client: Client | None = ...,
) -> Stream[Response | FetchError]: ...

_HeaderPairs: TypeAlias = Iterable[tuple[str | bytes, str | bytes]]

@final
class Headers(Mapping[str, str]):
    def __new__(
        cls,
        headers: Mapping[str, str] | Mapping[bytes, bytes] | _HeaderPairs | None = None,
        /,
    ) -> Self: ...
    def __getitem__(self, name: str, /) -> str: ...
    def __iter__(self) -> Iterator[str]: ...
    def __len__(self) -> int: ...
    def __contains__(self, name: object, /) -> bool: ...
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]
    @overload
    def get(self, name: str, /, default: None = None) -> str | None: ...
    @overload
    def get(self, name: str, /, default: str | _T) -> str | _T: ...
    def get_list(self, name: str, /) -> list[str]: ...
    def keys(self) -> KeysView[str]: ...
    def values(self) -> ValuesView[str]: ...
    def items(self) -> ItemsView[str, str]: ...
    def multi_items(self) -> list[tuple[str, str]]: ...

@final
class Response:
    @property
    def status_code(self) -> int: ...
    @property
    def status(self) -> int: ...
    @property
    def ok(self) -> bool: ...
    @property
    def is_success(self) -> bool: ...
    @property
    def reason(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def headers(self) -> Headers: ...
    @property
    def content(self) -> bytes: ...
    @property
    def text(self) -> str: ...
    @property
    def encoding(self) -> str: ...
    def json(self) -> Any: ...  # noqa: ANN401 - whatever the document is
    @property
    def cookies(self) -> dict[str, str]: ...
    @property
    def history(self) -> list[Response]: ...
    @property
    def elapsed(self) -> timedelta: ...
    @property
    def http_version(self) -> str: ...
    @property
    def request(self) -> Request: ...
    @property
    def attempts(self) -> int: ...
    @property
    def index(self) -> int: ...
    @property
    def path(self) -> Path | None: ...
    @property
    def links(self) -> dict[str, dict[str, str]]: ...
    def raise_for_status(self) -> Self: ...
    def _repr_html_(self) -> str: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...

@final
class Table:
    @property
    def num_rows(self) -> int: ...
    @property
    def num_columns(self) -> int: ...
    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def column_names(self) -> list[str]: ...
    @property
    def errors(self) -> list[ItemError]: ...
    def to_pydict(self) -> dict[str, list[Any]]: ...
    def to_pylist(self) -> list[dict[str, Any]]: ...
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
    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def null_count(self) -> int: ...
    @property
    def errors(self) -> list[ItemError]: ...
    def to_pylist(self) -> list[Any]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, key: int, /) -> Any: ...  # noqa: ANN401 - of the column's type
    def __iter__(self) -> Iterator[Any]: ...
    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[CapsuleType, CapsuleType]: ...
    def __arrow_c_stream__(self, requested_schema: object = None) -> CapsuleType: ...
    def __arrow_c_schema__(self) -> CapsuleType: ...

@final
class _Promise:
    def __new__(cls, name: str, collect: Callable[[], object], total: int | None = None) -> Self: ...
    def job(self, progress: object = None) -> Job[Any]: ...
    def fileno(self) -> int: ...
    def wake(self) -> None: ...
    def drain(self) -> None: ...
    def close(self) -> None: ...
    def cancelled(self) -> bool: ...
    def expect(self, total: int) -> None: ...
    def advance(self, count: int) -> None: ...
    def failed(self, name: str) -> None: ...
    def resolve(self, value: object) -> bool: ...
    def reject(self, error: BaseException) -> bool: ...

def _end_with_parent() -> bool: ...
def _usable_cores() -> int: ...
@overload
def compress(
    docs: Documents,
    format: Literal["gzip", "zstd", "brotli"] = "gzip",
    level: int | None = None,
    *,
    on_error: Literal["raise", "skip"] = "raise",
    workers: int | None = None,
    progress: Progress = False,
) -> Job[list[bytes]]: ...
@overload
def compress(
    docs: Documents,
    format: Literal["gzip", "zstd", "brotli"] = "gzip",
    level: int | None = None,
    *,
    on_error: Literal["return"],
    workers: int | None = None,
    progress: Progress = False,
) -> Job[list[bytes | ItemError]]: ...
@overload
def decompress(
    docs: Documents,
    format: Literal["auto", "gzip", "zlib", "zstd", "brotli"] = "auto",
    *,
    max_size: Size | None = "64MiB",
    on_error: Literal["raise", "skip"] = "raise",
    workers: int | None = None,
    progress: Progress = False,
) -> Job[list[bytes]]: ...
@overload
def decompress(
    docs: Documents,
    format: Literal["auto", "gzip", "zlib", "zstd", "brotli"] = "auto",
    *,
    max_size: Size | None = "64MiB",
    on_error: Literal["return"],
    workers: int | None = None,
    progress: Progress = False,
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
    progress: Progress = False,
) -> Job[list[int]]: ...
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
    progress: Progress = False,
) -> Job[list[int | ItemError]]: ...
@overload
def hash(  # noqa: A001 - the name of what it does everywhere
    docs: Documents,
    algorithm: Literal["sha256", "blake3", "xxh3", "md5"] = "sha256",
    *,
    on_error: Literal["raise", "skip"] = "raise",
    workers: int | None = None,
    progress: Progress = False,
) -> Job[list[str]]: ...
@overload
def hash(  # noqa: A001 - the name of what it does everywhere
    docs: Documents,
    algorithm: Literal["sha256", "blake3", "xxh3", "md5"] = "sha256",
    *,
    on_error: Literal["return"],
    workers: int | None = None,
    progress: Progress = False,
) -> Job[list[str | ItemError]]: ...
@overload
def html_article(
    docs: Documents,
    url: str | None = None,
    *,
    on_error: Literal["raise", "skip"] = "raise",
    workers: int | None = None,
    progress: Progress = False,
) -> Job[list[dict[str, str | None]]]: ...
@overload
def html_article(
    docs: Documents,
    url: str | None = None,
    *,
    on_error: Literal["return"],
    workers: int | None = None,
    progress: Progress = False,
) -> Job[list[dict[str, str | None] | ItemError]]: ...
@overload
def html_links(
    docs: Documents,
    base_url: str | None = None,
    *,
    on_error: Literal["raise", "skip"] = "raise",
    workers: int | None = None,
    progress: Progress = False,
) -> Job[list[list[str]]]: ...
@overload
def html_links(
    docs: Documents,
    base_url: str | None = None,
    *,
    on_error: Literal["return"],
    workers: int | None = None,
    progress: Progress = False,
) -> Job[list[list[str] | ItemError]]: ...
@overload
def html_select(
    docs: Documents,
    css: str,
    attr: str | None = None,
    *,
    on_error: Literal["raise", "skip"] = "raise",
    workers: int | None = None,
    progress: Progress = False,
) -> Job[list[list[str]]]: ...
@overload
def html_select(
    docs: Documents,
    css: str,
    attr: str | None = None,
    *,
    on_error: Literal["return"],
    workers: int | None = None,
    progress: Progress = False,
) -> Job[list[list[str] | ItemError]]: ...
@overload
def html_text(
    docs: Documents,
    *,
    on_error: Literal["raise", "skip"] = "raise",
    workers: int | None = None,
    progress: Progress = False,
) -> Job[list[str]]: ...
@overload
def html_text(
    docs: Documents,
    *,
    on_error: Literal["return"],
    workers: int | None = None,
    progress: Progress = False,
) -> Job[list[str | ItemError]]: ...
@overload
def html_to_markdown(
    docs: Documents,
    *,
    on_error: Literal["raise", "skip"] = "raise",
    workers: int | None = None,
    progress: Progress = False,
) -> Job[list[str]]: ...
@overload
def html_to_markdown(
    docs: Documents,
    *,
    on_error: Literal["return"],
    workers: int | None = None,
    progress: Progress = False,
) -> Job[list[str | ItemError]]: ...
def json_extract(
    docs: Documents,
    columns: Mapping[str, str] | Iterable[tuple[str, str]],
    *,
    on_error: _OnError = "raise",
    workers: int | None = None,
    progress: Progress = False,
) -> Job[Table]: ...
def json_rows(
    docs: Documents,
    pointer: str,
    columns: Iterable[str] | None = None,
    *,
    on_error: _OnError = "raise",
    workers: int | None = None,
    progress: Progress = False,
) -> Job[Table]: ...
def minhash(
    docs: Documents,
    *,
    num_perm: int = 128,
    ngram: int = 5,
    by: Literal["words", "characters"] = "words",
    seed: int = 1,
    on_error: _OnError = "raise",
    workers: int | None = None,
    progress: Progress = False,
) -> Job[Column]: ...
@overload
def regex_count(
    docs: Documents,
    pattern: str | bytes | Pattern[str] | Pattern[bytes],
    *,
    on_error: Literal["raise", "skip"] = "raise",
    workers: int | None = None,
    progress: Progress = False,
) -> Job[list[int]]: ...
@overload
def regex_count(
    docs: Documents,
    pattern: str | bytes | Pattern[str] | Pattern[bytes],
    *,
    on_error: Literal["return"],
    workers: int | None = None,
    progress: Progress = False,
) -> Job[list[int | ItemError]]: ...
@overload
def regex_findall(
    docs: Documents,
    pattern: str | bytes | Pattern[str] | Pattern[bytes],
    *,
    on_error: Literal["raise", "skip"] = "raise",
    workers: int | None = None,
    progress: Progress = False,
) -> Job[list[list[Any]]]: ...
@overload
def regex_findall(
    docs: Documents,
    pattern: str | bytes | Pattern[str] | Pattern[bytes],
    *,
    on_error: Literal["return"],
    workers: int | None = None,
    progress: Progress = False,
) -> Job[list[list[Any] | ItemError]]: ...
@overload
def regex_replace(
    docs: Documents,
    pattern: AnyStr | Pattern[AnyStr],
    repl: AnyStr,
    *,
    on_error: Literal["raise", "skip"] = "raise",
    workers: int | None = None,
    progress: Progress = False,
) -> Job[list[AnyStr]]: ...
@overload
def regex_replace(
    docs: Documents,
    pattern: AnyStr | Pattern[AnyStr],
    repl: AnyStr,
    *,
    on_error: Literal["return"],
    workers: int | None = None,
    progress: Progress = False,
) -> Job[list[AnyStr | ItemError]]: ...
def _restore_response(state: dict[str, Any], /) -> Response: ...
def _unraisable(error: BaseException, object: object) -> None: ...  # noqa: A002
