"""The items, read a bounded way ahead.

A plain container is read by whoever takes from it. Any other iterable may take its time, so a thread reads it: results,
timeouts and cancelling must not wait for the next item.
"""

from __future__ import annotations

import os
import sys
from itertools import islice
from typing import TYPE_CHECKING, Any

from shoal import _native
from shoal._map import forked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Protocol

    class Items(Protocol):
        """What gives items to whoever does them: a source, or the part of it that may stay in this process."""

        @property
        def exhausted(self) -> bool: ...
        def start(self, notify: Callable[[], object]) -> None: ...
        def remaining(self, taken: int) -> int | None: ...
        def take(self, count: int) -> list[Any]: ...


# Reading these runs no code of anybody's.
_PLAIN = (list, tuple, range, dict, set, frozenset, str, bytes, bytearray)


class Source:
    """Items in order. Takers share a lock of their own."""

    def __init__(self, items: Iterable[Any]) -> None:
        plain = type(items) in _PLAIN
        self.total: int | None = len(items) if plain else None  # type: ignore[arg-type]
        self.error: BaseException | None = None
        """What the iterable raised; whoever takes sees it once all items before it are taken."""
        self.exhausted = False
        self._iterator: Iterator[Any] = iter(items)
        self._feeder = None if plain else _Feeder(self._iterator)

    def start(self, notify: Callable[[], object]) -> None:
        """Begins to read; `notify` is called when there are items for a taker who got none."""
        if self._feeder:
            self._feeder.start(notify)

    def remaining(self, taken: int) -> int | None:
        """How many items are left, if anybody knows."""
        return None if self.total is None else self.total - taken

    def take(self, count: int) -> list[Any]:
        """At most so many items: those there are, perhaps none. Sets `exhausted` once there will be no more."""
        if self.exhausted:
            return []
        if self._feeder:
            items = self._feeder.take(count)
            if not items and self._feeder.ended:
                # It may have ended between the two.
                items = self._feeder.take(count)
                self.exhausted = not items
                self.error = self._feeder.error
            return items
        items = []
        try:
            # Keeps the items before an error (a dict that changed).
            items.extend(islice(self._iterator, count))
        except Exception as error:  # noqa: BLE001 - raised by the call
            self.error = error
            self.exhausted = True
        if len(items) < count:
            self.exhausted = True
        return items

    def close(self) -> None:
        """Reads no more."""
        self.exhausted = True
        if self._feeder:
            self._feeder.close()


class _Feeder:
    """A thread that reads an iterable, and waits when it is as far ahead as somebody asked for."""

    def __init__(self, iterator: Iterator[Any]) -> None:
        self._iterator: Iterator[Any] | None = iterator
        self._read: list[Any] = []
        self._ahead = 4
        self._hungry = False
        self._started = False
        self._closed = False
        self._lock = _native.Lock()
        self._wanted = _native.Event()
        self._notify: Callable[[], object] = bool
        self.ended = False
        self.error: BaseException | None = None

    def start(self, notify: Callable[[], object]) -> None:
        self._notify = notify
        if self._started:
            return
        self._started = True
        _native.start_thread(self._run, "shoal-map-items")

    def take(self, count: int) -> list[Any]:
        with self._lock:
            self._ahead = max(4, count)
            # First: an item that comes after the look at the list finds it set.
            self._hungry = True
            items = self._read[:count]
            del self._read[:count]
            self._hungry = not items
        self._wanted.set()
        return items

    def close(self) -> None:
        self._closed = True
        self._wanted.set()

    def _run(self) -> None:
        iterator, self._iterator = self._iterator, None
        read, home = self._read, os.getpid()
        forked.at_work[_native.get_ident()] = self._abandon
        try:
            for item in iterator or ():
                read.append(item)
                if self._hungry or len(read) >= self._ahead:
                    self._pause()
                if self._closed:
                    break
        except BaseException as error:  # noqa: BLE001 - raised by the call
            self.error = error
        if os.getpid() != home:
            forked.leave(self.error)
        del forked.at_work[_native.get_ident()]
        self.ended = True
        self._notify()

    def _abandon(self) -> None:
        # Whoever takes may have held the lock at the moment of the fork.
        self._closed, self._hungry, self._ahead = True, False, sys.maxsize

    def _pause(self) -> None:
        with self._lock:
            hungry, self._hungry = self._hungry, False
        if hungry:
            self._notify()
        while True:
            self._wanted.clear()
            if len(self._read) < self._ahead or self._closed:
                return
            self._wanted.wait()
