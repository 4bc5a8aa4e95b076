"""The expected results, fetched one by one with the client of the standard library."""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from report import HERE
from workloads import Workload

sys.path.append(str(HERE / "clients"))
from common import canonical, looked_at


class Expected:
    """Checksums of the first n bodies or objects of a path."""

    def __init__(self, base_url: str) -> None:
        url = urlsplit(base_url)
        self.connection = HTTPConnection(url.hostname or "", url.port, timeout=10)
        self.known: dict[tuple[str, str], list[int]] = {}

    def checksum(self, workload: Workload, task: str, n: int) -> int:
        """The checksum of the first ``n``."""
        task = "json" if task == "json" else "bytes"
        sums = self.known.setdefault((workload.path, task), [0])
        if len(sums) <= n:
            for body in self._bodies(workload, len(sums) - 1, n):
                sums.append(zlib.crc32(canonical(looked_at(json.loads(body))) if task == "json" else body, sums[-1]))
        return sums[n]

    def _bodies(self, workload: Workload, start: int, end: int) -> Iterator[bytes]:
        if not workload.path.startswith("/json"):
            # The same for every request.
            body = self._get(workload, start)
            yield from (body for _ in range(start, end))
            return
        yield from (self._get(workload, index) for index in range(start, end))

    def _get(self, workload: Workload, index: int) -> bytes:
        path = workload.path.replace("{i}", str(index))
        self.connection.request("GET", path)
        response = self.connection.getresponse()
        body = response.read()
        if (response.status, len(body)) != (200, workload.size):
            raise SystemExit(f"the server sent {len(body)} bytes with status {response.status} for {path}")
        return body


def files_checksum(folder: Path, n: int) -> int | str:
    """The checksum of the files in order, or an error about their names."""
    names = sorted(path.name for path in folder.iterdir())
    if names != [f"{index:05}.body" for index in range(n)]:
        return f"of {len(names)} files, such as {names[:1]}"
    checksum = 0
    for name in names:
        checksum = zlib.crc32((folder / name).read_bytes(), checksum)
    return checksum
