"""The status of a worker process, in memory that it shares with the caller."""

from __future__ import annotations

import mmap

# The fields: the current item (or one of the states below), its start time, the number of its chunk, the first item
# that the worker must not begin, and whether results are being sent during an item. An item is its chunk's number,
# shifted by SHIFT, and its position. Chunks are numbered in the order in which a worker gets them, so a limit also
# covers later chunks.
CURRENT, STARTED, NUMBER, LIMIT, FLUSHING = range(5)
SHIFT = 32
NO_LIMIT = 1 << 62
# States, all less than any item: between chunks; unpickling the function or the items; pickling the results.
IDLE, LOADING, UNPACKING, PACKING = -1, -2, -3, -4
SIZE = mmap.PAGESIZE


def map_status(file: int) -> memoryview:
    """Maps the status in a file of `SIZE` bytes as 64-bit integers; it stays valid when the descriptor is closed."""
    return memoryview(mmap.mmap(file, SIZE)).cast("q")
