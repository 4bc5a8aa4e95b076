"""Runs every Python block of the README, the pages of docs and the examples of the reference, in order, page by page.

`https://example.com` stands for the embedded server. A block with a top-level `await` runs as in a notebook cell.
HTML comments that begin with `<!-- run` are not rendered and run too: they check the statements of the text.
"""

import ast
import asyncio
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "site/examples.md"]
# Packages of the group `test` without which a page cannot run; it is skipped where they are missing.
NEEDED = ("aiofiles", "aiohttp", "duckdb", "fastapi", "numpy", "pandas", "polars", "pyarrow")
BLOCK = re.compile(r"^(?:```python\n(?P<shown>.*?)^```$|<!-- run\n(?P<hidden>.*?)^-->$)", re.MULTILINE | re.DOTALL)


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).with_suffix("").as_posix()


def blocks(page: Path) -> list[tuple[int, str]]:
    """Each block's first line number and its code."""
    text = page.read_text()
    found = []
    for match in BLOCK.finditer(text):
        code = match["shown"] if match["shown"] is not None else match["hidden"]
        found.append((text.count("\n", 0, match.start()) + 2, code))
    return found


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=name_of)
def test_code_blocks_run(page: Path, server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NEEDED:
        if re.search(rf"^(?:import|from) {name}\b", page.read_text(), re.MULTILINE):
            pytest.importorskip(name)
    if "from fastapi.testclient" in page.read_text():
        pytest.importorskip("httpx2")
    if "= pandas.DataFrame.from_arrow(" in page.read_text():
        pytest.importorskip("pandas", minversion="3")
    monkeypatch.chdir(tmp_path)
    base = server.url("/").rstrip("/")
    namespace: dict = {"__name__": "__main__"}
    loop = asyncio.new_event_loop()
    try:
        for line, code in blocks(page):
            source = "\n" * (line - 1) + code.replace("https://example.com", base)
            compiled = compile(source, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            if compiled.co_flags & inspect.CO_COROUTINE:
                loop.run_until_complete(eval(compiled, namespace))
            else:
                exec(compiled, namespace)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_have_targets(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_the_readme_names_existing_make_targets() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)", (ROOT / "README.md").read_text()))
    assert named
    assert named <= targets
