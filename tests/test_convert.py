"""Conversion of arguments: what the server receives, and which arguments are refused."""

import datetime as dt
import decimal
import enum
import json as stdlib_json
import pickle
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal


def sent(server: "shoal.testing.Server", item: object = None, **options) -> dict:
    """The request as the server received it."""
    [response] = shoal.gather_fetch([item or server.url("/echo")], timeout=5, **options).result(10)
    return response.json()


def failed(*arguments, **options) -> Exception:
    with pytest.raises(Exception) as caught:
        shoal.gather_fetch(*arguments, **options).result(5)
    return caught.value


def named(request: dict, name: str) -> list[str]:
    return [value for header, value in request["headers"] if header == name]


# URLs


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://host/x", 'scheme must be http or https, not "ftp"'),
        ("localhost:8000/x", "http:// or https:// is missing"),
        ("/path", "http:// or https:// is missing"),
        ("", "http:// or https:// is missing"),
        ("http://", "empty host"),
        ("http://[::1", "IPv6"),
        ("http://host:99999/", "port"),
        ("http://host/\ud800", "surrogate"),
        ("x" * 5000, "http:// or https:// is missing"),
    ],
)
def test_an_invalid_url_does_not_affect_other_items(server: "shoal.testing.Server", url: str, reason: str) -> None:
    good = server.url("/bytes/1")
    for item in (url, (url, {}), {"url": url}):
        first, error, last = shoal.gather_fetch([good, item, good], return_exceptions=True, timeout=5).result(10)
        assert first.ok
        assert last.ok
        assert isinstance(error, shoal.InvalidURL)
        assert isinstance(error, ValueError)
        assert error.index == 1
        assert reason in str(error)
        assert len(str(error)) < 400


def test_credentials_in_the_url_become_a_header(server: "shoal.testing.Server") -> None:
    url = server.url("/echo").replace("http://", "http://us%40er:p%3Aw%C3%BC@")
    assert named(sent(server, url), "authorization") == ["Basic dXNAZXI6cDp3w7w="]
    # The order of precedence: `auth` of the item, credentials in its URL, `auth` of the call.
    assert named(sent(server, (url, {"auth": "own"})), "authorization") == ["Bearer own"]
    assert named(sent(server, url, auth="of-the-call"), "authorization") == ["Basic dXNAZXI6cDp3w7w="]


@pytest.mark.parametrize(
    ("relative", "path"),
    [
        ("a", "/api/v1/a"),
        ("/a", "/api/v1/a"),
        ("a?x=1", "/api/v1/a"),
        ("", "/api/v1/"),
        ("?q=1", "/api/v1/"),
        ("../up", "/api/up"),
        ("12:30", "/api/v1/12:30"),
        ("player:12/stats", "/api/v1/player:12/stats"),
    ],
)
@pytest.mark.parametrize("base", ["/api/v1", "/api/v1/"])
def test_a_relative_url_is_appended_to_base_url(base: str, relative: str, path: str) -> None:
    with shoal.testing.Server() as server, shoal.Client(base_url=server.url(base), max_redirects=0) as client:
        response = client.get(relative, timeout=5).result(10)
        assert response.url.split("?")[0] == server.url(path)


# Query parameters


class Colour(str, enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("params", "query"),
    [
        (
            {"a": 1, "b": 1.5, "c": True, "d": False, "e": "", "f": "ä &=+#"},
            "a=1&b=1.5&c=true&d=false&e=&f=%C3%A4+%26%3D%2B%23",
        ),
        ({"a": None, "b": [1, None, "x"], "c": (), "d": ("y",)}, "b=1&b=x&d=y"),
        ([("a", 1), ("b", 2), ("a", 3)], "a=1&b=2&a=3"),
        ({"a": b"\xc3\xa4", 1: 2}, "a=%C3%A4&1=2"),
        ({"a": decimal.Decimal("1.50"), "b": Colour.RED}, "a=1.50&b=red"),
        ("a=1&b=%20c", "a=1&b=%20c"),
        ("?a=1", "a=1"),
        # A query string is sent unchanged, because it may be signed.
        ("sig=%E9%FF&flag", "sig=%E9%FF&flag"),
        ("a+b=%7E~%2f&&=&c=d=e&%zz%", "a+b=%7E~%2f&&=&c=d=e&%zz%"),
        ("&a", "&a"),
        ('q=ä b#"<>', "q=%C3%A4%20b%23%22%3C%3E"),
        ("??a=1", "?a=1"),
        ("", ""),
        ({}, ""),
    ],
)
def test_params_are_encoded(server: "shoal.testing.Server", params: object, query: str) -> None:
    assert sent(server, params=params)["raw_query"] == query
    assert sent(server, (server.url("/echo"), {"params": params}))["raw_query"] == query


def test_a_query_string_is_merged_by_decoded_names_and_survives_pickling(server: "shoal.testing.Server") -> None:
    with shoal.Client(base_url=server.base_url, params="%61=client&b=%E9") as client:
        assert client.get("/echo?z", params="a=%FF&c").result().json()["raw_query"] == "z&b=%E9&a=%FF&c"
        assert client.get("/echo#part", params={"b": 1}).result().json()["raw_query"] == "%61=client&b=1"
    request = shoal.Request(server.url("/echo"), params="?sig=%E9%FF&flag&")
    again = pickle.loads(pickle.dumps(request))
    assert again == request
    assert sent(server, again)["raw_query"] == "?sig=%E9%FF&flag&"[1:]


def test_params_accept_numpy_numbers(server: "shoal.testing.Server") -> None:
    numpy = pytest.importorskip("numpy")
    params = {"a": numpy.int64(3), "b": numpy.float32(1.5), "c": numpy.float64(2.5)}
    assert sent(server, params=params)["raw_query"] == "a=3&b=1.5&c=2.5"


def test_params_extend_the_url_and_override_those_of_the_call(server: "shoal.testing.Server") -> None:
    item = (server.url("/echo?z=1&a=0"), {"params": {"a": 2}})
    assert sent(server, item, params={"a": 1, "b": 1})["raw_query"] == "z=1&a=0&b=1&a=2"


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(text, text), max_size=5))
def test_params_round_trip(server: "shoal.testing.Server", pairs: list[tuple[str, str]]) -> None:
    assert parse_qsl(sent(server, params=pairs)["raw_query"], keep_blank_values=True) == pairs
    posted = sent(server, method="POST", data=pairs)
    assert parse_qsl(posted["body"], keep_blank_values=True) == pairs


# Headers


def test_headers_are_merged_name_by_name(server: "shoal.testing.Server") -> None:
    with shoal.Client(headers={"A": "client", "B": "client", "C": "client"}) as client:
        item = (server.url("/echo"), {"headers": {"b": "item", "C": None}})
        [response] = client.gather([item], headers={"a": "call", "b": "call"}).result(10)
    headers = response.json()
    assert [named(headers, name) for name in "abc"] == [["call"], ["item"], []]


def test_headers_accept_bytes_text_and_repeated_names(server: "shoal.testing.Server") -> None:
    seen = sent(server, headers=[("X", "1"), ("x", "2"), (b"Y", b"3")])
    assert named(seen, "x") == ["1", "2"]
    assert named(seen, "y") == ["3"]


@pytest.mark.parametrize("value", ["a\r\nB: c", "a\nb", "a\0b", "a\rb", b"a\nb", "hunter2\n"])
@pytest.mark.parametrize("name", ["Authorization", "X"])
def test_header_values_with_control_bytes_are_refused(name: str, value: str | bytes) -> None:
    error = failed(["http://127.0.0.1:9/"], headers={name: value})
    assert type(error) is ValueError
    assert name in str(error)
    assert "hunter2" not in str(error)


def test_auth(server: "shoal.testing.Server") -> None:
    assert named(sent(server, auth=("user", "pässword")), "authorization") == ["Basic dXNlcjpww6Rzc3dvcmQ="]
    assert named(sent(server, auth="token"), "authorization") == ["Bearer token"]
    assert named(sent(server, auth="new", headers={"authorization": "old"}), "authorization") == ["Bearer new"]


def test_cookies(server: "shoal.testing.Server") -> None:
    assert named(sent(server, cookies={"a": "1", "b": "x y;"}), "cookie") == ["a=1; b=x%20y%3B"]
    item = (server.url("/echo"), {"cookies": {"a": "item"}})
    [cookies] = named(sent(server, item, cookies={"a": "call", "z": "9"}), "cookie")
    assert sorted(cookies.split("; ")) == ["a=item", "z=9"]


# Bodies


@pytest.mark.parametrize(
    ("options", "body", "kind"),
    [
        ({"content": "ä"}, "ä", []),
        ({"content": b"x"}, "x", []),
        ({"content": bytearray(b"x")}, "x", []),
        ({"content": memoryview(b"abcd")[::2]}, "ac", []),
        ({"data": {"a": [1, 2], "b": "ä &"}}, "a=1&a=2&b=%C3%A4+%26", ["application/x-www-form-urlencoded"]),
        ({"data": [("a", "1")]}, "a=1", ["application/x-www-form-urlencoded"]),
        ({"data": b"raw"}, "raw", []),
        ({"data": "raw"}, "raw", []),
        ({"json": {"a": ["é", None, 1.5]}}, '{"a":["é",null,1.5]}', ["application/json"]),
        ({"json": 0}, "0", ["application/json"]),
        ({"json": {}, "headers": {"Content-Type": "application/ld+json"}}, "{}", ["application/ld+json"]),
    ],
    ids=str,
)
def test_bodies(server: "shoal.testing.Server", options: dict, body: str, kind: list[str]) -> None:
    for seen in (
        sent(server, method="POST", **options),
        sent(server, (server.url("/echo"), {"method": "post", **options})),
    ):
        assert seen["body"] == body
        assert named(seen, "content-type") == kind
        assert named(seen, "content-length") == [str(len(body.encode()))]


def test_the_body_of_an_item_replaces_that_of_the_call_and_its_content_type(server: "shoal.testing.Server") -> None:
    item = (server.url("/echo"), {"content": b"x"})
    seen = sent(server, item, method="POST", json={"a": 1})
    assert (seen["body"], named(seen, "content-type")) == ("x", [])


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None)
@given(documents.filter(lambda document: document is not None))
def test_json_round_trips(server: "shoal.testing.Server", document: object) -> None:
    assert stdlib_json.loads(sent(server, method="POST", json=document)["body"]) == document


# Refused arguments


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"params": 5}, TypeError, "params must be a mapping .* not int"),
        ({"params": {"a": {1}}}, TypeError, 'params: the value of "a" .* not set'),
        ({"params": {"a": dt.date(2020, 1, 1)}}, TypeError, "not date"),
        ({"params": {"a": "\ud800"}}, ValueError, "params: .*surrogate"),
        ({"params": {"a": b"\xff"}}, ValueError, "params: bytes must be UTF-8"),
        ({"headers": {"a": 5}}, TypeError, "headers: the value of 'a' .* not int"),
        ({"headers": {"a": "\ud800"}}, ValueError, "headers: .*surrogate"),
        ({"headers": {"a b": "c"}}, ValueError, "headers: 'a b' is not a header name"),
        ({"headers": "a: b"}, TypeError, "headers must be a mapping .* not str"),
        ({"cookies": {"a": 5}}, TypeError, "cookies: 'a'"),
        ({"cookies": {"a b": "c"}}, ValueError, 'cookies: "a b" is not a cookie name'),
        ({"auth": 5}, TypeError, "auth must be a pair"),
        ({"auth": "hunter2\n"}, ValueError, "auth: the bearer token"),
        ({"auth": ("a:b", "c")}, ValueError, "auth: the user name must not contain a colon"),
        ({"content": 5}, TypeError, "content must be bytes.* not int"),
        ({"content": {}, "json": {}}, TypeError, "content"),
        ({"data": 5}, TypeError, "data must be bytes.* not int"),
        ({"json": {}, "data": {}}, TypeError, "json and data can't both be given"),
        ({"json": {1, 2}}, TypeError, "json: .*set"),
        ({"json": float("nan")}, ValueError, "json: "),
        ({"json": "\ud800"}, ValueError, "json: .*surrogate"),
        ({"timout": 5}, TypeError, 'did you mean "timeout"'),
    ],
    ids=ascii,
)
def test_the_error_names_the_refused_argument(options: dict, error: type[Exception], words: str) -> None:
    url = "http://127.0.0.1:9/"
    for arguments, keywords, place in (
        ([url], options, ""),
        ([url, (url, options)], {}, r"requests\[1\]: .*"),
        ([{"url": url, **options}], {}, r"requests\[0\]: .*"),
    ):
        with pytest.raises(error, match=place + words) as caught:
            shoal.gather_fetch(arguments, **keywords)
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("exception", [KeyboardInterrupt, ZeroDivisionError, RecursionError])
def test_exceptions_of_an_argument_propagate(exception: type[BaseException]) -> None:
    class RaisingDict(dict):
        def items(self) -> None:
            raise exception

    with pytest.raises(exception):
        shoal.gather_fetch(["http://127.0.0.1:9/"], json=RaisingDict(a=1))


@pytest.mark.parametrize(
    ("item", "error", "words"),
    [
        (5, TypeError, "not int"),
        (None, TypeError, "not NoneType"),
        (b"http://host/", TypeError, "not bytes"),
        (("http://host/",), TypeError, "not tuple"),
        (["http://host/", {"auth": "hunter2"}], TypeError, "not list"),
        (("http://host/", 5), TypeError, "must be a mapping, not int"),
        ({"uri": "http://host/", "auth": "hunter2"}, ValueError, 'the key "url"'),
        ({"url": 5}, TypeError, "url must be str, not int"),
        (("http://host/", {5: 1}), TypeError, "must be str, not int"),
    ],
    ids=ascii,
)
def test_invalid_items_are_refused(item: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=r"requests\[1\]: .*" + words) as caught:
        shoal.gather_fetch(["http://127.0.0.1:9/", item])
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("requests", ["http://host/", b"http://host/", {"url": "http://host/"}, 5, None])
def test_a_single_item_is_not_a_batch(requests: object) -> None:
    with pytest.raises(TypeError, match="requests must be"):
        shoal.gather_fetch(requests)


def test_kinds_of_items(server: "shoal.testing.Server") -> None:
    url = server.url("/echo")
    items: list[object] = [
        url,
        shoal.Request(url, method="PUT"),
        (url, {"method": "put"}),
        {"url": url, "method": "Put"},
    ]
    for collection in (list, tuple, iter, lambda items: (item for item in items)):
        responses = shoal.gather_fetch(collection(items), timeout=5).result(10)
        assert [response.json()["method"] for response in responses] == ["GET", "PUT", "PUT", "PUT"]
