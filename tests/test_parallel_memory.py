"""Documents that do not fit into memory: an ItemError each; the process continues."""

from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")

PROGRAM = """
import gzip, os, resource, sys
from pathlib import Path
import shoal
from shoal import parallel
DOCUMENTS = {
    "text": lambda: b"caf\\xc3\\xa9 " * 5_000_000,
    "latin": lambda: b"caf\\xe9 " * 6_000_000,
    "html": lambda: b"<p>caf\\xc3\\xa9</p>" * 3_000_000,
    "json": lambda: b"[" + b'{"a":"b","c":1},' * 2_000_000 + b"1]",
    "gzip": lambda: gzip.compress(bytes(200_000_000), 1),
    "bytearray": lambda: bytearray(100_000_000),
    "str": lambda: "caf\u20ac" * 15_000_000,
    "noise": lambda: os.urandom(40_000_000),
}
assert len(parallel.hash([b"x"] * 100).result()) == 100
document = DOCUMENTS[sys.argv[1]]()
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (48 << 20),) * 2)
work = eval(sys.argv[2])
try:
    work(document).result(60)
except shoal.ItemError as error:
    assert "no memory" in str(error), error
else:
    raise AssertionError("there was enough")
assert len(parallel.hash([b"x"] * 100).result()) == 100
"""


@pytest.mark.parametrize(
    ("document", "work"),
    [
        ("text", "lambda document: parallel.regex_findall([document], 'caf')"),
        ("text", "lambda document: parallel.regex_replace([document], 'caf', 'tea')"),
        ("latin", "lambda document: parallel.regex_count([document], 'caf')"),
        ("html", "lambda document: parallel.html_text([document])"),
        ("html", "lambda document: parallel.html_to_markdown([document])"),
        ("json", "lambda document: parallel.json_rows([document], '')"),
        ("gzip", "lambda document: parallel.decompress([document])"),
        ("bytearray", "lambda document: parallel.hash([document])"),
        ("str", "lambda document: parallel.hash([document])"),
        ("noise", "lambda document: parallel.compress([document])"),
    ],
)
def test_a_document_that_does_not_fit_into_memory(python: Callable, document: str, work: str) -> None:
    done = python(PROGRAM, document, work)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
