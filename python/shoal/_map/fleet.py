"""The worker processes of this process: started when needed, shared by all calls, kept warm between them.

One thread starts all of them, because on Linux the kernel ends a worker when the *thread* that started it ends, so that
thread has to last as long as the process.

There are as many as the call with the most `workers` may have (at least one a core), however many calls run at once: a
worker is some 25 MB. A worker belongs to one call at a time, and is handed on between two chunks:

- to a call that has at least two fewer, so that all have about the same number;
- after a while to one that has none, in turn.

Where every worker is stuck in long items, a few more are started for calls that have none. A worker that nobody uses
ends by itself after a while.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import time
from _queue import Empty, SimpleQueue
from collections import deque
from contextlib import suppress
from multiprocessing import process
from posix import waitpid  # gevent replaces that of `os`
from typing import TYPE_CHECKING

from shoal import _native
from shoal._map import cores
from shoal._map.cells import CURRENT, IDLE, LIMIT, NO_LIMIT, SIZE, cells_of
from shoal._map.failure import lacking
from shoal._map.parcel import Incoming, Outgoing, anonymous_file
from shoal._map.spawn import spawn
from shoal._map.wire import Channel, pair
from shoal.exceptions import ParallelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from shoal._map.chunk import Chunk

IDLE_SECONDS = float(os.environ.get("SHOAL_MAP_IDLE", "60"))
"""After which an unused worker ends."""
# A call that nobody else waits behind keeps its workers; else it has each for so long at least.
_SLICE = 0.2
# A worker that is at one item for so long is stuck in it, perhaps.
_STUCK = 0.3
_SPARE = 4
# After a process that the system did not start, while there are others.
_PAUSE = 0.5


class Hand:
    """One worker process, seen from the caller."""

    def __init__(self) -> None:
        here, there = pair()
        self.channel = Channel(here)
        self.outgoing = Outgoing()
        self.incoming = Incoming()
        file = -1
        try:
            file = anonymous_file()
            os.ftruncate(file, SIZE)
            self.cells = cells_of(file)
            self.cells[CURRENT] = IDLE
            self.cells[LIMIT] = NO_LIMIT
            # Its segment, if it is large, is not used again.
            parcel, files, _ = self.outgoing.pack([bytes(process.current_process().authkey), sys.argv])
            self.channel.send(("start", parcel), files)
            self.pid = spawn(there, file, IDLE_SECONDS)
        except BaseException:
            self.close()
            raise
        finally:
            os.close(there)
            if file >= 0:
                os.close(file)
        self._status: int | None = None
        self._stuck_in, self._stuck_since = IDLE, 0.0
        self.ended = False
        """Whether the process is known to be gone."""
        self.started_at = time.monotonic()
        self.spare = False
        """Whether it was started beyond what there may be, and ends once nobody waits for it."""
        # What the call that has it keeps here.
        self.taken_at = self.started_at
        self.chunks: deque[Chunk] = deque()
        self.chunk_number = 0
        self.ready = False
        self.called = False
        self.call_segments: list[int] = []
        self.overdue: tuple[int, int] | None = None
        self.seen: tuple[int, int] | None = None
        self.seen_at = 0.0
        self.closed_at = 0.0
        self.reason = ""
        """Why it was killed, if it did something wrong."""

    def poll(self) -> bool:
        """Whether the process still runs."""
        if not self.ended:
            try:
                pid, status = waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # somebody waits for all children of this process, or ignores them
                self.ended = True
            else:
                if pid:
                    self.ended = True
                    self._status = os.waitstatus_to_exitcode(status)
        return not self.ended

    def is_alive(self) -> bool:
        """Whether the process still runs, and can be talked to."""
        return self.poll() and not self.channel.closed

    def is_stuck(self) -> bool:
        """Whether it has been at the same item since it was asked some time ago."""
        current, now = self.cells[CURRENT], time.monotonic()
        if current != self._stuck_in:
            self._stuck_in, self._stuck_since = current, now
        return current >= 0 and now - self._stuck_since > _STUCK

    def kill(self) -> None:
        """Ends the process, whatever it does."""
        if self.poll():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def exitcode(self, wait: float = 1.0) -> int | None:
        """The exit code, negative for a signal, of a process that has ended or is about to; `None` if nobody knows."""
        until = time.monotonic() + wait
        while self.poll() and time.monotonic() < until:
            _native.sleep(0.001)
        return self._status

    def close(self) -> None:
        """Closes what this process holds of it."""
        self.channel.close()
        self.outgoing.close()
        self.incoming.close()


class Exiting(BaseException):
    """This process is about to end."""


class Claim:
    """What one call has of the workers, and may have."""

    def __init__(self, workers: int, wake: Callable[[], object]) -> None:
        self.workers = workers
        self.wake = wake
        self.held = 0


class Fleet:
    """All workers of this process."""

    def __init__(self) -> None:
        self._lock = _native.Lock()
        self._idle: list[Hand] = []
        self._all: set[Hand] = set()
        self._claims: list[Claim] = []
        self._waiting: list[Claim] = []
        """Those that want a worker more, in the order in which they came."""
        self._starts = 0
        self._refused_until = 0.0
        self._orders: SimpleQueue[SimpleQueue[Hand | BaseException]] = SimpleQueue()
        self._starting = _native.Lock()
        self.closed = False
        """Whether this process is about to end: whoever works with workers stops where it is."""
        _native.start_thread(self._start_workers, "shoal-map-fleet")

    def join(self, claim: Claim) -> None:
        """A call begins."""
        with self._lock:
            self._claims.append(claim)

    def leave(self, claim: Claim) -> None:
        """It ends; its workers were given back."""
        with self._lock:
            self._claims.remove(claim)
        self.withdraw(claim)

    def withdraw(self, claim: Claim) -> None:
        """It wants no more workers than it has."""
        if claim in self._waiting:
            with self._lock:
                self._waiting.remove(claim)
                self._wake_next()

    def waits(self, claim: Claim) -> bool:
        """Whether it was told to wait for a worker."""
        return claim in self._waiting

    def take(self, claim: Claim) -> Hand | None:
        """A worker that is idle, or a new one; `None` if it is not the call's turn: it is woken when it may be.

        Raises:
            ParallelError: No process can be started, and there is none to wait for.
        """
        dead: list[Hand] = []
        with self._lock:
            hand, may_start = self._granted(claim, dead)
            if hand or may_start:
                self._waiting.remove(claim)
                claim.held += 1
                self._starts += may_start
        for each in dead:
            self._bury(each)
        if may_start:
            hand = self._order(claim)
        if hand:
            hand.taken_at = time.monotonic()
        return hand

    def _granted(self, claim: Claim, dead: list[Hand]) -> tuple[Hand | None, bool]:
        if claim not in self._waiting:
            self._waiting.append(claim)
        if self._first() is not claim:
            return None, False
        while self._idle:
            hand = self._idle.pop()
            if hand.is_alive():
                return hand, False
            self._all.discard(hand)
            dead.append(hand)
        count, most = len(self._all) + self._starts, self._most()
        stuck = [hand.is_stuck() for hand in self._all]
        may_start = count < most or (not claim.held and not self._starts and all(stuck) and count < most + _SPARE)
        return None, may_start and time.monotonic() > self._refused_until

    def _most(self) -> int:
        """How many workers there may be."""
        try:
            cores_usable = cores.usable()
        except ValueError:  # a SHOAL_THREADS that is no number; then every call says how many
            cores_usable = 1
        return max(cores_usable, *(claim.workers for claim in self._claims))

    def _first(self) -> Claim | None:
        """Of those that wait, the one that has the fewest; of several the one that came first."""
        return min(self._waiting, key=lambda claim: claim.held, default=None)

    def _wake_next(self) -> None:
        if (claim := self._first()) is not None:
            claim.wake()

    def _order(self, claim: Claim) -> Hand | None:
        answer: SimpleQueue[Hand | BaseException] = SimpleQueue()
        self._orders.put(answer)
        started = answer.get()
        if isinstance(started, Hand):
            started.spare = len(self._all) > self._most()
            return started
        with self._lock:
            claim.held -= 1
            if not isinstance(started, ParallelError) or not self._all:
                self._wake_next()
                raise started
            self._waiting.insert(0, claim)
            self._refused_until = time.monotonic() + _PAUSE
        return None

    def is_wanted(self, claim: Claim, hand: Hand) -> bool:
        """Whether a worker of a call, between two chunks, belongs to another call now."""
        if not self._waiting:
            return False
        with self._lock:
            first = self._first()
            if first is None or first is claim:
                return False
            has_its_turn = first.held == 0 and time.monotonic() - hand.taken_at > _SLICE
            return first.held + 1 < claim.held or has_its_turn

    def give(self, claim: Claim, hand: Hand) -> None:
        """Takes back a worker that is idle."""
        with self._lock:
            claim.held -= 1
            kept = not hand.spare or bool(self._waiting)
            if kept:
                self._idle.append(hand)
                self._wake_next()
        if not kept:
            self._end(hand)

    def drop(self, claim: Claim, hand: Hand) -> None:
        """Forgets a worker, which must be dead or about to be."""
        self._end(hand)
        with self._lock:
            claim.held -= 1
            self._wake_next()

    def _end(self, hand: Hand) -> None:
        with self._lock:
            self._all.discard(hand)
        self._bury(hand)

    @staticmethod
    def _bury(hand: Hand) -> None:
        hand.kill()
        hand.exitcode()
        hand.close()

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
            started: Hand | BaseException
            try:
                if self.closed:
                    raise Exiting  # noqa: TRY301 - handled like the others
                started = Hand()
            except OSError as error:
                started = lacking("no worker process can be started", error)
            except BaseException as error:  # noqa: BLE001 - raised where the worker was asked for
                started = error
            with self._lock:
                self._starts -= 1
                if isinstance(started, Hand):
                    self._all.add(started)
        return started

    def _reap(self) -> None:
        """Forgets those that have ended for want of work."""
        with self._lock:
            gone = [hand for hand in self._idle if not hand.is_alive()]
            self._idle = [hand for hand in self._idle if hand not in gone]
        for hand in gone:
            self._end(hand)


_current: Fleet | None = None
_making = _native.Lock()


def fleet() -> Fleet:
    """That of this process."""
    global _current  # noqa: PLW0603 - made at first use, again in a forked child
    with _making:
        if _current is None:
            _current = Fleet()
        return _current


def _forked() -> None:
    global _current, _making  # noqa: PLW0603 - the parent's are of no use here
    _making = _native.Lock()
    if _current is not None:
        _current.abandon()
        _current = None


def _exiting() -> None:
    if _current is not None:
        _current.close()


os.register_at_fork(after_in_child=_forked)
atexit.register(_exiting)
