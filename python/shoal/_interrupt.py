"""Makes Ctrl-C interrupt a `.result()` that blocks a running event loop.

`asyncio.run` (since 3.11) and notebook kernels (for cells that await) replace Python's SIGINT handler. Theirs does not
raise: it asks the loop to cancel the main task, which the loop cannot do while `.result()` blocks it. So during such a
wait Python's own handler, which raises `KeyboardInterrupt`, is restored.

A handler set with `loop.add_signal_handler` stays, because the application may not want to be interrupted.
"""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Handler = Callable[..., Any]


# The handlers that asyncio and uvloop install for `add_signal_handler`. They do nothing; a descriptor wakes the loop.
_APPLICATION_HANDLERS = {"_sighandler_noop", "Loop.__sighandler"}


def allow() -> Handler | None:
    """Makes Ctrl-C raise in this thread; returns the handler for `restore`, or `None` if nothing changed."""
    if threading.current_thread() is not threading.main_thread():
        return None  # only the main thread gets signals
    asyncio = sys.modules.get("asyncio")  # importing it takes longer than all of this package
    if asyncio is None or not hasattr(asyncio, "get_running_loop"):
        return None
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return None  # no running loop has replaced the handler
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler) or handler is signal.default_int_handler:
        return None
    if getattr(handler, "__qualname__", "") in _APPLICATION_HANDLERS:
        return None
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return handler


def restore(handler: Handler) -> None:
    """Restores a handler.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed during the call; the handler is restored nevertheless.
    """
    try:
        signal.signal(signal.SIGINT, handler)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, handler)
        raise
