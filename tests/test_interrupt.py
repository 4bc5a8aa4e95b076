"""Ctrl-C: in `.result()`, in a plain `for`, in `asyncio.run`, and in a `.result()` that blocks a loop."""

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
            print(error)
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
    words = "1 of 2 are finished, in .results of this exception (sys.last_value.results)"
    assert (done.stdout, done.stderr, done.returncode) == (f"2 True True\n{words}\nout\n", "", 0)
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


# The time from the signal to the exception, told by the one who raises and the one who gets it on the same clock.

PROGRAM = """
import asyncio, os, random, signal, sys, threading, time
import shoal
url = sys.argv[1].__add__
slow = [url("/bytes/1"), url("/bytes/2"), *[url("/delay/60000")] * 20]
times = []

class Told(Exception):
    pass

def handler(number, frame):
    raise Told

def press(number=signal.SIGINT, wait=0.3):
    def send():
        time.sleep(wait + random.random() / 10)  # not in step with the wait that it interrupts
        times.append(time.monotonic())
        os.kill(os.getpid(), number)
    threading.Thread(target=send, daemon=True).start()

def answered():
    print(f"{time.monotonic() - times.pop():.4f}")
"""

WAYS = {
    "result": """
        for _ in range(10):
            press()
            job = shoal.gather_fetch(slow, timeout=None)
            try:
                job.result()
            except KeyboardInterrupt as error:
                answered()
                assert [result is not None for result in error.results] == [True] * 2 + [False] * 20
                assert job.cancelled()
    """,
    "result with a timeout": """
        press()
        try:
            shoal.gather_fetch(slow).result(20)
        except KeyboardInterrupt as error:
            answered()
            assert len(error.results) == 22
    """,
    "exception": """
        press()
        try:
            shoal.gather_fetch(slow).exception()
        except KeyboardInterrupt as error:
            answered()
            assert len(error.results) == 22
    """,
    "one request": """
        press()
        job = shoal.Client().get(slow[-1])
        try:
            job.result()
        except KeyboardInterrupt as error:
            answered()
            assert job.cancelled()
    """,
    "for": """
        for _ in range(3):
            press()
            seen = 0
            try:
                for response in shoal.stream_fetch(slow):
                    seen += 1
            except KeyboardInterrupt:
                answered()
            assert seen == 2
    """,
    "asyncio.run": """
        async def main():
            press()
            try:
                await shoal.gather_fetch(slow)
            except asyncio.CancelledError as error:
                assert len(error.results) == 22
                raise
        for _ in range(3):
            try:
                asyncio.run(main())
            except KeyboardInterrupt:
                answered()
    """,
    "async for": """
        async def main():
            press()
            async for response in shoal.stream_fetch(slow):
                pass
        for _ in range(2):
            try:
                asyncio.run(main())
            except KeyboardInterrupt:
                answered()
    """,
    "a handler of SIGTERM that raises": """
        signal.signal(signal.SIGTERM, handler)
        for _ in range(3):
            press(signal.SIGTERM)
            try:
                shoal.gather_fetch(slow).result()
            except Told as error:
                answered()
                assert [result is not None for result in error.results] == [True] * 2 + [False] * 20
    """,
    "a handler that raises, in a for": """
        signal.signal(signal.SIGTERM, handler)
        press(signal.SIGTERM)
        try:
            for response in shoal.stream_fetch(slow):
                pass
        except Told:
            answered()
    """,
    "a handler that does not raise": """
        signal.signal(signal.SIGTERM, lambda number, frame: answered())
        press(signal.SIGTERM, 0.1)
        press(signal.SIGTERM, 0.25)
        assert len(shoal.gather_fetch([url("/delay/500")]).result()) == 1
    """,
    "two at a time": """
        job = shoal.gather_fetch(slow)
        def wait():
            try:
                job.result()
            except BaseException as error:
                assert type(error).__name__ == "CancelledError", error
        thread = threading.Thread(target=wait)
        thread.start()
        press()
        try:
            job.result()
        except KeyboardInterrupt as error:
            answered()
            assert len(error.results) == 22
        thread.join(5)
        assert not thread.is_alive()
    """,
}


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_within_200_ms(way: str, python, server) -> None:
    done = python(PROGRAM + textwrap.dedent(WAYS[way]), server.base_url)
    assert (done.stderr, done.returncode) == ("", 0)
    times = [float(line) for line in done.stdout.splitlines()]
    assert times
    sys.stdout.write(f"{way}: {max(times) * 1000:.0f} ms at most\n")
    assert max(times) < 0.2


@pytest.mark.parametrize("wait", ["job.result()", "asyncio.run(awaited())", "[None for _ in shoal.stream_fetch(slow)]"])
def test_uncaught_it_ends_the_process_as_usual(wait: str, server) -> None:
    code = PROGRAM + textwrap.dedent(
        f"""
        async def awaited():
            await job
        job = shoal.gather_fetch(slow)
        print("started", flush=True)
        {wait}
        """
    )
    done, took = interrupt(code, server.base_url)
    assert done.returncode == -signal.SIGINT  # as of any Python program
    last = done.stderr.splitlines()[-1]
    words = ": 2 of 22 are finished, in .results of this exception (sys.last_value.results)"
    assert last == "KeyboardInterrupt" + (words if wait == "job.result()" else "")
    assert took < 1.5
