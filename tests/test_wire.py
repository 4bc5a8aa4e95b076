"""Options of a request on the wire; parameters, forms and headers compared with the standard library."""

import copy
import json
import pickle
import string
import urllib.parse

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal
from shoal import Request

pytestmark = pytest.mark.usefixtures("transport")

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)
SCALAR = TEXT | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
TOKEN = string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~"


@pytest.fixture(scope="module")
def client(transport):
    with shoal.Client() as client:
        yield client


def echo(client, server, **options):
    return client.request(options.pop("method", "POST"), server.url(options.pop("path", "/echo")), **options).result()


def test_repr() -> None:
    request = Request(
        "http://user:secret@host/a?token=hush&b=1",
        method="post",
        headers={"X-A": "1", "x-a": "2"},
        json={"a": "é"},
        name="one",
    )
    assert request.url == "http://user:secret@host/a?token=hush&b=1"
    assert request.method == "POST"
    assert request.headers["x-a"] == "1, 2"
    assert request.content == '{"a":"é"}'.encode()
    assert request.headers["content-type"] == "application/json"
    assert request.name == "one"
    assert repr(request) == "<Request POST http://host/a?token=***&b=1>"
    assert repr(Request("http://host/")) == "<Request http://host/>"


def test_defaults() -> None:
    request = Request("http://host/")
    assert (request.method, request.content, request.name) == (None, None, None)
    assert len(request.headers) == 0


@pytest.mark.parametrize(
    "url", ["/a?api_key=hush", "http://user:hush@exa mple/", "http://user:hu/sh@host/", "//user:hush@host", "a:hush@b"]
)
def test_the_repr_of_an_invalid_url_redacts_secrets(url) -> None:
    assert "hush" not in repr(Request(url))
    assert "sh@" not in repr(Request(url))


VARIANTS = [
    {},
    {"method": "PUT"},
    {"params": {"a": 1}},
    {"headers": {"X-A": "1"}},
    {"headers": {"X-A": None}},
    {"cookies": {"a": "1"}},
    {"auth": ("a", "b")},
    {"content": b"1"},
    {"data": {"a": "1"}},
    {"json": [1]},
    {"timeout": 1},
    {"timeout": shoal.Timeout(read=1)},
    {"retry": 5},
    {"retry": shoal.Retry(5, backoff_factor=3)},
    {"follow_redirects": False},
    {"max_redirects": 3},
    {"max_body": "1KiB"},
    {"raise_for_status": True},
    {"name": "a"},
]


@pytest.mark.parametrize("options", VARIANTS, ids=repr)
def test_a_request_equals_its_copies_only(options) -> None:
    request = Request("http://host/", **options)
    for same in (pickle.loads(pickle.dumps(request)), copy.copy(request), copy.deepcopy(request)):
        assert same == request
        assert hash(same) == hash(request)
        assert repr(same) == repr(request)
    others = [Request("http://host/", **other) for other in VARIANTS]
    assert [other for other in others if other == request] == [request]
    assert request != Request("http://host/other", **options)
    assert request != "http://host/"


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"method": 1}, TypeError, "method must be str, not int"),
        ({"method": "G T"}, ValueError, "method: .*G T.* is not an HTTP method"),
        ({"method": ""}, ValueError, "method"),
        ({"params": 3}, TypeError, "params must be a mapping or a sequence of .*, not int"),
        ({"params": {"a": object()}}, TypeError, "params: the value of .*a.* must be .*, not object"),
        ({"params": {object(): "a"}}, TypeError, "params: a name must be .*, not object"),
        ({"params": [("a",)]}, TypeError, "params must be"),
        ({"headers": "a: b"}, TypeError, "headers must be a mapping .*, not str"),
        ({"headers": {"a": 1}}, TypeError, "headers: the value of 'a' must be str, bytes or None, not int"),
        ({"headers": {1: "a"}}, TypeError, "headers: name 1 must be str or bytes"),
        ({"headers": {"a b": "1"}}, ValueError, "headers: 'a b' is not a header name"),
        ({"headers": {"": "1"}}, ValueError, "headers: '' is not a header name"),
        ({"headers": {"a": "hush\r\nb: c"}}, ValueError, "headers: the value of 'a' has a character"),
        ({"cookies": {"a": 1}}, TypeError, "cookies: .*a.* and its value must be str"),
        ({"cookies": {"a;b": "1"}}, ValueError, "cookies: .*a;b.* is not a cookie name"),
        ({"cookies": "a=1"}, TypeError, "cookies must be a mapping"),
        ({"auth": 3}, TypeError, "auth must be"),
        ({"auth": ("a", 3)}, TypeError, "auth must be"),
        ({"auth": ("a:b", "c")}, ValueError, "^auth: the user name must not contain a colon$"),
        ({"auth": "to\nken"}, ValueError, "auth: the bearer token"),
        ({"content": 3}, TypeError, "content must be bytes, a bytes-like object or str, not int"),
        ({"data": 3}, TypeError, "data must be"),
        ({"data": {"a": object()}}, TypeError, "data: the value of .*a.* must be"),
        ({"json": object()}, TypeError, "json: Object of type object is not JSON serializable"),
        ({"json": float("nan")}, ValueError, "json: "),
        ({"json": "\ud800"}, ValueError, "json: a str has a lone surrogate"),
        ({"content": b"1", "json": 1}, TypeError, "content and json can't both be given"),
        ({"data": {}, "json": 1}, TypeError, "data and json can't both be given"),
        ({"retry": -1}, ValueError, "retry must be 0 or more, not -1"),
        ({"retry": "3"}, TypeError, "retry must be an int, a Retry or None, not str"),
        ({"retry": True}, TypeError, "retry must be an int, a Retry or None, not bool"),
        ({"follow_redirects": 1}, TypeError, "follow_redirects must be True or False, not int"),
        ({"raise_for_status": "yes"}, TypeError, "raise_for_status must be True or False, not str"),
        ({"max_redirects": -1}, ValueError, "max_redirects must be 0 or more, not -1"),
        ({"max_redirects": 1.0}, TypeError, "max_redirects must be an int or None, not float"),
        ({"max_body": -1}, ValueError, "max_body must be a number of bytes.*, not -1"),
        ({"max_body": "64 parsecs"}, ValueError, "max_body must be .*, not '64 parsecs'"),
        ({"max_body": ""}, ValueError, "max_body must be"),
        ({"max_body": "1.2.3MB"}, ValueError, "max_body must be"),
        ({"max_body": 1.5}, TypeError, "max_body must be an int, a size .*, not float"),
        ({"max_body": True}, TypeError, "max_body must be"),
        ({"name": 3}, TypeError, "name must be str, not int"),
        ({"concurrency": 3}, TypeError, "unexpected keyword argument .*concurrency"),
        ({"header": {}}, TypeError, "did you mean .*headers.*?"),
        ({"timout": 3}, TypeError, "did you mean .*timeout.*?"),
        ({"folow_redirect": 3}, TypeError, "did you mean .*follow_redirects.*?"),
        ({"xyz": 3}, TypeError, "Request got an unexpected keyword argument .xyz.$"),
    ],
)
def test_options_are_checked(server, client, options, error, words) -> None:
    before = server.stats.requests
    with pytest.raises(error, match=words) as caught:
        Request("http://host/", **options)
    assert "hush" not in str(caught.value)
    method, others = options.get("method", "POST"), {name: options[name] for name in options if name != "method"}
    with pytest.raises(error, match=words.removeprefix("Request got an ")):
        client.request(method, server.url("/echo"), **others)
    # The same for an item of a batch; the error names its position.
    for item in [(server.url("/echo"), options), {"url": server.url("/echo"), **options}]:
        with pytest.raises(error, match=r"^requests\[1\]: ") as caught:
            shoal.gather_fetch([server.url("/echo"), item])
        assert "hush" not in str(caught.value)
    assert server.stats.requests == before


@pytest.mark.parametrize("url", [None, 3, b"http://host/", ["http://host/"]])
def test_the_url_must_be_str(client, url) -> None:
    with pytest.raises(TypeError, match="url"):
        Request(url)
    with pytest.raises(TypeError, match="url"):
        client.get(url)


@pytest.mark.parametrize(
    ("text", "size"),
    [("10", 10), ("10B", 10), ("1kB", 1000), ("1KiB", 1024), ("1 K", 1024), ("0.5MiB", 1 << 19), (0, 0), ("2gb", 2e9)],
)
def test_sizes_of_max_body(server, client, text, size) -> None:
    n = min(int(size) + 1, 2_000_000)
    job = client.get(server.url(f"/bytes/{n}"), max_body=text)
    if n > size:
        with pytest.raises(shoal.BodyTooLarge):
            job.result()
    else:
        assert len(job.result().content) == n


def test_max_body_none_means_no_limit(server, client) -> None:
    response = client.get(server.url("/bytes/70000000"), max_body=None, timeout=None).result()
    assert len(response.content) == 70_000_000


def test_a_sent_request_can_be_sent_again(server, client) -> None:
    first = echo(client, server, params={"a": "1"}, headers={"X-A": "1"}, cookies={"c": "2"}, json={"b": 2})
    again = shoal.gather_fetch([first.request]).result()[0].json()
    for name in ("method", "raw_query", "body"):
        assert again[name] == first.json()[name]
    sent = dict(again["headers"])
    assert (sent["x-a"], sent["cookie"], sent["content-type"]) == ("1", "c=2", "application/json")


# Parameters.


@settings(max_examples=60, deadline=None)
@given(pairs=st.lists(st.tuples(TEXT, SCALAR), max_size=6))
def test_params_equal_urlencode(server, client, pairs) -> None:
    for params in (pairs, dict(pairs)):
        expected = urllib.parse.urlencode(params)
        seen = echo(client, server, method="GET", params=params).json()
        meant = urllib.parse.parse_qsl(expected, keep_blank_values=True)
        assert urllib.parse.parse_qsl(seen["raw_query"], keep_blank_values=True) == meant
        assert [tuple(pair) for pair in seen["query"]] == meant
        # All other characters are escaped.
        assert all(33 <= ord(char) < 127 for char in seen["raw_query"])


@pytest.mark.parametrize(
    ("params", "query"),
    [
        ({"a": 1, "b": None, "c": [1, 2]}, "a=1&c=1&c=2"),
        ({"a": (1, "x y")}, "a=1&a=x+y"),
        ({"a": True, "b": False}, "a=true&b=false"),
        ([("a", 1), ("b", 2), ("a", 3)], "a=1&b=2&a=3"),
        ((("a", "1"),), "a=1"),
        ({"a": b"bytes"}, "a=bytes"),
        ({"a": "é&=?#/+ "}, "a=%C3%A9%26%3D%3F%23%2F%2B+"),
        ({"a": ""}, "a="),
        ({"a": []}, ""),
        ({}, ""),
        (None, ""),
        ("a=1&b=2", "a=1&b=2"),
        ("?a=1", "a=1"),
        ("", ""),
    ],
    ids=repr,
)
def test_forms_of_params(server, client, params, query) -> None:
    assert echo(client, server, params=params).json()["raw_query"] == query


def test_params_of_a_generator(server, client) -> None:
    assert echo(client, server, params=(pair for pair in [("a", "1")])).json()["raw_query"] == "a=1"


def test_params_are_appended_to_the_query_of_the_url(server, client) -> None:
    seen = echo(client, server, path="/echo?a=%41&b=x%20y#part", params={"a": 2}).json()
    assert seen["raw_query"] == "a=%41&b=x%20y&a=2"
    assert echo(client, server, path="/echo?a=%41&b=x%20y").json()["raw_query"] == "a=%41&b=x%20y"


# Headers.


@settings(max_examples=60, deadline=None)
@given(
    headers=st.dictionaries(
        st.text(TOKEN, min_size=1, max_size=10).map(lambda name: f"X-{name}"),
        st.text(st.characters(min_codepoint=33, max_codepoint=126) | st.sampled_from(" \té漢"), max_size=20),
        max_size=8,
    )
)
def test_headers_are_sent(server, client, headers) -> None:
    seen = [
        (name, value) for name, value in echo(client, server, headers=headers).json()["headers"] if name[1:2] == "-"
    ]
    expected = [(name.lower(), value.strip(" \t")) for name, value in headers.items()]
    assert sorted((name, value) for name, value in seen if name.startswith("x-")) == sorted(expected)


def test_repeated_headers_and_bytes(server, client) -> None:
    headers = [("X-A", "1"), ("x-b", b"\xfcber"), ("X-A", "2")]
    seen = echo(client, server, headers=headers).json()["headers"]
    assert [value for name, value in seen if name == "x-a"] == ["1", "2"]
    assert ["x-b", "über"] in seen


def test_headers_of_a_response_can_be_sent(server, client) -> None:
    response = client.get(server.url("/response-headers?X-A=1&X-A=2")).result()
    seen = echo(client, server, headers=[(n, v) for n, v in response.headers.multi_items() if n == "x-a"]).json()
    assert [value for name, value in seen["headers"] if name == "x-a"] == ["1", "2"]


@pytest.mark.parametrize("name", ["Accept-Encoding", "User-Agent"])
def test_none_removes_a_standard_header(server, client, name) -> None:
    assert name.lower() in dict(echo(client, server).json()["headers"])
    assert name.lower() not in dict(echo(client, server, headers={name: None}).json()["headers"])


def test_a_host_header(server, client) -> None:
    seen = dict(echo(client, server, headers={"Host": "other.example"}).json()["headers"])
    assert seen["host"] == "other.example"


# Bodies.


@pytest.mark.parametrize(
    ("options", "body", "content_type"),
    [
        ({"content": b"\x00\xff"}, b"\x00\xff", None),
        ({"content": "é"}, "é".encode(), None),
        ({"content": bytearray(b"abc")}, b"abc", None),
        ({"content": memoryview(b"abcdef")[::2]}, b"ace", None),
        ({"content": b""}, b"", None),
        ({"data": {"a": "1 2", "b": ["x", "y"], "c": None}}, b"a=1+2&b=x&b=y", "application/x-www-form-urlencoded"),
        ({"data": [("a", "é")]}, b"a=%C3%A9", "application/x-www-form-urlencoded"),
        ({"data": b"raw"}, b"raw", None),
        ({"data": "a=1"}, b"a=1", None),
        ({"json": {"a": [1, None, "é"]}}, '{"a":[1,null,"é"]}'.encode(), "application/json"),
        ({"json": 0}, b"0", "application/json"),
        ({"json": False}, b"false", "application/json"),
        ({"json": {}}, b"{}", "application/json"),
        ({"json": None}, b"", None),
        ({"json": {"a": 1}, "headers": {"content-type": "application/x+json"}}, b'{"a":1}', "application/x+json"),
        ({"json": {"a": 1}, "headers": {"Content-Type": None}}, b'{"a":1}', None),
        ({"content": b"x", "headers": {"Content-Type": "text/x"}}, b"x", "text/x"),
    ],
    ids=repr,
)
def test_bodies(server, client, options, body, content_type) -> None:
    import base64

    for method in ("POST", "PUT", "DELETE", "GET"):
        seen = echo(client, server, method=method, **options).json()
        assert base64.b64decode(seen["body_base64"]) == body
        headers = dict(seen["headers"])
        assert headers.get("content-type") == content_type
        assert "transfer-encoding" not in headers
        if body or method in {"POST", "PUT"}:
            assert headers["content-length"] == str(len(body))


@settings(max_examples=40, deadline=None)
@given(pairs=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=6))
def test_forms_equal_urlencode(server, client, pairs) -> None:
    body = echo(client, server, data=pairs).json()["body"]
    assert urllib.parse.parse_qsl(body, keep_blank_values=True) == pairs


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=40, deadline=None)
@given(document=JSON.filter(lambda document: document is not None))
def test_json_round_trips(server, client, document) -> None:
    assert json.loads(echo(client, server, json=document).json()["body"]) == document


@pytest.mark.parametrize("size", [1, 65_536, 5_000_000])
def test_large_bodies(server, client, size) -> None:
    import zlib

    body = bytes(range(256)) * (size // 256 + 1)
    seen = client.post(server.url("/upload"), content=body).result().json()
    assert seen == {"length": len(body), "crc32": zlib.crc32(body)}


def test_credentials(server, client) -> None:
    base = server.base_url.removeprefix("http://")
    for url, options in [
        (server.url("/basic-auth/user/p%C3%A4ss"), {"auth": ("user", "päss")}),
        (f"http://user:p%C3%A4ss@{base}/basic-auth/user/p%C3%A4ss", {}),
        (server.url("/bearer?token=abc"), {"auth": "abc"}),
    ]:
        assert client.get(url, **options).result().status_code == 200
        assert client.get(url.replace("user:p%C3%A4ss@", "")).result().status_code == 401
    # As in requests and httpx, `auth` overrides a header.
    seen = echo(client, server, auth=("a", "b"), headers={"Authorization": "Mine"}).json()
    assert [value for name, value in seen["headers"] if name == "authorization"] == ["Basic YTpi"]


def test_cookies(server, client) -> None:
    seen = client.get(server.url("/cookies"), cookies={"a": "1", "b": "x y;é"}).result().json()
    assert seen["cookies"]["a"] == "1"
    assert urllib.parse.unquote(seen["cookies"]["b"]) == "x y;é"
