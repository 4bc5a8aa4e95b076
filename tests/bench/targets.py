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
    "p99": "delay of the ticker at p99, ms",
    "most": "longest delay of the ticker, ms",
}


class Goal(NamedTuple):
    """A bound for a measure of ours: ``theirs`` ÷ ``factor``, or ``limit``, which multiplies ``theirs`` if given."""

    workload: str
    ours: str
    measure: str
    theirs: str = ""
    factor: float = 0
    limit: float = 0
    obstacle: str = ""
    """The reason, if the goal is missed."""

    @property
    def text(self) -> str:
        """The goal in the report."""
        name = NAMES[self.measure]
        if not self.theirs:
            return f"{self.ours}: {name}"
        return f"{name} of {self.theirs} ÷ {self.ours}" if self.factor else f"{name} of {self.ours} ÷ {self.theirs}"

    @property
    def bound(self) -> str:
        """The bound in the report."""
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
    "responses become Python objects in slices of 1 ms, and a tick that falls due meanwhile waits for up to three "
    "slices. Longer delays are the event loop's own (see the row of asyncio). The whole batch lasts for 25 to 30 "
    "ticks, so p99 is the longest delay."
)
MANY_AT_ONCE = (
    "1,000 connections are opened at the same moment, and server and client share the cores. The run lasts for some 60 "
    "ticks, so p99 is the longest delay."
)
OBJECTS = (
    "nearly all of the time goes into making Python objects from JSON. With orjson, which the row of pycurl uses, that "
    "takes nearly as long. Only about a tenth of the time can differ, and noise may hide the difference."
)
COPIED = (
    "two fifths of the time are spent in Python's thread (`perf`). It makes the bytes objects from the received bytes: "
    "a copy, and page faults of new memory. pycurl has neither, because it receives into a `BytesIO`, whose buffer "
    "becomes the object. To receive into a Python object, the I/O thread would have to take the GIL."
)
FILES = (
    "creating, writing and renaming a file takes 10 µs in the kernel. The rest is receiving 10 KB (10 µs), and "
    "passing the body to the thread that writes files, and the result back."
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
    """A paragraph for each reason why goals are missed."""
    found = {(entry.workload.key, entry.key): entry for entry in entries if entry.results}
    missed_at: dict[str, list[str]] = {}
    for goal in GOALS:
        ours, theirs = found.get((goal.workload, goal.ours)), found.get((goal.workload, goal.theirs))
        missed = ours and (theirs or not goal.theirs) and not goal.reached(goal.figure(ours, theirs))
        if missed and goal.obstacle and goal.workload not in missed_at.setdefault(goal.obstacle, []):
            missed_at[goal.obstacle].append(goal.workload)
    for obstacle, workloads in missed_at.items():
        yield from report.obstacle(workloads, obstacle)


def goal_rows(entries: Sequence[Entry], *, partial: bool) -> Iterator[tuple[str, str, str, bool | None]]:
    """Goal, bound, figure, and whether the goal is reached; ``partial`` leaves out the goals that were not measured."""
    found = {(entry.workload.key, entry.key): entry for entry in entries if entry.results}
    for goal in GOALS:
        ours, theirs = found.get((goal.workload, goal.ours)), found.get((goal.workload, goal.theirs))
        text = f"{goal.workload}: {goal.text}"
        if ours and (theirs or not goal.theirs):
            figure = goal.figure(ours, theirs)
            yield text, goal.bound, f"{figure:.2f}" if figure < 10 else f"{figure:.1f}", goal.reached(figure)
        elif not partial:
            yield text, goal.bound, "–", None
