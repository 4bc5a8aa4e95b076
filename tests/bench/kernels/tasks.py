"""What `parallel.map` and its peers call: importable, as worker processes want it."""

from __future__ import annotations

import time
from typing import Any


def busy(item: tuple[int, int]) -> int:
    """Some Python code that holds the GIL: so many turns."""
    number, turns = item
    for _ in range(turns):
        number = (number * 1_103_515_245 + 12_345) & 0x7FFFFFFF
    return number


def turns_of(seconds: float) -> int:
    """How many turns of `busy` take so long here, at best."""
    turns = 20_000
    best = float("inf")
    for _ in range(20):
        start = time.perf_counter()
        busy((1, turns))
        best = min(best, time.perf_counter() - start)
    return max(1, round(turns * seconds / best))


def count(data: bytes) -> int:
    """A cheap look at every byte."""
    return data.count(b"e")


def total(array: Any) -> int:
    """The same for an array."""
    return int(array.sum())
