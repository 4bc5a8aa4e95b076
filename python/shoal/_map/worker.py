"""A worker process: takes chunks of items, says at which one it is, sends results back.

Where it is stands in shared memory (`Cells`), so that the caller knows it also of a process that is dead or hangs; a
store there costs 35 ns. The caller may forbid the items from some place on (`LIMIT`) to give them to somebody else.
Results are sent at the end of a chunk, or earlier if it, or one item of it, takes longer than planned.
"""

from __future__ import annotations

import importlib
import os
import pickle
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from shoal import _shoal
from shoal._map import cores
from shoal._map.cells import (
    CURRENT,
    FLUSHING,
    IDLE,
    LIMIT,
    LOADING,
    NUMBER,
    PACKING,
    SHIFT,
    STARTED,
    UNPACKING,
    cells_of,
)
from shoal._map.failure import record, unsendable
from shoal._map.parcel import Incoming, Outgoing, dump
from shoal._map.wire import Channel

if TYPE_CHECKING:
    from collections.abc import Callable

    from shoal._map.failure import Record
    from shoal._map.parcel import Parcel

# Between two sendings of results within a chunk, in seconds.
_FLUSH = 0.05


class Worker:
    """What runs in the process; loky's launcher calls `_bootstrap`."""

    def __init__(self, end: int, cells: int, parent: int, patience: float) -> None:
        self._end = end
        self._cells_file = cells
        self._parent = parent
        self._patience = patience

    def _bootstrap(self) -> NoReturn:
        # Ctrl-C is the caller's to answer. It was blocked by the thread that started this process.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        self._follow_parent()
        cores.inside_worker = True
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        try:
            _Serving(Channel(socket.socket(fileno=self._end)), cells_of(self._cells_file), self._patience).run()
        except OSError:
            pass  # the caller is gone
        finally:
            _flush_streams()
            os._exit(0)  # not held up by threads or handlers that a function has left

    def _follow_parent(self) -> None:
        if not _shoal._end_with_parent():  # noqa: SLF001 - ours
            threading.Thread(target=self._watch_parent, name="shoal-parent", daemon=True).start()
        if os.getppid() != self._parent:
            os._exit(0)

    def _watch_parent(self) -> None:
        while os.getppid() == self._parent:
            time.sleep(0.5)
        os._exit(0)


class _Serving:
    def __init__(self, channel: Channel, cells: memoryview, patience: float) -> None:
        self._channel = channel
        self._cells = cells
        self._patience = patience
        self._incoming = Incoming()
        self._outgoing = Outgoing()
        self._fn: Callable[[Any], Any] | None = None
        self._timed = False
        self._flusher = _Flusher(cells)

    def run(self) -> None:
        self._channel.send(("ready",))
        while (message := self._channel.receive(self._patience)) is not None:
            kind, *rest = message
            if kind == "chunk":
                self._chunk(*rest)
            elif kind == "free":
                self._outgoing.release(*rest)
            elif kind == "call":
                self._call(*rest)
            else:
                self._fn = None
                self._outgoing.shrink()

    def _call(self, timed: bool, folder: str | None, path: list[str], parcel: Parcel) -> None:
        self._timed = timed
        self._cells[CURRENT] = LOADING
        try:
            _look_where_the_caller_looks(folder, path)
            (self._fn,) = self._incoming.unpack(parcel, self._channel.descriptors)
        except BaseException as error:  # noqa: BLE001 - whatever an import raises
            self._channel.send(("broken", record(error)))
        self._cells[CURRENT] = IDLE
        self._channel.send(("called",))

    def _chunk(self, number: int, stride: int, parcel: Parcel) -> None:
        whole = time.perf_counter()
        self._enter(number, UNPACKING)
        try:
            items = self._incoming.unpack(parcel, self._channel.descriptors)
        except BaseException as error:  # noqa: BLE001 - whatever __setstate__ raises
            self._cells[CURRENT] = IDLE
            self._channel.send(("refused", record(error)))
            return
        yields = _Yields(self._channel, self._outgoing)
        self._flusher.watch(yields)
        position, stopped = 0, False
        last = time.perf_counter()
        while position < len(items) and not stopped:
            end = min(position + stride, len(items))
            reached = self._stretch(items[position:end], number << SHIFT | position, yields)
            stopped = position + reached < end
            position += reached
            if position < len(items) and (now := time.perf_counter()) - last > _FLUSH:
                last = now
                self._enter(number, PACKING)
                yields.send()
        self._flusher.watch(None)
        self._enter(number, PACKING)
        yields.send(lambda: time.perf_counter() - whole)
        self._cells[CURRENT] = IDLE
        _flush_streams()

    def _enter(self, number: int, what: int) -> None:
        self._cells[STARTED] = time.monotonic_ns()
        self._cells[NUMBER] = number
        self._cells[CURRENT] = what

    def _stretch(self, items: list[Any], code: int, yields: _Yields) -> int:
        """Works on items; gives how many it has done before the limit."""
        cells, append, timed = self._cells, yields.values.append, self._timed
        fn: Any = self._fn
        at = 0
        while at < len(items):
            try:
                for item in items[at:] if at else items:
                    # The place is written before the limit is read, the caller does it the other way round: one of the
                    # two sees what the other wrote, and an item is done twice at worst.
                    cells[CURRENT] = code + at
                    if code + at >= cells[LIMIT]:
                        return at
                    if timed:
                        cells[STARTED] = time.monotonic_ns()
                    append(fn(item))
                    at += 1
            except BaseException as error:  # noqa: BLE001 - SystemExit and KeyboardInterrupt too: the item's, not ours
                yields.errors.append(((code + at) & ((1 << SHIFT) - 1), record(error)))
                append(None)
                at += 1
        return at


class _Yields:
    """What a chunk has yielded: in the order of its items, the errors beside it. Sent bit by bit, by two threads."""

    def __init__(self, channel: Channel, outgoing: Outgoing) -> None:
        self._channel = channel
        self._outgoing = outgoing
        self._sending = threading.Lock()
        self.values: list[Any] = []
        self.errors: list[tuple[int, Record]] = []
        """Each is there before its place among the values is."""
        self.sent = 0

    def send(self, took: Callable[[], float] | None = None) -> None:
        """Sends what has come since the last time; with `took`, says that this is the end."""
        with self._sending:
            begin, end = self.sent, len(self.values)
            values = self.values[begin:end]
            errors = [(position, sent) for position, sent in self.errors if begin <= position < end]
            try:
                parcel, files, size = self._outgoing.pack(values)
            except BaseException:  # noqa: BLE001 - one of them cannot be sent: whose fault is it?
                values = _without_unsendable(begin, values, errors)
                parcel, files, size = self._outgoing.pack(values)
            self.sent = end
            self.values[begin:end] = [None] * (end - begin)
            seconds = took() if took else None
            self._channel.send(("result", begin, end, seconds, size, parcel, errors), files)


class _Flusher:
    """Sends what is finished while the item after it takes long: it may never end."""

    def __init__(self, cells: memoryview) -> None:
        self._cells = cells
        self._watched: _Yields | None = None
        self._active = threading.Event()
        threading.Thread(target=self._run, name="shoal-map-flusher", daemon=True).start()

    def watch(self, yields: _Yields | None) -> None:
        """From here on."""
        self._watched = yields
        if yields is None:
            self._active.clear()
        else:
            self._active.set()

    def _run(self) -> None:
        before = IDLE
        while True:
            self._active.wait()
            time.sleep(_FLUSH)
            yields, current = self._watched, self._cells[CURRENT]
            if yields is not None and current == before and current >= 0 and yields.sent < len(yields.values):
                self._cells[FLUSHING] = 1  # who dies now need not die of its item
                try:
                    yields.send()
                except OSError:
                    os._exit(0)  # the caller is gone
                self._cells[FLUSHING] = 0
            before = current


def _without_unsendable(begin: int, values: list[Any], errors: list[tuple[int, Record]]) -> list[Any]:
    fit: list[Any] = []
    for position, value in enumerate(values, begin):
        try:
            stream, buffers = dump(value)
            del stream, buffers
        except BaseException as error:  # noqa: BLE001 - anybody's __reduce__
            pickled = pickle.dumps(unsendable("the result", value, error))
            errors.append((position, (pickled, "", "", "PicklingError")))
            fit.append(None)
        else:
            fit.append(value)
    return fit


def _look_where_the_caller_looks(folder: str | None, path: list[str]) -> None:
    """A worker may be older than the caller's last `chdir`, its last `sys.path.append` or its newest module."""
    if folder is not None:
        os.chdir(folder)
    if sys.path != path:
        sys.path[:] = path
    importlib.invalidate_caches()


def _flush_streams() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(BaseException):  # closed, replaced, or a full disk
            stream.flush()
