"""What goes to a worker together, and how the worker that had it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Chunk:
    """Items that went to a worker together."""

    __slots__ = ("cut", "indices", "items", "number", "segment", "size")

    def __init__(self, indices: Sequence[int], items: list[Any]) -> None:
        self.indices = indices
        self.items = items
        self.number = 0
        self.segment: int | None = None
        self.size = 0
        self.cut = len(items)
        """Items from here on were given to others."""

    def part(self, begin: int, end: int) -> Chunk:
        """Some of the items, as a chunk of their own."""
        return Chunk(self.indices[begin:end], self.items[begin:end])


class Death(NamedTuple):
    """The end of a worker."""

    exitcode: int | None
    reason: str
    """What it did; empty if the exit code says it."""
    overdue: bool
    """Whether it was killed because an item took too long."""
    doubtful: bool
    """Whether its item may be innocent: it gets a second chance."""
