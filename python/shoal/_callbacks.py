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
    Calls = SimpleQueue[tuple[_shoal.Job[Any], Iterable[Callback]]]


class _Caller:
    """The queue and its thread; a forked child makes its own."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.calls: Calls = SimpleQueue()
        _native.start_thread(self._work, "shoal-callbacks")

    def _work(self) -> None:
        while True:
            call(*self.calls.get())


_caller: _Caller | None = None


def deliver(job: _shoal.Job[Any], callbacks: Iterable[Callback]) -> None:
    """Calls the functions soon, one after the other. Called by one thread only."""
    global _caller  # noqa: PLW0603 - started at first use
    if _caller is None or _caller.pid != os.getpid():
        _caller = _Caller()
    _caller.calls.put((job, callbacks))


def call(job: _shoal.Job[Any], callbacks: Iterable[Callback]) -> None:
    """Calls the functions now; what they raise is reported as unraisable."""
    for callback in callbacks:
        try:
            callback(job)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the next function is called
            _shoal._unraisable(error, callback)  # noqa: SLF001 - ours
