"""Messages between the caller and a worker process: framed, over a socket of their own, with descriptors beside them.

A message is a tuple of plain values (`marshal`: a quarter of pickle's time, and both ends are the same interpreter).
All of them are short, since what is long travels through shared memory (`parcel.py`): the caller never has to wait
until a busy worker reads.
"""

from __future__ import annotations

import marshal
import select
import socket
import struct
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    Message = tuple[Any, ...]

_LENGTH = struct.Struct("<Q")
_READ = 1 << 16
_DESCRIPTORS = 8
# Room for what is sent before a worker reads: a call and two chunks. macOS has 8 KiB by default.
_BUFFER = 1 << 18


def pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a connection."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    for end in ends:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    return ends


class Channel:
    """One end. Not thread-safe."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._buffer = bytearray()
        self._waiting: deque[Message] = deque()
        self.descriptors: deque[int] = deque()
        self.closed = False

    def fileno(self) -> int:
        """What to watch."""
        return self._socket.fileno()

    def close(self) -> None:
        """Closes this end."""
        self.closed = True
        self._socket.close()

    def send(self, message: Message, descriptors: Sequence[int] = ()) -> None:
        """Sends a message.

        Raises:
            OSError: The other end is gone.
        """
        body = marshal.dumps(message)
        frame = memoryview(_LENGTH.pack(len(body)) + body)
        if descriptors:
            frame = frame[socket.send_fds(self._socket, [frame], list(descriptors)) :]
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
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        while not self._waiting and not self.closed:
            if not poll.poll(timeout * 1000):
                return None
            self._read(0)
        return self._waiting.popleft() if self._waiting else None

    def _read(self, flags: int) -> bool:
        """Reads once; tells whether there may be more."""
        if self.closed:
            return False
        flags |= getattr(socket, "MSG_CMSG_CLOEXEC", 0)
        try:
            data, beside, _, _ = self._socket.recvmsg(_READ, socket.CMSG_SPACE(4 * _DESCRIPTORS), flags)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            data, beside = b"", []
        for level, kind, content in beside:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                whole = len(content) - len(content) % 4
                self.descriptors.extend(memoryview(content)[:whole].cast("i"))
        if not data:
            self.closed = True
            return False
        self._buffer += data
        self._take_apart()
        return True

    def _take_apart(self) -> None:
        start, buffer = 0, self._buffer
        with memoryview(buffer) as view:
            while len(buffer) - start >= _LENGTH.size:
                (length,) = _LENGTH.unpack_from(buffer, start)
                end = start + _LENGTH.size + length
                if len(buffer) < end:
                    break
                with view[start + _LENGTH.size : end] as body:
                    self._waiting.append(marshal.loads(body))  # noqa: S302 - our own worker's
                start = end
        del buffer[:start]
