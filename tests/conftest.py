"""Shared fixtures: the embedded server, both event loops, a new interpreter, and checks for leaks."""

import asyncio
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import shoal.testing


@pytest.fixture(scope="session")
def server() -> Iterator["shoal.testing.Server"]:
    """The server that all tests share; it has no special settings."""
    with shoal.testing.Server() as server:
        yield server


@pytest.fixture
def own() -> Iterator["shoal.testing.Server"]:
    """A server for one test: all its connections belong to that test."""
    with shoal.testing.Server() as server:
        yield server


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable:
    """Runs a coroutine on a new event loop: asyncio's, then uvloop's."""
    if request.param == "asyncio":
        return asyncio.run
    return pytest.importorskip("uvloop").run


@pytest.fixture(scope="module", params=["http1", "reqwest"])
def transport(request: pytest.FixtureRequest) -> Iterator[str]:
    """Runs a module once with each transport, because both have the same contract."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "reqwest":
            patch.setenv("SHOAL_TRANSPORT", "reqwest")
        yield request.param


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess]:
    """Runs code in a new interpreter, for tests of fork, exit and signals, which must not affect this process."""

    def run_code(code: str, *arguments: str, timeout: float = 30, **options) -> subprocess.CompletedProcess:
        command = [
            sys.executable,
            "-X",
            "faulthandler",
            "-W",
            "error",
            "-c",
            textwrap.dedent(code),
            *map(str, arguments),
        ]
        options = {"capture_output": True, "text": True, "cwd": tmp_path} | options
        return subprocess.run(command, timeout=timeout, check=False, **options)

    return run_code


def open_sockets() -> int:
    """The number of open sockets of this process; Linux only."""
    count = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            count += str(entry.readlink()).startswith("socket:")
        except OSError:
            continue  # the descriptor of the listing itself, closed since
    return count


def descriptors() -> int:
    """The number of open file descriptors of this process; Linux only."""
    return len(list(Path("/proc/self/fd").iterdir()))


def resident() -> int:
    """The resident memory of this process in bytes; Linux only."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def wait_until(condition: Callable[[], bool], timeout: float = 5.0) -> bool:
    """Polls `condition` until it is true; returns `False` after `timeout` seconds."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


@pytest.fixture
def no_socket_left() -> Iterator[None]:
    """Fails a test that leaves more sockets open than before; the test must close its clients."""
    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc")
    before = open_sockets()
    yield
    assert wait_until(lambda: open_sockets() <= before), f"{open_sockets() - before} sockets more than before"


def released(server: "shoal.testing.Server") -> bool:
    """Waits until the server has no open connection."""
    return wait_until(lambda: server.stats.connections_open == 0)


def in_flight(server: "shoal.testing.Server", count: int = 1) -> bool:
    """Waits until the server has at least `count` requests in flight."""
    return wait_until(lambda: server.stats.requests_active >= count)
