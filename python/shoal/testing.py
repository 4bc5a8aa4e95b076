"""An HTTP server for tests, demos and benchmarks, part of the extension: no dependency, no Docker, no fixed port.

>>> from shoal.testing import Server
>>> with Server() as server:
...     url = server.url("/json/100?i=7")

It has well-behaved routes (``/json/{n}``, ``/echo``, ``/gzip/{n}``, ...) and faulty ones (``/fault/...``).
`Server` lists them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shoal import _shoal

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["Server", "ServerStats", "serve"]


@dataclass(frozen=True)
class ServerStats:
    """The counters of a `Server` since its start or its last ``reset_stats()``."""

    requests: int
    """Requests whose head was read."""
    connections_opened: int
    """Connections accepted."""
    connections_open: int
    """Connections open now."""
    peak_connections: int
    """The most connections open at a time."""
    requests_active: int
    """Requests being answered now."""
    peak_requests: int
    """The most requests being answered at a time."""
    bytes_sent: int
    """Bytes sent, heads included."""


class Server(_shoal.Server):
    """An HTTP/1.1 server on its own threads. It runs from construction until ``close()``.

    Use it with ``with`` or ``async with``, or call ``close()``, which closes the port and every connection and may be
    called any number of times. A dropped server closes itself. All methods may be called from any thread. A forked
    child cannot serve or close it; the parent continues to serve.

    Parameters (by keyword):

    - ``host``: the address to listen on. Default ``"127.0.0.1"``.
    - ``port``: the port; 0 (default) takes a free one.
    - ``latency``: seconds before each answer of ``/stats/...``. Default 0.0.
    - ``players``: how many players ``/stats/...`` knows. Default 500.
    - ``threads``: threads that serve, 1 to 256. Default 1.

    Raises ``OSError`` if the address cannot be taken, ``ValueError`` for a parameter out of range.

    Routes, with their defaults; ``key=`` in any query counts the request for ``attempts(key)``:

    - ``/bytes/{n}``: n bytes; byte i is ``i % 251``. ``/json/{n}?i=``: a JSON object of n bytes (64 or more) whose
      member ``i`` is the parameter; ``rows`` holds objects.
    - ``/delay/{ms}?n=``: answers late, with n bytes. ``/status/{code}``; 100, 102 and 103 come before a 200.
      ``/empty``: 204.
    - ``/echo``: any method; JSON of ``method path raw_path raw_query query headers body body_base64 body_length client
      http_version``. Bodies up to 64 MiB. ``/upload``: length and CRC-32 of a body up to 1 GiB.
    - ``/response-headers?X-A=1&X-A=2``: these headers. ``/cookies``: those sent. ``/cookies/set?name=value``: sets;
      ``redirect=`` and ``attributes=`` (``Path=/``).
    - ``/redirect/{n}?code=302``: n relative redirects to ``/echo``. ``/redirect-to?url=&code=``. ``/redirect-loop``.
    - ``/gzip/{n}``, ``/br/{n}``, ``/zstd/{n}``, ``/deflate/{n}`` (``?raw=1``): the document of ``/json/{n}`` (1024),
      encoded. ``/charset?name=latin-1&text=&declare=1&html=0``: text in an encoding.
    - ``/chunked/{n}?piece=4096`` (``&trailers``). ``/sse?n=10&interval_ms=0``: server-sent events.
    - ``/etag?value=``: 304 for a matching ``If-None-Match``. ``/range/{n}``: 206 and 416.
    - ``/basic-auth/{user}/{password}``, ``/bearer?token=``: 401 without the credentials.
    - ``/close``: ends the connection. ``/http10``: an HTTP/1.0 response without a length.
    - ``/stats/commonallplayers?IsOnlyCurrentSeason=0`` and ``/stats/commonplayerinfo?PlayerID=``: a statistics service
      with ``resultSets`` of ``name``, ``headers`` and ``rowSet``; 404 for an unknown id, 400 without one.

    Faults:

    - ``/fault/reset`` (``?after=``): a TCP reset, before any byte or after n bytes of the body.
    - ``/fault/truncate?n=1000&sent=500``: closes before the announced length.
    - ``/fault/stall`` (``?after=``): silence before the head, or after n bytes of the body.
    - ``/fault/drip?n=10&interval_ms=100``: one byte at a time.
    - ``/fault/flaky/{k}?key=&code=503&kind=status``: fails the first k requests of that key, then answers with the
      attempt's number; ``kind`` may be ``status``, ``reset``, ``close``, ``stall`` or ``truncate``.
    - ``/fault/429?retry_after=1&key=&k=1``, ``/fault/retry-after-date?seconds=1&key=&k=1&code=503``: ``Retry-After``.
    - ``/fault/oversized-headers?n=1000000`` (or ``count=``): one large header, or many.
    - ``/fault/bad-chunk``, ``/fault/bad-head``, ``/fault/bad-length``: no HTTP.
    - ``/fault/gzip-bomb?mb=300``, ``/fault/br-bomb``, ``/fault/zstd-bomb``: small bodies that unpack to ``mb`` MiB.
    - ``/fault/corrupt-gzip?n=4096``, ``/fault/truncated-gzip?n=4096``.
    """

    @property
    def stats(self) -> ServerStats:
        """A snapshot of the counters."""
        return ServerStats(**self._stats())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def serve(
    host: str = "127.0.0.1",
    port: int = 8000,
    latency: float = 0.0,
    players: int = 500,
    threads: int = 1,
) -> None:
    """Run a `Server` in the foreground: print its base URL once it listens, and return after Ctrl-C.

    - ``host``, ``port``: where to listen; port 0 takes a free one. Default ``127.0.0.1:8000``.
    - ``latency``: seconds before each answer of ``/stats/...``. Default 0.0.
    - ``players``: how many players ``/stats/...`` knows. Default 500.
    - ``threads``: threads that serve. Default 1.

    Raises ``OSError`` if the address cannot be taken.
    """
    with Server(host=host, port=port, latency=latency, players=players, threads=threads) as server:
        try:
            print(server.base_url, flush=True)
            while True:  # unlike a lock, sleep ends at Ctrl-C on every system
                time.sleep(3600)
        except KeyboardInterrupt:
            pass
