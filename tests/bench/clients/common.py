"""The common part of the client scripts: the work, the clock, and the line of JSON at the end.

A script is called with ``mode task url n concurrency size folder``. It measures from after the creation of its client
to the last result. Importing, making the URLs, checking the results and exiting are not measured, so the numbers
compare libraries, not interpreters. CPU time is that of the whole process with all its threads; memory is the peak of
the process since the start of the measurement.

``mode`` is a style, or a style and an event loop: ``batch``, ``batch-asyncio``, ``singles-uvloop``. ``task`` is the
kind of results: ``bytes`` (the bodies), ``json`` (Python objects) or ``files`` (in ``folder``, one for each URL). The
suffix ``+tick`` adds the delay of a ticker on the event loop, ``+100`` makes calls of 100 requests each.
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
# Larger bodies are written in pieces as they arrive.
LARGE = 256 * 1024
# The authority of the server's certificate, if it speaks TLS.
AUTHORITY = os.environ.get("SHOAL_BENCH_CA", "")


class Work:
    """The requests of one run, and the clock around them."""

    def __init__(self, task: str, url: str, n: int, concurrency: int, size: int, folder: str) -> None:
        self.task, *extras = task.split("+")
        # Distinct URLs, so that no client gains from a repeated one.
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
        """Starts the clock, after the client was made."""
        if not self._ticker:
            gc.collect()
        # Resets the high-water mark to the memory in use.
        Path("/proc/self/clear_refs").write_text("5")
        self._rss = _memory("VmRSS:")
        self._cpu, self._wall = _cpu_seconds(), time.perf_counter()

    def finish(self, results: Sequence[Any], checksum: int | None = None) -> None:
        """Stops the clock; takes the results in the order of ``urls``, or their ``checksum``."""
        cpu, wall, peak = _cpu_seconds() - self._cpu, time.perf_counter() - self._wall, _memory("VmHWM:")
        self.figures = {"cpu": cpu, "wall": wall, "peak_rss": peak, "growth": peak - self._rss}
        self.results, self._checksum = results, checksum

    def calls(self) -> Iterator[list[str]]:
        """The URLs, ``each`` of them at a time."""
        return (self.urls[start : start + self.each] for start in range(0, len(self.urls), self.each))

    async def start_ticker(self) -> None:
        """Starts the ticker on the loop if one is wanted; called before `start`."""
        if self._tick:
            # Not in `start`, because it blocks the loop for 6 ms.
            gc.collect()
            self._ticker = asyncio.create_task(self._count())
            await asyncio.sleep(2 * TICK)

    async def stop_ticker(self) -> None:
        """Called when all results have arrived. After a blocked loop the ticker runs: its timer, its future, itself."""
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
        """The checksum of all bodies, or of all objects as canonical JSON; files are read by the caller."""
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
    """The part of an object that is kept: every fiftieth whole, of the others the number and the rows.

    If all objects were kept, Python's garbage collector would add 100 to 180 microseconds a document in every client,
    because it scans them repeatedly.
    """
    index = document["i"]
    return (index, len(document["rows"])) if index % 50 else document


def canonical(value: Any) -> bytes:
    """Canonical JSON: equal objects have equal bytes."""
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
    # The exit is not measured: one library sometimes aborts there, while threads of its runtime still run.
    os._exit(0)


def _runner(loop: str) -> Callable[[Any], None]:
    if loop == "uvloop":
        import uvloop

        return uvloop.run
    if loop == "asyncio":
        return asyncio.run
    raise SystemExit(f"unknown loop {loop!r}")


def check_status(status: int) -> None:
    """Fails for a status other than 200, because a fast error must not win."""
    if status != 200:
        raise SystemExit(f"status {status}")


def write(path: str, body: Body) -> None:
    """Writes a file in the fastest way, which blocks the loop."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        os.write(fd, body)
    finally:
        os.close(fd)


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _memory(what: str) -> int:
    """A line of /proc/self/status in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) * 1024
    raise SystemExit(f"no {what} on this system")
