"""What every client script shares: the work, the clock, and the one line of JSON at the end.

A script is called with ``base_url n concurrency mode`` and measures itself from the moment its client exists to the
moment the last body is in hand. Importing, making the URLs, checking the bodies and exiting stay outside the clock, so
the figures compare libraries, not interpreters. CPU time is that of the whole process, its own threads included.

``mode`` is a style, or a style and an event loop: ``batch``, ``batch-asyncio``, ``singles-uvloop``.
"""

from __future__ import annotations

import asyncio
import gc
import json
import platform
import resource
import sys
import time
import zlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

Body = bytes | bytearray | memoryview
Style = Callable[["Work"], Coroutine[Any, Any, None] | None]


class Work:
    """The requests of one run, and the clock around them."""

    def __init__(self, base_url: str, n: int, concurrency: int) -> None:
        # Distinct URLs, so that nobody gains from having seen the same one before; every body has its number in it.
        self.urls = [f"{base_url}/json/111?i={i}" for i in range(n)]
        self.concurrency = concurrency
        self.bodies: Sequence[Body] = ()
        self.cpu = self.wall = 0.0
        self.peak_rss = 0

    def start(self) -> None:
        """The client is made: start the clock."""
        gc.collect()
        self._cpu, self._wall = _cpu_seconds(), time.perf_counter()

    def finish(self, bodies: Sequence[Body]) -> None:
        """Every body is in hand, in the order of ``urls``: stop the clock."""
        self.cpu, self.wall = _cpu_seconds() - self._cpu, time.perf_counter() - self._wall
        self.peak_rss = _peak_rss()
        self.bodies = bodies

    async def singles(self, fetch: Callable[[str], Awaitable[Body]]) -> None:
        """Await every request by itself: ``concurrency`` tasks take the next URL until none is left.

        This is the cheapest way to hold ``concurrency`` requests in flight; a task per URL behind a semaphore costs
        20 to 95 microseconds more per request in every library.
        """
        bodies: list[Body] = [b""] * len(self.urls)
        queue = iter(enumerate(self.urls))

        async def worker() -> None:
            for index, url in queue:
                bodies[index] = await fetch(url)

        self.start()
        await asyncio.gather(*(worker() for _ in range(self.concurrency)))
        self.finish(bodies)


def main(library: str, styles: Mapping[str, Style]) -> None:
    """Runs the style named in ``sys.argv`` and prints the result as one line of JSON."""
    base_url, n, concurrency, mode = sys.argv[1:]
    style, _, loop = mode.partition("-")
    work = Work(base_url, int(n), int(concurrency))
    packages = [library]
    run: Callable[[Any], None] | None = None
    if loop == "uvloop":
        import uvloop

        packages.append("uvloop")
        run = uvloop.run
    elif loop == "asyncio":
        run = asyncio.run
    elif loop:
        raise SystemExit(f"unknown loop {loop!r}")
    outcome = styles[style](work)
    if outcome is not None:
        if run is None:
            raise SystemExit(f"mode {mode!r} needs a loop: {style}-asyncio or {style}-uvloop")
        run(outcome)
    checksum = 0
    for body in work.bodies:
        checksum = zlib.crc32(body, checksum)
    result = {
        "cpu": work.cpu,
        "wall": work.wall,
        "peak_rss": work.peak_rss,
        "count": len(work.bodies),
        "checksum": checksum,
        "versions": {package: version(package) for package in packages},
        "python": platform.python_version(),
    }
    print(json.dumps(result))


def check_status(status: int) -> None:
    """A fast answer that is not 200 must not win."""
    if status != 200:
        raise SystemExit(f"status {status}")


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _peak_rss() -> int:
    """Bytes. ``ru_maxrss`` would start at the size of the process that started this one."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
