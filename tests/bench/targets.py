"""The goals of the HTTP side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import report
from contenders import LOOPS, Entry

NAMES = {
    "cpu": "CPU",
    "wall": "wall time",
    "above": "memory above the bodies, MiB",
    "each": "memory for each request, KiB",
    "p99": "ticker late at p99, ms",
    "most": "ticker late at most, ms",
}


class Goal(NamedTuple):
    """At least ``factor`` times less than ``theirs``; or at most ``limit``, as a multiple of ``theirs`` if given."""

    workload: str
    ours: str
    measure: str
    theirs: str = ""
    factor: float = 0
    limit: float = 0
    obstacle: str = ""
    """The reason if it is missed."""

    @property
    def text(self) -> str:
        """The text in the report."""
        name = NAMES[self.measure]
        if not self.theirs:
            return f"{self.ours}: {name}"
        return f"{name} of {self.theirs} ÷ {self.ours}" if self.factor else f"{name} of {self.ours} ÷ {self.theirs}"

    @property
    def bound(self) -> str:
        """The text in the report."""
        return f"≥ {self.factor:g}" if self.factor else f"≤ {self.limit:g}"

    def figure(self, ours: Entry, theirs: Entry | None) -> float:
        """The measured number."""
        value = ours.median(self.measure)
        if theirs is None:
            return value
        return theirs.median(self.measure) / value if self.factor else value / theirs.median(self.measure)

    def reached(self, figure: float) -> bool:
        """Whether the goal is reached."""
        return figure >= self.factor if self.factor else figure <= self.limit


SLICES = (
    "responses become Python objects for 1 ms at a time, and a ticker that falls due meanwhile has its turn after "
    "three of these; what is beyond, the loop is late by itself (asyncio's own row). The whole batch is 25 to 30 "
    "ticks, so that p99 is the latest of them."
)
MANY_AT_ONCE = (
    "1,000 connections are opened at the same moment, and server and client share the cores; the run is some 60 ticks, "
    "so that p99 is the latest of them."
)
OBJECTS = (
    "nearly all of it is JSON becoming Python objects, which takes nearly as long as in orjson, and pycurl's row uses "
    "orjson: what is left to differ is a tenth, and noise may hide it."
)
COPIED = (
    "two fifths of the time are that of Python's thread (`perf`): the bytes objects are made from what has been "
    "received, a copy and the pages of fresh memory that pycurl's `BytesIO`, whose buffer becomes the object, does not "
    "have. To receive into a Python object, the I/O thread would have to take the GIL."
)
FILES = (
    "making, writing and renaming a file takes 10 µs in the kernel, and what is left beside it is the price of 10 KB "
    "received (10 µs) and of the way to the thread that may wait for files and back."
)

GOALS = (
    *(Goal("W1", f"shoal batch-{loop}", "cpu", f"aiohttp singles-{loop}", factor=8) for loop in LOOPS),
    *(Goal("W1", f"shoal batch-{loop}", "cpu", "pycurl batch", factor=1.5) for loop in LOOPS),
    *(Goal("W1", f"shoal batch-{loop}", "cpu", "hyper floor", limit=1.5) for loop in LOOPS),
    *(Goal("W1", f"shoal singles-{loop}", "cpu", f"aiohttp singles-{loop}", factor=4) for loop in LOOPS),
    *(
        Goal("W1", f"shoal singles-{loop}", "cpu", f"{peer} singles-{loop}", factor=1.3)
        for loop in LOOPS
        for peer in ("wreq", "ry", "pyreqwest")
    ),
    Goal("W1-ticker", "shoal batch-asyncio", "p99", limit=5, obstacle=SLICES),
    Goal("W1-ticker", "shoal batch-asyncio", "most", limit=15, obstacle=SLICES),
    Goal("W1-ticker", "shoal batch-uvloop", "p99", limit=5, obstacle=SLICES),
    Goal("W1-ticker", "shoal batch-uvloop", "most", limit=15, obstacle=SLICES),
    Goal("W2", "shoal batch-asyncio", "cpu", "aiohttp json-asyncio", factor=3),
    Goal("W2", "shoal batch-asyncio", "cpu", "pycurl batch", factor=1, obstacle=OBJECTS),
    Goal("W3", "shoal batch-asyncio", "cpu", "pycurl batch", limit=1.1, obstacle=COPIED),
    Goal("W3", "shoal batch-asyncio", "above", limit=32),
    Goal("W4", "shoal singles-asyncio", "cpu", "pycurl batch", limit=1.1, obstacle=COPIED),
    Goal("W4", "shoal singles-asyncio", "above", limit=32),
    Goal("W4f", "shoal batch-asyncio", "cpu", "pycurl batch", limit=1.1),
    Goal("W4f", "shoal batch-asyncio", "above", limit=32),
    Goal("W5", "shoal batch-asyncio", "cpu", "aiohttp aiofiles-asyncio", factor=10, obstacle=FILES),
    Goal("W5", "shoal batch-asyncio", "cpu", "pycurl batch", factor=1),
    Goal("W6", "shoal batch-asyncio", "cpu", "hyper floor", limit=1.3),
    Goal("W6", "shoal batch-asyncio", "wall", "hyper floor", limit=1.3),
    Goal("W6", "shoal batch-asyncio", "p99", limit=5, obstacle=MANY_AT_ONCE),
    Goal("W7", "shoal batch-asyncio", "each", limit=40),
    Goal("W7", "shoal singles-asyncio", "each", limit=40),
)  # fmt: skip


def obstacles(entries: Sequence[Entry]) -> Iterator[str]:
    """The reasons of the missed goals, a paragraph each."""
    found = {(entry.workload.key, entry.key): entry for entry in entries if entry.results}
    told: dict[str, list[str]] = {}
    for goal in GOALS:
        ours, theirs = found.get((goal.workload, goal.ours)), found.get((goal.workload, goal.theirs))
        missed = ours and (theirs or not goal.theirs) and not goal.reached(goal.figure(ours, theirs))
        if missed and goal.obstacle and goal.workload not in told.setdefault(goal.obstacle, []):
            told[goal.obstacle].append(goal.workload)
    for obstacle, workloads in told.items():
        yield from report.obstacle(workloads, obstacle)


def goal_rows(entries: Sequence[Entry], *, partial: bool) -> Iterator[tuple[str, str, str, bool | None]]:
    """Goal, bound, number, and whether it is reached, without goals that a ``partial`` run does not measure."""
    found = {(entry.workload.key, entry.key): entry for entry in entries if entry.results}
    for goal in GOALS:
        ours, theirs = found.get((goal.workload, goal.ours)), found.get((goal.workload, goal.theirs))
        text = f"{goal.workload}: {goal.text}"
        if ours and (theirs or not goal.theirs):
            figure = goal.figure(ours, theirs)
            yield text, goal.bound, f"{figure:.2f}" if figure < 10 else f"{figure:.1f}", goal.reached(figure)
        elif not partial:
            yield text, goal.bound, "–", None
