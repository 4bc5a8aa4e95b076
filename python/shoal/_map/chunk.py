"""A chunk of items for a worker, and the record of a worker's death."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Chunk:
    """Items that are sent to a worker together."""

    __slots__ = ("cut", "indices", "items", "number", "segment", "size")

    def __init__(self, indices: Sequence[int], items: list[Any]) -> None:
        self.indices = indices
        self.items = items
        self.number = 0
        self.segment: int | None = None
        self.size = 0
        self.cut = len(items)
        """The items from this position on went to other workers."""

    def part(self, begin: int, end: int) -> Chunk:
        """A part of the items as a new chunk."""
        return Chunk(self.indices[begin:end], self.items[begin:end])


class Death(NamedTuple):
    """How a worker ended."""

    exitcode: int | None
    reason: str
    """The cause, if the exit code does not tell it."""
    overdue: bool
    """Whether it was killed because an item exceeded the timeout."""
    doubtful: bool
    """Whether its item may be innocent, and is tried once more."""
