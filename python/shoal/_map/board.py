"""The results of one call, as they come: in the order of the items, or in that of their completion."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from shoal import _native

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shoal import _shoal
    from shoal.exceptions import ParallelError


class _Missing:
    """Stands where there is no result."""


_MISSING = _Missing()


class Board:
    """Who reads it from another thread (a cancelled job does) sees what is finished by then.

    A result that comes twice, from an item that was taken over from a worker that had begun it after all, counts once.
    """

    def __init__(self, total: int | None, *, ordered: bool, on_error: str) -> None:
        self._total = total
        self._ordered = ordered
        self._on_error = on_error
        self._lock = _native.Lock()
        self._slots: list[Any] = []
        self._settled = bytearray()

    @property
    def taken(self) -> int:
        """How many items were taken from the input."""
        return len(self._settled)

    def take(self, count: int) -> int:
        """So many items more are taken; gives the index of the first."""
        with self._lock:
            first = len(self._settled)
            self._settled.extend(bytes(count))
            if self._ordered:
                self._slots.extend([_MISSING] * count)
        return first

    def is_settled(self, index: int) -> bool:
        """Whether the item has its result or its error."""
        return bool(self._settled[index])

    def put(self, indices: Sequence[int], values: list[Any]) -> int:
        """Results of items; gives how many were new."""
        count = len(values)
        if not count:
            return 0
        first = indices[0]
        with self._lock:
            together = indices[-1] - first + 1 == count and self._settled.find(1, first, first + count) < 0
            if together:
                self._settled[first : first + count] = b"\1" * count
                if self._ordered:
                    self._slots[first : first + count] = values
                else:
                    self._slots.extend(values)
                return count
            return sum(self._put(index, value) for index, value in zip(indices, values, strict=False))

    def put_error(self, index: int, error: ParallelError) -> bool:
        """The error of an item; tells whether it was new."""
        with self._lock:
            return self._put(index, error if self._on_error == "return" else _MISSING)

    def _put(self, index: int, value: Any) -> bool:  # noqa: ANN401 - whatever the function gave
        if self._settled[index]:
            return False
        self._settled[index] = 1
        if self._ordered:
            self._slots[index] = value
        elif value is not _MISSING:
            self._slots.append(value)
        return True

    def partial(self) -> list[Any]:
        """What is finished, with `None` in the other places."""
        with self._lock:
            slots = list(self._slots)
        if not self._ordered:
            return slots
        # One pass, and most of the slots are results.
        results = [None if value is _MISSING else value for value in slots]
        if self._total is not None and self._total > len(results):
            results.extend([None] * (self._total - len(results)))
        return results

    def final(self) -> list[Any]:
        """All results; what failed is left out."""
        if self._ordered and self._on_error == "skip":
            return [value for value in self._slots if value is not _MISSING]
        return self._slots


class Ledger:
    """A board, and the job that hears of it."""

    def __init__(self, board: Board, promise: _shoal._Promise, on_error: str) -> None:
        self.board = board
        self.promise = promise
        self._raises = on_error == "raise"
        self.stopped = False

    def put(self, indices: Sequence[int], values: list[Any]) -> None:
        """Results of items."""
        if new := self.board.put(indices, values):
            self.promise.advance(new)

    def fail(self, error: Any, index: int, name: str) -> None:  # noqa: ANN401 - ItemError or WorkerDied
        """The error of an item; the first one ends a call that raises."""
        if self.stopped or not self.board.put_error(index, error):
            return
        self.promise.failed(name)
        if self._raises:
            self.abort(error)

    def abort(self, error: BaseException) -> None:
        """Ends the call with an exception, which gets the results."""
        if self.stopped:
            return
        self.stopped = True
        with suppress(AttributeError, TypeError):  # some exceptions take no attributes
            error.results = self.board.partial()  # type: ignore[attr-defined]
        self.promise.reject(error)
        self.promise.wake()

    def finish(self) -> None:
        """Ends the call with its results."""
        if not self.stopped:
            self.stopped = True
            self.promise.resolve(self.board.final())

    @property
    def is_over(self) -> bool:
        """Whether nobody waits for more."""
        return self.stopped or self.promise.cancelled()
