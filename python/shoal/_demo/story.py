"""Runs the three ways in turn against a server in a process of its own, compares the files, prints the table."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import importlib
import importlib.util
import inspect
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import shoal
from shoal._names import distinct_names, safe_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

NEEDED = ("requests", "aiohttp", "aiofiles", "tqdm")


@dataclass(frozen=True)
class Options:
    """The options of `python -m shoal demo`."""

    players: int = 500
    latency: float = 0.3
    concurrency: int = 50
    sample: int = 15
    out: Path = Path("shoal-demo")


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    way: str
    documents: int
    wall: float
    cpu: float
    lines: int


def run(options: Options) -> int:
    """Runs the demo; returns the exit code."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(f"The demo compares with other packages: pip install {' '.join(missing)}", file=sys.stderr)
        return 1
    with served(options.players, options.latency) as url:
        plan = make_plan(url)
        print(f"{len(plan)} players; every answer takes {options.latency:g} s; {options.concurrency} at a time")
        rows = [
            one_by_one(plan[: options.sample], options.out / "requests"),
            with_aiohttp(plan, options.out / "aiohttp", options.concurrency),
            with_shoal(plan, options.out / "shoal", options.concurrency),
        ]
    problems = differences(plan, options)
    print()
    print(table(rows, len(plan)))
    print()
    if problems:
        print("The files differ:", *problems[:10], sep="\n  ", file=sys.stderr)
        return 1
    print(f"The files of aiohttp and Shoal are equal, byte for byte; so are the {rows[0].documents} of requests.")
    print(f"They are in {options.out}. For a list of your own, one URL a line:")
    print("  python -m shoal fetch urls.txt --out DIR")
    return 0


@contextlib.contextmanager
def served(players: int, latency: float) -> Iterator[str]:
    """Runs `python -m shoal serve` until the block ends; yields its URL."""
    command = [sys.executable, "-m", "shoal", "serve", "--port", "0"]
    command += ["--players", str(players), "--latency", str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as server:  # noqa: S603 - this package
        try:
            line = server.stdout.readline() if server.stdout else ""
            if not line:
                message = f"the server ended with exit code {server.wait()} before it was ready"
                raise RuntimeError(message)
            yield line.split()[-1]
        finally:
            server.terminate()


def make_plan(url: str) -> list[tuple[str, str]]:
    """Gets the list of players: for each the URL of the document and a file name, FIRSTNAME_LASTNAME."""
    document = shoal.Client(base_url=url).get("/stats/commonallplayers").result().raise_for_status().json()
    found = document["resultSets"][0]
    players = [dict(zip(found["headers"], row, strict=True)) for row in found["rowSet"]]
    ids = [str(player["PERSON_ID"]) for player in players]
    names = distinct_names([file_name(player["DISPLAY_LAST_COMMA_FIRST"]) for player in players], ids)
    urls = [f"{url}/stats/commonplayerinfo?{urlencode({'PlayerID': player_id})}" for player_id in ids]
    return list(zip(urls, names, strict=True))


def file_name(last_comma_first: str) -> str:
    """`O'Neal, Shaquille` becomes `Shaquille_O'Neal`; a single name is unchanged."""
    last, _, first = (part.strip() for part in last_comma_first.partition(","))
    return safe_name("_".join(f"{first} {last}".split()))


def one_by_one(plan: list[tuple[str, str]], folder: Path) -> Row:
    """A sample with requests."""
    module = importlib.import_module("shoal._demo.way_requests")
    return measured("requests, one by one", module, plan, folder, lambda: module.fetch_all(plan, folder))


def with_aiohttp(plan: list[tuple[str, str]], folder: Path, concurrency: int) -> Row:
    """All of it with aiohttp and aiofiles."""
    module = importlib.import_module("shoal._demo.way_aiohttp")
    work = lambda: asyncio.run(module.fetch_all(plan, folder, concurrency))  # noqa: E731 - shorter than a def
    return measured("aiohttp + aiofiles", module, plan, folder, work)


def with_shoal(plan: list[tuple[str, str]], folder: Path, concurrency: int) -> Row:
    """All of it with Shoal."""
    module = importlib.import_module("shoal._demo.way_shoal")
    return measured("shoal", module, plan, folder, lambda: module.fetch_all(plan, folder, concurrency))


def measured(way: str, module: ModuleType, plan: list[tuple[str, str]], folder: Path, work: Callable[[], None]) -> Row:
    """Runs and measures one way, whose imports are done already."""
    print(f"\n{way}: {len(plan)} documents into {folder}", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    for _, name in plan:
        (folder / f"{name}.json").unlink(missing_ok=True)
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Row(way, len(plan), time.perf_counter() - wall, time.process_time() - cpu, lines_of_code(module))


def lines_of_code(module: ModuleType) -> int:
    """Counts the lines that are neither empty nor comment nor docstring."""
    source = inspect.getsource(module)
    documented = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    prose: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            text = node.body[0]
            prose.update(range(text.lineno, (text.end_lineno or text.lineno) + 1))
    lines = enumerate(source.splitlines(), start=1)
    return sum(1 for number, line in lines if number not in prose and line.strip() and not line.strip().startswith("#"))


def differences(plan: list[tuple[str, str]], options: Options) -> list[str]:
    """The names of files that differ between the ways, or are missing."""
    problems = []
    for place, (_, name) in enumerate(plan):
        ways = ["aiohttp", "shoal"] + (["requests"] if place < options.sample else [])
        paths = [options.out / way / f"{name}.json" for way in ways]
        bodies = {path.read_bytes() if path.exists() else None for path in paths}
        if len(bodies) > 1 or not all(bodies):
            problems.append(f"{name}.json")
    return problems


def table(rows: list[Row], documents: int) -> str:
    """The table of figures; those of a sample are extrapolated and marked."""
    lines = [f"{'way':<22}{'wall time':>12}{'CPU time':>12}{'CPU/document':>15}{'lines of code':>15}"]
    notes = []
    for row in rows:
        factor = documents / row.documents
        mark = " " if row.documents == documents else "*"
        wall, cpu, each = (
            f"{row.wall * factor:.2f} s",
            f"{row.cpu * factor:.2f} s",
            f"{row.cpu / row.documents * 1e3:.2f} ms",
        )
        lines.append(f"{row.way:<22}{wall + mark:>12}{cpu + mark:>12}{each:>15}{row.lines:>15}")
        if mark == "*":
            notes.append(f"* extrapolated: {row.documents} of {documents} were fetched, in {row.wall:.2f} s")
    notes.append(
        "CPU time is this process's, all threads; the server runs in its own. Imports are not counted as time,"
    )
    notes.append("but as lines: the whole module of each way, without empty lines, comments and docstrings.")
    return "\n".join(lines + notes)
