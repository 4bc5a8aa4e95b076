"""Messages between the caller and a worker process: framed, over a socket of their own, with descriptors beside them.

A message is a tuple of plain values (`marshal`: a quarter of pickle's time, and both ends are the same interpreter).
All of them are short, since what is long travels through shared memory (`parcel.py`): the caller never has to wait
until a busy worker reads.

The code of an item may write to any descriptor of its process, this one too. So a frame begins with a mark, its length
and a checksum (2 us for a body of 4 KiB); bytes that are no frame close the channel at once, before anything is made of
them.
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
from shoal._map.spawn import beyond_standard

if TYPE_CHECKING:
    from collections.abc import Sequence

    Message = tuple[Any, ...]

_HEAD = struct.Struct("<4sII")
_MARK = b"shl\xa7"
_READ = 1 << 16
_DESCRIPTORS = 8
# Of a body. The largest are those with the path of a caller; 16 KiB of results are usual.
_MOST = 1 << 24
# Room for what is sent before a worker reads: a call and two chunks. macOS has 8 KiB by default.
_BUFFER = 1 << 18


def pair() -> tuple[int, int]:
    """The descriptors of two ends of a connection."""
    # Of the C module: gevent replaces the class of the other.
    first, second = (beyond_standard(end.detach()) for end in _socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM))
    return first, second


class Channel:
    """One end. Not thread-safe."""

    def __init__(self, end: int) -> None:
        self._socket = _socket.socket(fileno=end)
        self._socket.settimeout(None)  # whatever `socket.setdefaulttimeout` said
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        self._buffer = bytearray()
        self._waiting: deque[Message] = deque()
        self.descriptors: deque[int] = deque()
        self.closed = False
        self.fault = ""
        """Why this end closed the channel, though the other did not."""

    def fileno(self) -> int:
        """What to watch."""
        return self._socket.fileno()

    def close(self) -> None:
        """Closes this end, and the descriptors that nobody has taken."""
        self.closed = True
        while self.descriptors:
            with suppress(OSError):
                os.close(self.descriptors.popleft())
        with suppress(OSError):  # whoever maps may have closed it
            self._socket.close()

    def send(self, message: Message, descriptors: Sequence[int] = ()) -> None:
        """Sends a message.

        Raises:
            OSError: The other end is gone.
        """
        body = marshal.dumps(message)
        frame = memoryview(_HEAD.pack(_MARK, len(body), crc32(body)) + body)
        if descriptors:
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))
            frame = frame[self._socket.sendmsg([frame], [rights]) :]
        if frame:
            self._socket.sendall(frame)

    def available(self) -> list[Message]:
        """All messages that have come; sets `closed` when no more will."""
        while self._read(getattr(socket, "MSG_DONTWAIT", 0)):
            pass
        messages = list(self._waiting)
        self._waiting.clear()
        return messages

    def receive(self, timeout: float) -> Message | None:
        """The next message; `None` when the other end is gone, or silent for `timeout` seconds."""
        while not self._waiting and not self.closed:
            if not _native.poll(self.fileno(), timeout):
                return None
            self._read(0)
        return self._waiting.popleft() if self._waiting else None

    def refuse(self, fault: str) -> None:
        """Reads no more: what comes is not from the other end's own code."""
        self.closed = True
        self.fault = fault

    def _read(self, flags: int) -> bool:
        """Reads once; tells whether there may be more."""
        if self.closed:
            return False
        flags |= getattr(socket, "MSG_CMSG_CLOEXEC", 0)
        try:
            data, beside, got, _ = self._socket.recvmsg(_READ, socket.CMSG_SPACE(4 * _DESCRIPTORS), flags)
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
            self._take_apart()
        else:
            self.closed = True
        return not self.closed

    def _take_apart(self) -> None:
        start, buffer = 0, self._buffer
        with memoryview(buffer) as view:
            while len(buffer) - start >= _HEAD.size:
                mark, length, checksum = _HEAD.unpack_from(buffer, start)
                if mark != _MARK or length > _MOST:
                    self.refuse("something else was written to the pipe of its results")
                    break
                end = start + _HEAD.size + length
                if len(buffer) < end:
                    break
                with view[start + _HEAD.size : end] as body:
                    if crc32(body) != checksum:
                        self.refuse("something else was written to the pipe of its results")
                        break
                    self._waiting.append(marshal.loads(body))  # noqa: S302 - our own worker's
                start = end
        del buffer[:start]
