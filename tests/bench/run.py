"""``make bench``, the HTTP side: the cost of a request in Shoal and other libraries, at the workloads W1 to W7.

There is one server process, and one client process per measurement. Rounds are interleaved so that noise affects all
clients; the median counts. Every result is checked. The report names libraries that are not installed or fail.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from fnmatch import fnmatchcase
from pathlib import Path

import report
from contenders import Entry, Result, entries_of
from expected import Expected, files_checksum
from plots import CHARTS
from plots import render as plot
from render import render
from report import HERE, ROOT
from serving import Server, build_examples, running_server, running_tls
from workloads import WORKLOADS

REPORT = ROOT / "docs" / "benchmarks.md"
# Files go to memory if possible: on a shared disk a file can cost ten times as much.
MEMORY = Path("/dev/shm")
CLIENT_TIMEOUT = 180.0


def measure(entry: Entry, server: Server, expected: Expected, folder: Path) -> None:
    """Runs one client process and records its result."""
    workload = entry.workload
    base = server.tls if workload.tls else server.plain
    client = (
        [str(server.floors), entry.library.name]
        if entry.library.pure_rust
        else [sys.executable, str(HERE / "clients" / f"{entry.library.name}_.py")]
    )
    sizes = [str(number) for number in (entry.n, workload.concurrency, workload.size)]
    command = [*client, entry.mode, workload.full_task, base + workload.path, *sizes, str(folder)]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=CLIENT_TIMEOUT,
            check=False,
            env={**os.environ, "SHOAL_BENCH_CA": server.authority},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        entry.failure = str(error)
        return
    if done.returncode:
        entry.failure = report.last_line(done.stderr) or f"exit code {done.returncode}"
        return
    answer = json.loads(done.stdout.splitlines()[-1])
    late = tuple(answer.get("late", ()))
    result = Result(answer["cpu"], answer["wall"], answer["peak_rss"], answer["growth"], late)
    if entry.library.idle:
        entry.results.append(result)
        return
    task = "bytes" if entry.library.pure_rust else workload.task
    checksum = files_checksum(folder, entry.n) if task == "files" else answer["checksum"]
    if answer["count"] != entry.n or checksum != expected.checksum(workload, task, entry.n):
        entry.failure = f"WRONG RESULT: {answer['count']} results, checksum {checksum}"
        return
    entry.results.append(result)


def run(entries: list[Entry], options: argparse.Namespace) -> None:
    """Runs all rounds."""
    floors, front, failure = build_examples(options.profile)
    with (
        tempfile.TemporaryDirectory(prefix="shoal-bench-", dir=MEMORY if MEMORY.is_dir() else None) as name,
        running_server(options.server) as plain,
    ):
        with running_tls(front, plain, Path(name)) as (tls, authority, no_tls):
            server = Server(plain, tls, authority, floors)
            for entry in entries:
                if entry.workload.tls and not tls:
                    entry.failure = no_tls
                if entry.library.pure_rust and failure:
                    entry.failure = failure
            expected = Expected(plain)
            for number in range(options.rounds):
                for entry in order(entries, number, options.rounds):
                    if not entry.failure:
                        report.progress(number, options.rounds, entry.label)
                        folder = Path(name, "out")
                        folder.mkdir()
                        measure(entry, server, expected, folder)
                        shutil.rmtree(folder)


def order(entries: list[Entry], number: int, rounds: int) -> list[Entry]:
    """The entries of a round by workload, rotated so that no entry always follows the same one."""
    ordered = []
    for workload in WORKLOADS:
        group = [entry for entry in entries if entry.workload is workload]
        start = number * len(group) // rounds
        ordered += group[start:] + group[:start]
    return ordered


def chosen(entry: Entry, patterns: list[str]) -> bool:
    """Whether ``--only`` selects it: by workload, library, or WORKLOAD/LIBRARY."""
    workload, library = entry.workload.key, entry.library.name
    names = (workload, library, f"{workload}/{library}", f"{workload}/{library} {entry.mode}")
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in names)


def write_plots(entries: list[Entry]) -> set[str]:
    """Writes the charts next to the report; returns their names."""
    written = set()
    for chart in CHARTS:
        picture = plot(chart, entries)
        if picture:
            (REPORT.parent / f"benchmarks-{chart.name}.svg").write_text(picture, encoding="utf-8")
            written.add(chart.name)
    return written


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="two rounds, fewer requests, and Shoal's nearest rivals only"
    )
    parser.add_argument("--rounds", type=int, help="default 3")
    parser.add_argument("--n", type=int, default=0, help="requests, instead of each workload's own number")
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="WHAT",
        help="workloads, libraries or WORKLOAD/LIBRARY, such as W1 pycurl 'W4*/shoal'",
    )
    parser.add_argument("--server", metavar="URL", help="a server that runs already, instead of starting one")
    parser.add_argument("--profile", default="release", help="cargo's, for the pure-Rust floors; default release")
    parser.add_argument("--write", action="store_true", help=f"also write {REPORT.relative_to(ROOT)} and its charts")
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 3)
    options.partial = bool(options.quick or options.only or options.n)
    if options.write and (options.partial or options.server or options.profile != "release"):
        parser.error("--write is for a whole release run: no --quick, --only, --n, --server or --profile")
    return options


def main() -> int:
    """Measures, prints, and returns the exit code: 1 if a result was wrong or Shoal itself failed."""
    options = parse_options()
    if sys.platform != "linux":
        raise SystemExit("memory is measured with Linux's /proc")
    # ``--only`` may select entries that a quick run leaves out.
    entries = entries_of(quick=options.quick, rivals=options.quick and not options.only, n=options.n)
    if options.only:
        entries = [entry for entry in entries if chosen(entry, options.only)]
    if not entries:
        raise SystemExit("--only leaves nothing to measure")
    load = os.getloadavg()[0]
    # For ten thousand connections at once; the server and the clients inherit the limit.
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    run(entries, options)
    for entry in entries:
        if entry.failure:
            entry.results.clear()
    charts = write_plots(entries) if options.write else set()
    text = render(entries, rounds=options.rounds, load=load, partial=options.partial, charts=charts)
    report.publish(text, REPORT if options.write else None)
    return int(any(entry.failure for entry in entries if entry.library.name == "shoal" or "WRONG" in entry.failure))


if __name__ == "__main__":
    sys.exit(main())
