"""`parallel.map`: order, backends, inputs, arguments, and the Job that it returns."""

import asyncio
import gc
import inspect
import itertools
import math
import os
import sqlite3
import threading
import time
import tracemalloc
import warnings
from collections import Counter
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest

import mapped
import shoal
from conftest import wait_until
from shoal import parallel
from shoal.exceptions import ItemError

BACKENDS = ["auto", "processes", "threads", "serial"]
backends = pytest.mark.parametrize("backend", BACKENDS)


@backends
def test_results_in_order(backend: str) -> None:
    for count in (0, 1, 2, 3, 100, 5000):
        expected = [number * number for number in range(count)]
        assert parallel.map(mapped.square, range(count), backend=backend).result(30) == expected


@backends
def test_unordered_has_the_same_results(backend: str) -> None:
    results = parallel.map(mapped.square, range(2000), backend=backend, ordered=False).result(30)
    assert sorted(results) == [number * number for number in range(2000)]


def test_unordered_results_are_in_order_of_completion() -> None:
    results = parallel.map(time.sleep, [0.6, 0.01], ordered=False, workers=2, backend="threads").result(10)
    assert results == [None, None]
    assert parallel.map(mapped.spin, [0.8, 0.01], ordered=False, workers=2, backend="processes").result(10) == [
        0.01,
        0.8,
    ]


@backends
@pytest.mark.parametrize("chunksize", [1, 7, 10_000])
def test_chunk_sizes(backend: str, chunksize: int) -> None:
    assert parallel.map(mapped.square, range(50), backend=backend, chunksize=chunksize).result(30) == [
        number * number for number in range(50)
    ]


@backends
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_workers(backend: str, workers: int) -> None:
    assert parallel.map(mapped.square, iter(range(500)), backend=backend, workers=workers).result(30) == [
        number * number for number in range(500)
    ]


def test_worker_processes_are_reused() -> None:
    first = set(parallel.map(mapped.pid, range(40), backend="processes", workers=2).result(30))
    second = set(parallel.map(mapped.pid, range(40), backend="processes", workers=2).result(30))
    assert os.getpid() not in first
    assert 1 <= len(first) <= 2
    assert second & first


def test_auto_runs_unknown_functions_in_a_worker() -> None:
    assert os.getpid() not in parallel.map(mapped.pid, range(3)).result(30)


@pytest.mark.parametrize("backend", ["threads", "serial"])
def test_threads_and_serial_run_in_this_process(backend: str) -> None:
    assert set(parallel.map(mapped.pid, range(10), backend=backend).result(10)) == {os.getpid()}
    names = set(parallel.map(lambda _: threading.current_thread().name, range(10), backend=backend).result(10))
    assert all(name.startswith("shoal-map") for name in names)


def test_closures_lambdas_and_bound_methods() -> None:
    base = 10
    assert parallel.map(lambda number: number + base, range(3), backend="processes").result(30) == [10, 11, 12]
    assert parallel.map("a-b".replace, ["a"], backend="processes").exception(30) is not None
    assert parallel.map("x".join, ["ab", "cd"], backend="processes").result(30) == ["axb", "cxd"]

    class Local:
        def __init__(self, value: int) -> None:
            self.value = value

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Local) and self.value == other.value

        __hash__ = None

        def double(self, number: int) -> "Local":
            return Local(self.value * number)

    assert parallel.map(Local(2).double, [1, 2], backend="processes").result(30) == [Local(2), Local(4)]


@backends
def test_every_kind_of_iterable(backend: str) -> None:
    inputs = [(n for n in range(5)), {1: 2, 3: 4}, {1, 2}, "abc", b"ab", iter([]), map(abs, [-1]), range(3)]
    for items in inputs:
        expected = list(items) if not hasattr(items, "__next__") else None
        results = parallel.map(mapped.ident, items, backend=backend).result(30)
        assert expected is None or results == expected


@backends
def test_reading_ahead_of_an_endless_iterable_is_bounded(backend: str) -> None:
    read = itertools.count()
    seen = []

    def endless():
        for number in read:
            seen.append(number)
            yield number

    job = parallel.map(
        mapped.spin if backend != "serial" else mapped.square, (0.001 for _ in endless()), backend=backend
    )
    assert wait_until(lambda: job.stats.total > 20, 20)
    job.cancel()
    done = job.stats.total
    with pytest.raises(CancelledError) as caught:
        job.result()
    assert len(caught.value.results) >= 20
    time.sleep(0.2)
    stopped = len(seen)
    time.sleep(0.1)
    assert len(seen) == stopped, "the iterable is still read"
    assert len(seen) < 20_000 + 10 * done


def test_a_slow_iterable_does_not_delay_the_items_read() -> None:
    def slow():
        yield 1
        yield 2
        time.sleep(1)
        yield 3

    job = parallel.map(mapped.square, slow(), backend="processes")
    assert wait_until(lambda: job.stats.total == 2, 0.9)
    assert job.result(10) == [1, 4, 9]


def test_a_blocking_iterable_can_be_cancelled() -> None:
    gate = threading.Event()

    def stuck():
        gate.wait(30)
        yield 1

    for backend in BACKENDS:
        job = parallel.map(mapped.square, stuck(), backend=backend)
        assert not job.done()
        assert job.cancel()
        assert job.cancelled()
    gate.set()


@backends
def test_an_iterables_error_is_raised_after_its_items(backend: str) -> None:
    def failing():
        yield from range(20)
        raise LookupError("no more")

    job = parallel.map(mapped.square, failing(), backend=backend)
    with pytest.raises(LookupError, match="no more") as caught:
        job.result(30)
    assert caught.value.results == [number * number for number in range(20)]


def test_a_dict_that_changes_during_iteration() -> None:
    items = dict.fromkeys(range(100))
    job = parallel.map(lambda key: items.pop(99 - key, None), items, backend="serial")
    with pytest.raises(RuntimeError, match="changed size"):
        job.result(10)


def test_a_cursor_of_another_thread_raises_sqlites_error() -> None:
    connection = sqlite3.connect(":memory:")
    cursor = connection.execute("select 1 union select 2")
    with pytest.raises(sqlite3.ProgrammingError, match="thread"):
        parallel.map(mapped.square, cursor).result(10)
    connection.close()


WRONG = [
    (TypeError, "fn must be callable, not int", {"fn": 3}),
    (TypeError, "items must be an iterable, not int", {"items": 3}),
    (ValueError, "backend must be one of 'auto', 'processes', 'threads', 'serial', not 'fork'", {"backend": "fork"}),
    (TypeError, "backend must be a str, not NoneType", {"backend": None}),
    (ValueError, "workers must be at least 1, not 0", {"workers": 0}),
    (ValueError, "workers must be at least 1, not -2", {"workers": -2}),
    (TypeError, "workers must be an int, not float", {"workers": 1.5}),
    (TypeError, "workers must be an int, not bool", {"workers": True}),
    (ValueError, "chunksize must be at least 1, not 0", {"chunksize": 0}),
    (ValueError, "chunksize must be 'auto' or an int, not 'big'", {"chunksize": "big"}),
    (TypeError, "chunksize must be an int, not NoneType", {"chunksize": None}),
    (ValueError, "on_error must be one of 'raise', 'return', 'skip', not 'ignore'", {"on_error": "ignore"}),
    (ValueError, "timeout must be greater than 0, not 0", {"timeout": 0}),
    (ValueError, "timeout must be greater than 0, not -1", {"timeout": -1}),
    (ValueError, "timeout must be greater than 0, not nan", {"timeout": math.nan}),
    (TypeError, "timeout must be a number of seconds or None, not str", {"timeout": "1"}),
    (
        ValueError,
        "timeout needs processes, which can be ended; not backend='threads'",
        {"timeout": 1, "backend": "threads"},
    ),
    (TypeError, "ordered must be True or False, not 1", {"ordered": 1}),
    (TypeError, "progress must be", {"progress": 3}),
]


@pytest.mark.parametrize(("error", "words", "arguments"), WRONG, ids=[words for _, words, _ in WRONG])
def test_invalid_arguments_are_refused_before_reading(error: type[Exception], words: str, arguments: dict) -> None:
    taken = []
    given = {"fn": mapped.square, "items": (taken.append(n) for n in range(3))} | arguments
    with pytest.raises(error) as caught:
        parallel.map(given.pop("fn"), given.pop("items"), **given)
    assert words in str(caught.value)
    assert taken == []


def test_a_function_that_cannot_be_pickled() -> None:
    lock = threading.Lock()
    with pytest.raises(TypeError, match=r"fn cannot be pickled for worker processes .*; .*use backend='threads'"):
        parallel.map(lambda _: lock, [1])


def test_a_function_that_cannot_be_unpickled_in_a_worker(tmp_path, monkeypatch) -> None:
    parallel.map(mapped.square, range(10), backend="processes").result(30)  # starts workers before the module exists
    text = "from shoal._map import cores\nif cores.inside_worker: raise LookupError('not here')\ndef fn(x): return x\n"
    (tmp_path / "only_once.py").write_text(text)
    (tmp_path / "found.py").write_text("def fn(x): return x\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    import found
    import only_once

    assert parallel.map(found.fn, [1], backend="processes").result(30) == [1]
    assert parallel.map(os.path.abspath, ["x"], backend="processes").result(30) == [str(tmp_path / "x")]
    with pytest.raises(shoal.exceptions.ParallelError, match="not here") as caught:
        parallel.map(only_once.fn, range(10), backend="processes").result(30)
    assert isinstance(caught.value.__cause__, LookupError)


def test_a_large_function_warns() -> None:
    table = bytes(2_000_000)
    with pytest.warns(RuntimeWarning, match=r"fn is 2\.0 MB when pickled") as caught:
        job = parallel.map(lambda number: len(table) + number, range(3), backend="processes")
    assert job.result(30) == [2_000_000, 2_000_001, 2_000_002]
    assert [warning.filename for warning in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small = bytes(900_000)
        assert parallel.map(lambda number: len(small) + number, [0], backend="processes").result(30) == [900_000]


def test_await_on_any_loop(run) -> None:
    async def main() -> None:
        assert await parallel.map(mapped.square, range(100)) == [number * number for number in range(100)]
        one, other = await asyncio.gather(
            parallel.map(mapped.square, [1, 2]), parallel.map(mapped.square, [3], backend="threads")
        )
        assert (one, other) == ([1, 4], [9])
        job = parallel.map(time.sleep, [30] * 4, backend="processes")
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(job, 0.2)
        assert job.cancelled()

    run(main())


def test_the_event_loop_is_not_blocked(run) -> None:
    async def main() -> float:
        job = asyncio.ensure_future(parallel.map(mapped.spin, [0.002] * 100, backend="processes"))
        worst = 0.0
        while not job.done():
            before = time.perf_counter()
            await asyncio.sleep(0.005)
            worst = max(worst, time.perf_counter() - before - 0.005)
        return worst

    assert run(main()) < 0.5  # a few ms on an idle machine; the bound is for a busy one


def test_concurrent_calls_from_many_threads() -> None:
    def use(number: int) -> bool:
        expected = [each * each for each in range(number)]
        return all(
            parallel.map(mapped.square, range(number), backend=backend, workers=2).result(60) == expected
            for backend in ("processes", "threads")
        )

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(use, [0, 1, 10, 100, 1000, 3000]))


@backends
def test_cancel_keeps_the_finished_results(backend: str) -> None:
    seconds = [0.001] * 50 + [1.0] * 20
    job = parallel.map(mapped.spin, seconds, backend=backend, workers=2, chunksize=5)
    assert wait_until(lambda: job.stats.total >= 45, 20)
    assert job.cancel()
    assert not job.cancel()
    with pytest.raises(CancelledError) as caught:
        job.result()
    assert len(caught.value.results) == 70
    assert sum(result == 0.001 for result in caught.value.results) >= 45
    assert caught.value.results[-1] is None
    assert "cancelled" in repr(job)


def test_dropping_the_job_stops_its_work(tmp_path) -> None:
    def touch(number: int, folder=str(tmp_path)) -> None:
        open(f"{folder}/{number}", "w").close()  # noqa: PTH123 - as short as can be
        time.sleep(0.05)

    jobs = [parallel.map(touch, itertools.count(), backend="processes", workers=2)]
    assert wait_until(lambda: len(list(tmp_path.iterdir())) > 2, 10)
    with pytest.warns(RuntimeWarning, match="a Job of parallel.map was dropped before its end"):
        jobs.clear()
    gc.collect()
    time.sleep(0.5)
    count = len(list(tmp_path.iterdir()))
    time.sleep(0.5)
    assert len(list(tmp_path.iterdir())) == count


def test_callbacks_exceptions_and_timeouts_of_the_job() -> None:
    job = parallel.map(mapped.spin, [1.5], backend="processes")
    called = threading.Event()
    job.add_done_callback(lambda _: called.set())
    with pytest.raises(TimeoutError, match=r"parallel.map is not done after 0.01 s \(0 of 1\)"):
        job.result(0.01)
    assert called.wait(10)
    assert job.done()
    assert job.exception() is None
    assert isinstance(parallel.map(mapped.reciprocal, [0]).exception(10), ItemError)


def test_the_repr_of_the_job() -> None:
    job = parallel.map(time.sleep, [0.4], backend="threads")
    assert repr(job).startswith("<Job parallel.map: 0 of 1 done after 0.")
    assert "<progress" in job._repr_html_()
    assert job.result(10) == [None]
    assert repr(job) == "<Job parallel.map: done; await it, or call .result()>"
    job = parallel.map(time.sleep, iter([0.4]), backend="threads")
    assert repr(job).startswith("<Job parallel.map: 0 done after 0.")
    job.cancel()


def test_stats() -> None:
    job = parallel.map(mapped.reciprocal, [1, 2, 0, 4, 0], on_error="skip")
    assert job.result(30) == [1.0, 0.5, 0.25]
    stats = job.stats
    assert (stats.total, stats.ok, stats.failed, stats.by_error) == (5, 3, 2, {"ZeroDivisionError": 2})
    assert stats.limited_by == "cpu"
    assert 0 < stats.wall_time == job.stats.wall_time
    assert stats.as_dict()["by_error"] == {"ZeroDivisionError": 2}


@backends
def test_progress(backend: str) -> None:
    seen: list[tuple[int, int | None]] = []
    job = parallel.map(
        mapped.spin, [0.01] * 40, backend=backend, progress=lambda done, total: seen.append((done, total))
    )
    job.result(30)
    assert seen[-1] == (40, 40)
    assert seen == sorted(seen)
    assert len(seen) > 1


@backends
def test_progress_with_an_unknown_total(backend: str, capsys) -> None:
    pytest.importorskip("tqdm")
    seen: list[tuple[int, int | None]] = []
    parallel.map(
        mapped.spin, iter([0.05] * 10), backend=backend, progress=lambda done, total: seen.append((done, total))
    ).result(30)
    assert seen[0][1] is None
    assert seen[-1] == (10, 10)
    parallel.map(mapped.spin, [0.05] * 4, backend="processes", progress=True).result(30)
    err = capsys.readouterr().err
    assert "4/4" in err
    assert "item/s" in err


def test_nested_calls_return_results() -> None:
    results = parallel.map(mapped.nested, [1, 2, 300], backend="processes").result(60)
    assert [len(result) for result in results] == [1, 2, 300]


def test_context_variables_reach_threads() -> None:
    from contextvars import ContextVar

    variable: ContextVar[str] = ContextVar("variable", default="unset")
    variable.set("set")
    for backend in ("threads", "serial"):
        assert parallel.map(lambda _: variable.get(), range(3), backend=backend).result(10) == ["set"] * 3


def test_each_item_is_processed_once() -> None:
    counted = Counter(parallel.map(mapped.ident, range(20_000), backend="processes", ordered=False).result(30))
    assert set(counted.values()) == {1}
    assert len(counted) == 20_000


def test_memory_is_bounded_while_reading_ahead() -> None:
    blocks = (bytes(1 << 20) for _ in range(300))
    tracemalloc.start()
    try:
        assert sum(parallel.map(len, blocks, backend="processes").result(60)) == 300 << 20
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 << 20


def test_the_docstring_lists_every_parameter() -> None:
    text = inspect.getdoc(parallel.map)
    for name in inspect.signature(parallel.map).parameters:
        assert f"    {name}: " in text
    assert parallel.map.__module__ == "shoal.parallel"
