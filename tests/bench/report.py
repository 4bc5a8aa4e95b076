"""The parts of a report that both benchmarks share: machine, versions, failures, goals."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def footer(load: float, versions: Iterable[str]) -> str:
    """The last line of a report: date, machine, versions, and the load before the start."""
    parts = (
        f"{datetime.now(timezone.utc):%Y-%m-%d}",
        f"{cpu_model()}, {os.cpu_count()} cores, load {load:.1f} before the start",
        f"{platform.system()} {platform.release()}",
        f"{platform.python_implementation()} {platform.python_version()}",
        ", ".join(versions),
    )
    return " · ".join(parts)


def cpu_model() -> str:
    """The name of the processor."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def versions_of(packages: Iterable[str]) -> Iterator[str]:
    """Names and versions of the installed packages."""
    for package in packages:
        with suppress(PackageNotFoundError):
            yield f"{package} {version(package)}"


def crate_version(name: str) -> Iterator[str]:
    """The version of a crate in Cargo.lock."""
    found = re.search(rf'name = "{name}"\nversion = "([^"]+)"', (ROOT / "Cargo.lock").read_text())
    if found:
        yield f"{name} {found[1]}"


def goals_table(rows: Iterable[tuple[str, str, str, bool | None]], limit: str) -> Iterator[str]:
    """A table of goal, limit, measured number, and whether it is reached (``None``: unknown); empty without rows."""
    rows = list(rows)
    if not rows:
        return
    yield from (f"| goal | {limit} | measured | |", "|---|--:|--:|---|")
    for text, bound, figure, reached in rows:
        verdict = "**not measured**" if reached is None else "reached" if reached else "**missed**"
        yield f"| {text} | {bound} | {figure} | {verdict} |"
    yield ""


def obstacle(where: Iterable[str], text: str) -> Iterator[str]:
    """A paragraph about the missed goals."""
    yield from (f"What stands in the way at {' and '.join(where)}: {text}", "")


def missing(failures: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The contenders that were not measured, with reasons."""
    failures = list(failures)
    if failures:
        yield from ("Not measured:", "")
        yield from (f"- {label}: {failure}" for label, failure in failures)
        yield ""


def last_line(text: str) -> str:
    """The last line of a traceback."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def publish(text: str, path: Path | None) -> None:
    """Prints and writes a report."""
    print(text)
    if path:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(f"written to {path.relative_to(ROOT)}", file=sys.stderr)


def progress(number: int, rounds: int, label: str) -> None:
    """Prints the next measurement."""
    print(f"round {number + 1} of {rounds}: {label}", file=sys.stderr, flush=True)
