"""Calls the functions given to `Job.add_done_callback`, on one Python thread.

If a function still runs at exit, this daemon thread is left behind like any other. A thread with Rust frames on its
stack would abort the process.
"""

from __future__ import annotations

import os
from _queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from shoal import _native, _shoal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Callback = Callable[[_shoal.Job[Any]], object]
    Calls = SimpleQueue[tuple[_shoal.Job[Any], Iterable[Callback]] | None]


class _Caller:
    """The queue and its thread."""

    def __init__(self) -> None:
        self.calls: Calls = SimpleQueue()
        _native.start_thread(self._work, "shoal-callbacks")

    def _work(self) -> None:
        while self._next():
            pass

    def _next(self) -> bool:
        # In a frame of its own, so that the waiting thread does not keep a job alive.
        next_call = self.calls.get()
        if next_call is None:
            return False
        call(*next_call)
        return True


# At most one entry. A dict needs no lock, which another thread could hold during a fork.
_callers: dict[str, _Caller] = {}
os.register_at_fork(after_in_child=_callers.clear)


def ready() -> _Caller:
    """The caller with its thread, started at first use; a forked child starts its own."""
    caller = _callers.get("caller")
    if caller is None:
        fresh = _Caller()
        caller = _callers.setdefault("caller", fresh)
        if caller is not fresh:  # another thread was faster
            fresh.calls.put(None)
    return caller


def deliver(job: _shoal.Job[Any], callbacks: Iterable[Callback]) -> None:
    """Queues the calls of the functions, in order."""
    ready().calls.put((job, callbacks))


def call(job: _shoal.Job[Any], callbacks: Iterable[Callback]) -> None:
    """Calls the functions; their exceptions are reported as unraisable."""
    for callback in callbacks:
        try:
            callback(job)
        except BaseException as error:  # noqa: BLE001 - the next function is called in any case
            _shoal._unraisable(error, callback)  # noqa: SLF001 - our own module
