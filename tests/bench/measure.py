"""One measurement in a process of its own: ``measure.py MODE KERNEL LABEL FOLDER N SECONDS``.

Imports, compilation and a warm-up with some documents come first, so that threads and workers exist. Then the whole
list is processed repeatedly for the given seconds, and the median counts. Reading the documents, checking the result
and exiting are not measured. The result is one line of JSON.

``MODE`` is ``time``, or the way to await the work while a ticker runs: see `awaitable`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import math
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from kernels import KERNELS
from kernels.common import Contender, Kernel, Run

Await = Callable[[Sequence[Any]], Awaitable[Any]]

WARM = 20
TICK = 0.005
MOST_RUNS = 15
# Results kept alive during the measurement. Python's garbage collector scans them all: 8 ms for ten lists of 110,000
# links.
MOST_RESULTS = 1


def timed(kernel: Kernel, contender: Contender, folder: Path, n: int, seconds: float) -> dict[str, Any]:
    """The time of one call."""
    run = contender.prepare()
    total = kernel.total(n)
    items = kernel.items(folder, contender.count(total))
    docs = kernel.inputs(items)
    choice: Any = None
    if contender.choices:
        run, choice = chosen(run, contender, docs)
    contender.finish(run(docs[:WARM]))
    walls: list[float] = []
    cpus: list[float] = []
    result: Any = None
    while not walls or (sum(walls) < seconds and len(walls) < MOST_RUNS):
        result = None
        gc.collect()
        cpu, wall = time.process_time(), time.perf_counter()
        result = contender.finish(run(docs))
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    counts = [other.count(total) for other in kernel.contenders.values()]
    verdict = kernel.check(items, result, counts)
    return {
        "wall": statistics.median(walls),
        "cpu": statistics.median(cpus),
        "runs": len(walls),
        "count": len(docs),
        "choice": choice,
        "size": sum(map(kernel.size, items)),
        **verdict._asdict(),
    }


def chosen(run: Run, contender: Contender, docs: Sequence[Any]) -> tuple[Run, Any]:
    """The fastest variant of the work on a quarter of the items, and its name."""
    walls: dict[Any, float] = {}
    for choice in contender.choices:
        contender.finish(run(docs[:WARM], choice))
        start = time.perf_counter()
        contender.finish(run(docs[: len(docs) // 4], choice))
        walls[choice] = time.perf_counter() - start
    best = min(walls, key=walls.__getitem__)
    return lambda items: run(items, best), best


def stalled(mode: str, kernel: Kernel, contender: Contender, folder: Path, n: int, seconds: float) -> dict[str, Any]:
    """The delays of a ticker on the event loop during the work."""
    run = contender.prepare()
    docs = kernel.inputs(kernel.items(folder, kernel.total(n)))
    return asyncio.run(_stalled(awaitable(mode, run), docs, seconds))


def awaitable(mode: str, run: Run) -> Await:
    """The work as a coroutine: a job, a call, a call in a thread; or none, to measure the machine."""

    async def inline(docs: Sequence[Any]) -> Any:
        return run(docs)

    async def thread(docs: Sequence[Any]) -> Any:
        return await asyncio.to_thread(run, docs)

    async def idle(docs: Sequence[Any]) -> None:
        await asyncio.sleep(0.25)

    return {"stall": run, "stall-inline": inline, "stall-thread": thread, "stall-idle": idle}[mode]


async def _stalled(work: Await, docs: Sequence[Any], seconds: float) -> dict[str, Any]:
    late: list[float] = []
    await work(docs[:WARM])
    runs, end = 0, time.perf_counter() + seconds
    while not runs or time.perf_counter() < end:
        gc.collect()
        # Results are released while nothing ticks, because their deallocation is not measured.
        runs += len(await _ticking(work, docs, end, late))
    late.sort()
    rank = max(0, math.ceil(0.99 * len(late)) - 1)
    return {"p99": late[rank], "most": late[-1], "ticks": len(late), "runs": runs}


async def _ticking(work: Await, docs: Sequence[Any], end: float, late: list[float]) -> list[Any]:
    """Runs the work several times while a ticker runs; returns the results."""

    async def ticker() -> None:
        while True:
            due = time.perf_counter() + TICK
            await asyncio.sleep(TICK)
            late.append(time.perf_counter() - due)

    task = asyncio.create_task(ticker())
    await asyncio.sleep(2 * TICK)
    results = []
    while not results or (time.perf_counter() < end and len(results) < MOST_RESULTS):
        results.append(await work(docs))
        # After a blocked loop the ticker runs first: its timer, its future, itself.
        for _ in range(3):
            await asyncio.sleep(0)
    task.cancel()
    return results


def main() -> None:
    """Runs the measurement of ``sys.argv``."""
    mode, key, label, folder, n, seconds = sys.argv[1:]
    kernel = next(kernel for kernel in KERNELS if kernel.key == key)
    contender = kernel.contenders[label]
    if mode == "time":
        result = timed(kernel, contender, Path(folder), int(n), float(seconds))
    else:
        result = stalled(mode, kernel, contender, Path(folder), int(n), float(seconds))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
