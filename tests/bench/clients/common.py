"""What every client script shares: the work, the clock, and the one line of JSON at the end.

A script is called with ``mode task url n concurrency size folder`` and measures itself from the moment its client
exists to the moment the last result is in hand. Importing, making the URLs, checking the results and exiting stay
outside the clock, so the figures compare libraries, not interpreters. CPU time is that of the whole process, its own
threads included; memory is what the process has at most, counted anew from the start of the clock.

``mode`` is a style, or a style and an event loop: ``batch``, ``batch-asyncio``, ``singles-uvloop``. ``task`` says what
the results are: ``bytes`` (the bodies), ``json`` (Python objects) or ``files`` (in ``folder``, one for each URL);
``+tick`` after it asks how late a ticker on the event loop is meanwhile, ``+100`` for calls of 100 requests each.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import sys
import time
import zlib
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

Body = bytes | bytearray | memoryview
Style = Callable[["Work"], Coroutine[Any, Any, None] | None]

TICK = 0.005
# Larger bodies are written in pieces, as they arrive.
LARGE = 256 * 1024
# The authority of the server's certificate, where it speaks TLS.
AUTHORITY = os.environ.get("SHOAL_BENCH_CA", "")


class Work:
    """The requests of one run, and the clock around them."""

    def __init__(self, task: str, url: str, n: int, concurrency: int, size: int, folder: str) -> None:
        self.task, *extras = task.split("+")
        # Distinct URLs, so that nobody gains from having seen the same one before.
        self.urls = [url.replace("{i}", str(i)) for i in range(n)]
        self.paths = [f"{folder}/{i:05}.body" for i in range(n)] if self.task == "files" else [""] * n
        self.folder = folder
        self.tls = url.startswith("https:")
        self.concurrency = concurrency
        self.size = size
        self.results: Sequence[Any] = ()
        self.late: list[float] = []
        self.figures: dict[str, float] = {}
        self.each = next((int(extra) for extra in extras if extra.isdecimal()), n)
        self._tick = "tick" in extras
        self._checksum: int | None = None
        self._ticker: asyncio.Task[None] | None = None

    def start(self) -> None:
        """The client is made: start the clock."""
        if not self._ticker:
            gc.collect()
        # The high-water mark starts again at what is in use.
        Path("/proc/self/clear_refs").write_text("5")
        self._rss = _memory("VmRSS:")
        self._cpu, self._wall = _cpu_seconds(), time.perf_counter()

    def finish(self, results: Sequence[Any], checksum: int | None = None) -> None:
        """Every result is in hand, in the order of ``urls``: stop the clock. With a ``checksum`` they may be gone."""
        cpu, wall, peak = _cpu_seconds() - self._cpu, time.perf_counter() - self._wall, _memory("VmHWM:")
        self.figures = {"cpu": cpu, "wall": wall, "peak_rss": peak, "growth": peak - self._rss}
        self.results, self._checksum = results, checksum

    def calls(self) -> Iterator[list[str]]:
        """The URLs, ``each`` of them at a time."""
        return (self.urls[start : start + self.each] for start in range(0, len(self.urls), self.each))

    async def start_ticker(self) -> None:
        """Before `start`: has the loop tick from here on, if it is to."""
        if self._tick:
            # Here, and not in `start`: it holds the loop up for 6 ms.
            gc.collect()
            self._ticker = asyncio.create_task(self._count())
            await asyncio.sleep(2 * TICK)

    async def stop_ticker(self) -> None:
        """All results have arrived. If the loop was held up, the ticker has its turn: its timer, its future, itself."""
        if self._ticker:
            for _ in range(3):
                await asyncio.sleep(0)
            self._ticker.cancel()

    async def _count(self) -> None:
        while True:
            due = time.perf_counter() + TICK
            await asyncio.sleep(TICK)
            self.late.append(time.perf_counter() - due)

    async def singles(
        self,
        fetch: Callable[[str], Awaitable[Body]],
        parse: Callable[[str], Awaitable[Any]] | None = None,
        save: Callable[[str, str], Awaitable[None]] | None = None,
    ) -> None:
        """Await every request by itself: ``concurrency`` tasks take the next URL until none is left.

        This is the cheapest way to hold ``concurrency`` requests in flight; a task per URL behind a semaphore costs
        20 to 95 microseconds more per request in every library.
        """
        results: list[Any] = [None] * len(self.urls)
        queue = iter(enumerate(self.urls))

        async def get() -> None:
            for index, url in queue:
                results[index] = await fetch(url)

        async def get_objects() -> None:
            assert parse
            for index, url in queue:
                results[index] = looked_at(await parse(url))

        async def get_files() -> None:
            assert save
            for index, url in queue:
                await save(url, self.paths[index])

        worker = {"bytes": get, "json": get_objects, "files": get_files}[self.task]
        await self.start_ticker()
        self.start()
        await asyncio.gather(*(worker() for _ in range(self.concurrency)))
        await self.stop_ticker()
        self.finish(results)

    def checksum(self) -> int:
        """Of all bodies, or of all objects as canonical JSON; files are read by the one who wants them."""
        if self._checksum is not None:
            return self._checksum
        checksum = 0
        if self.task == "files":
            return checksum
        for result in self.results:
            body = canonical(result) if self.task == "json" else result
            checksum = zlib.crc32(body, checksum)
        return checksum


def looked_at(document: Any) -> Any:
    """What is kept of an object: one of fifty, to compare it whole, and of the others the number and the rows.

    With all of them kept, Python's garbage collector adds 100 to 180 microseconds a document in every client: it looks
    at all that is there again and again.
    """
    index = document["i"]
    return (index, len(document["rows"])) if index % 50 else document


def canonical(value: Any) -> bytes:
    """Equal objects, equal bytes."""
    return json.dumps(value, sort_keys=True).encode()


def main(styles: Mapping[str, Style]) -> None:
    """Runs the style named in ``sys.argv`` and prints the result as one line of JSON."""
    mode, task, url, n, concurrency, size, folder = sys.argv[1:]
    style, _, loop = mode.partition("-")
    work = Work(task, url, int(n), int(concurrency), int(size), folder)
    outcome = styles[style](work)
    if outcome is not None:
        _runner(loop)(outcome)
    late = [round(seconds * 1e3, 3) for seconds in work.late]
    print(
        json.dumps({**work.figures, "count": len(work.results), "checksum": work.checksum(), "late": late}), flush=True
    )
    # How a library leaves is not measured: one of them aborts now and then, with its runtime's threads still at work.
    os._exit(0)


def _runner(loop: str) -> Callable[[Any], None]:
    if loop == "uvloop":
        import uvloop

        return uvloop.run
    if loop == "asyncio":
        return asyncio.run
    raise SystemExit(f"unknown loop {loop!r}")


def check_status(status: int) -> None:
    """A fast answer that is not 200 must not win."""
    if status != 200:
        raise SystemExit(f"status {status}")


def write(path: str, body: Body) -> None:
    """The cheapest way to write a file; it holds up the loop meanwhile."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        os.write(fd, body)
    finally:
        os.close(fd)


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _memory(what: str) -> int:
    """A line of the kernel's account of this process, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) * 1024
    raise SystemExit(f"no {what} on this system")
