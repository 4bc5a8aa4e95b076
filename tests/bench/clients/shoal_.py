"""Shoal: the whole list as one Job, and every request as a Job of its own."""

from __future__ import annotations

from typing import Any

import shoal
from common import AUTHORITY, Work, check_status, looked_at, main


def client_for(work: Work) -> shoal.Client:
    """With its defaults, but for what the work needs: our authority, a body of 100 MiB, all requests at once."""
    options: dict[str, Any] = {}
    if work.tls:
        options["verify"] = AUTHORITY
    if work.size > 50 << 20:
        options["max_body"] = "1GiB"
    return shoal.Client(limits=shoal.Limits(concurrency=work.concurrency), **options)


async def batch(work: Work) -> None:
    """One ``gather_fetch``."""
    client = client_for(work)
    save_to = f"{work.folder}/{{index:05}}.body" if work.task == "files" else None
    await work.start_ticker()
    work.start()
    responses = await shoal.gather_fetch(work.urls, concurrency=work.concurrency, save_to=save_to, client=client)
    await work.stop_ticker()
    results: list[Any] = []
    if work.task == "json":
        for response in responses:
            check_status(response.status_code)
            results.append(looked_at(response.json()))
    elif work.task == "bytes":
        for response in responses:
            check_status(response.status_code)
            results.append(response.content)
    else:
        results += responses
    work.finish(results)


async def singles(work: Work) -> None:
    """One client, ``await client.get(url)``."""
    async with client_for(work) as client:

        async def fetch(url: str) -> bytes:
            response = await client.get(url)
            check_status(response.status_code)
            return response.content

        async def parse(url: str) -> Any:
            response = await client.get(url)
            check_status(response.status_code)
            return response.json()

        await work.singles(fetch, parse)


main({"batch": batch, "singles": singles})
