"""curl_cffi, one AsyncSession, every request awaited by itself: it has no batch."""

from __future__ import annotations

from io import FileIO
from typing import Any

import orjson
from curl_cffi import AsyncSession

from common import LARGE, Work, check_status, main, write


async def singles(work: Work) -> None:
    """One session with a handle for every request in flight."""
    async with AsyncSession(max_clients=work.concurrency, timeout=100) as session:

        async def fetch(url: str) -> bytes:
            response = await session.get(url)
            check_status(response.status_code)
            content: bytes = response.content
            return content

        async def parse(url: str) -> Any:
            return orjson.loads(await fetch(url))

        async def save(url: str, path: str) -> None:
            if work.size <= LARGE:
                write(path, await fetch(url))
                return
            with FileIO(path, "w") as file:
                response = await session.get(url, content_callback=file.write)
                check_status(response.status_code)

        await work.singles(fetch, parse, save)


main({"singles": singles})
