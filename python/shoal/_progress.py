"""Progress reporters, made from the argument `progress=`.

The batch itself runs without Python. The waiting code (`.result()`, an `await`, the loop of a stream) calls
`update(done, total)` about ten times a second on its own thread, and `close(done, total)` once at the end, also after
an error. So a slow callable delays the waiting code, never the requests.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from tqdm import tqdm


# Seconds between two reports from an event loop.
_INTERVAL = 0.1


class Reporter(Protocol):
    """Receives the progress of a batch."""

    def update(self, done: int, total: int | None) -> None:
        """Reports `done` finished requests of `total` (`None`: not known yet)."""

    def close(self, done: int, total: int | None) -> None:
        """Reports the final figures."""


def reporter(progress: object, unit: str = "req") -> Reporter | None:
    """Makes the reporter for an argument `progress`.

    Args:
        progress: `True` for a tqdm bar (a widget in notebooks), a callable `(done, total)`, or `False` or `None` for
            nothing.
        unit: The unit in which a bar counts.

    Raises:
        ImportError: For `True` without tqdm.
        TypeError: For anything else.
    """
    if progress is None or progress is False:
        return None
    if progress is True:
        return BarReporter(unit)
    if callable(progress):
        return CallReporter(progress)
    message = f"progress must be True, False or a callable (done, total), not {type(progress).__name__}"
    raise TypeError(message)


def follow(loop: asyncio.AbstractEventLoop, report: Callable[[], bool]) -> None:
    """Calls `report` from an event loop every 100 ms until it returns False."""

    def tick() -> None:
        if report():
            loop.call_later(_INTERVAL, tick)

    loop.call_later(_INTERVAL, tick)


class CallReporter:
    """Calls the user's function when the figures have changed, and with the final ones.

    Its exception is raised by `update`, and so by the wait; then it is not called again. An exception at the end cannot
    undo the batch, and is reported as unraisable.
    """

    def __init__(self, function: Callable[[int, int | None], object]) -> None:
        self._function = function
        self._last: tuple[int, int | None] | None = None
        self._failed = False

    def update(self, done: int, total: int | None) -> None:
        """Calls the function if the figures have changed."""
        if self._failed or self._last == (done, total):
            return
        self._last = (done, total)
        try:
            self._function(done, total)
        except BaseException:
            self._failed = True
            raise

    def close(self, done: int, total: int | None) -> None:
        """Calls the function with the final figures, unless it has them already or has failed."""
        self.update(done, total)


class BarReporter:
    """A bar of tqdm, drawn from the first update on."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        try:
            from tqdm.auto import tqdm  # noqa: PLC0415 - optional, and slow to import
        except ImportError as error:
            message = (
                "progress=True needs tqdm: pip install 'shoal[progress]' (or pass a callable that takes done and total)"
            )
            raise ImportError(message, name="tqdm") from error
        self._make: Callable[..., tqdm[None]] = tqdm
        self._bar: tqdm[None] | None = None

    def update(self, done: int, total: int | None) -> None:
        """Updates the bar."""
        if self._bar is None:
            self._bar = self._make(total=total, unit=self._unit, dynamic_ncols=True)
        bar = self._bar
        if total != bar.total:
            bar.total = total
        bar.update(done - bar.n)

    def close(self, done: int, total: int | None) -> None:
        """Updates the bar a last time and leaves it on the screen."""
        self.update(done, total)
        if self._bar is not None:
            self._bar.refresh()
            self._bar.close()


class LineReporter:
    """One line on a terminal, for the command line where tqdm is missing."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def update(self, done: int, total: int | None) -> None:
        """Rewrites the line."""
        elapsed = time.monotonic() - self._start
        of = "" if total is None else f"/{total}"
        sys.stderr.write(f"\r{done}{of} requests, {elapsed:.1f} s ")
        sys.stderr.flush()

    def close(self, done: int, total: int | None) -> None:
        """Rewrites the line a last time and ends it."""
        self.update(done, total)
        sys.stderr.write("\n")
