"""`stream_fetch`: lazy, bounded, as completed or in order; leaving early stops it at once."""

import asyncio
import contextvars
import gc
import itertools
import threading
import time
import weakref

import pytest

import shoal
from conftest import resident, wait_until
from shoal.testing import Server


class Counted:
    """An endless source that counts the items read from it."""

    def __init__(self, *urls: str, number: int | None = None) -> None:
        self.urls = itertools.cycle(urls)
        self.number = number
        self.read = 0

    def __iter__(self):
        return self

    def __next__(self) -> str:
        if self.read == self.number:
            raise StopIteration
        self.read += 1
        return next(self.urls)


async def collect(stream) -> list:
    return [result async for result in stream]


async def agen(items, *, delay: float = 0):
    for item in items:
        if delay:
            await asyncio.sleep(delay)
        yield item


def sizes(results) -> list[int]:
    return [len(result.content) for result in results]


# Results.


@pytest.mark.parametrize("number", [0, 1, 500])
def test_all_results_arrive_with_every_kind_of_source(server, run, number) -> None:
    urls = [server.url(f"/bytes/{n}") for n in range(number)]
    expected = list(range(number))
    assert sorted(sizes(shoal.stream_fetch(urls))) == expected
    assert sorted(sizes(run(collect(shoal.stream_fetch(iter(urls), concurrency=7))))) == expected
    assert sorted(sizes(run(collect(shoal.stream_fetch(agen(urls), concurrency=7))))) == expected
    assert sizes(shoal.stream_fetch(urls, ordered=True)) == expected
    assert sizes(run(collect(shoal.stream_fetch(agen(urls), ordered=True)))) == expected


def test_order_of_completion_and_order_of_requests(server, run) -> None:
    delays = [250, 5, 120, 5, 60]
    urls = [server.url(f"/delay/{delay}?n=3") for delay in delays]
    found = list(shoal.stream_fetch(urls))
    assert [response.index for response in found][-3:] == [4, 2, 0]
    assert {response.index: response.url for response in found} == dict(enumerate(urls))
    assert [response.index for response in shoal.stream_fetch(urls, ordered=True)] == [0, 1, 2, 3, 4]
    assert [response.index for response in run(collect(shoal.stream_fetch(urls, ordered=True)))] == [0, 1, 2, 3, 4]


def test_options_items_and_clients_work_as_in_gather(server) -> None:
    with shoal.Client(base_url=server.base_url, headers={"X-A": "1"}) as client:
        items = ["/echo", ("/echo", {"method": "PUT"}), {"url": "/echo"}, shoal.Request("/echo", json=1)]
        stream = shoal.stream_fetch(items, client=client, ordered=True, params={"a": 1}, method="POST")
        documents = [response.json() for response in stream]
    assert [document["method"] for document in documents] == ["POST", "PUT", "POST", "POST"]
    assert all(document["raw_query"] == "a=1" for document in documents)
    assert all(["x-a", "1"] in document["headers"] for document in documents)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"buffer": -1}, ValueError, "buffer must be 0 or more, not -1"),
        ({"buffer": 1.5}, TypeError, "buffer must be an int, not float"),
        ({"ordered": 1}, TypeError, "ordered must be True or False, not int"),
        ({"concurrency": 0}, ValueError, "concurrency must be 1 or more, not 0"),
        ({"order": True}, TypeError, "did you mean .ordered"),
        ({"nonsense": 1}, TypeError, "stream_fetch got an unexpected keyword argument .nonsense"),
    ],
)
def test_keywords_are_checked(options, error, words) -> None:
    with pytest.raises(error, match=words):
        shoal.stream_fetch([], **options)


@pytest.mark.parametrize(
    "requests", ["http://host/", b"x", {"url": "http://host/"}, shoal.Request("http://host/"), None]
)
def test_invalid_requests_are_refused(requests) -> None:
    with pytest.raises(TypeError):
        shoal.stream_fetch(requests)


# Laziness.


@pytest.mark.parametrize(("concurrency", "buffer"), [(3, 0), (3, 5), (4, None), (1, 0)])
@pytest.mark.parametrize("kind", ["for", "async for", "async source"])
def test_reading_ahead_of_the_source_is_bounded(run, concurrency, buffer, kind) -> None:
    most = concurrency + (concurrency if buffer is None else buffer)
    with Server() as server:
        source = Counted(server.url("/bytes/3"))
        options = {"concurrency": concurrency, "buffer": buffer}
        stream = shoal.stream_fetch(agen(source) if kind == "async source" else source, **options)
        assert source.read == 0

        def check(taken: int) -> None:
            wait_until(lambda: server.stats.requests >= source.read, 1)
            assert taken <= source.read <= taken + most

        if kind == "for":
            for taken, _ in zip(range(1, 30), stream, strict=False):
                check(taken)
        else:

            async def main():
                taken = 0
                async for _ in stream:
                    taken += 1
                    await asyncio.sleep(0.001)
                    check(taken)
                    if taken == 30:
                        break
                await stream.aclose()

            run(main())
        stream.close()
        assert server.stats.peak_requests <= concurrency


def test_a_slow_source_does_not_delay_finished_results(server, run) -> None:
    def slow():
        for number in range(30):
            if number:
                time.sleep(0.1)
            yield server.url("/bytes/3")

    start = time.monotonic()
    stream = shoal.stream_fetch(slow())
    next(stream)
    assert time.monotonic() - start < 1.5
    stream.close()

    async def main():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                await asyncio.sleep(0)
                ticks += 1

        ticker = asyncio.ensure_future(tick())
        start = time.monotonic()
        async with shoal.stream_fetch(slow()) as stream:
            await stream.__anext__()
            assert time.monotonic() - start < 1.5
            for _ in range(4):
                await stream.__anext__()
        ticker.cancel()
        assert ticks >= 3

    run(main())


def test_a_fast_source_keeps_the_workers_busy() -> None:
    with Server() as server:
        list(shoal.stream_fetch([server.url("/delay/10")] * 200, concurrency=20))
        assert server.stats.peak_requests == 20


# Failures.


def test_the_first_failure_ends_the_stream(server, run) -> None:
    urls = [server.url("/bytes/3"), server.url("/fault/truncate"), server.url("/delay/20000")]
    stream = shoal.stream_fetch(urls, ordered=True, retry=0)
    assert next(stream).index == 0
    with pytest.raises(shoal.IncompleteBody) as caught:
        next(stream)
    assert caught.value.index == 1
    assert list(stream) == []

    async def main():
        stream = shoal.stream_fetch(urls, ordered=True, retry=0)
        with pytest.raises(shoal.IncompleteBody):
            await collect(stream)
        assert await collect(stream) == []

    run(main())


def test_failures_as_results(server) -> None:
    urls = [server.url("/bytes/3"), "no url", server.url("/fault/truncate"), server.url("/status/404")]
    stream = shoal.stream_fetch(urls, return_exceptions=True, ordered=True, retry=0)
    results = list(stream)
    assert [type(result) for result in results] == [
        shoal.Response,
        shoal.InvalidURL,
        shoal.IncompleteBody,
        shoal.Response,
    ]
    assert [result.index for result in results] == [0, 1, 2, 3]
    assert (stream.stats.total, stream.stats.failed) == (4, 2)
    with pytest.raises(shoal.InvalidURL):
        list(shoal.stream_fetch(urls, ordered=True, retry=0))


class BrokenSourceError(Exception):
    pass


def breaking(urls, after):
    yield from urls
    raise after


@pytest.mark.parametrize("make", [lambda source: source, agen], ids=["iterable", "async iterable"])
@pytest.mark.parametrize("return_exceptions", [False, True])
def test_an_error_of_the_source_is_raised_after_the_finished_results(server, run, make, return_exceptions) -> None:
    urls = [server.url(f"/delay/{30 - n}?n=1") for n in range(20)]

    async def main():
        stream = shoal.stream_fetch(
            make(breaking(urls, BrokenSourceError("gone"))), return_exceptions=return_exceptions
        )
        found = []
        with pytest.raises(BrokenSourceError, match="gone"):  # noqa: PT012 - the loop raises
            async for response in stream:
                found.append(response.index)  # noqa: PERF401 - kept when the loop raises
        assert sorted(found) == list(range(20))
        assert await collect(stream) == []

    run(main())


def test_an_invalid_item_is_raised_after_the_finished_results(server) -> None:
    found = []
    url = server.url("/bytes/1")
    with pytest.raises(TypeError, match=r"requests\[2\]: an item must be"):  # noqa: PT012 - the loop raises
        for response in shoal.stream_fetch([url, url, 3, url]):
            found.append(response.index)  # noqa: PERF401 - kept when the loop raises
    assert sorted(found) == [0, 1]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_deadline(run, asynchronous) -> None:
    with Server() as server:
        urls = [server.url("/bytes/3"), *[server.url("/delay/20000")] * 3]

        def read(**options):
            stream = shoal.stream_fetch(urls, deadline=0.3, ordered=True, concurrency=2, **options)
            return run(collect(stream)) if asynchronous else list(stream)

        start = time.monotonic()
        with pytest.raises(shoal.DeadlineExceeded):
            read()
        results = read(return_exceptions=True)
        assert [type(result) for result in results] == [shoal.Response] + [shoal.DeadlineExceeded] * 3
        assert [result.attempts for result in results] == [1, 1, 1, 0]
        assert time.monotonic() - start < 5
        assert wait_until(lambda: server.stats.connections_open == 0)


# Async sources.


VARIABLE = contextvars.ContextVar("variable", default="nothing")


def test_an_async_source_runs_in_the_consumers_loop_and_context(server, run) -> None:
    seen = []

    async def source():
        for _ in range(3):
            seen.append((asyncio.get_running_loop(), VARIABLE.get(), threading.current_thread()))
            await asyncio.sleep(0.001)
            yield server.url("/bytes/3")

    async def main():
        VARIABLE.set("mine")
        assert len(await collect(shoal.stream_fetch(source()))) == 3
        assert seen == [(asyncio.get_running_loop(), "mine", threading.current_thread())] * 3

    run(main())


def test_a_plain_for_over_an_async_source_is_refused() -> None:
    async def source():
        yield "http://host/"

    stream = shoal.stream_fetch(source())
    with pytest.raises(TypeError, match="async iterable: read the stream with `async for`"):
        next(stream)


def test_leaving_early_closes_an_async_generator_and_reads_no_further(server, run) -> None:
    async def main():
        queue: asyncio.Queue[str] = asyncio.Queue()
        closed = asyncio.Event()

        async def source():
            try:
                while True:
                    yield await queue.get()
            finally:
                await asyncio.sleep(0)
                closed.set()

        for _ in range(3):
            queue.put_nowait(server.url("/bytes/3"))
        taken = 0
        async for _ in shoal.stream_fetch(source()):
            taken += 1
            if taken == 3:
                break
        await asyncio.wait_for(closed.wait(), 5)
        queue.put_nowait("left alone")
        await asyncio.sleep(0.05)
        assert queue.qsize() == 1

    run(main())


def test_an_async_source_with_a_broken_aiter(run) -> None:
    class Odd:
        def __aiter__(self):
            raise BrokenSourceError("no iterator")

    async def main():
        stream = shoal.stream_fetch(Odd())
        with pytest.raises(BrokenSourceError):
            await collect(stream)
        assert await asyncio.wait_for(collect(stream), 5) == []

    run(main())


# Leaving early.


@pytest.mark.parametrize("how", ["break", "close", "with", "drop", "aclose", "async with", "task"])
def test_leaving_early_releases_everything(run, how) -> None:
    with Server() as server:
        source = Counted(server.url("/bytes/3"), *[server.url("/fault/stall")] * 3)
        stream = shoal.stream_fetch(source, concurrency=4, buffer=8)

        async def main(stream):
            if how == "task":
                task = asyncio.ensure_future(collect(stream))
                await asyncio.sleep(0.1)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            elif how == "async with":
                async with stream:
                    await stream.__anext__()
            else:
                await stream.__anext__()
                await stream.aclose()

        if how == "break":
            for _ in stream:
                break
            del stream
        elif how == "with":
            with stream:
                next(stream)
        elif how in {"close", "drop"}:
            next(stream)
            if how == "close":
                stream.close()
                assert list(stream) == []
                stream.close()
            del stream
        else:
            run(main(stream))
            del stream
        gc.collect()
        assert wait_until(lambda: server.stats.connections_open == 0)
        read = source.read
        time.sleep(0.05)
        assert source.read == read


def test_the_source_is_released(server) -> None:
    source = Counted(server.url("/bytes/3"))
    reference = weakref.ref(source)
    stream = shoal.stream_fetch(source)
    next(stream)
    stream.close()
    del source
    assert reference() is None
    other = Counted(server.url("/bytes/3"), number=3)
    reference = weakref.ref(other)
    stream = shoal.stream_fetch(other)
    del other
    assert len(list(stream)) == 3
    assert reference() is None


# Consumers.


def test_several_consumers(server, run) -> None:
    urls = [server.url("/bytes/3")] * 300
    stream = shoal.stream_fetch(urls, concurrency=10)
    found = []

    def work():
        found.extend(response.index for response in stream)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(found) == list(range(300))

    async def main():
        for source in (urls, agen(urls)):
            stream = shoal.stream_fetch(source, concurrency=10)
            parts = await asyncio.wait_for(asyncio.gather(*(collect(stream) for _ in range(4))), 30)
            assert sorted(response.index for part in parts for response in part) == list(range(300))

    run(main())


def test_other_tasks_of_the_loop_continue(server, run) -> None:
    async def main():
        longest, last = 0.0, time.perf_counter()
        done = False

        async def watch():
            nonlocal longest, last
            while not done:
                await asyncio.sleep(0)
                now = time.perf_counter()
                longest, last = max(longest, now - last), now

        watcher = asyncio.ensure_future(watch())
        number = 0
        async for _ in shoal.stream_fetch([server.url("/bytes/10")] * 3000, concurrency=50):
            number += 1
        done = True
        await watcher
        assert number == 3000
        assert longest < 0.25

    run(main())


def test_progress_reports_the_count_and_total(server) -> None:
    calls = []
    urls = [server.url("/delay/3")] * 200
    with shoal.stream_fetch(urls, concurrency=4, progress=lambda done, total: calls.append((done, total))) as stream:
        assert len(list(stream)) == 200
    assert calls == sorted(calls)
    assert calls[-1] == (200, 200)
    assert len(calls) > 1
    calls.clear()
    list(shoal.stream_fetch(iter(urls), concurrency=50, progress=lambda done, total: calls.append((done, total))))
    assert calls[-1] == (200, None)


def test_repr_of_a_stream(server) -> None:
    stream = shoal.stream_fetch([server.url("/bytes/3")] * 2)
    assert repr(stream) == "<Stream: 0 of 2 taken; read it with `for` or `async for`>"
    list(stream)
    assert repr(stream).startswith("<Stream: 2 of 2")


def flat(server, number: int) -> None:
    url = server.url("/bytes/2000")
    stream = shoal.stream_fetch((url for _ in range(number)), concurrency=50)
    for _ in itertools.islice(stream, number // 10):
        pass
    gc.collect()
    before = resident()
    assert sum(len(response.content) == 2000 for response in stream) == number - number // 10
    gc.collect()
    assert resident() - before < 20 << 20
    assert stream.stats.total == number


def test_memory_stays_flat(server) -> None:
    flat(server, 20_000)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_memory_stays_flat_for_a_million_requests(server) -> None:
    flat(server, 1_000_000)


def test_memory_stays_flat_with_an_async_source(server, run) -> None:
    async def main():
        number = 0
        async for response in shoal.stream_fetch(agen([server.url("/bytes/10")] * 3000)):
            number += response.status_code == 200
        assert number == 3000

    run(main())
