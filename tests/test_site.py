"""The documentation site is complete: its navigation, its reference, the examples of docstrings.

`make docs` checks the links of the built site.
"""

import ast
import asyncio
import importlib.util
import inspect
import re
import textwrap
from pathlib import Path

import pytest

import shoal
import shoal.parallel
import shoal.testing

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
REFERENCE = "\n".join(path.read_text() for path in sorted((DOCS / "reference").glob("*.md")))
ENTRIES = re.findall(r"^::: (\S+)$", REFERENCE, re.MULTILINE)
MODULES = (shoal, shoal.parallel, shoal.testing)


def load_check():
    spec = importlib.util.spec_from_file_location("site_check", ROOT / "site/check.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_public_name_is_in_the_reference_once() -> None:
    public = {
        f"{module.__name__}.{name}"
        for module in MODULES
        for name in module.__all__
        if not inspect.ismodule(getattr(module, name))
    }
    missing = sorted(public - set(ENTRIES))
    assert not missing, f"add a line `::: name` to a page in docs/reference for {missing}"
    assert set(ENTRIES) - public == set()
    assert len(ENTRIES) == len(set(ENTRIES))


def test_every_page_is_in_the_navigation() -> None:
    config = pytest.importorskip("tomllib").loads((ROOT / "zensical.toml").read_text())["project"]

    def pages(items: list) -> list[str]:
        found = []
        for item in items:
            for value in item.values() if isinstance(item, dict) else [item]:
                found += pages(value) if isinstance(value, list) else [value]
        return found

    linked = pages(config["nav"])
    missing = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")} - set(linked)
    assert not missing, f"add to nav in zensical.toml: {sorted(missing)}"
    assert len(linked) == len(set(linked))


def test_every_example_belongs_to_an_entry() -> None:
    examples = re.findall(r"^## (\S+)$", (ROOT / "site/examples.md").read_text(), re.MULTILINE)
    assert len(examples) == len(set(examples))
    of_methods = {path for path in examples if path.rpartition(".")[0] in ENTRIES}
    assert set(examples) - of_methods <= set(ENTRIES)


def docstring_examples() -> dict[str, list[str]]:
    """The indented blocks of each public docstring, up to the first section."""
    found = {}
    for module in MODULES:
        for name in module.__all__:
            thing = getattr(module, name)
            text = re.split(r"\n(?:Args|Returns|Raises|Parameters)\b", inspect.getdoc(thing) or "")[0]
            for block in re.findall(r"(?:^|\n\n)((?: {4}.*(?:\n|$)|\n(?= {4}))+)", text):
                if not inspect.ismodule(thing):
                    found.setdefault(f"{module.__name__}.{name}", []).append(textwrap.dedent(block))
    return found


def runnable(example: str) -> str:
    """The example with a body for each loop that has none."""
    return re.sub(r"^((?:async )?for .*:)[ ]*(?:#.*)?$(?!\n )", r"\1 pass", example, flags=re.MULTILINE)


def square(number: int) -> int:
    return number * number


@pytest.mark.parametrize("name", docstring_examples())
def test_the_examples_of_docstrings_run(name: str, server: "shoal.testing.Server") -> None:
    urls = [server.url(f"/json/{number}") for number in range(101, 104)]
    page = '<article><a class="next" href="/2">Next</a><div class="offer"><span class="price">3</span></div></article>'
    documents: dict[str, list] = {
        "shoal.parallel.json_extract": ['{"id": 1, "team": {"name": "A"}, "games": [{"date": "2024-05-01"}]}'],
        "shoal.parallel.decompress": shoal.parallel.compress([b"text"]).result(),
    }
    responses: dict[str, list] = {
        "shoal.parallel.json_rows": ['{"items": [{"id": 1, "name": "A"}], "resultSets": [{"rowSet": [[1]]}]}'],
    }
    namespace = {
        "shoal": shoal,
        "parallel": shoal.parallel,
        "urls": urls,
        "docs": documents.get(name, ["ann@example.org wrote a text of seven words", "another one, longer than that"]),
        "pages": [page],
        "responses": responses.get(name, [page]),
        "numbers": range(5),
        "square": square,
    }
    for example in docstring_examples()[name]:
        for module in ("numpy", "pandas"):
            if f"{module}." in example:
                namespace[module] = pytest.importorskip(module, minversion="3" if module == "pandas" else None)
        code = runnable(example).replace("https://api.example.com", server.url("/json").removesuffix("/"))
        compiled = compile(code, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if compiled.co_flags & inspect.CO_COROUTINE:

            async def run(compiled=compiled) -> None:
                await eval(compiled, namespace)

            asyncio.run(run())
        else:
            exec(compiled, namespace)


def test_the_check_of_the_built_site_finds_dead_links(tmp_path: Path) -> None:
    check = load_check()
    (tmp_path / "sub").mkdir()
    (tmp_path / "index.html").write_text(
        '<a href="sub/">ok</a> <a href="sub/#there">ok</a> <a href="https://example.com/">not followed</a>'
        '<a href="nowhere/">1</a> <a href="sub/#missing">2</a> <script src="https://example.com/x.js"></script>'
        '<img src="gone.svg">'
    )
    (tmp_path / "sub/index.html").write_text('<h1 id="there">A</h1> <a href="..">ok</a> <a href="../">ok</a>')
    found = [line for line in check.problems(tmp_path) if "not in the reference" not in line]
    assert [line.partition(": ")[2] for line in found] == [
        "nowhere/: no such page",
        "sub/#missing: no such anchor",
        "https://example.com/x.js: loaded from another site",
        "gone.svg: no such page",
    ]
    assert "shoal.gather_fetch: not in the reference" in check.problems(tmp_path)
    assert "shoal.Response.json: not in the reference" in check.problems(tmp_path)
