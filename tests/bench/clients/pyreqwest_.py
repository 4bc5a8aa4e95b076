"""pyreqwest, one client, every request awaited by itself: it has no batch."""

from __future__ import annotations

from pyreqwest.client import ClientBuilder

from common import Body, Work, check_status, main


async def singles(work: Work) -> None:
    """One client with its defaults."""
    async with ClientBuilder().build() as client:

        async def fetch(url: str) -> Body:
            response = await client.get(url).build().send()
            check_status(response.status)
            return memoryview(await response.bytes())

        await work.singles(fetch)


main("pyreqwest", {"singles": singles})
