"""When no thread can be started, the call that needs one raises an error, and the next call tries again."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

typedef int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

/* Fails as long as there is a file of the name in $NO_THREADS. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument) {
    const char *flag = getenv("NO_THREADS");
    if (flag && access(flag, F_OK) == 0) return EAGAIN;
    return ((create)dlsym(RTLD_NEXT, "pthread_create"))(thread, attributes, start, argument);
}
"""

PROGRAM = """
import asyncio, os, sys, threading
from pathlib import Path
import shoal
from shoal import parallel
import shoal.testing
flag, url = Path(os.environ["NO_THREADS"]), sys.argv[1]

def refused(work):
    flag.touch()
    try:
        work()
    except (RuntimeError, OSError) as error:
        assert "thread" in str(error), error
    else:
        raise AssertionError("no error")
    finally:
        flag.unlink()

def called(job):
    done = threading.Event()
    job.add_done_callback(lambda job: done.set())
    return done.wait(10)
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None or not Path("/proc/self").exists():
        pytest.skip("needs Linux and a C compiler: a root user's threads can't be limited otherwise")
    folder = tmp_path_factory.mktemp("shim")
    (folder / "shim.c").write_text(SHIM)
    library = folder / "shim.so"
    command = [compiler, "-shared", "-fPIC", "-o", str(library), str(folder / "shim.c"), "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    return library


@pytest.fixture
def short_of_threads(python: Callable, server, shim: Path, tmp_path: Path) -> Callable:
    def run(code: str) -> None:
        environment = {**os.environ, "LD_PRELOAD": str(shim), "NO_THREADS": str(tmp_path / "flag")}
        done = python(PROGRAM + code, server.url("/bytes/3"), env=environment)
        assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)

    return run


@pytest.mark.parametrize(
    "work",
    [
        "parallel.hash([b'x']).result(10)",
        "shoal.gather_fetch([url]).result(10)",
        "shoal.Client().get(url).result(10)",
        "shoal.testing.Server().close()",
        "parallel.map(abs, [1, 2]).result(10)",
    ],
)
def test_a_failed_start_is_tried_again(short_of_threads: Callable, work: str) -> None:
    short_of_threads(f"work = lambda: {work}\nrefused(work)\nrefused(work)\nwork()\n")


def test_add_done_callback_needs_the_notifier_thread(short_of_threads: Callable) -> None:
    short_of_threads(
        "job = shoal.gather_fetch([url.replace('/bytes/3', '/delay/500')])\n"
        "refused(lambda: job.add_done_callback(print))\n"
        "assert called(job)\n"
        "assert called(shoal.gather_fetch([url]))\n"
    )


def test_borrowing_documents_needs_the_notifier_thread(short_of_threads: Callable) -> None:
    short_of_threads(
        "parallel.hash([]).result(10)\n"
        "document = b'x' * 1000 + b'unique'\n"
        "count = sys.getrefcount(document)\n"
        "refused(lambda: parallel.hash([document] * 10))\n"
        "assert sys.getrefcount(document) == count\n"
        "assert len(set(parallel.hash([document] * 10).result(10))) == 1\n"
    )


def test_a_response_that_cannot_be_saved(short_of_threads: Callable) -> None:
    short_of_threads(
        "shoal.gather_fetch([url]).result(10)\n"
        "flag.touch()\n"
        "[error] = shoal.gather_fetch([url], save_to='{index}', return_exceptions=True).result(10)\n"
        "assert not isinstance(error, shoal.InternalError), error\n"
        "assert isinstance(error.__cause__, OSError), error\n"
        "flag.unlink()\n"
        "assert shoal.gather_fetch([url], save_to='{index}').result(10)[0].path\n"
    )
