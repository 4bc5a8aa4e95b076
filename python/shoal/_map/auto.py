"""Where a call runs whose backend is "auto".

On free-threaded Python in threads. With the GIL in worker processes, because only there no item can do the caller any
harm; they are also the fastest where an item takes some microseconds (5 us x 200,000 in chunks of 6,000: half the time
of a loop, on two cores). That leaves items that take less than sending them anywhere, large ones above all: those run
here, if the function is known to be harmless (`harmless.py`) and a trial of 20 ms says so; in threads if it turns out
to release the GIL.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from shoal import _native
from shoal._map import cores
from shoal._map.chunk import Chunk
from shoal._map.harmless import is_harmless, is_plain, size_of
from shoal._map.local import Threads, serial, timed, work

if TYPE_CHECKING:
    from collections.abc import Callable

    from shoal._map.board import Ledger
    from shoal._map.call import Call
    from shoal._map.source import Source

_TRIAL = 0.02
# Sending an item and its result costs seconds, and seconds a byte (measured, 1 MiB of bytes: 0.2 ms here, 0.25 ms in
# the worker; small ones in large chunks).
_SEND, _SEND_BYTE = 3e-7, 4.5e-10
_SENDER = 0.45
# Starting the workers.
_START = 0.1
# Below this, handing blocks to threads costs more than a second core gives.
_THREADED = 5e-5


def has_gil() -> bool:
    """Whether threads of this interpreter run one at a time."""
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def resolve(call: Call) -> str:
    """The backend of a call as far as it is known beforehand; "auto" if it has to be tried."""
    if call.backend != "auto":
        return call.backend
    if call.timeout is not None:
        return "processes"  # nothing else can be ended
    if cores.inside_worker:
        return "serial"  # there are no cores left
    if not has_gil():
        return "threads"
    return "auto" if is_harmless(call.fn) else "processes"


def run(call: Call, source: Source, ledger: Ledger) -> None:
    """Does one call, to its end."""
    backend = resolve(call)
    if backend == "threads":
        Threads(call, source, ledger).run()
    elif backend == "processes":
        _in_processes(call, source, ledger)
    else:
        source.start(ledger.promise.wake)
        if backend == "serial":
            call.context.run(serial, call, source, ledger)
        else:
            _try_here(call, source, ledger)
    if ledger.is_over:
        return
    if source.error is not None:
        ledger.abort(source.error)
    else:
        ledger.promise.expect(ledger.board.taken)
        ledger.finish()


def _in_processes(call: Call, source: Source, ledger: Ledger, items: list[Any] | None = None) -> None:
    # Here, because they need cloudpickle and multiprocessing, and the rest doesn't.
    _native.load("shoal._map.processes")
    from shoal._map.fleet import Exiting  # noqa: PLC0415
    from shoal._map.processes import Processes  # noqa: PLC0415

    first = []
    if items:
        at = ledger.board.take(len(items))
        first = [Chunk(range(at, at + len(items)), items)]
    try:
        Processes(call, source, ledger, first).run()
    except Exiting:
        # Nobody is to hear of it: not even that this thread, a daemon, has ended.
        _native.Event().wait()


class _Plain:
    """The items of a source up to the first that are not plain."""

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


def _try_here(call: Call, source: Source, ledger: Ledger) -> None:
    """Items in this process as long as that is the best place for them."""
    plain = _Plain(source)
    count, size, spent = 0, 0, 0.0
    place = "here"
    for items, seconds in timed(call, plain, ledger):
        if spent < _TRIAL:
            count, size, spent = count + len(items), size + sum(map(size_of, items)), spent + seconds
            if spent >= _TRIAL and not ledger.is_over:
                place = _place(call, plain, ledger, spent / count, size / count)
        del items
        if place != "here":
            break
    if place == "threads" and not ledger.is_over:
        Threads(call, plain, ledger).run()
    if not ledger.is_over and (plain.refused or not source.exhausted):
        _in_processes(call, source, ledger, plain.refused)


def _place(call: Call, source: _Plain, ledger: Ledger, each: float, size: float) -> str:
    """Where the rest goes, after items of so many seconds and bytes."""
    if call.workers == 1:
        return "here"
    sending = _SEND + size * _SEND_BYTE
    elsewhere = max(_SENDER * sending, (each + sending) / call.workers)
    remaining = source.remaining(ledger.board.taken)
    if remaining is not None:
        elsewhere += _START / max(1, remaining)
    if each >= _THREADED and _releases_the_gil(call, source, ledger, each):
        return "threads"
    return "processes" if elsewhere < 0.8 * each else "here"


def _releases_the_gil(call: Call, source: _Plain, ledger: Ledger, each: float) -> bool:
    """Two threads at once for some milliseconds, beside what one has done."""
    count = max(1, min(64, int(0.005 / each)))
    threads: list[_native.Event] = []
    started = time.perf_counter()
    for _ in range(2):
        items = source.take(count)
        if items:
            first = ledger.board.take(len(items))
            threads.append(_in_thread(call, items, first, ledger))
    for done in threads:
        done.wait()
    return len(threads) > 1 and time.perf_counter() - started < 0.75 * 2 * count * each


def _in_thread(call: Call, items: list[Any], first: int, ledger: Ledger) -> _native.Event:
    done = _native.Event()

    def run() -> None:
        try:
            work(call, items, first, ledger)
        finally:
            done.set()

    _native.start_thread(run, "shoal-map-trial")
    return done
