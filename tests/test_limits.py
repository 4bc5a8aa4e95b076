"""`Timeout`, `Retry` and `Limits`: validation, equality, hashes, copies, pickles."""

import copy
import math
import pickle

import pytest

import shoal
from shoal import Limits, Retry, Timeout

STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})

VALUES = [
    Timeout(),
    Timeout(3),
    Timeout(2.5, connect=0.1, read=1, pool=7),
    Timeout(pool=1e-3),
    Retry(0),
    Retry(3),
    Retry(3, backoff_factor=0),
    Retry(3, backoff_max=0.5),
    Retry(3, backoff_jitter=0.25),
    Retry(3, status_forcelist=[500]),
    Retry(3, status_forcelist=[]),
    Retry(3, allowed_methods=["GET", "POST"]),
    Retry(3, allowed_methods=[]),
    Retry(3, respect_retry_after=False),
    Retry(3, retry_after_max=1),
    Limits(),
    Limits(None),
    Limits(7, per_host=3),
    Limits(7, rate="10/s"),
]
ids = pytest.mark.parametrize("value", VALUES, ids=repr)


@ids
def test_a_value_equals_its_copies_only(value) -> None:
    for same in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):
        assert same == value
        assert not (same != value)  # noqa: SIM202 - tests the operator
        assert hash(same) == hash(value)
        assert repr(same) == repr(value)
    assert [other for other in VALUES if other == value] == [value]
    assert value != None  # noqa: E711 - tests the operator
    assert value != 3


@ids
def test_the_repr_evaluates_to_an_equal_value(value) -> None:
    names = {"Timeout": Timeout, "Retry": Retry, "Limits": Limits}
    assert eval(repr(value), names) == value


def test_values_are_hashable() -> None:
    assert len({*VALUES, *copy.deepcopy(VALUES)}) == len(VALUES)


@ids
def test_values_are_immutable(value) -> None:
    name = next(name for name in dir(value) if not name.startswith("_"))
    with pytest.raises(AttributeError):
        setattr(value, name, 1)


def test_timeout_values() -> None:
    timeout = Timeout(2, connect=0.5, read=None)
    assert (timeout.total, timeout.connect, timeout.read, timeout.pool) == (2.0, 0.5, None, None)
    assert repr(timeout) == "Timeout(total=2.0, connect=0.5, read=None, pool=None)"


def test_retry_defaults() -> None:
    retry = Retry(4)
    assert (retry.total, retry.backoff_factor, retry.backoff_max, retry.backoff_jitter) == (4, 0.2, 30.0, 1.0)
    assert retry.status_forcelist == STATUSES
    assert retry.allowed_methods is None
    assert (retry.respect_retry_after, retry.retry_after_max) == (True, 120.0)
    assert Retry(1, allowed_methods={"get", "Post"}).allowed_methods == {"GET", "POST"}


def test_limits_defaults() -> None:
    limits = Limits()
    assert (limits.concurrency, limits.per_host, limits.rate) == (100, None, None)
    assert Limits(5, per_host=2, rate="10/s").rate == "10/s"


@pytest.mark.parametrize("name", ["total", "connect", "read", "pool"])
@pytest.mark.parametrize("value", [0, -1, -0.5, math.nan, math.inf])
def test_timeouts_are_positive(name, value) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be finite and more than 0 seconds, not {value}"):
        Timeout(**{name: value})


@pytest.mark.parametrize("value", ["1", b"1", True, [1], object()])
def test_timeouts_are_numbers(value) -> None:
    with pytest.raises(TypeError, match="read must be a number of seconds or None, not "):
        Timeout(read=value)
    with pytest.raises(TypeError, match="timeout must be a number of seconds, a Timeout or None, not "):
        shoal.gather_fetch([], timeout=value)
    with pytest.raises(TypeError, match="deadline must be a number of seconds or None, not "):
        shoal.gather_fetch([], deadline=value)


def test_a_very_long_timeout_does_not_overflow(server) -> None:
    (response,) = shoal.gather_fetch([server.url("/bytes/3")], timeout=1e300, deadline=1e18).result()
    assert response.content == bytes(range(3))


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"total": -1}, ValueError, "total must be 0 or more, not -1"),
        ({"total": 1.5}, TypeError, "total"),
        ({"total": "3"}, TypeError, "total"),
        ({"backoff_factor": -0.1}, ValueError, "backoff_factor must be"),
        ({"backoff_max": math.nan}, ValueError, "backoff_max must be"),
        ({"backoff_jitter": -1}, ValueError, "backoff_jitter must be"),
        ({"retry_after_max": -1}, ValueError, "retry_after_max must be"),
        ({"status_forcelist": [99]}, ValueError, "status_forcelist: 99 is not a status"),
        ({"status_forcelist": [1000]}, ValueError, "status_forcelist: 1000 is not a status"),
        ({"status_forcelist": ["503"]}, ValueError, "status_forcelist: '503' is not a status"),
        ({"status_forcelist": 503}, TypeError, "status_forcelist"),
        ({"allowed_methods": "GET"}, TypeError, "allowed_methods must be a collection of methods, not one str"),
        ({"allowed_methods": ["G T"]}, ValueError, "allowed_methods: .*G T.* is not an HTTP method"),
        ({"allowed_methods": [b"GET"]}, TypeError, "allowed_methods must be str, not bytes"),
        ({"allowed_methods": 3}, TypeError, "allowed_methods"),
        ({"unknown": 3}, TypeError, "unknown"),
    ],
)
def test_retry_is_checked(options, error, words) -> None:
    with pytest.raises(error, match=words):
        Retry(**{"total": 1, **options})


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"concurrency": 0}, ValueError, "concurrency must be 1 or more, not 0"),
        ({"concurrency": -1}, ValueError, "concurrency must be 1 or more, not -1"),
        ({"concurrency": "5"}, TypeError, "concurrency"),
        ({"concurrency": 1.5}, TypeError, "concurrency"),
        ({"per_host": 0}, ValueError, "per_host must be 1 or more, not 0"),
        ({"rate": 10}, TypeError, "rate"),
        ({"rate": ""}, ValueError, "rate"),
        ({"rate": "10"}, ValueError, "rate"),
        ({"rate": "0/s"}, ValueError, "rate"),
        ({"rate": "-1/s"}, ValueError, "rate"),
        ({"rate": "10/parsec"}, ValueError, "rate"),
        ({"rate": "nan/s"}, ValueError, "rate"),
    ],
)
def test_limits_are_checked(options, error, words) -> None:
    with pytest.raises(error, match=words):
        Limits(**options)
    with pytest.raises(error, match=words):
        shoal.gather_fetch([], **options)


@pytest.mark.parametrize("rate", ["10/s", "100/min", "1000/h", "0.5/s", "3 / s"])
def test_valid_rates_are_kept_as_written(rate) -> None:
    assert Limits(rate=rate).rate == rate
    assert shoal.gather_fetch([], rate=rate).result() == []
