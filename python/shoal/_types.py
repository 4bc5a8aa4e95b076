"""The types of arguments, for the stub: items of a batch and their options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from os import PathLike
    from typing import Any, Protocol, TypeAlias

    from shoal import Request, Response, Retry, Timeout

    class SupportsBuffer(Protocol):
        """Bytes, bytearray, memoryview, an array: anything with the buffer protocol."""

        def __buffer__(self, flags: int, /) -> memoryview: ...

    class SupportsArrowArray(Protocol):
        """A polars, pyarrow or pandas column, or any other object that exports an Arrow array."""

        def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]: ...

    class SupportsArrowStream(Protocol):
        """An object that exports a stream of Arrow arrays."""

        def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...

    Scalar: TypeAlias = str | bytes | int | float | bool
    FieldValue: TypeAlias = Scalar | Sequence[Scalar] | None
    Fields: TypeAlias = Mapping[str, FieldValue] | Iterable[tuple[str, FieldValue]]
    Params: TypeAlias = Fields | str
    HeaderInput: TypeAlias = (
        Mapping[str, str] | Mapping[str, str | bytes | None] | Iterable[tuple[str | bytes, str | bytes | None]]
    )
    Cookies: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]
    Auth: TypeAlias = tuple[str, str] | str
    Content: TypeAlias = str | SupportsBuffer
    Data: TypeAlias = Fields | Content
    Seconds: TypeAlias = float | Timeout
    Attempts: TypeAlias = int | Retry
    Size: TypeAlias = int | str
    Item: TypeAlias = str | Request | tuple[str, Mapping[str, Any]] | Mapping[str, Any]
    Progress: TypeAlias = bool | Callable[[int, int], object]
    StreamProgress: TypeAlias = bool | Callable[[int, int | None], object]
    SaveTo: TypeAlias = str | PathLike[str] | Callable[[int, Request], str | PathLike[str]]
    Document: TypeAlias = str | SupportsBuffer | PathLike[str] | Response
    Documents: TypeAlias = Iterable[Document] | SupportsArrowArray | SupportsArrowStream


@final
class UseClientDefault(str):
    """The type of `USE_CLIENT_DEFAULT`: a str, because `inspect` reads only literals from an extension's signature."""

    __slots__ = ()
    __module__ = "shoal"

    def __repr__(self) -> str:
        return "USE_CLIENT_DEFAULT"

    def __reduce__(self) -> str:
        return "USE_CLIENT_DEFAULT"


USE_CLIENT_DEFAULT: Final = UseClientDefault()
"""The client's own value, as in httpx: the same as leaving the argument out."""
