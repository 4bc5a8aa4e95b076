"""The worker processes of this process: started when needed, kept warm between calls.

loky's launcher starts them (a new interpreter, never a fork; the `__main__` of the caller is not imported), and one
thread does all of it, for two reasons. On Linux the kernel ends a worker when the *thread* that started it ends, so
that thread has to last as long as the process. And it blocks SIGINT, which its children inherit: Ctrl-C in a terminal
goes to them too, and one that has not yet got to ignoring it would print a traceback.

A worker belongs to one call at a time. One that nobody uses ends by itself after a while.
"""

from __future__ import annotations

import atexit
import os
import signal
import threading
import time
from collections import deque
from contextlib import suppress
from multiprocessing import resource_tracker as standard_tracker
from multiprocessing.context import get_spawning_popen
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from loky.backend import resource_tracker
from loky.backend.popen_loky_posix import Popen

from shoal._map.cells import CURRENT, IDLE, LIMIT, NO_LIMIT, SIZE, cells_of
from shoal._map.parcel import Incoming, Outgoing, _anonymous_file
from shoal._map.wire import Channel, pair
from shoal._map.worker import Worker

if TYPE_CHECKING:
    import socket

    from shoal._map.processes import Chunk

IDLE_SECONDS = float(os.environ.get("SHOAL_MAP_IDLE", "60"))
"""After which an unused worker ends."""


class _Launch:
    """What loky's launcher is given: pickled, it becomes a `Worker` in the new process."""

    name = _name = "shoal-map"
    env: dict[str, str] = {}  # noqa: RUF012 - read only
    init_main_module = False

    def __init__(self, end: socket.socket, cells: int) -> None:
        self._end = end
        self._cells = cells

    def __reduce__(self) -> tuple[Any, ...]:
        popen: Any = get_spawning_popen()
        end, cells = popen.duplicate_for_child(self._end.fileno()), popen.duplicate_for_child(self._cells)
        return Worker, (end, cells, os.getpid(), IDLE_SECONDS)


class Hand:
    """One worker process, seen from the caller."""

    def __init__(self) -> None:
        here, there = pair()
        file = _anonymous_file()
        try:
            os.ftruncate(file, SIZE)
            self.cells = cells_of(file)
            self.cells[CURRENT] = IDLE
            self.cells[LIMIT] = NO_LIMIT
            self._popen = Popen(_Launch(there, file))
        except BaseException:
            here.close()
            raise
        finally:
            there.close()
            os.close(file)
        self.channel = Channel(here)
        self.outgoing = Outgoing()
        self.incoming = Incoming()
        # What the call that has it keeps here.
        self.chunks: deque[Chunk] = deque()
        self.chunk_number = 0
        self.ready = False
        self.called = False
        self.call_segment: int | None = None
        self.overdue: tuple[int, int] | None = None
        self.seen: tuple[int, int] | None = None
        self.seen_at = 0.0

    @property
    def pid(self) -> int:
        """Its process."""
        return int(self._popen.pid)

    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._popen.poll() is None and not self.channel.closed

    def kill(self) -> None:
        """Ends the process, whatever it does."""
        if self._popen.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def exitcode(self, wait: float = 1.0) -> int | None:
        """The exit code, negative for a signal; a process that does not end is made to. `None` if nobody knows."""
        until = time.monotonic() + wait
        while (code := self._popen.poll()) is None and time.monotonic() < until:
            time.sleep(0.001)
        if code is None:
            self.kill()
            time.sleep(0.01)
            code = self._popen.poll()
        return None if code is None else int(code)

    def close(self) -> None:
        """Closes what this process holds of it."""
        self.channel.close()
        self.outgoing.close()
        self.incoming.close()


class Exiting(BaseException):
    """This process is about to end."""


class Fleet:
    """All workers of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[Hand] = []
        self._all: set[Hand] = set()
        self._orders: SimpleQueue[SimpleQueue[Hand | BaseException]] = SimpleQueue()
        self._starting = threading.Lock()
        self.closed = False
        """Whether this process is about to end: whoever works with workers stops where it is."""
        threading.Thread(target=self._start_workers, name="shoal-map-fleet", daemon=True).start()

    def take(self) -> Hand:
        """A worker that is idle, or a new one.

        Raises:
            OSError: No process can be started.
        """
        while True:
            with self._lock:
                hand = self._idle.pop() if self._idle else None
            if hand is None:
                break
            if hand.is_alive():
                return hand
            self.drop(hand)
        answer: SimpleQueue[Hand | BaseException] = SimpleQueue()
        self._orders.put(answer)
        started = answer.get()
        if isinstance(started, BaseException):
            raise started
        return started

    def give(self, hand: Hand) -> None:
        """Takes back a worker that is idle."""
        with self._lock:
            self._idle.append(hand)

    def drop(self, hand: Hand) -> None:
        """Forgets a worker, which must be dead or about to be."""
        hand.kill()
        hand.exitcode()
        hand.close()
        with self._lock:
            self._all.discard(hand)

    def close(self, wait: float = 0.3) -> None:
        """Ends all workers; waits a little for them to be gone."""
        self.closed = True
        # One that is being started would miss what it is to be, and say so.
        if self._starting.acquire(timeout=wait):
            self._starting.release()
        with self._lock:
            hands = list(self._all)
        for hand in hands:
            hand.kill()
        until = time.monotonic() + wait
        for hand in hands:
            hand.exitcode(max(0.0, until - time.monotonic()))

    def abandon(self) -> None:
        """In a forked child: they are the parent's."""
        for hand in self._all:
            hand.close()

    def _start_workers(self) -> None:
        while True:
            try:
                answer = self._orders.get(timeout=IDLE_SECONDS)
            except Empty:
                self._reap()
                continue
            answer.put(self._started())

    def _started(self) -> Hand | BaseException:
        with self._starting:
            try:
                if self.closed:
                    raise Exiting  # noqa: TRY301 - handled like the others
                # These start processes of their own at first, and unblock SIGINT after it.
                standard_tracker.ensure_running()
                resource_tracker.ensure_running()
                signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
                hand = Hand()
            except BaseException as error:  # noqa: BLE001 - raised where the worker was asked for
                return error
            with self._lock:
                self._all.add(hand)
        return hand

    def _reap(self) -> None:
        """Forgets those that have ended for want of work."""
        with self._lock:
            gone = [hand for hand in self._idle if not hand.is_alive()]
            self._idle = [hand for hand in self._idle if hand not in gone]
        for hand in gone:
            self.drop(hand)


_current: Fleet | None = None
_making = threading.Lock()


def fleet() -> Fleet:
    """That of this process."""
    global _current  # noqa: PLW0603 - made at first use, again in a forked child
    with _making:
        if _current is None:
            _current = Fleet()
        return _current


def _forked() -> None:
    global _current, _making  # noqa: PLW0603 - the parent's are of no use here
    _making = threading.Lock()
    if _current is not None:
        _current.abandon()
        _current = None


def _exiting() -> None:
    if _current is not None:
        _current.close()


os.register_at_fork(after_in_child=_forked)
atexit.register(_exiting)
