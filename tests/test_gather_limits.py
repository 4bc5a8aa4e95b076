"""Limits of a batch: concurrency, per host, rate and size; its progress reports and its statistics."""

import asyncio
import gc
import json
import sys
import time

import pytest

import shoal
from conftest import wait_until
from shoal import Limits
from shoal.testing import Server


@pytest.mark.parametrize("concurrency", [1, 7, 60])
def test_concurrency_limits_requests_and_connections(concurrency) -> None:
    with Server() as server:
        shoal.gather_fetch([server.url("/delay/15")] * 120, concurrency=concurrency).result()
        assert server.stats.peak_requests == concurrency
        assert server.stats.connections_opened <= concurrency


def test_the_default_concurrency_is_100() -> None:
    with Server() as server:
        shoal.gather_fetch([server.url("/delay/100")] * 250).result()
        assert server.stats.peak_requests == 100


def test_per_host_limits_each_host() -> None:
    with Server() as one, Server() as other:
        urls = [server.url("/delay/10") for _ in range(40) for server in (one, other)]
        job = shoal.gather_fetch(urls, per_host=3)
        job.result()
        assert (one.stats.peak_requests, other.stats.peak_requests) == (3, 3)
        assert job.stats.limited_by == "per_host"


def test_a_slow_host_does_not_delay_others() -> None:
    with Server() as slow, Server() as quick:
        urls = [slow.url("/delay/20000")] * 20 + [quick.url("/bytes/1")] * 50
        with pytest.raises(shoal.DeadlineExceeded) as caught:
            shoal.gather_fetch(urls, per_host=2, deadline=1.0).result()
        assert sum(result is not None for result in caught.value.results[20:]) == 50


@pytest.mark.parametrize(("rate", "number", "least"), [("50/s", 26, 0.5), ("1200/min", 11, 0.5), ("20/s", 1, 0)])
def test_a_rate_is_per_host(rate, number, least) -> None:
    with Server() as one, Server() as other:
        urls = [server.url("/bytes/1") for _ in range(number) for server in (one, other)]
        start = time.monotonic()
        job = shoal.gather_fetch(urls, rate=rate)
        job.result()
        assert least * 0.95 <= time.monotonic() - start < least + 5
        if least:
            assert job.stats.limited_by == "rate"


# The limits of a call apply in addition to those of its client.

FUNCTIONS = [
    lambda client, urls, **limits: client.gather(urls, **limits).result(),
    lambda client, urls, **limits: shoal.gather_fetch(urls, client=client, **limits).result(),
    lambda client, urls, **limits: list(shoal.stream_fetch(urls, client=client, **limits)),
]
each_function = pytest.mark.parametrize("fetch", FUNCTIONS, ids=["client.gather", "gather_fetch", "stream_fetch"])


@each_function
@pytest.mark.parametrize(
    ("of_client", "of_call", "peak"),
    [
        (Limits(50, per_host=1), {"per_host": 4}, 1),
        (Limits(50, per_host=4), {"per_host": 1}, 1),
        (Limits(50, per_host=3), {"concurrency": 10}, 3),
        (Limits(2), {"per_host": 4}, 2),
        (Limits(2), {"rate": "1000/s"}, 2),
        (Limits(50), {"per_host": 8, "concurrency": 2}, 2),
        (Limits(5), {"concurrency": None, "per_host": None, "rate": None}, 5),
        (Limits(None), {"concurrency": 3}, 3),
    ],
)
def test_the_limits_of_client_and_call_both_apply(fetch, of_client, of_call, peak) -> None:
    with Server() as server, shoal.Client(limits=of_client) as client:
        responses = fetch(client, [server.url("/delay/15")] * 20, **of_call)
        assert len(responses) == 20
        assert server.stats.peak_requests == peak


@each_function
@pytest.mark.parametrize(("of_client", "of_call"), [("20/s", "1000/s"), ("1000/s", "20/s")])
def test_the_rates_of_client_and_call_both_apply(server, fetch, of_client, of_call) -> None:
    with shoal.Client(limits=Limits(rate=of_client)) as client:
        start = time.monotonic()
        fetch(client, [server.url("/bytes/1")] * 9, rate=of_call)
        assert time.monotonic() - start >= 8 / 20 * 0.95


@each_function
def test_retry_after_pauses_a_call_with_its_own_limits(fetch) -> None:
    """A pause belongs to the client: a call with its own rate also waits."""
    with Server() as server, shoal.Client() as client:
        paused = client.get(server.url("/fault/429?retry_after=1&key=nested"))
        assert wait_until(lambda: paused.stats.retries == 1)
        start = time.monotonic()
        fetch(client, [server.url("/bytes/1")] * 2, rate="1000/s", per_host=2)
        assert 0.5 < time.monotonic() - start < 5
        assert paused.result().ok


def test_calls_share_the_limits_of_their_client() -> None:
    with Server() as server, shoal.Client(limits=Limits(6, per_host=4)) as client:
        jobs = [client.gather([server.url("/delay/15")] * 12, per_host=3) for _ in range(2)]
        assert [len(job.result()) for job in jobs] == [12, 12]
        assert server.stats.peak_requests == 4


def test_waiting_for_the_limits_of_a_call_does_not_delay_others(server) -> None:
    with shoal.Client(limits=Limits(2, per_host=2)) as client:
        slow = client.gather([server.url("/bytes/1")] * 10, rate="1/h")
        others = client.gather([server.url("/bytes/2")] * 10).result(10)
        assert len(others) == 10
        slow.cancel()


def test_concurrency_none_is_unlimited() -> None:
    with Server() as server, shoal.Client(limits=Limits(None)) as client:
        client.gather([server.url("/delay/300")] * 150).result()
        assert server.stats.peak_requests == 150
    with Server() as server:
        shoal.gather_fetch([server.url("/delay/300")] * 150, concurrency=None).result()
        assert server.stats.peak_requests == 150


def test_waiting_for_per_host_does_not_count_as_concurrency() -> None:
    with Server() as slow, Server() as quick:
        urls = [slow.url("/delay/20000")] * 20 + [quick.url("/bytes/1")] * 50
        with pytest.raises(shoal.DeadlineExceeded) as caught:
            shoal.gather_fetch(urls, per_host=2, concurrency=4, deadline=1.0).result()
        assert sum(result is not None for result in caught.value.results[20:]) == 50


@pytest.mark.parametrize(
    ("limits", "options", "words"),
    [
        (Limits(5, per_host=1), {}, r"all 1 permits of per_host for http://127.0.0.1:\d+ are in use \(phase"),
        (Limits(5), {"per_host": 1}, r"all 1 permits of per_host for http://127.0.0.1:\d+ are in use \(phase"),
        (Limits(5), {"rate": "1/h"}, r"rate holds http://127.0.0.1:\d+ back for another 3\d\d\d\.\d s \(phase"),
    ],
)
def test_a_pool_timeout_names_the_limit(server, limits, options, words) -> None:
    with shoal.Client(limits=limits, timeout=shoal.Timeout(pool=0.2)) as client:
        job = client.gather([server.url("/delay/5000")] * 2, **options)
        with pytest.raises(shoal.PoolTimeout, match=r"no permit within 0.2 s: " + words):
            job.result()


def test_a_pool_timeout_of_a_single_request_names_the_limit(server) -> None:
    with shoal.Client(limits=Limits(1)) as client:
        first = client.get(server.url("/delay/5000"))
        words = r"no permit within 0.1 s: all 1 permits of concurrency are in use \(phase"
        with pytest.raises(shoal.PoolTimeout, match=words):
            client.get(server.url("/bytes/1"), timeout=shoal.Timeout(pool=0.1)).result()
        first.cancel()


# Sizes.


@pytest.mark.parametrize("path", ["/bytes/{}", "/chunked/{}", "/gzip/{}", "/br/{}", "/zstd/{}", "/deflate/{}"])
def test_max_body_counts_decoded_bytes(server, path) -> None:
    url = server.url(path.format(5000))
    assert len(shoal.gather_fetch([url], max_body=5000).result()[0].content) == 5000
    with pytest.raises(shoal.BodyTooLarge) as caught:
        shoal.gather_fetch([url], max_body=4999).result()
    assert (caught.value.phase, caught.value.attempts) == ("body", 1)
    assert "4999" in str(caught.value)
    (response,) = shoal.gather_fetch([url], max_body=0, method="HEAD").result()
    assert response.content == b""


@pytest.mark.parametrize("bomb", ["gzip-bomb", "br-bomb", "zstd-bomb"])
@pytest.mark.parametrize("saved", [False, True])
def test_a_bomb_takes_bounded_memory(python, bomb, saved) -> None:
    done = python(
        """
        import resource, sys
        import shoal
        from shoal.testing import Server
        with Server() as server:
            url = server.url("/fault/" + sys.argv[1])
            (response,) = shoal.gather_fetch([server.url("/bytes/1000")]).result()
            # The server creates the bomb before memory is measured.
            shoal.gather_fetch([url], headers={"Accept-Encoding": "gzip, br, zstd"}, max_body=1000,
                               return_exceptions=True).result()
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            save_to = "{index}" if sys.argv[2] == "True" else None
            results = shoal.gather_fetch([url] * 4, max_body="16MiB", return_exceptions=True, save_to=save_to).result()
            assert [type(result) for result in results] == [shoal.BodyTooLarge] * 4, results
            print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
        """,
        bomb,
        saved,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 4 * 16 * 2.5


# Progress.


@pytest.mark.parametrize("waiting", ["result", "await"])
def test_progress_is_reported(server, run, waiting) -> None:
    calls = []
    urls = [server.url("/delay/25")] * 60

    def fetch():
        return shoal.gather_fetch(urls, concurrency=3, progress=lambda done, total: calls.append((done, total)))

    async def main():
        return await fetch()

    responses = fetch().result() if waiting == "result" else run(main())
    assert len(responses) == 60
    assert len(calls) >= 3
    assert calls == sorted(set(calls))
    assert calls[-1] == (60, 60)
    assert all(total == 60 for _, total in calls)


def test_progress_reports_before_a_failure(server) -> None:
    calls = []
    urls = [server.url("/bytes/3"), server.url("/fault/bad-head"), server.url("/delay/20000")]
    job = shoal.gather_fetch(urls, retry=0, progress=lambda done, total: calls.append((done, total)))
    with pytest.raises(shoal.ProtocolError):
        job.result()
    assert calls == sorted(set(calls))
    assert calls[-1][1] == 3
    assert calls[-1][0] < 3


def test_an_exception_in_progress_propagates_to_the_waiter(server) -> None:
    def fail(done: int, total: int) -> None:
        raise RuntimeError("no progress")

    job = shoal.gather_fetch([server.url("/delay/300")], progress=fail)
    with pytest.raises(RuntimeError, match="no progress"):
        job.result()


def test_progress_true_shows_a_bar(server, capsys) -> None:
    pytest.importorskip("tqdm")
    shoal.gather_fetch([server.url("/delay/20")] * 30, concurrency=3, progress=True).result()
    shown = capsys.readouterr().err
    assert "30/30" in shown
    assert "100%" in shown


# Statistics.


def test_stats_of_a_batch() -> None:
    with Server() as server:
        urls = [
            *[server.url("/bytes/1000")] * 10,
            *[server.url("/status/404")] * 3,
            server.url("/fault/truncate"),
            server.url("/fault/flaky/2?key=stats"),
            server.url("/delay/50"),
        ]
        retry = shoal.Retry(2, backoff_factor=0, backoff_jitter=0)
        job = shoal.gather_fetch(urls, concurrency=4, retry=retry, return_exceptions=True)
        results = job.result()
        stats = job.stats
        assert (stats.total, stats.ok, stats.failed) == (16, 15, 1)
        assert stats.by_status == {200: 12, 404: 3}
        assert stats.by_error == {"IncompleteBody": 1}
        assert stats.retries == 4
        assert stats.retries_by_cause == {"503": 2, "IncompleteBody": 2}
        assert stats.bytes == sum(len(r.content) for r in results if isinstance(r, shoal.Response))
        assert 0.05 <= stats.wall_time < 10
        assert 1 <= stats.connections_opened <= 4 + 3
        assert stats.connections_opened == server.stats.connections_opened
        for times, least in ((stats.queue, 16), (stats.connect, 1), (stats.first_byte, 15), (stats.body, 15)):
            assert least <= times["count"] <= 16
            assert 0 <= times["p50"] <= times["p90"] <= times["p99"] <= times["max"] * 1.05
            assert 0 <= times["mean"] <= times["max"]
        assert stats.first_byte["max"] >= 0.049
        assert json.loads(json.dumps(stats.as_dict()))["total"] == 16
        assert "16" in repr(stats)


@pytest.mark.parametrize(
    ("path", "number", "options", "limit"),
    [
        ("/delay/30", 30, {"concurrency": 2}, {"concurrency"}),
        ("/delay/150", 5, {"concurrency": 50}, {"server"}),
    ],
)
def test_limited_by(server, path, number, options, limit) -> None:
    job = shoal.gather_fetch([server.url(path)] * number, **options)
    job.result()
    assert job.stats.limited_by in limit


def test_stats_of_a_running_batch_are_a_snapshot(server, run) -> None:
    async def main():
        job = shoal.gather_fetch([server.url("/delay/30")] * 20, concurrency=2)
        before = job.stats
        assert before.total < 20
        await job
        assert job.stats.total == 20
        assert before.total < 20
        assert job.stats.wall_time == job.stats.wall_time

    run(main())


def test_a_large_batch_keeps_no_references_to_its_results(server, run) -> None:
    async def main():
        responses = await shoal.gather_fetch([server.url("/bytes/100")] * 5000)
        assert sum(len(response.content) for response in responses) == 500_000
        assert sys.getrefcount(responses[0]) <= 3

    run(main())
    gc.collect()


def test_batches_run_concurrently(run) -> None:
    with Server() as server:

        async def main():
            jobs = [shoal.gather_fetch([server.url("/delay/20")] * 20, concurrency=5) for _ in range(3)]
            lists = await asyncio.gather(*jobs)
            assert [len(responses) for responses in lists] == [20] * 3

        run(main())
        assert 5 < server.stats.peak_requests <= 15
