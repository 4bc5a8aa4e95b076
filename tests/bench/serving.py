"""The servers of a run, each in its own process: the embedded server, and a TLS relay in front of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import report
from report import ROOT


class Server(NamedTuple):
    """The URLs of the servers and the paths of the programs."""

    plain: str
    tls: str
    authority: str
    """The file with the certificate of the authority."""
    floors: Path


def build_examples(profile: str) -> tuple[Path, Path, str]:
    """Builds the Rust clients and the relay; returns their paths, or the reason of a failure."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / profile
    floors, front = target / "floors", target / "tls_front"
    command = ["cargo", "build", "--quiet", "--profile", profile, "-p", "shoal-bench", "--bins"]
    try:
        subprocess.run(command, cwd=ROOT, check=True, stderr=subprocess.PIPE, text=True)
    except FileNotFoundError:
        return floors, front, "cargo is not installed"
    except subprocess.CalledProcessError as error:
        return floors, front, f"it does not build: {report.last_line(error.stderr)}"
    return floors, front, ""


@contextmanager
def running_server(url: str | None) -> Iterator[str]:
    """The base URL of the embedded server, or ``url`` of a running server."""
    if url:
        yield url.rstrip("/")
        return
    with _announced([sys.executable, "-m", "shoal", "serve", "--port", "0"]) as found:
        yield found


@contextmanager
def running_tls(front: Path, plain: str, folder: Path) -> Iterator[tuple[str, str, str]]:
    """The base URL of the relay and the file of its authority, or the reason of a failure."""
    try:
        import trustme
    except ImportError as error:
        yield "", "", str(error)
        return
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    paths = [folder / name for name in ("ca.pem", "certificate.pem", "key.pem")]
    authority.cert_pem.write_to_path(paths[0])
    certificate.cert_chain_pems[0].write_to_path(paths[1])
    certificate.private_key_pem.write_to_path(paths[2])
    if not front.exists():
        yield "", "", "the relay is not built"
        return
    with _announced([str(front), str(paths[1]), str(paths[2]), urlsplit(plain).netloc]) as found:
        yield found, str(paths[0]), ""


@contextmanager
def _announced(command: Sequence[str]) -> Iterator[str]:
    """A process that prints its URL."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"https?://\S+", line)
            if not found:
                raise SystemExit(f"{' '.join(command)} printed no address, but {line!r}")
            yield found[0].rstrip("/")
        finally:
            process.terminate()
