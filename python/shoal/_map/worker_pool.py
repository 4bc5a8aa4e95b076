"""The worker processes of this process: started when needed, shared by all calls, kept warm between them.

One thread starts all of them: on Linux the kernel ends a worker when the *thread* that started it ends, so that thread
must live as long as the process.

There are as many workers as the call with the largest `workers` may have (at least one a core), however many calls run
at once: a worker takes about 25 MB. A worker belongs to one call at a time, and changes the call between two chunks:

- to a call that has at least two fewer, so that all have about the same number;
- after a while to one that has none, in turn.

If every worker is stuck in a long item, a few spare ones are started for calls that have none. An unused worker ends by
itself after a while.
"""

from __future__ import annotations

import atexit
import os
import time
from _queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from shoal import _native
from shoal._map import cores
from shoal._map.failure import out_of_resources
from shoal._map.worker_handle import IDLE_TIMEOUT, WorkerHandle
from shoal.exceptions import ParallelError

if TYPE_CHECKING:
    from collections.abc import Callable

# A call keeps a worker for at least this many seconds while others wait.
_MIN_HOLD = 0.2
# Workers beyond the limit, for calls that have none while all others are stuck.
_MAX_SPARE = 4
# Seconds without new processes after the system refused one, while there are other workers.
_RETRY_DELAY = 0.5


class InterpreterExiting(BaseException):
    """This process is about to end."""


class CallShare:
    """The workers that one call has, and may have."""

    def __init__(self, workers: int, wake: Callable[[], object]) -> None:
        self.workers = workers
        self.wake = wake
        self.held = 0


class WorkerPool:
    """All workers of this process."""

    def __init__(self) -> None:
        self._lock = _native.Lock()
        self._idle: list[WorkerHandle] = []
        self._all: set[WorkerHandle] = set()
        self._shares: list[CallShare] = []
        self._waiting: list[CallShare] = []
        """Calls that wait for a worker, first come first."""
        self._starts = 0
        self._no_start_until = 0.0
        self._orders: SimpleQueue[SimpleQueue[WorkerHandle | BaseException]] = SimpleQueue()
        self._starting = _native.Lock()
        self.closed = False
        """Whether this process is about to end; calls then stop where they are."""
        _native.start_thread(self._start_workers, "shoal-map-workers")

    def register(self, share: CallShare) -> None:
        """Adds a call."""
        with self._lock:
            self._shares.append(share)

    def unregister(self, share: CallShare) -> None:
        """Removes a call that has released its workers."""
        with self._lock:
            self._shares.remove(share)
        self.stop_waiting(share)

    def stop_waiting(self, share: CallShare) -> None:
        """Takes a call that needs no more workers off the waiting list."""
        if share in self._waiting:
            with self._lock:
                self._waiting.remove(share)
                self._wake_next()

    def is_waiting(self, share: CallShare) -> bool:
        """Whether the call waits for a worker."""
        return share in self._waiting

    def acquire(self, share: CallShare) -> WorkerHandle | None:
        """An idle or a new worker; `None` if the call has to wait: it is woken when it should try again.

        Raises:
            ParallelError: No process can be started, and there is none to wait for.
        """
        dead: list[WorkerHandle] = []
        with self._lock:
            worker, may_start = self._grant(share, dead)
            if worker or may_start:
                self._waiting.remove(share)
                share.held += 1
                self._starts += may_start
        for each in dead:
            self._bury(each)
        if may_start:
            worker = self._order(share)
        if worker:
            worker.acquired_at = time.monotonic()
        return worker

    def _grant(self, share: CallShare, dead: list[WorkerHandle]) -> tuple[WorkerHandle | None, bool]:
        """An idle worker for the call, or whether it may start one."""
        if share not in self._waiting:
            self._waiting.append(share)
        if self._next_waiting() is not share:
            return None, False
        while self._idle:
            worker = self._idle.pop()
            if worker.is_alive():
                return worker, False
            self._all.discard(worker)
            dead.append(worker)
        count, limit = len(self._all) + self._starts, self._limit()
        stuck = [worker.is_stuck() for worker in self._all]
        may_start = count < limit or (not share.held and not self._starts and all(stuck) and count < limit + _MAX_SPARE)
        return None, may_start and time.monotonic() > self._no_start_until

    def _limit(self) -> int:
        """The number of workers there may be, spare ones apart."""
        try:
            usable = cores.usable()
        except ValueError:  # an invalid SHOAL_THREADS: then every call has its own number
            usable = 1
        return max(usable, *(share.workers for share in self._shares))

    def _next_waiting(self) -> CallShare | None:
        """The waiting call with the fewest workers, the first come of several."""
        return min(self._waiting, key=lambda share: share.held, default=None)

    def _wake_next(self) -> None:
        if (share := self._next_waiting()) is not None:
            share.wake()

    def _order(self, share: CallShare) -> WorkerHandle | None:
        """Has a worker started; `None` if the system refused one and there are others to wait for."""
        answer: SimpleQueue[WorkerHandle | BaseException] = SimpleQueue()
        self._orders.put(answer)
        started = answer.get()
        if isinstance(started, WorkerHandle):
            started.is_spare = len(self._all) > self._limit()
            return started
        with self._lock:
            share.held -= 1
            if not isinstance(started, ParallelError) or not self._all:
                self._wake_next()
                raise started
            self._waiting.insert(0, share)
            self._no_start_until = time.monotonic() + _RETRY_DELAY
        return None

    def should_release(self, share: CallShare, worker: WorkerHandle) -> bool:
        """Whether the call should release this worker, which is between two chunks, for another call."""
        if not self._waiting:
            return False
        with self._lock:
            first = self._next_waiting()
            if first is None or first is share:
                return False
            is_due = first.held == 0 and time.monotonic() - worker.acquired_at > _MIN_HOLD
            return first.held + 1 < share.held or is_due

    def release(self, share: CallShare, worker: WorkerHandle) -> None:
        """Takes back an idle worker."""
        with self._lock:
            share.held -= 1
            kept = not worker.is_spare or bool(self._waiting)
            if kept:
                self._idle.append(worker)
                self._wake_next()
        if not kept:
            self._remove(worker)

    def discard(self, share: CallShare, worker: WorkerHandle) -> None:
        """Kills and forgets a worker of a call."""
        self._remove(worker)
        with self._lock:
            share.held -= 1
            self._wake_next()

    def _remove(self, worker: WorkerHandle) -> None:
        with self._lock:
            self._all.discard(worker)
        self._bury(worker)

    @staticmethod
    def _bury(worker: WorkerHandle) -> None:
        worker.kill()
        worker.exitcode()
        worker.close()

    def close(self, wait: float = 0.3) -> None:
        """Kills all workers, and waits `wait` seconds at most for their ends."""
        self.closed = True
        # A worker whose start is cut off would complain on standard error.
        if self._starting.acquire(timeout=wait):
            self._starting.release()
        with self._lock:
            workers = list(self._all)
        for worker in workers:
            worker.kill()
        until = time.monotonic() + wait
        for worker in workers:
            worker.exitcode(max(0.0, until - time.monotonic()))

    def abandon(self) -> None:
        """Closes the channels in a forked child: the workers are the parent's."""
        for worker in self._all:
            worker.close()

    def _start_workers(self) -> None:
        while True:
            try:
                answer = self._orders.get(timeout=IDLE_TIMEOUT)
            except Empty:
                self._remove_ended()
                continue
            answer.put(self._start_worker())

    def _start_worker(self) -> WorkerHandle | BaseException:
        with self._starting:
            started: WorkerHandle | BaseException
            try:
                if self.closed:
                    raise InterpreterExiting  # noqa: TRY301 - handled like the others
                started = WorkerHandle()
            except OSError as error:
                started = out_of_resources("no worker process can be started", error)
            except BaseException as error:  # noqa: BLE001 - raised in the thread that ordered the worker
                started = error
            with self._lock:
                self._starts -= 1
                if isinstance(started, WorkerHandle):
                    self._all.add(started)
        return started

    def _remove_ended(self) -> None:
        """Forgets the workers that have ended after their idle timeout."""
        with self._lock:
            gone = [worker for worker in self._idle if not worker.is_alive()]
            self._idle = [worker for worker in self._idle if worker not in gone]
        for worker in gone:
            self._remove(worker)


_current: WorkerPool | None = None
_making = _native.Lock()


def worker_pool() -> WorkerPool:
    """The pool of this process, made at first use."""
    global _current  # noqa: PLW0603 - made at first use, again in a forked child
    with _making:
        if _current is None:
            _current = WorkerPool()
        return _current


def _after_fork_in_child() -> None:
    global _current, _making  # noqa: PLW0603 - those of the parent are useless here
    _making = _native.Lock()
    if _current is not None:
        _current.abandon()
        _current = None


def _at_exit() -> None:
    if _current is not None:
        _current.close()


os.register_at_fork(after_in_child=_after_fork_in_child)
atexit.register(_at_exit)
