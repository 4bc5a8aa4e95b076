"""httpx, one AsyncClient, every request awaited by itself: it has no batch."""

from __future__ import annotations

from io import FileIO
from typing import Any

import httpx
import orjson

from common import LARGE, Work, check_status, main, write


async def singles(work: Work) -> None:
    """One client with a connection for every request in flight."""
    limits = httpx.Limits(max_connections=work.concurrency, max_keepalive_connections=work.concurrency)
    async with httpx.AsyncClient(limits=limits, timeout=None) as client:

        async def fetch(url: str) -> bytes:
            response = await client.get(url)
            check_status(response.status_code)
            return response.content

        async def parse(url: str) -> Any:
            return orjson.loads(await fetch(url))

        async def save(url: str, path: str) -> None:
            if work.size <= LARGE:
                write(path, await fetch(url))
                return
            async with client.stream("GET", url) as response:
                check_status(response.status_code)
                with FileIO(path, "w") as file:
                    async for piece in response.aiter_raw():
                        file.write(piece)

        await work.singles(fetch, parse, save)


main({"singles": singles})
