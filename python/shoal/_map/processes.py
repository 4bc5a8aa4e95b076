"""Items in worker processes: who gets which, what comes back, and what becomes of the items of one that dies.

One thread does all of it, and never waits for anything but its workers' sockets: whatever is sent is short enough for
the socket's buffer. Each worker has its own socket, so it is known which chunk it holds; its cells tell which item of
it.

- A worker that dies names the item it was at. The other items of its chunk go to another worker; results that it has
  sent are kept, those that it has not (at most the last 50 ms) are made again. SIGKILL may come from a system short of
  memory and hit an innocent: such an item gets a second chance, alone.
- A worker that is at one item for too long is killed, which is all that can be done about it.
- Items behind a slow one are taken over by workers that have nothing to do.
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
from shoal._map.cells import CURRENT, FLUSHING, LIMIT, LOADING, NO_LIMIT, NUMBER, PACKING, SHIFT, STARTED, UNPACKING
from shoal._map.chunk import Chunk, Death
from shoal._map.failure import item_error, lacking, traceback_of, unsendable
from shoal._map.fleet import Claim, Exiting, Hand, fleet
from shoal._map.parcel import dump
from shoal._map.sizer import Sizer
from shoal.exceptions import ItemError, ParallelError, WorkerDied, _ending

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shoal._map.board import Ledger
    from shoal._map.call import Call
    from shoal._map.failure import Record
    from shoal._map.parcel import Parcel
    from shoal._map.source import Source

_MASK = (1 << SHIFT) - 1
# Between two looks at workers that say nothing: whether they live, and with idle ones beside them, what they are at.
_TICK = 0.2
_QUICK_TICK = 0.03
# While a worker has closed its end and is not gone yet.
_LAST_TICK = 0.002
# A worker that is at one item for so long, while another has nothing to do, loses the items behind it.
_SLOW = 0.05
# What a worker has to end its item when nobody wants it any more; then it is killed.
_GRACE = 0.1
# Workers that die without an item to blame before the call gives up.
_UNEXPLAINED = 3
# What a worker has to be there, and to be gone once it has closed its end.
_START, _GONE = 60.0, 1.0
_numbers = itertools.count(1)


class Processes:
    """One call."""

    def __init__(self, call: Call, source: Source, ledger: Ledger, first: Iterable[Chunk] = ()) -> None:
        self._call = call
        self._source = source
        self._ledger = ledger
        self._hands: list[Hand] = []
        self._again: deque[Chunk] = deque(first)
        self._sizer = Sizer(call.chunksize, call.workers)
        self._suspects: set[int] = set()
        self._unexplained = 0
        self._looked = 0.0
        self._number = next(_numbers)
        self._claim = Claim(call.workers, ledger.promise.wake)

    def run(self) -> None:
        """To the end of the call."""
        self._source.start(self._ledger.promise.wake)
        fleet().join(self._claim)
        try:
            while not self._ledger.is_over:
                self._fill()
                if self._is_complete():
                    break
                self._wait()
                self._look_after()
        except Exiting:
            raise
        except BaseException as error:  # noqa: BLE001 - nobody shall wait for the workers to be given back
            self._ledger.abort(error)
        self._leave()

    def _is_complete(self) -> bool:
        return self._source.exhausted and not self._again and not any(hand.chunks for hand in self._hands)

    # Giving out

    def _fill(self) -> None:
        workers = fleet()
        for hand in list(self._hands):
            if not hand.chunks and workers.is_wanted(self._claim, hand):
                self._give_back(hand)
        for level in range(self._sizer.depth()):
            for hand in list(self._hands):
                wanted = level > 0 and workers.is_wanted(self._claim, hand)
                if len(hand.chunks) == level and hand.cells[LIMIT] == NO_LIMIT and not wanted and not self._give(hand):
                    workers.withdraw(self._claim)
                    return
            while level == 0 and len(self._hands) < self._call.workers:
                chunk = self._next()
                if chunk is None:
                    workers.withdraw(self._claim)
                    return
                self._again.appendleft(chunk)
                taken = workers.take(self._claim)
                if taken is None:
                    break
                self._hands.append(taken)
                if not self._give(taken):
                    return

    def _next(self) -> Chunk | None:
        while self._again:
            chunk = self._again.popleft()
            if any(not self._ledger.board.is_settled(index) for index in chunk.indices):
                return chunk
        board = self._ledger.board
        items = self._source.take(self._sizer.size(self._source.remaining(board.taken)))
        if not items:
            if self._source.exhausted:
                self._ledger.promise.expect(board.taken)
            return None
        first = board.take(len(items))
        return Chunk(range(first, first + len(items)), items)

    def _give(self, hand: Hand) -> bool:
        """Sends the worker a chunk; `False` if there is none."""
        while (chunk := self._next()) is not None:
            try:
                parcel, files, chunk.size = hand.outgoing.pack(chunk.items)
            except BaseException as error:  # noqa: BLE001 - anybody's __reduce__, or no memory
                self._not_sent(chunk, error)
                continue
            hand.chunk_number += 1
            chunk.number = hand.chunk_number
            chunk.segment = None if isinstance(parcel, bytes) else parcel[0]
            hand.chunks.append(chunk)
            if not hand.called:
                self._send_call(hand)
            self._tell(hand, ("chunk", chunk.number, self._sizer.stride(), parcel), files)
            return True
        return False

    def _send_call(self, hand: Hand) -> None:
        try:
            place, files, _ = hand.outgoing.pack([self._call.folder, self._call.path])
            stream, buffers = self._call.pickled or dump([self._call.fn])
            fn, more, _ = hand.outgoing.pack_dumped(stream, buffers)
        except OSError as error:  # no descriptor is left, or no memory
            raise lacking("fn cannot be sent to a worker process", error) from error
        hand.call_segments = [parcel[0] for parcel in (place, fn) if not isinstance(parcel, bytes)]
        self._tell(hand, ("call", self._number, self._call.timeout is not None, place, fn), files + more)
        hand.called = True

    def _not_sent(self, chunk: Chunk, error: BaseException) -> None:
        """Items that cannot be pickled, or find no memory for it: each half is tried alone."""
        if len(chunk.items) > 1:
            self._split(chunk, 0, len(chunk.items), math.ceil(len(chunk.items) / 2))
            return
        index = chunk.indices[0]
        raised = unsendable("the item", chunk.items[0], error)
        name = type(raised).__name__
        self._ledger.fail(ItemError(index, raised, traceback_text=traceback_of(error)), index, name)

    def _split(self, chunk: Chunk, begin: int, end: int, size: int) -> None:
        """Gives items out again, so many at a time."""
        for start in range(begin, end, max(1, size)):
            self._again.append(chunk.part(start, min(start + size, end)))

    # Waiting

    def _wait(self) -> None:
        tick = _TICK
        if self._call.timeout is not None:
            tick = min(tick, max(0.002, self._call.timeout / 5))
        if any(hand.closed_at for hand in self._hands):
            tick = _LAST_TICK
        elif not all(hand.chunks for hand in self._hands) or (
            len(self._hands) < self._call.workers and not fleet().waits(self._claim)
        ):
            tick = min(tick, _QUICK_TICK)
        self._listen(tick)

    def _listen(self, seconds: float) -> None:
        promise = self._ledger.promise
        speakers = {hand.channel.fileno(): hand for hand in self._hands if not hand.channel.closed}
        for file in _native.poll_all([promise.fileno(), *speakers], seconds):
            if file in speakers:
                self._hear(speakers[file])
            else:
                promise.drain()

    def _hear(self, hand: Hand) -> None:
        for kind, job, pid, *rest in hand.channel.available():
            if pid != hand.pid or job != (self._number if hand.ready else 0):
                hand.channel.refuse("a message of another process or job came through the pipe of its results")
                break
            if kind in {"result", "refused"} and not (hand.chunks and hand.chunks[0].number == rest[0]):
                hand.channel.refuse("a result of another chunk came through its pipe")
                break
            if kind == "result":
                self._result(hand, *rest)
            elif kind == "refused":
                self._refused(hand, *rest)
            elif kind == "called":
                for segment in hand.call_segments:
                    hand.outgoing.release(segment)
            elif kind == "broken":
                (sent,) = self._unpacked(hand, rest[1])
                error = ParallelError(f"fn cannot be made in a worker process: {sent[2].strip() or sent[3]}")
                error.__cause__ = item_error(0, sent).exception
                self._ledger.abort(error)
            else:
                hand.ready, hand.taken_at = True, time.monotonic()
        if hand.channel.closed and not hand.closed_at:
            hand.closed_at = time.monotonic()
            if hand.channel.fault:
                hand.kill()

    def _unpacked(self, hand: Hand, parcel: Parcel) -> list[Any]:
        try:
            values: list[Any] = hand.incoming.unpack(parcel, hand.channel.descriptors)
        finally:
            if not isinstance(parcel, bytes):
                self._tell(hand, ("free", parcel[0]))
        return values

    # What comes back

    def _result(
        self,
        hand: Hand,
        _: int,
        begin: int,
        end: int,
        seconds: float | None,
        size: int,
        parcel: Parcel,
        has_errors: bool,
    ) -> None:
        chunk = hand.chunks[0]
        self._unexplained = 0
        try:
            values = self._unpacked(hand, parcel)
        except BaseException as error:  # noqa: BLE001 - anybody's __setstate__
            self._not_made(chunk, begin, end, error)
        else:
            errors = values.pop() if has_errors else []
            self._put(chunk, begin, values, errors)
        if seconds is None:
            return
        self._done(hand, chunk)
        self._sizer.learn(end, seconds, chunk.size + size)
        if end < chunk.cut:
            self._split(chunk, end, chunk.cut, chunk.cut)

    def _put(self, chunk: Chunk, begin: int, values: list[Any], errors: list[tuple[int, Record]]) -> None:
        if not errors:
            self._ledger.put(chunk.indices[begin : begin + len(values)], values)
            return
        failed = dict(errors)
        good = [position for position in range(begin, begin + len(values)) if position not in failed]
        if good:
            self._ledger.put(
                [chunk.indices[position] for position in good], [values[position - begin] for position in good]
            )
        for position, sent in errors:
            index = chunk.indices[position]
            self._ledger.fail(item_error(index, sent), index, sent[3])

    def _not_made(self, chunk: Chunk, begin: int, end: int, error: BaseException) -> None:
        """Results that cannot be unpickled: one alone is to blame, of several each is tried alone."""
        if end - begin > 1:
            self._split(chunk, begin, end, 1)
        elif end > begin:
            index = chunk.indices[begin]
            if isinstance(error, MemoryError):
                failed = ItemError(index, error, traceback_text=traceback_of(error))
            else:
                said = f"the result cannot be made again: {error!r}"
                failed = item_error(index, (None, said, traceback_of(error), ""))
            self._ledger.fail(failed, index, type(failed.exception).__name__)

    def _refused(self, hand: Hand, _: int, parcel: Parcel) -> None:
        """Items that cannot be unpickled by the worker."""
        (sent,) = self._unpacked(hand, parcel)
        chunk = hand.chunks[0]
        self._done(hand, chunk)
        if chunk.cut > 1:
            self._split(chunk, 0, chunk.cut, 1)
        elif chunk.cut:
            self._ledger.fail(item_error(chunk.indices[0], sent), chunk.indices[0], sent[3])

    def _done(self, hand: Hand, chunk: Chunk) -> None:
        hand.chunks.popleft()
        if chunk.segment is not None:
            hand.outgoing.release(chunk.segment)
        if not hand.chunks:
            hand.cells[LIMIT] = NO_LIMIT

    @staticmethod
    def _tell(hand: Hand, message: tuple[Any, ...], files: list[int] | None = None) -> None:
        try:
            hand.channel.send(message, files or ())
        except OSError:  # it is dead, or has closed its end; no message may be missing
            hand.kill()

    # Those that say nothing

    def _look_after(self) -> None:
        now = time.monotonic()
        closing = any(hand.closed_at for hand in self._hands)
        if now - self._looked < _QUICK_TICK and self._call.timeout is None and not closing:
            return
        self._looked = now
        for hand in list(self._hands):
            if not hand.poll():
                self._hear(hand)
                self._died(hand)
            elif hand.closed_at and now - hand.closed_at > _GONE:
                hand.reason = "it closed the pipe of its results"
                hand.kill()
            elif not hand.ready and now - hand.started_at > _START:
                hand.kill()
            elif self._call.timeout is not None and hand.chunks:
                self._check_time(hand, self._call.timeout)
        waiting = 0 if fleet().waits(self._claim) else self._call.workers - len(self._hands)
        idle = waiting + sum(not hand.chunks for hand in self._hands)
        if idle and self._source.exhausted and not self._again:
            for hand in self._hands:
                self._take_over(hand, now)

    def _state(self, hand: Hand) -> tuple[int, int]:
        """What the worker is at."""
        return hand.cells[CURRENT], hand.cells[NUMBER]

    def _check_time(self, hand: Hand, timeout: float) -> None:
        state = self._state(hand)
        at_work = state[0] >= 0 or state[0] in {UNPACKING, PACKING}
        if not at_work or time.monotonic_ns() - hand.cells[STARTED] < timeout * 1e9:
            hand.overdue = None
        elif hand.overdue != state:
            hand.overdue = state  # seen once; the time may be that of the item before
        else:
            hand.kill()

    def _take_over(self, hand: Hand, now: float) -> None:
        """Takes the items that a slow worker has not begun."""
        state = self._state(hand)
        if state != hand.seen:
            hand.seen, hand.seen_at = state, now
            return
        if not hand.chunks or now - hand.seen_at < _SLOW or hand.cells[LIMIT] != NO_LIMIT or state[0] < 0:
            return
        if len(hand.chunks) == 1 and (state[0] & _MASK) + 1 >= len(hand.chunks[0].items):
            return
        hand.cells[LIMIT] = state[0] + 1
        # It may have gone on meanwhile; then it has seen the limit, or this sees how far it is.
        current = max(hand.cells[CURRENT], state[0])
        for chunk in hand.chunks:
            begin = 0 if chunk.number > current >> SHIFT else (current & _MASK) + 1
            if chunk.number >= current >> SHIFT and begin < chunk.cut:
                parts = max(1, self._call.workers - 1)
                self._split(chunk, begin, chunk.cut, math.ceil((chunk.cut - begin) / parts))
                chunk.cut = begin

    # Deaths

    def _died(self, hand: Hand) -> None:
        if fleet().closed:
            raise Exiting  # which is why it died
        exitcode, fault = hand.exitcode(), hand.channel.fault
        state, number = self._state(hand)
        flushing = bool(hand.cells[FLUSHING])
        overdue = hand.overdue is not None and hand.overdue == (state, number)
        doubtful = bool(fault) or (exitcode == -signal.SIGKILL and not hand.reason)
        death = Death(exitcode, fault or hand.reason, overdue=overdue, doubtful=doubtful)
        chunks = list(hand.chunks)
        self._hands.remove(hand)
        hand.chunks.clear()
        fleet().drop(self._claim, hand)
        if state >= 0:
            number = state >> SHIFT
        if fault and chunks:
            # What it was at when the fault was seen may be another item than the one that did it.
            state, number = PACKING, chunks[0].number
        blamed = False
        for chunk in chunks:
            if chunk.number != number or state == LOADING:
                self._split(chunk, 0, chunk.cut, max(1, chunk.cut))
            elif state >= 0 and not (flushing and not overdue):
                blamed = True
                position = state & _MASK
                self._again.extend(
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
            if self._unexplained >= _UNEXPLAINED:
                message = (
                    f"worker processes end before they can work: {_ending(exitcode)}; standard error may say why, "
                    f"and sys.executable ({sys.executable!r}) must be a Python interpreter"
                )
                self._ledger.abort(ParallelError(message))

    def _blame_chunk(self, chunk: Chunk, death: Death) -> None:
        left = [position for position in range(chunk.cut) if not self._ledger.board.is_settled(chunk.indices[position])]
        if len(left) == 1:
            self._blame(chunk, left[0], death)
            return
        for position in left:
            self._again.append(chunk.part(position, position + 1))

    def _blame(self, chunk: Chunk, position: int, death: Death) -> None:
        index = chunk.indices[position]
        if death.overdue:
            error = TimeoutError(f"not done within {self._call.timeout} s")
            self._ledger.fail(ItemError(index, error), index, "TimeoutError")
        elif death.doubtful and index not in self._suspects:
            self._suspects.add(index)
            self._again.append(chunk.part(position, position + 1))
        else:
            self._ledger.fail(WorkerDied(index, death.exitcode, reason=death.reason), index, "WorkerDied")

    # The end

    def _give_back(self, hand: Hand) -> None:
        """An idle worker may work for another call."""
        self._hands.remove(hand)
        hand.called = False
        hand.overdue = None
        self._tell(hand, ("end",))
        if hand.is_alive():
            hand.outgoing.shrink()
            fleet().give(self._claim, hand)
        else:
            fleet().drop(self._claim, hand)

    def _leave(self) -> None:
        """Gives the workers back. Those that are busy get a moment to end their item."""
        self._source.close()
        for hand in self._hands:
            hand.cells[LIMIT] = 0 if hand.chunks else NO_LIMIT
        until = time.monotonic() + _GRACE
        while (left := until - time.monotonic()) > 0 and any(
            hand.chunks and not hand.channel.closed for hand in self._hands
        ):
            self._listen(left)
        for hand in list(self._hands):
            if hand.chunks:
                self._hands.remove(hand)
                hand.chunks.clear()
                fleet().drop(self._claim, hand)
            else:
                self._give_back(hand)
        fleet().leave(self._claim)
