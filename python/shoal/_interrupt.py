"""Lets Ctrl-C reach a thread that blocks the event loop it runs.

Whoever runs a loop may put a handler of its own in place of Python's: `asyncio.run` (since 3.11) and a notebook's
kernel (for cells that await) do. Theirs does not raise: it asks the loop to cancel the main task, which the loop cannot
do as long as `.result()` blocks it. So for the time of such a wait Python's own handler, which raises
`KeyboardInterrupt`, is put back.

A handler set with `loop.add_signal_handler` stays: it is the application's, and its wish may be not to be interrupted.
"""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Handler = Callable[..., Any]


# What asyncio and uvloop install for `add_signal_handler`; they do nothing, the loop is woken through a descriptor.
_OF_THE_APPLICATION = {"_sighandler_noop", "Loop.__sighandler"}


def allow() -> Handler | None:
    """Makes Ctrl-C raise in this thread; gives the handler to hand to `restore`, or `None` if none is needed."""
    if threading.current_thread() is not threading.main_thread():
        return None  # signals are the main thread's
    asyncio = sys.modules.get("asyncio")  # importing it takes longer than all of this package
    if asyncio is None or not hasattr(asyncio, "get_running_loop"):
        return None
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return None  # nobody but the user has touched the handler
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler) or handler is signal.default_int_handler:
        return None
    if getattr(handler, "__qualname__", "") in _OF_THE_APPLICATION:
        return None
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return handler


def restore(handler: Handler) -> None:
    """Puts a handler back.

    Raises:
        KeyboardInterrupt: When Ctrl-C was pressed at this very moment; the handler is put back all the same.
    """
    try:
        signal.signal(signal.SIGINT, handler)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, handler)
        raise
