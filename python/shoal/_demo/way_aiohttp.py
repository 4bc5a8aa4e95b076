"""Many at a time with aiohttp and aiofiles, as a careful user writes it."""

import asyncio
import random
from pathlib import Path

import aiofiles
import aiohttp
from tqdm.asyncio import tqdm

ATTEMPTS = 3
RETRIED = {408, 425, 429, 500, 502, 503, 504}


async def fetch_one(session: aiohttp.ClientSession, limit: asyncio.Semaphore, url: str, path: Path) -> None:
    """Fetches one document, with retries, and saves it whole or not at all."""
    body = b""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            async with limit, session.get(url) as response:
                response.raise_for_status()
                body = await response.read()
            break
        except (aiohttp.ClientError, asyncio.TimeoutError) as error:
            final = isinstance(error, aiohttp.ClientResponseError) and error.status not in RETRIED
            if final or attempt == ATTEMPTS:
                raise
            await asyncio.sleep(0.2 * 2**attempt + random.random())  # noqa: S311 - jitter, no secret
    partial = path.with_name(path.name + ".partial")
    async with aiofiles.open(partial, "wb") as file:
        await file.write(body)
    partial.replace(path)


async def fetch_all(plan: list[tuple[str, str]], folder: Path, concurrency: int) -> None:
    """Saves each URL of the plan as NAME.json."""
    limit = asyncio.Semaphore(concurrency)
    connector = aiohttp.TCPConnector(limit=concurrency)
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        calls = [fetch_one(session, limit, url, folder / f"{name}.json") for url, name in plan]
        await tqdm.gather(*calls, unit="req")
