"""Batches of URLs given as text: they must equal the same requests made one by one."""

import asyncio

import pytest

import shoal

PATHS = [
    "/echo?a=1",
    "/echo/../echo?b=ä ö",
    "/echo?c=%zz%",
    "/echo?d=1#fragment",
    "/echo/a\tb\n",
    "/echo/%65?e=😀",
    "/echo?f='\"<>`",
    "/echo/ ",
    "/echo?",
    "/./echo?g",
]


def test_a_batch_sends_the_same_requests_as_single_calls(server) -> None:
    urls = [server.url(path) for path in PATHS]
    with shoal.Client() as client:
        single = [client.get(url).result() for url in urls]
        # Twice, because the first URL of a host takes a different path than the others.
        listed = client.gather(urls * 2).result()
    assert [response.url for response in listed] == [response.url for response in single] * 2
    asked = [(seen["raw_path"], seen["raw_query"]) for seen in (response.json() for response in listed)]
    assert asked == [(seen["raw_path"], seen["raw_query"]) for seen in (response.json() for response in single)] * 2
    assert [response.request.url for response in listed] == [response.request.url for response in single] * 2


def test_options_of_the_call_apply_to_all_urls(server) -> None:
    urls = [server.url(f"/echo?i={i}") for i in range(5)]
    responses = shoal.gather_fetch(urls, method="PUT", content=b"body", headers={"X-Of-Call": "yes"}).result()
    for index, response in enumerate(responses):
        seen = response.json()
        assert (seen["method"], seen["body"]) == ("PUT", "body")
        assert dict(map(tuple, seen["headers"]))["x-of-call"] == "yes"
        assert (response.index, response.request.method) == (index, "PUT")


def test_other_items_between_urls_keep_their_places(server) -> None:
    plain = [server.url(f"/echo?i={i}") for i in range(6)]
    requests: list = list(plain)
    requests[2] = (plain[2], {"method": "POST"})
    requests[4] = "http://[broken"
    requests[5] = shoal.Request(plain[5], headers={"X-Own": "5"})
    results = shoal.gather_fetch(requests, return_exceptions=True).result()
    assert isinstance(results[4], shoal.InvalidURL)
    assert results[4].index == 4
    methods = [result.json()["method"] for index, result in enumerate(results) if index != 4]
    assert methods == ["GET", "GET", "POST", "GET", "GET"]
    with pytest.raises(shoal.InvalidURL) as raised:
        shoal.gather_fetch(requests)
    assert raised.value.index == 4


def test_alternating_hosts(server, own) -> None:
    urls = [(server if i % 3 else own).url(f"/json/111?i={i}") for i in range(60)]
    responses = shoal.gather_fetch(urls).result()
    assert [response.url for response in responses] == urls
    assert [response.json()["i"] for response in responses] == list(range(60))


def test_requests_not_started_at_the_deadline_have_errors(server) -> None:
    urls = [server.url(f"/delay/5000?i={i}") for i in range(8)]
    results = shoal.gather_fetch(urls, concurrency=2, deadline=0.2, return_exceptions=True).result()
    assert all(isinstance(result, shoal.DeadlineExceeded) for result in results)
    assert [result.request.url for result in results] == urls
    assert [result.attempts for result in results] == [1, 1, 0, 0, 0, 0, 0, 0]
    with pytest.raises(shoal.DeadlineExceeded) as raised:
        shoal.gather_fetch([server.url("/json/111?i=0"), *urls], concurrency=1, deadline=0.3).result()
    assert [result is not None for result in raised.value.results] == [True] + [False] * 8


def test_a_large_batch_can_be_cancelled(server) -> None:
    async def main() -> None:
        job = shoal.gather_fetch([server.url(f"/delay/5000?i={i}") for i in range(2000)], concurrency=4)
        await asyncio.sleep(0.05)
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job

    asyncio.run(main())


@pytest.mark.parametrize("start", ["http:///", "https://:80/", "HTTP:/"])
def test_a_url_without_host_is_refused_at_any_position(start: str) -> None:
    for count in (1, 2, 3):
        with pytest.raises(shoal.InvalidURL):
            shoal.gather_fetch([f"{start}path/{i}" for i in range(count)])
