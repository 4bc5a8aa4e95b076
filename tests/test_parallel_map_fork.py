"""`parallel.map` and forks: by an item in a worker, by an item in this process, by the caller during calls."""

import textwrap
from collections.abc import Callable

import pytest

HEAD = """
import ctypes, multiprocessing, os, signal, subprocess, sys, threading, time, warnings
from shoal import parallel
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)

def ident(value):
    return value

def fork():
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    return os.fork()

def others_go_on():
    for count in (3, 20, 100):
        assert parallel.map(ident, range(count), backend="processes").result(20) == [*range(count)]
"""
everywhere = pytest.mark.parametrize("backend", ["processes", "threads", "serial"])


@pytest.fixture
def program(python: Callable) -> Callable:
    """Runs a program that must succeed; returns its stdout and stderr."""

    def run(code: str, backend: str = "processes") -> tuple[str, str]:
        done = python(HEAD + f"backend = {backend!r}\n" + textwrap.dedent(code), timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr

    return run


@everywhere
@pytest.mark.parametrize("chunksize", ["'auto'", 1, 9])
def test_a_forked_child_that_raises_sends_no_result(program: Callable, backend: str, chunksize: object) -> None:
    out, err = program(
        f"""
        def forking(number):
            if number == 2 and fork() == 0:
                raise ValueError("of the child")
            return number

        for _ in range(2):
            print(parallel.map(forking, range(9), backend=backend, chunksize={chunksize}).result(20))
            others_go_on()
        """,
        backend,
    )
    assert out == "[0, 1, 2, 3, 4, 5, 6, 7, 8]\n" * 2
    # The child ends like a program that raises; the traceback has no frames of Shoal.
    assert err.count("ValueError: of the child") == 2
    assert "_map" not in err


@everywhere
def test_a_forked_child_that_returns_runs_no_further_item(program: Callable, backend: str) -> None:
    out, err = program(
        """
        import pathlib
        pathlib.Path("done").touch()

        def forking(number):
            with open("done", "a") as file:
                file.write(f"{number} ")
            return fork() > 0 if number == 2 else number

        print(parallel.map(forking, range(9), backend=backend, chunksize=9).result(20))
        others_go_on()
        print(pathlib.Path("done").read_text())
        """,
        backend,
    )
    assert out == "[0, 1, True, 3, 4, 5, 6, 7, 8]\n0 1 2 3 4 5 6 7 8 \n"
    assert err == ""


@everywhere
def test_a_childs_exit_code_is_kept(program: Callable, backend: str) -> None:
    out, err = program(
        """
        def forking(number):
            pid = fork()
            if pid == 0:
                print("child", number)
                if number == 1:
                    sys.exit(5)
                if number == 2:
                    os._exit(6)
                if number == 3:
                    raise KeyError("three")
                if number == 4:
                    sys.exit("in words")
                if number == 5:
                    os.kill(os.getpid(), signal.SIGKILL)
                return None
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

        print("first", end=" ")
        print(*parallel.map(forking, range(6), backend=backend, chunksize=6).result(20))
        others_go_on()
        """,
        backend,
    )
    assert out.endswith("0 5 6 1 1 -9\n")
    assert out.count("first") == 1
    # Its output is printed once. Output before `os._exit` or a kill is lost, as usual.
    assert [out.count(f"child {number}\n") for number in (0, 1, 3, 4)] == [1] * 4
    assert "KeyError: 'three'" in err
    assert "in words" in err


@everywhere
def test_items_may_start_processes(program: Callable, backend: str) -> None:
    out, _ = program(
        """
        def double(queue, number):
            queue.put(2 * number)

        def starting(number):
            warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
            context = multiprocessing.get_context("fork")
            queue = context.Queue()
            process = context.Process(target=double, args=(queue, number))
            process.start()
            result = queue.get()
            process.join()
            with context.Pool(2) as pool:
                several = pool.map(abs, [-1, -2])
            code = subprocess.run(["sh", "-c", "cat; exit 3"], stdin=subprocess.DEVNULL).returncode
            return result, process.exitcode, several, code

        print(parallel.map(starting, range(3), backend=backend).result(40))
        others_go_on()
        """,
        backend,
    )
    assert out == "[(0, 0, [1, 2], 3), (2, 0, [1, 2], 3), (4, 0, [1, 2], 3)]\n"


def test_a_fork_in_c_code_sends_no_result(program: Callable) -> None:
    # A fork in C code does not call Python's fork hooks.
    out, _ = program(
        """
        def forking(number):
            if number == 2:
                ctypes.PyDLL(None).fork()
            return number

        for chunksize in ("auto", 1, 9):
            print(parallel.map(forking, range(9), backend="processes", chunksize=chunksize).result(20))
            others_go_on()
        """
    )
    assert out == "[0, 1, 2, 3, 4, 5, 6, 7, 8]\n" * 3


def test_a_fork_in_a_thread_that_outlives_its_item(program: Callable) -> None:
    out, _ = program(
        """
        def leaving(number):
            def later():
                time.sleep(0.05)
                if fork() == 0:
                    time.sleep(0.1)

            threading.Thread(target=later).start()
            return number

        for _ in range(3):
            print(parallel.map(leaving, range(6), backend="processes", chunksize=3).result(20))
            others_go_on()
        time.sleep(0.3)
        others_go_on()
        """
    )
    assert out == "[0, 1, 2, 3, 4, 5]\n" * 3


@everywhere
def test_an_iterable_that_forks(program: Callable, backend: str) -> None:
    out, _ = program(
        """
        def numbers():
            for number in range(9):
                if number == 3 and (pid := fork()) > 0:
                    codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
                yield number

        codes = []
        print(parallel.map(ident, numbers(), backend=backend).result(20), codes)
        """,
        backend,
    )
    assert out == "[0, 1, 2, 3, 4, 5, 6, 7, 8] [0]\n"


def test_the_caller_may_fork_during_calls(program: Callable) -> None:
    out, err = program(
        """
        def spin(seconds):
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                pass
            return seconds

        def use(backend):
            while not stop:
                assert parallel.map(spin, [0.001] * 20, backend=backend).result(30) == [0.001] * 20

        stop = False
        threads = [threading.Thread(target=use, args=(name,)) for name in ("processes", "threads", "processes")]
        for thread in threads:
            thread.start()
        codes = []
        for number in range(30):
            pid = fork()
            if pid == 0:
                signal.alarm(30)
                if number == 7:
                    assert parallel.map(ident, range(9), backend="processes").result(30) == [*range(9)]
                assert parallel.map(ident, range(9), backend="threads").result(30) == [*range(9)]
                os._exit(0)
            codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        stop = True
        for thread in threads:
            thread.join()
        print(set(codes))
        """
    )
    assert (out, err) == ("{0}\n", "")
