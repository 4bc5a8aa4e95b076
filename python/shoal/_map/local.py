"""Items in this process: one after the other, or in threads.

In blocks of about 5 ms, so that a block costs nothing next to its items and yet cancelling is soon seen.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from shoal import _native
from shoal._map import forked
from shoal._map.failure import local_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shoal import _shoal
    from shoal._map.board import Ledger
    from shoal._map.call import Call
    from shoal._map.source import Items

_BLOCK = 0.005
_GROWTH = 8
_MOST = 1 << 14
# A safety net: whoever waits is told.
_PATIENCE = 0.1


class Blocks:
    """How many items make a block."""

    def __init__(self, fixed: int | None) -> None:
        self._fixed = fixed
        self.size = fixed or 1

    def learn(self, count: int, seconds: float) -> None:
        """So many items took so long."""
        if not self._fixed:
            wished = int(_BLOCK / max(seconds / count, 1e-8))
            self.size = max(1, min(wished, self.size * _GROWTH, _MOST))


def work(call: Call, items: list[Any], first: int, ledger: Ledger) -> None:
    """Does some items, in order; the first is that at index `first`."""
    fn, home = call.fn, os.getpid()
    values: list[Any] = []
    append = values.append
    errors: list[tuple[int, BaseException]] = []
    forked.at_work[_native.get_ident()] = items.clear
    rest = iter(items)
    while len(values) < len(items):
        try:
            for item in rest:
                append(fn(item))
        except BaseException as error:  # noqa: BLE001 - SystemExit too: it is the item's
            if os.getpid() != home:
                forked.leave(error)
            errors.append((len(values), error))
            if call.on_error == "raise":
                break
            append(None)
    if os.getpid() != home:
        forked.leave()
    del forked.at_work[_native.get_ident()]
    if not errors:
        ledger.put(range(first, first + len(values)), values)
        return
    failed = {position for position, _ in errors}
    good = [position for position in range(len(values)) if position not in failed]
    ledger.put([first + position for position in good], [values[position] for position in good])
    for position, raised in errors:
        ledger.fail(local_error(first + position, raised), first + position, type(raised).__name__)


def doze(promise: _shoal._Promise, seconds: float = _PATIENCE) -> None:
    """Waits until somebody wakes the promise."""
    if _native.poll(promise.fileno(), seconds):
        promise.drain()


def timed(call: Call, source: Items, ledger: Ledger) -> Iterator[tuple[list[Any], float]]:
    """Does all items in this thread, block by block; yields each block that is done, and the seconds it took.

    Whoever keeps a block keeps its items while the next one is done.
    """
    blocks = Blocks(call.chunksize)
    while not ledger.is_over:
        items = source.take(blocks.size)
        if not items:
            if source.exhausted:
                return
            doze(ledger.promise)
            continue
        first = ledger.board.take(len(items))
        started = time.perf_counter()
        work(call, items, first, ledger)
        seconds = time.perf_counter() - started
        blocks.learn(len(items), seconds)
        yield items, seconds


def serial(call: Call, source: Items, ledger: Ledger) -> None:
    """All items in this thread."""
    for items, _ in timed(call, source, ledger):
        del items


class Threads:
    """All items in threads of this process."""

    def __init__(self, call: Call, source: Items, ledger: Ledger) -> None:
        self._call = call
        self._source = source
        self._ledger = ledger
        self._taking = _native.Lock()
        self._more = _native.Event()
        self._blocks = Blocks(call.chunksize)
        self._active = 0

    def run(self) -> None:
        """Starts the threads and waits for them; once nobody wants more, they end by themselves."""
        self._source.start(self._more.set)
        remaining = self._source.remaining(self._ledger.board.taken)
        count = self._call.workers if remaining is None else max(1, min(self._call.workers, remaining))
        self._active = count
        for number in range(count):
            context = self._call.context.copy()
            _native.start_thread(context.run, f"shoal-map-{number}", self._work)
        while self._active and not self._ledger.is_over:
            doze(self._ledger.promise)
        self._more.set()

    def _work(self) -> None:
        ledger, source = self._ledger, self._source
        try:
            while not ledger.is_over:
                self._more.clear()
                with self._taking:
                    items = source.take(self._blocks.size)
                    first = ledger.board.take(len(items))
                if not items:
                    if source.exhausted:
                        break
                    self._more.wait(_PATIENCE)
                    continue
                started = time.perf_counter()
                work(self._call, items, first, ledger)
                self._blocks.learn(len(items), time.perf_counter() - started)
        except BaseException as error:  # noqa: BLE001 - must not get lost in a thread
            ledger.abort(error)
        finally:
            with self._taking:
                self._active -= 1
            ledger.promise.wake()
