"""Threads, locks and waiting of the operating system, also under gevent and eventlet.

Their `monkey.patch_all()` replaces the threads of the standard library by greenlets, which run only while the thread
that patched yields to them. `Job.result()` waits in Rust and never does, so a greenlet that it waits for would never
run. What Shoal needs is therefore taken from C modules that they don't patch, or from a fresh copy of one they did.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType


def _original(name: str) -> ModuleType:
    module = import_module(name)
    spec = module.__spec__
    if spec is None or spec.loader is None or not {"gevent.monkey", "eventlet.patcher"} & sys.modules.keys():
        return module
    from importlib.util import module_from_spec  # noqa: PLC0415 - only needed here

    copy = module_from_spec(spec)
    spec.loader.exec_module(copy)
    return copy


# The functions themselves: what is patched later is the module.
_thread: Any = _original("_thread")
_start_new_thread = _thread.start_new_thread
Lock = _thread.allocate_lock
get_ident = _thread.get_ident
sleep: Callable[[float], None] = _original("time").sleep
_select: Any = _original("select")
_new_poll, _POLLIN = _select.poll, _select.POLLIN


def start_thread(target: Callable[..., object], name: str, *args: object) -> None:
    """Starts a daemon thread.

    Raises:
        RuntimeError: The system grants no further thread.
    """
    if import_module("_thread").start_new_thread is _start_new_thread:
        threading.Thread(target=target, args=args, name=name, daemon=True).start()
    else:
        _start_new_thread(target, args)


def make_hub() -> None:
    """Makes gevent's hub of this thread, if Python code that gevent has patched will run in others.

    The first hub of a process imports modules, which is a deadlock where two threads do it at once.
    """
    gevent = sys.modules.get("gevent")
    if gevent and import_module("_thread").start_new_thread is not _start_new_thread:
        gevent.get_hub()


def poll(file: int, seconds: float) -> bool:
    """Whether a descriptor becomes readable within so many seconds."""
    return bool(poll_all([file], seconds))


def poll_all(files: list[int], seconds: float) -> list[int]:
    """Those of the descriptors that are readable, or closed at the other end, after at most so many seconds."""
    waiting = _new_poll()
    for file in files:
        waiting.register(file, _POLLIN)
    return [file for file, _ in waiting.poll(max(0.0, seconds) * 1000)]


# Forks of other threads wait for it.
_unforkable = Lock()
_FORK_WAIT = 10.0
_waited = False


@contextmanager
def no_fork() -> Iterator[None]:
    """Lets no other thread fork meanwhile: in its child a lock that is held in here would be locked for ever."""
    with _unforkable:
        yield


def load(name: str) -> None:
    """Imports a module that is only now needed; one that is being imported is locked, too."""
    if name in sys.modules and not _unforkable.locked():
        return
    # It brings hooks of `os.fork` of its own along, which must not appear in the middle of one.
    import_module("logging")
    with no_fork():
        import_module(name)


def _before_fork() -> None:
    global _waited  # noqa: PLW0603 - only the thread that forks is here
    _waited = _unforkable.acquire(timeout=_FORK_WAIT)  # unless it is this thread itself that has it


def _after_fork() -> None:
    if _waited:
        _unforkable.release()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)


class Event:
    """`threading.Event` over a native lock."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._is_set = False
        self._waiting: list[Any] = []

    def set(self) -> None:
        """Wakes all that wait."""
        with self._lock:
            self._is_set = True
            waiting, self._waiting = self._waiting, []
        for gate in waiting:
            gate.release()

    def clear(self) -> None:
        """Makes `wait` wait again."""
        self._is_set = False

    def wait(self, seconds: float = -1) -> bool:
        """Waits until the event is set, at most so many seconds; tells whether it is."""
        with self._lock:
            if self._is_set:
                return True
            gate = Lock()
            gate.acquire()
            self._waiting.append(gate)
        if gate.acquire(timeout=seconds):
            return True
        with self._lock:
            if gate in self._waiting:
                self._waiting.remove(gate)
        return self._is_set
