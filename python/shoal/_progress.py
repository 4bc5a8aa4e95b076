"""What `progress=` turns into: an object the waiting side tells how far it is.

The batch itself runs without Python. Whoever waits for it (`.result()`, an `await`, the loop of a stream) calls
`update(done, total)` about ten times a second from its own thread, and `close(done, total)` once at the end, also after
an error. So a slow callable slows the waiting down, never the requests.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from tqdm import tqdm


class Reporter(Protocol):
    """Is told how far a batch is."""

    def update(self, done: int, total: int | None) -> None:
        """Reports `done` finished requests of `total` (`None`: not known yet)."""

    def close(self, done: int, total: int | None) -> None:
        """Reports the last figures; nothing follows."""


def reporter(progress: object, unit: str = "req") -> Reporter | None:
    """Makes the reporter for an argument `progress`.

    Args:
        progress: `True` for a tqdm bar (a widget in notebooks), a callable `(done, total)`, or `False` or `None` for
            nothing.
        unit: What is counted, as a bar shows it.

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


class CallReporter:
    """Calls the user's function when the figures have changed, and once with the last ones.

    What the function raises comes out of `update`, and so of the wait; after that it is not called again. What it
    raises at the very end cannot undo the batch, and is reported as unraisable.
    """

    def __init__(self, function: Callable[[int, int | None], object]) -> None:
        self._function = function
        self._last: tuple[int, int | None] | None = None
        self._failed = False

    def update(self, done: int, total: int | None) -> None:
        """Calls the function, unless nothing has changed."""
        if self._failed or self._last == (done, total):
            return
        self._last = (done, total)
        try:
            self._function(done, total)
        except BaseException:
            self._failed = True
            raise

    def close(self, done: int, total: int | None) -> None:
        """Calls the function a last time, unless it has these figures already or has failed."""
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
        """Moves the bar."""
        if self._bar is None:
            self._bar = self._make(total=total, unit=self._unit, dynamic_ncols=True)
        bar = self._bar
        if total != bar.total:
            bar.total = total
        bar.update(done - bar.n)

    def close(self, done: int, total: int | None) -> None:
        """Moves the bar to its last place and leaves it there."""
        self.update(done, total)
        if self._bar is not None:
            self._bar.refresh()
            self._bar.close()


class LineReporter:
    """One line on a terminal, for the command line where tqdm is missing."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def update(self, done: int, total: int | None) -> None:
        """Writes the line again."""
        elapsed = time.monotonic() - self._start
        of = "" if total is None else f"/{total}"
        sys.stderr.write(f"\r{done}{of} requests, {elapsed:.1f} s ")
        sys.stderr.flush()

    def close(self, done: int, total: int | None) -> None:
        """Writes the line a last time and ends it."""
        self.update(done, total)
        sys.stderr.write("\n")
