"""`parallel.map`: a Python function over many items, on all cores.

`__init__` checks the arguments and starts a thread that runs the call. `auto` chooses the backend, `local` runs items
in this process, `processes` in worker processes. `_Promise`, in Rust, connects the call to its Job.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from shoal import _native, _progress, _shoal
from shoal._map import auto, cores
from shoal._map.call import BACKENDS, ON_ERROR, Call, checked_fn, choice, chunk, count, flag, seconds
from shoal._map.failure import out_of_resources
from shoal._map.result_collector import ResultCollector, ResultSink
from shoal._map.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from shoal import Job
    from shoal.exceptions import ItemError, WorkerDied

    Backend = Literal["auto", "processes", "threads", "serial"]
    ChunkSize = int | Literal["auto"]
    Progress = bool | Callable[[int, int | None], object] | None

__all__ = ["map"]

_T = TypeVar("_T")
_R = TypeVar("_R")

# Bytes of a pickled function above which a warning says that its data should be passed as items.
_LARGE_FUNCTION = 1_000_000


@overload
def map(  # noqa: A001 - the usual name
    fn: Callable[[_T], _R],
    items: Iterable[_T],
    *,
    backend: Backend = ...,
    workers: int | None = ...,
    chunksize: ChunkSize = ...,
    on_error: Literal["raise", "skip"] = ...,
    timeout: float | None = ...,
    ordered: bool = ...,
    progress: Progress = ...,
) -> Job[list[_R]]: ...
@overload
def map(  # noqa: A001 - the usual name
    fn: Callable[[_T], _R],
    items: Iterable[_T],
    *,
    backend: Backend = ...,
    workers: int | None = ...,
    chunksize: ChunkSize = ...,
    on_error: Literal["raise", "return", "skip"],
    timeout: float | None = ...,
    ordered: bool = ...,
    progress: Progress = ...,
) -> Job[list[_R | ItemError | WorkerDied]]: ...
def map(  # noqa: A001 - the usual name
    fn: Callable[[Any], Any],
    items: Iterable[Any],
    *,
    backend: str = "auto",
    workers: int | None = None,
    chunksize: int | str = "auto",
    on_error: str = "raise",
    timeout: float | None = None,
    ordered: bool = True,
    progress: Progress = False,
) -> Job[Any]:
    """Calls a Python function for every item, on all cores, and gives the results in the order of the items.

        squares = shoal.parallel.map(square, numbers).result()      # in a script or a thread
        squares = await shoal.parallel.map(square, numbers)         # in a coroutine or a notebook cell

    The function may be defined anywhere: in a module, a script (without `if __name__ == "__main__"`), a notebook's
    cell; it may be a lambda or have a closure. An item harms neither this process nor the other items: an exception,
    `sys.exit`, a crash or a kill is that item's error (`on_error`), and the others are finished. A worker that dies
    loses unsent results of up to 50 ms; those items are run again.

    Args:
        fn: called with one item.
        items: any iterable, also an endless one; it is read a bounded way ahead, in a thread of its own unless it is a
            plain container.
        backend: "processes": worker processes, started at first use and kept for a minute. Never a fork. Arguments and
            results are pickled (cloudpickle); large bytes, NumPy arrays and Arrow data go through shared memory and
            arrive as ordinary objects, arrays writable if they were. "threads": threads of this process, for functions
            that release the GIL, and for free-threaded Python. "serial": one thread, in order. "auto" (the default):
            worker processes, or threads on free-threaded Python; only items that take less than sending them would, of
            a function known to be safe (builtins such as `len`, and code without loops made of those), run in this
            process.
        workers: how many items run at a time at most (int, at least 1; all calls of a process share its worker
            processes, as many as the greatest of these numbers); None means as many as there are usable cores, or the
            environment variable `SHOAL_THREADS`.
        chunksize: items that go to a worker at a time (int, at least 1); "auto" finds by timing what takes 30 ms.
        on_error: "raise": the first error ends the call; "return": the error stands in the item's place; "skip": the
            item is left out.
        timeout: seconds one item may take; None for no limit. A worker that takes longer is killed, the item's error is
            an `ItemError` with a `TimeoutError`. Needs processes, and chooses them with "auto".
        ordered: results in the order of the items; False: as they are finished.
        progress: True for a tqdm bar, or a callable that is given `(done, total)`; total is None while unknown.

    Returns:
        Job: awaitable, or `.result()`; its result is the list. Cancelling or dropping it ends the workers' items too;
        the exception has `results`, with None in the places of unfinished items.

    Raises:
        TypeError, ValueError: at the call: an argument is invalid, or `fn` cannot be pickled.
        ItemError: from the Job: an item raised; it has `index`, `exception` (also the cause), `traceback_text` and
            `results`.
        WorkerDied: from the Job: an item ended its worker process; with `index` and `results`.
        ParallelError: from the Job: the workers can't work at all.
        Exception: from the Job: the error of the iterable, after its items were done; with `results`.
    """
    checked_fn(fn)
    backend = choice("backend", backend, BACKENDS)
    limit = seconds("timeout", timeout)
    if limit is not None and backend in {"threads", "serial"}:
        message = f"timeout needs processes, which can be ended; not backend={backend!r}"
        raise ValueError(message)
    call = Call(
        fn=fn,
        backend=backend,
        workers=cores.usable() if workers is None else count("workers", workers),
        chunksize=chunk(chunksize),
        on_error=choice("on_error", on_error, ON_ERROR),
        timeout=limit,
        ordered=flag("ordered", ordered),
        pickled=None,
    )
    reporter = _progress.reporter(progress, "item")
    try:
        source = Source(items)
    except TypeError as error:
        message = f"items must be an iterable, not {type(items).__name__}"
        raise TypeError(message) from error
    collector = ResultCollector(source.total, ordered=call.ordered, on_error=call.on_error)
    try:
        if auto.resolve(call) == "processes":
            call = _with_pickled(call)
        promise = _shoal._Promise("parallel.map", collector.partial, source.total)  # noqa: SLF001 - our own module
    except OSError as error:
        raise out_of_resources("the call cannot be started", error) from error
    job = promise.job(reporter)
    sink = ResultSink(collector, promise, call.on_error)
    try:
        _native.make_hub()
        _native.start_thread(_run, "shoal-map", call, source, sink)
    except BaseException:
        # The caller gets the error instead of the job.
        job.cancel()
        raise
    return job


def _with_pickled(call: Call) -> Call:
    _native.load("shoal._map.processes")
    from shoal._map.payload import dump  # noqa: PLC0415 - needs cloudpickle, which threads don't

    try:
        stream, buffers = dump([call.fn])
    except Exception as error:
        message = (
            f"fn cannot be pickled for worker processes ({type(error).__name__}: {error}); "
            "make what it needs inside of it, or use backend='threads'"
        )
        raise TypeError(message) from error
    size = len(stream) + sum(buffer.raw().nbytes for buffer in buffers)
    if size > _LARGE_FUNCTION:
        message = (
            f"fn is {size / 1e6:.1f} MB when pickled, and goes to every worker: "
            "pass the data that it closes over as items, or load it inside of the function"
        )
        warnings.warn(message, RuntimeWarning, stacklevel=3)
    return replace(call, pickled=(stream, buffers))


def _run(call: Call, source: Source, sink: ResultSink) -> None:
    try:
        auto.run(call, source, sink)
    except OSError as error:
        sink.abort(out_of_resources("the call cannot go on", error))
    except BaseException as error:  # noqa: BLE001 - reported as the error of the call
        sink.abort(error)
    finally:
        source.close()
        sink.promise.close()


map.__module__ = "shoal.parallel"
