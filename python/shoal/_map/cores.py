"""The number of cores that this process may use."""

from __future__ import annotations

from shoal import _shoal

inside_worker = False
"""Whether this is a worker process; a call of `map` there has no cores of its own."""


def usable() -> int:
    """`SHOAL_THREADS`, or else the cores that the CPU affinity and the cgroup quota of this process allow.

    Raises:
        ValueError: `SHOAL_THREADS` is not a valid number of threads.
    """
    return _shoal._usable_cores()  # noqa: SLF001 - our own module
