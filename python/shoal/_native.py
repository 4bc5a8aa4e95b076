"""Native threads, locks and polling, also under gevent and eventlet.

Their `monkey.patch_all()` replaces the threads of the standard library by greenlets, which run only while the thread
that patched yields to them. `Job.result()` waits in Rust and never yields, so a greenlet that it waits for would never
run. So this module takes the functions from C modules that are not patched, or from a fresh copy of a patched one.
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


# Bound here, because patching replaces the attributes of the modules.
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
        RuntimeError: The system refuses another thread.
    """
    if import_module("_thread").start_new_thread is _start_new_thread:
        threading.Thread(target=target, args=args, name=name, daemon=True).start()
    else:
        _start_new_thread(target, args)


def make_hub() -> None:
    """Makes gevent's hub of this thread if gevent has patched the standard library.

    The first hub of a process imports modules, and two threads that make it at once can deadlock.
    """
    gevent = sys.modules.get("gevent")
    if gevent and import_module("_thread").start_new_thread is not _start_new_thread:
        gevent.get_hub()


def poll(file: int, seconds: float) -> bool:
    """Whether a descriptor becomes readable within `seconds`."""
    return bool(poll_all([file], seconds))


def poll_all(files: list[int], seconds: float) -> list[int]:
    """Waits `seconds` at most; returns the descriptors that are readable or closed at the other end."""
    waiting = _new_poll()
    for file in files:
        waiting.register(file, _POLLIN)
    return [file for file, _ in waiting.poll(max(0.0, seconds) * 1000)]


# Forks wait for this lock, `_FORK_WAIT` seconds at most.
_unforkable = Lock()
_FORK_WAIT = 10.0
_waited = False


@contextmanager
def no_fork() -> Iterator[None]:
    """Delays forks of other threads: a lock that is held in this block would stay locked in the child."""
    with _unforkable:
        yield


def load(name: str) -> None:
    """Imports a module without a fork meanwhile, in whose child the import lock would stay locked."""
    if name in sys.modules and not _unforkable.locked():
        return
    # It registers fork hooks of its own, which must not happen during a fork.
    import_module("logging")
    with no_fork():
        import_module(name)


def _before_fork() -> None:
    global _waited  # noqa: PLW0603 - only called by the thread that forks
    _waited = _unforkable.acquire(timeout=_FORK_WAIT)  # fails if this thread itself holds it


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
        """Sets the event and wakes all waiting threads."""
        with self._lock:
            self._is_set = True
            waiting, self._waiting = self._waiting, []
        for gate in waiting:
            gate.release()

    def clear(self) -> None:
        """Resets the event."""
        self._is_set = False

    def wait(self, seconds: float = -1) -> bool:
        """Waits until the event is set, for `seconds` at most; returns whether it is."""
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
