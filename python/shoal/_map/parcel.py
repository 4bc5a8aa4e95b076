"""Objects on their way between processes, large buffers out of band through shared memory (PEP 574).

A parcel is the pickle itself, if it is short; otherwise it lies in a *segment*, an anonymous file in memory whose
descriptor went to the other end once, beside the message that first used it. So there is no name in `/dev/shm` to be
left behind, no resource tracker, and a killed process takes its segments with it. The sender writes with `pwrite`, the
receiver reads with `pread` straight into the objects' own memory: both without the GIL, and nothing received depends on
the segment, so it is used again as soon as it was read (fresh pages cost twice as much: 165 against 84 us per MiB).
Arrays arrive as ordinary, writable arrays if they were writable. A segment begins with the lengths of what is in it, so
that a parcel's place in a message is small whatever it holds.

Plain `bytes` and `bytearray` have no out-of-band form in pickle; the large ones among the values themselves, and one
level down in lists, tuples and dicts, get one here.
"""

from __future__ import annotations

import io
import os
import pickle
import sys
import tempfile
from array import array
from contextlib import suppress
from pickle import PickleBuffer
from typing import TYPE_CHECKING, Any

import cloudpickle

from shoal._map.spawn import beyond_standard

if TYPE_CHECKING:
    from collections.abc import Iterable

    # Inline; or a segment, whether its descriptor comes along, and how many lengths it begins with.
    Parcel = bytes | tuple[int, bool, int]

# Of a process that multiprocessing has spawned: no more to be imported in a worker than any other.
_main: Any = sys.modules.get("__main__")
if getattr(_main, "__name__", "") == "__mp_main__":
    cloudpickle.register_pickle_by_value(_main)

# A buffer below this costs more as a system call of its own than as part of the pickle.
_OUT_OF_BAND = 16 << 10
_INLINE = 16 << 10
# A segment that was larger gives its memory back after each use.
_KEPT = 16 << 20
_MAY_HOLD = {bytes, bytearray, list, tuple, dict}


class _Whole:
    """Large bytes, with an out-of-band form."""

    __slots__ = ("buffer",)

    def __init__(self, buffer: bytes | bytearray) -> None:
        self.buffer = buffer

    def __reduce__(self) -> tuple[Any, ...]:
        return _same, (PickleBuffer(self.buffer),)


def _same(value: Any) -> Any:  # noqa: ANN401 - whatever it is
    return value


def _is_large(value: object) -> bool:
    return type(value) in {bytes, bytearray} and len(value) >= _OUT_OF_BAND  # type: ignore[arg-type]


def _shielded(values: list[Any]) -> list[Any]:
    """The same values with large bytes made fit for out of band; tiny items pay 15 ns each."""
    if _MAY_HOLD.isdisjoint(map(type, values)):
        return values
    known: dict[int, _Whole] = {}

    def wrapped(value: Any) -> Any:  # noqa: ANN401 - whatever it is
        if _is_large(value):
            return known.setdefault(id(value), _Whole(value))
        return value

    def shield(value: Any) -> Any:  # noqa: ANN401 - whatever it is
        kind = type(value)
        if kind is list or kind is tuple:
            return kind(map(wrapped, value)) if any(map(_is_large, value)) else value
        if kind is dict:
            held: Iterable[Any] = value.values()
            return {key: wrapped(each) for key, each in value.items()} if any(map(_is_large, held)) else value
        return wrapped(value)

    return [shield(value) for value in values]


def dump(value: object) -> tuple[memoryview, list[PickleBuffer]]:
    """Pickles a value, also what only this `__main__` knows; gives the stream and the buffers outside of it."""
    buffers: list[PickleBuffer] = []

    def keep(buffer: PickleBuffer) -> bool:
        try:
            size = buffer.raw().nbytes
        except BufferError:  # not contiguous
            return True
        if size < _OUT_OF_BAND:
            return True
        buffers.append(buffer)
        return False

    file = io.BytesIO()
    cloudpickle.Pickler(file, protocol=5, buffer_callback=keep).dump(value)
    return file.getbuffer(), buffers


class Outgoing:
    """The segments of one sender to one receiver."""

    def __init__(self) -> None:
        self._files: list[int] = []
        self._free: list[int] = []

    def pack(self, values: list[Any]) -> tuple[Parcel, list[int], int]:
        """A list as a parcel; also the descriptors to send along, and its size in bytes.

        Raises:
            Exception: Whatever pickling one of the values raises.
        """
        return self.pack_dumped(*dump(_shielded(values)))

    def pack_dumped(self, stream: memoryview | bytes, buffers: list[PickleBuffer]) -> tuple[Parcel, list[int], int]:
        """The same for what is pickled already."""
        if not buffers and len(stream) <= _INLINE:
            return bytes(stream), [], len(stream)
        number, new = self._segment()
        file = self._files[number]
        try:
            lengths = array("q", [len(stream)])
            offset = _write(file, memoryview(stream), lengths.itemsize * (1 + len(buffers)))
            for buffer in buffers:
                with memoryview(buffer) as view, buffer.raw() as raw:
                    offset = _write(file, raw, offset)
                    lengths.append(-raw.nbytes - 1 if type(view.obj) is bytes else raw.nbytes)
            _write(file, memoryview(lengths).cast("B"), 0)
        except BaseException:
            self._discard(number, new=new)
            raise
        return (number, new, len(lengths)), [file] if new else [], offset

    def _discard(self, number: int, *, new: bool) -> None:
        """Takes back a segment that was not sent."""
        if new:  # the receiver does not know it
            os.close(self._files.pop())
        else:
            self.release(number)

    def release(self, number: int) -> None:
        """The receiver has read it."""
        file = self._files[number]
        if os.fstat(file).st_size > _KEPT:
            os.ftruncate(file, 0)
        self._free.append(number)

    def shrink(self) -> None:
        """Gives the memory of all segments in no use back."""
        for number in self._free:
            os.ftruncate(self._files[number], 0)

    def close(self) -> None:
        """Closes the descriptors of this end."""
        while self._files:
            with suppress(OSError):  # whoever maps may have closed it
                os.close(self._files.pop())
        self._free.clear()

    def _segment(self) -> tuple[int, bool]:
        if self._free:
            return self._free.pop(), False
        self._files.append(anonymous_file())
        return len(self._files) - 1, True


class Incoming:
    """The segments that the other end writes to."""

    def __init__(self) -> None:
        self._files: dict[int, int] = {}

    def unpack(self, parcel: Parcel, descriptors: Any) -> Any:  # noqa: ANN401 - a deque; whatever was sent
        """The value of a parcel.

        Args:
            parcel: What `pack` gave.
            descriptors: Those that have come and were not taken yet.

        Raises:
            Exception: Whatever unpickling the value raises.
        """
        if isinstance(parcel, bytes):
            return pickle.loads(parcel)  # noqa: S301 - our own worker's
        number, new, count = parcel
        if new:
            self._files[number] = descriptors.popleft()
        file = self._files[number]
        table = array("q")
        offset = table.itemsize * count
        table.frombytes(bytes_at(file, offset, 0))
        length, *lengths = table
        stream, offset = _read(file, length, offset), offset + length
        buffers: list[bytes | bytearray] = []
        for signed in lengths:
            size = signed if signed >= 0 else -signed - 1
            buffers.append(_read(file, size, offset) if signed >= 0 else bytes_at(file, size, offset))
            offset += size
        return pickle.loads(stream, buffers=buffers)  # noqa: S301 - our own worker's

    def close(self) -> None:
        """Closes the descriptors of this end."""
        while self._files:
            with suppress(OSError):  # whoever maps may have closed it
                os.close(self._files.popitem()[1])


def anonymous_file() -> int:
    """A new file in memory."""
    if hasattr(os, "memfd_create"):
        return beyond_standard(os.memfd_create("shoal-map", os.MFD_CLOEXEC))
    with tempfile.TemporaryFile() as file:
        return beyond_standard(os.dup(file.fileno()))


def _write(file: int, data: memoryview, offset: int) -> int:
    """Writes everything; gives where it ends."""
    while data:
        count = os.pwrite(file, data, offset)
        offset += count
        data = data[count:]
    return offset


def _read(file: int, length: int, offset: int) -> bytearray:
    buffer = bytearray(length)
    with memoryview(buffer) as rest:
        at = 0
        while at < length:
            count = os.preadv(file, [rest[at:]], offset + at)
            if not count:
                raise EOFError
            at += count
    return buffer


def bytes_at(file: int, length: int, offset: int) -> bytes:
    """So many bytes of a file, in one copy unless there are gigabytes of them."""
    first = os.pread(file, length, offset)
    if len(first) == length:
        return first
    return first + bytes(_read(file, length - len(first), offset + len(first)))
