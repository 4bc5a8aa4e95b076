"""`parallel.map` of Python functions, compared with common pools.

Pools are created and warmed up before the measurement, and have a process per core. Each uses the chunk size that is
best for it and the kind of work.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from kernels import tasks
from kernels.common import Kernel, Run, equal

MEGABYTE = 1_000_000
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
TURNS = "turns.json"


class Work(NamedTuple):
    """A function, its items, and suitable chunk sizes."""

    function: Callable[[Any], Any]
    load: Callable[[Path, int], list[Any]]
    per: float
    chunks: tuple[int, ...]


def calibrate(folder: Path) -> None:
    """Cached, so that all contenders have the same items."""
    turns = {name: tasks.turns_of(seconds) for name, seconds in (("heavy", 1e-3), ("tiny", 5e-6))}
    (folder / TURNS).write_text(json.dumps(turns))


def _busy(name: str) -> Callable[[Path, int], list[tuple[int, int]]]:
    def load(folder: Path, n: int) -> list[tuple[int, int]]:
        turns = json.loads((folder / TURNS).read_text())[name]
        return [(number, turns) for number in range(n)]

    return load


def _bytes(_folder: Path, n: int) -> list[bytes]:
    dice = random.Random("bytes")
    block = dice.randbytes(MEGABYTE)
    # Each item has its own memory and different bytes.
    return [number.to_bytes(8, "big") + block[8:] for number in range(n)]


def _arrays(_folder: Path, n: int) -> list[Any]:
    import numpy as np

    return [np.arange(number, number + MEGABYTE // 8, dtype=np.int64) for number in range(n)]


WORK = {
    "1 ms": Work(tasks.busy, _busy("heavy"), 1, (1, 4, 16, 64)),
    "5 µs": Work(tasks.busy, _busy("tiny"), 100, (64, 256, 1024, 4096)),
    "1 MB of bytes": Work(tasks.count, _bytes, 0.25, (1, 4, 16)),
    "1 MB array": Work(tasks.total, _arrays, 0.25, (1, 4, 16)),
}


def size(item: Any) -> int:
    """The size in bytes, for a task about bytes."""
    return 0 if isinstance(item, tuple) else memoryview(item).nbytes


def _serial(work: Work) -> Callable[[], Run]:
    def prepare() -> Run:
        return lambda items: [work.function(item) for item in items]

    return prepare


def _pool(work: Work) -> Callable[[], Run]:
    def prepare() -> Run:
        pool = multiprocessing.Pool(CORES)
        return lambda items, chunk: pool.map(work.function, items, chunksize=chunk)

    return prepare


def _executor(work: Work) -> Callable[[], Run]:
    def prepare() -> Run:
        executor = ProcessPoolExecutor(CORES)
        return lambda items, chunk: list(executor.map(work.function, items, chunksize=chunk))

    return prepare


def _loky(work: Work) -> Callable[[], Run]:
    def prepare() -> Run:
        from loky import get_reusable_executor

        executor = get_reusable_executor(max_workers=CORES, timeout=None)
        return lambda items, chunk: list(executor.map(work.function, items, chunksize=chunk))

    return prepare


def _joblib(work: Work) -> Callable[[], Run]:
    def prepare() -> Run:
        from joblib import Parallel, delayed

        call = delayed(work.function)
        # All use the persistent workers of one executor.
        return lambda items, chunk: Parallel(n_jobs=CORES, batch_size=chunk)(call(item) for item in items)

    return prepare


def _add(case: str, work: Work) -> None:
    kernel = Kernel(
        "`parallel.map`",
        "map",
        case,
        "",
        equal(),
        size=size,
        unit="item",
        per=work.per,
        load=work.load,
        stall=case in {"1 ms", "1 MB of bytes"},
    )

    def start(parallel: Any, items: Sequence[Any], **options: str) -> Any:
        return parallel.map(work.function, items, **options)

    kernel.ours("`map(fn, items)`", start)
    kernel.ours(
        '`map(fn, items, backend="processes")`',
        lambda parallel, items: start(parallel, items, backend="processes"),
        label="shoal, processes",
    )
    kernel.by("serial", "`[fn(item) for item in items]`")(_serial(work))
    pools = (
        ("multiprocessing", "`Pool().map(fn, items, chunksize={})`", _pool),
        ("concurrent.futures", "`ProcessPoolExecutor().map(fn, items, chunksize={})`", _executor),
        ("loky", "`get_reusable_executor().map(fn, items, chunksize={})`", _loky),
        ("joblib", "`Parallel(batch_size={})(…)`", _joblib),
    )
    for library, call, prepare in pools:
        choices = (*work.chunks, "auto") if library == "joblib" else work.chunks
        kernel.by(library, call, threads=None, choices=choices)(prepare(work))


for _case, _work in WORK.items():
    _add(_case, _work)
