"""Many threads share clients, jobs and streams, with the shortest switch interval."""

import asyncio
import concurrent.futures
import random
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

import shoal
from conftest import wait_until
from shoal.testing import Server


@pytest.fixture(autouse=True)
def restless() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def all_at_once(*works: Callable[[], object], times: int = 1) -> None:
    """Runs each work in `times` threads that start together; raises an exception of one of them."""
    barrier = threading.Barrier(len(works) * times)

    def run(work: Callable[[], object]) -> object:
        barrier.wait(20)
        return work()

    with concurrent.futures.ThreadPoolExecutor(len(works) * times) as pool:
        for done in [pool.submit(run, work) for work in works for _ in range(times)]:
            done.result(60)


def test_one_client_in_many_threads_and_loops(server: Server) -> None:
    client = shoal.Client(limits=shoal.Limits(concurrency=8))

    def blocking() -> None:
        for i in range(30):
            assert len(client.get(server.url(f"/bytes/{i}")).result().content) == i

    async def awaiting() -> None:
        async def one(i: int) -> None:
            assert len((await client.get(server.url(f"/bytes/{i}"))).content) == i

        for _ in range(3):
            await asyncio.gather(*map(one, range(20)))
        assert [len(r.content) for r in await client.gather([server.url(f"/bytes/{i}") for i in range(50)])] == [
            *range(50)
        ]

    def streaming() -> None:
        assert sum(len(r.content) for r in client_stream(client, server)) == sum(range(50))

    all_at_once(blocking, lambda: asyncio.run(awaiting()), streaming, times=5)
    client.close()


def client_stream(client: shoal.Client, server: Server) -> shoal.Stream:
    return shoal.stream_fetch((server.url(f"/bytes/{i}") for i in range(50)), client=client)


def test_one_stream_read_by_many_threads(server: Server) -> None:
    stream = shoal.stream_fetch((server.url(f"/bytes/{i}") for i in range(400)), concurrency=10)
    seen: list[int] = []
    all_at_once(lambda: seen.extend(response.index for response in stream), times=6)
    assert sorted(seen) == list(range(400))


def test_concurrent_waits_and_conversions(server: Server) -> None:
    for _ in range(10):
        job = shoal.gather_fetch([server.url(f"/bytes/{i % 50}") for i in range(1000)])
        seen: list[object] = []

        async def wait(job: shoal.Job = job, seen: list[object] = seen) -> None:
            seen.append(await job)

        def look(job: shoal.Job = job) -> None:
            while not job.done():
                assert repr(job).startswith("<Job gather_fetch")
            assert not job.cancelled()
            assert job.exception() is None

        all_at_once(
            lambda job=job, seen=seen: seen.append(job.result()), lambda wait=wait: asyncio.run(wait()), look, times=4
        )
        assert len(seen) == 8
        assert all(each is seen[0] for each in seen)
        assert [len(response.content) for response in seen[0]] == [i % 50 for i in range(1000)]


def test_cancel_races_with_waits_and_callbacks(server: Server) -> None:
    outcomes = set()
    for i in range(60):
        job = shoal.gather_fetch([server.url("/bytes/10")] * (i % 7 + 1))
        cancels: list[bool] = []
        ends: list[str] = []
        called: list[object] = []

        def wait(job: shoal.Job = job, ends: list[str] = ends) -> None:
            try:
                job.result(20)
                ends.append("value")
            except concurrent.futures.CancelledError:
                ends.append("cancelled")

        async def await_it(job: shoal.Job = job, ends: list[str] = ends) -> None:
            try:
                await job
                ends.append("value")
            except asyncio.CancelledError:
                ends.append("cancelled")

        def cancel(job: shoal.Job = job, cancels: list[bool] = cancels) -> None:
            for _ in range(random.randrange(3000)):
                pass
            cancels.append(job.cancel())

        def watch(job: shoal.Job = job, called: list[object] = called) -> None:
            job.add_done_callback(called.append)

        all_at_once(wait, lambda await_it=await_it: asyncio.run(await_it()), cancel, watch, times=2)
        assert len(set(ends)) == 1
        assert len(ends) == 4
        assert cancels.count(True) == (1 if ends[0] == "cancelled" else 0)
        assert wait_until(lambda called=called: len(called) == 2)
        outcomes.add(ends[0])
    assert outcomes <= {"value", "cancelled"}


def test_drops_from_many_threads() -> None:
    with Server() as own:

        def drop() -> None:
            for _ in range(40):
                shoal.gather_fetch([own.url("/delay/60000")] * 3)

        with pytest.warns(RuntimeWarning, match="dropped before its end"):
            all_at_once(drop, times=6)
        assert wait_until(lambda: own.stats.connections_open == 0)


def test_concurrent_first_use_starts_one_reactor(python, server: Server) -> None:
    done = python(
        """
        import sys, threading
        sys.setswitchinterval(1e-6)
        import shoal
        barrier = threading.Barrier(16)
        ends = []
        def work():
            barrier.wait()
            ends.append(len(shoal.gather_fetch([sys.argv[1]] * 5).result(20)))
        threads = [threading.Thread(target=work) for _ in range(16)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert ends == [5] * 16, ends
        from pathlib import Path
        names = [(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()]
        assert names.count("shoal-io") == 1, names
        """,
        server.url("/bytes/1"),
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
