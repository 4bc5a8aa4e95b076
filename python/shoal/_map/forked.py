"""Items that fork: the child is not a worker, and ends when the user's function returns.

Without this the child would continue with the next items, and send results in its parent's name. A hook of `os.fork`
clears, in the child, the items that its thread would continue with; that costs an item nothing. Code that sends results
also compares the pid, because forks of C code call no hook.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from shoal import _native
from shoal._map.failure import traceback_of

if TYPE_CHECKING:
    from collections.abc import Callable

interrupt_in_child: dict[int, Callable[[], object]] = {}
"""By thread: a function that ends its loop over items, called in a forked child."""


def exit_child(error: BaseException | None = None) -> NoReturn:
    """Ends a forked child like a program that has returned or raised."""
    code = 0
    try:
        if isinstance(error, SystemExit):
            code = _exit_code(error.code)
        elif error is not None:
            code = 1
            sys.stderr.write(traceback_of(error))
    finally:
        flush_streams()
        os._exit(code)


def _exit_code(value: object) -> int:
    if value is None:
        return 0
    if isinstance(value, int):
        return value & 0xFF
    sys.stderr.write(f"{value}\n")
    return 1


def flush_streams() -> None:
    """Flushes standard output and standard error."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(BaseException):  # closed, replaced, missing, or a full disk
            stream.flush()


def _before_fork() -> None:
    # Otherwise the child would write the buffered text a second time.
    if _native.get_ident() in interrupt_in_child:
        flush_streams()


def _after_fork_in_child() -> None:
    for end in list(interrupt_in_child.values()):
        end()
    interrupt_in_child.clear()


os.register_at_fork(before=_before_fork, after_in_child=_after_fork_in_child)
