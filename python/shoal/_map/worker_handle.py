"""The caller's handle of one worker process: its channel, its shared status, and how it ended."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import deque
from contextlib import suppress
from multiprocessing import process
from posix import waitpid  # gevent replaces that of `os`
from typing import TYPE_CHECKING

from shoal import _native
from shoal._map.channel import Channel, channel_pair
from shoal._map.payload import PayloadReader, PayloadWriter, anonymous_file
from shoal._map.spawn import spawn
from shoal._map.worker_status import CURRENT, IDLE, LIMIT, NO_LIMIT, SIZE, map_status

if TYPE_CHECKING:
    from shoal._map.chunk import Chunk

IDLE_TIMEOUT = float(os.environ.get("SHOAL_MAP_IDLE", "60"))
"""Seconds after which an unused worker ends."""
# A worker that works on one item for this many seconds counts as stuck.
_STUCK_AFTER = 0.3


class WorkerHandle:
    """One worker process, seen from the caller."""

    def __init__(self) -> None:
        here, there = channel_pair()
        self.channel = Channel(here)
        self.writer = PayloadWriter()
        self.reader = PayloadReader()
        file = -1
        try:
            file = anonymous_file()
            os.ftruncate(file, SIZE)
            self.status = map_status(file)
            self.status[CURRENT] = IDLE
            self.status[LIMIT] = NO_LIMIT
            # If this payload is large, its segment is not reused.
            payload, files, _ = self.writer.pack([bytes(process.current_process().authkey), sys.argv])
            self.channel.send(("start", payload), files)
            self.pid = spawn(there, file, IDLE_TIMEOUT)
        except BaseException:
            self.close()
            raise
        finally:
            os.close(there)
            if file >= 0:
                os.close(file)
        self._exitcode: int | None = None
        self._last_item, self._last_item_at = IDLE, 0.0
        self.ended = False
        """Whether the process is known to have ended."""
        self.started_at = time.monotonic()
        self.is_spare = False
        """Whether it was started beyond the pool's limit; it ends when no call waits for it."""
        # State of the call that has acquired the worker.
        self.acquired_at = self.started_at
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
        """Why the caller killed it, if it misbehaved."""

    def poll(self) -> bool:
        """Whether the process still runs."""
        if not self.ended:
            try:
                pid, status = waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # other code waits for all children of this process, or ignores SIGCHLD
                self.ended = True
            else:
                if pid:
                    self.ended = True
                    self._exitcode = os.waitstatus_to_exitcode(status)
        return not self.ended

    def is_alive(self) -> bool:
        """Whether the process still runs and its channel is open."""
        return self.poll() and not self.channel.closed

    def is_stuck(self) -> bool:
        """Whether earlier calls of this method found it at the same item for some time."""
        current, now = self.status[CURRENT], time.monotonic()
        if current != self._last_item:
            self._last_item, self._last_item_at = current, now
        return current >= 0 and now - self._last_item_at > _STUCK_AFTER

    def kill(self) -> None:
        """Kills the process if it still runs."""
        if self.poll():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def exitcode(self, wait: float = 1.0) -> int | None:
        """The exit code of a process that has ended or is about to; negative for a signal, `None` if unknown."""
        until = time.monotonic() + wait
        while self.poll() and time.monotonic() < until:
            _native.sleep(0.001)
        return self._exitcode

    def close(self) -> None:
        """Closes the descriptors of the caller's end."""
        self.channel.close()
        self.writer.close()
        self.reader.close()
