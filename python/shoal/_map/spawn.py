"""Starts the interpreter of a worker, with the caller's flags. It is never a fork, and does not import `__main__`.

It inherits the caller's environment, working folder, standard output and standard error. Each of them may be missing,
closed or replaced.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from multiprocessing import resource_tracker
from multiprocessing.spawn import get_executable
from multiprocessing.util import spawnv_passfds
from pathlib import Path
from typing import TYPE_CHECKING

from shoal import _native
from shoal._map.descriptors import occupied_standard_streams
from shoal._map.failure import out_of_resources
from shoal.exceptions import ParallelError

if TYPE_CHECKING:
    from collections.abc import Iterator

_ARGUMENTS = 5
# The search path is set before other imports: the working folder may contain a `random.py`.
_BOOT = f"""\
import sys
sys.path[:] = sys.argv[{_ARGUMENTS + 1}:]
from shoal._map.worker import main
main(*map(float, sys.argv[1:{_ARGUMENTS + 1}]))"""


def spawn(end: int, status: int, idle_timeout: float) -> int:
    """Starts a worker process; returns its pid.

    Args:
        end: The descriptor of its end of the channel.
        status: The descriptor of its status.
        idle_timeout: Seconds without work after which it ends.

    Raises:
        ParallelError: There is no interpreter, or the system refuses the process.
    """
    executable = sys.executable
    if getattr(sys, "frozen", False) or not executable or not os.access(executable, os.X_OK):
        message = (
            f"worker processes need a Python interpreter, and sys.executable ({executable!r}) is none: "
            "set it to the path of one, or use backend='threads'"
        )
        raise ParallelError(message)
    try:
        with occupied_standard_streams():
            tracker = _tracker()
            # Workers inherit the blocked signal: Ctrl-C in a terminal reaches them too, and one that does not ignore it
            # yet would print a traceback. Blocked here, because starting the tracker unblocks it.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            numbers = [*map(str, (end, status, tracker, os.getpid(), idle_timeout))]
            flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined] # noqa: SLF001 - as multiprocessing
            arguments = [executable, *flags, "-c", _BOOT, *numbers, *_path()]
            return int(spawnv_passfds(os.fsencode(executable), arguments, [end, status, *([tracker] * (tracker >= 0))]))
    except OSError as error:
        raise out_of_resources("no worker process can be started", error) from error


def _tracker() -> int:
    """The descriptor of the caller's resource tracker, or -1.

    A worker with a tracker of its own would unlink the named shared memory of `multiprocessing` when it ends.
    """
    executable = get_executable()
    if not executable or not os.access(executable, os.X_OK):  # as it was when multiprocessing was imported
        return -1
    with _native.no_fork():  # it has a lock
        file = resource_tracker.getfd() or -1
    return file if file > 2 else -1  # noqa: PLR2004 - standard error


def _path() -> Iterator[bytes]:
    """`sys.path` without the entry of the working folder, followed by the folder of this package."""
    for part in (*sys.path, str(Path(__file__).parents[2])):
        with suppress(UnicodeEncodeError):  # not a path
            encoded = os.fsencode(str(part))
            if encoded and b"\0" not in encoded:
                yield encoded
