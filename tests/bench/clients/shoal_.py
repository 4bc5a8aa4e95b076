"""Shoal: the whole list as one Job, and every request as a Job of its own."""

from __future__ import annotations

import shoal
from common import Work, check_status, main


async def batch(work: Work) -> None:
    """One ``gather_fetch``."""
    client = shoal.Client()
    work.start()
    responses = await shoal.gather_fetch(work.urls, concurrency=work.concurrency, client=client)
    bodies = []
    for response in responses:
        check_status(response.status_code)
        bodies.append(response.content)
    work.finish(bodies)


async def singles(work: Work) -> None:
    """One client, ``await client.get(url)``."""
    async with shoal.Client() as client:

        async def fetch(url: str) -> bytes:
            response = await client.get(url)
            check_status(response.status_code)
            return response.content

        await work.singles(fetch)


main("shoal", {"batch": batch, "singles": singles})
