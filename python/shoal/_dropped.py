"""Reports of a dropped job: a warning if that stopped work, a log entry if its exception was never retrieved."""

from __future__ import annotations

import warnings

# The registries of `warnings.warn_explicit`, by file: one warning per line.
_registries: dict[str, dict[str | tuple[str, type[Warning], int], int]] = {}


def report(name: str, place: tuple[str, int] | None, failure: BaseException | None) -> None:
    """Warns of a job of `name` that was started at `place`, or logs its exception."""
    if failure is None:
        file, line = place or ("<unknown>", 1)
        message = (
            f"a Job of {name} was dropped before its end, which stopped its work: await it, call .result(), or "
            ".cancel() it if that is what you want"
        )
        warnings.warn_explicit(message, RuntimeWarning, file, line, registry=_registries.setdefault(file, {}))
        return
    import logging  # noqa: PLC0415 - importing it takes longer than all of this package

    at = f", called at {place[0]}:{place[1]}" if place else ""
    message = f"the exception of a Job was never retrieved: {name}{at}"
    logging.getLogger("shoal").error("%s", message, exc_info=failure)
