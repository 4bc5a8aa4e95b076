"""HTTP/2 is offered over TLS, and the contract is the same as over HTTP/1.1."""

from __future__ import annotations

import asyncio
import time

import pytest

pytest.importorskip("hypercorn")
pytest.importorskip("trustme")

import trustme

import shoal
from servers.http2 import http2_server


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def base(authority, tmp_path_factory):
    with http2_server(authority, tmp_path_factory.mktemp("http2")) as base:
        yield base


@pytest.fixture
def client(authority, base):
    with shoal.Client(base_url=base, verify=authority.cert_pem.bytes()) as client:
        yield client


def test_http2_is_negotiated(client):
    response = client.get("/a", params={"b": "c"}, headers={"X-Name": "value"}).result()
    request = response.json()
    assert (response.http_version, request["version"]) == ("HTTP/2", "2")
    assert (request["method"], request["path"]) == ("GET", "/a")
    assert ["x-name", "value"] in request["headers"]
    assert response.headers.get_list("Set-Cookie") == ["a=1", "b=2"]
    assert "a=1" in dict(client.get("/").result().json()["headers"])["cookie"]


def test_http2_false_uses_http1(authority, base):
    with shoal.Client(base_url=base, verify=authority.cert_pem.bytes(), http2=False) as client:
        response = client.get("/").result()
    assert (response.http_version, response.json()["version"]) == ("HTTP/1.1", "1.1")


def test_requests_share_a_connection(client):
    client.get("/").result()
    responses = client.gather([f"/{n}" for n in range(200)]).result()
    assert [r.json()["path"] for r in responses] == [f"/{n}" for n in range(200)]
    assert {r.http_version for r in responses} == {"HTTP/2"}
    assert len({tuple(r.json()["client"]) for r in responses}) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE"])
def test_methods_and_bodies(client, method):
    body = b"z" * 300_000 if method in {"POST", "PUT"} else None
    response = client.request(method, "/", content=body).result()
    if method == "HEAD":
        assert response.content == b""
    else:
        request = response.json()
        assert (request["method"], request["body"]) == (method, len(body or b""))


def test_connection_specific_headers_are_not_sent(client):
    headers = {
        "Connection": "close",
        "TE": "gzip",
        "Transfer-Encoding": "chunked",
        "Content-Length": "7",
        "Upgrade": "x",
    }
    request = client.post("/", headers={**headers, "Host": "other.test"}, content=b"body").result().json()
    seen = [
        (name, value) for name, value in request["headers"] if name in {name.lower() for name in headers} | {"host"}
    ]
    assert sorted(seen) == [("content-length", "4"), ("host", "other.test")]
    assert request["body"] == 4


def test_a_body_above_max_body_keeps_the_connection(client):
    assert len(client.get("/bytes/3000000").result().content) == 3_000_000
    with pytest.raises(shoal.BodyTooLarge):
        client.get("/bytes/3000000", max_body="1MB").result()
    # The connection is still usable.
    assert client.get("/").result().ok


def test_timeout_and_cancellation_keep_the_connection(client):
    before = client.get("/").result().json()["client"]
    with pytest.raises(shoal.TotalTimeout) as caught:
        client.get("/slow", timeout=0.2).result()
    assert caught.value.phase == "headers"

    async def give_up():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.get("/slow"), 0.2)

    start = time.monotonic()
    asyncio.run(give_up())
    assert time.monotonic() - start < 5
    assert client.get("/").result().json()["client"] == before
