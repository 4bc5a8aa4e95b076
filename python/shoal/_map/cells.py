"""Where a worker process is, in memory that it shares with the caller."""

from __future__ import annotations

import mmap

# The places: at which item the worker is (or one of the states below), since when, with which chunk, and from which
# item on it must not go. An item is the number of its chunk and its position there; chunks are numbered in the order in
# which a worker gets them, so that the limit also holds for those to come. And whether results are sent beside an item.
CURRENT, STARTED, NUMBER, LIMIT, FLUSHING = range(5)
SHIFT = 32
NO_LIMIT = 1 << 62
# Between chunks; making the function, the items or the message of results. All is below any item.
IDLE, LOADING, UNPACKING, PACKING = -1, -2, -3, -4
SIZE = mmap.PAGESIZE


def cells_of(file: int) -> memoryview:
    """The cells in a file of `SIZE` bytes, as signed integers of 64 bits; they outlive the descriptor."""
    return memoryview(mmap.mmap(file, SIZE)).cast("q")
