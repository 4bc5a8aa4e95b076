"""The items of a call, read a bounded way ahead.

A plain container is read in the thread that takes items from it. Any other iterable may block, so a thread of its own
reads it: results, timeouts and cancelling must not wait for the next item.
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
        """Items to work on: a source, or the part of it that may stay in this process."""

        @property
        def exhausted(self) -> bool: ...
        def start(self, notify: Callable[[], object]) -> None: ...
        def remaining(self, taken: int) -> int | None: ...
        def take(self, count: int) -> list[Any]: ...


# Reading these runs no user code.
_PLAIN = (list, tuple, range, dict, set, frozenset, str, bytes, bytearray)


class Source:
    """The items in order. Not thread-safe: the threads that take items share a lock."""

    def __init__(self, items: Iterable[Any]) -> None:
        plain = type(items) in _PLAIN
        self.total: int | None = len(items) if plain else None  # type: ignore[arg-type]
        self.error: BaseException | None = None
        """The error of the iterable, set when all items before it are taken."""
        self.exhausted = False
        self._iterator: Iterator[Any] = iter(items)
        self._reader = None if plain else _ReaderThread(self._iterator)

    def start(self, notify: Callable[[], object]) -> None:
        """Begins to read; `notify` is called when items arrive after a `take` that got none."""
        if self._reader:
            self._reader.start(notify)

    def remaining(self, taken: int) -> int | None:
        """The number of items that are left, if known."""
        return None if self.total is None else self.total - taken

    def take(self, count: int) -> list[Any]:
        """Up to `count` items that are available, perhaps none. Sets `exhausted` after the last one."""
        if self.exhausted:
            return []
        if self._reader:
            items = self._reader.take(count)
            if not items and self._reader.ended:
                # It may have ended between the two calls.
                items = self._reader.take(count)
                self.exhausted = not items
                self.error = self._reader.error
            return items
        items = []
        try:
            # Keeps the items before an error, such as that of a dict that changed.
            items.extend(islice(self._iterator, count))
        except Exception as error:  # noqa: BLE001 - raised by the call
            self.error = error
            self.exhausted = True
        if len(items) < count:
            self.exhausted = True
        return items

    def close(self) -> None:
        """Stops reading."""
        self.exhausted = True
        if self._reader:
            self._reader.close()


class _ReaderThread:
    """A thread that reads an iterable, up to the number of items of the last `take` ahead."""

    def __init__(self, iterator: Iterator[Any]) -> None:
        self._iterator: Iterator[Any] | None = iterator
        self._items: list[Any] = []
        self._ahead = 4
        self._is_awaited = False
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
            # Set before the list is read, so that an item which arrives afterwards notifies.
            self._is_awaited = True
            items = self._items[:count]
            del self._items[:count]
            self._is_awaited = not items
        self._wanted.set()
        return items

    def close(self) -> None:
        self._closed = True
        self._wanted.set()

    def _run(self) -> None:
        iterator, self._iterator = self._iterator, None
        items, home = self._items, os.getpid()
        forked.interrupt_in_child[_native.get_ident()] = self._abandon
        try:
            for item in iterator or ():
                items.append(item)
                if self._is_awaited or len(items) >= self._ahead:
                    self._pause()
                if self._closed:
                    break
        except BaseException as error:  # noqa: BLE001 - raised by the call
            self.error = error
        if os.getpid() != home:
            forked.exit_child(self.error)
        del forked.interrupt_in_child[_native.get_ident()]
        self.ended = True
        self._notify()

    def _abandon(self) -> None:
        # Another thread may have held the lock at the moment of the fork.
        self._closed, self._is_awaited, self._ahead = True, False, sys.maxsize

    def _pause(self) -> None:
        with self._lock:
            is_awaited, self._is_awaited = self._is_awaited, False
        if is_awaited:
            self._notify()
        while True:
            self._wanted.clear()
            if len(self._items) < self._ahead or self._closed:
                return
            self._wanted.wait()
