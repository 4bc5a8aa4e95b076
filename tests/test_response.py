"""`Response`: all properties and methods, compared with the standard library and the embedded server."""

import copy
import gc
import pickle
import sys
import threading
import urllib.request
import zlib
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal
from conftest import resident
from shoal import Response, _shoal


def response(content: bytes = b"", *headers: tuple[str, str], status: int = 200, **more) -> Response:
    state = {"status": status, "url": "http://host/path", "headers": list(headers), "content": content} | more
    return _shoal._restore_response(state)


def get(server, path: str, **options) -> Response:
    return shoal.Client().get(server.url(path), **options).result(20)


# The body


def test_content_is_always_the_same_object(server) -> None:
    r = get(server, "/bytes/1000")
    assert r.content == bytes(i % 251 for i in range(1000))
    assert r.content is r.content


@pytest.mark.parametrize("n", [0, 1, 100_000])
@pytest.mark.parametrize("content_first", [True, False])
def test_a_view_outlives_its_response(server, n: int, content_first: bool) -> None:
    r = get(server, f"/bytes/{n}")
    expected = bytes(i % 251 for i in range(n))
    if content_first:
        assert r.content == expected
    views = [memoryview(r), memoryview(r)]
    if not content_first:
        assert r.content == expected
        views.append(memoryview(r))
    del r
    gc.collect()
    for view in views:
        assert view.readonly
        assert (view.format, view.nbytes, view.itemsize, view.ndim) == ("B", n, 1, 1)
        assert bytes(view) == expected
    views[0].release()
    assert bytes(views[1]) == expected


def test_a_view_is_read_only(server) -> None:
    r = get(server, "/bytes/10")
    with pytest.raises(TypeError):
        memoryview(r)[0] = 1
    with pytest.raises((BufferError, TypeError)):
        (__import__("ctypes").c_char * 10).from_buffer(r)
    assert bytes(r) == r.content
    assert bytearray(b"").join([r, r]) == r.content * 2


def test_content_does_not_double_the_memory(server) -> None:
    """The native copy is freed when Python has its own, unless a view still refers to it."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("needs /proc")
    r = get(server, "/bytes/50000000")
    before = resident()
    content = r.content
    assert resident() - before < 15_000_000
    del content, r


def test_a_large_body_is_in_memory_once(server, python) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("needs /proc")
    code = """
        import sys, shoal, zlib
        from pathlib import Path

        def peak():
            lines = Path("/proc/self/status").read_text().splitlines()
            return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) >> 10

        before = peak()
        response = shoal.gather_fetch([sys.argv[1]], max_body=None).result()[0]
        content = response.content
        assert content is response.content and memoryview(response) == content
        print(len(content) >> 20, peak() - before, zlib.crc32(content))
    """
    done = python(code, server.url(f"/bytes/{100 << 20}"))
    assert done.stderr == ""
    size, grown, checksum = map(int, done.stdout.split())
    assert size == 100
    assert grown < size + 32
    assert checksum == zlib.crc32(urllib.request.urlopen(server.url(f"/bytes/{100 << 20}")).read())


def test_a_large_body_with_a_view_is_kept(server) -> None:
    (response,) = shoal.gather_fetch([server.url(f"/bytes/{40 << 20}")]).result()
    with memoryview(response) as view:
        content = response.content
        assert view == content
    assert response.content is content


def test_many_threads_get_the_same_content(server) -> None:
    for r in shoal.gather_fetch([server.url("/bytes/100000")] * 8).result(20):
        barrier = threading.Barrier(4)
        seen: list[bytes] = []

        def read(r: Response = r, barrier: threading.Barrier = barrier, seen: list[bytes] = seen) -> None:
            barrier.wait()
            seen.append(r.content)
            assert bytes(memoryview(r)) == seen[-1]

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({id(content) for content in seen}) == 1
        assert len(seen) == 4


# Text


@pytest.mark.parametrize(
    ("content", "content_type", "text", "encoding"),
    [
        ("grüße".encode(), None, "grüße", "utf-8"),
        (b"a\xffb", None, "a\ufffdb", "utf-8"),
        (b"\xef\xbb\xbfa", None, "a", "utf-8"),
        (b"\xef\xbb\xbfa", "text/plain; charset=utf-8", "a", "utf-8"),
        ("grüße".encode("utf-16"), None, "grüße", "utf-16le"),
        ("grüße".encode("utf-16-be"), "text/plain; charset=UTF-16BE", "grüße", "utf-16be"),
        ("grüße".encode("latin-1"), 'text/plain; charset="ISO-8859-1"', "grüße", "windows-1252"),
        ("日本".encode("shift_jis"), "text/plain; charset=Shift_JIS", "日本", "shift_jis"),
        ("日本".encode("euc-jp"), "text/html; a=b; CHARSET = euc-jp", "日本", "euc-jp"),
        ("привет".encode("koi8-r"), "text/plain;charset=koi8-r", "привет", "koi8-r"),
        ("grüße".encode("latin-1"), "text/plain; charset=latin-1", "grüße", "windows-1252"),
        ("grüße".encode(), "text/plain; charset=utf_8", "grüße", "utf-8"),
        ("grüße".encode(), "text/plain; charset=nonsense", "grüße", "utf-8"),
        (b"", "text/plain", "", "utf-8"),
        # A byte order mark takes precedence over a header.
        ("\ufeffпривет".encode(), "text/html; charset=windows-1251", "привет", "utf-8"),
        ("привет".encode("utf-16"), "text/html; charset=windows-1251", "привет", "utf-16le"),
        ("\ufeffпривет".encode("utf-16-be"), "text/html; charset=utf-8", "привет", "utf-16be"),
        # For JSON, a charset parameter is ignored.
        ('"é"'.encode(), "application/json; charset=ISO-8859-1", '"é"', "utf-8"),
        ('"é"'.encode("latin-1"), "application/json; charset=ISO-8859-1", '"é"', "windows-1252"),
        ('"é"'.encode(), "application/problem+json; charset=ISO-8859-1", '"é"', "utf-8"),
        ("é".encode(), "text/plain; charset=ISO-8859-1", "Ã©", "windows-1252"),
    ],
)
def test_text(content: bytes, content_type: str | None, text: str, encoding: str) -> None:
    headers = [("Content-Type", content_type)] if content_type else []
    r = response(content, *headers)
    assert (r.text, r.encoding) == (text, encoding)
    "".encode(r.encoding)  # Python knows the encoding


@settings(deadline=None)  # the deadline would fail on a busy machine
@given(st.text())
def test_utf_8_text_round_trips(text: str) -> None:
    text = text.removeprefix("\ufeff")
    assert response(text.encode()).text == text


# Other properties


def test_properties(server) -> None:
    r = get(server, "/json/1200?i=7")
    assert (r.status_code, r.status, r.ok, r.is_success, r.reason) == (200, 200, True, True, "OK")
    assert r.url == r.request.url == server.url("/json/1200?i=7")
    assert (r.http_version, r.attempts, r.index, r.path, r.history) == ("HTTP/1.1", 1, 0, None, [])
    assert isinstance(r.elapsed, timedelta)
    assert timedelta() < r.elapsed < timedelta(seconds=20)
    assert r.request is r.request
    assert r.request.method == "GET"
    assert r.headers["content-type"] == "application/json"
    assert str(r.json()["i"]) == "7"
    assert repr(r) == "<Response [200 OK] 1.2 kB>"
    with pytest.raises(AttributeError):
        r.status_code = 3
    with pytest.raises(TypeError):
        Response()


@pytest.mark.parametrize(
    ("status", "ok", "success", "reason"),
    [
        (204, True, True, "No Content"),
        (304, True, False, "Not Modified"),
        (404, False, False, "Not Found"),
        (599, False, False, ""),
    ],
)
def test_statuses(status: int, ok: bool, success: bool, reason: str) -> None:
    r = response(status=status)
    assert (r.status, r.ok, r.is_success, r.reason) == (status, ok, success, reason)
    if ok:
        assert r.raise_for_status() is r


@pytest.mark.parametrize("content_first", [True, False])
def test_raise_for_status(server, content_first: bool) -> None:
    r = get(server, "/status/404")
    if content_first:
        assert r.content
    with pytest.raises(shoal.HTTPStatusError) as raised:
        r.raise_for_status()
    error = raised.value
    assert error.response is r
    assert str(error).startswith(f'GET {r.url}: 404 Not Found: {{"status":404}}')
    assert (error.url, error.method, error.index, error.attempts) == (r.url, "GET", 0, 1)
    assert pickle.loads(pickle.dumps(error)).response.content == r.content


def test_the_error_message_quotes_200_bytes() -> None:
    with pytest.raises(shoal.HTTPStatusError) as raised:
        response(b"x" * 1000, status=500).raise_for_status()
    assert str(raised.value).count("x") == 200
    with pytest.raises(shoal.HTTPStatusError, match="404 Not Found"):
        response(status=404).raise_for_status()


def test_history(server) -> None:
    r = get(server, "/redirect/2")
    assert [redirect.status for redirect in r.history] == [302, 302]
    assert r.history[0] is r.history[0]
    assert r.request.url == r.history[0].url == server.url("/redirect/2")
    assert r.history[1].url == server.url("/redirect/1")
    assert r.url == server.url("/echo")
    r.history.clear()
    assert len(r.history) == 2


def test_cookies(server) -> None:
    r = get(server, "/cookies/set?a=1&b=2")
    assert r.cookies == {"a": "1", "b": "2"}
    assert response().cookies == {}


def test_links() -> None:
    r = response(
        b"",
        ("Link", '<https://h/?page=2>; rel="next", <https://h/?page=9>; rel="last"; title="a, b; c"'),
        ("Link", "</x>"),
    )
    assert r.links == {
        "next": {"url": "https://h/?page=2", "rel": "next"},
        "last": {"url": "https://h/?page=9", "rel": "last", "title": "a, b; c"},
        "/x": {"url": "/x"},
    }
    assert response().links == {}


def test_a_saved_body(server, tmp_path: Path) -> None:
    [r] = shoal.gather_fetch([server.url("/bytes/10")], save_to=str(tmp_path / "{index}.bin")).result(10)
    assert r.path == tmp_path / "0.bin"
    assert isinstance(r.path, Path)
    assert r.path.read_bytes() == bytes(range(10))
    assert r.content == b""
    assert str(r.path) in repr(r)
    assert pickle.loads(pickle.dumps(r)).path == r.path


@pytest.mark.parametrize(("size", "shown"), [(0, "0 B"), (999, "999 B"), (1234, "1.2 kB"), (2_500_000, "2.5 MB")])
def test_repr(size: int, shown: str) -> None:
    assert repr(response(b"x" * size)) == f"<Response [200 OK] {shown}>"


def test_html_is_escaped_and_redacted() -> None:
    r = response(b"", ("Content-Type", "<script>alert(1)</script>"), url="http://u:hunter2@host/?a=<b>&token=hunter3")
    html = r._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "hunter" not in html
    assert "&lt;Response [200 OK] 0 B&gt;" in html
    assert "hunter2" not in r.url


def test_pickle_and_copy(server) -> None:
    r = shoal.Client().post(server.url("/redirect-to?url=/cookies/set%3Fa=1&code=307"), content=b"body").result(10)
    names = [
        "status",
        "url",
        "content",
        "text",
        "headers",
        "cookies",
        "elapsed",
        "http_version",
        "request",
        "attempts",
        "index",
        "path",
    ]
    for again in (pickle.loads(pickle.dumps(r)), copy.copy(r), copy.deepcopy(r), pickle.loads(pickle.dumps(r, 2))):
        for name in names:
            assert getattr(again, name) == getattr(r, name), name
        assert [h.url for h in again.history] == [h.url for h in r.history]
        assert again.request.content == b"body"


def test_an_invalid_pickled_state_is_refused() -> None:
    for state in ({}, {"status": 200}, {"status": 99, "url": "http://h/"}, {"status": 200, "url": "x"}):
        with pytest.raises(ValueError, match="state of a response"):
            _shoal._restore_response(state)
    with pytest.raises(TypeError):
        _shoal._restore_response({"status": "x", "url": "http://h/"})


def test_no_references_are_leaked(server) -> None:
    """Objects made by the properties are released with the response."""
    r = get(server, "/redirect/1")
    content = r.content
    views = [memoryview(r) for _ in range(3)]
    request = r.request
    counts = sys.getrefcount(content), sys.getrefcount(request)
    del views
    with pytest.raises(shoal.JSONDecodeError):
        response(b"?").json()
    r.raise_for_status()
    del r
    assert sys.getrefcount(content) == counts[0] - 4
    assert sys.getrefcount(request) == counts[1] - 1
