"""``make bench``: how much CPU a request costs, Shoal beside its peers.

One server process, one client process per measurement, rounds interleaved so that a noisy minute hits everyone, the
median of the rounds. Every body is checked. A library that is not installed, or fails, is named in the report.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import report
from report import HERE, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

REPORT = ROOT / "docs" / "benchmarks.md"
CLIENT_TIMEOUT = 600.0
LENGTH = 111
PATH = f"/json/{LENGTH}"

CALLS = {
    ("shoal", "batch"): "`gather_fetch(urls)`",
    ("shoal", "singles"): "`await client.get(url)`",
    ("aiohttp", "singles"): "`async with session.get(url)`",
    ("pyreqwest", "singles"): "`await client.get(url).build().send()`",
    ("wreq", "singles"): "`await client.get(url)`",
    ("pycurl", "batch"): "`CurlMulti`, socket actions over epoll",
    ("reqwest", "floor"): "pure Rust, one thread, no Python",
}

HEAD = """\
# Benchmarks

Written by `make bench`, not by hand.

## W1: {n:,} small bodies

{n:,} requests for 111 bytes of JSON each, HTTP/1.1 with keep-alive over loopback, {concurrency} in flight.

| client | call | loop | CPU µs/request | wall s | requests/s | peak MB | aiohttp's CPU ÷ this | this ÷ reqwest's CPU |
|---|---|---|--:|--:|--:|--:|--:|--:|"""

METHOD = """\
### Method

- CPU is user plus system time of the whole client process, its own threads included, from the moment the client is
  made to the moment the last body is in hand. Importing, checking and exiting are not counted. It is the figure to
  compare: wall time on a machine shared with the server also measures the server.
- Every URL and every body is different. Where calls are awaited one by one, as many tasks as requests are in flight
  each take the next URL: the cheapest way in every library.
- One server process (`python -m shoal serve`), one process per measurement, interleaved rounds ({rounds} here);
  medians, with the least and the most in brackets. Clients have their default settings, and room for a connection per
  request in flight.
- Every body is checked: a checksum of all of them, in order, must be that of the standard library's client.
- Ratios to aiohttp are between runs on the same loop (asyncio where there is none).

{footer}
"""


class Result(NamedTuple):
    """One measurement."""

    cpu: float
    wall: float
    peak_rss: int


@dataclass
class Contender:
    """A library in one style on one loop."""

    library: str
    style: str
    loop: str = ""
    results: list[Result] = field(default_factory=list)
    failure: str = ""

    @property
    def mode(self) -> str:
        """As the client scripts take it."""
        return f"{self.style}-{self.loop}" if self.loop else self.style

    @property
    def label(self) -> str:
        """For people."""
        return f"{self.library} {self.mode}"

    def command(self, options: argparse.Namespace) -> list[str]:
        """What to run, without the arguments that all have in common."""
        if self.style == "floor":
            return [str(options.floor)]
        return [sys.executable, str(HERE / "clients" / f"{self.library}_.py")]

    def median(self, what: str) -> float:
        """The median of one measure over the rounds."""
        return float(statistics.median(getattr(result, what) for result in self.results))


def contenders() -> list[Contender]:
    """Everyone, in the order of the report before it is sorted."""
    loops = ("asyncio", "uvloop")
    return [
        Contender("reqwest", "floor"),
        *(Contender("shoal", "batch", loop) for loop in loops),
        Contender("pycurl", "batch"),
        *(Contender("shoal", "singles", loop) for loop in loops),
        *(Contender("wreq", "singles", loop) for loop in loops),
        *(Contender("pyreqwest", "singles", loop) for loop in loops),
        *(Contender("aiohttp", "singles", loop) for loop in loops),
    ]


@contextmanager
def running_server(url: str | None) -> Iterator[str]:
    """The base URL of the embedded server, in a process of its own; or ``url``, a server that runs already."""
    if url:
        yield url.rstrip("/")
        return
    command = [sys.executable, "-m", "shoal", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"http://\S+", line)
            if not found:
                raise SystemExit(f"{' '.join(command[1:])} printed no address, but {line!r}")
            yield found[0].rstrip("/")
        finally:
            process.terminate()


def build_floor(profile: str) -> tuple[Path, str]:
    """Builds the pure-Rust loop; its path, or why there is none."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    command = ["cargo", "build", "--quiet", "--profile", profile, "--example", "floor_reqwest"]
    try:
        subprocess.run(command, cwd=ROOT, check=True, stderr=subprocess.PIPE, text=True)
    except FileNotFoundError:
        return target, "cargo is not installed"
    except subprocess.CalledProcessError as error:
        return target, f"it does not build: {report.last_line(error.stderr)}"
    return target / profile / "examples" / "floor_reqwest", ""


def measure(contender: Contender, base_url: str, options: argparse.Namespace, checksum: int) -> None:
    """One process, one result."""
    command = [*contender.command(options), base_url, str(options.n), str(options.concurrency), contender.mode]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=CLIENT_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        contender.failure = str(error)
        return
    if done.returncode:
        contender.failure = report.last_line(done.stderr) or f"exit code {done.returncode}"
        return
    answer = json.loads(done.stdout.splitlines()[-1])
    if (answer["count"], answer["checksum"]) != (options.n, checksum):
        contender.failure = f"WRONG RESULT: {answer['count']} bodies, checksum {answer['checksum']:08x}"
        return
    contender.results.append(Result(answer["cpu"], answer["wall"], answer["peak_rss"]))


def expected_checksum(base_url: str, n: int) -> int:
    """Of all bodies one after the other, fetched by the standard library."""
    url = urlsplit(base_url)
    connection = HTTPConnection(url.hostname or "", url.port, timeout=10)
    checksum = 0
    for i in range(n):
        connection.request("GET", f"{PATH}?i={i}")
        body = connection.getresponse().read()
        if len(body) != LENGTH:
            raise SystemExit(f"the server sent {len(body)} bytes for {PATH}?i={i}")
        checksum = zlib.crc32(body, checksum)
    connection.close()
    return checksum


def render(entries: Sequence[Contender], options: argparse.Namespace) -> str:
    """The report in Markdown."""
    measured = sorted((entry for entry in entries if entry.results), key=lambda entry: entry.median("cpu"))
    rows = [_row(entry, measured, options.n) for entry in measured]
    method = METHOD.format(
        rounds=options.rounds,
        footer=report.footer(options.load, _versions()),
    )
    head = HEAD.format(n=options.n, concurrency=options.concurrency)
    return "\n".join([head, *rows, "", *_goals(measured), *_missing(entries), method])


def _row(entry: Contender, measured: Sequence[Contender], n: int) -> str:
    cpus = [result.cpu / n * 1e6 for result in entry.results]
    wall = entry.median("wall")
    cells = (
        f"**{entry.library}**" if entry.library == "shoal" else entry.library,
        CALLS[entry.library, entry.style],
        entry.loop or "–",
        f"{statistics.median(cpus):.1f} ({min(cpus):.1f}–{max(cpus):.1f})",
        f"{wall:.2f}",
        f"{n / wall:,.0f}",
        f"{entry.median('peak_rss') / 1e6:.0f}",
        _ratio(_find(measured, "aiohttp", "singles", entry.loop or "asyncio"), entry),
        _ratio(entry, _find(measured, "reqwest", "floor", "")),
    )
    return f"| {' | '.join(cells)} |"


def _goals(measured: Sequence[Contender]) -> Iterator[str]:
    """What Shoal sets out to reach, and whether it does, in this run."""
    rows = []
    for loop in ("asyncio", "uvloop"):
        batch, single = _find(measured, "shoal", "batch", loop), _find(measured, "shoal", "singles", loop)
        aiohttp, floor = _find(measured, "aiohttp", "singles", loop), _find(measured, "reqwest", "floor", "")
        if batch and aiohttp:
            rows.append((f"`gather_fetch` on {loop}: CPU ÷ aiohttp's", batch, aiohttp, 1 / 4))
        if batch and floor:
            rows.append((f"`gather_fetch` on {loop}: CPU ÷ the pure-Rust loop's", batch, floor, 1.4))
        if single and aiohttp:
            rows.append((f"`await client.get()` on {loop}: CPU ÷ aiohttp's", single, aiohttp, 1 / 2))
    ratios = [(text, limit, ours.median("cpu") / theirs.median("cpu")) for text, ours, theirs, limit in rows]
    yield from report.goals_table(
        ((text, f"{limit:.2f}", f"{ratio:.2f}", ratio <= limit) for text, limit, ratio in ratios), "at most"
    )


def _missing(entries: Sequence[Contender]) -> Iterator[str]:
    return report.missing((entry.label, entry.failure) for entry in entries if entry.failure)


def _find(measured: Sequence[Contender], library: str, style: str, loop: str) -> Contender | None:
    return next(
        (entry for entry in measured if (entry.library, entry.style, entry.loop) == (library, style, loop)), None
    )


def _ratio(above: Contender | None, below: Contender | None) -> str:
    if above is None or below is None:
        return "–"
    return f"{above.median('cpu') / below.median('cpu'):.2f}"


def _versions() -> Iterator[str]:
    yield from report.versions_of(("shoal", "aiohttp", "pycurl", "pyreqwest", "wreq", "uvloop"))
    yield from report.crate_version("reqwest")


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round of 5,000 requests")
    parser.add_argument("--rounds", type=int, help="default 3")
    parser.add_argument("--n", type=int, help="requests, default 20,000")
    parser.add_argument("--concurrency", type=int, default=100, help="requests in flight, default 100")
    parser.add_argument("--only", nargs="+", metavar="LIBRARY", help="only these, such as shoal aiohttp reqwest")
    parser.add_argument("--server", metavar="URL", help="a server with /json/111, instead of starting one")
    parser.add_argument("--profile", default="release", help="cargo's, for the pure-Rust loop; default release")
    parser.add_argument("--write", action="store_true", help=f"also write {REPORT.relative_to(ROOT)}")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.n = options.n or (5_000 if options.quick else 20_000)
    if options.write and (options.quick or options.only or options.server or options.profile != "release"):
        parser.error("--write is for a whole release run: no --quick, --only, --server or --profile")
    known = {entry.library for entry in contenders()}
    if options.only and not known.issuperset(options.only):
        parser.error(f"--only knows {', '.join(sorted(known))}")
    return options


def main() -> int:
    """Measures, prints, and returns the exit code: 1 if a result was wrong or Shoal itself failed."""
    options = parse_options()
    entries = [entry for entry in contenders() if not options.only or entry.library in options.only]
    for entry in entries:
        if entry.style == "floor":
            options.floor, entry.failure = build_floor(options.profile)
    options.load = os.getloadavg()[0]
    with running_server(options.server) as base_url:
        checksum = expected_checksum(base_url, options.n)
        for number in range(options.rounds):
            # Each round starts elsewhere, so that nobody always follows the same neighbour.
            start = number * len(entries) // options.rounds
            for entry in entries[start:] + entries[:start]:
                if not entry.failure:
                    report.progress(number, options.rounds, entry.label)
                    measure(entry, base_url, options, checksum)
    for entry in entries:
        if entry.failure:
            entry.results.clear()
    report.publish(render(entries, options), REPORT if options.write else None)
    return int(any(entry.failure for entry in entries if entry.library == "shoal" or "WRONG" in entry.failure))


if __name__ == "__main__":
    sys.exit(main())
