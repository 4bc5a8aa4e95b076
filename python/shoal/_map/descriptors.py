"""File descriptors kept apart from those of the standard streams, which the caller may have closed."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def above_standard_streams(file: int) -> int:
    """The descriptor, or a copy above 2 if it has the number of a standard stream, to which any code may write."""
    if file > 2:  # noqa: PLR2004 - standard error
        return file
    try:
        return fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, 3)
    finally:
        os.close(file)


@contextmanager
def occupied_standard_streams() -> Iterator[None]:
    """Occupies the numbers of closed standard streams, so that no descriptor opened meanwhile gets them."""
    placeholders: list[int] = []
    try:
        while (file := os.open(os.devnull, os.O_RDWR)) <= 2:  # noqa: PLR2004 - standard error
            placeholders.append(file)
        os.close(file)
        yield
    finally:
        for file in placeholders:
            os.close(file)
