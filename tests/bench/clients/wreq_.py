"""wreq, one client, every request awaited by itself: it has no batch."""

from __future__ import annotations

import wreq

from common import Work, check_status, main


async def singles(work: Work) -> None:
    """One client with its defaults."""
    client = wreq.Client()

    async def fetch(url: str) -> memoryview:
        response = await client.get(url)
        check_status(response.status.as_int())
        return await response.bytes()

    await work.singles(fetch)


main("wreq", {"singles": singles})
