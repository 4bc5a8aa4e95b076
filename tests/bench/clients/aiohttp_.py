"""aiohttp, one session, every request awaited by itself: it has no batch."""

from __future__ import annotations

import ssl
from io import FileIO
from typing import Any

import aiofiles
import aiohttp
import orjson

from common import AUTHORITY, LARGE, Work, check_status, main, write


async def run(work: Work, *, own_json: bool = False, threads: bool = False) -> None:
    """One session with a connection for every request in flight; JSON is parsed with orjson unless ``own_json``."""
    context = ssl.create_default_context(cafile=AUTHORITY) if work.tls else True
    connector = aiohttp.TCPConnector(limit=work.concurrency, ssl=context)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def fetch(url: str) -> bytes:
            async with session.get(url) as response:
                check_status(response.status)
                return await response.read()

        async def parse(url: str) -> Any:
            async with session.get(url) as response:
                check_status(response.status)
                return await response.json() if own_json else orjson.loads(await response.read())

        async def save(url: str, path: str) -> None:
            async with session.get(url) as response:
                check_status(response.status)
                if threads:
                    async with aiofiles.open(path, "wb") as file:
                        await file.write(await response.read())
                elif work.size <= LARGE:
                    write(path, await response.read())
                else:
                    with FileIO(path, "w") as file:
                        async for piece in response.content.iter_any():
                            file.write(piece)

        await work.singles(fetch, parse, save)


async def singles(work: Work) -> None:
    """The fastest way."""
    await run(work)


async def json(work: Work) -> None:
    """``await response.json()``, which is the standard library's."""
    await run(work, own_json=True)


async def aiofiles_(work: Work) -> None:
    """Files are written in threads, which does not block the loop."""
    await run(work, threads=True)


main({"singles": singles, "json": json, "aiofiles": aiofiles_})
