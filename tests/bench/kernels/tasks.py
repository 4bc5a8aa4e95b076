"""The functions for `parallel.map` and its peers, importable for worker processes."""

from __future__ import annotations

import time
from typing import Any


def busy(item: tuple[int, int]) -> int:
    """Runs Python code that holds the GIL for a number of iterations."""
    number, turns = item
    for _ in range(turns):
        number = (number * 1_103_515_245 + 12_345) & 0x7FFFFFFF
    return number


def turns_of(seconds: float) -> int:
    """The number of iterations of `busy` in a time on this machine."""
    turns = 20_000
    best = float("inf")
    for _ in range(20):
        start = time.perf_counter()
        busy((1, turns))
        best = min(best, time.perf_counter() - start)
    return max(1, round(turns * seconds / best))


def count(data: bytes) -> int:
    """A cheap function of every byte."""
    return data.count(b"e")


def total(array: Any) -> int:
    """A cheap function of an array."""
    return int(array.sum())
