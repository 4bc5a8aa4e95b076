"""Code as users write it, for the type checker only: mypy reads it, nobody runs it.

Every `assert_type` is a promise of the stub; every `type: ignore` is something it must refuse (mypy warns of one
that is not needed).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from typing_extensions import assert_type

import shoal
from shoal import (
    Client,
    FetchError,
    HTTPStatusError,
    ItemError,
    Job,
    JobStats,
    Limits,
    Request,
    Response,
    Retry,
    Stream,
    Timeout,
    WorkerDied,
    parallel,
)
from shoal.testing import Server, ServerStats

URL = "http://127.0.0.1/"


def show(*_: object) -> None:
    """Stands for whatever users do."""


def batches() -> None:
    assert_type(shoal.gather_fetch([URL]), Job[list[Response]])
    assert_type(shoal.gather_fetch([URL]).result(), list[Response])
    assert_type(shoal.gather_fetch([URL], return_exceptions=False).result(timeout=3), list[Response])
    for result in shoal.gather_fetch([URL], return_exceptions=True).result():
        assert_type(result, Response | FetchError)
        if isinstance(result, FetchError):
            assert_type(result.index, int | None)
            assert_type(result.results, list[Response | None] | None)
        else:
            assert_type(result.elapsed, timedelta)
    shoal.gather_fetch(
        [
            URL,
            Request(URL, method="POST", json={"a": [1, None]}, timeout=Timeout(3, read=1)),
            (URL, {"params": {"a": 1}}),
            {"url": URL, "name": "one"},
        ],
        params=[("a", 1), ("b", None), ("c", ["x", "y"])],
        headers={"X-A": "1", "Accept": None},
        cookies={"a": "1"},
        auth=("user", "password"),
        concurrency=10,
        per_host=2,
        rate="10/s",
        timeout=None,
        deadline=60,
        retry=Retry(3, status_forcelist=[503], allowed_methods={"GET"}),
        max_body="10MiB",
        progress=lambda done, total: show(done / total),
        save_to=Path("out") / "{index}.json",
    )
    shoal.gather_fetch((url for url in [URL]), save_to=lambda index, request: f"{index}-{request.name}")
    shoal.gather_fetch(3)  # type: ignore[call-overload]
    shoal.gather_fetch([URL], timout=3)  # type: ignore[call-overload]
    shoal.gather_fetch([URL], concurrency="many")  # type: ignore[call-overload]
    shoal.gather_fetch([URL], client="no client")  # type: ignore[call-overload]


async def awaited() -> None:
    job = shoal.gather_fetch([URL])
    assert_type(await job, list[Response])
    assert_type(await asyncio.wait_for(job, 3), list[Response])
    assert_type(await asyncio.shield(job), list[Response])
    task = asyncio.create_task(job)
    assert_type(task, asyncio.Task[list[Response]])
    async with Client() as client:
        assert_type(client, Client)
        first, second = await asyncio.gather(client.get(URL), client.head(URL))
        assert_type(first, Response)
        assert_type(second, Response)
        assert_type(await client.gather(["/a"]), list[Response])
        assert_type(await client.gather(["/a"], return_exceptions=True), list[Response | FetchError])
    assert_type(job.stats, JobStats)
    assert_type(job.stats.by_status, dict[int, int])
    assert_type(job.exception(), BaseException | None)
    job.add_done_callback(lambda done: show(done.result()[0].status_code))
    await client.aclose()


async def streams() -> None:
    async def urls() -> AsyncIterator[str]:
        yield URL

    assert_type(shoal.stream_fetch([URL]), Stream[Response])
    async for response in shoal.stream_fetch(urls(), ordered=True, buffer=3):
        assert_type(response, Response)
    for result in shoal.stream_fetch(iter([URL]), return_exceptions=True):
        assert_type(result, Response | FetchError)
    async with shoal.stream_fetch([URL]) as stream:
        assert_type(await stream.__anext__(), Response)
        await stream.aclose()
    shoal.gather_fetch(urls())  # type: ignore[call-overload]


def generator() -> Iterator[int]:
    with shoal.stream_fetch([URL], progress=lambda done, total: show(done, total or "?")) as stream:
        for response in stream:
            yield response.index


def clients() -> None:
    client = Client(
        base_url=URL,
        headers={"A": "b"},
        params={"a": 1},
        cookies={"a": "b"},
        auth="token",
        timeout=Timeout(30, connect=3),
        retry=2,
        limits=Limits(10, per_host=2, rate="5/s"),
        verify=Path("ca.pem"),
    )
    with client:
        response = client.post("/a", data={"a": "b"}, headers=[("A", "b")]).result()
        assert_type(response, Response)
        assert_type(response.raise_for_status(), Response)
        assert_type(response.content, bytes)
        assert_type(bytes(response), bytes)
        assert_type(client.limits, Limits)
        assert_type(client.cookies, dict[str, str])
        assert_type(client.request("PURGE", "/a").result().status_code, int)
    client.get("/a", method="POST")  # type: ignore[call-arg]
    client.get(3)  # type: ignore[arg-type]
    client.timeout = 3  # type: ignore[attr-defined]
    Client(tiemout=3)  # type: ignore[call-arg]
    Limits("many")  # type: ignore[arg-type]


def failures() -> None:
    try:
        shoal.gather_fetch([URL], raise_for_status=True).result()
    except HTTPStatusError as error:
        assert_type(error.response, Response)
    except (TimeoutError, ConnectionError):
        raise
    except FetchError as error:
        assert_type(error.phase, str | None)


def server() -> None:
    with Server(latency=0.1) as server:
        assert_type(server.url("/bytes/3"), str)
        assert_type(server.stats, ServerStats)
        assert_type(server.requests("/bytes"), int)


def cores() -> None:
    docs: list[str | bytes | Path | Response] = ["a", b"b", Path("c"), *shoal.gather_fetch([URL]).result()]
    assert_type(parallel.hash(docs), Job[list[str]])
    assert_type(parallel.compress(docs, "zstd", level=3).result(), list[bytes])
    assert_type(parallel.html_select(docs, "a", attr="href").result(), list[list[str]])
    for text in parallel.html_text(docs, on_error="return").result():
        if isinstance(text, ItemError):
            assert_type(text.index, int)
        else:
            assert_type(text, str)
    table = parallel.json_extract(docs, {"id": "/id"}, on_error="skip", workers=2, progress=True).result()
    assert_type(table, parallel.Table)
    assert_type(table["id"], parallel.Column)
    assert_type(table.to_pydict(), dict[str, list[Any]])
    assert_type(parallel.dedupe(docs, threshold=0.9).result(), list[int])
    assert_type(parallel.regex_replace(docs, "a", "b").result(), list[str])
    assert_type(parallel.regex_replace(docs, b"a", b"b").result(), list[bytes])
    assert_type(parallel.map(len, ["a", "b"]).result(), list[int])
    parallel.hash(3)  # type: ignore[call-overload]
    parallel.hash(docs, "sha1")  # type: ignore[call-overload]
    parallel.hash(docs, worker=3)  # type: ignore[call-overload]
    parallel.regex_replace(docs, "a", b"b")  # type: ignore[type-var]


def mapped() -> None:
    def text(number: int) -> str:
        return str(number)

    assert_type(parallel.map(text, [1]), Job[list[str]])
    assert_type(parallel.map(text, iter([1]), on_error="skip", workers=2, timeout=3).result(), list[str])
    assert_type(parallel.map(text, range(3), on_error="return").result(), list[str | ItemError | WorkerDied])
    parallel.map(len, ["a"], backend="threads", chunksize=3, ordered=False, progress=lambda done, _: show(done))
    parallel.map(text, ["a"])  # type: ignore[arg-type]
    parallel.map(text, [1], backend="fork")  # type: ignore[call-overload]
    parallel.map(3, [1])  # type: ignore[call-overload]
