"""Ctrl-C in `.result()`, in a `for` over a stream, in `asyncio.run`, and in a `.result()` that blocks an event loop."""

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
    """Runs code in a new interpreter and sends SIGINT 0.3 s after it prints `started`; returns its result and time."""
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
def test_ctrl_c_interrupts_result_inside_a_running_loop(runner: str, server) -> None:
    pytest.importorskip(runner)
    done, took = interrupt(RESULT, server.url("/bytes/1"), server.url("/delay/60000"), runner)
    words = "1 of 2 are finished, in .results of this exception (sys.last_value.results)"
    assert (done.stdout, done.stderr, done.returncode) == (f"2 True True\n{words}\nout\n", "", 0)
    assert took < 1  # includes the exit of the interpreter


@pytest.mark.parametrize("runner", ["asyncio", "uvloop"])
def test_the_handler_of_a_runner_is_replaced_and_restored(runner: str) -> None:
    run = pytest.importorskip(runner).run

    async def main() -> None:
        before = signal.getsignal(signal.SIGINT)
        handler = _interrupt.allow()
        if handler is None:  # runners install a handler since Python 3.11
            assert before is signal.default_int_handler
            return
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        _interrupt.restore(handler)
        assert signal.getsignal(signal.SIGINT) is before

    run(main())


@pytest.mark.parametrize("runner", ["asyncio", "uvloop"])
def test_the_handler_of_an_application_is_kept(runner: str) -> None:
    import asyncio

    async def main() -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, lambda: None)
        assert _interrupt.allow() is None

    pytest.importorskip(runner).run(main())


def test_allow_without_a_loop_returns_none() -> None:
    assert _interrupt.allow() is None


def test_allow_in_another_thread_returns_none() -> None:
    import asyncio

    seen = []

    async def main() -> None:
        seen.append(_interrupt.allow())

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    thread.join()
    assert seen == [None]


# The time from the signal to the exception: sending and catching thread read the same clock.

PROGRAM = """
import asyncio, os, random, signal, sys, threading, time
import shoal
url = sys.argv[1].__add__
slow = [url("/bytes/1"), url("/bytes/2"), *[url("/delay/60000")] * 20]
times = []

class HandlerError(Exception):
    pass

def handler(number, frame):
    raise HandlerError

def send_signal(number=signal.SIGINT, wait=0.3):
    def send():
        time.sleep(wait + random.random() / 10)  # not synchronous with the wait that it interrupts
        times.append(time.monotonic())
        os.kill(os.getpid(), number)
    threading.Thread(target=send, daemon=True).start()

def report_delay():
    print(f"{time.monotonic() - times.pop():.4f}")
"""

WAYS = {
    "result": """
        for _ in range(10):
            send_signal()
            job = shoal.gather_fetch(slow, timeout=None)
            try:
                job.result()
            except KeyboardInterrupt as error:
                report_delay()
                assert [result is not None for result in error.results] == [True] * 2 + [False] * 20
                assert job.cancelled()
    """,
    "result with a timeout": """
        send_signal()
        try:
            shoal.gather_fetch(slow).result(20)
        except KeyboardInterrupt as error:
            report_delay()
            assert len(error.results) == 22
    """,
    "exception": """
        send_signal()
        try:
            shoal.gather_fetch(slow).exception()
        except KeyboardInterrupt as error:
            report_delay()
            assert len(error.results) == 22
    """,
    "one request": """
        send_signal()
        job = shoal.Client().get(slow[-1])
        try:
            job.result()
        except KeyboardInterrupt as error:
            report_delay()
            assert job.cancelled()
    """,
    "for": """
        for _ in range(3):
            send_signal()
            seen = 0
            try:
                for response in shoal.stream_fetch(slow):
                    seen += 1
            except KeyboardInterrupt:
                report_delay()
            assert seen == 2
    """,
    "asyncio.run": """
        async def main():
            send_signal()
            try:
                await shoal.gather_fetch(slow)
            except asyncio.CancelledError as error:
                assert len(error.results) == 22
                raise
        for _ in range(3):
            try:
                asyncio.run(main())
            except KeyboardInterrupt:
                report_delay()
    """,
    "async for": """
        async def main():
            send_signal()
            async for response in shoal.stream_fetch(slow):
                pass
        for _ in range(2):
            try:
                asyncio.run(main())
            except KeyboardInterrupt:
                report_delay()
    """,
    "a handler of SIGTERM that raises": """
        signal.signal(signal.SIGTERM, handler)
        for _ in range(3):
            send_signal(signal.SIGTERM)
            try:
                shoal.gather_fetch(slow).result()
            except HandlerError as error:
                report_delay()
                assert [result is not None for result in error.results] == [True] * 2 + [False] * 20
    """,
    "a handler that raises, in a for": """
        signal.signal(signal.SIGTERM, handler)
        send_signal(signal.SIGTERM)
        try:
            for response in shoal.stream_fetch(slow):
                pass
        except HandlerError:
            report_delay()
    """,
    "a handler that does not raise": """
        signal.signal(signal.SIGTERM, lambda number, frame: report_delay())
        send_signal(signal.SIGTERM, 0.1)
        send_signal(signal.SIGTERM, 0.25)
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
        send_signal()
        try:
            job.result()
        except KeyboardInterrupt as error:
            report_delay()
            assert len(error.results) == 22
        thread.join(5)
        assert not thread.is_alive()
    """,
}


@pytest.mark.parametrize("way", WAYS)
def test_a_signal_interrupts_within_200_ms(way: str, python, server) -> None:
    done = python(PROGRAM + textwrap.dedent(WAYS[way]), server.base_url)
    assert (done.stderr, done.returncode) == ("", 0)
    times = [float(line) for line in done.stdout.splitlines()]
    assert times
    sys.stdout.write(f"{way}: {max(times) * 1000:.0f} ms at most\n")
    assert max(times) < 0.2


@pytest.mark.parametrize("wait", ["job.result()", "asyncio.run(awaited())", "[None for _ in shoal.stream_fetch(slow)]"])
def test_uncaught_ctrl_c_ends_the_process_with_sigint(wait: str, server) -> None:
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
    assert done.returncode == -signal.SIGINT  # like any Python program
    last = done.stderr.splitlines()[-1]
    words = ": 2 of 22 are finished, in .results of this exception (sys.last_value.results)"
    assert last == "KeyboardInterrupt" + (words if wait == "job.result()" else "")
    assert took < 1.5
