"""Unusual event loops, and how long a loop is blocked."""

import asyncio
import gc
import sys
import time
import weakref
from collections.abc import Callable

import pytest

import shoal
from conftest import released, wait_until
from shoal.testing import Server

FAST = "/bytes/10"
SLOW = "/delay/60000"
SOON = "/delay/150"


async def awaited(job: shoal.Job) -> object:
    return await job


def begin_to_await(job: shoal.Job, loop: asyncio.AbstractEventLoop) -> None:
    """One step of an await that is never resumed."""
    loop.call_soon(job.__await__().send, None)
    loop.call_soon(loop.stop)
    loop.run_forever()


class NoReaders(asyncio.SelectorEventLoop):
    """Like Windows' proactor loop, it has no `add_reader`."""

    threadsafe = 0

    def add_reader(self, fd, callback, *arguments):
        if getattr(self, "_ready_for_use", False):
            raise NotImplementedError
        return super().add_reader(fd, callback, *arguments)

    def call_soon_threadsafe(self, *arguments, **options):
        self.threadsafe += 1
        return super().call_soon_threadsafe(*arguments, **options)


def test_a_loop_without_add_reader(own: Server) -> None:
    async def main() -> None:
        client = shoal.Client()
        for _ in range(3):
            await asyncio.gather(*(client.get(own.url(FAST)) for _ in range(50)))
        with pytest.raises(shoal.FetchError):
            await shoal.gather_fetch([own.url("/fault/reset")], retry=0)
        count = 0
        async for response in shoal.stream_fetch([own.url(FAST)] * 30):
            count += response.ok
        assert count == 30
        client.close()

    for _ in range(3):
        loop = NoReaders()
        loop._ready_for_use = True
        try:
            loop.run_until_complete(main())
        finally:
            loop.close()
        assert loop.threadsafe > 0
    assert released(own)


def test_a_closed_loop_without_add_reader(server: Server) -> None:
    loop = NoReaders()
    loop._ready_for_use = True
    job = shoal.gather_fetch([server.url(SOON)])
    begin_to_await(job, loop)
    loop.close()
    gone = weakref.ref(loop)
    del loop
    job.result()
    asyncio.run(awaited(shoal.gather_fetch([server.url(FAST)])))
    assert wait_until(lambda: gc.collect() >= 0 and gone() is None)


class ReentrantLoop(asyncio.SelectorEventLoop):
    """Calls Shoal from within `is_closed`."""

    asks = None

    def is_closed(self):
        if self.asks is not None:
            asks, self.asks = self.asks, None
            asks()
        return super().is_closed()


def test_a_loop_that_calls_shoal_from_is_closed(server: Server) -> None:
    reentrant = ReentrantLoop()
    begin_to_await(shoal.gather_fetch([server.url(SOON)]), reentrant)
    seen = []

    async def main() -> None:
        def asks() -> None:
            seen.append(shoal.gather_fetch([server.url(SOON)]))
            seen.append(seen[0].__await__().send(None))

        reentrant.asks = asks
        assert len(await shoal.gather_fetch([server.url(FAST)] * 3)) == 3
        assert len(await asyncio.gather(*(shoal.gather_fetch([server.url(FAST)]) for _ in range(20)))) == 20

    asyncio.run(main())
    assert isinstance(seen[1], asyncio.Future)
    assert len(seen[0].result()) == 1
    reentrant.close()


def test_a_loop_that_calls_shoal_from_its_finalizer(server: Server) -> None:
    """The last reference may be dropped anywhere."""
    ends = []

    class Dying(asyncio.SelectorEventLoop):
        def __del__(self) -> None:
            self.close()
            ends.append(shoal.gather_fetch([server.url(FAST)]))

    for _ in range(3):
        loop = Dying()
        begin_to_await(shoal.gather_fetch([server.url(SOON)]), loop)
        del loop
        gc.collect()
        asyncio.run(awaited(shoal.gather_fetch([server.url(FAST)])))
    assert [len(job.result()) for job in ends] == [1, 1, 1]


def test_a_debug_loop(run: Callable, own: Server) -> None:
    async def main() -> None:
        client = shoal.Client()
        job = client.get(own.url(FAST))
        task = asyncio.create_task(job)
        assert isinstance(repr(task), str)
        await task
        assert isinstance(repr(task), str)
        await asyncio.gather(*(client.get(own.url(FAST)) for _ in range(20)))
        assert len(await asyncio.wait_for(shoal.gather_fetch([own.url(FAST)] * 20), 10)) == 20
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.get(own.url(SLOW)), 0.05)
        async for _ in shoal.stream_fetch([own.url(FAST)] * 20):
            pass
        with pytest.warns(RuntimeWarning, match="dropped before its end"):  # the job's own warning; asyncio has none
            shoal.gather_fetch([own.url(SLOW)])
        client.close()

    run(main(), debug=True)
    gc.collect()
    assert released(own)


def stalls(run: Callable, url: str, count: int) -> tuple[list[float], list[float], float]:
    """Measures a 5 ms ticker while `count` responses are gathered.

    Returns how late its ticks are, how much CPU time the loop's thread spent between two ticks (which only the library
    determines, not other work on the machine), and the CPU time of the call itself.
    """
    late: list[float] = []
    held: list[float] = []
    called = 0.0

    async def tick(stop: asyncio.Event) -> None:
        while not stop.is_set():
            start, worked = time.perf_counter(), time.thread_time()
            await asyncio.sleep(0.005)
            late.append(time.perf_counter() - start - 0.005)
            held.append(time.thread_time() - worked)

    async def main() -> None:
        nonlocal called
        urls = [f"{url}?i={i}" for i in range(count)]
        stop = asyncio.Event()
        start = time.thread_time()
        job = shoal.gather_fetch(urls, concurrency=100)
        called = time.thread_time() - start
        ticker = asyncio.create_task(tick(stop))
        await asyncio.sleep(0)
        responses = await job
        assert len(responses) == count
        await asyncio.sleep(0.02)
        stop.set()
        await ticker

    gc.collect()
    run(main())
    return sorted(late), sorted(held), called


def test_a_loop_stays_responsive_while_results_are_made(run: Callable, server: Server) -> None:
    late, held, called = stalls(run, server.url("/bytes/100"), 20_000)
    place = len(late) * 99 // 100
    sys.stdout.write(
        f"20,000 responses, {len(late)} ticks: late by p99 {late[place] * 1000:.1f} ms, max {late[-1] * 1000:.1f} ms; "
        f"the thread at work for p99 {held[place] * 1000:.1f} ms, max {held[-1] * 1000:.1f} ms; "
        f"the call {called * 1000:.0f} ms\n"
    )
    assert held[-1] < 0.05
