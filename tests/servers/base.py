"""The base of the test servers: a thread with a loop, a free port, and a record of all connections and requests."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Self

PATIENCE = 10.0


@contextmanager
def refusing() -> Iterator[str]:
    """The base URL of a reserved port without a listener: connections are refused."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{reserved.getsockname()[1]}"


@dataclass
class Request:
    """One request as received."""

    method: str
    target: str
    version: str
    headers: list[tuple[str, str]]
    body: bytes = b""

    def all(self, name: str) -> list[str]:
        """All values of a header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name: str) -> str | None:
        """The value of a header, or `None`; fails if the client sent the header twice."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} was sent {len(values)} times: {values}"
        return values[0] if values else None


@dataclass
class Connection:
    """One TCP connection: its requests, and whether it is closed."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    requests: list[Request] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)

    async def read_request(self) -> Request | None:
        """The next request with its body, or `None` at the end of the connection."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise
            return None
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        method, target, version = first.split(" ")
        fields = (line.partition(":") for line in lines)
        request = Request(method, target, version, [(name, value.strip()) for name, _, value in fields])
        if length := request.get("content-length"):
            request.body = await self.reader.readexactly(int(length))
        elif request.get("transfer-encoding") == "chunked":
            request.body = await self._read_chunks()
        self.requests.append(request)
        return request

    async def _read_chunks(self) -> bytes:
        body = bytearray()
        while size := int(await self.reader.readline(), 16):
            body += await self.reader.readexactly(size)
            await self.reader.readline()
        while (await self.reader.readline()).strip():
            pass
        return bytes(body)

    async def wait_closed(self) -> None:
        """Waits until the client has closed the connection; discards the data that still arrives."""
        while await self.reader.read(65536):
            pass


class Server:
    """A server with its own thread; a context manager. Subclasses implement `serve`."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.tls = tls
        self.connections: list[Connection] = []
        self.failures: list[BaseException] = []
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=type(self).__name__, daemon=True)
        self._ready = threading.Event()
        self._stop = asyncio.Event()

    async def serve(self, connection: Connection) -> None:
        """Serves one connection, which is closed afterwards."""
        raise NotImplementedError

    @property
    def requests(self) -> list[Request]:
        """All requests so far, in the order of their connections."""
        return [request for connection in list(self.connections) for request in list(connection.requests)]

    @property
    def url(self) -> str:
        """The base URL, without a trailing slash."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def wait_for(self, condition: Callable[[], bool], within: float = PATIENCE) -> bool:
        """Waits for `condition`; returns `False` after `within` seconds."""
        end = time.monotonic() + within
        while not condition():
            if time.monotonic() > end:
                return False
            time.sleep(0.005)
        return True

    def wait_open(self, count: int, within: float = PATIENCE) -> bool:
        """Waits for `count` connections; returns `False` after `within` seconds."""
        return self.wait_for(lambda: len(self.connections) >= count, within)

    def wait_requests(self, count: int, within: float = PATIENCE) -> bool:
        """Waits for `count` requests; returns `False` after `within` seconds."""
        return self.wait_for(lambda: len(self.requests) >= count, within)

    def wait_all_closed(self, within: float = PATIENCE) -> bool:
        """Waits until all connections are closed; returns `False` after `within` seconds."""
        return self.wait_for(lambda: all(connection.closed.is_set() for connection in self.connections), within)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(PATIENCE):
            raise RuntimeError("the server did not start")
        if self.failures:
            raise self.failures[0]
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE)
        if kind is None:
            assert not self._thread.is_alive(), "the server did not stop"
            if self.failures:
                raise self.failures[0]

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._main())
        except BaseException as error:  # noqa: BLE001 - raised again in the test's thread
            self.failures.append(error)
        finally:
            self._ready.set()
            self._loop.close()

    def _on_loop_error(self, _loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        error = context.get("exception")
        # A client that rejects a certificate ends the handshake with an OSError.
        if not isinstance(error, OSError):
            self.failures.append(error if isinstance(error, BaseException) else RuntimeError(context.get("message")))

    async def _main(self) -> None:
        self._loop.set_exception_handler(self._on_loop_error)
        listener = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self.tls, backlog=1024, limit=1 << 20)
        self.port = listener.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        # Stop accepting. Connections accepted just before still reach their handler, because a task that is cancelled
        # before its first step closes nothing.
        for taking in listener.sockets:
            self._loop.remove_reader(taking.fileno())
        for _ in range(5):
            await asyncio.sleep(0)
        listener.close()
        # Cancel all tasks, also those of connections in their handshake.
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # A connection that has no handler yet is listed only among the loop's transports.
        for transport in list(getattr(self._loop, "_transports", {}).values()):
            transport.abort()
        await asyncio.sleep(0.01)  # transports close in a later iteration of the loop

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        self.connections.append(connection)
        try:
            await self.serve(connection)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client closed the connection, as some tests intend
        except asyncio.CancelledError:
            pass  # the server is stopping; asyncio would log a cancelled handler
        except Exception as error:  # noqa: BLE001 - raised again in the test's thread
            self.failures.append(error)
        finally:
            connection.closed.set()
            writer.close()
