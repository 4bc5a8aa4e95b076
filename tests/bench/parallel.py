"""``make bench``: the kernels of ``shoal.parallel`` and ``parallel.map``, compared with other libraries.

Each measurement is one process. Rounds are interleaved so that noise affects all contenders; the median counts. Every
result is checked. The report names libraries that are not installed or fail.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import documents
import report
from goals import GOALS, LATE, TIE, Goal
from kernels import KERNELS
from kernels.common import Contender, Kernel
from kernels.map import calibrate
from report import HERE, ROOT

REPORT = ROOT / "docs" / "benchmarks-parallel.md"
GROUPS = ("Text", "HTML", "JSON", "Bytes", "`parallel.map`")
DOCUMENTS = 2_000
TIMEOUT = 60.0
# Seconds for which a measurement repeats fast work, and for which the ticker runs.
SECONDS = 0.3
STALL_SECONDS = 1.5

HEAD = """\
# Benchmarks of `shoal.parallel`

Written by `make bench`, not by hand.

{n:,} documents of some 20 KB: plain texts with names, dates and addresses; HTML pages (articles, listings, tables) with
scripts and menus; JSON records of a statistics service. Shoal works on all {cores} cores, libraries on the one thread
that their caller has.
"""

COLUMNS = """\
## {group}

| work | library | call | cores | µs/{unit} | CPU µs | MB/s | time ÷ Shoal's | {unit}s | result |
|---|---|---|--:|--:|--:|--:|--:|--:|---|"""

STALLS = """\
## Lateness of an event loop during the work

A task on the loop sleeps {tick:.0f} ms in a loop while another awaits the work over all documents.

| work | call | late at p99, ms | at most, ms | ticks | |
|---|---|--:|--:|--:|---|"""

METHOD = """\
## Method

- Time is wall time from the call to the result as Python objects (`json_rows`: as a pyarrow table, without a copy).
  Reading the documents, importing, compiling patterns and selectors, making compressors, starting threads, a warm-up
  with some documents, and checking are not counted. Work of less than {seconds} s is repeated in the process, and the
  median is taken. CPU is user plus system time of the process.
- One process per measurement, interleaved rounds ({rounds} here); medians, with minimum and maximum in brackets.
- All libraries get the same documents, as `str` (texts, pages) or `bytes` (records, and pages to hash and compress). A
  slow library gets only the first of them, as many as the table says; times are per {unit}, so they can be compared.
- Libraries are used as usual: a loop over the documents, with patterns, parsers and contexts made once where possible.
  `datasketch` is given the shingles that Shoal makes itself, five words each; making them counts for both.
- "time ÷ Shoal's" above 1 means that Shoal takes less time.
- Results are compared value by value and type by type where libraries have the same semantics ("equal" to "the
  measure"). Markdown, articles and text must have the sentences that the pages were made of, and no script or style.
  Compressed documents must decompress with the standard library or the format's own library. MinHash estimates are
  compared with exact Jaccard indices, and the duplicates that `dedupe` finds with those that were made.
- XXH3 moves at the speed of memory: with 25 GB a second on one thread the documents came from the processor's last
  cache, with 10 from beyond it, which is up to what else runs there. The first leaves a second thread little to win: a
  bare loop in Rust takes 1.3 ms on one thread and 0.7 on two, and taking 2,000 objects and making 2,000 strings 0.2 ms
  with the GIL.
- `parallel.map`: functions of a module; pools of a process per core, warm before the clock starts. Each process tries
  some chunk sizes on a quarter of the items first and takes the fastest; the table names those of the rounds. 1 ms and
  5 µs are what the function takes when nothing else runs; megabytes go in as arguments, each different, and the
  function looks at every byte (`bytes.count`, `array.sum`).
- The ticker: some {stall_seconds} s of work in each round. p99 is the median of the rounds, "at most" the worst of all.
  Taking the call, waking the loop and making Python's objects of the results are part of it; letting go of them is not.

{footer}
"""


@dataclass
class Entry:
    """A contender at a kernel, or the ticker during its work (``mode``)."""

    kernel: Kernel
    contender: Contender
    mode: str = "time"
    results: list[dict[str, Any]] = field(default_factory=list)
    failure: str = ""
    verdict: str = ""

    @property
    def label(self) -> str:
        """The name in the report."""
        kind = "" if self.mode == "time" else f" ({self.mode.replace('-', ', ')})"
        return f"{self.kernel.key.replace(':', ', ')}: {self.contender.label}{kind}"

    @property
    def times(self) -> list[float]:
        """Microseconds per item, for each round."""
        return [result["wall"] / result["count"] * 1e6 for result in self.results]

    @property
    def time(self) -> float:
        """The median in microseconds per item."""
        return statistics.median(self.times)

    def median(self, what: str) -> float:
        """The median of a measure over the rounds."""
        return float(statistics.median(result[what] for result in self.results))


def entries_of(kernels: Sequence[Kernel]) -> list[Entry]:
    """All contenders by kernel, in the order of the report."""
    entries = []
    for kernel in sorted(kernels, key=lambda kernel: GROUPS.index(kernel.group)):
        entries += [Entry(kernel, contender) for contender in kernel.contenders.values()]
    for kernel in sorted(kernels, key=lambda kernel: GROUPS.index(kernel.group)):
        if kernel.stall:
            entries.append(Entry(kernel, kernel.contenders["shoal"], "stall"))
        if kernel.key == "regex_findall:e-mails":
            contrasts = ("stall-inline", "stall-thread", "stall-idle")
            entries += [Entry(kernel, kernel.contenders["re"], mode) for mode in contrasts]
    return entries


def measure(entry: Entry, folder: Path, options: argparse.Namespace) -> None:
    """Runs one process and records its result."""
    seconds = 0.0 if options.quick else SECONDS if entry.mode == "time" else STALL_SECONDS
    script = str(HERE / "measure.py")
    work = (entry.mode, entry.kernel.key, entry.contender.label, str(folder), str(options.n), str(seconds))
    try:
        done = subprocess.run(
            [sys.executable, script, *work], capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        entry.failure = f"not done after {TIMEOUT:.0f} s"
        return
    if done.returncode:
        entry.failure = report.last_line(done.stderr) or f"exit code {done.returncode}"
        return
    result = json.loads(done.stdout.splitlines()[-1])
    if result.get("wrong"):
        entry.failure = f"WRONG RESULT: {result['wrong']}"
        return
    entry.results.append(result)


def compare(entries: Sequence[Entry]) -> None:
    """Compares results that must be equal to those of the first peer that has any."""
    timed = [entry for entry in entries if entry.mode == "time" and entry.results]
    for entry in timed:
        peers = [
            other for other in timed if other.kernel is entry.kernel and not other.contender.ours and _digests(other)
        ]
        if entry.results[0]["note"]:
            entry.verdict = entry.results[0]["note"]
        elif not entry.contender.exact or not peers:
            entry.verdict = "not compared"
        elif peers[0] is entry:
            entry.verdict = "the measure"
        else:
            entry.verdict = _equal(entry, peers[0])


def _digests(entry: Entry) -> bool:
    return entry.contender.exact and bool(entry.results[0]["digests"])


def _equal(entry: Entry, reference: Entry) -> str:
    count = min(entry.results[0]["count"], reference.results[0]["count"])
    wanted = reference.results[0]["digests"][str(count)]
    if any(result["digests"][str(count)] != wanted for result in (*entry.results, *reference.results)):
        entry.failure = f"WRONG RESULT: not what {reference.contender.label} says, in the first {count:,}"
    return "equal"


def render(entries: Sequence[Entry], options: argparse.Namespace) -> str:
    """The report in Markdown."""
    lines = [HEAD.format(n=options.n, cores=os.cpu_count())]
    lines += report.goals_table(goal_rows(entries), "at least")
    lines += obstacles(entries)
    lines += report.missing((entry.label, entry.failure) for entry in entries if entry.failure)
    measured = [entry for entry in entries if entry.results]
    for group in GROUPS:
        rows = [entry for entry in measured if entry.mode == "time" and entry.kernel.group == group]
        if rows:
            lines += [COLUMNS.format(group=group, unit=rows[0].kernel.unit), *_rows(rows), ""]
    stalls = [entry for entry in measured if entry.mode != "time"]
    if stalls:
        lines += [STALLS.format(tick=5), *map(_stall_row, stalls), ""]
    libraries = {"shoal", "orjson", "numpy", "cloudpickle", *(entry.contender.library for entry in entries)}
    footer = report.footer(options.load, report.versions_of(sorted(libraries)))
    figures = {"rounds": options.rounds, "seconds": SECONDS, "stall_seconds": STALL_SECONDS}
    lines.append(METHOD.format(**figures, unit="document", footer=footer))
    return "\n".join(lines)


def _rows(entries: Sequence[Entry]) -> Iterator[str]:
    kernels = list(dict.fromkeys(entry.kernel.key for entry in entries))
    for entry in sorted(entries, key=lambda entry: (kernels.index(entry.kernel.key), entry.time)):
        ours = find(entries, entry.kernel.key, "shoal")
        label = f"**{entry.contender.label}**" if entry.contender.ours else entry.contender.label
        size, cpu = entry.median("size") / entry.median("count"), entry.median("cpu") / entry.median("count") * 1e6
        cells = (
            _name(entry.kernel),
            label,
            entry.contender.call.format(_choices(entry)) if entry.contender.choices else entry.contender.call,
            str(entry.contender.threads or "all"),
            f"{figure(entry.time)} ({figure(min(entry.times))}–{figure(max(entry.times))})",
            # Without the time of worker processes.
            "–" if entry.kernel.name == "map" else figure(cpu),
            figure(size / entry.time) if size else "–",
            f"{entry.time / ours.time:.2f}" if ours else "–",
            f"{entry.median('count'):,.0f}",
            entry.verdict,
        )
        yield f"| {' | '.join(cells)} |"


def _choices(entry: Entry) -> str:
    return " or ".join(dict.fromkeys(str(result["choice"]) for result in entry.results))


def _stall_row(entry: Entry) -> str:
    call = entry.contender.call
    work, how = {
        "stall": (_name(entry.kernel), call),
        "stall-inline": (_name(entry.kernel), f"{call} of `re` in the coroutine"),
        "stall-thread": (_name(entry.kernel), f"{call} of `re` in `asyncio.to_thread`"),
        "stall-idle": ("nothing", "`asyncio.sleep`: what the machine does by itself"),
    }[entry.mode]
    p99 = entry.median("p99") * 1e3
    goal = ("reached" if p99 <= LATE else "**missed**") if is_kernel(entry) else "–"
    most = max(result["most"] for result in entry.results) * 1e3
    ticks = sum(result["ticks"] for result in entry.results)
    return f"| {work} | {how} | {p99:.1f} | {most:.1f} | {ticks:,} | {goal} |"


def _name(kernel: Kernel) -> str:
    return f"`{kernel.name}`, {kernel.case}" if kernel.case else f"`{kernel.name}`"


def figure(value: float) -> str:
    """A number with three significant digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def is_kernel(entry: Entry) -> bool:
    """Whether the ticker's goal applies to it."""
    return entry.mode == "stall" and entry.kernel.name != "map"


def goal_rows(entries: Sequence[Entry]) -> Iterator[tuple[str, str, str, bool | None]]:
    """The goals and whether this run reaches them."""
    known = {entry.kernel.key for entry in entries}
    for goal in GOALS:
        if goal.kernel in known:
            yield _goal_row(goal, entries)
    tickers = [entry for entry in entries if is_kernel(entry)]
    if tickers:
        late = [entry.median("p99") * 1e3 for entry in tickers if entry.results]
        # A single delay misses it; to reach it, all must be measured.
        reached = False if late and max(late) > LATE else True if len(late) == len(tickers) else None
        text = "a 5 ms ticker while a kernel works: late at p99, ms, the worst of all kernels"
        yield text, f"at most {LATE:.0f}", f"{max(late):.1f}" if late else "–", reached


def obstacles(entries: Sequence[Entry]) -> Iterator[str]:
    """The reasons of the missed goals, a paragraph each."""
    for goal in GOALS:
        if goal.obstacle and _goal_row(goal, entries)[-1] is False:
            yield from report.obstacle([goal.kernel.replace(":", ", ")], goal.obstacle)


def _goal_row(goal: Goal, entries: Sequence[Entry]) -> tuple[str, str, str, bool | None]:
    bound = f"{goal.factor:.2f}" + (f" (− {TIE:.0%} for noise)" if goal.slack else "")
    ours = find(entries, goal.kernel, goal.ours)
    theirs = [entry for label in goal.theirs if (entry := find(entries, goal.kernel, label))]
    if not ours or not theirs:
        return goal.text, bound, "–", None
    ratio = min(entry.time for entry in theirs) / ours.time
    return goal.text, bound, f"{ratio:.2f}", ratio >= goal.factor * (1 - goal.slack)


def find(entries: Sequence[Entry], kernel: str, label: str) -> Entry | None:
    """The contender's times, if it has any."""
    return next(
        (
            entry
            for entry in entries
            if entry.mode == "time" and entry.results and (entry.kernel.key, entry.contender.label) == (kernel, label)
        ),
        None,
    )


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round of 200 documents")
    parser.add_argument("--rounds", type=int, help="default 3")
    parser.add_argument("--n", type=int, help=f"documents, default {DOCUMENTS:,}")
    parser.add_argument("--only", nargs="+", metavar="KERNEL", help="only these, such as regex_findall hash:md5 map")
    parser.add_argument("--no-stalls", action="store_true", help="times only, without the ticker")
    parser.add_argument("--write", action="store_true", help=f"also write {REPORT.relative_to(ROOT)}")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.n = options.n or (200 if options.quick else DOCUMENTS)
    if options.write and (options.quick or options.only or options.no_stalls or options.n != DOCUMENTS):
        parser.error("--write is for a whole run: no --quick, --only, --no-stalls or --n")
    known = {name for kernel in KERNELS for name in (kernel.name, kernel.key)}
    if options.only and not known.issuperset(options.only):
        parser.error(f"--only knows {', '.join(sorted(known))}")
    return options


def main() -> int:
    """Measures, prints, and returns the exit code: 1 if a result was wrong or Shoal itself failed."""
    options = parse_options()
    kernels = [kernel for kernel in KERNELS if not options.only or {kernel.name, kernel.key} & set(options.only)]
    entries = [entry for entry in entries_of(kernels) if entry.mode == "time" or not options.no_stalls]
    options.load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="shoal-bench-") as name:
        folder = Path(name)
        documents.write(folder, options.n)
        calibrate(folder)
        for number in range(options.rounds):
            # Each round starts at another contender, so that none always follows the same one.
            start = number * len(entries) // options.rounds
            for entry in entries[start:] + entries[:start]:
                if not entry.failure:
                    report.progress(number, options.rounds, entry.label)
                    measure(entry, folder, options)
    compare(entries)
    for entry in entries:
        if entry.failure:
            entry.results.clear()
    report.publish(render(entries, options), REPORT if options.write else None)
    return int(any(entry.failure for entry in entries if entry.contender.ours or "WRONG" in entry.failure))


if __name__ == "__main__":
    sys.exit(main())
