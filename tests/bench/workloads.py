"""The workloads of the HTTP side: W1 to W7, and batches of all sizes."""

from __future__ import annotations

from typing import NamedTuple

KIB, MIB = 1 << 10, 1 << 20
# Bytes of a small body, with or without a delay.
SMALL = 111


class Workload(NamedTuple):
    """Requests of one kind."""

    key: str
    title: str
    path: str
    """``{i}`` is the number of the request."""
    n: int
    """Requests of a run."""
    quick: int
    """``n`` of a quick run."""
    concurrency: int
    size: int
    """Bytes of a body."""
    task: str = "bytes"
    """The form of the results: ``bytes``, ``json`` (Python objects), ``files``."""
    tick: bool = False
    """Whether a ticker runs on the event loop, which shows how long the loop is blocked."""
    tls: bool = False
    unit: float = 1e-6
    """The unit of CPU time per request, in seconds."""
    note: str = ""
    each: int = 0
    """Requests per call, if a run makes several calls. The connections are opened before the clock starts."""

    @property
    def unit_name(self) -> str:
        """The name of the unit in the report."""
        return "ms" if self.unit == MS else "µs"

    @property
    def full_task(self) -> str:
        """The task as an argument of the client scripts, such as ``json+tick``."""
        return self.task + "+tick" * self.tick + f"+{self.each}" * bool(self.each)


MS = 1e-3

WORKLOADS = (
    Workload(
        "W1", "20,000 small bodies", f"/json/{SMALL}?i={{i}}", 20_000, 10_000, 100, SMALL,
        note="111 bytes of JSON each, 100 in flight: the cost of a request, nearly without a body.",
    ),
    Workload(
        "W1-tls", "20,000 small bodies over TLS", f"/json/{SMALL}?i={{i}}", 20_000, 10_000, 100, SMALL, tls=True,
        note="As W1, over TLS 1.3 with keep-alive; each of the 100 connections costs a handshake.",
    ),
    Workload(
        "W1-ticker", "the event loop while 20,000 responses arrive", f"/json/{SMALL}?i={{i}}", 20_000, 20_000, 100,
        SMALL, tick=True,
        note="As W1. A 5 ms ticker runs on the event loop from the start of the call, which reads the URLs, until the "
        "list of responses is complete.",
    ),
    Workload(
        "W2", "5,000 JSON documents to Python objects", f"/json/{10 * KIB}?i={{i}}", 5_000, 2_000, 100, 10 * KIB,
        "json",
        note="10 KiB each, 100 in flight; every object is read and dropped. The pure-Rust floors do not parse.",
    ),
    Workload(
        "W3", "200 bodies of 1 MiB", f"/bytes/{MIB}?i={{i}}", 200, 100, 100, MIB, unit=MS,
        note="100 in flight, all bodies kept.",
    ),
    Workload(
        "W3-tls", "200 bodies of 1 MiB over TLS", f"/bytes/{MIB}?i={{i}}", 200, 100, 100, MIB, tls=True, unit=MS,
        note="As W3, over TLS 1.3.",
    ),
    Workload("W4", "one body of 100 MiB to bytes", f"/bytes/{100 * MIB}", 1, 1, 1, 100 * MIB, unit=MS),
    Workload("W4f", "one body of 100 MiB to a file", f"/bytes/{100 * MIB}", 1, 1, 1, 100 * MIB, "files", unit=MS),
    Workload(
        "W5", "2,000 bodies, each to its own file", f"/json/{10 * KIB}?i={{i}}", 2_000, 1_000, 100, 10 * KIB, "files",
        note="10 KiB each, 100 in flight.",
    ),
    Workload(
        "W6", "5,000 slow answers, 1,000 in flight", f"/delay/50?n={SMALL}&i={{i}}", 5_000, 5_000, 1_000, SMALL,
        tick=True,
        note="Each is answered after 50 ms: 0.25 s at best. A 5 ms ticker runs on the event loop.",
    ),
    Workload(
        "W7", "10,000 slow answers at once", f"/delay/500?n={SMALL}&i={{i}}", 10_000, 10_000, 10_000, SMALL,
        tick=True,
        note="Each is answered after 500 ms: 0.5 s at best. "
        "A 5 ms ticker runs on the event loop. A client that fails a request is not in the table.",
    ),
    *(
        Workload(f"scale-{each}", "from 100 requests to a million", f"/bytes/{SMALL}?i={{i}}", max(each, 20_000),
                 max(each, 20_000), 100, SMALL, each=each)
        for each in (100, 1_000, 10_000, 100_000, 1_000_000)
    ),
)  # fmt: skip
