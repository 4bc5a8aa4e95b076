"""How many workers this process can make use of."""

from __future__ import annotations

import math
import os
from pathlib import Path

inside_worker = False
"""Whether this is a worker process of ours: what is mapped there has no cores of its own."""


def usable() -> int:
    """The cores this process may use: its affinity, the quota of its cgroup, and `SHOAL_THREADS`.

    Raises:
        ValueError: `SHOAL_THREADS` is no positive number.
    """
    wished = os.environ.get("SHOAL_THREADS", "").strip()
    if wished:
        if not wished.isdecimal() or int(wished) < 1:
            message = f"SHOAL_THREADS must be a positive whole number, not {wished!r}"
            raise ValueError(message)
        return int(wished)
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota()
    return max(1, count if quota is None else min(count, math.ceil(quota)))


def _quota(root: Path = Path("/sys/fs/cgroup")) -> float | None:
    """The cores the cgroup of this process grants; `None` for no limit. Its own mount hides the levels above it."""
    try:
        limit, period = (root / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            limit = (root / "cpu/cpu.cfs_quota_us").read_text()
            period = (root / "cpu/cpu.cfs_period_us").read_text()
        except OSError:
            return None
    try:
        granted = int(limit) / int(period)
    except (ValueError, ZeroDivisionError):  # "max"
        return None
    return granted if granted > 0 else None
