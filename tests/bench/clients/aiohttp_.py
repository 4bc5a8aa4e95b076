"""aiohttp, one session, every request awaited by itself: it has no batch."""

from __future__ import annotations

import aiohttp

from common import Work, check_status, main


async def singles(work: Work) -> None:
    """One session with a connection for every request in flight."""
    connector = aiohttp.TCPConnector(limit=work.concurrency)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def fetch(url: str) -> bytes:
            async with session.get(url) as response:
                check_status(response.status)
                return await response.read()

        await work.singles(fetch)


main("aiohttp", {"singles": singles})
