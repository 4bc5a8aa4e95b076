"""Wake-ups of `stream_fetch`: every waiting consumer is woken, and no result or request is delayed."""

import asyncio
import gc
import itertools
import threading
import time

import pytest

import shoal
from conftest import wait_until
from shoal.testing import Server


async def collect(stream) -> list:
    return [result async for result in stream]


async def agen(items):
    for item in items:
        yield item


def indexes(results) -> list[int]:
    return sorted(result.index for result in results)


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize(("concurrency", "buffer"), [(1, 0), (3, 0), (5, 40), (20, 20), (40, 200)])
def test_requests_started_stay_within_concurrency_and_buffer(run, concurrency, buffer, ordered) -> None:
    options = {"concurrency": concurrency, "buffer": buffer, "ordered": ordered}
    with (
        Server() as server,
        shoal.stream_fetch(itertools.repeat(server.url("/bytes/3")), **options) as stream,
    ):
        for taken, _ in enumerate(itertools.islice(stream, 120), 1):
            if taken % 10 == 0:
                time.sleep(0.005)
            assert server.stats.requests <= taken + concurrency + buffer

    async def main() -> None:
        taken = 0
        # A server of its own: that of the first stream may still receive requests that were under way.
        with Server() as server:
            async with shoal.stream_fetch(itertools.repeat(server.url("/bytes/3")), **options) as stream:
                async for _ in stream:
                    taken += 1
                    if taken % 10 == 0:
                        await asyncio.sleep(0.005)
                    assert server.stats.requests <= taken + concurrency + buffer
                    if taken == 120:
                        break
            assert server.stats.peak_requests <= concurrency

    run(main())


@pytest.mark.parametrize("buffer", [0, 1, None])
def test_many_short_streams(server, run, buffer) -> None:
    url = server.url("/bytes/3")

    def streams():
        for n in range(200):
            yield n % 6, shoal.stream_fetch([url] * (n % 6), concurrency=1 + n % 4, buffer=buffer, ordered=n % 2 == 0)

    for number, stream in streams():
        assert indexes(stream) == list(range(number))

    async def main():
        for number, stream in streams():
            assert indexes(await asyncio.wait_for(collect(stream), 20)) == list(range(number))
        several = list(streams())
        found = await asyncio.wait_for(asyncio.gather(*(collect(stream) for _, stream in several)), 20)
        assert [indexes(part) for part in found] == [list(range(number)) for number, _ in several]
        several = [collect(shoal.stream_fetch(agen([url] * (n % 6)), concurrency=2, buffer=buffer)) for n in range(30)]
        found = await asyncio.wait_for(asyncio.gather(*several), 20)
        assert [len(part) for part in found] == [n % 6 for n in range(30)]

    run(main())


def test_threads_and_tasks_on_one_stream(server, run) -> None:
    for number in range(10):
        delays = itertools.cycle([0, 1, 7])
        urls = [server.url(f"/delay/{next(delays)}?n=3") for _ in range(200)]
        stream = shoal.stream_fetch(urls, concurrency=10, buffer=number)
        found = []

        def work(stream=stream, found=found):
            found.extend(stream)

        async def main(stream=stream, found=found):
            parts = await asyncio.wait_for(asyncio.gather(*(collect(stream) for _ in range(3))), 20)
            found.extend(itertools.chain(*parts))

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        run(main())
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive()
        assert indexes(found) == list(range(200))


def test_a_consumer_that_stops_reading_does_not_block_another(server, run) -> None:
    async def main():
        stream = shoal.stream_fetch([server.url("/bytes/3")] * 100, concurrency=20)
        waiting = asyncio.ensure_future(collect(stream))
        first = await stream.__anext__()
        rest = await asyncio.wait_for(waiting, 10)
        assert indexes([first, *rest]) == list(range(100))

    run(main())


@pytest.mark.parametrize("kind", ["for", "async for", "async source"])
def test_requests_of_a_slow_source_are_sent_as_they_come(run, kind) -> None:
    """A request is sent before the source is asked for the next one."""
    with Server() as server:

        def source():
            for number in range(20):
                # Every fifth time, wait until all requests so far have been sent.
                if number % 5 == 0:
                    assert wait_until(lambda number=number: server.stats.requests >= number, 5)
                    time.sleep(0.02)
                yield server.url("/bytes/3")

        if kind == "for":
            assert len(list(shoal.stream_fetch(source(), concurrency=50))) == 20
        else:
            requests = agen(source()) if kind == "async source" else source()
            assert len(run(collect(shoal.stream_fetch(requests, concurrency=50)))) == 20


def test_requests_after_an_idle_time_are_sent_at_once(server, run) -> None:
    def source():
        for _ in range(3):
            yield server.url("/bytes/3")
            yield server.url("/bytes/3")
            time.sleep(0.2)

    start = time.monotonic()
    assert len(list(shoal.stream_fetch(source(), concurrency=2))) == 6
    assert len(run(collect(shoal.stream_fetch(source(), concurrency=2)))) == 6
    assert time.monotonic() - start < 3


def test_close_wakes_waiting_consumers(run) -> None:
    with Server() as server:
        url = server.url("/fault/stall")
        stream = shoal.stream_fetch([url] * 10, concurrency=4)
        found = []
        threads = [threading.Thread(target=lambda: found.append(list(stream))) for _ in range(3)]
        for thread in threads:
            thread.start()
        assert wait_until(lambda: server.stats.requests == 4)
        stream.close()
        for thread in threads:
            thread.join(5)
        assert found == [[], [], []]

        async def main(requests):
            stream = shoal.stream_fetch(requests, concurrency=4)
            waiting = [asyncio.ensure_future(collect(stream)) for _ in range(3)]
            await asyncio.sleep(0.05)
            await stream.aclose()
            assert await asyncio.wait_for(asyncio.gather(*waiting), 5) == [[], [], []]

        run(main([url] * 10))
        run(main(agen([url] * 10)))
        assert wait_until(lambda: server.stats.connections_open == 0)


@pytest.mark.parametrize("kind", ["for", "async for", "async source"])
def test_a_deadline_that_passes_while_the_source_is_read(server, run, kind) -> None:
    """A regression test: the consumer waited for a request that was never sent."""

    def source():
        for _ in range(20):
            time.sleep(0.05)
            yield server.url("/bytes/3")

    async def slow():
        for url in source():
            await asyncio.sleep(0)
            yield url

    start = time.monotonic()
    options = {"deadline": 0.12, "return_exceptions": True}
    if kind == "for":
        results = list(shoal.stream_fetch(source(), **options))
    else:
        requests = slow() if kind == "async source" else source()
        results = run(asyncio.wait_for(collect(shoal.stream_fetch(requests, **options)), 10))
    assert time.monotonic() - start < 5
    assert isinstance(results[-1], shoal.DeadlineExceeded)
    assert len(results) < 20


@pytest.mark.parametrize("end", ["close", "read", "fail"])
def test_a_source_whose_finalizer_uses_the_stream(server: Server, end: str) -> None:
    """The stream's lock must be free when the source is dropped."""
    seen = []

    class Source:
        def __init__(self) -> None:
            self.left = 1_000_000 if end == "close" else 3

        def __iter__(self):
            return self

        def __next__(self) -> str:
            if self.left == 0:
                raise LookupError if end == "fail" else StopIteration
            self.left -= 1
            return server.url("/bytes/1")

        def __del__(self) -> None:
            stream = holder[0]
            seen.append((repr(stream), stream.stats))
            if end == "close":
                stream.close()

    holder = [shoal.stream_fetch(Source())]
    next(holder[0])
    if end == "close":
        holder[0].close()
    elif end == "read":
        assert len(list(holder[0])) == 2
    else:
        with pytest.raises(LookupError):
            list(holder[0])
    gc.collect()
    assert len(seen) == 1
    assert list(holder[0]) == []
