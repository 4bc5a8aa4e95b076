"""wreq, one client, every request awaited by itself: it has no batch."""

from __future__ import annotations

from io import FileIO
from typing import Any

import orjson
import wreq

from common import LARGE, Work, check_status, main, write


async def singles(work: Work) -> None:
    """One client with its defaults."""
    client = wreq.Client()

    async def fetch(url: str) -> memoryview:
        response = await client.get(url)
        check_status(response.status.as_int())
        return await response.bytes()

    async def parse(url: str) -> Any:
        # Its own `response.json()` takes ten times as long.
        return orjson.loads(await fetch(url))

    async def save(url: str, path: str) -> None:
        if work.size <= LARGE:
            write(path, await fetch(url))
            return
        response = await client.get(url)
        check_status(response.status.as_int())
        with FileIO(path, "w") as file:
            async with response.stream() as stream:
                async for piece in stream:
                    file.write(piece)

    await work.singles(fetch, parse, save)


main({"singles": singles})
