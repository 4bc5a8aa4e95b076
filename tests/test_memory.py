"""Memory shortage: the request that needs the memory fails, and the process continues."""

from __future__ import annotations

import sys

import pytest

pytestmark = [
    pytest.mark.usefixtures("transport"),
    pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_AS and /proc"),
]

CODINGS = ("gzip", "br", "zstd")

# Bodies of 100 MB; only the first fit into the limit.
SHORT = """
    import resource, sys
    from pathlib import Path
    import shoal

    def limit(megabytes):
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + (megabytes << 20), resource.RLIM_INFINITY))

    def is_memory_error(result):
        return type(result) is shoal.FetchError and isinstance(result.__cause__, MemoryError)

    size, small, *urls = sys.argv[1:]
    # One-time allocations are done here.
    shoal.gather_fetch([url.replace("SIZE", small) for url in urls], save_to="first/{index}").result()
    urls = [url.replace("SIZE", size) for url in urls]
"""


def check(done):
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


@pytest.mark.parametrize(
    "path", ["bytes/SIZE", "chunked/SIZE", *[f"fault/{coding}-bomb?mb=SIZE" for coding in CODINGS]]
)
def test_large_bodies_fail_and_the_process_continues(server, python, path):
    sizes = ("100", "1") if "bomb" in path else ("100000000", "1000000")
    code = """
    limit(500)
    results = shoal.gather_fetch(urls, max_body=None, return_exceptions=True, retry=0, timeout=60).result()
    failed = [result for result in results if is_memory_error(result)]
    fine = [result for result in results if isinstance(result, shoal.Response)]
    assert failed, results
    assert len(failed) + len(fine) == len(results), results
    assert "memory" in str(failed[0]) and failed[0].phase == "body"
    del results, failed, fine
    (response,) = shoal.gather_fetch([urls[0].replace(size, small)]).result()
    assert len(response.content) >= 1_000_000
    """
    check(python(SHORT + code, *sizes, *[server.url(f"/{path}")] * 12, timeout=90))


def test_files_need_no_memory(server, python):
    code = """
    limit(200)
    results = shoal.gather_fetch(urls, save_to="out/{index}", timeout=60).result()
    assert [result.path.stat().st_size for result in results] == [100_000_000] * 4
    """
    check(python(SHORT + code, "100000000", "100", *[server.url("/bytes/SIZE")] * 4, timeout=90))


def test_a_body_that_does_not_fit_twice_is_a_memory_error(server, python):
    code = """
    (response,) = shoal.gather_fetch(urls, max_body=None, timeout=60).result()
    limit(60)
    for read in (lambda: response.content, lambda: response.text, lambda: bytes(response)):
        try:
            read()
        except MemoryError:
            pass
        else:
            raise AssertionError
    assert len(memoryview(response)) == 100_000_000
    """
    check(python(SHORT + code, "100000000", "100", server.url("/bytes/SIZE"), timeout=90))


def test_an_announced_length_allocates_nothing(python, server):
    # Not even with max_body=None: buffers grow with the bytes received.
    code = """
    import socket, threading

    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            peer, _ = listener.accept()
            peer.recv(65536)
            length = 1_000_000_000_000_000
            peer.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % length + bytes(5 << 20))
            peers.append(peer)

    peers = []
    threading.Thread(target=serve, daemon=True).start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    limit(200)
    for options in ({}, {"save_to": "out"}):
        (error,) = shoal.gather_fetch(
            [url], max_body=None, timeout=0.5, retry=0, return_exceptions=True, **options
        ).result()
        assert isinstance(error, (shoal.TotalTimeout, shoal.ReadTimeout)), error
    """
    check(python(SHORT + code, "100", "100", server.url("/bytes/SIZE"), timeout=60))
