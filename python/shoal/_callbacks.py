"""Calls the functions given to `Job.add_done_callback`.

On a Python thread, so that a function which still runs when the interpreter exits is left behind like any other daemon
thread: one with a Rust function further up its stack would abort the process.
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
        # A frame of its own: nothing keeps a job alive while the thread waits for another one.
        next_call = self.calls.get()
        if next_call is None:
            return False
        call(*next_call)
        return True


# At most one, under its own name: a lock might be held by another thread when the process forks.
_callers: dict[str, _Caller] = {}
os.register_at_fork(after_in_child=_callers.clear)


def ready() -> _Caller:
    """Starts the thread at first use; a forked child starts its own."""
    caller = _callers.get("caller")
    if caller is None:
        fresh = _Caller()
        caller = _callers.setdefault("caller", fresh)
        if caller is not fresh:  # another thread was quicker
            fresh.calls.put(None)
    return caller


def deliver(job: _shoal.Job[Any], callbacks: Iterable[Callback]) -> None:
    """Calls the functions soon, one after the other."""
    ready().calls.put((job, callbacks))


def call(job: _shoal.Job[Any], callbacks: Iterable[Callback]) -> None:
    """Calls the functions now; what they raise is reported as unraisable."""
    for callback in callbacks:
        try:
            callback(job)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the next function is called
            _shoal._unraisable(error, callback)  # noqa: SLF001 - ours
