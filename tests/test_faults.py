"""Faulty servers and invalid responses: the class, phase and message of each error, and no secrets in messages."""

from __future__ import annotations

import gzip
import pickle
import time
import traceback
import zlib

import pytest

import shoal
from servers.base import refusing
from servers.scripted import CLOSE, HANG, READ, READ_HEAD, RESET, Holding, Scripted, Sleep, reply

pytestmark = pytest.mark.usefixtures("transport")

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n"
GZIP = ["Content-Encoding: gzip"]


def fetch(url, **options):
    with shoal.Client(retry=0) as client:
        return client.get(url, **options).result()


def failure(url, **options):
    with pytest.raises(shoal.FetchError) as caught:
        fetch(url, **options)
    return caught.value


def check(error, kind, phase, url, *, method="GET", attempt=1):
    """Checks of every failure."""
    assert type(error) is kind, f"{type(error).__name__}: {error}"
    assert error.phase == phase
    assert error.attempts == attempt
    assert error.method == method
    assert error.url == url
    assert error.elapsed is not None
    text = str(error)
    for part in (f"{method} {url}: ", f"phase: {phase}", f"attempt {attempt}"):
        assert part in text
    assert "\n" not in text
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert (str(copy), copy.phase, copy.attempts, copy.url) == (text, phase, attempt, url)


# Faults of the embedded server.


@pytest.mark.parametrize(
    ("path", "kind", "phase"),
    [
        ("/fault/reset", shoal.ReadError, "headers"),
        ("/fault/reset?after=1000", shoal.ReadError, "body"),
        ("/fault/truncate", shoal.IncompleteBody, "body"),
        ("/fault/truncate?n=3000000&sent=2000000", shoal.IncompleteBody, "body"),
        ("/fault/bad-length", shoal.ProtocolError, "headers"),
        ("/fault/oversized-headers?count=40000", shoal.ProtocolError, "headers"),
        ("/fault/bad-head", shoal.ProtocolError, "headers"),
        ("/fault/bad-chunk", shoal.ProtocolError, "body"),
        ("/fault/oversized-headers", shoal.ProtocolError, "headers"),
        ("/fault/corrupt-gzip", shoal.DecodingError, "body"),
        ("/fault/truncated-gzip", shoal.IncompleteBody, "body"),
        ("/fault/gzip-bomb", shoal.BodyTooLarge, "body"),
        ("/fault/br-bomb", shoal.BodyTooLarge, "body"),
        ("/fault/zstd-bomb", shoal.BodyTooLarge, "body"),
    ],
)
def test_each_fault_has_its_error(server, path, kind, phase):
    url = server.base_url + path
    check(failure(url), kind, phase, url)


@pytest.mark.parametrize("timeout", [0.2, pytest.param(shoal.Timeout(total=0.2), id="total")])
@pytest.mark.parametrize(
    ("path", "phase"), [("/delay/5000", "headers"), ("/fault/stall", "headers"), ("/fault/stall?after=10", "body")]
)
def test_total_timeout(server, path, phase, timeout):
    url = server.base_url + path
    error = failure(url, timeout=timeout)
    check(error, shoal.TotalTimeout, phase, url)
    assert "0.2 s" in str(error)
    assert isinstance(error, TimeoutError)


@pytest.mark.parametrize(
    ("path", "phase"), [("/delay/5000", "headers"), ("/fault/stall", "headers"), ("/fault/stall?after=10", "body")]
)
def test_read_timeout(server, path, phase):
    url = server.base_url + path
    check(failure(url, timeout=shoal.Timeout(read=0.2)), shoal.ReadTimeout, phase, url)


def test_a_slow_body_causes_no_read_timeout(server):
    response = fetch(f"{server.base_url}/fault/drip?n=10&interval_ms=40", timeout=shoal.Timeout(read=0.3))
    assert len(response.content) == 10


def test_a_slow_body_causes_a_total_timeout(server):
    url = f"{server.base_url}/fault/drip?n=100&interval_ms=20"
    check(failure(url, timeout=shoal.Timeout(total=0.3, read=0.2)), shoal.TotalTimeout, "body", url)


def test_a_flaky_server_succeeds_with_retries(server, transport):
    url = f"{server.base_url}/fault/flaky/2?key=faults-flaky-{transport}"
    (response,) = shoal.gather_fetch([url], retry=shoal.Retry(2, backoff_factor=0, backoff_jitter=0)).result()
    assert (response.status_code, response.attempts) == (200, 3)


@pytest.mark.parametrize("kind", ["status", "reset", "close", "truncate"])
def test_each_kind_of_fault_is_retried(server, transport, kind):
    url = f"{server.base_url}/fault/flaky/2?key=faults-{kind}-{transport}&kind={kind}"
    (response,) = shoal.gather_fetch([url], retry=shoal.Retry(2, backoff_factor=0, backoff_jitter=0)).result()
    assert response.json()["attempt"] == response.attempts == 3
    assert server.attempts(f"faults-{kind}-{transport}") == 3


def test_a_stall_is_retried(server, transport):
    url = f"{server.base_url}/fault/flaky/1?key=faults-stall-{transport}&kind=stall"
    (response,) = shoal.gather_fetch(
        [url], timeout=0.2, retry=shoal.Retry(1, backoff_factor=0, backoff_jitter=0)
    ).result()
    assert (response.status_code, response.attempts) == (200, 2)


@pytest.mark.parametrize(
    ("path", "minimum"),
    [("429?retry_after=1&key=faults-429", 1.0), ("retry-after-date?seconds=2&key=faults-date", 1.0)],
)
def test_retry_after_delays_the_retry(server, transport, path, minimum):
    started = time.monotonic()
    (response,) = shoal.gather_fetch([f"{server.base_url}/fault/{path}-{transport}"], retry=1).result()
    assert (response.status_code, response.attempts) == (200, 2)
    assert time.monotonic() - started >= minimum


def test_an_error_after_the_last_retry_counts_the_attempts(server):
    url = f"{server.base_url}/fault/truncate"
    with pytest.raises(shoal.FetchError) as caught:
        shoal.gather_fetch([url], retry=shoal.Retry(2, backoff_factor=0, backoff_jitter=0)).result()
    check(caught.value, shoal.IncompleteBody, "body", url, attempt=3)
    assert caught.value.results == [None]


# No server.


def test_a_refused_connection():
    with refusing() as refused_url:
        url = f"{refused_url}/path?a=b"
        error = failure(url)
    check(error, shoal.ConnectError, "connect", url)
    assert isinstance(error, ConnectionError)
    assert "refused" in str(error).lower()


def test_an_invalid_host_name():
    url = f"http://{'a' * 64}.localhost/"  # longer than the limit of a label, so no name server is asked
    check(failure(url), shoal.DNSError, "connect", url)


# Invalid responses. The script runs on every connection, so internal retries of Shoal change nothing.

INVALID = [
    ("closed at once", [CLOSE], shoal.ReadError, "headers"),
    ("closed after the request", [READ, CLOSE], shoal.ReadError, "headers"),
    ("reset after the request", [READ, RESET], shoal.ReadError, "headers"),
    ("half a status line", [READ, b"HTTP/1.1 20", CLOSE], shoal.ReadError, "headers"),
    ("half a head", [READ, HEAD + b"Content-Len", CLOSE], shoal.ReadError, "headers"),
    ("no HTTP", [READ, b"SSH-2.0-OpenSSH_9.9\r\n\r\n"], shoal.ProtocolError, "headers"),
    ("HTML at once", [READ, b"<html><body>hello</body></html>\r\n\r\n"], shoal.ProtocolError, "headers"),
    ("zeroes", [READ, bytes(64)], shoal.ProtocolError, "headers"),
    ("HTTP/9.9", [READ, b"HTTP/9.9 200 OK\r\n\r\n"], shoal.ProtocolError, "headers"),
    ("HTTP/0.9", [READ, b"just a body", CLOSE], shoal.ProtocolError, "headers"),
    ("status of two digits", [READ, b"HTTP/1.1 20 OK\r\n\r\n"], shoal.ProtocolError, "headers"),
    ("status of letters", [READ, b"HTTP/1.1 abc OK\r\n\r\n"], shoal.ProtocolError, "headers"),
    ("header without colon", [READ, HEAD + b"nonsense\r\n\r\n"], shoal.ProtocolError, "headers"),
    ("header with a NUL", [READ, HEAD + b"X-A: \x00\r\n\r\n"], shoal.ProtocolError, "headers"),
    ("header name with a space", [READ, HEAD + b"X A: 1\r\n\r\n"], shoal.ProtocolError, "headers"),
    ("negative length", [READ, HEAD + b"Content-Length: -5\r\n\r\n"], shoal.ProtocolError, "headers"),
    ("length of letters", [READ, HEAD + b"Content-Length: five\r\n\r\n"], shoal.ProtocolError, "headers"),
    ("length of 2**80", [READ, HEAD + b"Content-Length: 1208925819614629174706176\r\n\r\n"], None, "headers"),
    (
        "two lengths",
        [READ, HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef"],
        shoal.ProtocolError,
        "headers",
    ),
    ("endless head", [READ, HEAD, *[b"X-A: %s\r\n" % (b"a" * 8000)] * 200, HANG], shoal.ProtocolError, "headers"),
    ("many headers", [READ, HEAD, b"X-A: a\r\n" * 60_000, b"\r\n", CLOSE], shoal.ProtocolError, "headers"),
    ("body too short", [READ, HEAD + b"Content-Length: 10\r\n\r\nabc", CLOSE], shoal.IncompleteBody, "body"),
    ("no body at all", [READ, HEAD + b"Content-Length: 10\r\n\r\n", CLOSE], shoal.IncompleteBody, "body"),
    ("reset in the body", [READ, HEAD + b"Content-Length: 10\r\n\r\nabc", Sleep(0.05), RESET], shoal.ReadError, "body"),
    (
        "chunk size of letters",
        [READ, CHUNKED + b"\r\nxyz\r\nabc\r\n"],
        shoal.ProtocolError,
        "body",
    ),
    (
        "chunk too long",
        [READ, CHUNKED + b"\r\n3\r\nabcdef\r\n0\r\n\r\n"],
        shoal.ProtocolError,
        "body",
    ),
    (
        "chunk size of 2**80",
        [READ, CHUNKED + b"\r\n100000000000000000000\r\nabc"],
        shoal.ProtocolError,
        "body",
    ),
    (
        "chunks without an end",
        [READ, CHUNKED + b"\r\n3\r\nabc\r\n", CLOSE],
        shoal.IncompleteBody,
        "body",
    ),
    (
        "chunk cut",
        [READ, CHUNKED + b"\r\n10\r\nabc", CLOSE],
        shoal.IncompleteBody,
        "body",
    ),
    (
        "gzip that is none",
        [READ, reply(b"plain text", headers=GZIP), CLOSE],
        shoal.DecodingError,
        "body",
    ),
    (
        "brotli that is none",
        [READ, reply(bytes(range(255, 100, -1)), headers=["Content-Encoding: br"]), CLOSE],
        shoal.DecodingError,
        "body",
    ),
    (
        "zstd that is none",
        [READ, reply(b"plain text", headers=["Content-Encoding: zstd"]), CLOSE],
        shoal.DecodingError,
        "body",
    ),
]


@pytest.mark.parametrize(("script", "kind", "phase"), [pytest.param(*case[1:], id=case[0]) for case in INVALID])
def test_an_invalid_response_has_its_error(script, kind, phase):
    with Scripted(script) as faulty:
        url = f"{faulty.url}/lie?a=b"
        error = failure(url, timeout=5.0)
        check(error, kind or type(error), phase, url)
        assert faulty.wait_all_closed()


ACCEPTED = [
    ("no reason", [READ, b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"], b"ok"),
    ("reason of one's own", [READ, b"HTTP/1.1 200 All's Well\r\nContent-Length: 2\r\n\r\nok"], b"ok"),
    ("up to the end", [READ, HEAD + b"\r\nok", CLOSE], b"ok"),
    ("in slow pieces", [READ, *[reply(b"ok")[i : i + 1] for i in range(len(reply(b"ok")))]], b"ok"),
    ("more than said", [READ, HEAD + b"Content-Length: 2\r\n\r\nok and more", CLOSE], b"ok"),
    ("the same length twice", [READ, HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok"], b"ok"),
    ("an interim response", [READ, b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", reply(b"ok")], b"ok"),
    ("chunk extensions", [READ, CHUNKED + b"\r\n2;a=b\r\nok\r\n0\r\n\r\n"], b"ok"),
    ("trailers", [READ, CHUNKED + b"\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n"], b"ok"),
    ("HTTP/1.0", [READ, b"HTTP/1.0 200 OK\r\n\r\nok", CLOSE], b"ok"),
    ("an unknown coding", [READ, reply(b"ok", headers=["Content-Encoding: rot13"])], b"ok"),
    ("the coding identity", [READ, reply(b"ok", headers=["Content-Encoding: identity"])], b"ok"),
    ("coded but empty", [READ, reply(b"", headers=GZIP)], b""),
    ("a coding in capitals", [READ, reply(gzip.compress(b"ok"), headers=["Content-Encoding: GZIP"])], b"ok"),
    ("x-gzip", [READ, reply(gzip.compress(b"ok"), headers=["Content-Encoding: x-gzip"])], b"ok"),
    (
        "two codings",
        [READ, reply(zlib.compress(gzip.compress(b"ok")), headers=["Content-Encoding: gzip, deflate"])],
        b"ok",
    ),
    (
        "gzip in two members",
        [READ, reply(gzip.compress(b"o") + gzip.compress(b"k"), headers=GZIP)],
        b"ok",
    ),
    ("gzip and padding", [READ, reply(gzip.compress(b"ok") + bytes(512), headers=GZIP)], b"ok"),
    (
        "chunked and a length",
        [READ, CHUNKED + b"Content-Length: 9\r\n\r\n2\r\nok\r\n0\r\n\r\n"],
        b"ok",
    ),
    ("lines without CR", [READ, b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"], b"ok"),
    ("empty lines first", [READ, b"\r\n\r\n" + reply(b"ok")], b"ok"),
    ("a hundred interim responses", [READ, *[b"HTTP/1.1 103 Early Hints\r\n\r\n"] * 100, reply(b"ok")], b"ok"),
    (
        "cookies that are none",
        [READ, reply(b"ok", headers=["Set-Cookie: ", "Set-Cookie: =", "Set-Cookie: ;=;"])],
        b"ok",
    ),
    ("a header that is not UTF-8", [READ, reply(b"ok", headers=["X-A: caf\u00e9"])], b"ok"),
    ("a large head", [READ, reply(b"ok", headers=[f"X-{i}: {'v' * 500}" for i in range(40)])], b"ok"),
]


@pytest.mark.parametrize(("script", "body"), [pytest.param(*case[1:], id=case[0]) for case in ACCEPTED])
def test_unusual_responses_are_accepted(script, body):
    with Scripted(script) as odd:
        response = fetch(odd.url, timeout=5.0)
    assert (response.status_code, response.content) == (200, body)


def test_a_response_before_the_request_is_read():
    # The server refuses after the head, while the body is still arriving. (If a server also closes at once, its kernel
    # sends a reset that may overtake the response. No client can prevent that.)
    no = reply(b"no", status="413 Content Too Large", headers=["Connection: close"])
    with Scripted([READ_HEAD, no, HANG]) as early, shoal.Client(timeout=5) as client:
        response = client.post(early.url, content=bytes(20_000_000)).result()
    assert (response.status_code, response.content) == (413, b"no")


def test_a_body_after_head_or_204_is_ignored():
    with Scripted([READ, reply(b"body"), HANG]) as server, shoal.Client(timeout=5) as client:
        assert client.head(server.url).result().content == b""
    with Scripted([READ, b"HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nbody", CLOSE]) as server:
        assert fetch(server.url, timeout=5.0).content == b""


def test_an_invalid_response_does_not_affect_other_requests(server):
    with Scripted([READ, b"nonsense\r\n\r\n"]) as faulty:
        urls = [f"{server.base_url}/bytes/10", faulty.url] * 20
        results = shoal.gather_fetch(urls, retry=0, return_exceptions=True).result()
    assert [type(result) for result in results[1::2]] == [shoal.ProtocolError] * 20
    assert [result.index for result in results[1::2]] == list(range(1, 40, 2))
    assert all(len(response.content) == 10 for response in results[::2])


def test_a_closed_idle_connection_is_replaced():
    # The server responds once and closes the connection while it is idle.
    with Scripted([READ, reply(b"first"), CLOSE], [READ, reply(b"second")]) as server, shoal.Client(retry=0) as client:
        assert client.get(server.url).result().content == b"first"
        assert client.get(server.url).result().content == b"second"


def test_an_idempotent_request_is_resent_after_a_close():
    # The server reads the second request on the kept connection before it closes.
    scripts = [READ, reply(b"first"), READ, CLOSE], [READ, reply(b"second")]
    with Scripted(*scripts) as server, shoal.Client(retry=0) as client:
        assert client.get(server.url).result().content == b"first"
        assert client.get(server.url).result().content == b"second"
    with Scripted(*scripts) as server, shoal.Client(retry=0) as client:
        assert client.get(server.url).result().content == b"first"
        with pytest.raises(shoal.ReadError):
            client.post(server.url, content=b"once").result()
        assert len(server.requests) == 2


def test_cancel_closes_the_connection():
    with Holding(HEAD) as holding, shoal.Client() as client:
        job = client.get(holding.url)
        assert holding.wait_requests(1)
        job.cancel()
        assert holding.wait_all_closed()
    assert job.cancelled()


def test_a_timeout_closes_the_connection():
    with Holding(HEAD + b"Content-Length: 10\r\n\r\nabc") as holding:
        check(failure(f"{holding.url}/", timeout=0.2), shoal.TotalTimeout, "body", f"{holding.url}/")
        assert holding.wait_all_closed()


def test_the_first_failure_of_a_batch_closes_the_other_connections():
    with Holding() as holding, refusing() as refused_url:
        urls = [f"{holding.url}/{i}" for i in range(10)]
        with pytest.raises(shoal.ConnectError) as caught:
            shoal.gather_fetch([*urls, refused_url], retry=0).result()
        assert holding.wait_all_closed()
    assert caught.value.index == 10
    assert caught.value.results == [None] * 11


# Secrets.


SECRET = "hunter2-very-secret"


def logged(error):
    """The text that a log or a crash report would contain."""
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    return " ".join([str(error), repr(error), str(error.args), *lines])


@pytest.mark.parametrize(
    "where",
    [
        "http://user:{secret}@{host}/path",
        "http://{host}/path?api_key={secret}",
        "http://{host}/path?token={secret}&page=2",
        "http://{host}/path?a=b&access_token={secret}",
        "http://{host}/path?password={secret}",
        "http://{host}/path?X-Amz-Signature={secret}",
    ],
)
def test_secrets_in_the_url_are_removed(where):
    with refusing() as refused_url:
        host = refused_url.removeprefix("http://")
        error = failure(where.format(host=host, secret=SECRET))
    assert SECRET not in logged(error)
    assert SECRET not in logged(pickle.loads(pickle.dumps(error)))
    assert f"{host}/path" in str(error)


@pytest.mark.parametrize("name", ["Authorization", "Cookie", "X-Api-Key", "Proxy-Authorization"])
def test_secrets_in_headers_are_not_shown(name):
    with refusing() as refused_url:
        error = failure(refused_url, headers={name: SECRET})
    assert SECRET not in logged(error)
    assert SECRET not in repr(error.request)


def test_secrets_in_a_redirect_are_removed():
    location = f"Location: ftp://user:{SECRET}@127.0.0.1/?token={SECRET}"
    with Scripted([READ, reply(status="302 Found", headers=[location])]) as origin:
        error = failure(origin.url)
    assert SECRET not in logged(error)


@pytest.mark.parametrize("url", ["http://user:{s}@host:port/", "http://user:{s}@", "htp://user:{s}@host/?token={s}"])
def test_secrets_in_an_invalid_url_are_removed(url):
    error = failure(url.format(s=SECRET))
    assert type(error) is shoal.InvalidURL
    assert isinstance(error, ValueError)
    assert SECRET not in logged(error)


def test_the_status_error_quotes_the_start_of_the_body():
    with Scripted([READ, reply(b"quota used up " + b"x" * 1000, status="403 Forbidden")]) as origin:
        url = f"{origin.url}/path"
        with pytest.raises(shoal.HTTPStatusError) as caught:
            shoal.gather_fetch([url], raise_for_status=True).result()
    text = str(caught.value)
    assert f"GET {url}: 403 Forbidden: quota used up xxx" in text
    assert text.count("x") < 250
    assert caught.value.response.status_code == 403
