"""`Headers` against a model of a case-insensitive multi-mapping."""

import copy
import pickle
import string
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal
from shoal import Headers

TOKEN = string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~"
names = st.text(TOKEN, min_size=1, max_size=12)
values = st.text(st.characters(min_codepoint=32, exclude_characters="\x7f", exclude_categories=["Cs"]), max_size=20)
pairs = st.lists(st.tuples(names | st.sampled_from(["A", "a", "Set-Cookie"]), values), max_size=12)


def model(items: list[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in items:
        found.setdefault(name.lower(), []).append(value)
    return found


@settings(deadline=None)  # so that a slow machine causes no failure
@given(pairs)
def test_headers_behave_like_the_model(items: list[tuple[str, str]]) -> None:
    headers = Headers(items)
    expected = model(items)
    joined = {name: ", ".join(several) for name, several in expected.items()}
    assert list(headers) == list(headers.keys()) == list(expected)
    assert len(headers) == len(expected)
    assert dict(headers) == dict(headers.items()) == joined
    assert list(headers.values()) == list(joined.values())
    for name, several in expected.items():
        assert headers.get_list(name.upper()) == several
        assert headers[name.upper()] == headers.get(name) == joined[name]
        assert name.upper() in headers
    assert sorted(headers.multi_items()) == sorted((name.lower(), value) for name, value in items)
    assert headers == joined
    assert joined == headers
    assert headers == {name.upper(): value for name, value in joined.items()}
    for again in (pickle.loads(pickle.dumps(headers)), copy.deepcopy(headers), Headers(headers)):
        assert again == headers
        assert again.multi_items() == headers.multi_items()


@settings(deadline=None)  # so that a slow machine causes no failure
@given(pairs, pairs)
def test_equality_ignores_case_as_the_model_does(one: list[tuple[str, str]], other: list[tuple[str, str]]) -> None:
    assert (Headers(one) == Headers(other)) == (model(one) == model(other))


@settings(deadline=None)  # so that a slow machine causes no failure
@given(st.binary(max_size=30))
def test_values_are_utf_8_or_latin_1(raw: bytes) -> None:
    try:
        headers = Headers([("a", raw)])
    except ValueError:
        assert any((byte < 32 and byte != 9) or byte == 127 for byte in raw)
        return
    try:
        expected = raw.decode()
    except UnicodeDecodeError:
        expected = raw.decode("latin-1")
    assert headers["a"] == expected
    assert pickle.loads(pickle.dumps(headers)) == headers


def test_headers_are_a_mapping() -> None:
    headers = Headers({"ETag": "x", "Vary": "y"})
    assert isinstance(headers, Mapping)
    match headers:
        case {"etag": value}:
            assert value == "x"
        case _:
            pytest.fail("no match")
    assert headers.keys() & {"etag", "z"} == {"etag"}
    assert {**headers} == {"etag": "x", "vary": "y"}
    assert bool(Headers()) is False
    with pytest.raises(TypeError):
        hash(headers)


def test_missing_names() -> None:
    headers = Headers({"a": "1"})
    assert headers.get("b") is None
    assert headers.get("b", "x") == headers.get("b", default="x") == "x"
    assert headers.get("no header name\n") is None
    assert headers.get_list("b") == []
    for key in ("b", 1, None, "\ud800"):
        assert key not in headers
        with pytest.raises(KeyError):
            headers[key]
    assert headers != 3
    assert headers != {"a": "1", 2: "3"}
    assert headers != {"a": "2"}


def test_headers_are_immutable() -> None:
    headers = Headers({"a": "1"})
    with pytest.raises(TypeError):
        headers["a"] = "2"
    with pytest.raises(AttributeError):
        headers.a = 1
    with pytest.raises(AttributeError):
        headers.clear()


def test_repr_hides_secrets() -> None:
    headers = Headers([("Authorization", "Bearer hunter2"), ("Set-Cookie", "hunter2"), ("A", "1")])
    assert "hunter2" not in repr(headers)
    assert repr(Headers({"a": "1", "b": "it's"})) == repr({"a": "1", "b": "it's"}).join(["Headers(", ")"])
    assert repr(Headers([("a", "1"), ("A", "2")])) == "Headers([('a', '1'), ('a', '2')])"
    assert "***" in repr(headers)


@pytest.mark.parametrize("wrong", ["text", b"bytes", 3, [("a",)], [1], {"a": 1}, {1: "a"}, {"a": None}])
def test_wrong_types_raise_type_error(wrong) -> None:
    with pytest.raises(TypeError):
        Headers(wrong)


@pytest.mark.parametrize("wrong", [{"": "x"}, {"a b": "x"}, {"ä": "x"}, {"a": "hunter2\n"}, {"a\r": "x"}])
def test_invalid_names_and_values_raise_value_error(wrong) -> None:
    with pytest.raises(ValueError, match="header") as raised:
        Headers(wrong)
    assert "hunter2" not in str(raised.value)


def test_headers_of_a_response(server) -> None:
    response = shoal.Client().get(server.url("/response-headers?X-A=1&X-A=2&X-B=3")).result(10)
    assert response.headers.get_list("x-a") == ["1", "2"]
    assert response.headers["X-A"] == "1, 2"
    assert response.headers["x-b"] == "3"
