"""Exit of a process with requests in flight: the exit code is right, nothing is printed, and it takes less than 2 s."""

import os
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

LIMIT = 2.0

# Bodies of programs with the names of PROGRAM: `shoal`, `url` (of a server) and `slow` (URLs that take a minute).
ENDINGS: dict[str, tuple[str, int]] = {
    "end of script": ("job = shoal.gather_fetch(slow)", 0),
    "end of script, in the middle of answers": (
        "job = shoal.gather_fetch([url('/bytes/1000?i=%d' % i) for i in range(3000)])",
        0,
    ),
    "many jobs": ("jobs = [shoal.gather_fetch(slow[:2]) for _ in range(20)]", 0),
    "a client": ("client = shoal.Client()\njob = client.get(slow[0])\nclient.get(url('/bytes/1')).result()", 0),
    "a dropped job": ("import warnings\nwarnings.simplefilter('ignore')\nshoal.gather_fetch(slow)", 0),
    "sys.exit": ("job = shoal.gather_fetch(slow)\nsys.exit(3)", 3),
    "an exception": ("job = shoal.gather_fetch(slow)\nsys.excepthook = lambda *_: None\nraise LookupError", 1),
    "os._exit": ("job = shoal.gather_fetch(slow)\nos._exit(4)", 4),
    "nothing started": ("", 0),
    "everything finished": ("shoal.gather_fetch([url('/bytes/1')] * 20).result()", 0),
    "a job in a global cycle": ("class C: pass\nc = C()\nc.c = c\nc.job = shoal.gather_fetch(slow)", 0),
    "daemon threads in result()": (
        """
        job = shoal.gather_fetch(slow)
        for _ in range(5):
            threading.Thread(target=job.result, daemon=True).start()
            threading.Thread(target=job.result, args=(30,), daemon=True).start()
        time.sleep(float(sys.argv[2]))
        """,
        0,
    ),
    "daemon threads that fetch on": (
        """
        def work():
            while True:
                shoal.gather_fetch([url("/bytes/10")] * 20).result()
        for _ in range(4):
            threading.Thread(target=work, daemon=True).start()
        time.sleep(float(sys.argv[2]))
        """,
        0,
    ),
    "daemon threads that parse": (
        """
        response = shoal.gather_fetch([url("/json/4000000")]).result()[0]
        def work():
            while True:
                response.json()
        for _ in range(4):
            threading.Thread(target=work, daemon=True).start()
        time.sleep(float(sys.argv[2]))
        """,
        0,
    ),
    "a daemon thread in a stream": (
        """
        def work():
            for _ in shoal.stream_fetch(slow):
                pass
        for _ in range(3):
            threading.Thread(target=work, daemon=True).start()
        time.sleep(float(sys.argv[2]))
        """,
        0,
    ),
    "daemon threads with loops": (
        """
        async def main():
            await shoal.gather_fetch(slow)
        async def busy():
            while True:
                await shoal.gather_fetch([url("/bytes/10")] * 5)
        for work in (main, busy, main, busy):
            threading.Thread(target=lambda work=work: asyncio.run(work()), daemon=True).start()
        time.sleep(float(sys.argv[2]))
        """,
        0,
    ),
    "daemon threads that cancel": (
        """
        def work():
            while True:
                shoal.gather_fetch(slow[:2]).cancel()
        for _ in range(3):
            threading.Thread(target=work, daemon=True).start()
        time.sleep(float(sys.argv[2]))
        """,
        0,
    ),
    "a joined thread": (
        """
        thread = threading.Thread(target=lambda: shoal.gather_fetch([url("/delay/100")]).result())
        thread.start()
        """,
        0,
    ),
    "a running loop": (
        """
        async def main():
            task = asyncio.create_task(shoal.gather_fetch(slow))
            await asyncio.sleep(0.05)
            sys.exit(5)
        asyncio.run(main())
        """,
        5,
    ),
    "os._exit in a running loop": (
        """
        async def main():
            job = shoal.gather_fetch(slow)
            asyncio.get_running_loop().call_later(0.05, os._exit, 6)
            await job
        asyncio.run(main())
        """,
        6,
    ),
    "a loop that is left": (
        """
        loop = asyncio.new_event_loop()
        async def main():
            global job
            job = shoal.gather_fetch(slow)
            await asyncio.wait([asyncio.ensure_future(asyncio.shield(job))], timeout=0.02)
            await asyncio.sleep(0)
        task = loop.create_task(main())
        loop.run_until_complete(task)
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        """,
        0,
    ),
    "pending callbacks": (
        """
        job = shoal.gather_fetch(slow)
        job.add_done_callback(lambda job: print("never", file=sys.stderr))
        """,
        0,
    ),
    "callbacks that just run": (
        """
        jobs = [shoal.gather_fetch([url("/bytes/1")]) for _ in range(50)]
        for job in jobs:
            job.add_done_callback(lambda job: time.sleep(0.001))
        """,
        0,
    ),
    "a callback that takes long": (
        """
        job = shoal.gather_fetch([url("/delay/300")])  # a job that is done would call it at once
        job.add_done_callback(lambda job: time.sleep(60))
        job.result()
        time.sleep(float(sys.argv[2]))
        """,
        0,
    ),
    "a daemon thread in a slow source": (
        """
        def source():
            while True:
                time.sleep(0.001)
                yield url("/bytes/10")
        def work():
            for _ in shoal.stream_fetch(source()):
                pass
        for _ in range(3):
            threading.Thread(target=work, daemon=True).start()
        time.sleep(float(sys.argv[2]))
        """,
        0,
    ),
    "a daemon thread in a slow report": (
        """
        def work():
            while True:
                shoal.gather_fetch([url("/bytes/10")] * 5, progress=lambda done, total: time.sleep(0.01)).result()
        for _ in range(3):
            threading.Thread(target=work, daemon=True).start()
        time.sleep(float(sys.argv[2]))
        """,
        0,
    ),
    "a daemon thread with an async source": (
        """
        async def source():
            while True:
                await asyncio.sleep(0.001)
                yield url("/bytes/10")
        async def main():
            async for _ in shoal.stream_fetch(source()):
                pass
        for _ in range(3):
            threading.Thread(target=lambda: asyncio.run(main()), daemon=True).start()
        time.sleep(float(sys.argv[2]))
        """,
        0,
    ),
    "a stream in the middle": ("stream = shoal.stream_fetch([url('/bytes/1'), *slow])\nnext(stream)", 0),
    "an atexit handler that fetches": (
        """
        @atexit.register
        def last():
            assert len(shoal.gather_fetch([url("/bytes/1")] * 5).result()) == 5
        """,
        0,
    ),
    "an atexit handler that cancels": (
        "job = shoal.gather_fetch(slow)\natexit.register(lambda: job.cancel() or os._exit(9))",
        0,
    ),
    "an atexit handler after ours": (
        """
        @first
        def last():
            assert job.done() and job.cancelled() and not job.cancel()
            assert isinstance(repr(job), str)
            for call in (lambda: shoal.gather_fetch([url("/")]), lambda: client.get(url("/")), lambda: next(stream)):
                try:
                    call()
                except (RuntimeError, CancelledError):
                    pass
                else:
                    os._exit(9)
        client = shoal.Client()
        stream = shoal.stream_fetch(slow)
        job = shoal.gather_fetch(slow)
        """,
        0,
    ),
    "an atexit handler that joins a waiting thread": (
        """
        first(lambda: thread.join())
        thread = threading.Thread(target=lambda: shoal.gather_fetch(slow).result(), daemon=True)
        thread.start()
        time.sleep(0.05)
        """,
        0,
    ),
    "a server of its own": ("from shoal.testing import Server\nserver = Server()\njob = shoal.gather_fetch(slow)", 0),
}

PROGRAM = """
import atexit, asyncio, os, sys, threading, time
from concurrent.futures import CancelledError
handlers = []
first = handlers.append
atexit.register(lambda: [handler() for handler in handlers])  # registered before shoal's handler, so called after it
import shoal
base = sys.argv[1]
url = base.__add__
slow = [url("/delay/60000")] * 30
"""


def run_and_exit(name: str, url: str, pause: float = 0.05, options: tuple[str, ...] = ()) -> None:
    body, code = ENDINGS[name]
    program = PROGRAM + textwrap.dedent(body)
    command = [sys.executable, "-X", "faulthandler", "-W", "error", *options, "-c", program, url, str(pause)]
    start = time.monotonic()
    # The measured time includes the start of the interpreter and the pause, about 50 ms each.
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    took = time.monotonic() - start
    assert (done.stdout, done.stderr, done.returncode) == ("", "", code), name
    limit = LIMIT * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    assert took < limit, f"{name}: {took:.1f} s"


@pytest.mark.parametrize("name", ENDINGS)
def test_exit_is_silent_and_fast(name: str, server) -> None:
    run_and_exit(name, server.base_url)


@pytest.mark.parametrize("name", ["end of script", "daemon threads in result()", "daemon threads with loops"])
def test_exit_in_debug_mode(name: str, server) -> None:
    run_and_exit(name, server.base_url, options=("-X", "dev"))


RISKY = [name for name in ENDINGS if "daemon" in name or "callbacks" in name or "middle" in name]


def run_many(total: int, url: str, workers: int) -> None:
    """Runs `total` exits after different pauses, the risky endings twice as often."""
    names = [*ENDINGS, *RISKY]
    with ThreadPoolExecutor(workers) as pool:
        runs = [pool.submit(run_and_exit, names[i % len(names)], url, (i * 7 % 50) / 500) for i in range(total)]
        for run in runs:
            run.result()


def test_forty_exits(server) -> None:
    run_many(40, server.base_url, os.cpu_count() or 1)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_thousand_exits(server) -> None:
    run_many(1000, server.base_url, 2)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_threads_start_at_first_use(python, server) -> None:
    done = python(
        """
        import os, sys, shoal
        from pathlib import Path
        def names():
            return sorted((task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir())
        before = names()
        shoal.Client()
        assert names() == before, names()
        job = shoal.gather_fetch([sys.argv[1]])
        job.result()
        assert [name for name in names() if name.startswith("shoal")] == ["shoal-io"], names()
        """,
        server.url("/bytes/1"),
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
