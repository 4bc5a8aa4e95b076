"""What an item raised, as it travels: a record of plain values, and the exception made of it again.

An exception may refuse to be pickled, or may pickle and then refuse to be made again (`__init__` with other arguments);
so a worker tries both, and what fails is told in words.
"""

from __future__ import annotations

import errno
import pickle
import traceback
from typing import TYPE_CHECKING, Any

from shoal.exceptions import ItemError, ParallelError

if TYPE_CHECKING:
    # The exception or None, its words, the traceback, the name of its class.
    Record = tuple[bytes | None, str, str, str]

_HINTS = {
    errno.EMFILE: "close files or raise the limit of open files (ulimit -n), ",
    errno.ENFILE: "too many files are open on this machine, ",
    errno.EAGAIN: "raise the limit of processes (ulimit -u), ",
    errno.ENOMEM: "free memory, ",
}
_LONGEST_REPR = 200
_LONGEST_TRACEBACK = 1 << 16


class RemoteTraceback(Exception):  # noqa: N818 - no error: it shows where one was raised
    """The cause of an exception that was raised in a worker process, so that its traceback is shown."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text}"""'


def words(value: object) -> str:
    """A short repr, whatever the object thinks of it."""
    try:
        text = repr(value)
    except BaseException as error:  # noqa: BLE001 - anybody's __repr__
        text = f"<{type(value).__name__}, whose repr raises {type(error).__name__}>"
    return text if len(text) <= _LONGEST_REPR else text[: _LONGEST_REPR - 3] + "..."


def traceback_of(error: BaseException) -> str:
    """The traceback as Python prints it, without our own frame at its top."""
    trace = error.__traceback__
    try:
        lines = traceback.format_exception(type(error), error, trace.tb_next if trace else None)
        text = "".join(lines)
    except BaseException as failed:  # noqa: BLE001 - anybody's __str__, or no memory left
        text = f"{type(error).__name__} (its traceback cannot be shown: {type(failed).__name__})\n"
    return text if len(text) <= _LONGEST_TRACEBACK else text[:1000] + "\n...\n" + text[-_LONGEST_TRACEBACK:]


def record(error: BaseException) -> Record:
    """What to send of an exception."""
    from shoal._map.parcel import dump  # noqa: PLC0415 - needs cloudpickle, which threads don't

    text = traceback_of(error)
    name = type(error).__name__
    try:
        stream, buffers = dump(error)
        pickled = bytes(stream)
        if not isinstance(pickle.loads(pickled, buffers=buffers), BaseException):  # noqa: S301 - made here
            raise TypeError("it does not come back as an exception")  # noqa: TRY301 - handled like the others
        if buffers:
            pickled = pickle.dumps(error, 5)
    except BaseException as failed:  # noqa: BLE001 - anybody's __reduce__ and __init__
        return None, f"{words(error)} cannot be sent back: {type(failed).__name__}: {failed}", text, name
    return pickled, "", text, name


def unsendable(what: str, value: object, error: BaseException) -> BaseException:
    """The exception for an item or a result that cannot be sent."""
    if isinstance(error, MemoryError | OSError):
        return error  # it could be, with more memory or descriptors
    return pickle.PicklingError(f"{what} {words(value)} cannot be sent: {type(error).__name__}: {error}")


def lacking(what: str, error: OSError) -> ParallelError:
    """The error of a call for which the system has no descriptors, processes or memory left."""
    hint = _HINTS.get(error.errno or 0, "")
    failed = ParallelError(f"{what} ({error}): {hint}or use backend='threads'")
    failed.__cause__ = error
    return failed


def item_error(index: int, sent: Record) -> ItemError:
    """The error of a record."""
    pickled, said, text, _ = sent
    exception: Any
    if pickled is None:
        exception = pickle.PicklingError(said)
    else:
        try:
            exception = pickle.loads(pickled)  # noqa: S301 - our own worker's
        except BaseException as failed:  # noqa: BLE001 - anybody's __init__
            exception = pickle.PicklingError(f"{text.strip()} cannot be made again: {type(failed).__name__}: {failed}")
    if exception.__cause__ is None and text:
        exception.__cause__ = RemoteTraceback(text)
    return ItemError(index, exception, traceback_text=text)


def local_error(index: int, error: BaseException) -> ItemError:
    """The error of an exception that was raised in this process."""
    return ItemError(index, error, traceback_text=traceback_of(error))
