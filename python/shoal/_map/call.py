"""The checked arguments of one call of `map`."""

from __future__ import annotations

import sys
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pickle import PickleBuffer

BACKENDS = ("auto", "processes", "threads", "serial")
ON_ERROR = ("raise", "return", "skip")


def _folder() -> str | None:
    try:
        return str(Path.cwd())
    except OSError:
        return None  # removed


@dataclass(frozen=True)
class Call:
    """The arguments of a call, without its items."""

    fn: Callable[[Any], Any]
    backend: str
    workers: int
    chunksize: int | None
    """`None`: found by timing."""
    on_error: str
    timeout: float | None
    ordered: bool
    pickled: tuple[bytes | memoryview, list[PickleBuffer]] | None
    """The pickled list of the function alone; `None` if it stays in this process."""
    context: Context = field(default_factory=copy_context)
    folder: str | None = field(default_factory=_folder)
    path: list[str] = field(default_factory=lambda: [*map(str, sys.path)])
    """The caller's working folder and module search path at the time of the call."""


def checked_fn(fn: object) -> None:
    """Raises `TypeError` unless `fn` is callable."""
    if not callable(fn):
        message = f"fn must be callable, not {type(fn).__name__}"
        raise TypeError(message)


def choice(name: str, value: object, among: tuple[str, ...]) -> str:
    """Checks that `value` is one of some words."""
    if not isinstance(value, str):
        message = f"{name} must be a str, not {type(value).__name__}"
        raise TypeError(message)
    if value not in among:
        message = f"{name} must be one of {', '.join(map(repr, among))}, not {value!r}"
        raise ValueError(message)
    return value


def count(name: str, value: object) -> int:
    """Checks that `value` is a positive integer."""
    if isinstance(value, bool) or not hasattr(type(value), "__index__"):
        message = f"{name} must be an int, not {type(value).__name__}"
        raise TypeError(message)
    number = value.__index__()  # type: ignore[attr-defined]
    if number < 1:
        message = f"{name} must be at least 1, not {number}"
        raise ValueError(message)
    return int(number)


def chunk(value: object) -> int | None:
    """Checks a chunk size; returns `None` for "auto"."""
    if value == "auto":
        return None
    if isinstance(value, str):
        message = f"chunksize must be 'auto' or an int, not {value!r}"
        raise ValueError(message)  # noqa: TRY004 - a str is a valid type
    return count("chunksize", value)


def seconds(name: str, value: object) -> float | None:
    """Checks that `value` is a positive number of seconds or `None`."""
    if value is None:
        return None
    if isinstance(value, bool) or not (hasattr(type(value), "__float__") or hasattr(type(value), "__index__")):
        message = f"{name} must be a number of seconds or None, not {type(value).__name__}"
        raise TypeError(message)
    number = float(value)  # type: ignore[arg-type]
    if not number > 0:
        message = f"{name} must be greater than 0, not {value!r}"
        raise ValueError(message)
    return number


def flag(name: str, value: object) -> bool:
    """Checks that `value` is a bool."""
    if not isinstance(value, bool):
        message = f"{name} must be True or False, not {value!r}"
        raise TypeError(message)
    return value
