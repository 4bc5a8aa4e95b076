"""The work that is mapped, in a module so that every pool can import it."""

from __future__ import annotations

import os
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def heavy(item: int) -> int:
    """About 1 ms of plain Python."""
    total = 0
    for step in range(20_000):
        total += step ^ item
    return total


def tiny(item: int) -> int:
    """About 5 us of plain Python."""
    total = 0
    for step in range(100):
        total += step ^ item
    return total


def slice_sum(block: bytes) -> int:
    """Next to nothing, of a large argument."""
    return sum(block[:1000])


def checksum(block: bytes) -> int:
    """Some of the megabyte's bytes looked at, with the GIL released."""
    return zlib.crc32(block)


def array_sum(array: Any) -> float:
    """A cheap pass over an array."""
    return float(array.sum())


def blocks() -> list[bytes]:
    """Different ones."""
    base = os.urandom(1 << 20)
    return [base[number:] + base[:number] for number in range(500)]


def arrays() -> list[Any]:
    """1 MiB each."""
    import numpy as np

    return [np.random.default_rng(number).random(1 << 17) for number in range(500)]


WORKS: dict[str, tuple[Callable[[Any], Any], Callable[[], Any]]] = {
    "heavy: 1 ms x 2,000": (heavy, lambda: range(2000)),
    "tiny: 5 us x 200,000": (tiny, lambda: range(200_000)),
    "1 MiB bytes x 500, len": (len, blocks),
    "1 MiB bytes x 500, sum of a slice": (slice_sum, blocks),
    "1 MiB bytes x 500, crc32": (checksum, blocks),
    "1 MiB arrays x 500, sum": (array_sum, arrays),
}
