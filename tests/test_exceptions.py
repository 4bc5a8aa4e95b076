"""The exception tree: names, base classes, attributes, pickling; and errors raised by the core."""

import asyncio
import builtins
import copy
import errno
import json
import pickle

import pytest

import shoal
from shoal import exceptions
from shoal.exceptions import FetchError, JSONDecodeError

NAMES = [name for name in exceptions.__all__ if name not in {"RequestException", "HTTPError"}]
CLASSES = [cls for cls in map(vars(exceptions).get, NAMES) if issubclass(cls, FetchError)]
KNOWN = {
    "url": "http://host/a?b=c",
    "method": "GET",
    "index": 3,
    "attempts": 2,
    "elapsed": 1.5,
    "phase": "body",
    "results": [None, None],
}


def make(cls: type[FetchError]) -> FetchError:
    if issubclass(cls, JSONDecodeError):
        return cls("Expecting value", '{"a":\n  ?}', 8, **KNOWN)
    return cls("it went wrong: 100 %", **KNOWN)


def test_base_classes_from_the_standard_library() -> None:
    pairs = [
        (shoal.InvalidURL, ValueError),
        (shoal.TimeoutException, builtins.TimeoutError),
        (shoal.DeadlineExceeded, builtins.TimeoutError),
        (shoal.NetworkError, builtins.ConnectionError),
        (shoal.DNSError, shoal.ConnectError),
        (shoal.TLSError, OSError),
        (shoal.JSONDecodeError, json.JSONDecodeError),
        (shoal.JSONDecodeError, shoal.DecodingError),
    ]
    for cls, base in pairs:
        assert issubclass(cls, base)
    assert shoal.RequestException is shoal.HTTPError is FetchError
    assert all(issubclass(cls, FetchError) for cls in CLASSES)
    # A ConnectTimeout is not a ConnectionError, so it is not retried as one.
    assert not issubclass(shoal.ConnectTimeout, ConnectionError)


@pytest.mark.skipif(asyncio.TimeoutError is not TimeoutError, reason="asyncio had its own before 3.11")
def test_a_timeout_is_an_asyncio_timeout_error() -> None:
    with pytest.raises(asyncio.TimeoutError):
        raise shoal.ReadTimeout("slow")


@pytest.mark.parametrize("cls", CLASSES)
def test_attributes_survive_pickling_and_copying(cls: type[FetchError]) -> None:
    error = make(cls)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert same(error, pickle.loads(pickle.dumps(error, protocol)))
    assert same(error, copy.copy(error))
    assert same(error, copy.deepcopy(error))
    for name, value in KNOWN.items():
        assert getattr(error, name) == value
    assert error.request is None
    assert error.response is None


def same(one: FetchError, other: FetchError) -> bool:
    return (type(one), str(one), one.args, vars(one)) == (type(other), str(other), other.args, vars(other))


@pytest.mark.parametrize("cls", CLASSES)
def test_the_message_is_never_empty(cls: type[FetchError]) -> None:
    if issubclass(cls, JSONDecodeError):
        return
    assert str(cls("")) == cls.__name__
    error = cls("x")
    assert str(error) == "x"
    error.args = ()
    assert str(error)
    assert (error.index, error.attempts, error.elapsed, error.phase, error.results) == (None, 0, 0.0, None, None)


def test_a_subclass_with_another_constructor_pickles() -> None:
    error = OfAUser(7)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.number) == (OfAUser, "number 7", 7)


class OfAUser(shoal.ReadError):
    def __init__(self, number: int) -> None:
        super().__init__(f"number {number}")
        self.number = number


def test_json_decode_error_has_the_attributes_of_the_standard_one() -> None:
    doc = '{"a":\n  ?}'
    with pytest.raises(json.JSONDecodeError) as standard:
        json.loads(doc)
    ours = JSONDecodeError(standard.value.msg, doc, standard.value.pos)
    for name in ("msg", "doc", "pos", "lineno", "colno"):
        assert getattr(ours, name) == getattr(standard.value, name)
    assert str(ours) == str(standard.value)


def test_the_attributes_of_a_refused_connection() -> None:
    url = "http://127.0.0.1:1/x?a=b"
    with pytest.raises(shoal.ConnectError, match=r"GET http://127\.0\.0\.1:1/x") as raised:
        shoal.gather_fetch([url], retry=0).result(10)
    error = raised.value
    assert (error.url, error.method, error.index, error.attempts, error.phase) == (url, "GET", 0, 1, "connect")
    assert error.elapsed > 0
    assert error.request is not None
    assert error.request.url == url
    assert error.results == [None]
    assert isinstance(error, ConnectionError)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.request, again.results) == (str(error), error.request, [None])


def test_an_invalid_url_has_its_index() -> None:
    results = shoal.gather_fetch(["not a url", "http://127.0.0.1:1/"], retry=0, return_exceptions=True).result(10)
    error = results[0]
    assert isinstance(error, shoal.InvalidURL)
    assert (error.index, error.attempts, error.request) == (0, 0, None)


def test_a_status_error_of_a_batch_has_the_response(server) -> None:
    urls = [server.url("/status/200"), server.url("/status/418")]
    [fine, error] = shoal.gather_fetch(urls, raise_for_status=True, return_exceptions=True).result(10)
    assert fine.ok
    assert isinstance(error, shoal.HTTPStatusError)
    assert error.response.json() == {"status": 418}
    assert (error.index, error.response.index) == (1, 1)
    assert "418" in str(error)
    assert pickle.loads(pickle.dumps(error)).response.content == error.response.content


def test_too_many_redirects_has_the_last_response(server) -> None:
    with pytest.raises(shoal.TooManyRedirects) as raised:
        shoal.gather_fetch([server.url("/redirect/5")], max_redirects=2).result(10)
    assert raised.value.response is not None
    assert raised.value.response.status == 302


def test_a_deadline_is_an_error_of_the_batch(server) -> None:
    with pytest.raises(shoal.DeadlineExceeded) as raised:
        shoal.gather_fetch([server.url("/bytes/3"), server.url("/delay/20000")], deadline=0.5).result(10)
    error = raised.value
    assert error.results is not None
    assert error.results[0].content == b"\x00\x01\x02"
    assert error.results[1] is None
    if error.request is None:
        assert error.index is None


def test_secrets_are_removed_from_messages() -> None:
    url = "http://user:hunter2@127.0.0.1:1/?api_key=hunter3"
    [error] = shoal.gather_fetch([url], retry=0, return_exceptions=True).result(10)
    assert "hunter2" not in str(error) + repr(error) + str(error.url) + repr(error.request)
    assert "hunter3" not in str(error) + repr(error)
    # `url` keeps the query, which is needed to fetch again.
    assert error.url == "http://127.0.0.1:1/?api_key=hunter3"


def test_a_file_that_cannot_be_written_has_the_oserror_as_cause(server, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    target = tmp_path / "file" / "{index}.bin"
    [error] = shoal.gather_fetch([server.url("/bytes/3")], save_to=str(target), retry=0, return_exceptions=True).result(
        10
    )
    assert type(error) is FetchError
    assert error.phase == "save"
    assert isinstance(error.__cause__, OSError)
    assert error.__cause__.errno in {errno.ENOTDIR, errno.EEXIST}
    assert error.__cause__.strerror
    assert "os error" not in str(error.__cause__)
    assert str(error.__cause__.filename).startswith(str(tmp_path))
