"""The backend of a call with `backend="auto"`.

On free-threaded Python: threads. With the GIL: worker processes, because only there an item cannot harm the caller.
They are also the fastest for items of a few microseconds (5 us x 200,000 in chunks of 6,000: half the time of a loop,
on two cores). Items that take less time than sending them, large ones above all, run in this process if the function
is known to be safe (`inline_safety.py`) and a trial of 20 ms confirms it, or in threads if it turns out to release the
GIL.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from shoal import _native
from shoal._map import cores
from shoal._map.chunk import Chunk
from shoal._map.inline_safety import is_inline_safe, is_plain, size_of
from shoal._map.local import ThreadBackend, run_block, serial, timed

if TYPE_CHECKING:
    from collections.abc import Callable

    from shoal._map.call import Call
    from shoal._map.result_collector import ResultSink
    from shoal._map.source import Source

_TRIAL_SECONDS = 0.02
# Seconds to send an item and its result, and seconds per byte (measured with 1 MiB of bytes: 0.2 ms here, 0.25 ms in
# the worker; small ones in large chunks).
_SECONDS_PER_ITEM, _SECONDS_PER_BYTE = 3e-7, 4.5e-10
# The part of it that this process spends.
_SENDER_SHARE = 0.45
# Seconds to start the workers.
_START_SECONDS = 0.1
# Seconds per item below which blocks for threads cost more than a second core gains.
_MIN_THREADED = 5e-5


def has_gil() -> bool:
    """Whether this interpreter has an enabled GIL."""
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def resolve(call: Call) -> str:
    """The backend of a call; "auto" if a trial has to decide."""
    if call.backend != "auto":
        return call.backend
    if call.timeout is not None:
        return "processes"  # only a process can be ended
    if cores.inside_worker:
        return "serial"  # the caller uses the cores
    if not has_gil():
        return "threads"
    return "auto" if is_inline_safe(call.fn) else "processes"


def run(call: Call, source: Source, sink: ResultSink) -> None:
    """Runs a call to its end."""
    backend = resolve(call)
    if backend == "threads":
        ThreadBackend(call, source, sink).run()
    elif backend == "processes":
        _in_processes(call, source, sink)
    else:
        source.start(sink.promise.wake)
        if backend == "serial":
            call.context.run(serial, call, source, sink)
        else:
            _try_here(call, source, sink)
    if sink.is_over:
        return
    if source.error is not None:
        sink.abort(source.error)
    else:
        sink.promise.expect(sink.collector.reserved)
        sink.finish()


def _in_processes(call: Call, source: Source, sink: ResultSink, items: list[Any] | None = None) -> None:
    # Imported here, because only these need cloudpickle and multiprocessing.
    _native.load("shoal._map.processes")
    from shoal._map.processes import ProcessBackend  # noqa: PLC0415
    from shoal._map.worker_pool import InterpreterExiting  # noqa: PLC0415

    first = []
    if items:
        at = sink.collector.reserve(len(items))
        first = [Chunk(range(at, at + len(items)), items)]
    try:
        ProcessBackend(call, source, sink, first).run()
    except InterpreterExiting:
        # Keeps this daemon thread silent until the process has ended.
        _native.Event().wait()


class _Plain:
    """The items of a source before the first that is not plain."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.refused: list[Any] = []

    def start(self, notify: Callable[[], object]) -> None:
        self._source.start(notify)

    def remaining(self, taken: int) -> int | None:
        return self._source.remaining(taken)

    @property
    def exhausted(self) -> bool:
        return self._source.exhausted or bool(self.refused)

    def take(self, count: int) -> list[Any]:
        if self.exhausted:
            return []
        items = self._source.take(count)
        if is_plain(items):
            return items
        self.refused = items
        return []


def _try_here(call: Call, source: Source, sink: ResultSink) -> None:
    """Runs items in this process while that is the best place for them."""
    plain = _Plain(source)
    count, size, spent = 0, 0, 0.0
    place = "here"
    for items, seconds in timed(call, plain, sink):
        if spent < _TRIAL_SECONDS:
            count, size, spent = count + len(items), size + sum(map(size_of, items)), spent + seconds
            if spent >= _TRIAL_SECONDS and not sink.is_over:
                place = _best_place(call, plain, sink, spent / count, size / count)
        del items
        if place != "here":
            break
    if place == "threads" and not sink.is_over:
        ThreadBackend(call, plain, sink).run()
    if not sink.is_over and (plain.refused or not source.exhausted):
        _in_processes(call, source, sink, plain.refused)


def _best_place(call: Call, source: _Plain, sink: ResultSink, each: float, size: float) -> str:
    """The place for the remaining items, given the seconds and bytes per item so far."""
    if call.workers == 1:
        return "here"
    sending = _SECONDS_PER_ITEM + size * _SECONDS_PER_BYTE
    in_processes = max(_SENDER_SHARE * sending, (each + sending) / call.workers)
    remaining = source.remaining(sink.collector.reserved)
    if remaining is not None:
        in_processes += _START_SECONDS / max(1, remaining)
    if each >= _MIN_THREADED and _releases_the_gil(call, source, sink, each):
        return "threads"
    return "processes" if in_processes < 0.8 * each else "here"


def _releases_the_gil(call: Call, source: _Plain, sink: ResultSink, each: float) -> bool:
    """Whether two threads at once are faster than one, tried for some milliseconds."""
    count = max(1, min(64, int(0.005 / each)))
    threads: list[_native.Event] = []
    started = time.perf_counter()
    for _ in range(2):
        items = source.take(count)
        if items:
            first = sink.collector.reserve(len(items))
            threads.append(_in_thread(call, items, first, sink))
    for done in threads:
        done.wait()
    return len(threads) > 1 and time.perf_counter() - started < 0.75 * 2 * count * each


def _in_thread(call: Call, items: list[Any], first: int, sink: ResultSink) -> _native.Event:
    done = _native.Event()

    def run() -> None:
        try:
            run_block(call, items, first, sink)
        finally:
            done.set()

    _native.start_thread(run, "shoal-map-trial")
    return done
