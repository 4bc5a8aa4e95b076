"""`save_to`: bodies are saved to files instead of memory, complete or not at all."""

import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import shoal
from conftest import wait_until
from servers.scripted import READ, Scripted, Sleep
from shoal import Request
from shoal.testing import Server

pytestmark = pytest.mark.usefixtures("transport")

QUICK = shoal.Retry(2, backoff_factor=0, backoff_jitter=0)


def files(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def urls(server) -> list[str]:
    return [server.url(f"/bytes/{n}") for n in (3, 0, 5)]


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ("{index}.json", ["0.json", "1.json", "2.json"]),
        ("a/b/{index:05}.json", ["a/b/00000.json", "a/b/00001.json", "a/b/00002.json"]),
        ("{index}/{index}", ["0/0", "1/1", "2/2"]),
        ("{{{index}}}", ["{0}", "{1}", "{2}"]),
    ],
)
def test_templates(tmp_path, urls, template, names, run) -> None:
    async def main():
        return await shoal.gather_fetch(urls, save_to=tmp_path / template)

    job_results = run(main())
    assert files(tmp_path) == dict(zip(names, (3, 0, 5), strict=True))
    for response, name in zip(job_results, names, strict=True):
        assert response.path == tmp_path / name
        assert isinstance(response.path, Path)
        assert response.content == b""
        assert response.status_code == 200
    assert (tmp_path / names[2]).read_bytes() == bytes(range(5))


def test_a_relative_template_as_str(tmp_path, urls, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    responses = shoal.gather_fetch(urls, save_to="out/{index}").result()
    assert [str(response.path) for response in responses] == ["out/0", "out/1", "out/2"]
    assert len(files(tmp_path / "out")) == 3


def test_names(tmp_path, server) -> None:
    url = server.url("/bytes/3")
    names = ["Nenê", "O'Neal", "a.b", "x" * 300]
    items = [(url, {"name": name}) for name in names[:2]] + [
        {"url": url, "name": names[2]},
        Request(url, name=names[3]),
    ]
    responses = shoal.gather_fetch(items, save_to=tmp_path / "{name}.json").result()
    assert [response.path.name for response in responses] == [
        "Nenê.json",
        "O'Neal.json",
        "a.b.json",
        "x" * 250 + ".json",
    ]
    assert len(files(tmp_path)) == 4


@pytest.mark.parametrize("name", ["../../up", "/etc/passwd", "..", ".", "", "a/b", "a\\b", "nul\0", "CON", "a\nb", "~"])
def test_unsafe_names_stay_in_the_folder(tmp_path, server, name) -> None:
    folder = tmp_path / "deep" / "folder"
    (response,) = shoal.gather_fetch([(server.url("/bytes/3"), {"name": name})], save_to=folder / "{name}").result()
    assert response.path.parent == folder
    assert files(tmp_path) == {f"deep/folder/{response.path.name}": 3}


def test_a_callable_chooses_the_path(tmp_path, server) -> None:
    seen = []

    def path(index: int, request: Request) -> Path | str:
        seen.append((index, request.url, request.name))
        place = tmp_path / f"{request.url.rsplit('/', 1)[1]}"
        return place if index else str(place)

    items = [server.url("/bytes/3"), (server.url("/bytes/4"), {"name": "four"})]
    responses = shoal.gather_fetch(items, save_to=path).result()
    assert seen == [(0, items[0], None), (1, items[1][0], "four")]
    assert [response.path for response in responses] == [tmp_path / "3", tmp_path / "4"]
    assert files(tmp_path) == {"3": 3, "4": 4}


@pytest.mark.parametrize(
    ("save_to", "error", "words"),
    [
        ("out/{nme}", ValueError, "unknown placeholder {nme}"),
        ("out/{index", ValueError, "'{' without '}'"),
        ("out/}", ValueError, "single '}'"),
        ("out/", ValueError, "it names no file"),
        ("", ValueError, "it names no file"),
        ("out/..", ValueError, "it names a folder"),
        ("{index:x}", ValueError, "not a width"),
        ("{name}", ValueError, r"requests\[0\].*has no name"),
        ("same", ValueError, r"requests\[0\] and requests\[1\] would both be written to .*same"),
        (lambda index, request: "same", ValueError, r"requests\[0\] and requests\[1\] would both be written to"),
        (lambda index, request: f"x/../same{index // 2}", ValueError, "would both be written to"),
        (lambda index, request: 3, TypeError, "save_to: the callable must return str or a path, not int"),
        (lambda index, request: 1 / 0, ZeroDivisionError, "division"),
        (3, TypeError, "save_to must be a template as str or path, a callable or None, not int"),
    ],
)
def test_invalid_save_to_is_refused_before_any_request(tmp_path, monkeypatch, save_to, error, words) -> None:
    monkeypatch.chdir(tmp_path)
    with Server() as server:
        with pytest.raises(error, match=words):
            shoal.gather_fetch([server.url("/bytes/3")] * 2, save_to=save_to)
        assert server.stats.requests == 0
    assert files(tmp_path) == {}


def test_equal_names_are_refused(tmp_path, server) -> None:
    items = [(server.url("/bytes/3"), {"name": name}) for name in ("a/b", "c", "a_b")]
    with pytest.raises(ValueError, match=r"requests\[0\] and requests\[2\] would both be written to"):
        shoal.gather_fetch(items, save_to=tmp_path / "{name}")


def test_only_2xx_responses_are_written(tmp_path, server) -> None:
    urls = [server.url(path) for path in ("/status/200", "/status/404", "/redirect/2", "/empty", "/status/304")]
    responses = shoal.gather_fetch(urls, save_to=tmp_path / "{index}", retry=0).result()
    assert [response.status_code for response in responses] == [200, 404, 200, 204, 304]
    assert responses[1].path is None
    assert responses[1].json() == {"status": 404}
    assert responses[2].path == tmp_path / "2"
    assert "1" not in files(tmp_path)
    assert "4" not in files(tmp_path)


@pytest.mark.parametrize("path", ["/fault/truncate?n=5000000&sent=3000000", "/fault/truncate", "/fault/corrupt-gzip"])
def test_a_failed_body_leaves_no_file(tmp_path, server, path) -> None:
    old = tmp_path / "0"
    old.write_text("old")
    (error,) = shoal.gather_fetch(
        [server.url(path)], save_to=tmp_path / "{index}", return_exceptions=True, retry=0
    ).result()
    assert isinstance(error, shoal.FetchError)
    assert files(tmp_path) == {"0": 3}
    assert old.read_text() == "old"
    (error,) = shoal.gather_fetch(
        [server.url("/bytes/5000000")], save_to=tmp_path / "{index}", return_exceptions=True, max_body="2MB"
    ).result()
    assert isinstance(error, shoal.BodyTooLarge)
    assert files(tmp_path) == {"0": 3}


def test_a_cancelled_body_leaves_no_file(tmp_path, server) -> None:
    url = server.url("/fault/stall?after=3000000")
    with pytest.raises(shoal.DeadlineExceeded):
        shoal.gather_fetch([url], save_to=tmp_path / "{index}", deadline=0.5).result()
    assert files(tmp_path) == {}


def test_a_retry_starts_the_file_again(tmp_path) -> None:
    with Server() as server:
        url = server.url("/fault/flaky/2?kind=truncate")
        (response,) = shoal.gather_fetch([url], save_to=tmp_path / "a", retry=QUICK).result()
        assert (response.attempts, response.path) == (3, tmp_path / "a")
        assert b'"attempt":3' in (tmp_path / "a").read_bytes()
        assert len(files(tmp_path)) == 1


def test_an_existing_file_is_replaced(tmp_path, urls) -> None:
    for _ in range(2):
        shoal.gather_fetch(urls, save_to=tmp_path / "{index}").result()
        assert files(tmp_path) == {"0": 3, "1": 0, "2": 5}
        (tmp_path / "0").write_text("something longer")


def test_a_folder_that_cannot_be_created(tmp_path, server) -> None:
    (tmp_path / "file").write_text("no folder")
    (error,) = shoal.gather_fetch(
        [server.url("/bytes/3")], save_to=tmp_path / "file" / "{index}", return_exceptions=True
    ).result()
    assert isinstance(error, shoal.FetchError)
    assert error.phase == "save"
    assert isinstance(error.__cause__, NotADirectoryError)
    assert str(tmp_path / "file") in str(error)


def test_decoded_bytes_are_saved(tmp_path, server) -> None:
    urls = [server.url(f"/{coding}/5000") for coding in ("gzip", "br", "zstd", "deflate", "json")]
    job = shoal.gather_fetch(urls, save_to=tmp_path / "{index}")
    bodies = [response.path.read_bytes() for response in job.result()]
    assert len(set(bodies)) == 1
    assert len(bodies[0]) == 5000
    assert job.stats.bytes == 25_000


def test_large_bodies_are_not_held_in_memory(python, tmp_path) -> None:
    done = python(
        """
        import resource, sys
        import shoal
        from shoal.testing import Server
        with Server() as server:
            shoal.gather_fetch([server.url("/bytes/1000")]).result()
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            urls = [server.url("/bytes/150000000")] * 2
            job = shoal.gather_fetch(urls, save_to=sys.argv[1] + "/{index}", max_body=None, timeout=None)
            for response in job.result():
                assert response.path.stat().st_size == 150_000_000
            assert job.stats.bytes == 300_000_000
            print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
        """,
        tmp_path,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 40


def test_a_stream_saves_to_files(tmp_path, urls) -> None:
    responses = list(shoal.stream_fetch(urls, save_to=tmp_path / "{index}", ordered=True))
    assert [response.path.name for response in responses] == ["0", "1", "2"]
    assert files(tmp_path) == {"0": 3, "1": 0, "2": 5}


def test_permissions_follow_the_umask(tmp_path, urls) -> None:
    old = os.umask(0o027)
    try:
        shoal.gather_fetch(urls, save_to=tmp_path / "{index}").result()
    finally:
        os.umask(old)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o640}


# Two bodies may not share a file: one would be lost silently.


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ("{name}", ["same", "same"]),
        ("{name}", ["a:b", "a?b"]),
        ("{name}", ["x" * 256, "x" * 257]),
        ("{name}.json", ["..", "__"]),
        # Requests 1 and 11 would both be written to "11a".
        ("{index}{name}", ["a", "1a", *["a"] * 10]),
        ("same", [None, None]),
    ],
)
def test_a_stream_refuses_paths_that_become_equal(tmp_path, server, template, names) -> None:
    items = [(server.url(f"/bytes/{n}"), {"name": name} if name else {}) for n, name in enumerate(names)]
    done = []
    with pytest.raises(
        ValueError, match=rf"save_to: requests\[{len(names) - 1}\] would be written to .* like one before"
    ):
        done.extend(shoal.stream_fetch(items, save_to=tmp_path / template, ordered=True))
    assert [response.index for response in done] == list(range(len(names) - 1))
    with pytest.raises(ValueError, match="would both be written to"):
        shoal.gather_fetch(items, save_to=tmp_path / template)


def test_a_stream_of_an_async_source_refuses_equal_paths(tmp_path, server, run) -> None:
    async def items():
        for name in ("a:b", "c", "a?b"):
            yield server.url("/bytes/3"), {"name": name}

    async def main() -> list[str]:
        stream = shoal.stream_fetch(items(), save_to=tmp_path / "{name}")
        seen = [(await anext(stream)).path.name for _ in range(2)]
        with pytest.raises(ValueError, match=r"requests\[2\]"):
            await anext(stream)
        return seen

    assert sorted(run(main())) == ["a_b", "c"]
    assert files(tmp_path) == {"a_b": 3, "c": 3}


def test_a_stream_refuses_equal_paths_of_a_callable(tmp_path, server) -> None:
    stream = shoal.stream_fetch([server.url("/bytes/3")] * 3, save_to=lambda index, request: tmp_path / str(index // 2))
    with pytest.raises(ValueError, match=r"requests\[1\] would be written to"):
        list(stream)


# The total time of a saved body has no limit; each wait for its bytes has.


def test_timeout_bounds_each_read_of_a_saved_body(tmp_path, server) -> None:
    drip = server.url("/fault/drip?n=10&interval_ms=100")
    options = {"retry": 0, "return_exceptions": True}
    (response,) = shoal.gather_fetch([drip], save_to=tmp_path / "a", timeout=0.5, **options).result()
    assert response.path.stat().st_size == 10
    (response,) = shoal.gather_fetch([(drip, {"timeout": 0.5})], save_to=tmp_path / "b", **options).result()
    assert response.path.stat().st_size == 10
    with shoal.Client(timeout=0.5) as client:
        (response,) = client.gather([drip], save_to=tmp_path / "c", **options).result()
        assert response.path.stat().st_size == 10
    whole = shoal.Timeout(total=0.5)
    for timeout, place in [(0.5, None), (whole, None), (whole, tmp_path / "d")]:
        (error,) = shoal.gather_fetch([drip], save_to=place, timeout=timeout, **options).result()
        assert type(error) is shoal.TotalTimeout
    (error,) = shoal.gather_fetch(
        [server.url("/fault/stall?after=3000000")], save_to=tmp_path / "e", timeout=0.3, **options
    ).result()
    assert type(error) is shoal.ReadTimeout
    assert error.phase == "body"
    (error,) = shoal.gather_fetch([server.url("/delay/5000")], save_to=tmp_path / "f", timeout=0.3, **options).result()
    assert type(error) is shoal.TotalTimeout
    assert files(tmp_path) == {"a": 10, "b": 10, "c": 10}


def test_timeout_bounds_the_whole_of_an_unsaved_body(tmp_path) -> None:
    slow = [
        READ,
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 50\r\n\r\n",
        *[step for _ in range(50) for step in (b"x", Sleep(0.1))],
    ]
    with Scripted(slow) as origin:
        (error,) = shoal.gather_fetch(
            [origin.url], save_to=tmp_path / "a", timeout=0.5, retry=0, return_exceptions=True
        ).result()
    assert type(error) is shoal.TotalTimeout


@pytest.mark.parametrize("timeout", [5, shoal.Timeout(total=5), shoal.Timeout(5, read=1), None])
def test_pickling_keeps_the_meaning_of_timeout(timeout) -> None:
    request = Request("http://localhost/", timeout=timeout, max_body=None)
    assert pickle.loads(pickle.dumps(request)) == request
    assert (request == Request("http://localhost/", timeout=5.0, max_body=None)) == (timeout == 5)


# Leftovers of a killed process.


BEGIN = """
    import sys, threading
    import shoal
    url, folder = sys.argv[1:]
    job = shoal.gather_fetch([url], save_to=folder + "/{index}", timeout=None)
    print("begun", flush=True)
    job.result()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_killed_process_leaves_no_file(tmp_path, server) -> None:
    url = server.url("/fault/stall?after=3000000")
    code = textwrap.dedent(BEGIN)
    with subprocess.Popen([sys.executable, "-c", code, url, str(tmp_path)], stdout=subprocess.PIPE) as killed:
        assert killed.stdout.readline() == b"begun\n"
        assert wait_until(lambda: server.stats.bytes_sent >= 3_000_000, 20)
        killed.kill()
    if sys.platform == "linux":
        assert list(tmp_path.iterdir()) == []
    save(server, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs flock")
def test_the_first_file_in_a_folder_removes_leftovers(tmp_path, server) -> None:
    """Temporary files have names only on filesystems without unnamed ones."""
    import fcntl

    names = [".shoal-1-2.tmp", ".shoal-4000000000-17.tmp", ".shoal-1-3.tmp", ".shoal-x-1.tmp", ".shoal-1-2.tmp.txt"]
    for name in names:
        (tmp_path / name).write_text("begun")
    with (tmp_path / ".shoal-1-3.tmp").open() as alive:
        fcntl.flock(alive, fcntl.LOCK_EX)
        save(server, tmp_path)
        # A file that is still being written stays, and so do files of other programs.
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*names[2:], "new"])


def save(server, folder: Path) -> None:
    """Saves one file from a new process."""
    code = "import sys, shoal; shoal.gather_fetch([sys.argv[1]], save_to=sys.argv[2]).result()"
    subprocess.run([sys.executable, "-c", code, server.url("/bytes/3"), str(folder / "new")], check=True, timeout=60)
    assert (folder / "new").stat().st_size == 3


# Received bodies that cannot be written.


@pytest.mark.skipif(sys.platform == "win32", reason="needs RLIMIT_FSIZE")
@pytest.mark.parametrize("size", [200_000, 5_000_000])
def test_a_full_disk_is_the_cause_of_the_error(tmp_path, server, python, size) -> None:
    code = """
    import errno, os, resource, signal, sys
    import shoal
    url, folder = sys.argv[1:]
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    (error,) = shoal.gather_fetch([url], save_to=folder + "/{index}", return_exceptions=True, retry=0).result()
    assert type(error) is shoal.FetchError, error
    assert (error.phase, error.__cause__.errno) == ("save", errno.EFBIG)
    assert "could not be saved to" in str(error)
    assert os.listdir(folder) == []
    """
    folder = tmp_path / "out"
    folder.mkdir()
    done = python(code, server.url(f"/bytes/{size}"), folder)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
