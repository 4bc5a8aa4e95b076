"""`parallel.map` in unusual processes: streams, interpreter, folder, descriptors, threads, `__main__`."""

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

HEAD = """
import os, sys, tempfile, threading, time
import shoal
from shoal import parallel

def ident(value):
    return value

def works(**options):
    return parallel.map(ident, range(9), backend="processes", **options).result(20) == [*range(9)]
"""


@pytest.fixture
def program(python: Callable) -> Callable:
    """Runs a program that begins with HEAD."""

    def run(code: str, **options) -> subprocess.CompletedProcess:
        return python(HEAD + textwrap.dedent(code), timeout=60, **options)

    return run


# Standard streams


@pytest.mark.parametrize("stream", ["stdin", "stdout", "stderr"])
@pytest.mark.parametrize("value", ["None", "io.StringIO()", "object()", "closed"])
def test_a_missing_standard_stream(program: Callable, stream: str, value: str) -> None:
    done = program(
        f"""
        import io
        closed = io.StringIO()
        closed.close()
        before, sys.{stream} = sys.{stream}, {value}
        first = parallel.map(abs, range(9), backend="processes").result(20) == [*range(9)]
        second = works()
        parallel.map(print, range(3), backend="processes").result(20)
        sys.{stream} = before
        os.write(1, f"{{first}} {{second}}".encode())
        """
    )
    assert "True True" in done.stdout
    assert (done.stderr, done.returncode) == ("", 0)


def test_closed_standard_descriptors(program: Callable, tmp_path: Path) -> None:
    # Descriptors 0 to 2 are free and are used by the next files opened: a worker's pipe must not be among them.
    done = program(
        """
        sys.stdin.close(), sys.stdout.close(), sys.stderr.close()
        for number in range(3):
            try:
                os.close(number)
            except OSError:
                pass

        def loud(number):
            print(number, flush=True)
            return os.system("echo out; echo err >&2") == 0 and number

        results = [works(), parallel.map(loud, range(5), backend="processes").result(20), works(workers=4)]
        open("results", "w").write(repr(results))
        """
    )
    assert done.returncode in {0, 120}  # 120 is Python's own exit code when it cannot flush stdout
    assert (tmp_path / "results").read_text() == "[True, [0, 1, 2, 3, 4], True]"


def test_standard_streams_that_were_never_open(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(HEAD + "open('results', 'w').write(repr([works(), sys.stdout, works(workers=3)]))")
    command = ["sh", "-c", 'exec "$0" "$1" <&- >&- 2>&-', sys.executable, str(script)]
    subprocess.run(command, timeout=60, check=True, cwd=tmp_path)
    assert (tmp_path / "results").read_text() == "[True, None, True]"


# The interpreter


@pytest.mark.parametrize("executable", ["None", "''", "'/no/such/python'", "tempfile.gettempdir() + '/x'"])
def test_a_missing_interpreter(program: Callable, executable: str) -> None:
    done = program(
        f"""
        before, sys.executable = sys.executable, {executable}
        error = parallel.map(ident, range(9), backend="processes").exception(20)
        assert type(error) is shoal.ParallelError, repr(error)
        assert "set it to the path of one, or use backend='threads'" in str(error), error
        assert parallel.map(ident, range(9), backend="threads").result(20) == [*range(9)]
        sys.executable = before
        print(works())
        """
    )
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_an_executable_that_is_not_an_interpreter(program: Callable) -> None:
    done = program(
        """
        from multiprocessing import resource_tracker
        resource_tracker.ensure_running()
        sys.executable = "/bin/false"
        error = parallel.map(ident, range(9), backend="processes").exception(20)
        assert type(error) is shoal.ParallelError, repr(error)
        print(error)
        """
    )
    assert "worker processes end before they can work: exit code 1" in done.stdout
    assert "'/bin/false'" in done.stdout
    assert done.stderr == ""


def test_a_frozen_program_is_not_restarted(program: Callable) -> None:
    done = program(
        """
        sys.frozen = True
        print(parallel.map(ident, range(9), backend="processes").exception(20))
        """
    )
    assert "use backend='threads'" in done.stdout


def test_workers_have_the_flags_of_the_caller(tmp_path: Path) -> None:
    code = """
        from shoal import parallel
        show = lambda _: (sys.flags.isolated, sys.flags.optimize, sys.flags.utf8_mode, sys.warnoptions)
        import sys
        print(parallel.map(show, [0], backend="processes").result(20))
    """
    command = [sys.executable, "-I", "-O", "-X", "utf8", "-W", "error", "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("[(1, 1, 1, ['error'])]\n", "")


def test_the_working_folder_does_not_shadow_the_standard_library(program: Callable, tmp_path: Path) -> None:
    for name in ("random", "tempfile", "logging", "platform", "cloudpickle", "shoal"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong module')")
    script = textwrap.dedent(
        """
        import sys
        sys.path.pop(0)
        from shoal import parallel
        print(parallel.map(abs, range(-3, 0), backend="processes").result(20))
        """
    )
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("[3, 2, 1]\n", "")


@pytest.mark.parametrize(
    "change",
    [
        "del sys.modules['__main__']",
        "sys.modules['__main__'] = None",
        "sys.modules['__main__'].__file__ = '/gone/script.py'",
        "sys.modules['__main__'].__spec__ = 3",
        "sys.argv = ['x' * 1000] * 2000",
        "sys.path += [f'/none/{number}' * 9 for number in range(3000)] + [None]",
        "import socket; socket.setdefaulttimeout(0.01)",
        "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
        "threading.Thread(target=thief, daemon=True).start()",
    ],
)
def test_unusual_processes(program: Callable, change: str) -> None:
    done = program(
        f"""
        from dataclasses import dataclass

        def thief():
            while True:
                try:
                    os.waitpid(-1, 0)
                except OSError:
                    time.sleep(0.01)

        @dataclass
        class Point:
            x: int

        def move(point):
            time.sleep(0.05)
            return Point(point.x + 1)

        def ending(number):
            if number == 2:
                os._exit(3)
            return number

        {change}
        print(parallel.map(move, [Point(1), Point(2)], backend="processes").result(20) == [Point(2), Point(3)])
        results = parallel.map(ending, range(5), on_error="return").result(20)
        print(type(results[2]).__name__, results[:2] + results[3:])
        """
    )
    assert (done.stdout, done.stderr) == ("True\nWorkerDied [0, 1, 3, 4]\n", "")


@pytest.mark.parametrize("way", ["stdin", "deleted", "zipapp", "module"])
def test_programs_without_a_file(tmp_path: Path, way: str) -> None:
    code = HEAD + "class Own:\n    pass\n\ndef make(_):\n    return Own()\n\n"
    code += "print(type(parallel.map(make, [1]).result(20)[0]) is Own)\n"
    script = tmp_path / "program.py"
    script.write_text(code)
    text = None
    if way == "stdin":
        arguments, text = ["-"], code
    elif way == "deleted":
        script.write_text("import os\nos.remove(__file__)\n" + code)
        arguments = [str(script)]
    elif way == "zipapp":
        (tmp_path / "app").mkdir()
        script.rename(tmp_path / "app/__main__.py")
        subprocess.run([sys.executable, "-m", "zipapp", str(tmp_path / "app")], check=True, timeout=60)
        arguments = [str(tmp_path / "app.pyz")]
    else:
        arguments = ["-m", "program"]
    command = [sys.executable, "-W", "error", *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("True\n", "")


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_a_daemonic_multiprocessing_process(tmp_path: Path, context: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        HEAD
        + textwrap.dedent(
            f"""
            import multiprocessing

            def daemon(queue):
                queue.put(works())

            if __name__ == "__main__":
                context = multiprocessing.get_context({context!r})
                queue = context.Queue()
                process = context.Process(target=daemon, args=(queue,), daemon=True)
                process.start()
                print(queue.get(timeout=30))
                process.join()
            """
        )
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("True\n", "")


# The working folder


def test_a_removed_working_folder(program: Callable) -> None:
    done = program(
        """
        def relative(_):
            return os.path.exists("kept")

        open("kept", "w").close()
        print(parallel.map(relative, [0], backend="processes").result(20))
        gone = tempfile.mkdtemp()
        os.chdir(gone)
        os.rmdir(gone)
        print(works(), works(workers=4))
        # Relative paths are neither read nor written in another folder.
        print(parallel.map(relative, [0], backend="processes").result(20))
        error = parallel.map(lambda _: open("x", "w"), [0], backend="processes").exception(20)
        print(type(error.exception).__name__)
        """
    )
    assert (done.stdout, done.stderr) == (
        "[True]\nTrue True\n[False]\nFileNotFoundError\n",
        "",
    )


# Descriptors and processes

FULL = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

def full():
    taken = []
    try:
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        return taken

def is_advice(error):
    return isinstance(error, shoal.ParallelError) and "ulimit -n" in str(error)
"""


def test_descriptors_are_released(program: Callable) -> None:
    done = program(
        FULL
        + textwrap.dedent(
            """
            taken = full()
            said = set()
            for _ in range(25):
                try:
                    error = parallel.map(ident, range(9), backend="processes").exception(20)
                except shoal.ParallelError as raised:
                    error = raised
                said.add(error is None or is_advice(error) or repr(error))
                os.close(taken.pop())
            print(said, error)
            """
        )
    )
    assert (done.stdout, done.stderr) == ("{True} None\n", "")


def test_descriptors_are_released_with_large_items(program: Callable) -> None:
    done = program(
        FULL
        + textwrap.dedent(
            """
            assert works()
            taken = full()
            for _ in range(3):
                os.close(taken.pop())  # for the call itself
            large = [bytes(100_000)] * 3
            for items, fn in ((large, len), ([100_000] * 3, bytes)):
                job = parallel.map(fn, items, backend="processes", on_error="return", workers=1)
                for result in job.result(30):
                    assert result in (100_000, large[0]) or isinstance(result, (shoal.ItemError, shoal.WorkerDied))
            while taken:
                os.close(taken.pop())
            print(works(), parallel.map(len, large, backend="processes").result(20))
            """
        )
    )
    assert (done.stdout, done.stderr) == ("True [100000, 100000, 100000]\n", "")


def test_a_call_continues_with_the_workers_that_could_start(program: Callable) -> None:
    done = program(
        FULL
        + textwrap.dedent(
            """
            print(parallel.map(ident, range(9), backend="processes", workers=1).result(20) == [*range(9)])
            taken = full()
            for _ in range(4):
                os.close(taken.pop())
            print(parallel.map(ident, range(2000), backend="processes", workers=5, chunksize=1).result(30)[-1])
            """
        )
    )
    assert (done.stdout, done.stderr) == ("True\n1999\n", "")


# gevent


@pytest.mark.parametrize("first", ["gevent", "shoal", "used"])
def test_gevent(python: Callable, first: str) -> None:
    pytest.importorskip("gevent")
    patch = "import gevent.monkey\ngevent.monkey.patch_all()\n"
    used = "assert works()\n" if first == "used" else ""
    head = patch + HEAD if first == "gevent" else HEAD + used + patch
    code = """
        import gevent
        import shoal.testing

        def ending(number):
            time.sleep(0.01)
            if number == 2:
                os._exit(3)
            return number

        print(parallel.map(abs, range(9)).result(10) == [*range(9)])
        for backend in ("auto", "processes", "threads", "serial"):
            for items in ([*range(9)], iter(range(9))):
                print(parallel.map(ident, items, backend=backend).result(10) == [*range(9)])
        print(type(parallel.map(ending, range(5), on_error="return").result(10)[2]).__name__)
        print(parallel.map(time.sleep, [0.05] * 4, backend="threads").result(10) == [None] * 4)
        lets = [gevent.spawn(lambda: parallel.map(ident, range(5)).result(10)) for _ in range(5)]
        gevent.joinall(lets)
        print([let.value for let in lets] == [[*range(5)]] * 5)
        with shoal.testing.Server() as server:
            urls = [server.url("/bytes/9")] * 5
            job = shoal.gather_fetch(urls)
            done = []
            job.add_done_callback(done.append)
            print([len(response.content) for response in job.result(10)] == [9] * 5)
            until = time.monotonic() + 5
            while not done and time.monotonic() < until:
                gevent.sleep(0.01)
            print(done == [job])
            print(len(list(shoal.stream_fetch(urls))) == 5)
            print(len(shoal.gather_fetch(urls, progress=lambda done, total: None).result(10)) == 5)
        job = parallel.map(time.sleep, [60] * 3, backend="processes")
    """
    # gevent itself warns that ssl was imported first.
    done = subprocess.run(
        [sys.executable, "-c", head + textwrap.dedent(code)], capture_output=True, text=True, timeout=60
    )
    lines = done.stdout.splitlines()
    assert (set(lines), len(lines), done.returncode) == ({"True", "WorkerDied"}, 16, 0), done.stdout + done.stderr


def test_an_item_that_monkey_patches_its_worker(program: Callable) -> None:
    pytest.importorskip("gevent")
    done = program(
        """
        def patching(number):
            import gevent.monkey
            gevent.monkey.patch_all()
            time.sleep(0.01)
            return number

        print(parallel.map(patching, range(20)).result(20) == [*range(20)], works(), works(timeout=5))
        """
    )
    assert done.stdout == "True True True\n", done.stderr
