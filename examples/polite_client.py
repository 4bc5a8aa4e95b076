"""Stay within the limits of an API, and get through its bad moments.

One client is shared by all parts of a program. Its limits hold for all of them together: here at most 8 requests at a
time, and 100 in a second to one origin. A status such as 503 is tried again, with growing pauses. A `Retry-After`
pauses all requests to that origin, not only the one that got it.
"""

import asyncio

import shoal
import shoal.testing


async def main() -> None:
    """Runs two batches at the same time on one client."""
    with shoal.testing.Server() as server:
        urls = [server.url(f"/delay/100?n={size}") for size in range(30)]  # each takes 100 ms
        unlucky = [
            server.url("/fault/flaky/2?key=flaky"),  # fails twice with 503
            server.url("/fault/429?key=busy&k=1&retry_after=1"),  # "too many requests", once
        ]
        async with shoal.Client(
            limits=shoal.Limits(concurrency=8, rate="100/s"),
            retry=shoal.Retry(total=4, backoff_factor=0.05),
            timeout=10,
        ) as client:
            first, second = client.gather(urls), client.gather(urls[:10] + unlucky)
            responses = await first + await second
        print(f"{sum(response.ok for response in responses)} of {len(responses)} succeeded")
        for response in responses[-2:]:
            print(f"{response.url.partition('/fault')[2]} took {response.attempts} attempts")
        print(f"the server saw at most {server.stats.peak_requests} requests at a time")
        print(f"retries: {first.stats.retries + second.stats.retries}")


asyncio.run(main())
