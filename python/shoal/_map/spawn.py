"""Starts an interpreter for a worker: the caller's, with its flags. Never a fork; the caller's `__main__` stays out.

Of the caller it inherits the environment, the working folder, standard output and standard error. Each of them may be
missing, closed or replaced.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.spawn import get_executable
from multiprocessing.util import spawnv_passfds
from pathlib import Path
from typing import TYPE_CHECKING

from shoal import _native
from shoal._map.failure import lacking
from shoal.exceptions import ParallelError

if TYPE_CHECKING:
    from collections.abc import Iterator

_NUMBERS = 5
# The path is set before anything else is imported: the folder it is started in may have a `random.py`.
_BOOT = f"""\
import sys
sys.path[:] = sys.argv[{_NUMBERS + 1}:]
from shoal._map.worker import main
main(*map(float, sys.argv[1:{_NUMBERS + 1}]))"""


def spawn(end: int, cells: int, patience: float) -> int:
    """Starts a worker process; gives its pid.

    Args:
        end: Its end of the channel.
        cells: The file of its cells.
        patience: Seconds after which it ends for want of work.

    Raises:
        ParallelError: There is no interpreter to start, or the system does not start it.
    """
    executable = sys.executable
    if getattr(sys, "frozen", False) or not executable or not os.access(executable, os.X_OK):
        message = (
            f"worker processes need a Python interpreter, and sys.executable ({executable!r}) is none: "
            "set it to the path of one, or use backend='threads'"
        )
        raise ParallelError(message)
    try:
        with standard_streams():
            tracker = _tracker()
            # Inherited: Ctrl-C in a terminal goes to the workers too, and one that does not ignore it yet would print a
            # traceback. Here, because starting the tracker unblocks it.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            numbers = [*map(str, (end, cells, tracker, os.getpid(), patience))]
            flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined] # noqa: SLF001 - as multiprocessing
            arguments = [executable, *flags, "-c", _BOOT, *numbers, *_path()]
            return int(spawnv_passfds(os.fsencode(executable), arguments, [end, cells, *([tracker] * (tracker >= 0))]))
    except OSError as error:
        raise lacking("no worker process can be started", error) from error


def beyond_standard(file: int) -> int:
    """The descriptor, or one in its place if it has the number of a standard stream, where anybody may write."""
    if file > 2:  # noqa: PLR2004 - standard error
        return file
    try:
        return fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, 3)
    finally:
        os.close(file)


@contextmanager
def standard_streams() -> Iterator[None]:
    """Keeps what is opened meanwhile away from the numbers of the standard streams, where these are closed."""
    lent: list[int] = []
    try:
        while (file := os.open(os.devnull, os.O_RDWR)) <= 2:  # noqa: PLR2004 - standard error
            lent.append(file)
        os.close(file)
        yield
    finally:
        for file in lent:
            os.close(file)


def _tracker() -> int:
    """The descriptor of the caller's resource tracker, or -1.

    With one of its own a worker would take the named shared memory of `multiprocessing` along when it ends.
    """
    executable = get_executable()
    if not executable or not os.access(executable, os.X_OK):  # of the time when multiprocessing was imported
        return -1
    with _native.no_fork():  # it has a lock
        file = resource_tracker.getfd() or -1
    return file if file > 2 else -1  # noqa: PLR2004 - standard error


def _path() -> Iterator[bytes]:
    """`sys.path` without the folder the caller happens to be in; at its end where this package is."""
    for part in (*sys.path, str(Path(__file__).parents[2])):
        with suppress(UnicodeEncodeError):  # no path
            encoded = os.fsencode(str(part))
            if encoded and b"\0" not in encoded:
                yield encoded
