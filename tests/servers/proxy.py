"""An HTTP proxy: it tunnels CONNECT and forwards other requests; a password is optional."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from servers.base import Server

if TYPE_CHECKING:
    from servers.base import Connection, Request

_HOP_BY_HOP = {"connection", "proxy-connection", "proxy-authorization", "keep-alive"}


class Proxy(Server):
    """Forwards to loopback only. `requests` has the requests to the proxy, `refused` counts wrong passwords.

    A tunnel counts as one request with the method CONNECT. `answer` replaces every response, for a proxy that refuses.
    """

    def __init__(self, user: str | None = None, password: str = "", answer: bytes | None = None) -> None:
        super().__init__()
        self.answer = answer
        self.refused = 0
        self.credentials = user and "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    @property
    def tunnels(self) -> list[str]:
        """The targets of CONNECT requests."""
        return [request.target for request in self.requests if request.method == "CONNECT"]

    @property
    def forwarded(self) -> list[str]:
        """The URLs of forwarded requests."""
        return [request.target for request in self.requests if request.method != "CONNECT"]

    async def serve(self, connection: Connection) -> None:
        while request := await connection.read_request():
            if self.answer is not None:
                connection.writer.write(self.answer)
                return
            if self.credentials and request.get("proxy-authorization") != self.credentials:
                self.refused += 1
                connection.writer.write(
                    b"HTTP/1.1 407 Proxy Authentication Required\r\n"
                    b'Proxy-Authenticate: Basic realm="proxy"\r\nContent-Length: 0\r\n\r\n'
                )
                continue
            if request.method == "CONNECT":
                await self._tunnel(connection, request)
                return
            await self._forward(connection, request)

    async def _tunnel(self, connection: Connection, request: Request) -> None:
        host, _, port = request.target.rpartition(":")
        reader, writer = await _connect(host, int(port))
        connection.writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await asyncio.gather(_copy(connection.reader, writer), _copy(reader, connection.writer))
        finally:
            writer.close()

    async def _forward(self, connection: Connection, request: Request) -> None:
        url = urlsplit(request.target)
        reader, writer = await _connect(url.hostname or "", url.port or 80)
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        kept = [f"{name}: {value}" for name, value in request.headers if name.lower() not in _HOP_BY_HOP]
        lines = [f"{request.method} {target} HTTP/1.1", *kept, "Via: 1.1 tests", "Connection: close", "", ""]
        try:
            writer.write("\r\n".join(lines).encode("latin-1") + request.body)
            while data := await reader.read(65536):
                connection.writer.write(data)
                await connection.writer.drain()
        finally:
            writer.close()


async def _connect(host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    # All servers of the tests are on loopback, so the host name is ignored.
    del host
    return await asyncio.open_connection("127.0.0.1", port)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
