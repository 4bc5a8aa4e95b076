"""`parallel.map` of Python functions beside the pools that people use.

Pools are made and warmed before the clock starts, and have a process for each core. Chunk sizes are the best of those
tried: 1, 4, 16, 64 … for each pool and each kind of work.
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
    """A function, its items, and the best chunk size of each pool."""

    function: Callable[[Any], Any]
    load: Callable[[Path, int], list[Any]]
    per: float
    pool: int
    executor: int
    loky: int
    joblib: int | str


def calibrate(folder: Path) -> None:
    """Once for a run, so that everyone has the same items."""
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
    # Each its own memory, each different.
    return [number.to_bytes(8, "big") + block[8:] for number in range(n)]


def _arrays(_folder: Path, n: int) -> list[Any]:
    import numpy as np

    return [np.arange(number, number + MEGABYTE // 8, dtype=np.int64) for number in range(n)]


WORK = {
    "1 ms": Work(tasks.busy, _busy("heavy"), 1, 16, 16, 16, 16),
    "5 µs": Work(tasks.busy, _busy("tiny"), 100, 1024, 1024, 1024, 1024),
    "1 MB of bytes": Work(tasks.count, _bytes, 0.25, 4, 4, 4, "auto"),
    "1 MB array": Work(tasks.total, _arrays, 0.25, 4, 4, 4, "auto"),
}


def size(item: Any) -> int:
    """Bytes, if that is what it is about."""
    return 0 if isinstance(item, tuple) else memoryview(item).nbytes


def _serial(work: Work) -> Callable[[], Run]:
    def prepare() -> Run:
        return lambda items: [work.function(item) for item in items]

    return prepare


def _pool(work: Work) -> Callable[[], Run]:
    def prepare() -> Run:
        pool = multiprocessing.Pool(CORES)
        return lambda items: pool.map(work.function, items, chunksize=work.pool)

    return prepare


def _executor(work: Work) -> Callable[[], Run]:
    def prepare() -> Run:
        executor = ProcessPoolExecutor(CORES)
        return lambda items: list(executor.map(work.function, items, chunksize=work.executor))

    return prepare


def _loky(work: Work) -> Callable[[], Run]:
    def prepare() -> Run:
        from loky import get_reusable_executor

        executor = get_reusable_executor(max_workers=CORES, timeout=None)
        return lambda items: list(executor.map(work.function, items, chunksize=work.loky))

    return prepare


def _joblib(work: Work) -> Callable[[], Run]:
    def prepare() -> Run:
        from joblib import Parallel, delayed

        parallel = Parallel(n_jobs=CORES, batch_size=work.joblib)
        call = delayed(work.function)
        return lambda items: parallel(call(item) for item in items)

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
        ("multiprocessing", f"`Pool().map(fn, items, chunksize={work.pool})`", _pool),
        ("concurrent.futures", f"`ProcessPoolExecutor().map(fn, items, chunksize={work.executor})`", _executor),
        ("loky", f"`get_reusable_executor().map(fn, items, chunksize={work.loky})`", _loky),
        ("joblib", f"`Parallel(batch_size={work.joblib!r})(…)`", _joblib),
    )
    for library, call, prepare in pools:
        kernel.by(library, call, threads=None)(prepare(work))


for _case, _work in WORK.items():
    _add(_case, _work)
