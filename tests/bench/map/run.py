"""`parallel.map` beside its peers: wall time on all cores, every pool warm, rounds interleaved, best of the rounds.

    python tests/bench/map/run.py [--rounds 3] [--only heavy]

Peers get the best of several chunk sizes; `parallel.map` its defaults.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Any

from works import WORKS

from shoal import parallel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Pool = Callable[[Callable[[Any], Any], Sequence[Any]], list[Any]]

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
CHUNKS = {2000: (10, 50, 100), 200_000: (1000, 5000), 500: (1, 4)}


def chunked(pool: Callable[..., Any], chunk: int, fn: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """One run of a pool with a chunk size."""
    return list(pool(fn, items, chunksize=chunk))


@contextlib.contextmanager
def peers(count: int) -> Iterator[dict[str, Pool]]:
    """Every way to do the work, by its name; the peers with each chunk size."""
    ways: dict[str, Pool] = {
        "serial": lambda fn, items: [fn(item) for item in items],
        "shoal": lambda fn, items: parallel.map(fn, items).result(),
        "shoal processes": lambda fn, items: parallel.map(fn, items, backend="processes").result(),
    }
    with contextlib.ExitStack() as stack:
        pools: dict[str, Callable[..., Any]] = {
            "Pool": stack.enter_context(multiprocessing.Pool(CORES)).map,
            "ProcessPoolExecutor": stack.enter_context(ProcessPoolExecutor(CORES)).map,
        }
        with contextlib.suppress(ImportError):
            from loky import get_reusable_executor

            pools["loky"] = get_reusable_executor(CORES).map
        with contextlib.suppress(ImportError):
            import joblib

            parallel_ = joblib.Parallel(n_jobs=CORES)
            ways["joblib"] = lambda fn, items: list(parallel_(joblib.delayed(fn)(item) for item in items))
        for name, pool in pools.items():
            for chunk in CHUNKS[count]:

                def way(fn: Any, items: Any, pool: Any = pool, chunk: int = chunk) -> list[Any]:
                    return chunked(pool, chunk, fn, items)

                ways[f"{name} ({chunk})"] = way
        yield ways


def measure(name: str, rounds: int) -> dict[str, float]:
    """Seconds by way."""
    fn, make = WORKS[name]
    items = make()
    expected = [fn(item) for item in items]
    best: dict[str, float] = {}
    with peers(len(items)) as ways:
        for each in range(rounds + 1):  # the first warms up
            for way, run in ways.items():
                if way == "joblib" and len(items) > 10_000:
                    continue  # a future per batch, auto-sized: minutes
                started = time.perf_counter()
                results = run(fn, items)
                took = time.perf_counter() - started
                if results != expected:
                    message = f"{way}: wrong results"
                    raise AssertionError(message)
                if each:
                    best[way] = min(took, best.get(way, took))
    return best


def main() -> None:
    """Prints a table for each work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    for name in WORKS:
        if options.only not in name:
            continue
        try:
            best = measure(name, options.rounds)
        except ImportError as error:
            print(f"\n{name}: {error}")
            continue
        print(f"\n{name}")
        ours = best["shoal"]
        for way, took in sorted(best.items(), key=lambda pair: pair[1]):
            print(f"  {way:28} {took * 1000:9.1f} ms   shoal / this: {ours / took:.2f}")


if __name__ == "__main__":
    main()
