"""niquests, one AsyncSession, every request awaited by itself: its multiplexing needs HTTP/2 or HTTP/3."""

from __future__ import annotations

from io import FileIO
from typing import Any

import niquests
import orjson

from common import LARGE, Work, check_status, main, write


async def singles(work: Work) -> None:
    """One session with a connection for every request in flight."""
    async with niquests.AsyncSession(pool_connections=1, pool_maxsize=work.concurrency) as session:

        async def fetch(url: str) -> bytes:
            response = await session.get(url)
            check_status(response.status_code or 0)
            return response.content or b""

        async def parse(url: str) -> Any:
            return orjson.loads(await fetch(url))

        async def save(url: str, path: str) -> None:
            if work.size <= LARGE:
                write(path, await fetch(url))
                return
            response = await session.get(url, stream=True)
            check_status(response.status_code or 0)
            with FileIO(path, "w") as file:
                async for piece in await response.iter_content(LARGE):
                    file.write(piece)

        await work.singles(fetch, parse, save)


main({"singles": singles})
