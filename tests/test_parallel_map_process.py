"""`parallel.map` and its process: exit, fork, Ctrl-C, a killed parent, leaks, a notebook."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

import mapped
import shoal
from conftest import descriptors, resident, wait_until
from shoal import parallel

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")

HEAD = """
import asyncio, os, signal, sys, threading, time, warnings
from shoal import parallel
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)

def spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass
    return seconds

def ident(value):
    return value
"""


MARK = f"shoal-test-{os.getpid()}-{time.time_ns()}"


def remaining_processes() -> list[str]:
    """The commands of processes that a program of `run` left running, without zombies."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            if state not in "ZX" and MARK.encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found


def shared_memory() -> set[str]:
    """Names in shared memory that may be Shoal's."""
    folder = Path("/dev/shm")
    return {path.name for path in folder.glob("*") if "shoal" in path.name}


def run(code: str, env: dict[str, str] | None = None, **options) -> tuple[subprocess.CompletedProcess, float]:
    """Runs a program; returns its outcome, and the seconds since it printed its first line, `now`."""
    command = [sys.executable, "-W", "error", "-c", HEAD + textwrap.dedent(code)]
    pipe = subprocess.PIPE
    env = os.environ | {"MARK": MARK} | (env or {})
    # Unbuffered, because `communicate` does not see what `readline` has buffered.
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, bufsize=0, env=env, **options) as process:
        try:
            line = process.stdout.readline()
            start = time.monotonic()
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    took = time.monotonic() - start
    return subprocess.CompletedProcess(command, process.returncode, (line + out).decode(), err.decode()), took


ENDINGS = {
    "end of script": ("job = parallel.map(time.sleep, [60] * 4, backend='processes')\ntime.sleep(0.5)", 0),
    "at once": ("job = parallel.map(time.sleep, [60] * 4, backend='processes')", 0),
    "dropped": (
        "import warnings\nwarnings.simplefilter('ignore')\nparallel.map(time.sleep, [60] * 4, backend='processes')",
        0,
    ),
    "finished": ("parallel.map(ident, range(10), backend='processes').result()", 0),
    "busy": ("job = parallel.map(spin, [60] * 4)\ntime.sleep(0.5)", 0),
    "many": ("jobs = [parallel.map(ident, range(1000), backend='processes') for _ in range(5)]", 0),
    "threads": ("job = parallel.map(spin, [60] * 4, backend='threads')\ntime.sleep(0.2)", 0),
    "serial": ("job = parallel.map(time.sleep, [60] * 4, backend='serial')\ntime.sleep(0.2)", 0),
    "sys.exit": ("job = parallel.map(time.sleep, [60] * 4, backend='processes')\ntime.sleep(0.3)\nsys.exit(3)", 3),
    "os._exit": ("job = parallel.map(time.sleep, [60] * 4, backend='processes')\ntime.sleep(0.3)\nos._exit(4)", 4),
    "daemon threads": (
        """
        def work():
            while True:
                parallel.map(ident, range(1000), backend="processes").result()
        for _ in range(3):
            threading.Thread(target=work, daemon=True).start()
        time.sleep(0.7)
        """,
        0,
    ),
    "a running loop": (
        """
        async def main():
            task = asyncio.create_task(parallel.map(time.sleep, [60] * 4, backend="processes"))
            await asyncio.sleep(0.3)
            sys.exit(5)
        asyncio.run(main())
        """,
        5,
    ),
    "a stuck iterable": (
        """
        def stuck():
            time.sleep(60)
            yield 1
        job = parallel.map(ident, stuck(), backend="processes")
        time.sleep(0.2)
        """,
        0,
    ),
    "a handler of SIGTERM in a worker": (
        """
        def stubborn(_):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(60)
        job = parallel.map(stubborn, [0, 1])
        time.sleep(0.5)
        """,
        0,
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_exit_is_quiet_fast_and_leaves_no_process(ending: str) -> None:
    code, expected = ENDINGS[ending]
    shm = shared_memory()
    code = "print('now', flush=True)\nstart = time.monotonic()\n" + textwrap.dedent(code)
    done, took = run(code)
    assert (done.stdout, done.stderr, done.returncode) == ("now\n", "", expected)
    assert took < 5
    assert wait_until(lambda: not remaining_processes(), 3), remaining_processes()
    assert shared_memory() <= shm


def test_the_exit_during_a_job_takes_less_than_2_s() -> None:
    done, took = run("job = parallel.map(spin, [60] * 4)\ntime.sleep(1)\nprint('now', flush=True)")
    assert (done.stderr, done.returncode) == ("", 0)
    assert took < 2


@pytest.mark.parametrize("work", ["time.sleep", "spin"])
def test_workers_exit_after_their_parent_is_killed(work: str) -> None:
    done, _ = run(
        f"""
        job = parallel.map({work}, [0.01, 0.01] + [60] * 4, backend="processes")
        while job.stats.total < 2:
            time.sleep(0.01)
        parallel.map(ident, range(3), backend="processes").result()  # these are idle
        print("now", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    assert done.returncode == -signal.SIGKILL
    assert wait_until(lambda: not remaining_processes(), 3), remaining_processes()


def test_idle_workers_exit() -> None:
    done, _ = run(
        """
        parallel.map(ident, range(3), backend="processes").result()
        time.sleep(2)
        print("now", flush=True)
        print(os.waitpid(-1, os.WNOHANG)[0] == 0)  # no zombies; only the trackers still run
        print(parallel.map(ident, range(3), backend="processes").result())
        """,
        env={"SHOAL_MAP_IDLE": "0.5"},
    )
    assert (done.stdout, done.stderr) == ("now\nTrue\n[0, 1, 2]\n", "")
    assert wait_until(lambda: not remaining_processes(), 3), remaining_processes()


def test_parent_and_child_work_after_a_fork() -> None:
    done, _ = run(
        """
        print("now", flush=True)
        def use():
            assert parallel.map(ident, range(100), backend="processes").result(30) == [*range(100)]
            assert parallel.map(ident, range(100), backend="threads").result(30) == [*range(100)]
        use()
        running = parallel.map(spin, [0.5] * 4)
        for _ in range(2):
            pid = os.fork()
            if pid == 0:
                try:
                    running.result(1)
                except RuntimeError as error:
                    assert "fork" in str(error)
                use()
                use()
                sys.exit(7)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
            use()
        assert running.result(30) == [0.5] * 4
        """
    )
    assert (done.stdout, done.stderr, done.returncode) == ("now\n", "", 0)


INTERRUPTED = {
    "result": "job.result()",
    "await": "asyncio.run(awaited())",
    "exception": "job.exception()",
}


@pytest.mark.parametrize("way", INTERRUPTED)
@pytest.mark.parametrize("backend", ["processes", "threads"])
def test_ctrl_c_is_quiet_and_fast_and_keeps_results(way: str, backend: str) -> None:
    # The signal goes to the process group, as from a terminal.
    code = f"""
        job = parallel.map(spin, [0.001] * 20 + [60.0] * 6, backend={backend!r}, workers=2, chunksize=1)
        while job.stats.total < 20:
            time.sleep(0.01)
        def press():
            global pressed
            time.sleep(0.3)
            pressed = time.monotonic()
            os.killpg(0, signal.SIGINT)
        async def awaited():
            return await job
        print("now", flush=True)
        threading.Thread(target=press, daemon=True).start()
        try:
            {INTERRUPTED[way]}
        except KeyboardInterrupt as error:
            print(time.monotonic() - pressed)
            if {way == "result"}:
                print(error.results[:20] == [0.001] * 20, error.results[20:] == [None] * 6, job.cancelled())
        if {backend == "processes"}:
            start = time.monotonic()
            assert parallel.map(ident, range(10), backend="processes").result(20) == [*range(10)]
    """
    done, _ = run(code, start_new_session=True)
    assert (done.stderr, done.returncode) == ("", 0)
    lines = done.stdout.splitlines()
    assert float(lines[1]) < (0.2 if way == "result" else 0.5)
    if way == "result":
        assert lines[2] == "True True True"


def test_ctrl_c_during_the_start_of_workers() -> None:
    # An interrupt may arrive before `result` is called: that job warns when it is dropped.
    code = """
        import warnings
        warnings.simplefilter("ignore", RuntimeWarning)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        print("now", flush=True)
        for delay in (0, 0.005, 0.02, 0.05, 0.1):
            job = parallel.map(spin, [60.0] * 6, backend="processes", workers=3)
            def press():
                time.sleep(delay)
                os.killpg(0, signal.SIGINT)
            try:
                threading.Thread(target=press).start()
                job.result(20)
            except KeyboardInterrupt:
                print("interrupted")
    """
    done, took = run(code, start_new_session=True)
    assert (done.stdout, done.stderr, done.returncode) == ("now\n" + "interrupted\n" * 5, "", 0)
    assert took < 10


def test_uncaught_ctrl_c_ends_the_process_by_sigint() -> None:
    code = """
        job = parallel.map(spin, [60.0] * 6, backend="processes", workers=2)
        time.sleep(0.4)
        threading.Timer(0.2, os.killpg, (0, signal.SIGINT)).start()
        print("now", flush=True)
        job.result()
    """
    done, took = run(code, start_new_session=True)
    assert done.returncode == -signal.SIGINT
    assert done.stderr.count("Traceback") == 1
    words = "0 of 6 are finished, in .results of this exception (sys.last_value.results)"
    assert done.stderr.splitlines()[-1] == f"KeyboardInterrupt: {words}"
    assert took < 2.5


def test_a_script_without_a_main_guard(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from dataclasses import dataclass\n"
        "from shoal import parallel\n"
        "@dataclass\nclass Point:\n    x: int\n"
        "def move(point):\n    return Point(point.x + 1)\n"
        "points = parallel.map(move, [Point(1), Point(2)]).result(30)\n"
        "print(points == [Point(2), Point(3)], type(points[0]) is Point)\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", str(script)], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("True True\n", "")


def test_importing_shoal_imports_no_heavy_modules() -> None:
    heavy = "{'cloudpickle', 'multiprocessing', 'asyncio'}"
    code = f"import shoal, shoal.parallel, sys\nprint({heavy} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("set()\n", "")


def test_threads_do_not_import_cloudpickle() -> None:
    done, _ = run(
        """
        assert parallel.map(ident, range(5), backend="threads").result(10) == [*range(5)]
        assert parallel.map(len, ["abc"]).result(10) == [3]
        print({"multiprocessing", "cloudpickle"} & {*sys.modules})
        """
    )
    assert (done.stdout, done.stderr) == ("set()\n", "")


def test_no_thread_descriptor_or_memory_leaks() -> None:
    blocks = [bytes(1 << 20)] * 8

    def once() -> None:
        parallel.map(mapped.ident, blocks, backend="processes", workers=2).result(30)
        parallel.map(mapped.square, iter(range(1000)), backend="threads").result(30)
        parallel.map(mapped.misbehave, [1, "exit", 2], on_error="skip", workers=2).result(30)
        job = parallel.map(time.sleep, [60] * 3, backend="processes", workers=2)
        time.sleep(0.05)
        job.cancel()
        parallel.map(mapped.reciprocal, [0], backend="serial").exception(10)

    for _ in range(3):
        once()
    shm = shared_memory()
    wait_until(lambda: threading.active_count() < 6, 2)
    files, threads, memory = descriptors(), threading.active_count(), resident()
    for _ in range(10):
        once()
    assert wait_until(lambda: threading.active_count() <= threads, 5)
    # A killed worker is replaced by one with other segments.
    assert wait_until(lambda: descriptors() <= files + 8, 5), f"{descriptors() - files} descriptors more"
    assert resident() - memory < 64 << 20
    assert shared_memory() <= shm


@pytest.mark.parametrize("backend", ["serial", "threads", "processes"])
def test_a_stored_exception_holds_no_descriptors(backend) -> None:
    def kept() -> object:
        return parallel.map(mapped.reciprocal, [0], backend=backend).exception(30)

    errors = [kept()]
    before = descriptors()
    errors += [kept() for _ in range(10)]
    assert wait_until(lambda: descriptors() <= before + 3), f"{descriptors() - before} descriptors more"
    assert all(isinstance(error, shoal.ItemError) for error in errors)


def test_the_number_of_workers(monkeypatch) -> None:
    from shoal._map import cores

    assert 1 <= cores.usable() <= len(os.sched_getaffinity(0))
    monkeypatch.setenv("SHOAL_THREADS", "3")
    assert cores.usable() == 3
    pids = set(parallel.map(mapped.pid, range(300), backend="processes", chunksize=1).result(30))
    assert 2 <= len(pids) <= 3
    monkeypatch.setenv("SHOAL_THREADS", "many")
    with pytest.raises(ValueError, match='SHOAL_THREADS must be a number of threads from 1 to 4096, not "many"'):
        parallel.map(mapped.pid, [1])
    assert parallel.map(mapped.square, [1], workers=1).result(30) == [1]


CELL = """
from dataclasses import dataclass
base = 10

@dataclass
class Box:
    value: int

def open_box(box):
    return Box(box.value + base)
"""


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:jupyter_client")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_functions_defined_in_a_notebook(tmp_path: Path) -> None:
    pytest.importorskip("ipykernel")
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    cells = [
        "from shoal import parallel",
        CELL,
        "boxes = await parallel.map(open_box, map(Box, range(100)))\nboxes == [Box(n + 10) for n in range(100)]",
        "parallel.map(open_box, [Box(1)]).result(), parallel.map(lambda n: n + base, [1]).result()",
        "base = 20\nparallel.map(open_box, [Box(1)], backend='processes').result()",
        "_ = await parallel.map(open_box, map(Box, range(10)), progress=True)",
        "job = parallel.map(lambda n: 1 / n, [1, 0])\nerror = job.exception()\nprint(error.traceback_text)\nerror",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(
        notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    shown = [str(cell["outputs"]) for cell in notebook.cells]
    assert "True" in shown[2]
    assert "([Box(value=11)], [11])" in shown[3]
    assert "[Box(value=21)]" in shown[4]
    assert "ZeroDivisionError" in shown[6]
    assert "1 / n" in shown[6]
