"""A name look-up that hangs delays only the requests for that name."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from textwrap import dedent

import pytest

pytestmark = [
    pytest.mark.usefixtures("transport"),
    pytest.mark.skipif(sys.platform != "linux", reason="needs LD_PRELOAD"),
]

# A look-up of a name that begins with "hang" never returns.
HANGING = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

typedef int lookup(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    while (node && strncmp(node, "hang", 4) == 0) pause();
    return ((lookup *)dlsym(RTLD_NEXT, "getaddrinfo"))(node, service, hints, found);
}
"""

PREPARE = """
    import os, sys, time, shoal
    from shoal.testing import Server
    server = Server()
    local = server.url("/bytes/10").replace("127.0.0.1", "localhost")
    client = shoal.Client(retry=0)
    hanging = [client.get(f"http://hang-{i}.test/", timeout=None) for i in range(60)]
    time.sleep(0.2)
"""


@pytest.fixture(scope="module")
def hanging(tmp_path_factory):
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    folder = tmp_path_factory.mktemp("hanging")
    source, library = folder / "hanging.c", folder / "hanging.so"
    source.write_text(HANGING)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return {"LD_PRELOAD": str(library)}


@pytest.fixture
def run_hanging(python, hanging):
    def run_hanging(code: str, *arguments: str) -> str:
        done = python(dedent(PREPARE) + dedent(code), *arguments, env={**os.environ, **hanging}, timeout=20)
        assert (done.stderr, done.returncode) == ("", 0)
        return done.stdout

    return run_hanging


def test_files_are_written_and_other_names_resolve(run_hanging, tmp_path) -> None:
    code = """
        job = shoal.gather_fetch([local] * 100, save_to=sys.argv[1] + "/{index}", timeout=5)
        print(len(job.result()))
    """
    assert run_hanging(code, str(tmp_path)) == "100\n"
    assert len(list(tmp_path.iterdir())) == 100


def test_timeout_and_cancel_take_effect_at_once(run_hanging) -> None:
    code = """
        started = time.monotonic()
        try:
            client.get("http://hang.test/", timeout=0.3).result()
        except shoal.TotalTimeout as error:
            print(error.phase)
        hanging[0].cancel()
        print(hanging[0].cancelled(), time.monotonic() - started < 5)
    """
    assert run_hanging(code) == "connect\nTrue True\n"


def test_the_exit_does_not_wait_for_a_look_up(run_hanging) -> None:
    assert run_hanging("print('the end')") == "the end\n"


def test_a_forked_child_resolves_names(run_hanging) -> None:
    code = """
        import warnings
        warnings.simplefilter("ignore")
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            status = client.get(local, timeout=5).result().status_code
            os._exit(0 if status == 200 else 1)
        print(os.waitpid(child, 0)[1])
    """
    assert run_hanging(code) == "0\n"


def test_look_ups_beyond_the_limit_delay_no_others(run_hanging, tmp_path) -> None:
    code = """
        more = [client.get(f"http://hang-more-{i}.test/", timeout=0.5) for i in range(400)]
        print(len(shoal.gather_fetch([server.url("/bytes/10")] * 50, save_to=sys.argv[1] + "/{index}").result()))
        print({type(job.exception()).__name__ for job in more})
    """
    assert run_hanging(code, str(tmp_path)) == "50\n{'TotalTimeout'}\n"


def test_requests_for_one_host_share_a_thread(run_hanging) -> None:
    code = """
        before = len(os.listdir("/proc/self/task"))
        shoal.gather_fetch([local + f"?{i}" for i in range(300)], concurrency=300).result()
        print(len(os.listdir("/proc/self/task")) - before < 20)
    """
    assert run_hanging(code) == "True\n"
