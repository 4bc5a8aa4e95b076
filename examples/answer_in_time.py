"""Ask many services, and answer in time with what they had.

A handler of a web service, as FastAPI or aiohttp would call it: it asks twenty services at once and must answer within
a second, whatever they do. `deadline` bounds the whole batch. With `return_exceptions=True`, the results hold an
exception for each service that failed or was too late. The event loop stays free for other requests meanwhile.
"""

import asyncio

import shoal
import shoal.testing


async def handler(client: shoal.Client, services: list[str]) -> dict[str, object]:
    """Collects what the services know, in a second at most."""
    results = await client.gather(services, deadline=1.0, retry=0, return_exceptions=True)
    answers = [result.json() for result in results if isinstance(result, shoal.Response) and result.ok]
    late = [result for result in results if isinstance(result, shoal.DeadlineExceeded)]
    return {"answers": len(answers), "late": len(late), "failed": len(results) - len(answers) - len(late)}


async def main() -> None:
    """Lets three users ask at the same time."""
    with shoal.testing.Server() as server:
        services = [server.url(f"/json/{size}") for size in range(101, 118)]
        services += [server.url("/delay/60000"), server.url("/status/500"), server.url("/fault/reset")]
        loop = asyncio.get_running_loop()
        async with shoal.Client() as client:
            start = loop.time()
            for answer in await asyncio.gather(*(handler(client, services) for _ in range(3))):
                print(answer)
            print(f"in {loop.time() - start:.1f} s")


asyncio.run(main())
