"""A worker process: receives chunks of items, records its position, and sends results back.

The position is in shared memory (`worker_status`), where the caller can read it even if the process is dead or hangs; a
store costs 35 ns. With `LIMIT` the caller can take items back that were not begun. Results are sent at the end of a
chunk, or earlier if the chunk or one of its items takes long.
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
from shoal._map.channel import Channel
from shoal._map.failure import record, unsendable
from shoal._map.payload import PayloadReader, PayloadWriter
from shoal._map.worker_status import (
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
    map_status,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shoal._map.failure import Record
    from shoal._map.payload import Payload

# Seconds between two messages with results of one chunk.
_FLUSH_INTERVAL = 0.05


def main(end: float, status: float, tracker: float, parent: float, idle_timeout: float) -> NoReturn:
    """Runs the process. The arguments are those of `spawn`, from the command line."""
    # The caller handles Ctrl-C. The thread that started this process has blocked the signal.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    _exit_with_parent(int(parent))
    cores.inside_worker = True
    _open_streams()
    if tracker >= 0:
        resource_tracker._resource_tracker._fd = int(tracker)  # type: ignore[attr-defined] # noqa: SLF001 - as multiprocessing
    code = 0
    try:
        _WorkerLoop(Channel(int(end)), map_status(int(status)), idle_timeout).run()
    except OSError:
        pass  # the caller is gone
    except BaseException:  # noqa: BLE001 - no memory, or a signal handler that an item has left behind
        code = 1
        traceback.print_exc()
    finally:
        forked.flush_streams()
        os._exit(code)  # without waiting for threads or exit handlers of an item


def _open_streams() -> None:
    """Opens /dev/null as standard input, and as standard output and error if they are closed."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    for number in (1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(null, number)
    if null > 2:  # noqa: PLR2004 - standard error
        os.close(null)


def _exit_with_parent(parent: int) -> None:
    """Makes this process end with its parent."""

    def watch() -> None:
        while os.getppid() == parent:
            _native.sleep(0.5)
        os._exit(0)

    if not _shoal._end_with_parent():  # noqa: SLF001 - ours
        _native.start_thread(watch, "shoal-parent")
    if os.getppid() != parent:
        os._exit(0)


class _WorkerLoop:
    def __init__(self, channel: Channel, status: memoryview, idle_timeout: float) -> None:
        self._channel = channel
        self._status = status
        self._idle_timeout = idle_timeout
        self._pid = os.getpid()
        self._job = 0
        self._reader = PayloadReader()
        self._writer = PayloadWriter()
        self._fn: Callable[[Any], Any] | None = None
        self._timed = False
        self._flusher = _Flusher(status)
        os.register_at_fork(after_in_child=self._after_fork_in_child)

    def run(self) -> None:
        while (message := self._channel.receive(self._idle_timeout)) is not None:
            kind, *rest = message
            if kind == "chunk":
                self._chunk(*rest)
            elif kind == "free":
                self._writer.release(*rest)
            elif kind == "call":
                self._call(*rest)
            elif kind == "start":
                self._start(*rest)
            else:
                self._fn = None
                self._writer.shrink()
        if self._channel.fault:
            raise RuntimeError(self._channel.fault)

    def _send(self, kind: str, *rest: Any, files: Sequence[int] = ()) -> None:  # noqa: ANN401 - types of `marshal`
        """Sends a message about the current job."""
        if os.getpid() != self._pid:
            forked.exit_child()
        self._channel.send((kind, self._job, self._pid, *rest), files)

    def _send_failure(self, kind: str, number: int, error: BaseException) -> None:
        payload, files, _ = self._writer.pack([record(error)])
        self._send(kind, number, payload, files=files)

    def _after_fork_in_child(self) -> None:
        # A child must neither send on its parent's channel nor keep it open when the parent dies.
        self._channel.close()
        self._writer.close()
        self._reader.close()

    def _start(self, payload: Payload) -> None:
        current = process.current_process()
        current.name = "shoal-map"
        current.authkey, sys.argv = self._reader.unpack(payload, self._channel.descriptors)
        self._send("ready")

    def _call(self, job: int, timed: bool, place: Payload, fn: Payload) -> None:
        self._job = job
        self._timed = timed
        self._status[CURRENT] = LOADING
        try:
            # Always both, because their descriptors arrive in this order.
            location = self._reader.unpack(place, self._channel.descriptors)
            _use_location(*location)
            (self._fn,) = self._reader.unpack(fn, self._channel.descriptors)
        except BaseException as error:  # noqa: BLE001 - an import may raise anything
            self._send_failure("broken", 0, error)
        self._status[CURRENT] = IDLE
        self._send("called")

    def _chunk(self, number: int, stride: int, payload: Payload) -> None:
        started = time.perf_counter()
        self._set_state(number, UNPACKING)
        try:
            items = self._reader.unpack(payload, self._channel.descriptors)
        except BaseException as error:  # noqa: BLE001 - a user's __setstate__
            self._status[CURRENT] = IDLE
            self._send_failure("refused", number, error)
            return
        results = _ChunkResults(self._send, self._writer, number)
        self._flusher.watch(results)
        position, stopped = 0, False
        last = time.perf_counter()
        while position < len(items) and not stopped:
            end = min(position + stride, len(items))
            reached = self._run_items(items[position:end], number << SHIFT | position, results)
            stopped = position + reached < end
            position += reached
            if position < len(items) and (now := time.perf_counter()) - last > _FLUSH_INTERVAL:
                last = now
                self._set_state(number, PACKING)
                results.send()
        forked.interrupt_in_child.clear()  # it refers to the items
        self._flusher.watch(None)
        self._set_state(number, PACKING)
        results.send(lambda: time.perf_counter() - started)
        self._status[CURRENT] = IDLE
        forked.flush_streams()

    def _set_state(self, number: int, state: int) -> None:
        self._status[STARTED] = time.monotonic_ns()
        self._status[NUMBER] = number
        self._status[CURRENT] = state

    def _run_items(self, items: list[Any], code: int, results: _ChunkResults) -> int:
        """Runs items; returns the number done before the limit."""
        status, append, timed = self._status, results.values.append, self._timed
        fn: Any = self._fn
        forked.interrupt_in_child[_native.get_ident()] = items.clear
        at, rest = 0, iter(items)
        while at < len(items):
            try:
                for item in rest:
                    # This writes the position, then reads the limit; the caller does the reverse. So one of them sees
                    # the other's value, and at worst an item runs twice.
                    status[CURRENT] = code + at
                    if code + at >= status[LIMIT]:
                        return at
                    if timed:
                        status[STARTED] = time.monotonic_ns()
                    append(fn(item))
                    at += 1
            except BaseException as error:  # noqa: BLE001 - SystemExit and KeyboardInterrupt too: they are the item's
                if os.getpid() != self._pid:
                    forked.exit_child(error)
                results.errors.append(((code + at) & ((1 << SHIFT) - 1), record(error)))
                append(None)
                at += 1
        if os.getpid() != self._pid:
            forked.exit_child()
        return at


class _ChunkResults:
    """The results and errors of a chunk, in the order of its items. Two threads send parts of them."""

    def __init__(self, send: Callable[..., None], outgoing: PayloadWriter, number: int) -> None:
        self._send_message = send
        self._writer = outgoing
        self._number = number
        self._sending = _native.Lock()
        self.values: list[Any] = []
        self.errors: list[tuple[int, Record]] = []
        """An error is added before the placeholder among the values."""
        self.sent = 0

    def send(self, took: Callable[[], float] | None = None) -> None:
        """Sends the results since the last call; `took` marks the end of the chunk and measures its time."""
        with self._sending:
            begin, end = self.sent, len(self.values)
            self._send(begin, self.values[begin:end], took)

    def _send(self, begin: int, values: list[Any], took: Callable[[], float] | None) -> None:
        end = begin + len(values)
        errors = [(position, sent) for position, sent in self.errors if begin <= position < end]
        try:
            payload, files, size = self._writer.pack([*values, errors] if errors else values)
        except BaseException as error:  # noqa: BLE001 - a user's __reduce__, or no memory
            if len(values) > 1:  # find the value at fault
                half = len(values) // 2
                self._send(begin, values[:half], None)
                self._send(begin + half, values[half:], took)
                return
            (value,) = values
            errors = [(begin, record(unsendable("the result", value, error)))]
            payload, files, size = self._writer.pack([None, errors])
        self.sent = end
        self.values[begin:end] = [None] * (end - begin)
        seconds = took() if took else None
        self._send_message("result", self._number, begin, end, seconds, size, payload, bool(errors), files=files)


class _Flusher:
    """Sends finished results while the next item takes long: it may never end."""

    def __init__(self, status: memoryview) -> None:
        self._status = status
        self._watched: _ChunkResults | None = None
        self._active = _native.Event()
        _native.start_thread(self._run, "shoal-map-flusher")

    def watch(self, results: _ChunkResults | None) -> None:
        """Sends the results of this chunk from now on."""
        self._watched = results
        if results is None:
            self._active.clear()
        else:
            self._active.set()

    def _run(self) -> None:
        before = IDLE
        while True:
            self._active.wait()
            _native.sleep(_FLUSH_INTERVAL)
            results, current = self._watched, self._status[CURRENT]
            if results is not None and current == before and current >= 0 and results.sent < len(results.values):
                self._status[FLUSHING] = 1  # a death now may not be the fault of the item
                try:
                    results.send()
                except OSError:
                    os._exit(0)  # the caller is gone
                self._status[FLUSHING] = 0
            before = current


def _use_location(folder: str | None, path: list[str]) -> None:
    """Uses the caller's working folder and module search path, which may have changed since the start of the worker."""
    try:
        os.chdir(folder or "")
    except OSError:
        # The caller's folder was removed. Relative paths do not work there, and must not find another folder here.
        gone = tempfile.mkdtemp(prefix="shoal-map-")
        os.chdir(gone)
        Path(gone).rmdir()
    if sys.path != path:
        sys.path[:] = path
    importlib.invalidate_caches()
