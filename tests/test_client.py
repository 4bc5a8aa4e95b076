"""`Client`: defaults for requests, cookies, limits, use from threads and loops, and closing of connections."""

import asyncio
import gc
import multiprocessing
import pickle
import threading
import time

import pytest

import shoal
from conftest import wait_until
from shoal import Client, Limits, Retry, Timeout
from shoal.testing import Server

VERBS = ["get", "options", "post", "put", "patch", "delete"]


def seen(job) -> dict:
    return job.result().json()


@pytest.mark.parametrize("verb", VERBS)
def test_verbs(server, verb) -> None:
    with Client() as client:
        job = getattr(client, verb)(server.url("/echo"), params={"a": 1}, headers={"X-A": "b"})
        assert isinstance(job, shoal.Job)
        document = seen(job)
        assert document["method"] == verb.upper()
        assert document["raw_query"] == "a=1"
        assert ["x-a", "b"] in document["headers"]
        assert seen(client.request(verb, server.url("/echo")))["method"] == verb.upper()
        with pytest.raises(TypeError, match=r"unexpected keyword argument .method"):
            getattr(client, verb)(server.url("/echo"), method="GET")
        with pytest.raises(TypeError, match=r"unexpected keyword argument .concurrency"):
            getattr(client, verb)(server.url("/echo"), concurrency=1)


def test_head_and_custom_methods(server) -> None:
    with Client() as client:
        response = client.head(server.url("/bytes/1000")).result()
        assert (response.status_code, response.content, response.headers["content-length"]) == (200, b"", "1000")
        assert response.request.method == "HEAD"
        assert seen(client.request("PURGE", server.url("/echo")))["method"] == "PURGE"
        assert seen(client.get(server.url("/echo")))["method"] == "GET"


# base_url: the cases that httpx documents and tests.


@pytest.mark.parametrize(
    ("base", "url", "path"),
    [
        ("", "/testing/123", "/testing/123"),
        ("/", "testing/123", "/testing/123"),
        ("/api", "/path", "/api/path"),
        ("/api/", "/path", "/api/path"),
        ("/api/v2", "path/", "/api/v2/path/"),
        ("/api/v2/", "", "/api/v2/"),
        ("/api/v2", "/", "/api/v2/"),
        ("/some/path", "../testing/123", "/some/testing/123"),
        ("/some/path", "/testing:123", "/some/path/testing:123"),
        ("/some/path", "1:2", "/some/path/1:2"),
        ("", "/testing%2F123", "/testing%2F123"),
        ("/base%2Fpath", "/testing", "/base%2Fpath/testing"),
        ("/api", "?a=1&b=x%20y", "/api/?a=1&b=x%20y"),
        ("/api", "/p?a=http://other/", "/api/p?a=http://other/"),
        ("/api", "é ü", "/api/%C3%A9%20%C3%BC"),
    ],
)
def test_relative_urls_are_joined_to_base_url(server, base, url, path) -> None:
    with Client(base_url=server.base_url + base) as client:
        job = client.get(url)
        try:
            assert job.result().url == server.base_url + path
        finally:
            (response,) = client.gather([url]).result()
            assert response.url == server.base_url + path


def test_an_absolute_url_ignores_base_url(server) -> None:
    with Client(base_url="http://user:secret@127.0.0.1:9/api") as client:
        document = seen(client.get(server.url("/echo")))
        assert "authorization" not in dict(document["headers"])
        assert client.base_url == "http://user:secret@127.0.0.1:9/api"
        assert "secret" not in repr(client)
    assert Client().base_url is None


def test_credentials_of_base_url_are_sent(server) -> None:
    with Client(base_url=server.base_url.replace("http://", "http://u:p@")) as client:
        assert client.get("/basic-auth/u/p").result().status_code == 200


def test_a_relative_url_needs_base_url(server) -> None:
    with Client() as client, pytest.raises(shoal.InvalidURL, match="not an absolute URL"):
        client.get("/bytes/3")


# Defaults.


def test_options_of_a_request_override_those_of_the_client(server) -> None:
    options = {
        "base_url": server.base_url,
        "params": {"a": "client", "b": "client"},
        "headers": {"X-A": "client", "X-B": "client", "Accept-Encoding": None},
        "cookies": {"a": "client", "b": "client"},
        "user_agent": "mine/1.0",
    }
    with Client(**options) as client:
        plain = seen(client.get("/echo?z=0"))
        own = seen(client.get("/echo", params={"b": "own"}, headers={"x-b": "own", "x-a": None}, cookies={"b": "own"}))
        assert plain["raw_query"] == "z=0&a=client&b=client"
        assert own["raw_query"] == "a=client&b=own"
        headers = dict(plain["headers"])
        assert (headers["x-a"], headers["x-b"], headers["user-agent"]) == ("client", "client", "mine/1.0")
        assert "accept-encoding" not in headers
        assert headers["cookie"] == "a=client; b=client"
        headers = dict(own["headers"])
        assert (headers.get("x-a"), headers["x-b"]) == (None, "own")
        assert sorted(headers["cookie"].split("; ")) == ["a=client", "b=own"]
        assert client.headers["x-b"] == "client"


def test_the_content_type_of_the_client(server) -> None:
    with Client(headers={"Content-Type": "application/vnd.api+json"}) as client:
        for options, expected in [
            ({"json": {}}, "application/vnd.api+json"),
            ({"content": b"x"}, "application/vnd.api+json"),
            ({"json": {}, "headers": {"Content-Type": "text/x"}}, "text/x"),
            ({"json": {}, "headers": {"Content-Type": None}}, None),
        ]:
            assert dict(seen(client.post(server.url("/echo"), **options))["headers"]).get("content-type") == expected


def test_auth_of_the_client(server) -> None:
    with Client(auth=("u", "p"), base_url=server.base_url) as client:
        assert client.get("/basic-auth/u/p").result().status_code == 200
        assert client.get("/basic-auth/v/q", auth=("v", "q")).result().status_code == 200
        assert client.get("/basic-auth/u/p", headers={"Authorization": None}).result().status_code == 401
        for shown in (repr(client), repr(client.headers), str(client.headers)):
            assert "dTpw" not in shown  # base64 of u:p


def test_credentials_stay_with_their_origin(server) -> None:
    with Server() as other, Client(auth=("u", "p"), cookies={"everywhere": "1"}) as client:
        response = client.get(server.url("/redirect-to"), params={"url": other.url("/echo")}).result()
        headers = dict(response.json()["headers"])
        assert "authorization" not in headers
        assert [hop.status_code for hop in response.history] == [302]
        response = client.get(server.url("/redirect/2")).result()
        assert "authorization" in dict(response.json()["headers"])


# Cookies that servers set.


def test_cookies_are_kept_and_sent_back(server) -> None:
    with Client(cookies={"own": "0"}) as client:
        client.get(server.url("/cookies/set?a=1&b=2")).result()
        assert client.cookies == {"own": "0", "a": "1", "b": "2"}
        assert seen(client.get(server.url("/cookies")))["cookies"] == {"own": "0", "a": "1", "b": "2"}
        # A response with a redirect sets cookies too; a later value wins.
        client.get(server.url("/cookies/set?a=3&redirect=/cookies")).result()
        assert seen(client.get(server.url("/cookies"), cookies={"b": "mine"}))["cookies"] == {
            "own": "0",
            "a": "3",
            "b": "mine",
        }
        client.get(server.url("/cookies/set?a=&attributes=Path=/;Max-Age=0")).result()
        assert client.cookies == {"own": "0", "b": "2"}
    with Client() as stranger:
        assert seen(stranger.get(server.url("/cookies")))["cookies"] == {}


@pytest.mark.parametrize(
    ("attributes", "path", "host", "sent"),
    [
        ("Path=/", "/cookies", "127.0.0.1", True),
        ("Path=/cookies", "/cookies", "127.0.0.1", True),
        ("Path=/other", "/cookies", "127.0.0.1", False),
        ("Path=/cook", "/cookies", "127.0.0.1", False),
        ("Path=/", "/cookies", "localhost", False),
        ("Path=/;Domain=127.0.0.1", "/cookies", "127.0.0.1", True),
        ("Path=/;Domain=other.example", "/cookies", "127.0.0.1", False),
        ("Path=/;Secure", "/cookies", "127.0.0.1", True),  # loopback counts as secure, as in browsers
        ("Path=/;Max-Age=60", "/cookies", "127.0.0.1", True),
        ("Path=/;Max-Age=0", "/cookies", "127.0.0.1", False),
        ("Path=/;Expires=Thu, 01 Jan 1970 00:00:00 GMT", "/cookies", "127.0.0.1", False),
        ("Path=/;Expires=Fri, 01 Jan 2100 00:00:00 GMT", "/cookies", "127.0.0.1", True),
        ("Path=/;HttpOnly;SameSite=Strict", "/cookies", "127.0.0.1", True),
    ],
)
def test_which_cookies_are_sent(server, attributes, path, host, sent) -> None:
    with Client() as client:
        client.get(server.url("/cookies/set"), params={"a": "1", "attributes": attributes}).result()
        cookies = seen(client.get(f"http://{host}:{server.port}{path}"))["cookies"]
        assert cookies == ({"a": "1"} if sent else {})


# Settings.


def test_settings_apply_unless_a_request_overrides_them(server) -> None:
    options = {
        "timeout": 0.1,
        "retry": Retry(1, backoff_jitter=0),
        "max_body": "100B",
        "max_redirects": 1,
        "raise_for_status": True,
    }
    with Client(base_url=server.base_url, **options) as client:
        with pytest.raises(shoal.TotalTimeout) as caught:
            client.get("/delay/5000").result()
        assert caught.value.attempts == 2
        assert client.get("/delay/300", timeout=Timeout(5)).result().status_code == 200
        assert client.get("/fault/flaky/1?key=client").result().attempts == 2
        with pytest.raises(shoal.HTTPStatusError):
            client.get("/fault/flaky/9?key=client-2", retry=None).result()
        with pytest.raises(shoal.BodyTooLarge):
            client.get("/bytes/101").result()
        with pytest.raises(shoal.TooManyRedirects):
            client.get("/redirect/2").result()
        assert client.get("/redirect/2", max_redirects=2, max_body=None).result().status_code == 200
        assert client.get("/redirect/2", follow_redirects=False).result().status_code == 302


def test_retries_can_be_turned_off(server) -> None:
    for retry in (0, None, False):
        with Client(retry=retry) as client:
            assert client.get(server.url(f"/fault/flaky/1?key=single-{retry}")).result().status_code == 503


def test_single_requests_and_batches_share_the_limits() -> None:
    with Server() as server, Client(limits=Limits(3)) as client:
        jobs = [client.get(server.url("/delay/30")) for _ in range(9)]
        batch = client.gather([server.url("/delay/30")] * 9, concurrency=2)
        assert all(job.result().status_code == 200 for job in jobs)
        assert len(batch.result()) == 9
        assert server.stats.peak_requests == 3


def test_a_limit_per_host() -> None:
    with Server() as one, Server() as other, Client(limits=Limits(None, per_host=2)) as client:
        client.gather([server.url("/delay/20") for server in (one, other) for _ in range(10)]).result()
        assert (one.stats.peak_requests, other.stats.peak_requests) == (2, 2)


def test_a_rate_applies_to_single_requests() -> None:
    with Server() as server, Client(limits=Limits(rate="20/s")) as client:
        start = time.monotonic()
        jobs = [client.get(server.url("/bytes/1")) for _ in range(11)]
        assert all(job.result().status_code == 200 for job in jobs)
        assert 0.45 < time.monotonic() - start < 5


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"base_url": 3}, TypeError, "base_url must be str, not int"),
        ({"base_url": "host/api"}, ValueError, "base_url"),
        ({"base_url": "ftp://host/"}, ValueError, "base_url .*scheme must be http or https"),
        ({"headers": 3}, TypeError, "headers must be a mapping"),
        ({"params": 3}, TypeError, "params must be"),
        ({"cookies": 3}, TypeError, "cookies must be"),
        ({"auth": 3}, TypeError, "auth must be"),
        ({"timeout": "3"}, TypeError, "timeout must be"),
        ({"timeout": -1}, ValueError, "timeout must be"),
        ({"retry": "3"}, TypeError, "retry must be"),
        ({"limits": 100}, TypeError, "limits must be a shoal.Limits, not int"),
        ({"max_body": "big"}, ValueError, "max_body must be"),
        ({"follow_redirects": 3}, TypeError, "follow_redirects must be"),
        ({"http2": 1}, TypeError, "http2 must be True or False"),
        ({"trust_env": "no"}, TypeError, "trust_env must be True or False"),
        ({"user_agent": 3}, TypeError, "user_agent must be str"),
        ({"user_agent": "a\nb"}, ValueError, "user_agent can't be sent"),
        ({"verify": 3}, TypeError, "verify must be True, False, a path or PEM bytes, not int"),
        ({"verify": "/no/such/file.pem"}, ValueError, "/no/such/file.pem"),
        ({"verify": b"no certificate"}, ValueError, "certificate"),
        ({"header": {}}, TypeError, "did you mean .headers"),
        ({"base_ulr": ""}, TypeError, "did you mean .base_url"),
        ({"concurrency": 3}, TypeError, "Client got an unexpected keyword argument .concurrency"),
    ],
    ids=repr,
)
def test_invalid_arguments_are_refused_by_the_constructor(options, error, words) -> None:
    with pytest.raises(error, match=words):
        Client(**options)


def test_trust_env_controls_proxies_of_the_environment(server, monkeypatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with Client(trust_env=False) as client:
        assert client.get(server.url("/bytes/1")).result().status_code == 200
    with Client() as client, pytest.raises(shoal.ProxyError):
        client.get(server.url("/bytes/1")).result()


# Pickling.


def fetch_in_child(client, url, queue) -> None:
    queue.put(client.get(url).result().json()["headers"])


def test_pickling_keeps_the_configuration_without_cookies(server) -> None:
    client = Client(
        base_url=server.base_url,
        headers={"X-A": "b"},
        auth=("u", "p"),
        timeout=Timeout(3, read=1),
        retry=Retry(1),
        limits=Limits(7),
    )
    client.get("/cookies/set?a=1").result()
    copy = pickle.loads(pickle.dumps(client))
    assert (copy.base_url, copy.limits, copy.headers) == (client.base_url, client.limits, client.headers)
    assert copy.cookies == {}
    assert copy.get("/basic-auth/u/p").result().status_code == 200
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    child = context.Process(target=fetch_in_child, args=(client, "/echo", queue))
    child.start()
    assert ["x-a", "b"] in queue.get(timeout=30)
    child.join(30)
    assert child.exitcode == 0


# Loops, threads, closing.


def test_with_and_close_close_the_client(server, run) -> None:
    async def main():
        async with Client() as client:
            assert not client.is_closed
            assert (await client.get(server.url("/bytes/3"))).content == b"\0\1\2"
        assert client.is_closed
        client = Client()
        await client.aclose()
        assert client.is_closed
        await client.aclose()

    run(main())
    with Client() as client:
        pass
    assert client.is_closed
    client.close()
    assert repr(client) == "<Client, closed>"


def test_a_closed_client_cannot_be_used(server) -> None:
    client = Client()
    client.close()
    for use in (client.get, client.post, lambda url: client.request("GET", url), lambda url: client.gather([url])):
        with pytest.raises(RuntimeError, match="this Client is closed"):
            use(server.url("/bytes/3"))


def test_several_loops_and_threads(server) -> None:
    client = Client(base_url=server.base_url)
    failures = []

    async def main():
        responses = await asyncio.gather(*(client.get(f"/bytes/{n}") for n in range(20)))
        assert [len(response.content) for response in responses] == list(range(20))

    def work():
        try:
            asyncio.run(main())
            asyncio.run(main())
            for n in range(20):
                assert len(client.get(f"/bytes/{n}").result().content) == n
        except BaseException as error:  # noqa: BLE001 - checked below
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []


def test_connections_are_reused() -> None:
    with Server() as server, Client() as client:
        for _ in range(20):
            client.get(server.url("/bytes/10")).result()
        assert server.stats.connections_opened == 1
        job = client.gather([server.url("/delay/5")] * 50, concurrency=5)
        job.result()
        assert server.stats.connections_opened <= 5
        assert job.stats.connections_opened <= 4
        # After a body that was not read to its end, only its connection is lost.
        with pytest.raises(shoal.BodyTooLarge):
            client.get(server.url("/bytes/10000000"), max_body=10).result()
        assert client.get(server.url("/bytes/1")).result().status_code == 200


@pytest.mark.parametrize("how", ["close", "drop", "with", "cycle"])
def test_closing_or_dropping_a_client_closes_its_connections(how) -> None:
    with Server() as server:
        client = Client()
        client.gather([server.url("/delay/5")] * 20, concurrency=4).result()
        assert server.stats.connections_open >= 1
        if how == "close":
            client.close()
        elif how == "with":
            with client:
                pass
        elif how == "cycle":
            options = {}
            client = Client(headers=[("a", "b")], params=options)
            client.get(server.url("/bytes/1")).result()
            del client
            gc.collect()
        else:
            del client
        assert wait_until(lambda: server.stats.connections_open == 0)


def test_requests_in_flight_outlive_their_client(server) -> None:
    client = Client()
    job = client.get(server.url("/delay/200?n=3"))
    client.close()
    assert len(job.result().content) == 3
    job = Client().get(server.url("/delay/200?n=3"))
    assert len(job.result().content) == 3


def test_closing_and_cancelling_leaves_no_socket(no_socket_left) -> None:
    with Server() as server:
        for number in range(1, 6):
            client = Client()
            job = client.get(server.url("/fault/stall"))
            assert wait_until(lambda: server.stats.requests == number)  # noqa: B023 - called at once
            client.close()
            job.cancel()
        assert wait_until(lambda: server.stats.connections_open == 0)
