"""`parallel.map`: the worker pool shared by all calls of a process, its size, and which call gets a worker."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import mapped
from conftest import wait_until
from shoal import parallel
from shoal._map import cores
from shoal._map.worker_pool import CallShare, WorkerPool, worker_pool

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


def test_sixty_concurrent_calls_share_the_workers_of_one(python: Callable) -> None:
    done = python(
        """
        import time
        from shoal import parallel
        from shoal._map import cores
        from shoal._map.worker_pool import worker_pool

        def spin(seconds):
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                pass
            return seconds

        jobs = [parallel.map(spin, [0.002] * 20, backend="processes") for _ in range(60)]
        most = 0
        while not all(job.done() for job in jobs):
            most = max(most, len(worker_pool()._all))
            time.sleep(0.01)
        print(all(job.result() == [0.002] * 20 for job in jobs), most <= cores.usable(), most)
        """,
        timeout=100,
    )
    assert done.stdout.startswith("True True"), done.stdout + done.stderr


def test_sixty_threads_with_one_call_each() -> None:
    with ThreadPoolExecutor(60) as pool:
        results = list(pool.map(lambda count: parallel.map(mapped.square, range(count)).result(100), range(60)))
    assert results == [[number * number for number in range(count)] for count in range(60)]
    # Workers of earlier calls that asked for more are still idle.
    assert sum(share.held for share in worker_pool()._shares) == 0


def test_a_long_call_releases_workers_to_others() -> None:
    long = parallel.map(mapped.spin, [0.02] * 5000, backend="processes")
    assert wait_until(lambda: long.stats.total > 10, 20)
    for _ in range(3):
        assert parallel.map(mapped.square, range(10), backend="processes").result(20)[-1] == 81
    before = long.stats.total
    assert not long.done()
    assert wait_until(lambda: long.stats.total > before + 20, 20), "the long call got no worker back"
    long.cancel()


def test_stuck_calls_do_not_block_others() -> None:
    stuck = [parallel.map(time.sleep, [60] * 4, backend="processes") for _ in range(3)]
    try:
        assert wait_until(lambda: all(job.stats.total == 0 for job in stuck), 1)
        for _ in range(2):
            assert parallel.map(mapped.square, range(10), backend="processes").result(20)[-1] == 81
        most = max(cores.usable(), 5) + 4  # the largest workers= of these tests, and the spares
        assert len(worker_pool()._all) <= most
    finally:
        for job in stuck:
            job.cancel()


def test_an_item_may_depend_on_another_call(tmp_path: Path) -> None:
    mark = tmp_path / "mark"

    def wait(number: int, path: str = str(mark)) -> int:
        while not os.path.exists(path):  # noqa: PTH110 - as short as can be
            time.sleep(0.01)
        return number

    job = parallel.map(wait, range(cores.usable() + 1), backend="processes")
    parallel.map(lambda path: open(path, "w").close(), [str(mark)], backend="processes").result(20)  # noqa: PTH123
    assert job.result(20) == [*range(cores.usable() + 1)]


def test_calls_within_items(python: Callable) -> None:
    done = python(
        """
        from shoal import parallel

        def ident(value):
            return value

        def inner(number):
            from shoal import parallel
            return parallel.map(ident, range(number), backend="processes").result(60)

        def outer(number):
            from shoal import parallel
            return parallel.map(inner, [number], backend="processes").result(60)

        print(parallel.map(inner, range(6), backend="processes").result(60) == [[*range(n)] for n in range(6)])
        print(parallel.map(outer, range(3), backend="processes").result(60) == [[[*range(n)]] for n in range(3)])
        """,
        timeout=100,
    )
    assert (done.stdout, done.stderr) == ("True\nTrue\n", "")


def test_workers_are_released_after_results_and_cancellation() -> None:
    jobs = [parallel.map(mapped.square, range(50), backend="processes", workers=2) for _ in range(20)]
    for job in jobs:
        job.result(60)
    jobs = [parallel.map(time.sleep, [60] * 4, backend="processes") for _ in range(5)]
    for job in jobs:
        job.cancel()
    assert wait_until(lambda: not worker_pool()._shares and not worker_pool()._waiting, 10)
    assert all(worker in worker_pool()._idle for worker in list(worker_pool()._all))


def test_the_call_with_the_fewest_workers_is_served_first() -> None:
    pool = WorkerPool()
    woken: list[str] = []
    few, many = CallShare(1, lambda: woken.append("few")), CallShare(4, lambda: woken.append("many"))
    late = CallShare(4, lambda: woken.append("late"))
    for share in (few, many):
        pool.register(share)
    try:
        workers = [pool.acquire(many) for _ in range(4)]
        assert all(workers)
        assert pool.acquire(many) is None, "the pool is as large as the largest call allows"
        assert not pool.should_release(many, workers[0]), "no other call waits"
        pool.register(late)
        assert pool.acquire(late) is None
        assert pool.should_release(many, workers[0])
        pool.release(many, workers[0])
        assert woken == ["late"], "the call without a worker is served before those with workers"
        assert pool.acquire(many) is None
        assert pool.acquire(late) is workers[0]
        assert not pool.should_release(late, workers[0])
        pool.stop_waiting(many)
        assert pool.should_release(many, workers[1]) is False
        assert pool.acquire(few) is None
        assert pool.should_release(many, workers[1])
        pool.release(many, workers[1])
        assert pool.acquire(few) is workers[1]
    finally:
        pool.close()
