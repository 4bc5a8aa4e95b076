"""HTTP/2 peers that flood, refuse, stall or send invalid frames: a request fails soon and releases its resources."""

from __future__ import annotations

import asyncio
import gc
import struct
import time

import pytest

pytest.importorskip("trustme")

import shoal
from conftest import open_sockets, resident, wait_until
from servers.frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    HTTP_1_1_REQUIRED,
    INITIAL_WINDOW_SIZE,
    INTERNAL_ERROR,
    NO_ERROR,
    PADDED,
    PING,
    PRIORITY,
    REFUSED_STREAM,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Peer,
    frame,
    head,
)
from servers.tls import Certificates

BODY = b"x" * 40_000_000  # more than the arenas of malloc keep
ONE_MORE = struct.pack(">I", 1)


@pytest.fixture(scope="module")
def certificates():
    return Certificates()


@pytest.fixture
def client(certificates):
    with shoal.Client(verify=certificates.ca_pem, retry=0, timeout=20) as client:
        yield client


@pytest.fixture
def peer(certificates):
    """Starts a peer that sends a valid preface and then runs the function of the test on each connection."""
    peers = []

    def make(behave, settings=None):
        async def begin_and_behave(frames):
            await frames.begin(settings)
            await behave(frames)

        peers.append(Peer(certificates.http2, begin_and_behave).__enter__())
        return peers[-1]

    yield make
    for each in peers:
        each.__exit__(None)


# Floods. Each frame is valid; their number is the attack.

FLOODS = {
    "WINDOW_UPDATE": frame(WINDOW_UPDATE, 0, 0, ONE_MORE),
    "WINDOW_UPDATE of the stream": frame(WINDOW_UPDATE, 0, 1, ONE_MORE),
    "PRIORITY": frame(PRIORITY, 0, 1, b"\0\0\0\0\x10"),
    "unknown": frame(99, 0, 0, b""),
    "unknown and large": frame(99, 0, 0, b"x" * 16384),
    "103": frame(HEADERS, END_HEADERS, 1, head(103)),
    "PING": frame(PING, 0, 0, b"12345678"),
    "SETTINGS": frame(SETTINGS),
    "CONTINUATION": frame(CONTINUATION, 0, 1, b""),
    "padding": frame(DATA, PADDED, 1, b"\0"),
    "data for nobody": frame(DATA, 0, 1, b"x"),
    "resets": frame(RST_STREAM, 0, 1, struct.pack(">I", NO_ERROR)),
}


def beginning(name: str, stream: int) -> bytes:
    """The frames that must precede the flood."""
    if name == "CONTINUATION":
        return frame(HEADERS, 0, stream, head(200))
    return frame(HEADERS, END_HEADERS, stream, head(200)) if name == "padding" else b""


@pytest.mark.parametrize("name", [name for name in FLOODS if name not in {"data for nobody", "resets"}])
def test_a_flood_ends_its_request_and_its_connection(client, peer, name) -> None:
    async def behave(frames) -> None:
        await frames.send(beginning(name, await frames.request()))
        await frames.flood(FLOODS[name])

    server = peer(behave)
    begun = time.monotonic()
    with pytest.raises(shoal.ProtocolError):
        client.get(server.url).result()
    assert time.monotonic() - begun < 10
    assert server.wait_all_closed()
    assert server.spoken[0].sent < 64_000_000


@pytest.mark.parametrize("name", [name for name in FLOODS if name not in {"CONTINUATION", "103", "padding"}])
def test_a_flood_without_requests_ends_the_connection(client, peer, name) -> None:
    async def behave(frames) -> None:
        await frames.request()
        while (await frames.next())[0] != RST_STREAM:
            pass
        await frames.flood(FLOODS[name])

    server = peer(behave)
    with pytest.raises(shoal.TotalTimeout):
        client.get(server.url, timeout=0.3).result()
    assert server.wait_all_closed()


def test_pings_of_a_server_that_responds_are_no_flood(client, peer) -> None:
    async def behave(frames) -> None:
        for _ in range(20):
            stream = await frames.request()
            await frames.send(FLOODS["PING"] * 1000)
            await frames.answer(stream, b"here")

    server = peer(behave)
    for _ in range(20):
        assert client.get(server.url).result().content == b"here"
    assert len(server.connections) == 1


def test_window_updates_during_an_upload_are_no_flood(client, peer) -> None:
    async def behave(frames) -> None:
        while True:
            kind, flags, stream, payload = await frames.next()
            if kind == DATA and payload:
                more = struct.pack(">I", len(payload) // 2 or 1)
                await frames.send(*[frame(WINDOW_UPDATE, 0, number, more) * 2 for number in (0, stream)])
            if kind == DATA and flags & END_STREAM:
                await frames.answer(stream, b"done")

    server = peer(behave, {INITIAL_WINDOW_SIZE: 2000})
    assert client.post(server.url, content=BODY[:6_000_000]).result().content == b"done"


def test_header_bombs_are_refused(client, peer) -> None:
    """One field of 4,000 bytes in the dynamic table, and references to it of one byte each."""

    async def behave(frames) -> None:
        stream = await frames.request()
        large = b"\x40\x01a\x7f" + bytes([0x80 | (4000 - 127) & 0x7F, (4000 - 127) >> 7]) + b"x" * 4000
        await frames.send(frame(HEADERS, END_STREAM, stream, head(200) + large))
        await frames.flood(frame(CONTINUATION, 0, stream, b"\xbe" * 16000))

    server = peer(behave)
    before = resident()
    with pytest.raises(shoal.ProtocolError):
        client.get(server.url).result()
    assert server.wait_all_closed()
    assert resident() - before < 64_000_000


def test_heads_are_bounded_by_their_size(client, peer) -> None:
    async def behave(frames) -> None:
        for count in (150, 20_000):
            stream = await frames.request()
            block = head(200, *[(b"n%d" % n, b"v" * 50) for n in range(count)])
            pieces = [block[at : at + 16384] for at in range(0, len(block), 16384)]
            kinds = [HEADERS] + [CONTINUATION] * (len(pieces) - 1)
            ends = [0] * (len(pieces) - 1) + [END_HEADERS]
            for kind, flags, piece in zip(kinds, ends, pieces, strict=True):
                await frames.send(frame(kind, flags | (END_STREAM if kind == HEADERS else 0), stream, piece))
        await frames.next()

    server = peer(behave)
    assert len(client.get(server.url).result().headers) == 150
    with pytest.raises(shoal.ProtocolError):
        client.get(server.url).result()


# An unprocessed request may be sent again, whatever its method.


def test_a_refused_request_is_resent(client, peer) -> None:
    async def behave(frames) -> None:
        for refused in (True, True, False):
            stream = await frames.request()
            await (frames.reset(stream, REFUSED_STREAM) if refused else frames.answer(stream, b"done"))
        await frames.request()

    server = peer(behave)
    response = client.gather([shoal.Request(server.url, method="POST", content=b"order")], retry=2).result()[0]
    assert (response.content, response.attempts) == (b"done", 3)


@pytest.mark.parametrize("retry", [0, 1])
def test_a_refused_request_obeys_retry(client, peer, retry) -> None:
    async def behave(frames) -> None:
        while True:
            await frames.reset(await frames.request(), REFUSED_STREAM)

    server = peer(behave)
    with pytest.raises(shoal.ProtocolError, match="REFUSED_STREAM") as caught:
        client.gather([shoal.Request(server.url, method="POST", content=b"order")], retry=retry).result()
    assert caught.value.attempts == retry + 1


def test_a_request_after_the_last_processed_one_is_resent(client, peer) -> None:
    async def behave(frames) -> None:
        stream = await frames.request()
        if len(server.spoken) == 1:
            await frames.go_away(0)
            await frames.next()
        else:
            await frames.answer(stream, b"done")
            await frames.request()

    server = peer(behave)
    response = client.gather([shoal.Request(server.url, method="POST", content=b"order")], retry=2).result()[0]
    assert (response.content, response.attempts, len(server.connections)) == (b"done", 2, 2)


@pytest.mark.parametrize("announced", ["reset", "goaway"])
def test_a_server_that_requires_http1_gets_requests_over_http1(client, certificates, announced) -> None:
    protocols = []

    async def behave(frames) -> None:
        protocols.append(frames.writer.get_extra_info("ssl_object").selected_alpn_protocol())
        if protocols[-1] == "h2":
            await frames.begin()
            while True:
                stream = await frames.request()
                if announced == "reset":
                    await frames.reset(stream, HTTP_1_1_REQUIRED)
                else:
                    await frames.go_away(0, HTTP_1_1_REQUIRED)
        while True:
            await frames.reader.readuntil(b"\r\n\r\norder")
            frames.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")

    with Peer(certificates.http2, behave) as server:
        for _ in range(2):
            orders = [shoal.Request(server.url, method="POST", content=b"order")] * 10
            responses = client.gather(orders).result()
            assert {(response.content, response.attempts) for response in responses} == {(b"done", 1)}
    assert protocols.count("h2") == 1


@pytest.mark.parametrize("end", ["goaway", "internal error", "closed"])
def test_a_request_that_may_have_been_processed_is_not_resent(client, peer, end) -> None:
    async def behave(frames) -> None:
        stream = await frames.request()
        if end == "goaway":
            await frames.go_away(stream, INTERNAL_ERROR)
        elif end == "internal error":
            await frames.reset(stream, INTERNAL_ERROR)

    server = peer(behave)
    with pytest.raises((shoal.ProtocolError, shoal.ReadError)) as caught:
        client.gather([shoal.Request(server.url, method="POST", content=b"order")], retry=2).result()
    assert caught.value.attempts == 1


def test_a_closing_connection_completes_its_requests(client, peer) -> None:
    async def behave(frames) -> None:
        stream = await frames.request()
        if len(server.spoken) == 1:
            await frames.go_away(stream)
            await asyncio.sleep(0.1)
        await frames.answer(stream, b"here")
        await frames.next()

    server = peer(behave)
    for _ in range(2):
        assert client.post(server.url, content=b"order").result().content == b"here"
    assert len(server.connections) == 2


# Early responses, windows, and peers that do not read.


@pytest.mark.parametrize("reset", [True, False])
def test_a_response_before_the_body_was_sent(client, peer, reset) -> None:
    async def behave(frames) -> None:
        stream = await frames.request(whole=False)
        await frames.answer(stream, b"too large", status=413)
        if reset:
            await frames.reset(stream, NO_ERROR)
        await frames.answer(await frames.request(), b"next")
        await frames.next()

    server = peer(behave)
    response = client.post(server.url, content=BODY).result()
    assert (response.status_code, response.content) == (413, b"too large")
    assert client.get(server.url).result().content == b"next"
    assert len(server.connections) == 1


def test_a_reset_in_the_body_is_an_incomplete_body(client, peer) -> None:
    async def behave(frames) -> None:
        stream = await frames.request()
        await frames.send(frame(HEADERS, END_HEADERS, stream, head(200)), frame(DATA, 0, stream, b"half"))
        await frames.reset(stream, NO_ERROR)
        await frames.next()

    server = peer(behave)
    with pytest.raises(shoal.IncompleteBody):
        client.get(server.url).result()


def test_windows_of_one_byte(client, peer) -> None:
    async def behave(frames) -> None:
        sent = b""
        while True:
            kind, flags, stream, payload = await frames.next()
            sent += payload if kind == DATA else b""
            if kind == DATA and flags & END_STREAM:
                await frames.answer(stream, sent)
            elif kind in {HEADERS, DATA}:
                await frames.send(frame(WINDOW_UPDATE, 0, stream, ONE_MORE))

    server = peer(behave, {INITIAL_WINDOW_SIZE: 0})
    assert client.post(server.url, content=b"piece by piece").result().content == b"piece by piece"
    with pytest.raises(shoal.ProtocolError):
        client.post(server.url, content=BODY).result()
    assert server.wait_all_closed()


@pytest.mark.parametrize("reads", [True, False])
def test_an_upload_that_is_not_read_is_released(client, peer, reads) -> None:
    async def behave(frames) -> None:
        if not reads:
            await frames.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 2**30)))
        await frames.request(whole=False)
        while reads:
            await frames.next()
        frames.reader._transport.pause_reading()  # asyncio would read ahead
        await asyncio.sleep(60)

    server = peer(behave, {INITIAL_WINDOW_SIZE: 0 if reads else 2**31 - 1})
    before, sockets = resident(), open_sockets()

    async def post() -> None:
        with pytest.raises(shoal.TotalTimeout):
            await client.post(server.url, content=BODY, timeout=0.5)

    asyncio.run(post())
    gc.collect()  # the error holds the request
    assert wait_until(lambda: resident() - before < 20_000_000)
    if not reads:
        # The socket of the server stays open, because the server does not read.
        assert wait_until(lambda: open_sockets() <= sockets + 1)


def test_idle_connections_close_with_their_client(certificates, peer) -> None:
    async def behave(frames) -> None:
        await frames.answer(await frames.request(), b"here")
        await frames.next()

    server = peer(behave)
    with shoal.Client(verify=certificates.ca_pem) as client:
        assert client.get(server.url).result().content == b"here"
    assert server.wait_all_closed()
