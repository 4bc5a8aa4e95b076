"""The goals of `shoal.parallel` relative to its peers."""

from __future__ import annotations

from typing import NamedTuple

POOLS = ("multiprocessing", "concurrent.futures", "loky", "joblib")
# The tolerance for kernels that can at best be equal: runs differ by this much.
TIE = 0.05


class Goal(NamedTuple):
    """The best time of ``theirs`` divided by ours should be at least ``factor``."""

    kernel: str
    theirs: tuple[str, ...]
    factor: float
    ours: str = "shoal"
    slack: float = 0.0
    """The tolerance for noise."""
    obstacle: str = ""
    """The reason if it is missed."""

    @property
    def text(self) -> str:
        """The text in the report."""
        who = self.theirs[0] if len(self.theirs) == 1 else "best process pool"
        name, _, case = self.kernel.partition(":")
        label = f"`{name}`, {case}" if case else f"`{name}`"
        single = " on one thread" if self.ours != "shoal" else ""
        return f"{label}{single}: time of {who} ÷ Shoal's"


MEMORY = (
    "XXH3 takes what memory gives, and beside it are 0.25 ms that no second core makes faster: taking 2,000 objects, "
    "waking two threads, making 2,000 strings. That leaves a ratio of 1.3 where the documents come from the "
    "processor's last cache and take 1.3 ms, and 1.6 where they do not and take 3.5; the method below says how to tell."
)

GOALS = (
    *(Goal(f"regex_findall:{case}", ("re",), 15) for case in ("e-mails", "dates", "names")),
    Goal("minhash", ("datasketch",), 20),
    Goal("html_to_markdown", ("markdownify",), 10),
    *(Goal(f"html_select:{case}", ("selectolax",), 1, ours="shoal, workers=1") for case in ("attribute", "text")),
    Goal("json_extract", ("orjson",), 4),
    Goal("json_extract", ("pysimdjson",), 1),
    Goal("hash:sha256", ("hashlib",), 1.5),
    Goal("hash:md5", ("hashlib",), 1.5),
    Goal("hash:blake3", ("blake3",), 1.5),
    Goal("hash:xxh3", ("xxhash",), 1.5, obstacle=MEMORY),
    Goal("compress:gzip", ("gzip",), 1.5),
    Goal("compress:zstd", ("zstandard",), 1.5),
    Goal("map:1 ms", ("loky",), 1 / 1.15),
    Goal("map:5 µs", ("serial",), 1, slack=TIE),
    *(
        Goal(f"map:{case}", theirs, 1, slack=TIE)
        for case in ("1 MB of bytes", "1 MB array")
        for theirs in (POOLS, ("serial",))
    ),
)

# The 99th percentile of the delay of a ticker on the event loop, in ms.
LATE = 10.0
