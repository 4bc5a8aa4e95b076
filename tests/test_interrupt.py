"""Ctrl-C while `.result()` blocks an event loop, whose runner has a handler of its own."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from shoal import _interrupt

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")


def interrupt(code: str, *arguments: str) -> tuple[subprocess.CompletedProcess, float]:
    """Runs code in an interpreter, presses Ctrl-C when it has printed `started`; gives its end and its time."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "started\n"
            time.sleep(0.3)
            start = time.monotonic()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=20)
        finally:
            process.kill()
    return subprocess.CompletedProcess(command, process.returncode, out, err), time.monotonic() - start


RESULT = """
    import asyncio, sys
    import shoal
    from importlib import import_module

    async def main():
        job = shoal.gather_fetch([sys.argv[1], sys.argv[2]], timeout=None)
        await asyncio.sleep(0.2)
        print("started", flush=True)
        try:
            job.result()
        except KeyboardInterrupt as error:
            print(len(error.results), error.results[0] is not None, job.done(), flush=True)
            raise

    try:
        import_module(sys.argv[3]).run(main())
    except KeyboardInterrupt:
        print("out", flush=True)
"""


@pytest.mark.parametrize("runner", ["asyncio", "uvloop"])
def test_result_inside_a_running_loop(runner: str, server) -> None:
    pytest.importorskip(runner)
    done, took = interrupt(RESULT, server.url("/bytes/1"), server.url("/delay/60000"), runner)
    assert (done.stdout, done.stderr, done.returncode) == ("2 True True\nout\n", "", 0)
    assert took < 1  # the exit of the interpreter included


@pytest.mark.parametrize("runner", ["asyncio", "uvloop"])
def test_the_handler_of_a_runner_makes_way(runner: str) -> None:
    run = pytest.importorskip(runner).run

    async def main() -> None:
        before = signal.getsignal(signal.SIGINT)
        handler = _interrupt.allow()
        if handler is None:  # before 3.11 runners have none
            assert before is signal.default_int_handler
            return
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        _interrupt.restore(handler)
        assert signal.getsignal(signal.SIGINT) is before

    run(main())


@pytest.mark.parametrize("runner", ["asyncio", "uvloop"])
def test_the_handler_of_an_application_stays(runner: str) -> None:
    import asyncio

    async def main() -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, lambda: None)
        assert _interrupt.allow() is None

    pytest.importorskip(runner).run(main())


def test_without_a_loop_there_is_nothing_to_do() -> None:
    assert _interrupt.allow() is None


def test_in_another_thread_there_is_nothing_to_do() -> None:
    import asyncio

    seen = []

    async def main() -> None:
        seen.append(_interrupt.allow())

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    thread.join()
    assert seen == [None]
