"""A low limit of file descriptors: idle connections are closed, and requests and files wait instead of failing."""

from __future__ import annotations

import sys
from textwrap import dedent

import pytest

from servers.many import many_origins

pytestmark = [
    pytest.mark.usefixtures("transport"),
    pytest.mark.skipif(sys.platform != "linux", reason="needs every address of 127.0.0.0/8"),
]

PREPARE = """
    import os, resource, sys, shoal
    port, limit, count = map(int, sys.argv[1:4])
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    urls = [f"http://127.{i >> 14 & 127}.{i >> 7 & 127}.{(i & 127) + 1}:{port}/{i}" for i in range(count)]
"""


@pytest.fixture(scope="module")
def port():
    with many_origins() as port:
        yield port


@pytest.fixture
def run_limited(python, port):
    def run_limited(code: str, limit: int, count: int, *arguments: str) -> str:
        done = python(dedent(PREPARE) + dedent(code), port, limit, count, *arguments, timeout=60)
        assert (done.stderr, done.returncode) == ("", 0)
        return done.stdout

    return run_limited


@pytest.mark.parametrize(("limit", "count"), [(256, 5000), (1024, 1500)])
def test_more_origins_than_descriptors(run_limited, limit, count) -> None:
    code = """
        responses = shoal.gather_fetch(urls, concurrency=200, retry=0).result()
        print(len(responses), {response.text for response in responses})
        # The rest of the program still gets descriptors.
        for file in [open("/dev/null") for _ in range(10)]:
            file.close()
    """
    assert run_limited(code, limit, count) == f"{count} {{'here'}}\n"


def test_idle_connections_use_less_than_three_quarters_of_the_descriptors(run_limited) -> None:
    code = """
        with shoal.Client(retry=0) as client:
            for url in urls:
                assert client.get(url).result().text == "here"
            print(len(os.listdir("/proc/self/fd")) < limit * 3 // 4)
    """
    assert run_limited(code, 256, 600) == "True\n"


def test_more_files_and_connections_than_descriptors(run_limited, tmp_path) -> None:
    code = """
        shoal.gather_fetch(urls, concurrency=400, retry=0, save_to=sys.argv[4] + "/{index}").result()
    """
    run_limited(code, 256, 5000, str(tmp_path))
    written = list(tmp_path.iterdir())
    assert len(written) == 5000
    assert {path.read_bytes() for path in written} == {b"here"}


def test_clients_share_the_descriptors(run_limited) -> None:
    code = """
        clients = [shoal.Client(retry=0, timeout=20) for _ in range(10)]
        jobs = [client.gather(urls[at::10], concurrency=100) for at, client in enumerate(clients)]
        print(sum(len(job.result()) for job in jobs))
    """
    assert run_limited(code, 128, 1000) == "1000\n"


def test_requests_succeed_after_a_shortage(run_limited) -> None:
    code = """
        with shoal.Client(retry=0) as client:
            client.get(urls[0]).result()
            taken = []
            while len(taken) < limit:
                try:
                    taken.append(os.open("/dev/null", os.O_RDONLY))
                except OSError:
                    break
            try:
                # Closing the one idle connection frees one descriptor; two are needed.
                shoal.gather_fetch(urls[1:9], concurrency=8, client=client, timeout=0.5).result()
                print("fetched")
            except shoal.TotalTimeout as error:
                print(error.phase)
            for descriptor in taken:
                os.close(descriptor)
            print(client.get(urls[2]).result().text)
    """
    assert run_limited(code, 128, 20).split()[-1] == "here"


def test_name_lookup_succeeds_after_a_shortage(run_limited) -> None:
    code = """
        import time
        with shoal.Client(retry=0) as client:
            client.get(urls[0]).result()
            taken = []
            while len(taken) < limit:
                try:
                    taken.append(os.open("/dev/null", os.O_RDONLY))
                except OSError:
                    break
            jobs = [client.get(f"http://localhost:{port}/", timeout=20) for _ in range(3)]
            time.sleep(0.2)
            for descriptor in taken:
                os.close(descriptor)
            print({job.result().text for job in jobs})
    """
    assert run_limited(code, 128, 1) == "{'here'}\n"


def test_idle_connections_are_reused(run_limited) -> None:
    code = """
        with shoal.Client() as client:
            for _ in range(3):
                job = client.gather(urls)
                job.result()
                print(job.stats.connections_opened)
    """
    assert run_limited(code, 1024, 200).split() == ["200", "0", "0"]
