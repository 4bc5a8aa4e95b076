"""`Request`, `Timeout`, `Retry` and `Limits`: properties, equality, reprs and validation."""

import copy
import pickle

import pytest

import shoal
from shoal import Limits, Request, Retry, Timeout

OBJECTS = [
    Timeout(),
    Timeout(30, connect=1.5, read=5, pool=0.1),
    Retry(3),
    Retry(
        1,
        backoff_factor=0,
        backoff_max=5,
        backoff_jitter=0,
        status_forcelist=[500, 418],
        allowed_methods=["post", "GET", "PATCH", "DELETE"],
        respect_retry_after=False,
        retry_after_max=1,
    ),
    Limits(),
    Limits(None, per_host=4, rate="10/s"),
    Request("http://host/"),
    Request("http://host/", method="post", json={"a": "é"}, name="n", timeout=None, max_body=None),
    Request(
        "/path",
        params=[("a", 1), ("a", 2)],
        headers={"A": "1", "B": b"\xe9", "C": None},
        cookies={"a": "1"},
        auth=("user", "password"),
        timeout=Timeout(3, read=1),
        retry=Retry(2, allowed_methods=["GET", "POST"]),
        follow_redirects=False,
        max_redirects=3,
        max_body="1MiB",
        raise_for_status=True,
    ),
]


@pytest.mark.parametrize("value", OBJECTS, ids=repr)
def test_copies_are_equal(value: object) -> None:
    for twin in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):
        assert type(twin) is type(value)
        assert twin == value
        assert repr(twin) == repr(value)
        assert hash(twin) == hash(value)


def test_different_values_are_unequal() -> None:
    for one in OBJECTS:
        assert [other for other in OBJECTS if other == one] == [one]
        assert one.__eq__(5) is NotImplemented


@pytest.mark.parametrize(
    "options",
    [
        {"method": "PUT"},
        {"params": {"a": 1}},
        {"headers": {"a": "1"}},
        {"headers": {"a": None}},
        {"cookies": {"a": "1"}},
        {"auth": "token"},
        {"content": b""},
        {"timeout": 1},
        {"timeout": None},
        {"retry": 1},
        {"follow_redirects": True},
        {"max_redirects": 1},
        {"max_body": 1},
        {"raise_for_status": False},
        {"name": ""},
    ],
    ids=repr,
)
def test_every_option_is_part_of_equality(options: dict) -> None:
    assert Request("http://host/", **options) != Request("http://host/")
    assert Request("http://host/", **options) == Request("http://host/", **options)


def test_a_request_copies_its_mutable_and_one_shot_arguments() -> None:
    body = {"a": 1}
    request = Request("http://host/", json=body, params=iter([("b", "2")]))
    body["a"] = 2
    twin = pickle.loads(pickle.dumps(request))
    assert twin == request
    assert twin.content == b'{"a":1}'


def test_properties() -> None:
    request = Request("http://host/", method="post", data={"a": "ü"}, name="n", headers=[("A", "1"), ("a", "2")])
    assert request.url == "http://host/"
    assert request.method == "POST"
    assert request.name == "n"
    assert request.content == b"a=%C3%BC"
    assert request.headers["A"] == "1, 2"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    bare = Request("http://host/")
    assert (bare.method, bare.content, bare.name, len(bare.headers)) == (None, None, None, 0)


@pytest.mark.parametrize(
    "url",
    [
        "http://user:hunter2@host/",
        "http://user:hunter2@ho st/",
        "http://user:hun/ter2@host/",
        "http://user:hun#ter2@host/",
        "http://user:hunter2@host:99999/",
        "//user:hunter2@host/",
        "user:hunter2@host",
        "http://host/?token=hunter2",
        "http://host:99999/?token=hunter2",
    ],
)
def test_the_repr_redacts_secrets(url: str) -> None:
    request = Request(url, auth="hunter2", headers={"Authorization": "hunter2"})
    assert "ter2" not in repr(request)
    assert request.url == url


@pytest.mark.parametrize(
    "url",
    [
        "ftp://user:hunter2@host/?token=hunter2",
        "http://user:hunter2@ho st/",
        "http://user:hun/ter2@host/",
        "http://user:hun#ter2@host/",
        "http://user:hunter2@host:99999/",
        "//user:hunter2@host/",
        "user:hunter2@host",
        "http://host:99999/?token=hunter2",
    ],
)
def test_the_error_of_an_invalid_url_redacts_its_password(url: str) -> None:
    [error] = shoal.gather_fetch([url], return_exceptions=True).result(5)
    assert isinstance(error, shoal.InvalidURL)
    assert "ter2" not in f"{error} {error!r} {error.url}"


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Request(5), TypeError, "url must be str, not int"),
        (lambda: Request("u", timout=1), TypeError, '\'timout\'|"timout"; did you mean "timeout"'),
        (lambda: Request("u", header={}), TypeError, 'did you mean "headers"'),
        (lambda: Request("u", jsn={}), TypeError, 'did you mean "json"'),
        (lambda: Request("u", timeout=0), ValueError, "timeout .* not 0"),
        (lambda: Request("u", timeout="1"), TypeError, "timeout .* not str"),
        (lambda: Request("u", timeout=True), TypeError, "timeout .* not bool"),
        (lambda: Request("u", retry=-1), ValueError, "retry must be 0 or more, not -1"),
        (lambda: Request("u", retry=True), TypeError, "retry .* not bool"),
        (lambda: Request("u", retry=1.0), TypeError, "retry .* not float"),
        (lambda: Request("u", retry=10**30), ValueError, "retry must be at most"),
        (lambda: Request("u", max_redirects=2**40), ValueError, "max_redirects must be at most 4294967295"),
        (lambda: Request("u", max_body=-1), ValueError, "max_body"),
        (lambda: Request("u", max_body="1 parsec"), ValueError, "max_body .* '1 parsec'"),
        (lambda: Request("u", max_body=1.5), TypeError, "max_body .* not float"),
        (lambda: Request("u", follow_redirects=1), TypeError, "follow_redirects must be True or False, not int"),
        (lambda: Request("u", name=1), TypeError, "name must be str, not int"),
        (lambda: Request("u", method="G T"), ValueError, 'method: "G T"'),
        (lambda: Request("\ud800"), ValueError, "url: .*surrogate"),
        (lambda: Timeout(float("nan")), ValueError, "total .* not nan"),
        (lambda: Timeout(connect=-1), ValueError, "connect .* not -1"),
        (lambda: Timeout(10**400), ValueError, "total must be finite"),
        (lambda: Retry(-1), ValueError, "total must be 0 or more, not -1"),
        (lambda: Retry(True), TypeError, "total must be an int, not bool"),
        (lambda: Retry(1, backoff_factor=-1), ValueError, "backoff_factor .* not -1"),
        (lambda: Retry(1, backoff_max=float("inf")), ValueError, "backoff_max .* not inf"),
        (lambda: Retry(1, status_forcelist=[99]), ValueError, "status_forcelist: 99"),
        (lambda: Retry(1, allowed_methods="GET"), TypeError, "allowed_methods"),
        (lambda: Limits(0), ValueError, "concurrency must be 1 or more, not 0"),
        (lambda: Limits(per_host=-1), ValueError, "per_host must be 1 or more, not -1"),
        (lambda: Limits(rate="often"), ValueError, "often"),
    ],
)
def test_the_error_names_the_invalid_argument(make, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()


def test_retry_defaults() -> None:
    retry = Retry(3)
    assert retry.total == 3
    assert retry.status_forcelist == {408, 425, 429, 500, 502, 503, 504}
    assert retry.allowed_methods is None
    assert (retry.backoff_factor, retry.backoff_max, retry.backoff_jitter) == (0.2, 30, 1)
    assert (retry.respect_retry_after, retry.retry_after_max) == (True, 120)
    assert Retry(1, allowed_methods=["get", "POST", "GET"]).allowed_methods == {"GET", "POST"}
    assert Retry(1, allowed_methods={"POST", "GET"}) == Retry(1, allowed_methods=["GET", "POST"])


def test_reprs_can_be_evaluated() -> None:
    for value in OBJECTS:
        if not isinstance(value, Request):
            assert eval(repr(value)) == value
