"""Request bodies: their framing, and their release when the server does not read them."""

from __future__ import annotations

import asyncio
import gc

import pytest

pytest.importorskip("trustme")

import shoal
from conftest import open_sockets, resident, wait_until
from servers.base import Server
from servers.origin import Origin
from servers.tls import Certificates

pytestmark = pytest.mark.usefixtures("transport")


@pytest.fixture(scope="module")
def certificates():
    return Certificates()


def test_headers_of_the_caller_cannot_break_the_framing() -> None:
    with Origin() as origin, shoal.Client() as client:
        for headers in ({"Content-Length": "3"}, {"Content-Length": "300"}, {"Transfer-Encoding": "chunked"}):
            assert client.post(origin.url, content=b"a body", headers=headers).result().content == b"here"
        assert client.post(origin.url, content=b"last", headers={"Connection": "close"}).result().content == b"here"
        assert [request.body for request in origin.requests] == [b"a body"] * 3 + [b"last"]
        assert [request.get("transfer-encoding") for request in origin.requests] == [None, None, "chunked", None]
        assert len(origin.connections) == 1
        assert origin.wait_all_closed()


class Deaf(Server):
    """Reads nothing after the handshake, or after the head of a request to a proxy."""

    async def serve(self, connection) -> None:
        connection.reader._transport.pause_reading()  # asyncio would read ahead
        await asyncio.sleep(60)


@pytest.mark.parametrize("how", ["http", "https", "proxy"])
def test_an_upload_that_is_not_read_is_released(certificates, monkeypatch, how) -> None:
    body = b"x" * 40_000_000  # too large for malloc to keep after free
    with Deaf(certificates.good if how == "https" else None) as deaf:
        url = deaf.url
        if how == "proxy":
            monkeypatch.setenv("HTTP_PROXY", deaf.url)
            url = "http://upload.test"
        with shoal.Client(verify=certificates.ca_pem, retry=0) as client:
            before, sockets = resident(), open_sockets()
            with pytest.raises(shoal.TotalTimeout):
                client.post(url, content=body, timeout=0.5).result()
            # The server's end stays open, because the server does not read.
            assert wait_until(lambda: open_sockets() <= sockets + 1)
            gc.collect()  # the error refers to the request
            assert wait_until(lambda: resident() - before < 20_000_000)
