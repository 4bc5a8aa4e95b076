"""Which transport a request uses. Tests of the common contract run with both (`conftest.transport`)."""

from __future__ import annotations

import asyncio
import os
import time

import pytest

import shoal
from servers.base import Server, refusing
from servers.origin import Origin
from servers.proxy import Proxy, _copy
from servers.scripted import HANG, READ, Scripted, reply


def transports(items, **options) -> dict[str, int]:
    job = shoal.gather_fetch(items, **options)
    assert all(response.status_code == 200 for response in job.result())
    return job.stats.by_transport


def test_plain_http_uses_http1(server) -> None:
    urls = [server.url(path) for path in ("/bytes/10", "/json/100", "/gzip", "/redirect/2", "/chunked")]
    assert transports(urls) == {"http1": 5}
    assert transports([(urls[0], {"method": method}) for method in ("HEAD", "GET")]) == {"http1": 2}
    assert transports([shoal.Request(server.url("/echo"), method="POST", json={"a": 1})]) == {"http1": 1}
    assert transports(urls, headers={"X-Mine": "1"}, cookies={"a": "b"}, auth=("a", "b")) == {"http1": 5}


@pytest.mark.parametrize(
    "headers",
    [{"Connection": "close"}, {"TE": "trailers"}, {"Expect": "100-continue"}, {"Content-Length": "0"}],
    ids=str,
)
def test_connection_headers_do_not_change_the_transport(server, headers) -> None:
    assert transports([(server.url("/echo"), {"headers": headers}), server.url("/echo")]) == {"http1": 2}


def test_shoal_transport_reqwest_makes_every_connection(server, monkeypatch) -> None:
    monkeypatch.setenv("SHOAL_TRANSPORT", "reqwest")
    assert transports([server.url("/bytes/10")] * 3) == {"reqwest": 3}
    monkeypatch.setenv("SHOAL_TRANSPORT", "")
    assert transports([server.url("/bytes/10")] * 3) == {"http1": 3}
    monkeypatch.setenv("SHOAL_TRANSPORT", "fast")
    with pytest.raises(ValueError, match='SHOAL_TRANSPORT must be "reqwest" or not set, not "fast"'):
        shoal.Client()


def test_deprecated_names_warn(server, monkeypatch) -> None:
    job = shoal.gather_fetch([server.url("/bytes/10")] * 3)
    job.result()
    stats = job.stats
    with pytest.warns(DeprecationWarning, match="JobStats.by_lane is deprecated: use JobStats.by_transport") as caught:
        assert stats.by_lane == {"lean": 3}
    assert caught[0].filename == __file__
    with pytest.warns(DeprecationWarning, match="JobStats.wall is deprecated: use JobStats.wall_time"):
        assert stats.wall == stats.wall_time
    numbers = stats.as_dict()
    assert numbers["wall"] == numbers["wall_time"]
    assert (numbers["by_lane"], numbers["by_transport"]) == ({"lean": 3}, {"http1": 3})
    monkeypatch.setenv("SHOAL_LANE", "full")
    with pytest.warns(DeprecationWarning, match="SHOAL_LANE is deprecated: use SHOAL_TRANSPORT=reqwest"):
        job = shoal.gather_fetch([server.url("/bytes/10")] * 3)
    job.result()
    assert job.stats.by_transport == {"reqwest": 3}


def test_proxies_use_reqwest(python) -> None:
    with Proxy() as proxy, Origin() as origin:
        code = """
            import sys, shoal
            job = shoal.gather_fetch([sys.argv[1]] * 3, client=shoal.Client(trust_env=eval(sys.argv[2])))
            print({response.text for response in job.result()}, job.stats.by_transport)
        """
        environment = {**os.environ, "http_proxy": proxy.url}
        for trusted, transport in (("True", "reqwest"), ("False", "http1")):
            done = python(code, origin.url, trusted, env=environment)
            assert (done.stdout, done.stderr) == (f"{{'here'}} {{'{transport}': 3}}\n", "")


def test_failures_are_counted(server) -> None:
    job = shoal.gather_fetch([server.url("/fault/reset")] * 2, retry=0, return_exceptions=True)
    job.result()
    assert job.stats.by_transport == {"http1": 2}
    job = shoal.gather_fetch(["no url"], return_exceptions=True)
    job.result()
    assert job.stats.by_transport == {}


# `https` uses http1 once the origin is known to speak HTTP/1.1. Connections that reqwest made before are kept.


@pytest.fixture(scope="module")
def certificates():
    pytest.importorskip("trustme")
    from servers.tls import Certificates

    return Certificates()


@pytest.fixture
def origin(certificates):
    with Origin(tls=certificates.good) as origin:
        yield origin


def test_tls_without_http2_uses_http1_at_once(certificates, origin) -> None:
    with shoal.Client(verify=certificates.ca_pem, http2=False) as client:
        assert transports([origin.url] * 5, client=client) == {"http1": 5}


def test_a_connection_made_by_reqwest_is_reused(certificates, origin) -> None:
    with shoal.Client(verify=certificates.ca_pem) as client:
        assert transports([origin.url] * 30, client=client, concurrency=1) == {"reqwest": 30}
        assert len(origin.connections) == 1


def test_an_http1_server_gets_one_connection_until_its_protocol_is_known(certificates, origin) -> None:
    with shoal.Client(verify=certificates.ca_pem) as client:
        taken = transports([origin.url] * 100, client=client, concurrency=20)
        assert taken["reqwest"] + taken["http1"] == 100
        assert taken["http1"] > 0
        assert len(origin.connections) <= 20


def test_an_http2_server_gets_one_connection_for_all_requests(certificates) -> None:
    from servers.frames import Frames, Peer

    async def behave(frames: Frames) -> None:
        await frames.begin()
        while True:
            await frames.answer(await frames.request(), b"here")

    with Peer(certificates.http2, behave) as peer, shoal.Client(verify=certificates.ca_pem) as client:
        assert transports([peer.url] * 200, client=client, concurrency=100) == {"reqwest": 200}
        assert len(peer.connections) == 1


class Stuck(Server):
    """The first connection gets no handshake; the others are forwarded."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.behind = port

    async def serve(self, connection) -> None:
        if connection is self.connections[0]:
            await connection.wait_closed()
            return
        reader, writer = await asyncio.open_connection("127.0.0.1", self.behind)
        try:
            await asyncio.gather(_copy(connection.reader, writer), _copy(reader, connection.writer))
        finally:
            writer.close()


def test_a_hanging_handshake_delays_no_other_request(certificates, origin) -> None:
    with Stuck(origin.port) as stuck, shoal.Client(verify=certificates.ca_pem, retry=0, timeout=6) as client:
        url = stuck.url.replace("http://", "https://")
        results = client.gather([url] * 50, return_exceptions=True).result()
        assert sum(isinstance(result, shoal.TotalTimeout) for result in results) == 1
        assert sum(getattr(result, "content", None) == b"here" for result in results) == 49


def test_the_wait_for_protocol_discovery_is_bounded(certificates) -> None:
    with Scripted([HANG]) as silent, shoal.Client(verify=certificates.ca_pem, retry=0) as client:
        begun = time.monotonic()
        url = silent.url.replace("http://", "https://")
        errors = client.gather([url] * 30, return_exceptions=True, timeout=shoal.Timeout(connect=0.5)).result()
        assert {type(error) for error in errors} == {shoal.ConnectTimeout}
        assert time.monotonic() - begun < 5
    with refusing() as refusing_url:
        errors = shoal.gather_fetch([refusing_url.replace("http://", "https://")] * 30, return_exceptions=True, retry=0)
        assert {type(error) for error in errors.result()} == {shoal.ConnectError}


def test_http2_uses_reqwest(tmp_path) -> None:
    pytest.importorskip("hypercorn")
    trustme = pytest.importorskip("trustme")
    from servers.http2 import http2_server

    authority = trustme.CA()
    with http2_server(authority, tmp_path) as base, shoal.Client(verify=authority.cert_pem.bytes()) as client:
        assert transports([f"{base}/"] * 30, client=client) == {"reqwest": 30}


def test_a_post_is_not_sent_on_a_closed_connection() -> None:
    """The server closes each connection after its response without announcing it."""
    script = [READ, reply(b"once")]
    with Scripted(script) as server, shoal.Client(retry=0) as client:
        for _ in range(5):
            assert client.post(server.url, content=b"order").result().content == b"once"
            assert server.wait_all_closed()
            time.sleep(0.05)  # the FIN arrives; the reactor may not have read it
        assert len(server.requests) == 5
