"""The command line: `python -m shoal demo | fetch | serve`."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import shoal
from shoal._names import distinct_names, name_of_url, safe_name, url_key
from shoal._progress import LineReporter, Reporter, reporter

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code (0: success, 1: a failure, 2: wrong usage, 130: interrupted)."""
    arguments = _parser().parse_args(argv)
    command = {"demo": _demo, "fetch": _fetch, "serve": _serve}[arguments.command]
    try:
        return command(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m shoal", description="Fetch many things fast.")
    parser.add_argument("--version", action="version", version=f"shoal {shoal.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    demo = commands.add_parser(
        "demo",
        help="fetch and save 500 documents in three ways and compare",
        description="Fetches and saves the documents of all players of a league from a server on this machine: one by "
        "one with requests (a sample), with aiohttp and aiofiles, and with Shoal. Compares the files, prints a table.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    demo.add_argument("--players", type=_at_least_one, default=500, metavar="N", help="how many documents there are")
    demo.add_argument("--latency", type=_seconds, default=0.3, metavar="SECONDS", help="how long each answer takes")
    demo.add_argument("--concurrency", type=_at_least_one, default=50, metavar="N", help="requests in flight")
    demo.add_argument("--sample", type=_at_least_one, default=15, metavar="N", help="documents fetched one by one")
    demo.add_argument("--out", type=Path, default=Path("shoal-demo"), metavar="DIR", help="where the files go")

    fetch = commands.add_parser(
        "fetch",
        help="fetch a list of URLs into a folder",
        description="Saves the body of each URL of a list as a file. Existing files are not fetched again, so the same "
        "command continues an interrupted run.",
        epilog="Exit code: 0 if every URL was saved, 1 if any failed, 130 if interrupted.",
    )
    fetch.add_argument(
        "list",
        metavar="URLS",
        help="a text file with a URL, or a file name, a tab and a URL, on each line; empty lines and lines that begin "
        "with # are skipped; - for standard input",
    )
    fetch.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the files go; made if missing")
    fetch.add_argument("--concurrency", type=_at_least_one, default=100, metavar="N", help="in flight (default: 100)")
    fetch.add_argument("--retry", type=_not_negative, default=2, metavar="N", help="more attempts (default: 2)")
    fetch.add_argument("--timeout", type=_seconds, default=30.0, metavar="SECONDS", help="per attempt (default: 30)")
    fetch.add_argument("--max-body", default="1GiB", metavar="SIZE", help="largest decoded body (default: 1GiB)")
    fetch.add_argument(
        "--template",
        type=_template,
        default="{name}",
        metavar="NAME",
        help="file name, from {name} (given in the list, or the URL's last part), {index} (place in the list, from 0; "
        "{index:05} pads) and {host} (default: {name})",
    )
    fetch.add_argument("--force", action="store_true", help="fetch files again that exist already")
    fetch.add_argument("--quiet", action="store_true", help="no progress, no summary; failures are still listed")

    serve = commands.add_parser(
        "serve",
        help="run the test server",
        description="Runs the server of shoal.testing until interrupted. Prints its URL first.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on")
    serve.add_argument("--port", type=_not_negative, default=0, help="port to listen on; 0 takes a free one")
    serve.add_argument("--latency", type=_seconds, default=0.0, metavar="SECONDS", help="of every answer of /stats")
    serve.add_argument("--players", type=_at_least_one, default=500, metavar="N", help="how many /stats knows")
    serve.add_argument("--threads", type=_at_least_one, default=1, metavar="N", help="threads that serve")
    return parser


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        message = "must be 1 or more"
        raise argparse.ArgumentTypeError(message)
    return number


def _not_negative(text: str) -> int:
    number = int(text)
    if number < 0:
        message = "must be 0 or more"
        raise argparse.ArgumentTypeError(message)
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 <= number < float("inf"):
        message = "must be a number of seconds"
        raise argparse.ArgumentTypeError(message)
    return number


def _template(text: str) -> str:
    try:
        text.format(name="a", index=0, host="a")
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        message = f"a template has {{name}}, {{index}} and {{host}} only ({error})"
        raise argparse.ArgumentTypeError(message) from error
    return text


def _demo(arguments: argparse.Namespace) -> int:
    from shoal._demo import story  # noqa: PLC0415 - for this command only

    return story.run(
        story.Options(
            players=arguments.players,
            latency=arguments.latency,
            concurrency=arguments.concurrency,
            sample=min(arguments.sample, arguments.players),
            out=arguments.out,
        )
    )


def _serve(arguments: argparse.Namespace) -> int:
    from shoal import testing  # noqa: PLC0415 - for this command only

    testing.serve(
        host=arguments.host,
        port=arguments.port,
        latency=arguments.latency,
        players=arguments.players,
        threads=arguments.threads,
    )
    return 0


@dataclass
class _Outcome:
    saved: int = 0
    skipped: int = 0
    size: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    interrupted: bool = False


def _fetch(arguments: argparse.Namespace) -> int:
    try:
        lines = sys.stdin.readlines() if arguments.list == "-" else _read(Path(arguments.list))
        arguments.out.mkdir(parents=True, exist_ok=True)
    except (OSError, UnicodeDecodeError) as error:
        print(f"{arguments.list}: {error}", file=sys.stderr)
        return 2
    start = time.monotonic()
    outcome = _Outcome()
    wanted = []
    for url, name in _named(lines, arguments.template):
        if (arguments.out / name).exists() and not arguments.force:
            outcome.skipped += 1
        else:
            wanted.append((url, name))
    _save(wanted, arguments, outcome)
    if not arguments.quiet or outcome.interrupted:
        print(_summary(outcome, len(wanted), arguments.out, time.monotonic() - start))
    for url, cause in outcome.failures:
        print(f"failed: {url}: {cause}", file=sys.stderr)
    if outcome.interrupted:
        return INTERRUPTED
    return 1 if outcome.failures else 0


def _read(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8-sig").splitlines()


def _named(lines: Sequence[str], template: str) -> list[tuple[str, str]]:
    """The distinct pairs of URL and file name in the list."""
    pairs: dict[tuple[str, str], None] = {}
    for line in lines:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        given, tab, rest = text.rpartition("\t")
        url = rest.strip()
        name = safe_name(given) if tab and given.strip() else name_of_url(url)
        pairs[url, name] = None
    names = []
    for index, (url, name) in enumerate(pairs):
        host = url.partition("//")[2].partition("/")[0].rpartition("@")[2]
        names.append(safe_name(template.format(name=name, index=index, host=host)))
    urls = [url for url, _ in pairs]
    return list(zip(urls, distinct_names(names, [url_key(url) for url in urls]), strict=True))


def _save(wanted: list[tuple[str, str]], arguments: argparse.Namespace, outcome: _Outcome) -> None:
    """Fetches the URLs and records the outcome of each."""
    folder = str(arguments.out).replace("{", "{{").replace("}", "}}")
    bar = None if arguments.quiet or not wanted or not sys.stderr.isatty() else _bar()
    before = {name: _stamp(arguments.out / name) for _, name in wanted}
    done = 0
    stream = shoal.stream_fetch(
        [(url, {"name": name}) for url, name in wanted],
        concurrency=arguments.concurrency,
        retry=arguments.retry,
        timeout=arguments.timeout,
        max_body=arguments.max_body,
        return_exceptions=True,
        save_to=f"{folder}/{{name}}",
    )
    try:
        for result in stream:
            done += 1
            if isinstance(result, Exception):
                index = getattr(result, "index", None)
                url = "?" if index is None else wanted[index][0]
                outcome.failures.append((url, str(result)))
            elif result.path is None:
                status = f"{result.status_code} {result.reason}".strip()
                outcome.failures.append((wanted[result.index][0], status))
            if bar is not None:
                bar.update(done, len(wanted))
    except KeyboardInterrupt:
        outcome.interrupted = True
    finally:
        stream.close()
        if bar is not None:
            bar.close(done, len(wanted))
    # Counted in the folder: an interrupted run has saved files whose results were not taken from the stream.
    for _, name in wanted:
        stamp = _stamp(arguments.out / name)
        if stamp is not None and stamp != before[name]:
            outcome.saved += 1
            outcome.size += stamp[0]


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Size, time and inode of a file, which change when it is replaced."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino


def _bar() -> Reporter | None:
    try:
        return reporter(progress=True)
    except ImportError:
        return LineReporter()


def _summary(outcome: _Outcome, wanted: int, folder: Path, elapsed: float) -> str:
    parts = [f"{outcome.saved} saved ({_bytes(outcome.size)})"]
    if outcome.interrupted:
        parts.insert(0, "interrupted")
        parts.append(f"{wanted - outcome.saved} left")
    else:
        parts.append(f"{len(outcome.failures)} failed")
    parts.append(f"{outcome.skipped} already there")
    return f"{', '.join(parts)}; {elapsed:.2f} s, in {folder}"


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:  # noqa: PLR2004 - a kilo
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"
