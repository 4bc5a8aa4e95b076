"""CPU work on all cores; every function returns a Job."""

from shoal._map import map  # noqa: A004 - the name of what it does everywhere

__all__ = ["map"]
