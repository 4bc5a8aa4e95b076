"""Shoal: the whole list as one Job, each request as its own Job, and as a stream."""

from __future__ import annotations

import zlib
from typing import Any

import shoal
from common import AUTHORITY, Work, check_status, looked_at, main


def client_for(work: Work) -> shoal.Client:
    """The defaults, except for the needs of the work: the authority, bodies of 100 MiB, all requests at once."""
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


async def connected(work: Work) -> shoal.Client:
    """A client whose connections are open."""
    client = client_for(work)
    await client.gather(work.urls[: work.concurrency])
    return client


async def calls(work: Work) -> None:
    """Sequential calls of ``gather_fetch``."""
    client = await connected(work)
    work.start()
    responses: list[shoal.Response] = []
    for urls in work.calls():
        responses += await client.gather(urls)
    work.finish(responses)
    work.results = [response.content for response in responses]


async def stream(work: Work) -> None:
    """Sequential calls of ``stream_fetch``; results are dropped."""
    client = await connected(work)
    work.start()
    count = checksum = 0
    for urls in work.calls():
        async for response in shoal.stream_fetch(urls, client=client):
            check_status(response.status_code)
            checksum = zlib.crc32(response.content, checksum)
            count += 1
    work.finish(range(count), checksum)


main({"batch": batch, "singles": singles, "calls": calls, "stream": stream})
