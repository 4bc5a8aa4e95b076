"""`parallel.map` with failing items: the error names the item, the other items finish, nothing hangs."""

import copy
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

import mapped
from conftest import wait_until
from shoal import parallel
from shoal.exceptions import ItemError, ParallelError, WorkerDied

BACKENDS = ["auto", "processes", "threads", "serial"]
backends = pytest.mark.parametrize("backend", BACKENDS)
SIGNALS = {"segfault": signal.SIGSEGV, "kill": signal.SIGKILL, "abort": signal.SIGABRT}

# Items by behaviour, and the expected error.
RAISING = {
    "raise": ValueError,
    "sys.exit": SystemExit,
    "interrupt": KeyboardInterrupt,
    "refuses": pickle.PicklingError,
    "unpicklable": pickle.PicklingError,
    "lock": pickle.PicklingError,
    "bomb": pickle.PicklingError,
    "deep": RecursionError,
    "memory": MemoryError,
    "blank": RuntimeError,
}


@pytest.mark.parametrize("item", RAISING)
@pytest.mark.parametrize("chunksize", ["auto", 1, 40])
def test_an_item_that_raises_an_error(item: str, chunksize: object) -> None:
    items = [*range(15), item, *range(16, 40)]
    job = parallel.map(mapped.misbehave, items, on_error="return", chunksize=chunksize)
    results = job.result(60)
    error = results[15]
    assert isinstance(error, ItemError)
    assert error.index == 15
    assert isinstance(error.exception, RAISING[item])
    assert error.__cause__ is error.exception
    assert str(error).startswith(f"item 15: {RAISING[item].__name__}")
    assert results[:15] + results[16:] == items[:15] + items[16:]
    assert job.stats.failed == 1


@pytest.mark.parametrize("item", ["segfault", "kill", "abort", "exit", "close"])
@pytest.mark.parametrize("chunksize", ["auto", 1, 40])
def test_an_item_that_kills_its_worker(item: str, chunksize: object) -> None:
    items = [*range(15), item, *range(16, 40)]
    # A worker that has closed all descriptors counts as dead and is killed.
    results = parallel.map(mapped.misbehave, items, on_error="return", chunksize=chunksize).result(60)
    error = results[15]
    assert isinstance(error, WorkerDied)
    assert error.index == 15
    assert error.exitcode == -SIGNALS[item] if item in SIGNALS else error.exitcode in {3, -9}
    assert "item 15: its worker process died: " in str(error)
    if item in SIGNALS:
        assert SIGNALS[item].name in str(error)
    assert results[:15] + results[16:] == items[:15] + items[16:]


def test_several_items_that_kill_their_worker() -> None:
    items = ["segfault", 1, 2, "exit", 3, "exit", *range(200), "abort", "abort", 4]
    job = parallel.map(mapped.misbehave, items, on_error="return")
    results = job.result(60)
    for item, result in zip(items, results, strict=True):
        assert isinstance(result, WorkerDied) if isinstance(item, str) else result == item
    assert job.stats.by_error == {"WorkerDied": 5}
    assert [error.index for error in results if isinstance(error, WorkerDied)] == [0, 3, 5, 206, 207]


def test_all_items_kill_their_worker() -> None:
    errors = parallel.map(mapped.misbehave, ["exit"] * 12, on_error="return").result(60)
    assert [error.index for error in errors] == list(range(12))
    assert parallel.map(mapped.misbehave, ["exit"] * 5, on_error="skip").result(60) == []


def test_an_item_is_retried_once_after_sigkill(tmp_path) -> None:
    # SIGKILL may come from the kernel when memory is short, so the item is tried once more.
    items = [str(tmp_path / name) for name in "abc"]
    assert parallel.map(mapped.once, items).result(60) == ["alive"] * 3


@backends
def test_the_first_error_ends_the_call_and_keeps_results(backend: str) -> None:
    job = parallel.map(mapped.reciprocal, [1, 2, 0, 4] + [1] * 100, backend=backend, chunksize=1, workers=1)
    with pytest.raises(ItemError, match="item 2: ZeroDivisionError: division by zero") as caught:
        job.result(30)
    assert caught.value.index == 2
    assert caught.value.results[:3] == [1.0, 0.5, None]
    assert len(caught.value.results) == 104
    assert job.exception() is caught.value
    assert isinstance(caught.value, ParallelError)


@backends
def test_on_error(backend: str) -> None:
    items = [1, 0, 2, 0, 4]
    returned = parallel.map(mapped.reciprocal, items, backend=backend, on_error="return").result(30)
    assert [type(each) for each in returned] == [float, ItemError, float, ItemError, float]
    assert parallel.map(mapped.reciprocal, items, backend=backend, on_error="skip").result(30) == [1.0, 0.5, 0.25]
    unordered = parallel.map(mapped.reciprocal, items, backend=backend, on_error="skip", ordered=False).result(30)
    assert sorted(unordered) == [0.25, 0.5, 1.0]
    assert parallel.map(mapped.reciprocal, [0] * 20_000, backend=backend, on_error="skip").result(60) == []


def test_a_dead_worker_ends_a_call_that_raises() -> None:
    with pytest.raises(WorkerDied, match=r"item 3: .*exit code 3") as caught:
        parallel.map(mapped.misbehave, [0, 1, 2, "exit"], chunksize=1, workers=1).result(30)
    assert caught.value.results == [0, 1, 2, None]


@backends
def test_the_traceback_is_the_items(backend: str) -> None:
    (error,) = parallel.map(mapped.misbehave, ["raise"], backend=backend, on_error="return").result(30)
    assert error.traceback_text.startswith("Traceback (most recent call last):\n")
    assert 'throw(ValueError("bad item"))' in error.traceback_text
    assert "_map" not in error.traceback_text
    assert error.traceback_text.endswith("ValueError: bad item\n")
    shown = "".join(traceback.format_exception(error))
    assert 'throw(ValueError("bad item"))' in shown
    assert "item 0: ValueError: bad item" in shown


@pytest.mark.parametrize(("item", "words"), [("refuses", "RefusesError('1 and 2')"), ("unpicklable", "has a lock")])
def test_an_exception_that_cannot_be_sent_becomes_a_message(item: str, words: str) -> None:
    (error,) = parallel.map(mapped.misbehave, [item], on_error="return").result(30)
    assert words in str(error.exception)
    assert "cannot be sent back" in str(error.exception)
    assert "Traceback" in error.traceback_text


def test_the_error_shows_a_result_that_cannot_be_sent() -> None:
    with pytest.raises(ItemError, match=r"item 1: PicklingError: the result <unlocked _thread.lock .*> cannot be sent"):
        parallel.map(mapped.misbehave, [0, "lock"]).result(30)


def test_a_result_that_cannot_be_unpickled() -> None:
    results = parallel.map(mapped.misbehave, [0, "bomb", 2], on_error="return", chunksize=3).result(30)
    assert (results[0], results[2]) == (0, 2)
    assert "cannot be unpickled: LookupError" in str(results[1])


def test_an_item_that_cannot_be_sent() -> None:
    items = [1, threading.Lock(), 2, (i for i in []), 3]
    for chunksize in ("auto", 5):
        results = parallel.map(mapped.ident, items, on_error="return", chunksize=chunksize).result(30)
        assert results[::2] == [1, 2, 3]
        assert "item 1: PicklingError: the item <unlocked _thread.lock" in str(results[1])
        assert "item 3: PicklingError: the item <generator" in str(results[3])
        assert "cannot pickle" in results[1].traceback_text


@pytest.mark.parametrize("chunksize", ["auto", 1, 20])
def test_an_item_that_cannot_be_unpickled(chunksize: object) -> None:
    items = [0, 1, mapped.Bomb(), *range(3, 20)]
    results = parallel.map(mapped.ident, items, on_error="return", chunksize=chunksize).result(30)
    assert isinstance(results[2].exception, LookupError)
    assert results[:2] + results[3:] == items[:2] + items[3:]


def test_an_item_that_kills_its_worker_while_it_is_unpickled() -> None:
    items = [0, 1, mapped.Bomb("die"), *range(3, 20)]
    results = parallel.map(mapped.ident, items, on_error="return", chunksize=20).result(30)
    assert isinstance(results[2], WorkerDied)
    assert results[:2] + results[3:] == items[:2] + items[3:]


@pytest.mark.parametrize("chunksize", ["auto", 20])
@pytest.mark.parametrize("hangs", ["hang", mapped.Bomb("hang")], ids=["in fn", "unpickling"])
def test_an_item_that_hangs(hangs: object, chunksize: object) -> None:
    items = [*range(5), hangs, *range(6, 30)]
    start = time.monotonic()
    results = parallel.map(mapped.misbehave, items, timeout=0.5, on_error="return", chunksize=chunksize).result(30)
    assert time.monotonic() - start < 10
    assert isinstance(results[5], ItemError)
    assert isinstance(results[5].exception, TimeoutError)
    assert "not done within 0.5 s" in str(results[5])
    assert results[:5] + results[6:] == items[:5] + items[6:]


def test_the_timeout_is_per_item() -> None:
    assert parallel.map(mapped.spin, [0.1] * 20, timeout=5, workers=2, chunksize=20).result(30) == [0.1] * 20
    with pytest.raises(ItemError, match="item 1: TimeoutError") as caught:
        parallel.map(time.sleep, [0, 30], timeout=0.1, workers=1, chunksize=1).result(30)
    assert caught.value.results == [None, None]


def test_a_hanging_item_does_not_delay_others() -> None:
    # All items are in one chunk: other workers take over the items behind the hanging one.
    job = parallel.map(mapped.misbehave, [0, "hang", *range(2, 50)], chunksize=50, workers=2)
    assert wait_until(lambda: job.stats.total == 49, 20)
    start = time.monotonic()
    assert job.cancel()
    with pytest.raises(CancelledError) as caught:
        job.result()
    assert time.monotonic() - start < 0.2
    assert caught.value.results == [0, None, *range(2, 50)]
    assert parallel.map(mapped.square, range(5)).result(30) == [0, 1, 4, 9, 16]


def test_slow_items_of_one_chunk_are_shared_between_workers() -> None:
    results = parallel.map(mapped.pid, range(2), chunksize=2, workers=2).result(30)
    assert len(results) == 2
    done = parallel.map(time.sleep, [0.3] * 6, backend="processes", chunksize=6, workers=3)
    start = time.monotonic()
    done.result(30)
    assert time.monotonic() - start < 1.7


def test_a_worker_killed_from_outside() -> None:
    job = parallel.map(mapped.pid, range(600), backend="processes", workers=2)
    assert wait_until(lambda: job.stats.total > 10, 20)
    from shoal._map.worker_pool import worker_pool

    for worker in list(worker_pool()._all)[:1]:
        os.kill(worker.pid, signal.SIGKILL)
    assert len(job.result(60)) == 600


def test_an_idle_worker_killed_from_outside() -> None:
    parallel.map(mapped.pid, range(20), backend="processes").result(30)
    from shoal._map.worker_pool import worker_pool

    for worker in list(worker_pool()._all):
        os.kill(worker.pid, signal.SIGKILL)
    assert parallel.map(mapped.square, range(5), backend="processes").result(30) == [0, 1, 4, 9, 16]


def test_huge_results_and_arguments() -> None:
    big = bytes(200 << 20)
    assert parallel.map(len, [big, big], backend="processes", workers=2).result(60) == [200 << 20] * 2
    (made,) = parallel.map(bytes, [150 << 20], backend="processes").result(60)
    assert len(made) == 150 << 20
    texts = parallel.map(lambda n: ["x" * 1000] * n, [2000, 1, 3000], backend="processes").result(60)
    assert [len(text) for text in texts] == [2000, 1, 3000]


def test_printed_output_of_workers_is_kept(python) -> None:
    done = python(
        """
        from shoal import parallel
        parallel.map(print, ["one", "two"], backend="processes").result(30)
        """
    )
    assert (sorted(done.stdout.split()), done.stderr) == (["one", "two"], "")


def test_standard_input_is_empty() -> None:
    assert parallel.map(lambda _: sys.stdin.read(), [0]).result(30) == [""]


def _write_to_sockets(data: bytes) -> None:
    for path in list(Path("/proc/self/fd").iterdir()):
        try:
            if str(path.readlink()).startswith("socket:"):
                os.write(int(path.name), data)
        except OSError:
            continue


GARBAGE = {
    "short": b"x",
    "zeros": bytes(50),
    "a huge length": b"shl\xa7" + b"\xff" * 20,
    "a wrong checksum": b"shl\xa7" + b"\5\0\0\0" + b"abcdefghijklm",
    "much": b"\xff" * 70_000,
}


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("chunksize", [1, 9])
def test_an_item_that_writes_to_its_result_channel(garbage: str, chunksize: int) -> None:
    data, write = GARBAGE[garbage], _write_to_sockets

    def writing(number: int) -> int:
        if number == 2:
            write(data)
        return number

    results = parallel.map(writing, range(9), chunksize=chunksize, on_error="return").result(60)
    assert results[:2] + results[3:] == [0, 1, 3, 4, 5, 6, 7, 8]
    assert isinstance(results[2], WorkerDied)
    assert "other data was written to its result channel" in str(results[2])
    assert parallel.map(mapped.square, range(5), backend="processes").result(30) == [0, 1, 4, 9, 16]


def test_an_item_that_closes_its_result_channel() -> None:
    results = parallel.map(mapped.misbehave, [0, "close", 2], on_error="return").result(30)
    assert (results[0], results[2]) == (0, 2)
    assert "it closed its result channel" in str(results[1])


def test_cancel_kills_a_stopped_worker() -> None:
    def stop(number: int) -> int:
        if number == 2:
            os.kill(os.getpid(), signal.SIGSTOP)
        return number

    job = parallel.map(stop, range(9), backend="processes", chunksize=1)
    assert wait_until(lambda: job.stats.total >= 2, 20)
    assert job.cancel()
    assert parallel.map(mapped.square, range(5), backend="processes").result(30) == [0, 1, 4, 9, 16]
    results = parallel.map(stop, range(9), timeout=0.5, on_error="return").result(30)
    assert isinstance(results[2].exception, TimeoutError)
    assert results[:2] + results[3:] == [0, 1, 3, 4, 5, 6, 7, 8]


def test_items_and_results_too_large_for_a_workers_memory() -> None:
    def limited(number: int) -> object:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))
        return bytes(number << 20) if number else "small"

    results = parallel.map(limited, [0, 300, 1, 250, 0, 900], backend="processes", workers=1, on_error="return")
    kinds = [type(result).__name__ for result in results.result(60)]
    assert kinds == ["str", "ItemError", "bytes", "ItemError", "str", "ItemError"]
    for error in results.result()[1::2]:
        assert isinstance(error.exception, MemoryError)


def test_large_errors() -> None:
    def fail(_: int) -> None:
        raise ValueError("x" * 2_000_000)

    errors = parallel.map(fail, range(20), backend="processes", chunksize=20, on_error="return").result(60)
    assert all(len(str(error)) > 2_000_000 for error in errors)


def test_errors_can_be_pickled_and_copied() -> None:
    error = ItemError(3, ValueError("bad"), traceback_text="Traceback", results=[1, None])
    died = WorkerDied(4, -9, results=[2])
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert (again.index, str(again), again.traceback_text) == (3, "item 3: ValueError: bad", "Traceback")
        assert again.results == [1, None]
        assert isinstance(again.exception, ValueError)
        assert isinstance(again.__cause__, ValueError)
    for other in (pickle.loads(pickle.dumps(died)), copy.copy(died)):
        assert (other.index, other.exitcode, other.results, str(other)) == (4, -9, [2], str(died))
    assert "SIGKILL" in str(died)
    assert "memory" in str(died)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ItemError(0, ValueError()), "item 0: ValueError"),
        (WorkerDied(1), "item 1: its worker process died: unknown exit code"),
        (WorkerDied(1, 7), "item 1: its worker process died: exit code 7"),
        (WorkerDied(1, -99), "item 1: its worker process died: signal 99 (unknown)"),
        (ParallelError(""), "ParallelError"),
    ],
)
def test_error_messages(error: ParallelError, words: str) -> None:
    assert str(error) == words
