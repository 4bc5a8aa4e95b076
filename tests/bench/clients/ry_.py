"""ry, one client, every request awaited by itself: it has no batch."""

from __future__ import annotations

from io import FileIO
from typing import Any

import orjson
import ry

from common import LARGE, Body, Work, check_status, main, write


async def singles(work: Work) -> None:
    """One client with its defaults."""
    client = ry.Client()

    async def fetch(url: str) -> Body:
        response = await client.get(url)
        check_status(response.status)
        return memoryview(await response.bytes())

    async def parse(url: str) -> Any:
        return orjson.loads(await fetch(url))

    async def save(url: str, path: str) -> None:
        if work.size <= LARGE:
            write(path, await fetch(url))
            return
        response = await client.get(url)
        check_status(response.status)
        with FileIO(path, "w") as file:
            async for piece in response.bytes_stream(LARGE):
                file.write(piece)

    await work.singles(fetch, parse, save)


main({"singles": singles})
