"""Responses with a few bytes changed: where aiohttp and urllib3 agree, Shoal agrees, with both transports."""

from __future__ import annotations

import asyncio
import gzip
import random
import zlib
from typing import TYPE_CHECKING

import pytest

import shoal
from servers.base import Server

aiohttp = pytest.importorskip("aiohttp")
urllib3 = pytest.importorskip("urllib3")

if TYPE_CHECKING:
    from servers.base import Connection

pytestmark = pytest.mark.usefixtures("transport")

TEXT = b'{"rows": [1, 2, 3], "name": "a text that is long enough to be cut"}'
HEAD = b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Type: application/json\r\n"
CHUNKS = b"7\r\n" + TEXT[:7] + b"\r\n%x;ext=1\r\n" % len(TEXT[7:]) + TEXT[7:] + b"\r\n0\r\nX-Trailer: t\r\n\r\n"


def with_length(body: bytes, *lines: bytes) -> bytes:
    return HEAD + b"".join(line + b"\r\n" for line in lines) + b"Content-Length: %d\r\n\r\n" % len(body) + body


ANSWERS = [
    with_length(TEXT, b"Set-Cookie: a=b; Path=/", b"X-Empty:"),
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    HEAD + b"Connection: close\r\n\r\n" + TEXT,
    with_length(gzip.compress(TEXT, mtime=0), b"Content-Encoding: gzip"),
    with_length(zlib.compress(TEXT), b"Content-Encoding: deflate"),
    b"HTTP/1.1 100 Continue\r\n\r\n" + with_length(TEXT),
    b"HTTP/1.0 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
    b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n",
]
# Parts of framing that are inserted or replace other bytes.
PIECES = [
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"0\r\n\r\n",
    b" ",
    b"\t",
    b":",
    b"\0",
    b"\x7f",
    b"\xff",
    b"0",
    b"-1",
    b"+",
]
PIECES += [b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"HTTP/1.1 ", b"ffffffffffffffff", b";"]
MUTANTS = 60  # per response


def mutated(raw_response: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        at = chance.randrange(len(raw_response))
        end = at + chance.choice((0, 0, 1, 1, 2, 8))
        match chance.randrange(4):
            case 0:
                raw_response = raw_response[:at] + chance.choice(PIECES) + raw_response[end:]
            case 1:
                raw_response = raw_response[:at] + bytes([chance.randrange(256)]) + raw_response[at + 1 :]
            case 2:
                raw_response = raw_response[:at] + raw_response[end:]
            case _:
                raw_response = raw_response[:end] + raw_response[at:]
        if not raw_response:
            return b""
    return raw_response


def mutants() -> list[bytes]:
    chance = random.Random(2026)
    return [*ANSWERS, *(mutated(raw_response, chance) for raw_response in ANSWERS for _ in range(MUTANTS))]


class Mutants(Server):
    """Sends the n-th response for a request to /n, and closes."""

    def __init__(self, raw_responses: list[bytes]) -> None:
        super().__init__()
        self.raw_responses = raw_responses

    async def serve(self, connection: Connection) -> None:
        request = await connection.read_request()
        if request is not None:
            connection.writer.write(self.raw_responses[int(request.target[1:])])
            await connection.writer.drain()


Seen = tuple[int, bytes] | None  # status and body; None for an error


def with_shoal(urls: list[str]) -> list[Seen]:
    job = shoal.gather_fetch(urls, retry=0, timeout=5, follow_redirects=False, return_exceptions=True)
    return [
        None if isinstance(result, Exception) else (result.status_code, bytes(result.content))
        for result in job.result(timeout=60)
    ]


async def with_aiohttp(urls: list[str]) -> list[Seen]:
    timeout = aiohttp.ClientTimeout(total=5)
    async with aiohttp.ClientSession(timeout=timeout) as session:

        async def one(url: str) -> Seen:
            try:
                async with session.get(url, allow_redirects=False) as response:
                    return response.status, await response.read()
            except (aiohttp.ClientError, asyncio.TimeoutError, ValueError):
                return None

        return [await one(url) for url in urls]


def with_urllib3(urls: list[str]) -> list[Seen]:
    def one(pool: urllib3.PoolManager, url: str) -> Seen:
        try:
            headers = {"Accept-Encoding": "gzip, deflate"}
            response = pool.request("GET", url, retries=False, redirect=False, timeout=5, headers=headers)
        except (urllib3.exceptions.HTTPError, ValueError):
            return None
        return response.status, response.data

    with urllib3.PoolManager() as pool:
        return [one(pool, url) for url in urls]


def test_shoal_agrees_where_aiohttp_and_urllib3_agree() -> None:
    raw_responses = mutants()
    with Mutants(raw_responses) as server:
        urls = [f"{server.url}/{n}" for n in range(len(raw_responses))]
        ours = with_shoal(urls)
        theirs = list(zip(asyncio.run(with_aiohttp(urls)), with_urllib3(urls), strict=True))
    agreed = [n for n, (first, second) in enumerate(theirs) if first == second and first is not None]
    assert len(agreed) > len(raw_responses) // 4
    wrong = [(raw_responses[n], ours[n], theirs[n][0]) for n in agreed if ours[n] != theirs[n][0]]
    assert not wrong
