"""Runs items in this process, in one thread or several.

They run in blocks of about 5 ms, so that a block costs nothing compared to its items and cancelling still takes effect
soon.
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
    from shoal._map.call import Call
    from shoal._map.result_collector import ResultSink
    from shoal._map.source import Items

_BLOCK_SECONDS = 0.005
_GROWTH = 8
_MAX_ITEMS = 1 << 14
# Seconds between checks, in case a wake-up is missed.
_WAKE_TIMEOUT = 0.1


class BlockSizer:
    """Chooses the number of items of a block."""

    def __init__(self, fixed: int | None) -> None:
        self._fixed = fixed
        self.size = fixed or 1

    def learn(self, count: int, seconds: float) -> None:
        """Records the time of a finished block."""
        if not self._fixed:
            wanted = int(_BLOCK_SECONDS / max(seconds / count, 1e-8))
            self.size = max(1, min(wanted, self.size * _GROWTH, _MAX_ITEMS))


def run_block(call: Call, items: list[Any], first: int, sink: ResultSink) -> None:
    """Runs items in order; the first has the index `first`."""
    fn, home = call.fn, os.getpid()
    values: list[Any] = []
    append = values.append
    errors: list[tuple[int, BaseException]] = []
    forked.interrupt_in_child[_native.get_ident()] = items.clear
    rest = iter(items)
    while len(values) < len(items):
        try:
            for item in rest:
                append(fn(item))
        except BaseException as error:  # noqa: BLE001 - SystemExit too: it is the item's
            if os.getpid() != home:
                forked.exit_child(error)
            errors.append((len(values), error))
            if call.on_error == "raise":
                break
            append(None)
    if os.getpid() != home:
        forked.exit_child()
    del forked.interrupt_in_child[_native.get_ident()]
    if not errors:
        sink.put(range(first, first + len(values)), values)
        return
    failed = {position for position, _ in errors}
    good = [position for position in range(len(values)) if position not in failed]
    sink.put([first + position for position in good], [values[position] for position in good])
    for position, raised in errors:
        sink.fail(local_error(first + position, raised), first + position, type(raised).__name__)


def wait_for_wake(promise: _shoal._Promise, seconds: float = _WAKE_TIMEOUT) -> None:
    """Waits until the promise is woken."""
    if _native.poll(promise.fileno(), seconds):
        promise.drain()


def timed(call: Call, source: Items, sink: ResultSink) -> Iterator[tuple[list[Any], float]]:
    """Runs all items in this thread, in blocks; yields the items and seconds of each finished block.

    A caller that keeps a block keeps its items alive.
    """
    blocks = BlockSizer(call.chunksize)
    while not sink.is_over:
        items = source.take(blocks.size)
        if not items:
            if source.exhausted:
                return
            wait_for_wake(sink.promise)
            continue
        first = sink.collector.reserve(len(items))
        started = time.perf_counter()
        run_block(call, items, first, sink)
        seconds = time.perf_counter() - started
        blocks.learn(len(items), seconds)
        yield items, seconds


def serial(call: Call, source: Items, sink: ResultSink) -> None:
    """Runs all items in this thread."""
    for items, _ in timed(call, source, sink):
        del items


class ThreadBackend:
    """Runs all items in threads of this process."""

    def __init__(self, call: Call, source: Items, sink: ResultSink) -> None:
        self._call = call
        self._source = source
        self._sink = sink
        self._taking = _native.Lock()
        self._more = _native.Event()
        self._block_sizer = BlockSizer(call.chunksize)
        self._active = 0

    def run(self) -> None:
        """Starts the threads and waits for them, or for the end of the call; then they end by themselves."""
        self._source.start(self._more.set)
        remaining = self._source.remaining(self._sink.collector.reserved)
        count = self._call.workers if remaining is None else max(1, min(self._call.workers, remaining))
        self._active = count
        for number in range(count):
            context = self._call.context.copy()
            _native.start_thread(context.run, f"shoal-map-{number}", self._work)
        while self._active and not self._sink.is_over:
            wait_for_wake(self._sink.promise)
        self._more.set()

    def _work(self) -> None:
        sink, source = self._sink, self._source
        try:
            while not sink.is_over:
                self._more.clear()
                with self._taking:
                    items = source.take(self._block_sizer.size)
                    first = sink.collector.reserve(len(items))
                if not items:
                    if source.exhausted:
                        break
                    self._more.wait(_WAKE_TIMEOUT)
                    continue
                started = time.perf_counter()
                run_block(self._call, items, first, sink)
                self._block_sizer.learn(len(items), time.perf_counter() - started)
        except BaseException as error:  # noqa: BLE001 - reported as the error of the call
            sink.abort(error)
        finally:
            with self._taking:
                self._active -= 1
            sink.promise.wake()
