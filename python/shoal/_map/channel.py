"""Messages between the caller and a worker: framed, over a socket of their own, with descriptors as ancillary data.

A message is a tuple of plain values (`marshal`: a quarter of pickle's time, and both ends are the same interpreter).
All messages are short, since long values go through shared memory (`payload.py`), so the caller never waits until a
busy worker reads.

The code of an item may write to any descriptor of its process, including this one. So a frame begins with a magic
number, its length and a checksum (2 us for a body of 4 KiB); bytes that are no frame close the channel before they are
unmarshalled.
"""

from __future__ import annotations

import _socket
import array
import marshal
import os
import socket
import struct
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from zlib import crc32

from shoal import _native
from shoal._map.descriptors import above_standard_streams

if TYPE_CHECKING:
    from collections.abc import Sequence

    Message = tuple[Any, ...]

_HEADER = struct.Struct("<4sII")
_MAGIC = b"shl\xa7"
_READ_SIZE = 1 << 16
_MAX_DESCRIPTORS = 8
# The largest bodies hold the caller's module search path; 16 KiB of results are usual.
_MAX_BODY = 1 << 24
# Holds a call and two chunks, sent before a worker reads. macOS has 8 KiB by default.
_BUFFER_SIZE = 1 << 18


def channel_pair() -> tuple[int, int]:
    """The two descriptors of a connection."""
    # From the C module, because gevent replaces the class in `socket`.
    first, second = (
        above_standard_streams(end.detach()) for end in _socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    )
    return first, second


class Channel:
    """One end of a connection. Not thread-safe."""

    def __init__(self, end: int) -> None:
        self._socket = _socket.socket(fileno=end)
        self._socket.settimeout(None)  # `socket.setdefaulttimeout` may have set another one
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_SIZE)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_SIZE)
        self._buffer = bytearray()
        self._waiting: deque[Message] = deque()
        self.descriptors: deque[int] = deque()
        self.closed = False
        self.fault = ""
        """Why this end closed the channel while the other end was open."""

    def fileno(self) -> int:
        """The descriptor to poll."""
        return self._socket.fileno()

    def close(self) -> None:
        """Closes this end and the received descriptors that were not used."""
        self.closed = True
        while self.descriptors:
            with suppress(OSError):
                os.close(self.descriptors.popleft())
        with suppress(OSError):  # code of an item or of the caller may have closed it
            self._socket.close()

    def send(self, message: Message, descriptors: Sequence[int] = ()) -> None:
        """Sends a message.

        Raises:
            OSError: The other end is gone.
        """
        body = marshal.dumps(message)
        frame = memoryview(_HEADER.pack(_MAGIC, len(body), crc32(body)) + body)
        if descriptors:
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))
            frame = frame[self._socket.sendmsg([frame], [rights]) :]
        if frame:
            self._socket.sendall(frame)

    def available(self) -> list[Message]:
        """All messages that have arrived; sets `closed` after the last one."""
        while self._read(getattr(socket, "MSG_DONTWAIT", 0)):
            pass
        messages = list(self._waiting)
        self._waiting.clear()
        return messages

    def receive(self, timeout: float) -> Message | None:
        """The next message; `None` if the other end is gone, or silent for `timeout` seconds."""
        while not self._waiting and not self.closed:
            if not _native.poll(self.fileno(), timeout):
                return None
            self._read(0)
        return self._waiting.popleft() if self._waiting else None

    def refuse(self, fault: str) -> None:
        """Closes the channel for reading, because its data is not valid."""
        self.closed = True
        self.fault = fault

    def _read(self, flags: int) -> bool:
        """Reads once; returns whether there may be more."""
        if self.closed:
            return False
        flags |= getattr(socket, "MSG_CMSG_CLOEXEC", 0)
        try:
            data, beside, got, _ = self._socket.recvmsg(_READ_SIZE, socket.CMSG_SPACE(4 * _MAX_DESCRIPTORS), flags)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            data, beside, got = b"", [], 0
        for level, kind, content in beside:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                whole = len(content) - len(content) % 4
                self.descriptors.extend(memoryview(content)[:whole].cast("i"))
        if got & socket.MSG_CTRUNC:
            self.refuse("no descriptor was left for its results: close files or raise the limit (ulimit -n)")
        elif data:
            self._buffer += data
            self._parse_frames()
        else:
            self.closed = True
        return not self.closed

    def _parse_frames(self) -> None:
        start, buffer = 0, self._buffer
        with memoryview(buffer) as view:
            while len(buffer) - start >= _HEADER.size:
                magic, length, checksum = _HEADER.unpack_from(buffer, start)
                if magic != _MAGIC or length > _MAX_BODY:
                    self.refuse("other data was written to its result channel")
                    break
                end = start + _HEADER.size + length
                if len(buffer) < end:
                    break
                with view[start + _HEADER.size : end] as body:
                    if crc32(body) != checksum:
                        self.refuse("other data was written to its result channel")
                        break
                    self._waiting.append(marshal.loads(body))  # noqa: S302 - from our own worker
                start = end
        del buffer[:start]
