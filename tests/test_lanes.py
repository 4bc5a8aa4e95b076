"""Which lane a request takes. What it gets there is the same: the modules of the contract run on both of them."""

from __future__ import annotations

import os
import time

import pytest

import shoal
from servers.origin import Origin
from servers.proxy import Proxy
from servers.scripted import READ, Scripted, reply


def lanes(items, **options) -> dict[str, int]:
    job = shoal.gather_fetch(items, **options)
    assert all(response.status_code == 200 for response in job.result())
    return job.stats.by_lane


def test_plain_http_is_lean(server) -> None:
    urls = [server.url(path) for path in ("/bytes/10", "/json/100", "/gzip", "/redirect/2", "/chunked")]
    assert lanes(urls) == {"lean": 5}
    assert lanes([(urls[0], {"method": method}) for method in ("HEAD", "GET")]) == {"lean": 2}
    assert lanes([shoal.Request(server.url("/echo"), method="POST", json={"a": 1})]) == {"lean": 1}
    assert lanes(urls, headers={"X-Mine": "1"}, cookies={"a": "b"}, auth=("a", "b")) == {"lean": 5}


@pytest.mark.parametrize(
    "headers",
    [{"Connection": "close"}, {"TE": "trailers"}, {"Expect": "100-continue"}, {"Content-Length": "0"}],
    ids=str,
)
def test_what_is_about_the_connection_is_not(server, headers) -> None:
    items = [(server.url("/echo"), {"headers": headers}), server.url("/echo")]
    expected = {"lean": 2} if headers == {"Content-Length": "0"} else {"full": 1, "lean": 1}
    assert lanes(items) == expected


def test_the_environment_sends_all_through_the_full_lane(server, monkeypatch) -> None:
    monkeypatch.setenv("SHOAL_LANE", "full")
    assert lanes([server.url("/bytes/10")] * 3) == {"full": 3}
    monkeypatch.setenv("SHOAL_LANE", "")
    assert lanes([server.url("/bytes/10")] * 3) == {"lean": 3}
    monkeypatch.setenv("SHOAL_LANE", "fast")
    with pytest.raises(ValueError, match='SHOAL_LANE must be "full" or not set, not "fast"'):
        shoal.Client()


def test_proxies_are_not(python) -> None:
    with Proxy() as proxy, Origin() as origin:
        code = """
            import sys, shoal
            job = shoal.gather_fetch([sys.argv[1]] * 3, client=shoal.Client(trust_env=eval(sys.argv[2])))
            print({response.text for response in job.result()}, job.stats.by_lane)
        """
        environment = {**os.environ, "http_proxy": proxy.url}
        for trusted, lane in (("True", "full"), ("False", "lean")):
            done = python(code, origin.url, trusted, env=environment)
            assert (done.stdout, done.stderr) == (f"{{'here'}} {{'{lane}': 3}}\n", "")


def test_failures_count_too(server) -> None:
    job = shoal.gather_fetch([server.url("/fault/reset")] * 2, retry=0, return_exceptions=True)
    job.result()
    assert job.stats.by_lane == {"lean": 2}
    job = shoal.gather_fetch(["no url"], return_exceptions=True)
    job.result()
    assert job.stats.by_lane == {}


# `https` is lean once it is known that nothing better than HTTP/1.1 is spoken.


@pytest.fixture(scope="module")
def certificates():
    pytest.importorskip("trustme")
    from servers.tls import Certificates

    return Certificates()


@pytest.fixture
def origin(certificates):
    with Origin(tls=certificates.good) as origin:
        yield origin


def test_tls_is_lean_at_once_if_nothing_better_is_wanted(certificates, origin) -> None:
    with shoal.Client(verify=certificates.ca_pem, http2=False) as client:
        assert lanes([origin.url] * 5, client=client) == {"lean": 5}


def test_tls_is_lean_when_its_connections_are_worn(certificates, origin) -> None:
    with shoal.Client(verify=certificates.ca_pem) as client:
        assert lanes([origin.url] * 30, client=client, concurrency=1) == {"full": 10, "lean": 20}
        assert len(origin.connections) == 2
        assert lanes([origin.url] * 5, client=client) == {"lean": 5}


def test_few_requests_make_no_second_connection(certificates, origin) -> None:
    with shoal.Client(verify=certificates.ca_pem) as client:
        assert lanes([origin.url] * 20, client=client, concurrency=4) == {"full": 20}


def test_http2_is_never_lean(tmp_path) -> None:
    pytest.importorskip("hypercorn")
    trustme = pytest.importorskip("trustme")
    from servers.http2 import http2_server

    authority = trustme.CA()
    with http2_server(authority, tmp_path) as base, shoal.Client(verify=authority.cert_pem.bytes()) as client:
        assert lanes([f"{base}/"] * 30, client=client) == {"full": 30}


def test_a_request_that_may_not_be_sent_twice_meets_no_dead_connection() -> None:
    """The server closes each connection after its answer, without saying so."""
    script = [READ, reply(b"once")]
    with Scripted(script) as server, shoal.Client(retry=0) as client:
        for _ in range(5):
            assert client.post(server.url, content=b"order").result().content == b"once"
            assert server.wait_all_closed()
            time.sleep(0.05)  # on its way; the client's task is not told
        assert len(server.requests) == 5
