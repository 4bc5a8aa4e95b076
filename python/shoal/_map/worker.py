"""A worker process: takes chunks of items, says at which one it is, sends results back.

Where it is stands in shared memory (`Cells`), so that the caller knows it also of a process that is dead or hangs; a
store there costs 35 ns. The caller may forbid the items from some place on (`LIMIT`) to give them to somebody else.
Results are sent at the end of a chunk, or earlier if it, or one item of it, takes longer than planned.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import tempfile
import time
import traceback
from multiprocessing import process, resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from shoal import _native, _shoal
from shoal._map import cores, forked
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
from shoal._map.parcel import Incoming, Outgoing
from shoal._map.wire import Channel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shoal._map.failure import Record
    from shoal._map.parcel import Parcel

# Between two sendings of results within a chunk, in seconds.
_FLUSH = 0.05


def main(end: float, cells: float, tracker: float, parent: float, patience: float) -> NoReturn:
    """What runs in the process. The arguments are those of `spawn`, as they come from the command line."""
    # Ctrl-C is the caller's to answer. It was blocked by the thread that started this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    _follow(int(parent))
    cores.inside_worker = True
    _open_streams()
    if tracker >= 0:
        resource_tracker._resource_tracker._fd = int(tracker)  # type: ignore[attr-defined] # noqa: SLF001 - as multiprocessing
    code = 0
    try:
        _Serving(Channel(int(end)), cells_of(int(cells)), patience).run()
    except OSError:
        pass  # the caller is gone
    except BaseException:  # noqa: BLE001 - no memory, or an alarm that an item has left behind
        code = 1
        traceback.print_exc()
    finally:
        forked.flush_streams()
        os._exit(code)  # not held up by threads or handlers that a function has left


def _open_streams() -> None:
    """Standard input is empty; the others lead nowhere if they are closed."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    for number in (1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(null, number)
    if null > 2:  # noqa: PLR2004 - standard error
        os.close(null)


def _follow(parent: int) -> None:
    """Ends this process with its parent."""

    def watch() -> None:
        while os.getppid() == parent:
            _native.sleep(0.5)
        os._exit(0)

    if not _shoal._end_with_parent():  # noqa: SLF001 - ours
        _native.start_thread(watch, "shoal-parent")
    if os.getppid() != parent:
        os._exit(0)


class _Serving:
    def __init__(self, channel: Channel, cells: memoryview, patience: float) -> None:
        self._channel = channel
        self._cells = cells
        self._patience = patience
        self._pid = os.getpid()
        self._job = 0
        self._incoming = Incoming()
        self._outgoing = Outgoing()
        self._fn: Callable[[Any], Any] | None = None
        self._timed = False
        self._flusher = _Flusher(cells)
        os.register_at_fork(after_in_child=self._forked)

    def run(self) -> None:
        while (message := self._channel.receive(self._patience)) is not None:
            kind, *rest = message
            if kind == "chunk":
                self._chunk(*rest)
            elif kind == "free":
                self._outgoing.release(*rest)
            elif kind == "call":
                self._call(*rest)
            elif kind == "start":
                self._start(*rest)
            else:
                self._fn = None
                self._outgoing.shrink()
        if self._channel.fault:
            raise RuntimeError(self._channel.fault)

    def _say(self, kind: str, *rest: Any, files: Sequence[int] = ()) -> None:  # noqa: ANN401 - what `marshal` knows
        """Sends a message of this process about the job that it works for."""
        if os.getpid() != self._pid:
            forked.leave()
        self._channel.send((kind, self._job, self._pid, *rest), files)

    def _say_failed(self, kind: str, number: int, error: BaseException) -> None:
        parcel, files, _ = self._outgoing.pack([record(error)])
        self._say(kind, number, parcel, files=files)

    def _forked(self) -> None:
        # The parent's: a child must neither answer there, nor keep it open when the parent dies.
        self._channel.close()
        self._outgoing.close()
        self._incoming.close()

    def _start(self, parcel: Parcel) -> None:
        current = process.current_process()
        current.name = "shoal-map"
        current.authkey, sys.argv = self._incoming.unpack(parcel, self._channel.descriptors)
        self._say("ready")

    def _call(self, job: int, timed: bool, place: Parcel, fn: Parcel) -> None:
        self._job = job
        self._timed = timed
        self._cells[CURRENT] = LOADING
        try:
            # Both, whatever happens: their descriptors come in this order.
            where = self._incoming.unpack(place, self._channel.descriptors)
            _look_where_the_caller_looks(*where)
            (self._fn,) = self._incoming.unpack(fn, self._channel.descriptors)
        except BaseException as error:  # noqa: BLE001 - whatever an import raises
            self._say_failed("broken", 0, error)
        self._cells[CURRENT] = IDLE
        self._say("called")

    def _chunk(self, number: int, stride: int, parcel: Parcel) -> None:
        whole = time.perf_counter()
        self._enter(number, UNPACKING)
        try:
            items = self._incoming.unpack(parcel, self._channel.descriptors)
        except BaseException as error:  # noqa: BLE001 - whatever __setstate__ raises
            self._cells[CURRENT] = IDLE
            self._say_failed("refused", number, error)
            return
        yields = _Yields(self._say, self._outgoing, number)
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
        forked.at_work.clear()  # it keeps the items
        self._flusher.watch(None)
        self._enter(number, PACKING)
        yields.send(lambda: time.perf_counter() - whole)
        self._cells[CURRENT] = IDLE
        forked.flush_streams()

    def _enter(self, number: int, what: int) -> None:
        self._cells[STARTED] = time.monotonic_ns()
        self._cells[NUMBER] = number
        self._cells[CURRENT] = what

    def _stretch(self, items: list[Any], code: int, yields: _Yields) -> int:
        """Works on items; gives how many it has done before the limit."""
        cells, append, timed = self._cells, yields.values.append, self._timed
        fn: Any = self._fn
        forked.at_work[_native.get_ident()] = items.clear
        at, rest = 0, iter(items)
        while at < len(items):
            try:
                for item in rest:
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
                if os.getpid() != self._pid:
                    forked.leave(error)
                yields.errors.append(((code + at) & ((1 << SHIFT) - 1), record(error)))
                append(None)
                at += 1
        if os.getpid() != self._pid:
            forked.leave()
        return at


class _Yields:
    """What a chunk has yielded: in the order of its items, the errors beside it. Sent bit by bit, by two threads."""

    def __init__(self, say: Callable[..., None], outgoing: Outgoing, number: int) -> None:
        self._say = say
        self._outgoing = outgoing
        self._number = number
        self._sending = _native.Lock()
        self.values: list[Any] = []
        self.errors: list[tuple[int, Record]] = []
        """Each is there before its place among the values is."""
        self.sent = 0

    def send(self, took: Callable[[], float] | None = None) -> None:
        """Sends what has come since the last time; with `took`, says that this is the end."""
        with self._sending:
            begin, end = self.sent, len(self.values)
            self._send(begin, self.values[begin:end], took)

    def _send(self, begin: int, values: list[Any], took: Callable[[], float] | None) -> None:
        end = begin + len(values)
        errors = [(position, sent) for position, sent in self.errors if begin <= position < end]
        try:
            parcel, files, size = self._outgoing.pack([*values, errors] if errors else values)
        except BaseException as error:  # noqa: BLE001 - anybody's __reduce__, or no memory
            if len(values) > 1:  # whose fault is it?
                half = len(values) // 2
                self._send(begin, values[:half], None)
                self._send(begin + half, values[half:], took)
                return
            (value,) = values
            errors = [(begin, record(unsendable("the result", value, error)))]
            parcel, files, size = self._outgoing.pack([None, errors])
        self.sent = end
        self.values[begin:end] = [None] * (end - begin)
        seconds = took() if took else None
        self._say("result", self._number, begin, end, seconds, size, parcel, bool(errors), files=files)


class _Flusher:
    """Sends what is finished while the item after it takes long: it may never end."""

    def __init__(self, cells: memoryview) -> None:
        self._cells = cells
        self._watched: _Yields | None = None
        self._active = _native.Event()
        _native.start_thread(self._run, "shoal-map-flusher")

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
            _native.sleep(_FLUSH)
            yields, current = self._watched, self._cells[CURRENT]
            if yields is not None and current == before and current >= 0 and yields.sent < len(yields.values):
                self._cells[FLUSHING] = 1  # who dies now need not die of its item
                try:
                    yields.send()
                except OSError:
                    os._exit(0)  # the caller is gone
                self._cells[FLUSHING] = 0
            before = current


def _look_where_the_caller_looks(folder: str | None, path: list[str]) -> None:
    """A worker may be older than the caller's last `chdir`, its last `sys.path.append` or its newest module."""
    try:
        os.chdir(folder or "")
    except OSError:
        # The caller's is gone. Relative paths lead nowhere there, and must not lead to another folder here.
        gone = tempfile.mkdtemp(prefix="shoal-map-")
        os.chdir(gone)
        Path(gone).rmdir()
    if sys.path != path:
        sys.path[:] = path
    importlib.invalidate_caches()
