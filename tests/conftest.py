"""What the tests share: the embedded server, both kinds of loop, a fresh interpreter, and a look at leaks."""

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
    """One server for all tests that need nothing special of it."""
    with shoal.testing.Server() as server:
        yield server


@pytest.fixture
def own() -> Iterator["shoal.testing.Server"]:
    """A server whose connections are those of one test."""
    with shoal.testing.Server() as server:
        yield server


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable:
    """Runs a coroutine to its end on a fresh loop: asyncio's, then uvloop's."""
    if request.param == "asyncio":
        return asyncio.run
    return pytest.importorskip("uvloop").run


@pytest.fixture(scope="module", params=["http1", "reqwest"])
def transport(request: pytest.FixtureRequest) -> Iterator[str]:
    """The contract is the same with both transports: a module that uses this runs once with each."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "reqwest":
            patch.setenv("SHOAL_TRANSPORT", "reqwest")
        yield request.param


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess]:
    """Runs code in a new interpreter: for fork, exit, signals and whatever else must not touch this one."""

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
    """How many sockets this process has open; Linux only."""
    count = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            count += str(entry.readlink()).startswith("socket:")
        except OSError:
            continue  # closed since it was listed: the listing's own
    return count


def descriptors() -> int:
    """How many files and sockets this process has open; Linux only."""
    return len(list(Path("/proc/self/fd").iterdir()))


def resident() -> int:
    """The bytes of memory this process holds; Linux only."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def wait_until(condition: Callable[[], bool], timeout: float = 5.0) -> bool:
    """Waits for something that has no event of its own; `False` if it did not come about."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


@pytest.fixture
def no_socket_left() -> Iterator[None]:
    """Fails a test that leaves more sockets open than it found; idle connections of its own clients must be closed."""
    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc")
    before = open_sockets()
    yield
    assert wait_until(lambda: open_sockets() <= before), f"{open_sockets() - before} sockets more than before"


def released(server: "shoal.testing.Server") -> bool:
    """Waits until the server has no connection."""
    return wait_until(lambda: server.stats.connections_open == 0)


def in_flight(server: "shoal.testing.Server", count: int = 1) -> bool:
    """Waits until the server has so many requests to answer."""
    return wait_until(lambda: server.stats.requests_active >= count)
