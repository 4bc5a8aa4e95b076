"""Exceptions of items, as records of plain values that can be sent, and the errors made of them.

An exception may fail to be pickled, or to be unpickled (an `__init__` with other arguments). A worker tries both; if
one fails, a message replaces the exception.
"""

from __future__ import annotations

import errno
import pickle
import traceback
from typing import TYPE_CHECKING, Any

from shoal.exceptions import ItemError, ParallelError

if TYPE_CHECKING:
    # The pickled exception or None, a message in its place, the traceback, the name of its class.
    Record = tuple[bytes | None, str, str, str]

_HINTS = {
    errno.EMFILE: "close files or raise the limit of open files (ulimit -n), ",
    errno.ENFILE: "too many files are open on this machine, ",
    errno.EAGAIN: "raise the limit of processes (ulimit -u), ",
    errno.ENOMEM: "free memory, ",
}
_MAX_REPR = 200
_MAX_TRACEBACK = 1 << 16


class RemoteTraceback(Exception):  # noqa: N818 - shows where an error was raised
    """The cause of an exception from a worker process; shows the traceback there."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text}"""'


def short_repr(value: object) -> str:
    """A short repr, also of an object whose `__repr__` raises."""
    try:
        text = repr(value)
    except BaseException as error:  # noqa: BLE001 - a user's __repr__
        text = f"<{type(value).__name__}, whose repr raises {type(error).__name__}>"
    return text if len(text) <= _MAX_REPR else text[: _MAX_REPR - 3] + "..."


def traceback_of(error: BaseException) -> str:
    """The traceback as Python prints it, without the first frame, which is ours."""
    trace = error.__traceback__
    try:
        lines = traceback.format_exception(type(error), error, trace.tb_next if trace else None)
        text = "".join(lines)
    except BaseException as failed:  # noqa: BLE001 - a user's __str__, or no memory
        text = f"{type(error).__name__} (its traceback cannot be shown: {type(failed).__name__})\n"
    return text if len(text) <= _MAX_TRACEBACK else text[:1000] + "\n...\n" + text[-_MAX_TRACEBACK:]


def record(error: BaseException) -> Record:
    """The record of an exception."""
    from shoal._map.payload import dump  # noqa: PLC0415 - needs cloudpickle, which threads don't

    text = traceback_of(error)
    name = type(error).__name__
    try:
        stream, buffers = dump(error)
        pickled = bytes(stream)
        if not isinstance(pickle.loads(pickled, buffers=buffers), BaseException):  # noqa: S301 - made here
            raise TypeError("it does not come back as an exception")  # noqa: TRY301 - handled like the others
        if buffers:
            pickled = pickle.dumps(error, 5)
    except BaseException as failed:  # noqa: BLE001 - a user's __reduce__ or __init__
        return None, f"{short_repr(error)} cannot be sent back: {type(failed).__name__}: {failed}", text, name
    return pickled, "", text, name


def unsendable(what: str, value: object, error: BaseException) -> BaseException:
    """The exception for an item or a result that cannot be sent."""
    if isinstance(error, MemoryError | OSError):
        return error  # it can be sent with more memory or descriptors
    return pickle.PicklingError(f"{what} {short_repr(value)} cannot be sent: {type(error).__name__}: {error}")


def out_of_resources(what: str, error: OSError) -> ParallelError:
    """The error of a call for which the system lacks descriptors, processes or memory."""
    hint = _HINTS.get(error.errno or 0, "")
    failed = ParallelError(f"{what} ({error}): {hint}or use backend='threads'")
    failed.__cause__ = error
    return failed


def item_error(index: int, sent: Record) -> ItemError:
    """The error made of a record."""
    pickled, message, text, _ = sent
    exception: Any
    if pickled is None:
        exception = pickle.PicklingError(message)
    else:
        try:
            exception = pickle.loads(pickled)  # noqa: S301 - from our own worker
        except BaseException as failed:  # noqa: BLE001 - a user's __init__
            exception = pickle.PicklingError(f"{text.strip()} cannot be unpickled: {type(failed).__name__}: {failed}")
    if exception.__cause__ is None and text:
        exception.__cause__ = RemoteTraceback(text)
    return ItemError(index, exception, traceback_text=text)


def local_error(index: int, error: BaseException) -> ItemError:
    """The error of an exception from this process."""
    return ItemError(index, error, traceback_text=traceback_of(error))
