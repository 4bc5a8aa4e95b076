"""A server that sends exactly the bytes of a script, for invalid heads and bodies."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from servers.base import Server

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from servers.base import Connection


@dataclass(frozen=True)
class Sleep:
    """Send nothing for some seconds."""

    seconds: float


@dataclass(frozen=True)
class Word:
    """A step without a parameter."""

    name: str


READ = Word("read one request")
READ_HEAD = Word("read the head of one request, not its body")
CLOSE = Word("close with FIN")
RESET = Word("close with a reset")
HANG = Word("send nothing until the client closes the connection")

Step = bytes | Sleep | Word


def reply(body: bytes = b"", *, status: str = "200 OK", headers: Sequence[str] = ()) -> bytes:
    """A valid response."""
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


class Scripted(Server):
    """Runs one script per connection and then closes it; the last script also serves all later connections.

    The steps of a script are bytes to send, `Sleep`, and the words above.
    """

    def __init__(self, *scripts: Sequence[Step], tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls)
        self.scripts = scripts

    async def serve(self, connection: Connection) -> None:
        number = self.connections.index(connection)
        for step in self.scripts[min(number, len(self.scripts) - 1)]:
            if isinstance(step, bytes):
                connection.writer.write(step)
                await connection.writer.drain()
            elif isinstance(step, Sleep):
                await asyncio.sleep(step.seconds)
            elif step is READ:
                if await connection.read_request() is None:
                    return
            elif step is READ_HEAD:
                await connection.reader.readuntil(b"\r\n\r\n")
            elif step is HANG:
                await connection.wait_closed()
            elif step is RESET:
                # With SO_LINGER of 0 s the kernel sends RST instead of FIN.
                raw = connection.writer.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.writer.transport.abort()
                return
            elif step is CLOSE:
                connection.writer.close()
                return
            else:
                raise TypeError(step)


class Holding(Scripted):
    """Reads each request, sends `first`, and keeps the connection open until the client closes it.

    A test of cancellation calls `wait_requests`, cancels, and calls `wait_all_closed`.
    """

    def __init__(self, first: bytes = b"") -> None:
        super().__init__([READ, first, HANG])
