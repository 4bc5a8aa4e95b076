"""The number of items in a chunk: as many as take about 30 ms, measured.

Shorter chunks pay for more messages (about 100 us each, a third of a percent); longer ones balance worse at the end and
return results later. At the end chunks shrink, so that no worker is left with a long one while the others are idle.
"""

from __future__ import annotations

_TARGET_SECONDS = 0.03
_MAX_ITEMS = 1 << 14
_MAX_BYTES = 2 << 20
# The first measurement is of one item and includes what its call loads, so the size grows in steps.
_GROWTH = 16
# A worker gets a second chunk in advance only if it takes less than this; else the first idle worker gets it.
_PREFETCH_SECONDS = 0.1
# Seconds between reads of the clock within a chunk.
_CLOCK_SECONDS = 0.002


class ChunkSizer:
    """Chooses chunk sizes from the measured times of finished chunks."""

    def __init__(self, fixed: int | None, workers: int) -> None:
        self._fixed = fixed
        self._workers = workers
        self._seconds: float | None = None
        self._bytes = 0.0
        self._largest = 1

    def learn(self, count: int, seconds: float, size: int) -> None:
        """Records a finished chunk: its items, its time, and the bytes of its items and results."""
        if not count:
            return
        each = seconds / count
        self._seconds = each if self._seconds is None else (self._seconds + each) / 2
        self._bytes = max(size / count, self._bytes * 0.9)
        self._largest = max(self._largest, min(count, _MAX_ITEMS) * _GROWTH)

    def size(self, remaining: int | None) -> int:
        """The number of items of the next chunk."""
        if self._fixed:
            return self._fixed
        if self._seconds is None:
            return 1
        size = min(_TARGET_SECONDS / max(self._seconds, 1e-8), self._largest, _MAX_ITEMS)
        size = min(size, _MAX_BYTES / max(self._bytes, 1.0))
        if remaining is not None:
            share = remaining / (2 * self._workers)
            size = min(size, max(share, 0.001 / max(self._seconds, 1e-8)))
        return max(1, int(size))

    @property
    def known(self) -> bool:
        """Whether a chunk was measured."""
        return self._seconds is not None

    def depth(self) -> int:
        """Chunks that a worker may have at a time: the current one, and perhaps one in advance."""
        if self._seconds is None:
            return 1
        size = self._fixed or self.size(None)
        return 2 if self._seconds * size < _PREFETCH_SECONDS else 1

    def stride(self) -> int:
        """Items between two reads of the clock."""
        if self._seconds is None:
            return 1
        return max(1, min(256, int(_CLOCK_SECONDS / max(self._seconds, 1e-8))))
