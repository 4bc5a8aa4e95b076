"""Lists of values for another process: pickled, with large buffers out of band through shared memory (PEP 574).

A short payload is the pickle itself. A longer one lies in a *segment*, an anonymous file in memory whose descriptor is
sent once, with the message that first uses it. So no name in `/dev/shm` can be left behind, no resource tracker is
needed, and the segments of a killed process are freed. The sender uses `pwrite`, the receiver `pread` straight into the
objects' own memory, both without the GIL. No received object refers to the segment, so it is reused once it was read
(fresh pages cost twice as much: 165 against 84 us per MiB). Arrays arrive as ordinary arrays, writable if they were
writable. A segment begins with the lengths of its buffers, which keeps the message short.

Plain `bytes` and `bytearray` have no out-of-band form in pickle. Large ones get one here if they are among the values
or one level down in their lists, tuples and dicts.
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

from shoal._map.descriptors import above_standard_streams

if TYPE_CHECKING:
    # Inline; or the number of a segment, whether its descriptor comes along, and the number of its lengths.
    Payload = bytes | tuple[int, bool, int]

# In a process that multiprocessing has spawned, a worker cannot import `__main__` either.
_main: Any = sys.modules.get("__main__")
if getattr(_main, "__name__", "") == "__mp_main__":
    cloudpickle.register_pickle_by_value(_main)

# Smaller buffers cost more as a system call than as part of the pickle.
_OUT_OF_BAND = 16 << 10
_INLINE = 16 << 10
# Larger segments release their memory after each use.
_MAX_KEPT = 16 << 20
_CONTAINERS_AND_BYTES = {bytes, bytearray, list, tuple, dict}


class _LargeBytes:
    """Large bytes with an out-of-band form."""

    __slots__ = ("buffer",)

    def __init__(self, buffer: bytes | bytearray) -> None:
        self.buffer = buffer

    def __reduce__(self) -> tuple[Any, ...]:
        return _identity, (PickleBuffer(self.buffer),)


def _identity(value: Any) -> Any:  # noqa: ANN401 - any value
    return value


def _is_large(value: object) -> bool:
    return type(value) in {bytes, bytearray} and len(value) >= _OUT_OF_BAND  # type: ignore[arg-type]


def _with_out_of_band_bytes(values: list[Any]) -> list[Any]:
    """The values with their large bytes wrapped in `_LargeBytes`; costs 15 ns for each small item."""
    if _CONTAINERS_AND_BYTES.isdisjoint(map(type, values)):
        return values
    wrappers: dict[int, _LargeBytes] = {}

    def wrapped(value: Any) -> Any:  # noqa: ANN401 - any value
        if _is_large(value):
            return wrappers.setdefault(id(value), _LargeBytes(value))
        return value

    def wrapped_inside(value: Any) -> Any:  # noqa: ANN401 - any value
        kind = type(value)
        if kind is list or kind is tuple:
            return kind(map(wrapped, value)) if any(map(_is_large, value)) else value
        if kind is dict:
            has_large = any(map(_is_large, value.values()))
            return {key: wrapped(each) for key, each in value.items()} if has_large else value
        return wrapped(value)

    return [wrapped_inside(value) for value in values]


def dump(value: object) -> tuple[memoryview, list[PickleBuffer]]:
    """Pickles a value, including code of `__main__`; returns the stream and the out-of-band buffers."""
    buffers: list[PickleBuffer] = []

    def is_in_band(buffer: PickleBuffer) -> bool:
        try:
            size = buffer.raw().nbytes
        except BufferError:  # not contiguous
            return True
        if size < _OUT_OF_BAND:
            return True
        buffers.append(buffer)
        return False

    file = io.BytesIO()
    cloudpickle.Pickler(file, protocol=5, buffer_callback=is_in_band).dump(value)
    return file.getbuffer(), buffers


class PayloadWriter:
    """Packs payloads for one receiver, and owns their segments."""

    def __init__(self) -> None:
        self._files: list[int] = []
        self._free: list[int] = []

    def pack(self, values: list[Any]) -> tuple[Payload, list[int], int]:
        """Packs a list of values; returns the payload, the descriptors to send with it, and its size in bytes.

        Raises:
            Exception: The error of pickling one of the values.
        """
        return self.pack_dumped(*dump(_with_out_of_band_bytes(values)))

    def pack_dumped(self, stream: memoryview | bytes, buffers: list[PickleBuffer]) -> tuple[Payload, list[int], int]:
        """Packs the result of `dump`."""
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
        """Frees a segment that was not sent."""
        if new:  # unknown to the receiver
            os.close(self._files.pop())
        else:
            self.release(number)

    def release(self, number: int) -> None:
        """Frees a segment that the receiver has read."""
        file = self._files[number]
        if os.fstat(file).st_size > _MAX_KEPT:
            os.ftruncate(file, 0)
        self._free.append(number)

    def shrink(self) -> None:
        """Releases the memory of all free segments."""
        for number in self._free:
            os.ftruncate(self._files[number], 0)

    def close(self) -> None:
        """Closes the descriptors of all segments."""
        while self._files:
            with suppress(OSError):  # code of an item or of the caller may have closed it
                os.close(self._files.pop())
        self._free.clear()

    def _segment(self) -> tuple[int, bool]:
        if self._free:
            return self._free.pop(), False
        self._files.append(anonymous_file())
        return len(self._files) - 1, True


class PayloadReader:
    """Unpacks the payloads of one sender."""

    def __init__(self) -> None:
        self._files: dict[int, int] = {}

    def unpack(self, payload: Payload, descriptors: Any) -> Any:  # noqa: ANN401 - a deque; any value
        """Unpacks a payload.

        Args:
            payload: The result of `pack`.
            descriptors: The received descriptors, in order; the one of a new segment is removed.

        Raises:
            Exception: The error of unpickling one of the values.
        """
        if isinstance(payload, bytes):
            return pickle.loads(payload)  # noqa: S301 - from our own worker
        number, new, count = payload
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
        return pickle.loads(stream, buffers=buffers)  # noqa: S301 - from our own worker

    def close(self) -> None:
        """Closes the descriptors of all segments."""
        while self._files:
            with suppress(OSError):  # code of an item or of the caller may have closed it
                os.close(self._files.popitem()[1])


def anonymous_file() -> int:
    """Opens a new file in memory."""
    if hasattr(os, "memfd_create"):
        return above_standard_streams(os.memfd_create("shoal-map", os.MFD_CLOEXEC))
    with tempfile.TemporaryFile() as file:
        return above_standard_streams(os.dup(file.fileno()))


def _write(file: int, data: memoryview, offset: int) -> int:
    """Writes all of `data`; returns the offset of its end."""
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
    """Reads `length` bytes, in one copy unless there are gigabytes of them."""
    first = os.pread(file, length, offset)
    if len(first) == length:
        return first
    return first + bytes(_read(file, length - len(first), offset + len(first)))
