"""How many items make a chunk: as many as take about 30 ms, found by timing.

Shorter chunks pay for more messages (about 100 us each, a third of a percent), longer ones balance worse at the end and
answer later. At the end they shrink, so that no worker is left with a long one while the others are idle.
"""

from __future__ import annotations

_TARGET = 0.03
_MOST = 1 << 14
_BYTES = 2 << 20
# A first measurement is of one item, with whatever its first call has to load; so the size grows in steps.
_GROWTH = 16
# Chunks wait behind another in the same worker only if they are soon done; otherwise they are left for who comes first.
_SOON = 0.1
# The clock is looked at this often within a chunk.
_STRIDE = 0.002


class Sizer:
    """Learns from chunks that are done."""

    def __init__(self, fixed: int | None, workers: int) -> None:
        self._fixed = fixed
        self._workers = workers
        self._seconds: float | None = None
        self._bytes = 0.0
        self._largest = 1

    def learn(self, count: int, seconds: float, size: int) -> None:
        """So many items took so long; their arguments and results, together, were so large."""
        if not count:
            return
        each = seconds / count
        self._seconds = each if self._seconds is None else (self._seconds + each) / 2
        self._bytes = max(size / count, self._bytes * 0.9)
        self._largest = max(self._largest, min(count, _MOST) * _GROWTH)

    def size(self, remaining: int | None) -> int:
        """Items of the next chunk."""
        if self._fixed:
            return self._fixed
        if self._seconds is None:
            return 1
        size = min(_TARGET / max(self._seconds, 1e-8), self._largest, _MOST)
        size = min(size, _BYTES / max(self._bytes, 1.0))
        if remaining is not None:
            share = remaining / (2 * self._workers)
            size = min(size, max(share, 0.001 / max(self._seconds, 1e-8)))
        return max(1, int(size))

    @property
    def known(self) -> bool:
        """Whether anything was measured."""
        return self._seconds is not None

    def depth(self) -> int:
        """Chunks a worker may have at a time: the one it works on, and one that is ready."""
        if self._seconds is None:
            return 1
        size = self._fixed or self.size(None)
        return 2 if self._seconds * size < _SOON else 1

    def stride(self) -> int:
        """Items between two looks at the clock."""
        if self._seconds is None:
            return 1
        return max(1, min(256, int(_STRIDE / max(self._seconds, 1e-8))))
