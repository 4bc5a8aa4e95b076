"""`gather_fetch`: accepted items, precedence of options, refused arguments, and the order of results."""

import random
import types

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import shoal
from shoal import Request


def echoes(server, items, **options):
    return [response.json() for response in shoal.gather_fetch(items, **options).result()]


@pytest.fixture(scope="module")
def url(server) -> str:
    return server.url("/echo")


# Order and number of results.


def test_results_are_in_input_order(server, run) -> None:
    delays = [random.Random(7).randrange(60) for _ in range(120)]
    urls = [server.url(f"/delay/{delay}?n={index + 1}") for index, delay in enumerate(delays)]

    async def main():
        return await shoal.gather_fetch(urls, concurrency=40)

    responses = run(main())
    assert [len(response.content) for response in responses] == list(range(1, 121))
    assert [response.index for response in responses] == list(range(120))
    assert [response.url for response in responses] == urls


@pytest.mark.parametrize("nothing", [[], (), iter([]), set(), {}.keys()], ids=["list", "tuple", "iter", "set", "keys"])
def test_an_empty_batch(nothing, run) -> None:
    assert shoal.gather_fetch(nothing).result() == []

    async def main():
        return await shoal.gather_fetch(nothing, return_exceptions=True, deadline=1, progress=lambda done, total: None)

    assert run(main()) == []


def test_duplicates_are_fetched_each_time(server) -> None:
    address = server.url("/bytes/5?key=duplicates")
    responses = shoal.gather_fetch([address] * 20).result()
    assert server.attempts("duplicates") == 20
    assert len({id(response) for response in responses}) == 20


def test_every_kind_of_collection(server) -> None:
    urls = [server.url(f"/bytes/{n}") for n in range(1, 6)]
    for collection in (
        urls,
        tuple(urls),
        iter(urls),
        (url for url in urls),
        dict.fromkeys(urls).keys(),
        dict(enumerate(urls)).values(),
        map(str, urls),
    ):
        sizes = [len(response.content) for response in shoal.gather_fetch(collection).result()]
        assert sizes == [1, 2, 3, 4, 5]
    assert sorted(len(response.content) for response in shoal.gather_fetch(set(urls)).result()) == [1, 2, 3, 4, 5]


def test_every_form_of_an_item(server, url) -> None:
    class Text(str):
        __slots__ = ()

    options = {"method": "PUT", "content": b"body"}
    items = [
        url,
        Text(url),
        Request(url, **options),
        (url, options),
        (url, types.MappingProxyType(options)),
        (url, {}),
        {"url": url, **options},
        types.MappingProxyType({"url": url, **options}),
    ]
    seen = [(document["method"], document["body"]) for document in echoes(server, items)]
    plain, put = ("GET", ""), ("PUT", "body")
    assert seen == [plain, plain, put, put, put, plain, put, put]


# Precedence of options.


def test_params_headers_and_cookies_are_merged_name_by_name(server, url) -> None:
    own = {
        "params": {"b": "item", "c": "item"},
        "headers": {"X-B": "item", "x-c": "item"},
        "cookies": {"b": "item", "c": "item"},
    }
    call = {
        "params": {"a": "call", "b": "call"},
        "headers": {"X-A": "call", "X-B": "call"},
        "cookies": {"a": "call", "b": "call"},
    }
    plain, merged = echoes(server, [url, (url, own)], **call)
    assert plain["raw_query"] == "a=call&b=call"
    assert merged["raw_query"] == "a=call&b=item&c=item"
    headers = [dict(document["headers"]) for document in (plain, merged)]
    assert [headers[0].get(name) for name in ("x-a", "x-b", "x-c")] == ["call", "call", None]
    assert [headers[1].get(name) for name in ("x-a", "x-b", "x-c")] == ["call", "item", "item"]
    assert headers[0]["cookie"] == "a=call; b=call"
    assert sorted(headers[1]["cookie"].split("; ")) == ["a=call", "b=item", "c=item"]


def test_none_removes_a_header(server, url) -> None:
    items = [url, (url, {"headers": {"x-a": None, "User-Agent": None}}), Request(url, headers={"X-B": None})]
    documents = echoes(server, items, headers={"X-A": "1", "X-B": "2", "accept-encoding": None})
    names = [{name for name, _ in document["headers"]} & {"x-a", "x-b", "user-agent"} for document in documents]
    assert names == [{"x-a", "x-b", "user-agent"}, {"x-b"}, {"x-a", "user-agent"}]
    assert all("accept-encoding" not in dict(document["headers"]) for document in documents)


def test_the_body_of_an_item_replaces_that_of_the_call_and_its_content_type(server, url) -> None:
    items = [
        url,
        (url, {"content": b"raw"}),
        (url, {"data": {"a": 1}}),
        (url, {"json": [1]}),
        (url, {"content": b"raw", "headers": {"Content-Type": "text/x"}}),
    ]
    documents = echoes(server, items, method="POST", json={"of": "the call"})
    assert [document["body"] for document in documents] == ['{"of":"the call"}', "raw", "a=1", "[1]", "raw"]
    types_ = [dict(document["headers"]).get("content-type") for document in documents]
    form = "application/x-www-form-urlencoded"
    assert types_ == ["application/json", None, form, "application/json", "text/x"]


def test_an_explicit_content_type_applies_to_every_body(server, url) -> None:
    items = [url, (url, {"json": [1]}), (url, {"content": b"raw"}), (url, {"headers": {"Content-Type": "text/y"}})]
    for options in (
        {"headers": {"Content-Type": "text/x"}},
        {"client": shoal.Client(headers={"content-type": "text/x"})},
    ):
        documents = echoes(server, items, method="POST", json={}, **options)
        types_ = [dict(document["headers"]).get("content-type") for document in documents]
        assert types_ == ["text/x", "text/x", "text/x", "text/y"]


def test_precedence_of_auth(server) -> None:
    path = server.url("/basic-auth/u/p")
    with_url = path.replace("http://", "http://u:p@")
    items = [path, (path, {"auth": ("u", "wrong")}), with_url, (path, {"headers": {"Authorization": None}})]
    responses = shoal.gather_fetch(items, auth=("u", "p")).result()
    assert [response.status_code for response in responses] == [200, 401, 200, 401]


def test_options_of_an_item_override_those_of_the_call(server) -> None:
    slow, big, gone = server.url("/delay/300"), server.url("/bytes/100"), server.url("/status/404")
    flaky, hops = server.url("/fault/flaky/1?key=item-wins"), server.url("/redirect/3")
    items = [
        (slow, {"timeout": 0.05}),
        (slow, {"timeout": None}),
        (big, {"max_body": 99}),
        (big, {"max_body": "1kB"}),
        (gone, {"raise_for_status": True}),
        (gone, {"raise_for_status": False}),
        (hops, {"follow_redirects": False}),
        (hops, {"max_redirects": 2}),
        (flaky, {"retry": shoal.Retry(1, backoff_jitter=0)}),
        (server.url("/echo"), {"method": "DELETE"}),
    ]
    results = shoal.gather_fetch(items, retry=0, return_exceptions=True).result()
    kinds = [type(result) if isinstance(result, Exception) else result.status_code for result in results]
    assert kinds == [
        *(shoal.TotalTimeout, 200),
        *(shoal.BodyTooLarge, 200),
        *(shoal.HTTPStatusError, 404),
        *(302, shoal.TooManyRedirects),
        *(200, 200),
    ]
    assert results[8].attempts == 2
    assert results[9].json()["method"] == "DELETE"


# Invalid arguments are refused by the call, before any I/O.


@pytest.mark.parametrize(
    ("items", "error", "words"),
    [
        ("http://host/", TypeError, "requests must be an iterable .*, not one str: put it into a list"),
        (b"http://host/", TypeError, "not one bytes"),
        (bytearray(b"http://host/"), TypeError, "not one bytearray"),
        ({"url": "http://host/"}, TypeError, "not one dict"),
        (types.MappingProxyType({"url": "http://host/"}), TypeError, "not one mappingproxy"),
        (Request("http://host/"), TypeError, "not one Request"),
        (None, TypeError, "requests must be an iterable of URLs or requests, not NoneType"),
        (3, TypeError, "requests must be an iterable of URLs or requests, not int"),
        ([None], TypeError, r"requests\[0\]: an item must be .*, not NoneType$"),
        (["http://host/", 3], TypeError, r"requests\[1\]: an item must be .*, not int$"),
        ([b"http://host/"], TypeError, r"requests\[0\]: an item must be .*, not bytes"),
        ([("http://host/",)], TypeError, r"requests\[0\]: an item must be .*, not tuple"),
        ([("http://host/", {"auth": "hush"}, 3)], TypeError, r"requests\[0\]: an item must be .*, not tuple$"),
        ([["http://host/", {"auth": "hush"}]], TypeError, r"requests\[0\]: an item must be .*, not list$"),
        (
            [("http://host/", None)],
            TypeError,
            r"requests\[0\]: the options of \(url, options\) must be .*, not NoneType",
        ),
        ([(3, {})], TypeError, r"requests\[0\]: url must be str, not int"),
        ([{"uri": "http://host/", "auth": "hush"}], ValueError, r"requests\[0\]: .*needs the key \"url\""),
        ([{"url": 3}], TypeError, r"requests\[0\]: url must be str, not int"),
        ([("http://host/", {1: 2})], TypeError, r"requests\[0\]: .*name of an option must be str, not int"),
        ([("http://host/", {"retries": 2})], TypeError, r"requests\[0\]: .*retries.*did you mean .*retry"),
        ([("http://host/", {"url": "x"})], TypeError, r"requests\[0\]: .*unexpected .*url"),
    ],
    ids=repr,
)
def test_invalid_requests_are_refused(items, error, words) -> None:
    for fetch in (shoal.gather_fetch, shoal.Client().gather):
        with pytest.raises(error, match=words) as caught:
            fetch(items)
        assert "hush" not in str(caught.value)


def test_an_async_iterable_is_refused() -> None:
    async def urls():
        yield "http://host/"

    with pytest.raises(TypeError, match="async iterable: read it with stream_fetch"):
        shoal.gather_fetch(urls())


BAD_URLS = [
    ("", "not an absolute URL"),
    ("/path", "not an absolute URL"),
    ("example.com/path", "not an absolute URL"),
    ("http://", "empty host"),
    ("http://exa mple/", "invalid international domain name|invalid domain character"),
    ("http://host:99999/", "invalid port number"),
    ("http://host:port/", "invalid port number"),
    ("http://[::1/", "invalid IPv6 address"),
    ("http://1.2.3.4.5.6:x/", "invalid"),
    ("ftp://host/", "scheme must be http or https, not .ftp"),
    ("file:///etc/passwd", "scheme must be http or https, not .file"),
    ("javascript:alert(1)", "not an absolute URL"),
]


@pytest.mark.parametrize(("bad", "words"), BAD_URLS)
def test_an_invalid_url_raises_or_is_returned_in_its_place(server, bad, words) -> None:
    good = server.url("/bytes/3?key=bad-urls")
    before = server.attempts("bad-urls")
    with pytest.raises(shoal.InvalidURL, match=words) as caught:
        shoal.gather_fetch([good, bad, good])
    error = caught.value
    assert isinstance(error, ValueError)
    assert (error.index, error.attempts, error.request) == (1, 0, None)
    assert bad in str(error)
    assert server.attempts("bad-urls") == before
    job = shoal.gather_fetch([good, (bad, {"timeout": 1}), good], return_exceptions=True)
    first, second, third = job.result()
    assert (first.status_code, third.status_code) == (200, 200)
    assert type(second) is shoal.InvalidURL
    assert second.index == 1
    assert (job.stats.total, job.stats.failed, job.stats.by_error) == (3, 1, {"InvalidURL": 1})
    with pytest.raises(shoal.InvalidURL, match=words):
        shoal.Client().get(bad)


class StopCallError(Exception):
    """Raised to end a call before it sends a request."""


def parsed(*urls: str) -> list[str | None]:
    """The URLs as they would be sent; `None` for an invalid one."""
    found: list[str | None] = [None] * len(urls)

    def note(index: int, request: shoal.Request) -> str:
        if index == len(urls):
            raise StopCallError
        found[index] = request.url
        return f"never written {index}"

    with pytest.raises(StopCallError):
        shoal.gather_fetch([*urls, "http://last"], save_to=note, return_exceptions=True)
    return found


hosts = st.sampled_from(
    [
        "host",
        "HOST",
        "a.b:80",
        "a.b:8080",
        "h:443",
        "[::1]",
        "[::1",
        "0x7f.1",
        "h:",
        "ü",
        "a b",
        "u@h",
        "h:x",
        "",
        "%41",
    ]
)
paths = st.text("/\\\\ab.:?#%2@ü \t\n", max_size=8)


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(["http://", "https://", "HTTP://", "http:/", " http://", "ftp://"]), hosts, paths, paths)
@example("http://", "host", "//other/x", "")
@example("http://", "host", "/\t/other", "")
@example("http://", "host", "/../%2e%2e/.", " ")
def test_consecutive_urls_of_a_host_are_parsed_as_if_alone(scheme: str, host: str, path: str, other: str) -> None:
    """The host of consecutive URLs is parsed once; the result is the same as for each URL alone."""
    before = (f"{scheme}{host}/1", f"{scheme}{host}/{other}")
    url = f"{scheme}{host}{path}"
    assert parsed(*before, url) == [*parsed(before[0]), *parsed(before[1]), *parsed(url)]


def test_the_error_of_an_invalid_url_has_no_secrets() -> None:
    for bad in ("http://user:hush@exa mple/?token=hush", "http://user:hu/sh@host/", "user:hush@host/"):
        with pytest.raises(shoal.InvalidURL) as caught:
            shoal.gather_fetch([bad])
        assert "hush" not in str(caught.value)
        assert "sh@" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"concurrency": 0}, ValueError, "concurrency must be 1 or more, not 0"),
        ({"concurrency": "many"}, TypeError, "concurrency must be an int, not str"),
        ({"concurrency": True}, TypeError, "concurrency must be an int, not bool"),
        ({"concurrency": 10**30}, ValueError, "concurrency is too large"),
        ({"per_host": -1}, ValueError, "per_host must be 1 or more, not -1"),
        ({"rate": 3}, TypeError, "rate must be a str like .10/s. or None, not int"),
        ({"deadline": 0}, ValueError, "deadline must be finite and more than 0 seconds, not 0"),
        ({"return_exceptions": None}, TypeError, "return_exceptions must be True or False, not NoneType"),
        ({"progress": 3}, TypeError, "progress must be True, False or a callable .*, not int"),
        ({"save_to": 3}, TypeError, "save_to must be a template .*, not int"),
        ({"client": 3}, TypeError, "client must be a shoal.Client, not int"),
        ({"name": "a"}, TypeError, "unexpected keyword argument .name"),
        ({"ordered": True}, TypeError, "unexpected keyword argument .ordered"),
        ({"concurency": 3}, TypeError, "did you mean .concurrency"),
        ({"conurrency": 3}, TypeError, "did you mean .concurrency"),
        ({"return_exception": True}, TypeError, "did you mean .return_exceptions"),
        ({"raise_status": True}, TypeError, "did you mean .raise_for_status"),
        ({"saveto": "x"}, TypeError, "did you mean .save_to"),
        ({"rates": "1/s"}, TypeError, "did you mean .rate"),
        ({"nonsense": 1}, TypeError, "gather_fetch got an unexpected keyword argument .nonsense.$"),
    ],
    ids=repr,
)
def test_invalid_keywords_are_refused(server, options, error, words) -> None:
    before = server.stats.requests
    with pytest.raises(error, match=words):
        shoal.gather_fetch([server.url("/bytes/3")], **options)
    assert server.stats.requests == before


def test_an_exception_of_the_iterable_propagates(server) -> None:
    def urls():
        yield server.url("/bytes/3?key=raises")
        raise RuntimeError("out of URLs")

    with pytest.raises(RuntimeError, match="out of URLs"):
        shoal.gather_fetch(urls())
    assert server.attempts("raises") == 0


# Options of a client.


def test_missing_keywords_default_to_those_of_the_client(server) -> None:
    client = shoal.Client(
        base_url=server.base_url,
        params={"a": "client", "b": "client"},
        headers={"X-A": "client", "X-B": "client"},
        auth=("u", "p"),
        max_body=50,
        timeout=0.15,
        follow_redirects=False,
        raise_for_status=True,
    )
    items = ["/echo", "/bytes/51", "/delay/1000", "/redirect/1", "/status/404", "/basic-auth/u/p"]
    with client:
        for gather in (client.gather, lambda items, **options: shoal.gather_fetch(items, client=client, **options)):
            results = gather(items, return_exceptions=True).result()
            kinds = [type(result) if isinstance(result, Exception) else result.status_code for result in results]
            failures = [shoal.BodyTooLarge, shoal.TotalTimeout, 302, shoal.HTTPStatusError]
            assert kinds == [shoal.BodyTooLarge, *failures, 200]
            (document,) = (
                response.json()
                for response in gather(["/echo"], params={"b": "call"}, headers={"X-B": "call"}, max_body=None).result()
            )
            assert document["raw_query"] == "a=client&b=call"
            headers = dict(document["headers"])
            assert (headers["x-a"], headers["x-b"]) == ("client", "call")
            settings = {"max_body": None, "timeout": 5, "follow_redirects": True, "raise_for_status": False}
            statuses = [response.status_code for response in gather(items, **settings).result()]
            assert statuses == [200, 200, 200, 200, 404, 200]


def test_cookies_of_a_client_are_sent_and_stored(server) -> None:
    with shoal.Client(cookies={"own": "1", "both": "client"}) as client:
        client.gather([server.url("/cookies/set?from-server=2")]).result()
        items = [server.url("/cookies"), (server.url("/cookies"), {"cookies": {"both": "item"}})]
        plain, own = (r.json() for r in client.gather(items, cookies={"call": "3"}).result())
        assert plain["cookies"] == {"own": "1", "both": "client", "call": "3", "from-server": "2"}
        assert own["cookies"] == {"own": "1", "both": "item", "call": "3", "from-server": "2"}
        assert sorted(name for name, _ in own["pairs"]) == ["both", "call", "from-server", "own"]


def test_batches_without_client_share_no_cookies(server) -> None:
    shoal.gather_fetch([server.url("/cookies/set?a=1")]).result()
    (response,) = shoal.gather_fetch([server.url("/cookies")]).result()
    assert response.json()["cookies"] == {}


def test_a_closed_client_is_refused() -> None:
    client = shoal.Client()
    client.close()
    for fetch in (client.gather, lambda items: shoal.gather_fetch(items, client=client)):
        with pytest.raises(RuntimeError, match="closed"):
            fetch(["http://127.0.0.1:9/"])
