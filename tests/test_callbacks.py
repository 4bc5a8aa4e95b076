"""Job.add_done_callback: before and after completion, from several threads, and with callbacks that raise."""

import gc
import sys
import threading
import time
from collections.abc import Callable

import pytest

import shoal
from conftest import released, wait_until
from shoal.testing import Server

FAST = "/bytes/10"
SLOW = "/delay/60000"
SOON = "/delay/150"


def test_callbacks_before_and_after_completion(server: Server) -> None:
    calls: list[tuple[str, object, str]] = []
    called = threading.Event()

    def note(name: str) -> Callable:
        def callback(job: object) -> None:
            calls.append((name, job, threading.current_thread().name))
            if name == "second":
                called.set()

        return callback

    job = shoal.gather_fetch([server.url(SOON)])
    job.add_done_callback(note("first"))
    job.add_done_callback(note("second"))
    assert calls == []
    assert called.wait(10)
    job.add_done_callback(note("late"))
    assert calls == [
        ("first", job, "shoal-callbacks"),
        ("second", job, "shoal-callbacks"),
        ("late", job, threading.current_thread().name),
    ]


@pytest.mark.filterwarnings("default::pytest.PytestUnraisableExceptionWarning")
def test_an_exception_in_a_callback_goes_to_the_unraisablehook(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    unraisable_messages = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: unraisable_messages.append(str(unraisable.exc_value)))
    after = threading.Event()

    def fails(job: shoal.Job) -> None:
        raise LookupError("mine")

    job = shoal.gather_fetch([server.url(SOON)])
    job.add_done_callback(fails)
    job.add_done_callback(lambda _: after.set())
    assert after.wait(10)
    job.add_done_callback(fails)
    assert unraisable_messages == ["mine", "mine"]
    assert len(job.result()) == 1


def test_callbacks_from_many_threads(server: Server) -> None:
    for url in (FAST, "/delay/5"):
        job = shoal.gather_fetch([server.url(url)])
        calls: list[int] = []

        def add(number: int, job: shoal.Job = job, calls: list[int] = calls) -> None:
            for i in range(20):
                job.add_done_callback(lambda _, i=i: calls.append(number * 20 + i))

        threads = [threading.Thread(target=add, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wait_until(lambda calls=calls: len(calls) == 160)
        time.sleep(0.02)
        assert sorted(calls) == list(range(160))


def test_callbacks_of_a_cancelled_and_a_failed_job(server: Server) -> None:
    seen = []
    slow = shoal.gather_fetch([server.url(SLOW)])
    failing = shoal.gather_fetch([server.url("/fault/stall")], timeout=0.3, retry=0)
    for job in (slow, failing):
        job.add_done_callback(lambda job: seen.append((job.cancelled(), repr(job))))
    slow.cancel()
    assert wait_until(lambda: len(seen) == 2)
    assert [cancelled for cancelled, _ in seen] == [True, False]
    assert "raised TotalTimeout" in seen[1][1]


def test_a_dropped_job_with_a_callback_completes(own: Server) -> None:
    seen = threading.Event()
    shoal.gather_fetch([own.url(SOON)]).add_done_callback(lambda job: seen.set())
    gc.collect()
    assert seen.wait(10)
    assert released(own)


def test_a_callback_must_be_callable(server: Server) -> None:
    job = shoal.gather_fetch([server.url(FAST)])
    with pytest.raises(TypeError, match="fn must be callable, not int"):
        job.add_done_callback(3)
    job.result()
