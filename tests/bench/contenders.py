"""The contenders: each library with its styles, event loops and suitable workloads."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from workloads import WORKLOADS, Workload

LOOPS = ("asyncio", "uvloop")
# One loop is enough if its cost is negligible compared with the bodies.
ONE_LOOP = {"W3", "W3-tls", "W4", "W4f", "W5"}


class Style(NamedTuple):
    """One way to use a library."""

    name: str
    call: str
    workloads: str
    """Keys, as in ``W1 W2``."""
    loops: tuple[str, ...] = ("",)
    quick: str = ""
    """Keys in a quick run, which uses the first loop."""
    samples: str = ""
    """Fewer requests where it is slow, as in ``W1:400 W2:300``."""

    def sample(self, workload: Workload) -> int:
        """The number of requests; 0 for all."""
        return next(
            (int(n) for key, _, n in (item.partition(":") for item in self.samples.split()) if key == workload.key), 0
        )


class Library(NamedTuple):
    """A library: its styles, and the workloads without it."""

    name: str
    styles: tuple[Style, ...]
    skips: tuple[tuple[str, str], ...] = ()
    """Workloads without it, and the reasons."""
    pure_rust: bool = False
    idle: bool = False
    """Whether it fetches nothing, so that there is nothing to check."""


NO_TLS = ("W1-tls W3-tls", "TLS is compared with the fastest C client, aiohttp and hyper")
NO_LOOP = ("W1-ticker", "it has no event loop")
NO_BATCH = ("W1-ticker", "it has no batch; with single calls, as many as in W6")
FLOOR = ("W1-ticker W4f W5", "files and event loops are not what a floor is for")
SINGLES = "W1 W2 W3 W4 W4f W5 W6 W7"
# Shoal alone: whether the cost of a request depends on their number.
SCALE = " ".join(workload.key for workload in WORKLOADS if workload.each)

LIBRARIES = (
    Library(
        "shoal",
        (
            Style(
                "batch", "`gather_fetch(urls)`", "W1 W1-tls W1-ticker W2 W3 W3-tls W4f W5 W6 W7", LOOPS,
                quick="W1 W1-tls W1-ticker W2 W3 W3-tls W4f W5 W6 W7",
            ),
            Style("singles", "`await client.get(url)`", "W1 W1-tls W2 W3 W4 W6 W7", LOOPS, quick="W1 W4 W7"),
            Style("calls", "`gather_fetch(urls)`", SCALE, LOOPS[:1], quick="scale-100 scale-1000 scale-100000"),
            Style("stream", "`async for r in stream_fetch(urls)`", SCALE, LOOPS[:1], quick="scale-1000 scale-100000"),
        ),
    ),
    Library(
        "asyncio",
        (Style("idle", "`asyncio.sleep`: what the machine does by itself", "W1-ticker", LOOPS, quick="W1-ticker"),),
        (("W1 W1-tls W2 W3 W3-tls W4 W4f W5 W6 W7", "it fetches nothing"),), idle=True,
    ),
    Library(
        "hyper",
        (Style("floor", "pure Rust, one thread", "W1 W1-tls W2 W3 W3-tls W4 W6 W7", quick="W1 W1-tls W3 W4 W6 W7"),),
        (FLOOR,), pure_rust=True,
    ),
    Library("reqwest", (Style("floor", "pure Rust, one thread", "W1 W2 W3 W4 W6 W7"),),
            (NO_TLS, FLOOR), pure_rust=True),
    Library("raw", (Style("floor", "tokio's sockets and httparse, one thread", "W1 W2 W3 W4 W6 W7"),),
            (NO_TLS, FLOOR), pure_rust=True),
    Library(
        "pycurl",
        (Style("batch", "`CurlMulti`, socket actions over epoll", "W1 W1-tls W2 W3 W3-tls W4 W4f W5 W6 W7",
               quick="W1 W2 W3 W3-tls W4 W4f W5"),),
        (NO_LOOP,),
    ),
    Library(
        "aiohttp",
        (
            Style("singles", "`async with session.get(url)`", f"{SINGLES} W1-tls W3-tls W1-ticker", LOOPS,
                  quick="W1 W2 W6 W1-tls"),
            Style("json", "the same, and its own `response.json()`", "W2", LOOPS, quick="W2"),
            Style("aiofiles", "the same, and aiofiles", "W5", LOOPS, quick="W5"),
        ),
    ),
    Library("ry", (Style("singles", "`await client.get(url)`", SINGLES, LOOPS, quick="W1"),), (NO_TLS, NO_BATCH)),
    Library("pyreqwest", (Style("singles", "`await client.get(url).build().send()`", SINGLES, LOOPS, quick="W1"),),
            (NO_TLS, NO_BATCH)),
    Library("wreq", (Style("singles", "`await client.get(url)`", SINGLES, LOOPS, quick="W1"),), (NO_TLS, NO_BATCH)),
    Library(
        "daft", (Style("batch", '`col("url").download()`', "W1 W2 W3 W4 W5"),),
        (NO_TLS, NO_LOOP, ("W4f", "it has no way from a response to a file but through memory"),
         ("W6 W7", "a query engine: batches, not thousands of requests in flight")),
    ),
    Library(
        "curl_cffi",
        (Style("singles", "`await session.get(url)`", "W1 W2 W3 W4 W4f W5 W6", ("asyncio",),
               samples="W1:4000 W2:2000 W5:1000 W6:2000"),),
        (NO_TLS, NO_BATCH, ("W7", "as in W6, and a handle of 200 KB for each request")),
    ),
    Library(
        "niquests",
        (Style("singles", "`await session.get(url)`", "W1 W2 W3 W4 W4f W5 W6", ("asyncio",),
               samples="W1:1500 W2:1000 W5:600 W6:2000"),),
        (NO_TLS, NO_BATCH, ("W7", "as in W6, only longer")),
    ),
    Library(
        "requests",
        (Style("batch", "50 threads, a session each", "W1 W2 W3 W4 W4f W5", samples="W1:1500 W2:1000 W5:600"),),
        (NO_TLS, NO_LOOP, ("W6 W7", "50 threads have 50 requests in flight")),
    ),
    Library(
        "httpx",
        (Style("singles", "`await client.get(url)`", "W1 W2 W3 W4 W4f W5 W6", ("asyncio",),
               samples="W1:1000 W2:600 W5:600 W6:1000"),),
        (NO_TLS, NO_BATCH, ("W7", "the time it takes grows with the square of what is in flight: minutes")),
    ),
)  # fmt: skip


class Result(NamedTuple):
    """One measurement: per request, except the total wall time and memory."""

    cpu: float
    wall: float
    peak_rss: int
    growth: int
    late: tuple[float, ...]
    """The delay of each tick in ms."""


@dataclass
class Entry:
    """A library in one style on one loop at one workload."""

    workload: Workload
    library: Library
    style: Style
    loop: str
    n: int
    sampled: bool = False
    results: list[Result] = field(default_factory=list)
    failure: str = ""

    @property
    def mode(self) -> str:
        """The argument of the client scripts."""
        return f"{self.style.name}-{self.loop}" if self.loop else self.style.name

    @property
    def key(self) -> str:
        """The name in goals and for ``--only``."""
        return f"{self.library.name} {self.mode}"

    @property
    def label(self) -> str:
        """The name in the report."""
        return f"{self.workload.key} {self.key}"

    def median(self, measure: str) -> float:
        """The median of a measure over the rounds: see `MEASURES`."""
        return float(statistics.median(MEASURES[measure](self, result) for result in self.results))

    def late(self, share: float) -> float:
        """The quantile of the ticker's delay over all rounds, in ms."""
        ticks = sorted(late for result in self.results for late in result.late)
        return ticks[min(len(ticks) - 1, int(share * len(ticks)))] if ticks else 0.0


def bodies(entry: Entry) -> int:
    """Bytes of the results in the caller's memory at the end."""
    task = "bytes" if entry.library.pure_rust else entry.workload.task
    if entry.style.name == "stream":
        return 0
    return entry.n * entry.workload.size if task == "bytes" else 0


MEASURES: dict[str, Callable[[Entry, Result], float]] = {
    "cpu": lambda entry, result: result.cpu / entry.n / entry.workload.unit,
    # The result of a sample is scaled up.
    "wall": lambda entry, result: result.wall * entry.workload.n / entry.n if entry.sampled else result.wall,
    "peak": lambda entry, result: result.peak_rss / 1e6,
    "above": lambda entry, result: (result.growth - bodies(entry)) / (1 << 20),
    "each": lambda entry, result: result.growth / entry.n / 1024,
    "p50": lambda entry, _: entry.late(0.5),
    "p99": lambda entry, _: entry.late(0.99),
    "most": lambda entry, _: entry.late(1),
}


def entries_of(*, quick: bool = False, rivals: bool = False, n: int = 0) -> list[Entry]:
    """All contenders at all workloads, or Shoal and its nearest ``rivals`` on one loop."""
    found = []
    for workload in WORKLOADS:
        for library in LIBRARIES:
            for style in library.styles:
                if workload.key not in (style.quick if rivals else style.workloads).split():
                    continue
                loops = style.loops[:1] if rivals or workload.key in ONE_LOOP else style.loops
                whole = n or (workload.quick if quick else workload.n)
                sample = style.sample(workload)
                sampled = 0 < sample < whole
                found += [
                    Entry(workload, library, style, loop, sample if sampled else whole, sampled) for loop in loops
                ]
    return found
