"""The hot paths that begin and end in Python: ``hot_paths.py PATH N BASE_URL``, with the server of ``hot_paths.rs``."""

from __future__ import annotations

import asyncio
import sys

import shoal

SMALL = 111


def check(response: shoal.Response) -> None:
    """Uses the common attributes of a response."""
    if response.status_code != 200 or len(response.content) != SMALL or response.json()["id"] != 23:
        raise SystemExit(f"not what was expected: {response!r}")


async def gather(base: str, n: int) -> None:
    """All requests in one job."""
    for response in await shoal.gather_fetch([f"{base}/small?i={i}" for i in range(n)], concurrency=1):
        check(response)


async def get(base: str, n: int) -> None:
    """Sequential requests."""
    async with shoal.Client() as client:
        for i in range(n):
            check(await client.get(f"{base}/late?i={i}"))


if __name__ == "__main__":
    path, count, url = sys.argv[1:]
    asyncio.run({"py_gather": gather, "py_get": get}[path](url, int(count)))
