"""Rules of the code base that no linter checks."""

import inspect
import re
from pathlib import Path

import pytest

import shoal
from import_graph import Graph, circles, folded, import_graph, imports, paths, told

ROOT = Path(__file__).parent.parent
CRATES = sorted(path.parent for path in ROOT.glob("crates/*/Cargo.toml"))
EXTENSION = sorted((ROOT / "src").rglob("*.rs"))
SOURCES = EXTENSION + sorted(path for path in ROOT.glob("crates/*/src/**/*.rs") if path.stem != "tests")


def code_of(path: Path) -> str:
    """A Rust file without comments and without items for tests."""
    return re.sub(r"//.*", "", without_tests(path.read_text()))


# An item under #[cfg(test)]: its attributes, then one line, or several up to the closing brace. rustfmt puts that brace
# alone on a line with the indentation of the attributes.
TEST_ITEM = re.compile(
    r"""^(\ *)\#\[cfg\(test\)\]\n
        (?:\1\#.*\n|\1\ {4}.*\n|\1\)\]\n)*
        (?:\1.*[;,]\n|\1.*\{.*\}\n|\1\S.*\{\n(?:.*\n)*?\1\}\n)""",
    re.MULTILINE | re.VERBOSE,
)


def without_tests(source: str) -> str:
    return TEST_ITEM.sub("", source)


def offenders(pattern: str, paths: list[Path]) -> list[str]:
    found = re.compile(pattern)
    return [f"{path.relative_to(ROOT)}: {match}" for path in paths for match in found.findall(code_of(path))]


def manifest(name: str | Path) -> dict:
    return pytest.importorskip("tomllib").loads((ROOT / name).read_text())


def test_sources_are_found() -> None:
    assert len(EXTENSION) > 10
    assert {"http", "kernels", "runtime"} <= {path.name for path in CRATES}


def test_without_tests_removes_only_items_for_tests() -> None:
    source = """
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;

impl A {
    #[cfg(test)]
    pub fn checked(&self) -> bool {
        if self.a { true } else { false }
    }

    pub fn used(&self) {}
}

#[cfg(test)]
mod more {
    fn inside() {}
}

fn last() {}
"""
    code = without_tests(source)
    assert re.findall(r"fn (\w+)", code) == ["used", "last"]
    assert all("cfg(test)" not in code_of(path) for path in SOURCES)


# The crates that each crate may depend on.
LAYERS = {
    "runtime": set(),
    "json": set(),
    "kernels": {"json", "runtime"},
    "html": {"kernels"},
    "http": {"runtime"},
    "testserver": {"runtime"},
}


@pytest.mark.parametrize("crate", CRATES, ids=lambda crate: crate.name)
def test_a_crate_depends_only_on_lower_ones(crate: Path) -> None:
    uses = manifest(f"crates/{crate.name}/Cargo.toml")["dependencies"]
    assert {name.removeprefix("shoal-") for name in uses if name.startswith("shoal-")} <= LAYERS[crate.name]
    assert not [name for name in uses if name.startswith("pyo3")]


def test_the_paths_of_a_use_tree() -> None:
    assert set(paths("crate::a::{b, c::{d as e, f},}")) == {
        ("crate", "a", "b"),
        ("crate", "a", "c", "d"),
        ("crate", "a", "c", "f"),
    }


def test_import_circles_are_found() -> None:
    modules = {(), ("a",), ("a", "x"), ("b",)}
    assert imports("use crate::b::{self, C};\nuse super::Y;", ("a", "x"), modules) == {("b",), ("a",)}
    assert imports("mod x;\npub use x::Y;\nfn f() { crate::b::g() }", ("a",), modules) == {("a", "x"), ("b",)}
    graph: Graph = {("a",): {("a", "x")}, ("a", "x"): {("b",)}, ("b",): {("a",)}}
    assert circles(graph) == [{("a",), ("a", "x"), ("b",)}]
    assert circles({("a", "x"): {("b",)}, ("b",): {("a", "y")}, ("a", "y"): set()}) == []
    assert circles(folded({("a", "x"): {("b",)}, ("b",): {("a", "y")}, ("a", "y"): set()}, ())) == [{("a",), ("b",)}]


CODE = {"src": EXTENSION} | {f"crates/{crate.name}/src": sorted((crate / "src").rglob("*.rs")) for crate in CRATES}


# Crates with known import circles.
CIRCULAR = set()


@pytest.mark.parametrize("folder", sorted(CODE.keys() - CIRCULAR))
def test_no_import_circles(folder: str) -> None:
    graph = import_graph(CODE[folder], ROOT / folder, code_of)
    assert [told(circle, graph) for circle in circles(graph)] == []
    for inside in {module[:depth] for module in graph for depth in range(len(module) + 1)}:
        folders = folded(graph, inside)
        assert [told(circle, folders) for circle in circles(folders)] == [], "::".join(inside) or folder


def test_only_detach_rs_releases_the_gil() -> None:
    elsewhere = [path for path in SOURCES if path != ROOT / "src/bridge/detach.rs"]
    assert offenders(r"\.detach\(|\ballow_threads\b|PyEval_SaveThread", elsewhere) == []


def test_only_the_runtime_crate_starts_threads() -> None:
    elsewhere = [path for path in SOURCES if "crates/runtime" not in path.as_posix()]
    pattern = r"thread::(?:spawn|scope|Builder)|runtime::Builder|Runtime::new\(|ThreadPoolBuilder|rayon::spawn"
    assert offenders(pattern, elsewhere) == []


def test_no_wildcard_imports() -> None:
    # The macros of pyo3 need the traits and attributes of its prelude.
    assert offenders(r"use (?!pyo3::prelude)[\w:]+::\*;", SOURCES) == []
    for path in (ROOT / "python").rglob("*.py*"):
        if path.suffix in {".py", ".pyi"}:
            assert "import *" not in path.read_text(), path


@pytest.mark.parametrize(
    ("folder", "most"),
    [("src", 500), ("crates", 600), ("python", 500), ("tests", 600)],
    ids=["src", "crates", "python", "tests"],
)
def test_files_are_short(folder: str, most: int) -> None:
    paths = [path for ending in ("rs", "py") for path in (ROOT / folder).rglob(f"*.{ending}")]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in paths}
    assert {name: length for name, length in lengths.items() if length > most} == {}


def test_every_module_has_a_doc_comment() -> None:
    assert [str(path) for path in SOURCES if not path.read_text().startswith("//!")] == []


def test_lints_are_not_relaxed() -> None:
    lints = manifest("Cargo.toml")["workspace"]["lints"]
    assert all(
        manifest(path.relative_to(ROOT) / "Cargo.toml")["lints"] == {"workspace": True} for path in [ROOT, *CRATES]
    )
    for name in ("unwrap_used", "expect_used", "panic", "indexing_slicing", "todo", "dbg_macro", "print_stdout"):
        assert lints["clippy"][name] == "deny"
    assert lints["rust"]["unsafe_op_in_unsafe_fn"] == "deny"
    for path in SOURCES:
        library = code_of(path)
        relaxed = re.findall(r"allow\((?:[^)]*clippy::)?(?:unwrap_used|expect_used|panic|indexing_slicing)", library)
        assert not relaxed, path
        for attribute in re.findall(r"#!?\[(?:allow|expect)\(([^\]]*)\)\]", library):
            assert "reason" in attribute, f"{path}: #[allow({attribute})] gives no reason"


def public() -> dict[str, object]:
    """The exports of `shoal` and `shoal.parallel`, by name."""
    names = {name: getattr(shoal, name) for name in shoal.__all__ if name not in {"__version__", "parallel"}}
    return names | {f"parallel.{name}": getattr(shoal.parallel, name) for name in shoal.parallel.__all__}


@pytest.mark.parametrize("name", public())
def test_every_public_name_is_documented(name: str) -> None:
    thing = public()[name]
    text = inspect.getdoc(thing)
    assert text, name
    assert len(text) > 10, name
    if not inspect.isclass(thing):
        return
    for member, value in vars(thing).items():
        if member.startswith("_") or not (callable(value) or inspect.isdatadescriptor(value)):
            continue
        assert inspect.getdoc(getattr(thing, member)), f"{name}.{member}"


def test_every_public_name_is_in_the_stub() -> None:
    stub = (ROOT / "python/shoal/_shoal.pyi").read_text()
    for name, thing in public().items():
        if thing.__module__ == "shoal.exceptions" or inspect.isfunction(thing) or name == "USE_CLIENT_DEFAULT":
            continue  # written in Python
        plain = name.rpartition(".")[2]
        assert re.search(rf"^(?:class|def|async def) {plain}\b|^{plain}\b", stub, re.MULTILINE), name


def test_public_names_have_a_public_module() -> None:
    for name, thing in public().items():
        home = "shoal.parallel" if name.startswith("parallel.") else "shoal"
        # `__module__` of a function in an extension module names the defining module.
        places = {home, "shoal.exceptions"} if inspect.isclass(thing) else {home, "shoal._shoal"}
        assert thing.__module__ in places, f"{name}: {thing.__module__}"


def test_all_versions_are_equal() -> None:
    cargo = manifest("Cargo.toml")["workspace"]["package"]["version"]
    project = manifest("pyproject.toml")["project"]["version"]
    assert cargo == project == shoal.__version__
