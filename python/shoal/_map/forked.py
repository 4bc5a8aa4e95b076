"""Items that fork: the child is no worker, and ends when it comes back out of the caller's function.

Without this it would go on with the items behind its own, and answer in the name of its parent. A hook of `os.fork`
empties, in the child, what its thread was about to go on with; that costs an item nothing. Whoever hands results on
looks at the pid as well, for forks of C code call no hook.
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

at_work: dict[int, Callable[[], object]] = {}
"""By thread: ends the loop over items that it is in. Called in a forked child."""


def leave(error: BaseException | None = None) -> NoReturn:
    """Ends a forked child, as a program ends that has returned or raised."""
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
    """Writes what `print` holds back."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(BaseException):  # closed, replaced, missing, or a full disk
            stream.flush()


def _before() -> None:
    # Or the child would write it a second time.
    if _native.get_ident() in at_work:
        flush_streams()


def _in_child() -> None:
    for end in list(at_work.values()):
        end()
    at_work.clear()


os.register_at_fork(before=_before, after_in_child=_in_child)
