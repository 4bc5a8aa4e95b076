"""The items of one call in worker processes: sends them out, collects results, and deals with workers that die.

One thread does all of it and only ever waits for its workers' sockets: every message fits into a socket's buffer. Each
worker has its own socket, so the caller knows which chunk it has; its shared status tells which item it works on.

- A worker that dies identifies its item. The other items of its chunk go to another worker; results that it has sent
  are kept, unsent ones (at most the last 50 ms) are computed again. SIGKILL may come from the kernel's out-of-memory
  killer and hit an innocent item, so such an item is tried once more, alone.
- A worker that exceeds the timeout of an item is killed: nothing else ends it.
- Items behind a slow one are taken over by idle workers.
"""

from __future__ import annotations

import itertools
import math
import signal
import sys
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from shoal import _native
from shoal._map.chunk import Chunk, Death
from shoal._map.chunk_sizer import ChunkSizer
from shoal._map.failure import item_error, out_of_resources, traceback_of, unsendable
from shoal._map.payload import dump
from shoal._map.worker_pool import CallShare, InterpreterExiting, worker_pool
from shoal._map.worker_status import (
    CURRENT,
    FLUSHING,
    LIMIT,
    LOADING,
    NO_LIMIT,
    NUMBER,
    PACKING,
    SHIFT,
    STARTED,
    UNPACKING,
)
from shoal.exceptions import ItemError, ParallelError, WorkerDied, _ending

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shoal._map.call import Call
    from shoal._map.failure import Record
    from shoal._map.payload import Payload
    from shoal._map.result_collector import ResultSink
    from shoal._map.source import Source
    from shoal._map.worker_handle import WorkerHandle

_MASK = (1 << SHIFT) - 1
# Seconds between checks of silent workers: normally, while there are idle ones, and while one has closed its channel.
_TICK = 0.2
_IDLE_TICK = 0.03
_CLOSED_TICK = 0.002
# A worker that works on one item for this many seconds, while another is idle, loses the items behind it.
_SLOW = 0.05
# Grace period in seconds for a worker to finish a cancelled item before it is killed.
_GRACE = 0.1
# The call gives up after this many workers in a row that died without an item to blame.
_MAX_UNEXPLAINED = 3
# Seconds for a worker to start, and to end after it has closed its channel.
_START_TIMEOUT, _END_TIMEOUT = 60.0, 1.0
_numbers = itertools.count(1)


class ProcessBackend:
    """Runs one call."""

    def __init__(self, call: Call, source: Source, sink: ResultSink, first: Iterable[Chunk] = ()) -> None:
        self._call = call
        self._source = source
        self._sink = sink
        self._workers: list[WorkerHandle] = []
        self._pending: deque[Chunk] = deque(first)
        self._chunk_sizer = ChunkSizer(call.chunksize, call.workers)
        self._suspects: set[int] = set()
        self._unexplained = 0
        self._checked_at = 0.0
        self._number = next(_numbers)
        self._share = CallShare(call.workers, sink.promise.wake)

    def run(self) -> None:
        """Runs the call to its end."""
        self._source.start(self._sink.promise.wake)
        worker_pool().register(self._share)
        try:
            while not self._sink.is_over:
                self._send_chunks()
                if self._is_complete():
                    break
                self._wait()
                self._check_workers()
        except InterpreterExiting:
            raise
        except BaseException as error:  # noqa: BLE001 - the workers must be released in any case
            self._sink.abort(error)
        self._release_all()

    def _is_complete(self) -> bool:
        return self._source.exhausted and not self._pending and not any(worker.chunks for worker in self._workers)

    # Sending

    def _send_chunks(self) -> None:
        pool = worker_pool()
        for worker in list(self._workers):
            if not worker.chunks and pool.should_release(self._share, worker):
                self._release(worker)
        for level in range(self._chunk_sizer.depth()):
            for worker in list(self._workers):
                release = level > 0 and pool.should_release(self._share, worker)
                if (
                    len(worker.chunks) == level
                    and worker.status[LIMIT] == NO_LIMIT
                    and not release
                    and not self._send_chunk(worker)
                ):
                    pool.stop_waiting(self._share)
                    return
            while level == 0 and len(self._workers) < self._call.workers:
                chunk = self._next_chunk()
                if chunk is None:
                    pool.stop_waiting(self._share)
                    return
                self._pending.appendleft(chunk)
                acquired = pool.acquire(self._share)
                if acquired is None:
                    break
                self._workers.append(acquired)
                if not self._send_chunk(acquired):
                    return

    def _next_chunk(self) -> Chunk | None:
        while self._pending:
            chunk = self._pending.popleft()
            if any(not self._sink.collector.is_done(index) for index in chunk.indices):
                return chunk
        collector = self._sink.collector
        items = self._source.take(self._chunk_sizer.size(self._source.remaining(collector.reserved)))
        if not items:
            if self._source.exhausted:
                self._sink.promise.expect(collector.reserved)
            return None
        first = collector.reserve(len(items))
        return Chunk(range(first, first + len(items)), items)

    def _send_chunk(self, worker: WorkerHandle) -> bool:
        """Sends the worker the next chunk; `False` if there is none."""
        while (chunk := self._next_chunk()) is not None:
            try:
                payload, files, chunk.size = worker.writer.pack(chunk.items)
            except BaseException as error:  # noqa: BLE001 - a user's __reduce__, or no memory
                self._not_packed(chunk, error)
                continue
            worker.chunk_number += 1
            chunk.number = worker.chunk_number
            chunk.segment = None if isinstance(payload, bytes) else payload[0]
            worker.chunks.append(chunk)
            if not worker.called:
                self._send_call(worker)
            self._send(worker, ("chunk", chunk.number, self._chunk_sizer.stride(), payload), files)
            return True
        return False

    def _send_call(self, worker: WorkerHandle) -> None:
        try:
            place, files, _ = worker.writer.pack([self._call.folder, self._call.path])
            stream, buffers = self._call.pickled or dump([self._call.fn])
            fn, more, _ = worker.writer.pack_dumped(stream, buffers)
        except OSError as error:  # no descriptors or no memory
            raise out_of_resources("fn cannot be sent to a worker process", error) from error
        worker.call_segments = [payload[0] for payload in (place, fn) if not isinstance(payload, bytes)]
        self._send(worker, ("call", self._number, self._call.timeout is not None, place, fn), files + more)
        worker.called = True

    def _not_packed(self, chunk: Chunk, error: BaseException) -> None:
        """Splits a chunk that cannot be pickled until the item at fault is alone, which then fails."""
        if len(chunk.items) > 1:
            self._split(chunk, 0, len(chunk.items), math.ceil(len(chunk.items) / 2))
            return
        index = chunk.indices[0]
        raised = unsendable("the item", chunk.items[0], error)
        name = type(raised).__name__
        self._sink.fail(ItemError(index, raised, traceback_text=traceback_of(error)), index, name)

    def _split(self, chunk: Chunk, begin: int, end: int, size: int) -> None:
        """Queues items to be sent again, in chunks of `size`."""
        for start in range(begin, end, max(1, size)):
            self._pending.append(chunk.part(start, min(start + size, end)))

    # Waiting

    def _wait(self) -> None:
        tick = _TICK
        if self._call.timeout is not None:
            tick = min(tick, max(0.002, self._call.timeout / 5))
        if any(worker.closed_at for worker in self._workers):
            tick = _CLOSED_TICK
        elif not all(worker.chunks for worker in self._workers) or (
            len(self._workers) < self._call.workers and not worker_pool().is_waiting(self._share)
        ):
            tick = min(tick, _IDLE_TICK)
        self._receive_all(tick)

    def _receive_all(self, seconds: float) -> None:
        promise = self._sink.promise
        readable = {worker.channel.fileno(): worker for worker in self._workers if not worker.channel.closed}
        for file in _native.poll_all([promise.fileno(), *readable], seconds):
            if file in readable:
                self._receive(readable[file])
            else:
                promise.drain()

    def _receive(self, worker: WorkerHandle) -> None:
        for kind, job, pid, *rest in worker.channel.available():
            if pid != worker.pid or job != (self._number if worker.ready else 0):
                worker.channel.refuse("a message of another process or job came through its result channel")
                break
            if kind in {"result", "refused"} and not (worker.chunks and worker.chunks[0].number == rest[0]):
                worker.channel.refuse("a result of another chunk came through its result channel")
                break
            if kind == "result":
                self._result(worker, *rest)
            elif kind == "refused":
                self._refused(worker, *rest)
            elif kind == "called":
                for segment in worker.call_segments:
                    worker.writer.release(segment)
            elif kind == "broken":
                (sent,) = self._unpacked(worker, rest[1])
                error = ParallelError(f"fn cannot be unpickled in a worker process: {sent[2].strip() or sent[3]}")
                error.__cause__ = item_error(0, sent).exception
                self._sink.abort(error)
            else:
                worker.ready, worker.acquired_at = True, time.monotonic()
        if worker.channel.closed and not worker.closed_at:
            worker.closed_at = time.monotonic()
            if worker.channel.fault:
                worker.kill()

    def _unpacked(self, worker: WorkerHandle, payload: Payload) -> list[Any]:
        try:
            values: list[Any] = worker.reader.unpack(payload, worker.channel.descriptors)
        finally:
            if not isinstance(payload, bytes):
                self._send(worker, ("free", payload[0]))
        return values

    # Results

    def _result(
        self,
        worker: WorkerHandle,
        _: int,
        begin: int,
        end: int,
        seconds: float | None,
        size: int,
        payload: Payload,
        has_errors: bool,
    ) -> None:
        chunk = worker.chunks[0]
        self._unexplained = 0
        try:
            values = self._unpacked(worker, payload)
        except BaseException as error:  # noqa: BLE001 - a user's __setstate__
            self._not_unpacked(chunk, begin, end, error)
        else:
            errors = values.pop() if has_errors else []
            self._put(chunk, begin, values, errors)
        if seconds is None:
            return
        self._chunk_done(worker, chunk)
        self._chunk_sizer.learn(end, seconds, chunk.size + size)
        if end < chunk.cut:
            self._split(chunk, end, chunk.cut, chunk.cut)

    def _put(self, chunk: Chunk, begin: int, values: list[Any], errors: list[tuple[int, Record]]) -> None:
        if not errors:
            self._sink.put(chunk.indices[begin : begin + len(values)], values)
            return
        failed = dict(errors)
        good = [position for position in range(begin, begin + len(values)) if position not in failed]
        if good:
            self._sink.put(
                [chunk.indices[position] for position in good], [values[position - begin] for position in good]
            )
        for position, sent in errors:
            index = chunk.indices[position]
            self._sink.fail(item_error(index, sent), index, sent[3])

    def _not_unpacked(self, chunk: Chunk, begin: int, end: int, error: BaseException) -> None:
        """Handles results that cannot be unpickled: a single one fails, several are computed again one by one."""
        if end - begin > 1:
            self._split(chunk, begin, end, 1)
        elif end > begin:
            index = chunk.indices[begin]
            if isinstance(error, MemoryError):
                failed = ItemError(index, error, traceback_text=traceback_of(error))
            else:
                message = f"the result cannot be unpickled: {error!r}"
                failed = item_error(index, (None, message, traceback_of(error), ""))
            self._sink.fail(failed, index, type(failed.exception).__name__)

    def _refused(self, worker: WorkerHandle, _: int, payload: Payload) -> None:
        """Handles items that the worker cannot unpickle: a single one fails, several are sent one by one."""
        (sent,) = self._unpacked(worker, payload)
        chunk = worker.chunks[0]
        self._chunk_done(worker, chunk)
        if chunk.cut > 1:
            self._split(chunk, 0, chunk.cut, 1)
        elif chunk.cut:
            self._sink.fail(item_error(chunk.indices[0], sent), chunk.indices[0], sent[3])

    def _chunk_done(self, worker: WorkerHandle, chunk: Chunk) -> None:
        worker.chunks.popleft()
        if chunk.segment is not None:
            worker.writer.release(chunk.segment)
        if not worker.chunks:
            worker.status[LIMIT] = NO_LIMIT

    @staticmethod
    def _send(worker: WorkerHandle, message: tuple[Any, ...], files: list[int] | None = None) -> None:
        try:
            worker.channel.send(message, files or ())
        except OSError:  # it is dead or has closed its channel; it must not miss a message
            worker.kill()

    # Silent workers

    def _check_workers(self) -> None:
        now = time.monotonic()
        closing = any(worker.closed_at for worker in self._workers)
        if now - self._checked_at < _IDLE_TICK and self._call.timeout is None and not closing:
            return
        self._checked_at = now
        for worker in list(self._workers):
            if not worker.poll():
                self._receive(worker)
                self._died(worker)
            elif worker.closed_at and now - worker.closed_at > _END_TIMEOUT:
                worker.reason = "it closed its result channel"
                worker.kill()
            elif not worker.ready and now - worker.started_at > _START_TIMEOUT:
                worker.kill()
            elif self._call.timeout is not None and worker.chunks:
                self._check_time(worker, self._call.timeout)
        waiting = 0 if worker_pool().is_waiting(self._share) else self._call.workers - len(self._workers)
        idle = waiting + sum(not worker.chunks for worker in self._workers)
        if idle and self._source.exhausted and not self._pending:
            for worker in self._workers:
                self._take_over(worker, now)

    def _state(self, worker: WorkerHandle) -> tuple[int, int]:
        """The item or the phase of work that the worker is at."""
        return worker.status[CURRENT], worker.status[NUMBER]

    def _check_time(self, worker: WorkerHandle, timeout: float) -> None:
        state = self._state(worker)
        is_working = state[0] >= 0 or state[0] in {UNPACKING, PACKING}
        if not is_working or time.monotonic_ns() - worker.status[STARTED] < timeout * 1e9:
            worker.overdue = None
        elif worker.overdue != state:
            worker.overdue = state  # killed at the second sight: the start time may be that of the previous item
        else:
            worker.kill()

    def _take_over(self, worker: WorkerHandle, now: float) -> None:
        """Takes over the items that a slow worker has not begun."""
        state = self._state(worker)
        if state != worker.seen:
            worker.seen, worker.seen_at = state, now
            return
        if not worker.chunks or now - worker.seen_at < _SLOW or worker.status[LIMIT] != NO_LIMIT or state[0] < 0:
            return
        if len(worker.chunks) == 1 and (state[0] & _MASK) + 1 >= len(worker.chunks[0].items):
            return
        worker.status[LIMIT] = state[0] + 1
        # The worker may have gone on meanwhile: it has seen the limit, or this reads its new position.
        current = max(worker.status[CURRENT], state[0])
        for chunk in worker.chunks:
            begin = 0 if chunk.number > current >> SHIFT else (current & _MASK) + 1
            if chunk.number >= current >> SHIFT and begin < chunk.cut:
                parts = max(1, self._call.workers - 1)
                self._split(chunk, begin, chunk.cut, math.ceil((chunk.cut - begin) / parts))
                chunk.cut = begin

    # Deaths

    def _died(self, worker: WorkerHandle) -> None:
        if worker_pool().closed:
            raise InterpreterExiting  # the cause of its death
        exitcode, fault = worker.exitcode(), worker.channel.fault
        state, number = self._state(worker)
        flushing = bool(worker.status[FLUSHING])
        overdue = worker.overdue is not None and worker.overdue == (state, number)
        doubtful = bool(fault) or (exitcode == -signal.SIGKILL and not worker.reason)
        death = Death(exitcode, fault or worker.reason, overdue=overdue, doubtful=doubtful)
        chunks = list(worker.chunks)
        self._workers.remove(worker)
        worker.chunks.clear()
        worker_pool().discard(self._share, worker)
        if state >= 0:
            number = state >> SHIFT
        if fault and chunks:
            # By the time the fault was seen the worker may have been at another item than the one that caused it.
            state, number = PACKING, chunks[0].number
        blamed = False
        for chunk in chunks:
            if chunk.number != number or state == LOADING:
                self._split(chunk, 0, chunk.cut, max(1, chunk.cut))
            elif state >= 0 and not (flushing and not overdue):
                blamed = True
                position = state & _MASK
                self._pending.extend(
                    part for part in (chunk.part(0, position), chunk.part(position + 1, chunk.cut)) if part.items
                )
                self._blame(chunk, position, death)
            elif state >= 0 or state in {UNPACKING, PACKING}:
                blamed = True
                self._blame_chunk(chunk, death)
            else:
                self._split(chunk, 0, chunk.cut, max(1, chunk.cut))
        if chunks and not blamed:
            self._unexplained += 1
            if self._unexplained >= _MAX_UNEXPLAINED:
                message = (
                    f"worker processes end before they can work: {_ending(exitcode)}; standard error may say why, "
                    f"and sys.executable ({sys.executable!r}) must be a Python interpreter"
                )
                self._sink.abort(ParallelError(message))

    def _blame_chunk(self, chunk: Chunk, death: Death) -> None:
        left = [position for position in range(chunk.cut) if not self._sink.collector.is_done(chunk.indices[position])]
        if len(left) == 1:
            self._blame(chunk, left[0], death)
            return
        for position in left:
            self._pending.append(chunk.part(position, position + 1))

    def _blame(self, chunk: Chunk, position: int, death: Death) -> None:
        index = chunk.indices[position]
        if death.overdue:
            error = TimeoutError(f"not done within {self._call.timeout} s")
            self._sink.fail(ItemError(index, error), index, "TimeoutError")
        elif death.doubtful and index not in self._suspects:
            self._suspects.add(index)
            self._pending.append(chunk.part(position, position + 1))
        else:
            self._sink.fail(WorkerDied(index, death.exitcode, reason=death.reason), index, "WorkerDied")

    # The end

    def _release(self, worker: WorkerHandle) -> None:
        """Releases an idle worker to other calls."""
        self._workers.remove(worker)
        worker.called = False
        worker.overdue = None
        self._send(worker, ("end",))
        if worker.is_alive():
            worker.writer.shrink()
            worker_pool().release(self._share, worker)
        else:
            worker_pool().discard(self._share, worker)

    def _release_all(self) -> None:
        """Releases the workers; busy ones get a grace period to finish their item."""
        self._source.close()
        for worker in self._workers:
            worker.status[LIMIT] = 0 if worker.chunks else NO_LIMIT
        until = time.monotonic() + _GRACE
        while (left := until - time.monotonic()) > 0 and any(
            worker.chunks and not worker.channel.closed for worker in self._workers
        ):
            self._receive_all(left)
        for worker in list(self._workers):
            if worker.chunks:
                self._workers.remove(worker)
                worker.chunks.clear()
                worker_pool().discard(self._share, worker)
            else:
                self._release(worker)
        worker_pool().unregister(self._share)
