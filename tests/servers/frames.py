"""An HTTP/2 peer that sends the frames of a test, for floods, refused requests and unusual windows."""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING

from servers.base import Server

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

    from servers.base import Connection

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8
NO_ERROR, INTERNAL_ERROR, REFUSED_STREAM, CANCEL, HTTP_1_1_REQUIRED = 0, 2, 7, 8, 13
INITIAL_WINDOW_SIZE = 4

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    """An encoded frame."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def head(status: int, *fields: tuple[bytes, bytes]) -> bytes:
    """A head in HPACK, uncompressed."""
    block = b"\x08\x03" + str(status).encode()
    for name, value in fields:
        block += b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value
    return block


class Frames:
    """One connection of a `Peer`."""

    def __init__(self, connection: Connection) -> None:
        self.reader, self.writer = connection.reader, connection.writer
        self.sent = 0

    async def begin(self, settings: dict[int, int] | None = None) -> None:
        """Reads the client's preface and sends the server's."""
        assert await self.reader.readexactly(len(_PREFACE)) == _PREFACE
        payload = b"".join(struct.pack(">HI", *pair) for pair in (settings or {}).items())
        await self.send(frame(SETTINGS, payload=payload))

    async def send(self, *frames: bytes) -> None:
        """Sends frames or parts of frames."""
        if self.writer.is_closing():
            raise ConnectionResetError
        data = b"".join(frames)
        self.writer.write(data)
        self.sent += len(data)
        await self.writer.drain()
        await asyncio.sleep(0)  # lets the event loop notice that the client has closed the connection

    async def next(self) -> tuple[int, int, int, bytes]:
        """Kind, flags, stream and payload of the next frame. Acknowledges SETTINGS."""
        size = await self.reader.readexactly(9)
        payload = await self.reader.readexactly(int.from_bytes(size[:3], "big"))
        if size[3] == SETTINGS and not size[4] & ACK:
            await self.send(frame(SETTINGS, ACK))
        return size[3], size[4], int.from_bytes(size[5:], "big"), payload

    async def request(self, whole: bool = True) -> int:
        """The stream of the next request, after its end or (with `whole=False`) after its head."""
        while True:
            kind, flags, stream, _ = await self.next()
            if kind in {HEADERS, DATA} and (flags & END_STREAM or (kind == HEADERS and not whole)):
                return stream

    async def answer(self, stream: int, body: bytes = b"", status: int = 200) -> None:
        """Sends a valid response."""
        await self.send(frame(HEADERS, END_HEADERS, stream, head(status)), frame(DATA, END_STREAM, stream, body))

    async def reset(self, stream: int, reason: int) -> None:
        """Resets a stream."""
        await self.send(frame(RST_STREAM, 0, stream, struct.pack(">I", reason)))

    async def go_away(self, last: int, reason: int = NO_ERROR) -> None:
        """Sends GOAWAY."""
        await self.send(frame(GOAWAY, 0, 0, struct.pack(">II", last, reason)))

    async def flood(self, what: bytes) -> None:
        """Sends `what` repeatedly until the client closes the connection."""
        many = what * (65536 // len(what) + 1)
        while True:
            await self.send(many)


class Peer(Server):
    """Runs `behave` on each connection; `spoken` has the `Frames` of each."""

    def __init__(self, tls: ssl.SSLContext, behave: Callable[[Frames], Awaitable[None]]) -> None:
        super().__init__(tls)
        self.behave = behave
        self.spoken: list[Frames] = []

    async def serve(self, connection: Connection) -> None:
        frames = Frames(connection)
        self.spoken.append(frames)
        await self.behave(frames)
