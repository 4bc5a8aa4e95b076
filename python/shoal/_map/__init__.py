"""`parallel.map`: a Python function over many items, on all cores.

`__init__` checks the arguments and starts a thread that coordinates the call; `auto` chooses where it runs, `local` is
this process, `processes` the worker processes with all that may happen to them. The Job's own end is `_Promise`, in
Rust.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from shoal import _native, _progress, _shoal
from shoal._map import auto, cores
from shoal._map.board import Board, Ledger
from shoal._map.call import BACKENDS, ON_ERROR, Call, checked_fn, choice, chunk, count, flag, seconds
from shoal._map.failure import lacking
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

# A callable that is larger is sent to every worker of every call: most likely it has data in it that belongs into
# items.
_HEAVY = 1_000_000


@overload
def map(  # noqa: A001 - the name of what it does everywhere
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
def map(  # noqa: A001 - the name of what it does everywhere
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
def map(  # noqa: A001 - the name of what it does everywhere
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
    cell; it may be a lambda or have a closure. Whatever an item does, it neither harms this process nor the other
    items: an exception, `sys.exit`, a crash or a kill is that item's error (`on_error`), and the others are finished. A
    worker that dies takes unsent results of up to 50 ms with it; those items are run once more.

    Args:
        fn: called with one item.
        items: any iterable, also an endless one; it is read only a bounded way ahead, in a thread of its own unless it
            is a plain container.
        backend: "processes": worker processes, started at first use and kept for a minute. Never a fork. Arguments and
            results are pickled (cloudpickle); large bytes, NumPy arrays and Arrow data go through shared memory and
            arrive as ordinary objects, arrays writable if they were. "threads": threads of this process, for functions
            that release the GIL, and for free-threaded Python. "serial": one thread, in order. "auto" (the default):
            worker processes, or threads on free-threaded Python; only items that take less than sending them would, of
            a function known to be harmless (builtins such as `len`, and code without loops made of those), run in this
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
        progress: True for a tqdm bar, or a callable that is given `(done, total)`; total is None as long as nobody
            knows it.

    Returns:
        Job: awaitable, or `.result()`; its result is the list. Cancelling it, or dropping it, ends the workers' items
        too; what raises then has `results`, with None in the places of items that were not finished.

    Raises:
        TypeError, ValueError: at the call: an argument is not what it should be, or `fn` cannot be pickled.
        ItemError: from the Job: an item raised; `index`, `exception` (also the cause) and `traceback_text` tell which
            and what, `results` has what was finished.
        WorkerDied: from the Job: an item took its worker process with it; with `index` and `results`, too.
        ParallelError: from the Job: the workers can't work at all.
        Exception: from the Job: whatever the iterable raises, after what it gave before was done; with `results`.
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
    board = Board(source.total, ordered=call.ordered, on_error=call.on_error)
    try:
        if auto.resolve(call) == "processes":
            call = _with_pickled(call)
        promise = _shoal._Promise("parallel.map", board.partial, source.total)  # noqa: SLF001 - ours
    except OSError as error:
        raise lacking("the call cannot be started", error) from error
    job = promise.job(reporter)
    ledger = Ledger(board, promise, call.on_error)
    try:
        _native.make_hub()
        _native.start_thread(_coordinate, "shoal-map", call, source, ledger)
    except BaseException:
        # The caller gets the error, and never had the job.
        job.cancel()
        raise
    return job


def _with_pickled(call: Call) -> Call:
    _native.load("shoal._map.processes")
    from shoal._map.parcel import dump  # noqa: PLC0415 - needs cloudpickle, which threads don't

    try:
        stream, buffers = dump([call.fn])
    except Exception as error:
        message = (
            f"fn cannot be pickled for worker processes ({type(error).__name__}: {error}); "
            "make what it needs inside of it, or use backend='threads'"
        )
        raise TypeError(message) from error
    size = len(stream) + sum(buffer.raw().nbytes for buffer in buffers)
    if size > _HEAVY:
        message = (
            f"fn is {size / 1e6:.1f} MB when pickled, and goes to every worker: "
            "pass the data that it closes over as items, or load it inside of the function"
        )
        warnings.warn(message, RuntimeWarning, stacklevel=3)
    return replace(call, pickled=(stream, buffers))


def _coordinate(call: Call, source: Source, ledger: Ledger) -> None:
    try:
        auto.run(call, source, ledger)
    except OSError as error:
        ledger.abort(lacking("the call cannot go on", error))
    except BaseException as error:  # noqa: BLE001 - whatever it is, somebody waits for the end
        ledger.abort(error)
    finally:
        source.close()
        ledger.promise.close()


map.__module__ = "shoal.parallel"
