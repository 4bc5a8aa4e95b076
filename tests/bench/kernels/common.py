"""The common part of the kernels: contenders, calls, and checks of results."""

from __future__ import annotations

import hashlib
import marshal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import documents

KERNELS: list[Kernel] = []

Run = Callable[..., Any]
"""The measured call over all documents; for Shoal it starts the job."""


class Verdict(NamedTuple):
    """The outcome of a check."""

    digests: dict[int, str] = {}  # noqa: RUF012 - a default of a NamedTuple, never changed
    """Digests of the results of the first documents, by their number, where results must be equal."""
    note: str = ""
    """The note in the table."""
    wrong: str = ""
    """The error, if it is wrong."""


@dataclass
class Contender:
    """A library and its call."""

    library: str
    label: str
    call: str
    threads: int | None
    share: float
    exact: bool
    prepare: Callable[[], Run]
    after: Callable[[Any], Any]
    choices: tuple[Any, ...] = ()
    """Chunk sizes, of which the fastest on a part of the items is measured; an argument of ``call``."""

    @property
    def ours(self) -> bool:
        """Whether it returns a job."""
        return self.library == "shoal"

    def count(self, n: int) -> int:
        """The number of documents out of ``n``; fewer for a slow library."""
        return min(n, max(10, round(n * self.share)))

    def finish(self, outcome: Any) -> Any:
        """The result as a caller uses it."""
        return self.after(outcome.result() if self.ours else outcome)


@dataclass
class Kernel:
    """A kernel and its contenders."""

    group: str
    name: str
    case: str
    kind: str
    check: Callable[[Sequence[Any], Any, list[int]], Verdict]
    inputs: Callable[[list[Any]], list[Any]] = list
    """Makes documents from the data that were read."""
    size: Callable[[Any], int] = len
    unit: str = "document"
    per: float = 1.0
    """Items for each document of the run."""
    load: Callable[[Path, int], list[Any]] | None = None
    """Makes the items, if they are not documents."""
    stall: bool = True
    contenders: dict[str, Contender] = field(default_factory=dict)

    def __post_init__(self) -> None:
        KERNELS.append(self)

    @property
    def key(self) -> str:
        """Its name for the command line."""
        return f"{self.name}:{self.case}" if self.case else self.name

    def total(self, n: int) -> int:
        """Items in a run of ``n`` documents."""
        return max(10, round(n * self.per))

    def items(self, folder: Path, n: int) -> list[Any]:
        """The first ``n`` items as read."""
        return self.load(folder, n) if self.load else documents.read(folder, self.kind)[:n]

    def by(
        self,
        library: str,
        call: str,
        *,
        label: str = "",
        threads: int | None = 1,
        share: float = 1.0,
        exact: bool = True,
        after: Callable[[Any], Any] = lambda result: result,
        choices: tuple[Any, ...] = (),
    ) -> Callable[[Callable[[], Run]], Callable[[], Run]]:
        """Adds a contender: a function that imports and prepares everything, and returns the measured call.

        ``share`` is the share of the documents to process, if all of them would take too long. With ``exact=False`` the
        results differ, for a reason that ``call`` gives, and are not compared. ``after`` is a part of the work. With
        ``choices``, one of them is the second argument of the measured function.
        """
        if library == "shoal":
            threads = None if threads == 1 else threads

        def add(prepare: Callable[[], Run]) -> Callable[[], Run]:
            contender = Contender(library, label or library, call, threads, share, exact, prepare, after, choices)
            if contender.label in self.contenders:
                raise ValueError(f"{self.key} has two of {contender.label}")
            self.contenders[contender.label] = contender
            return prepare

        return add

    def ours(
        self,
        call: str,
        start: Callable[[Any, Sequence[Any]], Any],
        *,
        label: str = "",
        workers: int | None = None,
        after: Callable[[Any], Any] = lambda result: result,
    ) -> None:
        """Adds Shoal: ``start`` takes ``shoal.parallel`` and the documents."""

        def prepare() -> Run:
            from shoal import parallel

            return lambda docs: start(parallel, docs)

        self.by("shoal", call, label=label, after=after)(prepare)
        self.contenders[label or "shoal"].threads = workers


def equal(canonical: Callable[[Any], Any] = lambda result: result) -> Callable[..., Verdict]:
    """A check of results that must be equal in value and type.

    ``canonical`` makes of the whole result a sequence with an item for each document.
    """

    def check(items: Sequence[Any], result: Any, counts: list[int]) -> Verdict:
        results = canonical(result)
        if len(results) != len(items):
            return Verdict(wrong=f"{len(results)} results of {len(items)}")
        digests: dict[int, str] = {}
        state = hashlib.sha256()
        for number, value in enumerate(results, 1):
            # Version 2 has no references between values: equal values have equal bytes.
            state.update(marshal.dumps(value, 2))
            if number in counts:
                digests[number] = state.copy().hexdigest()
        return Verdict(digests)

    return check
