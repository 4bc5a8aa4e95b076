"""Job: await it on any loop and from any thread, wait for it, cancel it, drop it."""

import asyncio
import builtins
import collections.abc
import concurrent.futures
import gc
import inspect
import sys
import threading
import time
import weakref
from collections.abc import Callable

import pytest

import shoal
from conftest import in_flight, released, wait_until
from shoal.testing import Server

FAST = "/bytes/10"
SLOW = "/delay/60000"
SOON = "/delay/150"


def result_by_hand(job: shoal.Job) -> bytes:
    """The result of a finished job of one request, obtained with `send` outside of any loop."""
    with pytest.raises(StopIteration) as stop:
        job.send(None)
    return stop.value.value[0].content


# Awaiting


def test_await(run: Callable, server: Server) -> None:
    async def main() -> None:
        job = shoal.gather_fetch([server.url(FAST)] * 3)
        first = await job
        assert [response.content for response in first] == [bytes(range(10))] * 3
        assert await job is first
        assert job.done()
        assert not job.cancelled()

    run(main())


def test_several_tasks_await_one_job(run: Callable, server: Server) -> None:
    async def main() -> None:
        job = shoal.gather_fetch([server.url(SOON)])

        async def wait() -> object:
            return await job

        results = await asyncio.gather(*(wait() for _ in range(20)))
        assert all(result is results[0] for result in results)

    run(main())


def test_several_tasks_get_the_failure(run: Callable, server: Server) -> None:
    async def main() -> None:
        job = shoal.gather_fetch([server.url("/fault/reset")], retry=0)

        async def wait() -> None:
            await job

        failures = await asyncio.gather(*(wait() for _ in range(5)), return_exceptions=True)
        assert all(isinstance(failure, shoal.FetchError) for failure in failures)
        assert all(failure is failures[0] for failure in failures)

    run(main())


def test_loops_in_several_threads_await_one_job(server: Server) -> None:
    job = shoal.gather_fetch([server.url(SOON)])
    runners = [asyncio.run] * 4
    if sys.platform != "win32":
        runners += [pytest.importorskip("uvloop").run] * 4
    seen = []

    async def wait() -> None:
        seen.append(await job)

    threads = [threading.Thread(target=runner, args=(wait(),)) for runner in runners]
    for thread in threads:
        thread.start()
    result = job.result()
    for thread in threads:
        thread.join(10)
    assert len(seen) == len(runners)
    assert all(each is result for each in seen)


def test_a_job_made_without_a_loop_can_be_awaited(run: Callable, server: Server) -> None:
    job = shoal.gather_fetch([server.url(SOON)])

    async def main() -> None:
        assert len(await job) == 1

    run(main())


def test_a_job_made_in_another_thread_can_be_awaited(run: Callable, server: Server) -> None:
    jobs = []
    thread = threading.Thread(target=lambda: jobs.append(shoal.gather_fetch([server.url(SOON)])))
    thread.start()
    thread.join()

    async def main() -> None:
        assert len(await jobs[0]) == 1

    run(main())


def test_a_second_loop_after_the_first_is_closed(run: Callable, server: Server) -> None:
    client = shoal.Client()

    async def begin() -> shoal.Job:
        await client.get(server.url(FAST))
        job = shoal.gather_fetch([server.url(SOON)])
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(keep(job)), 0.02)
        return job

    async def keep(job: shoal.Job) -> None:
        await asyncio.get_running_loop().run_in_executor(None, job.result)

    async def end(job: shoal.Job) -> None:
        assert len(await job) == 1
        assert (await client.get(server.url(FAST))).ok

    job = run(begin())
    run(end(job))
    run(end(job))


def begin_to_await(job: shoal.Job, loop: asyncio.AbstractEventLoop) -> None:
    """One step of an await that is never resumed."""
    loop.call_soon(job.__await__().send, None)
    loop.call_soon(loop.stop)
    loop.run_forever()


def test_a_loop_closed_while_a_task_awaits(server: Server) -> None:
    """The task is lost with its loop. The job continues and can be awaited on the next loop."""
    job = shoal.gather_fetch([server.url(SOON)])
    first = asyncio.new_event_loop()
    begin_to_await(job, first)
    first.close()
    assert len(asyncio.run(awaited(job))) == 1


async def awaited(job: shoal.Job) -> object:
    return await job


def test_many_loops_in_sequence(run: Callable, server: Server) -> None:
    for _ in range(30):
        assert run(awaited(shoal.gather_fetch([server.url(FAST)])))[0].ok


def test_many_concurrent_single_awaits(run: Callable, server: Server) -> None:
    async def main() -> None:
        client = shoal.Client()
        jobs = [client.get(server.url(f"/bytes/{i}")) for i in range(300)]
        responses = await asyncio.gather(*jobs)
        assert [len(response.content) for response in responses] == list(range(300))

    run(main())


# The coroutine protocol


def test_a_job_is_a_coroutine(server: Server) -> None:
    job = shoal.gather_fetch([server.url(FAST)])
    assert isinstance(job, collections.abc.Coroutine)
    assert isinstance(job, collections.abc.Awaitable)
    assert asyncio.iscoroutine(job)
    assert inspect.isawaitable(job)
    job.result()


def test_asyncio_functions_accept_a_job(run: Callable, server: Server) -> None:
    async def main() -> None:
        def new() -> shoal.Job:
            return shoal.gather_fetch([server.url(FAST)])

        for make in (
            asyncio.create_task,
            asyncio.ensure_future,
            asyncio.shield,
            asyncio.get_running_loop().create_task,
        ):
            assert len(await make(new())) == 1
        assert len(await asyncio.wait_for(new(), 10)) == 1
        assert [len(result) for result in await asyncio.gather(new(), new())] == [1, 1]
        done, pending = await asyncio.wait([asyncio.create_task(new()) for _ in range(3)])
        assert (len(done), len(pending)) == (3, 0)
        for each in asyncio.as_completed([new(), new()]):
            assert len(await each) == 1
        job = new()
        first, second = await asyncio.gather(asyncio.create_task(job), asyncio.create_task(job))
        assert first is second

    run(main())


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.timeout and TaskGroup are new in 3.11")
def test_timeout_and_task_group(run: Callable, own: Server) -> None:
    async def main() -> None:
        job = shoal.gather_fetch([own.url(SLOW)])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await job
        assert job.cancelled()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(shoal.gather_fetch([own.url(FAST)])) for _ in range(3)]
        assert [len(task.result()) for task in tasks] == [1, 1, 1]
        slow = shoal.gather_fetch([own.url(SLOW)])

        async def both() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(slow)
                group.create_task(shoal.gather_fetch([own.url("/fault/reset")], retry=0))

        with pytest.raises(builtins.BaseExceptionGroup) as error:
            await both()
        assert isinstance(error.value.exceptions[0], shoal.FetchError)
        assert slow.cancelled()

    run(main())
    assert released(own)


def test_wait_for_cancels(run: Callable, own: Server) -> None:
    async def main() -> None:
        job = shoal.gather_fetch([own.url(SLOW)] * 3)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(job, 0.1)
        assert job.cancelled()
        assert job.done()

    run(main())
    assert released(own)


def test_shield_protects(run: Callable, server: Server) -> None:
    async def main() -> None:
        job = shoal.gather_fetch([server.url(SOON)])
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(job), 0.02)
        assert not job.done()
        assert len(await job) == 1

    run(main())


def test_send_outside_of_any_loop(server: Server) -> None:
    job = shoal.gather_fetch([server.url(SOON)])
    with pytest.raises(RuntimeError, match=r"call \.result\(\)"):
        job.send(None)
    job.result()
    job = shoal.gather_fetch([server.url(FAST)])
    job.result()
    assert result_by_hand(job) == bytes(range(10))
    assert result_by_hand(job.__await__()) == bytes(range(10))
    with pytest.raises(StopIteration):
        next(job.__await__())


def test_a_finished_job_never_touches_the_loop(server: Server) -> None:
    job = shoal.gather_fetch([server.url(FAST)])
    job.result()

    class Untouchable(asyncio.SelectorEventLoop):
        touched = 0

        def create_future(self):
            self.touched += 1
            return super().create_future()

        def add_reader(self, *arguments):
            self.touched += 1
            return super().add_reader(*arguments)

    loop = Untouchable()
    before = loop.touched
    try:
        result = loop.run_until_complete(awaited(job))
    finally:
        loop.close()
    assert len(result) == 1
    assert loop.touched == before


def test_close_cancels_the_job(own: Server) -> None:
    job = shoal.gather_fetch([own.url(SLOW)])
    assert in_flight(own)
    job.close()
    assert job.cancelled()
    assert released(own)
    job.close()


def test_close_of_a_finished_job_keeps_its_result(server: Server) -> None:
    job = shoal.gather_fetch([server.url(FAST)])
    job.result()
    job.close()
    assert len(job.result()) == 1


@pytest.mark.parametrize("awaiting", [False, True])
def test_throw_cancels_the_job(own: Server, awaiting: bool) -> None:
    for arguments in (
        (LookupError("mine"),),
        (LookupError,),
        (LookupError, "mine"),
        (LookupError, LookupError("x"), None),
    ):
        job = shoal.gather_fetch([own.url(FAST), own.url(SLOW)])
        assert wait_until(lambda job=job: job.stats.ok == 1)
        with pytest.raises(LookupError) as error:
            (job.__await__() if awaiting else job).throw(*arguments)
        assert [result is not None for result in error.value.results] == [True, False]
        assert job.cancelled()
    assert released(own)


def test_throw_into_a_finished_job(server: Server) -> None:
    job = shoal.gather_fetch([server.url(FAST)])
    job.result()
    with pytest.raises(LookupError):
        job.throw(LookupError)
    assert len(job.result()) == 1


# Waiting and cancelling


def test_result_inside_a_running_loop(run: Callable, server: Server) -> None:
    async def main() -> None:
        job = shoal.gather_fetch([server.url(SOON)])
        assert len(job.result()) == 1
        assert len(await job) == 1

    run(main())


@pytest.mark.parametrize("timeout", [0, 0.05, -1, 0.05 + 1e-9])
def test_result_with_a_timeout_that_expires(server: Server, timeout: float) -> None:
    job = shoal.gather_fetch([server.url(SOON)])
    start = time.monotonic()
    for wait in (job.result, job.exception):
        with pytest.raises(TimeoutError, match=r"gather_fetch is not done after .* \(0 of 1\)"):
            wait(timeout)
    assert time.monotonic() - start < 0.15
    assert not job.done()
    assert len(job.result(10)) == 1


@pytest.mark.parametrize("timeout", [None, 10, 1e10, 1e300, float("inf")])
def test_result_with_long_timeouts(server: Server, timeout: float) -> None:
    assert len(shoal.gather_fetch([server.url(FAST)]).result(timeout)) == 1


def test_result_with_invalid_timeouts(server: Server) -> None:
    job = shoal.gather_fetch([server.url(SOON)])
    with pytest.raises(ValueError, match="nan"):
        job.result(float("nan"))
    with pytest.raises(TypeError):
        job.result("1")
    job.result()


def test_exception(server: Server) -> None:
    assert shoal.gather_fetch([server.url(FAST)]).exception() is None
    job = shoal.gather_fetch([server.url(FAST), server.url("/fault/reset")], retry=0, concurrency=1)
    error = job.exception(10)
    assert isinstance(error, shoal.FetchError)
    assert [result is not None for result in error.results] == [True, False]
    assert job.exception() is error
    with pytest.raises(shoal.FetchError) as raised:
        job.result()
    assert raised.value is error
    assert job.done()
    assert not job.cancelled()


def test_cancel(own: Server) -> None:
    job = shoal.gather_fetch([own.url(FAST), own.url(SLOW), own.url(SLOW)])
    assert wait_until(lambda: job.stats.ok == 1)
    assert (job.done(), job.cancelled()) == (False, False)
    assert job.cancel() is True
    assert (job.done(), job.cancelled()) == (True, True)
    assert job.cancel() is False
    assert released(own)
    for wait in (job.result, job.exception):
        with pytest.raises(concurrent.futures.CancelledError) as error:
            wait()
        assert [result is not None for result in error.value.results] == [True, False, False]
    with pytest.raises(asyncio.CancelledError) as error:
        asyncio.run(awaited(job))
    assert type(error.value) is asyncio.CancelledError


def test_cancel_of_a_single_request(own: Server) -> None:
    job = shoal.Client().get(own.url(SLOW))
    assert in_flight(own)
    assert job.cancel()
    with pytest.raises(concurrent.futures.CancelledError):
        job.result()
    assert released(own)


def test_cancel_of_a_finished_job(server: Server) -> None:
    job = shoal.gather_fetch([server.url(FAST)])
    job.result()
    assert job.cancel() is False
    assert not job.cancelled()
    assert len(job.result()) == 1


def test_cancel_wakes_all_waiters(run: Callable, own: Server) -> None:
    async def main() -> None:
        job = shoal.gather_fetch([own.url(SLOW)])
        waiting = asyncio.create_task(awaited(job))
        blocked = asyncio.create_task(asyncio.to_thread(job.result))
        await asyncio.sleep(0.1)
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        with pytest.raises(asyncio.CancelledError):  # asyncio raises its own CancelledError in place of the thread's
            await blocked

    run(main())
    assert released(own)


def test_cancelling_the_task_releases_the_sockets(run: Callable, own: Server) -> None:
    async def main() -> None:
        job = shoal.gather_fetch([own.url(SLOW)] * 10)
        task = asyncio.create_task(awaited(job))
        await asyncio.sleep(0.01)  # a task that is cancelled before its first step never awaits the job
        await asyncio.to_thread(in_flight, own, 10)
        task.cancel()
        start = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert job.cancelled()
        assert await asyncio.to_thread(released, own)
        assert time.monotonic() - start < 1

    run(main())


def test_dropping_the_last_reference_releases_the_sockets(own: Server) -> None:
    job = shoal.gather_fetch([own.url(SLOW)] * 10)
    assert in_flight(own, 10)
    alive = weakref.ref(job)
    with pytest.warns(RuntimeWarning, match="dropped before its end"):
        del job
    assert alive() is None
    assert released(own)


def test_dropping_a_task_group_of_single_jobs(own: Server) -> None:
    client = shoal.Client()
    jobs = [client.get(own.url(SLOW)) for _ in range(5)]
    assert in_flight(own, 5)
    with pytest.warns(RuntimeWarning, match="dropped before its end"):
        jobs.clear()
    assert released(own)


def test_a_kept_job_keeps_no_socket_open(own: Server) -> None:
    job = shoal.gather_fetch([own.url(FAST)] * 20)
    job.result()
    assert released(own)
    failed = shoal.gather_fetch([own.url("/fault/stall"), own.url("/fault/reset")], retry=0)
    assert failed.exception() is not None
    assert released(own)


# Representations


def test_repr(server: Server) -> None:
    job = shoal.gather_fetch([server.url(FAST), server.url(SLOW)])
    assert wait_until(lambda: "1 of 2 done" in repr(job))
    assert repr(job).startswith("<Job gather_fetch: 1 of 2 done after 0.")
    assert ".result()" in repr(job)
    assert '<progress value="1" max="2">' in job._repr_html_()
    assert "&lt;Job" in job._repr_html_()
    job.cancel()
    assert repr(job) == "<Job gather_fetch: cancelled>"
    failed = shoal.gather_fetch([server.url("/status/500")], raise_for_status=True, retry=0)
    failed.exception()
    assert "raised HTTPStatusError" in repr(failed)
    single = shoal.Client().get(server.url(FAST))
    single.result()
    assert repr(single) == "<Job request: done; await it, or call .result()>"
    nothing = shoal.gather_fetch([])
    assert '<progress value="0" max="1">' in nothing._repr_html_()
    nothing.result()


def test_generic_alias_and_weak_references(server: Server) -> None:
    alias = shoal.Job[list[shoal.Response]]
    assert alias.__origin__ is shoal.Job
    assert alias.__args__ == (list[shoal.Response],)
    job = shoal.gather_fetch([server.url(FAST)])
    assert weakref.ref(job)() is job
    with pytest.raises(TypeError):
        shoal.Job()
    job.result()


def test_the_collector_finds_cycles_through_jobs(own: Server) -> None:
    class Holder:
        pass

    def cycle(job: shoal.Job, finish: bool) -> weakref.ref:
        holder = Holder()
        if finish:
            job.result().append(job)
            job.result().append(holder)
            holder.job = job
        else:
            holder.job = job
            job.add_done_callback(lambda _: holder)
            job.result()
            assert wait_until(lambda: sys.getrefcount(job) < 100)
        return weakref.ref(holder)

    for finish in (True, False):
        gone = cycle(shoal.gather_fetch([own.url(FAST)]), finish)
        assert wait_until(lambda gone=gone: gc.collect() >= 0 and gone() is None)


def test_a_progress_callback_may_call_the_job(server: Server) -> None:
    """The callback runs just before the result is converted."""
    seen = []
    job = shoal.gather_fetch(
        [server.url(FAST)] * 3,
        progress=lambda done, total: seen.append((done, total, repr(job), job.cancelled(), job.done())),
    )
    assert len(job.result(10)) == 3
    assert seen[-1][:2] == (3, 3)
    assert seen[-1][3:] == (False, True)
