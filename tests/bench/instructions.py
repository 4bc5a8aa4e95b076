"""``make instructions``: fails when a hot path needs more instructions than the baseline.

Times vary with the load of the machine, the number of instructions does not. valgrind (cachegrind, without caches)
counts the instructions of all threads of a process, without the kernel. Each path runs N times and 2 N times. The
difference divided by N is one operation: start, set-up, connections and warm-up cancel out. Servers are separate
processes and are not counted. On a busy machine two runs differ by 0.1 %, in Python by 1 %.

Instructions are not time: a cache miss or a system call costs more than hundreds of them. But copies, locks or rebuilt
maps that a change adds by accident appear here at once and on any machine; `make bench` measures their cost. One more
copy of a request's headers is 5 % of ``engine``. The bound is 15 % for all paths, because a change in another place may
change what the compiler inlines. The baseline is not updated automatically, so the sum of small increases also fails.

The baseline names the versions it was counted with. Another rustc, valgrind or Python changes every path by some per
cent, so the bound is then 30 %. On another processor architecture the numbers are printed without a check. valgrind
emulates the same processor everywhere, with AVX2 at most, so machines of one architecture agree.

``cg_annotate target/instructions/PATH.out`` shows where the instructions are.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from report import HERE, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

BASELINE = HERE / "instructions.json"
TARGET = ROOT / "target"
RENEW = "make instructions BENCH_OPTIONS=--write"
BOUND = 0.15
BOUND_WITH_OTHER_TOOLS = 0.30
TIMEOUT = 300.0


class HotPath(NamedTuple):
    """One row of the table."""

    name: str
    n: int
    fetches: bool = False
    python: bool = False


# The longest paths first, because two are counted at a time.
PATHS = (
    HotPath("py_get", 1000, fetches=True, python=True),
    HotPath("py_gather", 1000, fetches=True, python=True),
    HotPath("html_to_markdown", 10),
    HotPath("fetch_small", 500, fetches=True),
    HotPath("fetch_10k", 500, fetches=True),
    HotPath("fetch_chunked_gzip", 200, fetches=True),
    HotPath("engine", 1000),
    HotPath("head", 1000),
    HotPath("json_extract", 200),
    HotPath("regex_findall", 200),
    HotPath("minhash", 100),
)


def environment() -> dict[str, str]:
    """An environment without proxies and Shoal's variables, and with a fixed hash seed."""
    return {"PATH": os.environ.get("PATH", os.defpath), "PYTHONHASHSEED": "0"}


def build() -> Path:
    """Builds the program with the paths of the core in the release profile."""
    command = ["cargo", "build", "--quiet", "--release", "-p", "shoal-bench", "--bin", "hot_paths"]
    subprocess.run(command, cwd=ROOT, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", TARGET)) / "release" / "hot_paths"


@contextmanager
def serving(program: Path) -> Iterator[str]:
    """The server's URL."""
    with subprocess.Popen([program, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin and server.stdout
        try:
            yield server.stdout.readline().strip()
        finally:
            server.stdin.close()


def per_operation(path: HotPath, program: Path, base_url: str) -> int:
    """The instructions of one operation."""
    once, twice = (instructions(path, n, program, base_url) for n in (path.n, 2 * path.n))
    return round((twice - once) / path.n)


def instructions(path: HotPath, n: int, program: Path, base_url: str) -> int:
    """The instructions of a process that runs the path ``n`` times."""
    out = f"--cachegrind-out-file={TARGET}/instructions/{path.name}.out"
    start = [sys.executable, str(HERE / "hot_paths.py")] if path.python else [str(program)]
    arguments = [path.name, str(n), *([base_url] if path.fetches else [])]
    said = run(["valgrind", "--tool=cachegrind", "--cache-sim=no", out, *start, *arguments])
    found = re.search(r"I\s+refs:\s+([\d,]+)", said)
    if not found:
        raise SystemExit(f"valgrind tells no number:\n{said}")
    return int(found[1].replace(",", ""))


def run(command: Sequence[str]) -> str:
    """Runs a command; returns its standard error."""
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=TIMEOUT, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return done.stderr


def tools() -> dict[str, str]:
    """The versions on which the counts depend."""
    said = {name: subprocess.check_output([name, "--version"], text=True).strip() for name in ("rustc", "valgrind")}
    return {**said, "python": platform.python_version(), "machine": platform.machine()}


def judge(counts: Mapping[HotPath, int], here: Mapping[str, str]) -> list[str]:
    """Prints the table; returns the problems."""
    baseline = json.loads(BASELINE.read_text())
    then, known = baseline["tools"], baseline["instructions"]
    other = {name for name, tool in here.items() if tool != then.get(name)}
    for name in sorted(other):
        print(f"{name}: {here[name]} here, {then.get(name)} in the baseline")
    wrong = [f"{name} is in the baseline and was not counted" for name in known.keys() - {path.name for path in counts}]
    print(f"{'path':20} {'instructions/op':>15} {'baseline':>12} {'ratio':>6}")
    for path, count in counts.items():
        before = known.get(path.name)
        if before is None:
            print(f"{path.name:20} {count:15,}")
            wrong.append(f"{path.name} has no baseline: {RENEW}")
            continue
        print(f"{path.name:20} {count:15,} {before:12,} {count / before:6.3f}")
        changed = other if path.python else other - {"python"}
        bound = BOUND_WITH_OTHER_TOOLS if changed else BOUND
        if "machine" in changed:
            continue
        if count > before * (1 + bound):
            wrong.append(f"{path.name} takes {count / before - 1:.0%} more instructions; {bound:.0%} are let pass")
        elif count <= before * (1 - bound):
            print(f"{path.name} takes {1 - count / before:.0%} fewer instructions; keep that: {RENEW}")
    return wrong


def main() -> None:
    """Counts, and compares or writes."""
    parser = argparse.ArgumentParser(description="count the instructions of the hot paths")
    parser.add_argument("--write", action="store_true", help="renew the baseline")
    options = parser.parse_args()
    if not shutil.which("valgrind"):
        print("NOT CHECKED: the instructions of the hot paths, because valgrind is not installed")
        return
    program = build()
    (TARGET / "instructions").mkdir(parents=True, exist_ok=True)
    with serving(program) as base_url, ThreadPoolExecutor(os.cpu_count()) as pool:
        # The first process also compiles modules.
        run([sys.executable, str(HERE / "hot_paths.py"), "py_get", "1", base_url])
        counted = pool.map(lambda path: per_operation(path, program, base_url), PATHS)
        counts = dict(zip(PATHS, counted, strict=True))
    if options.write:
        text = {"tools": tools(), "instructions": {path.name: count for path, count in counts.items()}}
        BASELINE.write_text(json.dumps(text, indent=2) + "\n")
        print(f"written to {BASELINE.relative_to(ROOT)}")
    wrong = judge(counts, tools())
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
