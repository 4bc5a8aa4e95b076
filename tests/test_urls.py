"""URLs that wait as text: a list of them is the same requests as one by one."""

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


def test_a_list_asks_for_what_single_calls_ask_for(server) -> None:
    urls = [server.url(path) for path in PATHS]
    with shoal.Client() as client:
        single = [client.get(url).result() for url in urls]
        # Twice: of the first URL of a host nothing is known yet.
        listed = client.gather(urls * 2).result()
    assert [response.url for response in listed] == [response.url for response in single] * 2
    asked = [(told["raw_path"], told["raw_query"]) for told in (response.json() for response in listed)]
    assert asked == [(told["raw_path"], told["raw_query"]) for told in (response.json() for response in single)] * 2
    assert [response.request.url for response in listed] == [response.request.url for response in single] * 2


def test_method_body_and_headers_of_the_call_are_theirs(server) -> None:
    urls = [server.url(f"/echo?i={i}") for i in range(5)]
    responses = shoal.gather_fetch(urls, method="PUT", content=b"body", headers={"X-Of-Call": "yes"}).result()
    for index, response in enumerate(responses):
        told = response.json()
        assert (told["method"], told["body"]) == ("PUT", "body")
        assert dict(map(tuple, told["headers"]))["x-of-call"] == "yes"
        assert (response.index, response.request.method) == (index, "PUT")


def test_other_items_between_them_keep_their_places(server) -> None:
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


def test_hosts_that_take_turns(server, own) -> None:
    urls = [(server if i % 3 else own).url(f"/json/111?i={i}") for i in range(60)]
    responses = shoal.gather_fetch(urls).result()
    assert [response.url for response in responses] == urls
    assert [response.json()["i"] for response in responses] == list(range(60))


def test_those_that_had_no_turn_are_told_with_their_requests(server) -> None:
    urls = [server.url(f"/delay/5000?i={i}") for i in range(8)]
    results = shoal.gather_fetch(urls, concurrency=2, deadline=0.2, return_exceptions=True).result()
    assert all(isinstance(result, shoal.DeadlineExceeded) for result in results)
    assert [result.request.url for result in results] == urls
    assert [result.attempts for result in results] == [1, 1, 0, 0, 0, 0, 0, 0]
    with pytest.raises(shoal.DeadlineExceeded) as raised:
        shoal.gather_fetch([server.url("/json/111?i=0"), *urls], concurrency=1, deadline=0.3).result()
    assert [result is not None for result in raised.value.results] == [True] + [False] * 8


def test_a_cancelled_batch_lets_go_of_them(server) -> None:
    async def main() -> None:
        job = shoal.gather_fetch([server.url(f"/delay/5000?i={i}") for i in range(2000)], concurrency=4)
        await asyncio.sleep(0.05)
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job

    asyncio.run(main())


@pytest.mark.parametrize("start", ["http:///", "https://:80/", "HTTP:/"])
def test_a_lost_host_is_an_error_in_every_place(start: str) -> None:
    for count in (1, 2, 3):
        with pytest.raises(shoal.InvalidURL):
            shoal.gather_fetch([f"{start}path/{i}" for i in range(count)])
