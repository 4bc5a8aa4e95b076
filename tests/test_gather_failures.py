"""Failures of a batch: the first failure, return_exceptions, deadlines, each kind of timeout, and retries."""

import asyncio
import pickle
import socket
import time

import pytest

import shoal
from conftest import open_sockets, wait_until
from servers.base import refusing
from servers.scripted import HANG, READ, Scripted, reply
from shoal import Retry, Timeout
from shoal.testing import Server

pytestmark = pytest.mark.usefixtures("transport")

NO_BACKOFF = Retry(2, backoff_factor=0, backoff_jitter=0)


def raised(job, kind=shoal.FetchError):
    with pytest.raises(kind) as caught:
        job.result()
    return caught.value


# The first failure.


def test_the_first_failure_cancels_the_other_requests(no_socket_left) -> None:
    with Server() as server, refusing() as refused_url:
        urls = [server.url("/bytes/3"), *[server.url("/fault/stall")] * 5, server.url("/bytes/4"), refused_url]
        with shoal.Client() as client:
            start = time.monotonic()
            error = raised(client.gather(urls), shoal.ConnectError)
            assert time.monotonic() - start < 5
            # When the error is raised, the other requests have released their sockets.
            assert wait_until(lambda: server.stats.requests_active == 0)
        assert wait_until(lambda: server.stats.connections_open == 0)
    assert error.index == 7
    assert error.url == refused_url + "/"
    assert [None if result is None else len(result.content) for result in error.results][1:6] == [None] * 5
    assert error.results[7] is None
    assert len(error.results) == len(urls)
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.index, len(copy.results)) == (7, 8)


def test_the_error_has_the_finished_results(server, run) -> None:
    urls = [server.url("/bytes/3"), server.url("/delay/30?n=4"), server.url("/status/500"), server.url("/bytes/5")]
    urls[2] = server.url("/fault/truncate")

    async def main():
        with pytest.raises(shoal.IncompleteBody) as caught:
            await shoal.gather_fetch(urls, concurrency=1, retry=0)
        return caught.value

    error = run(main())
    assert [result and len(result.content) for result in error.results] == [3, 4, None, None]
    assert [result.index for result in error.results[:2]] == [0, 1]


def test_no_request_starts_after_a_failure() -> None:
    with Server() as server:
        urls = [server.url("/fault/bad-head")] + [server.url("/delay/20")] * 200
        raised(shoal.gather_fetch(urls, concurrency=2, retry=0), shoal.ProtocolError)
        seen = server.requests("/delay")
        time.sleep(0.1)
        assert server.requests("/delay") == seen
        assert seen < 20


def test_in_a_task_group(server, run) -> None:
    if not hasattr(asyncio, "TaskGroup"):
        pytest.skip("Python 3.11")

    async def main():
        with pytest.raises(ExceptionGroup) as caught:  # noqa: F821, PT012 - new in Python 3.11; the block raises
            async with asyncio.TaskGroup() as group:
                group.create_task(shoal.gather_fetch([server.url("/fault/bad-head")]))
                group.create_task(shoal.gather_fetch([server.url("/delay/30000")]))
        assert [type(error) for error in caught.value.exceptions] == [shoal.ProtocolError]

    run(main())


# return_exceptions and raise_for_status.


def test_return_exceptions_returns_errors_in_their_places(server, run) -> None:
    with refusing() as refused_url:
        items = [
            server.url("/bytes/3"),
            refused_url,
            "no url",
            (server.url("/delay/5000"), {"timeout": 0.05}),
            server.url("/fault/truncate"),
            server.url("/status/500"),
        ]
        job = shoal.gather_fetch(items, return_exceptions=True, retry=0)

        async def main():
            return await job

        results = run(main())
    failures = [shoal.ConnectError, shoal.InvalidURL, shoal.TotalTimeout, shoal.IncompleteBody]
    assert [type(result) for result in results] == [shoal.Response, *failures, shoal.Response]
    assert [result.index for result in results] == list(range(6))
    assert job.stats.by_error == {kind.__name__: 1 for kind in failures}
    assert (job.stats.total, job.stats.ok, job.stats.failed) == (6, 2, 4)


def test_error_statuses_raise_only_with_raise_for_status(server) -> None:
    urls = [server.url(f"/status/{status}") for status in (200, 204, 301, 304, 404, 500)]
    statuses = [r.status_code for r in shoal.gather_fetch(urls, retry=0).result()]
    assert statuses == [200, 204, 301, 304, 404, 500]
    results = shoal.gather_fetch(urls, retry=0, raise_for_status=True, return_exceptions=True).result()
    assert [type(result) for result in results[4:]] == [shoal.HTTPStatusError] * 2
    assert [result.status_code for result in results[:4]] == [200, 204, 301, 304]
    error = raised(shoal.gather_fetch(urls, retry=0, raise_for_status=True, concurrency=1), shoal.HTTPStatusError)
    assert (error.index, error.response.status_code, error.attempts) == (4, 404, 1)
    assert [result and result.status_code for result in error.results] == [200, 204, 301, 304, None, None]


def test_the_message_of_a_status_error_quotes_the_body() -> None:
    body = "é" * 90 + "x" * 300
    with Scripted([READ, reply(body.encode(), status="418 I'm a teapot")]) as server:
        error = raised(shoal.gather_fetch([server.url], raise_for_status=True))
    text = str(error)
    assert f"418 I'm a teapot: {'é' * 90}{'x' * 20}" in text
    assert "x" * 21 not in text
    assert f"GET {server.url}/" in text
    assert error.response.text == body
    assert error.index == 0


# Deadlines.


def test_a_deadline_error_has_the_finished_results(server, run) -> None:
    async def main():
        urls = [server.url("/bytes/3"), server.url("/delay/20000"), server.url("/bytes/4"), server.url("/delay/20000")]
        start = time.monotonic()
        with pytest.raises(shoal.DeadlineExceeded) as caught:
            await shoal.gather_fetch(urls, deadline=0.3)
        assert 0.25 < time.monotonic() - start < 5
        return caught.value

    error = run(main())
    assert isinstance(error, TimeoutError)
    assert [result and len(result.content) for result in error.results] == [3, None, 4, None]
    assert (error.index, error.request, error.phase) == (None, None, "queue")
    assert "0.3 s" in str(error)
    assert "2 of 4" in str(error)


def test_a_deadline_with_return_exceptions_fills_the_missing_places(no_socket_left) -> None:
    with Server() as server:
        urls = [
            server.url("/bytes/3"),
            server.url("/delay/20000"),
            server.url("/bytes/4"),
            *[server.url("/delay/2")] * 3,
        ]
        job = shoal.gather_fetch(urls, deadline=0.3, return_exceptions=True, concurrency=1)
        results = job.result()
        assert [type(result) for result in results] == [shoal.Response] + [shoal.DeadlineExceeded] * 5
        assert [result.index for result in results] == list(range(6))
        assert [result.attempts for result in results] == [1, 1, 0, 0, 0, 0]
        assert [result.url for result in results] == urls
        assert (job.stats.total, job.stats.by_error) == (6, {"DeadlineExceeded": 5})
        assert wait_until(lambda: server.stats.connections_open == 0)


def test_a_deadline_includes_pauses_before_retries(server, transport) -> None:
    urls = [server.url(f"/fault/429?retry_after=30&k=99&key=deadline-{transport}")]
    start = time.monotonic()
    error = raised(shoal.gather_fetch(urls, deadline=0.3, retry=5))
    assert type(error) is shoal.DeadlineExceeded
    assert time.monotonic() - start < 5
    assert server.attempts(f"deadline-{transport}") == 1


def test_a_deadline_that_is_met_changes_nothing(server) -> None:
    assert len(shoal.gather_fetch([server.url("/bytes/3")] * 50, deadline=30).result()) == 50


# Timeouts.


@pytest.fixture
def full_backlog():
    """The URL of a port with a full backlog: a new connection is neither accepted nor refused."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        held = []
        for _ in range(4):
            held.append(client := socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        probe = socket.socket()
        probe.settimeout(0.2)
        held.append(probe)
        try:
            probe.connect(listener.getsockname())
        except OSError:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        else:
            pytest.skip("this system accepts more connections than the backlog")
        finally:
            for client in held:
                client.close()


def check_timeout(error, kind, phase) -> None:
    assert type(error) is kind, repr(error)
    assert isinstance(error, shoal.TimeoutException)
    assert error.phase == phase
    assert "0.2 s" in str(error)


@pytest.mark.parametrize(
    ("timeout", "kind"),
    [
        (Timeout(connect=0.2), shoal.ConnectTimeout),
        (Timeout(10, connect=0.2, read=0.1), shoal.ConnectTimeout),
        (Timeout(0.2, read=0.1), shoal.TotalTimeout),
        (0.2, shoal.TotalTimeout),
    ],
    ids=repr,
)
def test_connect_timeout(full_backlog, timeout, kind) -> None:
    start = time.monotonic()
    error = raised(shoal.gather_fetch([full_backlog], timeout=timeout, retry=0))
    check_timeout(error, kind, "connect")
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    ("path", "timeout", "kind", "phase"),
    [
        ("/fault/stall", Timeout(read=0.2), shoal.ReadTimeout, "headers"),
        ("/fault/stall?after=5", Timeout(read=0.2), shoal.ReadTimeout, "body"),
        ("/fault/stall", Timeout(0.2), shoal.TotalTimeout, "headers"),
        ("/fault/stall?after=5", Timeout(0.2, read=5), shoal.TotalTimeout, "body"),
        ("/fault/drip?n=1000&interval_ms=10", Timeout(0.2, read=0.15), shoal.TotalTimeout, "body"),
    ],
)
def test_read_and_total_timeouts(server, path, timeout, kind, phase) -> None:
    check_timeout(raised(shoal.gather_fetch([server.url(path)], timeout=timeout, retry=0)), kind, phase)


def test_the_read_timeout_excludes_connecting(server, monkeypatch) -> None:
    # The connection is accepted after twice the read timeout.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        with socket.socket() as first, socket.socket() as second:
            first.connect(address)
            second.setblocking(False)
            second.connect_ex(address)
            job = shoal.gather_fetch(["http://{}:{}".format(*address)], timeout=Timeout(20, read=0.6), retry=0)
            time.sleep(1.2)
            listener.settimeout(10)
            for _ in range(3):
                taken, peer = listener.accept()
                if peer not in (first.getsockname(), second.getsockname()):
                    break
                taken.close()
            with taken:
                taken.recv(65536)
                taken.sendall(reply(b"late"))
                assert job.result(timeout=10)[0].content == b"late"


def test_pool_timeout(server) -> None:
    urls = [server.url("/delay/1500")] * 2
    results = shoal.gather_fetch(urls, per_host=1, timeout=Timeout(pool=0.2), return_exceptions=True, retry=0).result()
    results.sort(key=lambda result: isinstance(result, Exception))
    assert results[0].status_code == 200
    check_timeout(results[1], shoal.PoolTimeout, "queue")
    assert results[1].attempts == 0


def test_the_total_timeout_excludes_the_queue(server) -> None:
    urls = [server.url("/delay/120")] * 5
    responses = shoal.gather_fetch(urls, concurrency=1, timeout=0.5, retry=0).result()
    assert len(responses) == 5
    responses = shoal.gather_fetch(urls, per_host=1, timeout=0.5, retry=0).result()
    assert len(responses) == 5


def test_the_total_timeout_applies_to_each_attempt() -> None:
    with Server() as server:
        url = server.url("/fault/flaky/2?kind=stall&key=own")
        (response,) = shoal.gather_fetch([url], timeout=0.2, retry=NO_BACKOFF).result()
        assert response.attempts == 3
        error = raised(shoal.gather_fetch([server.url("/fault/stall?key=all")], timeout=0.1, retry=NO_BACKOFF))
        assert (type(error), error.attempts) == (shoal.TotalTimeout, 3)
        assert error.elapsed > 0.28
        assert server.attempts("all") == 3


# Retries.


@pytest.mark.parametrize("kind", ["status", "reset", "close", "stall", "truncate"])
def test_retries_until_success(kind) -> None:
    with Server() as server:
        job = shoal.gather_fetch([server.url(f"/fault/flaky/2?kind={kind}")], retry=NO_BACKOFF, timeout=0.3)
        (response,) = job.result()
        assert (response.status_code, response.attempts) == (200, 3)
        assert response.json()["attempt"] == 3 if kind == "status" else response.json()["attempt"] >= 3
        assert job.stats.retries == 2
        causes = {
            "status": "503",
            "reset": "ReadError",
            "close": "ReadError",
            "stall": "TotalTimeout",
            "truncate": "IncompleteBody",
        }
        assert job.stats.retries_by_cause == {causes[kind]: 2}


def test_retries_until_the_last_attempt() -> None:
    with Server() as server:
        job = shoal.gather_fetch([server.url("/fault/flaky/9")], retry=NO_BACKOFF)
        (response,) = job.result()
        assert (response.status_code, response.attempts) == (503, 3)
        assert (job.stats.by_status, job.stats.retries, job.stats.total) == ({503: 1}, 2, 1)
        error = raised(shoal.gather_fetch([server.url("/fault/flaky/9")], retry=NO_BACKOFF, raise_for_status=True))
        assert (error.response.status_code, error.attempts) == (503, 3)


@pytest.mark.parametrize(
    ("retry", "options", "attempts"),
    [
        (0, {}, 1),
        (None, {}, 1),
        (Retry(0), {}, 1),
        (Retry(3, backoff_jitter=0, backoff_factor=0), {}, 4),
        (NO_BACKOFF, {"method": "POST"}, 1),
        (NO_BACKOFF, {"method": "PATCH"}, 1),
        (NO_BACKOFF, {"method": "PUT"}, 3),
        (NO_BACKOFF, {"method": "DELETE"}, 3),
        (Retry(2, backoff_factor=0, backoff_jitter=0, allowed_methods=["POST"]), {"method": "POST"}, 3),
        (Retry(2, backoff_factor=0, backoff_jitter=0, allowed_methods=["POST"]), {"method": "GET"}, 1),
        (Retry(2, backoff_factor=0, backoff_jitter=0, status_forcelist=[418]), {}, 1),
        (Retry(2, backoff_factor=0, backoff_jitter=0, status_forcelist=[503]), {}, 3),
    ],
    ids=repr,
)
def test_attempts_by_retry_options_and_method(retry, options, attempts) -> None:
    with Server() as server:
        (response,) = shoal.gather_fetch([server.url("/fault/flaky/9?key=which")], retry=retry, **options).result()
        assert (response.attempts, server.attempts("which")) == (attempts, attempts)


@pytest.mark.parametrize("status", [400, 404, 501])
def test_permanent_statuses_are_not_retried(server, status) -> None:
    (response,) = shoal.gather_fetch([server.url(f"/status/{status}")], retry=NO_BACKOFF).result()
    assert response.attempts == 1


@pytest.mark.parametrize(
    ("path", "attempts"),
    [("/fault/bad-head", 3), ("/fault/truncate", 3), ("/fault/gzip-bomb", 1), ("/fault/corrupt-gzip", 1)],
)
def test_attempts_by_failure(server, path, attempts) -> None:
    assert raised(shoal.gather_fetch([server.url(path)], retry=NO_BACKOFF)).attempts == attempts


def test_a_post_is_retried_if_the_connection_was_refused() -> None:
    with refusing() as refused_url:
        error = raised(
            shoal.gather_fetch([refused_url], method="POST", content=b"x", retry=NO_BACKOFF), shoal.ConnectError
        )
    assert error.attempts == 3


@pytest.mark.parametrize(
    ("options", "least", "most"),
    [
        ({"backoff_factor": 0.1, "backoff_jitter": 0}, 0.2 + 0.4, 1.5),  # none, 0.1 * 2, 0.1 * 4
        ({"backoff_factor": 10, "backoff_max": 0.2, "backoff_jitter": 0}, 0.4, 1.5),
        ({"backoff_factor": 0, "backoff_jitter": 0}, 0, 0.5),
    ],
    ids=repr,
)
def test_backoff_between_attempts(options, least, most) -> None:
    with Server() as server:
        start = time.monotonic()
        (response,) = shoal.gather_fetch([server.url("/fault/flaky/3")], retry=Retry(3, **options)).result()
        assert response.attempts == 4
        assert least <= time.monotonic() - start < most


@pytest.mark.parametrize("path", ["/fault/429?retry_after=1", "/fault/retry-after-date?seconds=2"])
def test_retry_after_pauses_the_host_for_all_jobs(path) -> None:
    with Server() as server, Server() as other:
        start = time.monotonic()
        slow = server.url(path)
        with shoal.Client(retry=3) as client:
            refused = client.get(slow)
            assert wait_until(lambda: server.stats.requests == 1)
            time.sleep(0.1)
            # The pause holds for all jobs of the client to the same host, and not for other hosts.
            client.gather([other.url("/bytes/1")] * 3).result()
            assert time.monotonic() - start < 0.8
            job = client.gather([server.url("/bytes/1")] * 3)
            job.result()
            assert 0.8 < time.monotonic() - start < 10
            assert job.stats.limited_by == "retry_after"
            assert refused.result().attempts == 2
        assert server.stats.requests == 5


def test_retry_after_may_be_bounded_or_ignored() -> None:
    with Server() as server:
        for retry in (
            Retry(2, retry_after_max=0.1, backoff_factor=0, backoff_jitter=0),
            Retry(2, respect_retry_after=False, backoff_factor=0, backoff_jitter=0),
        ):
            start = time.monotonic()
            (response,) = shoal.gather_fetch(
                [server.url(f"/fault/429?retry_after=60&key={id(retry)}")], retry=retry
            ).result()
            assert (response.status_code, response.attempts) == (200, 2)
            assert time.monotonic() - start < 5


def test_a_failure_leaves_no_socket_open(server) -> None:
    before = open_sockets()
    urls = [server.url("/fault/truncate"), *[server.url("/bytes/10")] * 30]
    results = shoal.gather_fetch(urls, retry=0, return_exceptions=True, concurrency=1).result()
    assert sum(isinstance(result, shoal.Response) for result in results) == 30
    assert wait_until(lambda: open_sockets() <= before)


def test_cancelling_closes_the_connections_to_a_hanging_server(run) -> None:
    with Scripted([READ, HANG]) as server:

        async def main():
            task = asyncio.ensure_future(shoal.gather_fetch([server.url] * 20, concurrency=10))
            await asyncio.get_running_loop().run_in_executor(None, server.wait_requests, 10)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        run(main())
        assert server.wait_all_closed()
