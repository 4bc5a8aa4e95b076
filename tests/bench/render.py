"""The report of the HTTP side in Markdown."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator, Sequence

import report
from contenders import LIBRARIES, Entry
from plots import CHARTS, figure
from targets import goal_rows, obstacles
from workloads import WORKLOADS, Workload

HEAD = """\
# Benchmarks

Written by `make bench`, not by hand. The kernels of `shoal.parallel` have
[a separate report](benchmarks-parallel.md).

The number to compare is the **CPU time of the client per request**: it is the cost of a client, and hardly depends on
the speed of the server or the network.

## Goals
"""

METHOD = """\
## Method

- CPU is user plus system time of the whole client process with all its threads, from the creation of the client to the
  last result. Importing, checking and exiting are not counted. Wall time includes the server, which shares the {cores}
  cores.
- Memory: the peak is that of the process since the start of the clock. "Above" is its growth, less the bodies that the
  caller asked for (with W2 and files: none). One in fifty of W2's objects is kept for comparison: if all were kept,
  Python's garbage collector would add the same time to every client, more than the request itself costs.
- A ticker on the event loop sleeps for 5 ms in a loop; its lateness is the time beyond that. The percentiles are over
  the ticks of all rounds. A blocked loop has only one tick in that time, so compare the maximum, too.
- Every URL is different, and every JSON body has the number of its request. Where calls are awaited one by one, there
  are as many tasks as requests in flight, and each takes the next URL: the cheapest way in every library.
- One server process (`python -m shoal serve`, behind a relay for TLS), one process per measurement, interleaved rounds
  ({rounds} here); medians, with minimum and maximum in brackets. Clients have their default settings, except for a
  connection per request in flight, and no limits that the workload would reach.
- Each library is used in the fastest way that its documentation shows. JSON is parsed with orjson unless the library
  has something faster. Files are written by the caller unless the library does it, large ones as the pieces arrive, to
  an in-memory file system, because the load of a disk would hide the cost of a client.
- Every result is checked: the checksum of all bodies, objects or files, in order, must equal that of the standard
  library's client. A status other than 200 fails the measurement.
- Numbers with * are scaled from fewer requests (in brackets behind the client), because all would take minutes.

{footer}
"""

PACKAGES = (
    "shoal", "aiohttp", "aiofiles", "curl_cffi", "daft", "httpx", "niquests", "orjson", "pycurl", "pyreqwest",
    "requests", "ry", "uvloop", "wreq",
)  # fmt: skip
CRATES = ("reqwest", "hyper", "tokio", "httparse", "rustls")


def render(entries: Sequence[Entry], *, rounds: int, load: float, partial: bool, charts: set[str]) -> str:
    """Renders the report; ``charts`` are the available charts."""
    lines = [HEAD]
    lines += report.goals_table(goal_rows(entries, partial=partial), "bound")
    lines += obstacles(entries)
    lines += report.missing((entry.label, entry.failure) for entry in entries if entry.failure)
    for workload in WORKLOADS:
        rows = sorted(
            (entry for entry in entries if entry.workload is workload and entry.results),
            key=lambda entry: entry.median("cpu"),
        )
        if rows and not workload.each:
            lines += _section(workload, rows, charts)
    lines += _scale([entry for entry in entries if entry.workload.each and entry.results])
    if not partial:
        lines += _left_out()
    versions = [*report.versions_of(PACKAGES), *(text for name in CRATES for text in report.crate_version(name))]
    lines.append(METHOD.format(cores=os.cpu_count(), rounds=rounds, footer=report.footer(load, versions)))
    return "\n".join(lines)


def _section(workload: Workload, rows: Sequence[Entry], charts: set[str]) -> Iterator[str]:
    yield from (f"## {workload.key}: {workload.title}", "")
    if workload.note:
        yield from (workload.note, "")
    for chart in CHARTS:
        if chart.panels[0].workload == workload.key and chart.name in charts:
            yield from (f"![{chart.alt}](benchmarks-{chart.name}.svg)", "")
    heads = [
        *(
            "client",
            "call",
            "loop",
            f"CPU {workload.unit_name}/request",
            "÷ Shoal's",
            "wall s",
            "peak MB",
            "above, MiB",
        ),
        *(("KiB/request",) if workload.key == "W7" else ()),
        *(("late ms: p50", "p99", "most") if workload.tick else ()),
    ]
    yield f"| {' | '.join(heads)} |"
    yield f"|---|---|---|{'--:|' * (len(heads) - 3)}"
    ours = next((entry for entry in rows if entry.library.name == "shoal"), None)
    for entry in rows:
        yield f"| {' | '.join(_cells(entry, ours))} |"
    yield ""


def _scale(rows: Sequence[Entry]) -> Iterator[str]:
    if not rows:
        return
    yield from ("## Scale: from 100 requests to a million", "")
    least = min(rows, key=lambda entry: entry.workload.each).workload
    yield (
        f"Small bodies, {least.concurrency} in flight, on connections that are opened before the clock starts. A run "
        f"makes {least.n:,} requests or one call. The list keeps all responses; of the stream none is kept."
    )
    yield ""
    yield "| requests | call | CPU µs/request | wall µs/request | peak MB | above, bytes/request |"
    yield "|--:|---|--:|--:|--:|--:|"
    for entry in sorted(rows, key=lambda entry: (entry.style.name, entry.workload.each)):
        wall, grown = entry.median("wall") / entry.n * 1e6, entry.median("above") * (1 << 20) / entry.n
        cells = (
            f"{entry.workload.each:,}",
            entry.style.call,
            _cpu(entry),
            figure(wall),
            f"{entry.median('peak'):.0f}",
            f"{grown:,.0f}",
        )
        yield f"| {' | '.join(cells)} |"
    yield ""


def _cpu(entry: Entry) -> str:
    """CPU time per request, with minimum and maximum."""
    cpus = [result.cpu / entry.n / entry.workload.unit for result in entry.results]
    spread = f" ({figure(min(cpus))}–{figure(max(cpus))})" if len(cpus) > 1 else ""
    return f"{figure(statistics.median(cpus))}{'*' if entry.sampled else ''}{spread}"


def _cells(entry: Entry, ours: Entry | None) -> Iterator[str]:
    star = "*" if entry.sampled else ""
    name = f"**{entry.library.name}**" if entry.library.name == "shoal" else entry.library.name
    yield f"{name} ({entry.n:,})" if star else name
    yield entry.style.call
    yield entry.loop or "–"
    yield "–" if entry.library.idle else _cpu(entry)
    yield f"{entry.median('cpu') / ours.median('cpu'):.2f}" if ours and not entry.library.idle else "–"
    yield f"{entry.median('wall'):.2f}{star}"
    yield f"{entry.median('peak'):.0f}{star}"
    yield "–" if entry.library.idle else f"{entry.median('above'):.0f}{star}"
    if entry.workload.key == "W7":
        yield f"{entry.median('each'):.0f}"
    if entry.workload.tick:
        for measure in ("p50", "p99", "most"):
            yield f"{entry.median(measure):.1f}" if entry.loop else "–"


def _left_out() -> Iterator[str]:
    yield from ("## Left out", "")
    for library in (library for library in LIBRARIES if not library.idle):
        for keys, reason in library.skips:
            yield f"- {library.name} at {', '.join(keys.split())}: {reason}."
    yield ""
