"""The results of one call, in the order of the items or of completion, and the sink that reports them to the job."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from shoal import _native

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shoal import _shoal
    from shoal.exceptions import ParallelError


class _Missing:
    """The placeholder of a missing result."""


_MISSING = _Missing()


class ResultCollector:
    """Collects the results of a call; other threads may read the finished part, as a cancelled job does.

    A result that comes twice counts once: an item may be taken over from a worker that had just begun it.
    """

    def __init__(self, total: int | None, *, ordered: bool, on_error: str) -> None:
        self._total = total
        self._ordered = ordered
        self._on_error = on_error
        self._lock = _native.Lock()
        self._slots: list[Any] = []
        self._done_flags = bytearray()

    @property
    def reserved(self) -> int:
        """The number of items taken from the input."""
        return len(self._done_flags)

    def reserve(self, count: int) -> int:
        """Reserves places for the next `count` items; returns the index of the first."""
        with self._lock:
            first = len(self._done_flags)
            self._done_flags.extend(bytes(count))
            if self._ordered:
                self._slots.extend([_MISSING] * count)
        return first

    def is_done(self, index: int) -> bool:
        """Whether the item has a result or an error."""
        return bool(self._done_flags[index])

    def put(self, indices: Sequence[int], values: list[Any]) -> int:
        """Stores results of items; returns the number of new ones."""
        count = len(values)
        if not count:
            return 0
        first = indices[0]
        with self._lock:
            is_contiguous = indices[-1] - first + 1 == count and self._done_flags.find(1, first, first + count) < 0
            if is_contiguous:
                self._done_flags[first : first + count] = b"\1" * count
                if self._ordered:
                    self._slots[first : first + count] = values
                else:
                    self._slots.extend(values)
                return count
            return sum(self._put(index, value) for index, value in zip(indices, values, strict=False))

    def put_error(self, index: int, error: ParallelError) -> bool:
        """Stores the error of an item; returns whether it is new."""
        with self._lock:
            return self._put(index, error if self._on_error == "return" else _MISSING)

    def _put(self, index: int, value: Any) -> bool:  # noqa: ANN401 - any result
        if self._done_flags[index]:
            return False
        self._done_flags[index] = 1
        if self._ordered:
            self._slots[index] = value
        elif value is not _MISSING:
            self._slots.append(value)
        return True

    def partial(self) -> list[Any]:
        """The finished results, with `None` in the other places."""
        with self._lock:
            slots = list(self._slots)
        if not self._ordered:
            return slots
        results = [None if value is _MISSING else value for value in slots]
        if self._total is not None and self._total > len(results):
            results.extend([None] * (self._total - len(results)))
        return results

    def final(self) -> list[Any]:
        """All results; with `on_error="skip"` without the failed items."""
        if self._ordered and self._on_error == "skip":
            return [value for value in self._slots if value is not _MISSING]
        return self._slots


class ResultSink:
    """Stores the results of a call and reports its progress and its end to the job."""

    def __init__(self, collector: ResultCollector, promise: _shoal._Promise, on_error: str) -> None:
        self.collector = collector
        self.promise = promise
        self._raises = on_error == "raise"
        self.stopped = False

    def put(self, indices: Sequence[int], values: list[Any]) -> None:
        """Stores results of items."""
        if new := self.collector.put(indices, values):
            self.promise.advance(new)

    def fail(self, error: Any, index: int, name: str) -> None:  # noqa: ANN401 - ItemError or WorkerDied
        """Stores the error of an item; with `on_error="raise"` the first one ends the call."""
        if self.stopped or not self.collector.put_error(index, error):
            return
        self.promise.failed(name)
        if self._raises:
            self.abort(error)

    def abort(self, error: BaseException) -> None:
        """Ends the call with an exception, which gets the finished results."""
        if self.stopped:
            return
        self.stopped = True
        with suppress(AttributeError, TypeError):  # some exceptions accept no attributes
            error.results = self.collector.partial()  # type: ignore[attr-defined]
        self.promise.reject(error)
        self.promise.wake()

    def finish(self) -> None:
        """Ends the call successfully."""
        if not self.stopped:
            self.stopped = True
            self.promise.resolve(self.collector.final())

    @property
    def is_over(self) -> bool:
        """Whether the call has ended or was cancelled."""
        return self.stopped or self.promise.cancelled()
