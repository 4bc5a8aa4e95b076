"""Decompression bombs: decoding stops at max_body, and other requests are not delayed."""

from __future__ import annotations

import gzip
import threading
import time
import zlib

import pytest

import shoal
from servers.scripted import READ, Scripted, reply
from shoal import parallel

pytestmark = pytest.mark.usefixtures("transport")

# A gzip member of empty blocks: 5 bytes each, which an outer coding compresses to almost nothing.
NOTHING = b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + b"\0\0\0\xff\xff" * (30 << 20)


@pytest.fixture(scope="module")
def bombs() -> dict[str, bytes]:
    """Bombs by Content-Encoding: kilobytes that unpack to 150 MB or more of empty gzip blocks."""
    brotli, zstd = (parallel.compress([NOTHING], format=name).result()[0] for name in ("brotli", "zstd"))
    packed = gzip.compress(NOTHING, 1)
    assert len(brotli) < 100_000
    return {
        "gzip, br": brotli,
        "gzip, zstd": zstd,
        "gzip, gzip": packed,
        "gzip, deflate": zlib.compress(NOTHING, 1),
        "gzip, gzip, br": parallel.compress([packed], format="brotli").result()[0],
    }


def encoded_reply(coding: str, body: bytes) -> bytes:
    return reply(body, headers=[f"Content-Encoding: {coding}"])


CODINGS = ["gzip, br", "gzip, zstd", "gzip, gzip", "gzip, deflate", "gzip, gzip, br"]


@pytest.mark.parametrize("coding", CODINGS)
def test_empty_blocks_count_against_max_body(bombs, coding):
    with Scripted([READ, encoded_reply(coding, bombs[coding])]) as server, shoal.Client(timeout=20) as client:
        with pytest.raises(shoal.BodyTooLarge, match="max_body"):
            client.get(server.url).result()
        with pytest.raises(shoal.BodyTooLarge, match="1000000 bytes"):
            client.get(server.url, max_body="1MB").result()


@pytest.mark.parametrize("coding", ["gzip, br", "gzip, zstd"])
def test_timeout_and_cancellation_interrupt_decoding(bombs, coding):
    # Without max_body this body takes about a second.
    with Scripted([READ, encoded_reply(coding, bombs[coding] * 1)]) as server, shoal.Client(max_body=None) as client:
        begun = time.monotonic()
        with pytest.raises(shoal.TotalTimeout):
            client.get(server.url, timeout=0.05).result()
        job = client.get(server.url, timeout=None)
        time.sleep(0.05)
        job.cancel()
        assert job.cancelled()
        assert server.wait_all_closed()
        assert time.monotonic() - begun < 3


def test_decoding_bombs_does_not_delay_other_requests(bombs, server):
    scripts = [READ, encoded_reply("gzip, br", bombs["gzip, br"])]
    with Scripted(scripts) as bomber, shoal.Client(timeout=None) as victim, shoal.Client() as other:
        bombing = victim.gather([bomber.url] * 8, return_exceptions=True)
        started, longest = time.monotonic(), 0.0
        while not bombing.done():
            begun = time.monotonic()
            assert other.get(server.url("/bytes/100"), timeout=10).result().ok
            longest = max(longest, time.monotonic() - begun)
        # Eight bombs are decoded in turns of a millisecond, so no other request waits for as long as one bomb takes.
        assert longest < (time.monotonic() - started) / 4
        assert {type(error) for error in bombing.result()} == {shoal.BodyTooLarge}


@pytest.mark.parametrize("path", ["gzip-bomb", "br-bomb", "zstd-bomb"])
def test_a_saved_bomb_fails_and_leaves_no_file(server, tmp_path, path):
    url = server.url(f"/fault/{path}?mb=2000")
    (error,) = shoal.gather_fetch([url], save_to=tmp_path / "{index}", return_exceptions=True).result()
    assert type(error) is shoal.BodyTooLarge
    assert list(tmp_path.iterdir()) == []


def test_the_limit_of_a_saved_body_grows_with_the_received_bytes(server, tmp_path):
    # The default limit of a saved body is 64 MiB and 100 times the received bytes: uncompressed bodies always fit.
    zeros = bytes(66 << 20)
    (packed,) = parallel.compress([zeros], format="gzip").result()
    assert len(packed) * 100 > 2 << 20
    with Scripted([READ, encoded_reply("gzip", packed)]) as origin, shoal.Client() as client:
        (response,) = client.gather([origin.url], save_to=tmp_path / "packed").result()
        assert response.path.stat().st_size == len(zeros)
        with pytest.raises(shoal.BodyTooLarge):
            client.get(origin.url).result()
        for max_body in ("64MiB", "66MiB"):
            job = client.gather([origin.url], save_to=tmp_path / "given", max_body=max_body, return_exceptions=True)
            (result,) = job.result()
            assert isinstance(result, shoal.BodyTooLarge) == (max_body == "64MiB")
    url = server.url("/bytes/80000000")
    (response,) = shoal.gather_fetch([url], save_to=tmp_path / "plain").result()
    assert response.path.stat().st_size == 80_000_000
    with shoal.Client(max_body="64MiB") as client:
        (error,) = client.gather([url], save_to=tmp_path / "no", return_exceptions=True).result()
    assert type(error) is shoal.BodyTooLarge
    assert not (tmp_path / "no").exists()


def test_many_chunks_of_one_byte_do_not_block_other_requests(server):
    body = b"1\r\nx\r\n" * 1_000_000 + b"0\r\n\r\n"
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    with Scripted([READ, chunked]) as origin, shoal.Client() as client, shoal.Client() as other:
        done = threading.Event()
        job = client.get(origin.url)
        job.add_done_callback(lambda _: done.set())
        while not done.is_set():
            assert other.get(server.url("/bytes/100"), timeout=5).result().ok
        assert job.result().content == b"x" * 1_000_000
