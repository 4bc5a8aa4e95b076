"""Dropped Jobs: a warning when unfinished work is stopped, a log entry when an exception was never retrieved."""

import asyncio
import contextlib
import gc
import logging
import sys
import warnings
from pathlib import Path

import pytest

import shoal
from conftest import in_flight, wait_until
from shoal import parallel
from shoal.testing import Server

SLOW = "/delay/60000"
HERE = Path(__file__)


def line_of(text: str) -> int:
    """The line of this file that ends with the comment."""
    (found,) = [number for number, line in enumerate(HERE.read_text().splitlines(), 1) if line.endswith("# " + text)]
    return found


def only(caught: list[warnings.WarningMessage]) -> warnings.WarningMessage:
    (warning,) = caught
    assert warning.category is RuntimeWarning
    return warning


def test_a_dropped_single_request_warns(own: Server) -> None:
    client = shoal.Client()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        job = client.post(
            own.url(SLOW),
            content=b"never sent completely",  # the call
        )
        del job
    warning = only(caught)
    assert str(warning.message) == (
        "a Job of request was dropped before its end, which stopped its work: await it, call .result(), or .cancel() "
        "it if that is what you want"
    )
    assert Path(warning.filename) == HERE
    assert line_of("the call") - 2 <= warning.lineno <= line_of("the call") + 1


@pytest.mark.parametrize(
    "start",
    [
        lambda url: shoal.gather_fetch([url] * 3),  # of the batch
        lambda url: shoal.Client().gather([url]),  # of the client
    ],
    ids=["gather_fetch", "client.gather"],
)
def test_the_warning_has_the_line_of_the_call(own: Server, start) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start(own.url(SLOW))
    warning = only(caught)
    assert "a Job of gather_fetch was" in str(warning.message)
    assert Path(warning.filename) == HERE
    assert warning.lineno in {line_of("of the batch"), line_of("of the client")}


def test_a_dropped_map_warns() -> None:
    """Shoal's Python code makes this Job; the warning still has the caller's line."""
    stop = []

    def wait(_: object) -> None:
        wait_until(lambda: bool(stop))

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        parallel.map(wait, range(3), backend="threads")  # the map
        stop.append(1)
    warning = only(caught)
    assert (Path(warning.filename), warning.lineno) == (HERE, line_of("the map"))


def test_a_collected_cycle_warns(own: Server) -> None:
    class Holder:
        pass

    holder = Holder()
    holder.job = shoal.gather_fetch([own.url(SLOW)])  # in the cycle
    holder.self = holder
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del holder
        gc.collect()
    assert only(caught).lineno == line_of("in the cycle")


def test_each_line_warns_once(own: Server) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(5):
            shoal.gather_fetch([own.url(SLOW)])
    assert len(caught) == 1


async def awaited(job: shoal.Job) -> None:
    await job


def begin_to_await(job: shoal.Job) -> None:
    async def main() -> None:
        task = asyncio.ensure_future(awaited(job))
        await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(main())


@pytest.mark.parametrize(
    "notice",
    [
        lambda job: job.result(0.01),
        lambda job: job.exception(0),
        begin_to_await,
        lambda job: job.cancel(),
        lambda job: job.close(),
        lambda job: job.throw(LookupError),
    ],
    ids=["result", "exception", "await", "cancel", "close", "throw"],
)
def test_a_used_job_does_not_warn(own: Server, notice) -> None:
    job = shoal.gather_fetch([own.url(SLOW)])
    with contextlib.suppress(TimeoutError, LookupError):
        notice(job)
    del job
    gc.collect()


def test_a_callback_keeps_the_job_running(own: Server) -> None:
    seen = []
    shoal.gather_fetch([own.url("/delay/100")]).add_done_callback(lambda job: seen.append(job.result()[0].ok))
    gc.collect()
    assert wait_until(lambda: seen == [True])


def test_a_finished_job_does_not_warn(server: Server) -> None:
    job = shoal.gather_fetch([server.url("/bytes/1")])
    assert wait_until(job.done)
    del job


def test_no_warning_while_an_exception_unwinds(own: Server) -> None:
    def fail() -> None:
        raise LookupError

    def both(*_: object) -> None:
        raise AssertionError

    with pytest.raises(LookupError):
        both(shoal.gather_fetch([own.url(SLOW)]), fail())


def test_a_filter_that_raises_reaches_the_unraisable_hook(own: Server, monkeypatch) -> None:
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: seen.append(told.exc_value))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shoal.gather_fetch([own.url(SLOW)])
    assert [type(error) for error in seen] == [RuntimeWarning]


@pytest.mark.parametrize("end", ["pass", "sys.exit(3)", "raise SystemExit(3)", "os.kill(os.getpid(), 2)"])
def test_no_warning_at_exit(python, server: Server, end: str) -> None:
    done = python(
        f"""
        import os, sys
        import shoal
        job = shoal.gather_fetch([sys.argv[1]])
        class Holder: pass
        holder = Holder()
        holder.job, holder.itself = shoal.Client().get(sys.argv[1]), holder
        try:
            {end}
        except KeyboardInterrupt:
            pass
        """,
        server.url(SLOW),
    )
    assert done.stderr == ""
    assert done.returncode in {0, 3}


def test_no_warning_in_a_forked_child(python, server: Server) -> None:
    done = python(
        """
        import os, sys
        import shoal
        job = shoal.gather_fetch([sys.argv[1]])
        if os.fork() == 0:
            del job
            os._exit(0)
        print(os.wait()[1])
        job.cancel()
        """,
        server.url(SLOW),
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


# Exceptions that were never retrieved.


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (lambda server: shoal.gather_fetch([server.url("/bytes/1"), server.url("/fault/reset")], retry=0), "ReadError"),
        (lambda server: shoal.Client(retry=0).get(server.url("/fault/reset")), "ReadError"),
        (lambda server: parallel.json_rows([b"{"], "/a"), "ItemError"),
        (lambda server: parallel.html_text(["\ud800"]), "ItemError"),
        (lambda server: parallel.map(int, ["x"], backend="threads"), "ItemError"),
    ],
    ids=["gather_fetch", "get", "json_rows", "html_text", "map"],
)
def test_an_unretrieved_failure_is_logged_once(server: Server, caplog, start, kind: str) -> None:
    job = start(server)
    assert wait_until(job.done)
    with caplog.at_level(logging.ERROR, logger="shoal"):
        del job
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("shoal", logging.ERROR)
    assert record.getMessage().startswith("the exception of a Job was never retrieved: ")
    assert f", called at {HERE}:" in record.getMessage()
    assert record.exc_info[0].__name__ == kind


@pytest.mark.parametrize("look", ["result", "exception", "await"])
def test_a_retrieved_failure_is_not_logged(server: Server, caplog, look: str) -> None:
    job = shoal.gather_fetch([server.url("/fault/reset")], retry=0)
    if look == "await":
        with pytest.raises(shoal.FetchError):
            asyncio.run(awaited(job))
    elif look == "result":
        with pytest.raises(shoal.FetchError):
            job.result()
    else:
        assert job.exception() is not None
    del job
    gc.collect()
    assert caplog.records == []


def test_a_result_call_that_timed_out_retrieves_nothing(own: Server, caplog) -> None:
    job = shoal.gather_fetch([own.url("/fault/stall")], retry=0, timeout=0.3)
    assert in_flight(own)
    with pytest.raises(TimeoutError):
        job.result(0.01)
    assert wait_until(job.done)
    with caplog.at_level(logging.ERROR, logger="shoal"):
        del job
    assert len(caplog.records) == 1


def test_a_failure_is_logged_while_another_exception_unwinds(server: Server, caplog) -> None:
    def failed() -> shoal.Job:
        job = shoal.gather_fetch([server.url("/fault/reset")], retry=0)
        assert wait_until(job.done)
        return job

    def fail() -> None:
        raise LookupError

    with caplog.at_level(logging.ERROR, logger="shoal"), pytest.raises(LookupError):
        print(failed(), fail())  # noqa: T201 - never gets there
    assert len(caplog.records) == 1


def test_no_log_entry_at_exit(python, server: Server) -> None:
    done = python(
        """
        import sys, time
        import shoal
        job = shoal.gather_fetch([sys.argv[1]], retry=0)
        while not job.done():
            time.sleep(0.01)
        """,
        server.url("/fault/reset"),
    )
    assert (done.stderr, done.returncode) == ("", 0)


# A Job that is used as if it were its result.


@pytest.mark.parametrize("name", ["json", "status_code", "text", "content", "ok", "append", "raise_for_status"])
def test_attributes_of_the_result_are_refused_with_advice(server: Server, name: str) -> None:
    with shoal.Client() as client:
        job = client.get(server.url("/bytes/1"))
        with pytest.raises(AttributeError, match=f"'Job' object has no attribute '{name}'; await it, or call .result"):
            getattr(job, name)
        assert not hasattr(job, name)
        assert getattr(job, name, 3) == 3
        with pytest.raises(AttributeError, match=r"'Job' object has no attribute '_ipython_display_'$"):
            job._ipython_display_  # noqa: B018 - as IPython asks for it
        assert name not in dir(job)
        job.result()


def test_items_of_the_result_are_refused_with_advice(server: Server) -> None:
    job = shoal.gather_fetch([server.url("/bytes/1")])
    for take in (lambda: job[0], lambda: job["a"], lambda: job[:1], lambda: list(job), lambda: [r for r in job]):  # noqa: C416
        with pytest.raises(TypeError, match=r"a Job has no items; await it, or call \.result\(\), for what it gives"):
            take()
    with pytest.raises(TypeError, match=r"a Job has no len\(\); await it, or call \.result\(\)"):
        len(job)
    assert bool(job) is True
    assert len(job.result()) == 1
    assert bool(job) is True


def test_a_job_is_refused_as_a_list_of_requests(server: Server) -> None:
    job = shoal.gather_fetch([server.url("/bytes/1")])
    with pytest.raises(TypeError) as caught:
        shoal.gather_fetch(job)
    assert "await it, or call .result()" in f"{caught.value} {caught.value.__cause__}"
    job.result()
