"""Fork: Shoal works before and after it, in the parent and in the child, without hangs or shared connections."""

import os
import warnings
from collections.abc import Callable

import pytest

pytestmark = [pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"), pytest.mark.usefixtures("transport")]

# `fork(child)` runs `child()` in a forked process and returns its exit code, or 99 if it does not end within 10 s.
# Python 3.12 and later warn of a fork in a process with threads, which is the subject of these tests.
PROGRAM = """
import asyncio, gc, os, sys, threading, time, traceback, warnings
import multiprocessing
import shoal
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
base = sys.argv[1]
url = base.__add__
slow = [url("/delay/60000")] * 10

def fork(child):
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            child()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    end = time.monotonic() + 10
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return 99

def use(count=20):
    responses = shoal.gather_fetch([url(f"/bytes/{i}") for i in range(count)]).result(10)
    assert [len(response.content) for response in responses] == [*range(count)]

async def use_loop():
    assert len(await asyncio.wait_for(shoal.gather_fetch([url("/bytes/1")] * 5), 10)) == 5
    async for response in shoal.stream_fetch([url("/bytes/1")] * 5):
        assert response.ok
"""


@pytest.fixture
def forked(python: Callable, server) -> Callable:
    """Runs code that forks; it must exit with 0 and print nothing."""

    def run(code: str, *arguments: object, timeout: float = 60, **options: object) -> None:
        import textwrap

        done = python(PROGRAM + textwrap.dedent(code), server.base_url, *arguments, timeout=timeout, **options)
        assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)

    return run


def test_only_python_warns_of_the_fork(forked: Callable) -> None:
    with warnings.catch_warnings():
        forked("assert fork(lambda: None) == 0")


def test_use_in_the_child_only(forked: Callable) -> None:
    forked("assert fork(use) == 0\nassert fork(lambda: asyncio.run(use_loop())) == 0")


def test_use_before_and_after_a_fork(forked: Callable) -> None:
    forked(
        """
        use()
        for _ in range(3):
            assert fork(use) == 0
            use()
            assert fork(lambda: asyncio.run(use_loop())) == 0
            asyncio.run(use_loop())
        """
    )


def test_use_in_a_grandchild(forked: Callable) -> None:
    forked(
        """
        use()
        def child():
            use()
            assert fork(use) == 0
            use()
        assert fork(child) == 0
        use()
        """
    )


def test_a_child_has_a_copy_of_the_cookies(forked: Callable) -> None:
    forked(
        """
        client = shoal.Client()
        assert client.get(url("/cookies/set?flavour=oat")).result().ok
        def cookies():
            return client.get(url("/cookies")).result(10).json()["cookies"]
        def child():
            assert cookies() == {"flavour": "oat"}, cookies()
            client.get(url("/cookies/set?own=yes")).result(10)
            assert cookies() == {"flavour": "oat", "own": "yes"}
        assert "oat" in client.cookies.values()
        assert fork(child) == 0
        assert client.cookies == {"flavour": "oat"}
        assert cookies() == {"flavour": "oat"}
        """
    )


def test_closing_a_client_in_the_child_keeps_the_connections_of_the_parent(forked: Callable) -> None:
    forked(
        """
        client = shoal.Client()
        client.gather([url("/bytes/1")] * 50).result()
        opened = client.gather([url("/bytes/1")]).result()
        def child():
            global client
            client.close()
            del client
            gc.collect()
        for _ in range(3):
            assert fork(child) == 0
        job = client.gather([url("/bytes/1")] * 20)
        assert len(job.result(10)) == 20
        assert job.stats.connections_opened == 0, "the child has closed the parent's connections"
        """
    )


def test_a_job_of_the_parent_raises_in_the_child(forked: Callable) -> None:
    forked(
        """
        job = shoal.gather_fetch(slow)
        done = shoal.gather_fetch([url("/bytes/1")])
        done.result()
        called = []
        time.sleep(0.05)
        def raises(call):
            try:
                call()
            except RuntimeError as error:
                assert "before fork()" in str(error), error
            else:
                raise AssertionError("no error")
        async def wait():
            await job
        def child():
            assert not job.done() and not job.cancelled()
            assert "gather_fetch" in repr(job)
            raises(job.result)
            raises(lambda: job.result(0.1))
            raises(job.exception)
            raises(lambda: asyncio.run(wait()))
            raises(lambda: job.add_done_callback(print))
            raises(lambda: job.stats)
            assert "gather_fetch" in job._repr_html_()
            assert done.stats.ok == 1
            assert job.cancel() is False
            job.close()
            assert len(done.result()) == 1
            done.add_done_callback(called.append)
            assert called == [done]
            use()
        assert fork(child) == 0
        def drops():
            global job
            del job
            gc.collect()
            use()
        assert fork(drops) == 0
        assert not job.done()
        assert job.cancel()
        """
    )


def test_a_stream_of_the_parent_raises_in_the_child(forked: Callable) -> None:
    forked(
        """
        stream = shoal.stream_fetch([url("/bytes/1"), *slow])
        next(stream)
        def child():
            try:
                next(stream)
            except RuntimeError as error:
                assert "before fork()" in str(error), error
            else:
                raise AssertionError("no error")
            try:
                stream.stats
            except RuntimeError as error:
                assert "before fork()" in str(error), error
            else:
                raise AssertionError("no error")
            assert "Stream" in repr(stream)
            stream.close()
            use()
        assert fork(child) == 0
        stream.close()
        """
    )


def test_callbacks_in_the_child(forked: Callable) -> None:
    forked(
        """
        def once():
            called = threading.Event()
            shoal.gather_fetch([url("/delay/20")]).add_done_callback(lambda job: called.set())
            assert called.wait(10)
        once()
        assert fork(once) == 0
        once()
        """
    )


def test_fork_while_a_batch_is_in_flight(forked: Callable) -> None:
    forked(
        """
        for _ in range(5):
            job = shoal.gather_fetch([url(f"/bytes/{i}") for i in range(500)], concurrency=20)
            assert fork(use) == 0
            assert [len(r.content) for r in job.result(10)] == [*range(500)]
        """
    )


def test_fork_in_a_running_loop(forked: Callable) -> None:
    forked(
        """
        async def main():
            job = shoal.gather_fetch([url("/delay/50")] * 5)
            await use_loop()
            assert fork(use) == 0
            assert len(await job) == 5
        asyncio.run(main())
        """
    )


@pytest.mark.parametrize("exits", [True, False])
def test_use_with_multiprocessing(forked: Callable, exits: bool) -> None:
    """Children of multiprocessing end through `os._exit`, also after `sys.exit`."""
    forked(
        """
        use()
        context = multiprocessing.get_context("fork")
        def work():
            use()
            if sys.argv[2] == "True":
                sys.exit(0)
        workers = [context.Process(target=work) for _ in range(3)]
        for worker in workers:
            worker.start()
        use()
        for worker in workers:
            worker.join(10)
            assert worker.exitcode == 0, worker.exitcode
        """,
        exits,
    )


def test_a_child_that_calls_sys_exit(forked: Callable) -> None:
    """The child runs its atexit handlers, among them that of Shoal."""
    forked(
        """
        use()
        job = shoal.gather_fetch(slow)
        start = time.monotonic()
        pid = os.fork()
        if pid == 0:
            other = shoal.gather_fetch(slow)
            time.sleep(0.05)
            sys.exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
        assert time.monotonic() - start < 3
        use()
        """
    )


MANY = """
    use()
    client = shoal.Client()
    job = None
    for i in range(int(sys.argv[2])):
        # Each fork is at another moment of a batch, while threads wait or start.
        job = client.gather([url("/bytes/100")] * 200)
        waiting = threading.Thread(target=job.result)
        waiting.start()
        time.sleep(i % 10 / 2000)
        def child():
            use(5)
            assert client.get(url("/bytes/1")).result(10).ok
        assert fork(child) == 0, i
        waiting.join(10)
        assert len(job.result(10)) == 200
"""


def test_ten_forks_during_batches(forked: Callable) -> None:
    forked(MANY, 10)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_hundred_forks_during_batches(forked: Callable) -> None:
    forked(MANY, 100, timeout=500)


# Handshakes share one TLS configuration and its session cache; kernels share the global state of their libraries.
BUSY = """
    from shoal import parallel
    secure, forks = sys.argv[2], int(sys.argv[3])
    page = "<p>one<b>two</b><x-%d>three</x-%d>"
    wanted = None
    def handshake():
        with shoal.Client(http2=False) as client:
            assert client.get(secure).result(10).text == "here"
    def kernels():
        pages = [page % (i, i) for i in range(400)]
        found = parallel.html_text(pages).result(10), parallel.html_to_markdown(pages[:50]).result(10)
        digests = parallel.hash([bytearray(page, "ascii") for page in pages]).result(10)
        assert wanted in (None, (found, digests))
        return found, digests
    wanted = kernels()
    ended, faults = threading.Event(), []
    def again(work):
        try:
            while not ended.is_set():
                work()
        except BaseException:
            faults.append(traceback.format_exc())
    threads = [threading.Thread(target=again, args=(work,)) for work in [handshake, kernels] * 2]
    [thread.start() for thread in threads]
    def child():
        handshake()
        kernels()
    for i in range(forks):
        assert fork(child) == 0, i
    ended.set()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert not faults, faults
    handshake()
    kernels()
"""


@pytest.fixture
def fork_while_busy(forked: Callable, tmp_path) -> Callable:
    pytest.importorskip("trustme")
    from servers.origin import Origin
    from servers.tls import Certificates

    certificates = Certificates()
    authority = tmp_path / "ca.pem"
    authority.write_bytes(certificates.ca_pem)

    def run(forks: int, timeout: float = 60) -> None:
        with Origin(tls=certificates.good) as secure:
            forked(BUSY, secure.url, forks, timeout=timeout, env={**os.environ, "SSL_CERT_FILE": str(authority)})

    return run


def test_ten_forks_during_handshakes_and_kernels(fork_while_busy: Callable) -> None:
    fork_while_busy(10)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_hundred_forks_during_handshakes_and_kernels(fork_while_busy: Callable) -> None:
    fork_while_busy(100, timeout=500)
