"""The pages for contributors are true: their links, paths and make targets exist, and the versions are equal."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "examples/README.md")]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
# The example of CONTRIBUTING.md, which a contributor would make.
IMAGINED = {"crates/kernels/src/text/words.rs"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_have_targets(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", [*PAGES, ROOT / "docs/releasing.md"], ids=lambda page: page.stem)
def test_paths_and_make_targets_exist(page: Path) -> None:
    text = page.read_text()
    paths = set(re.findall(r"`\.?((?:[\w.-]+/)+[\w.-]*)[^`]*`", text))
    known = ("crates/", "docs/", "examples/", "fuzz/", "python/", "src/", "tests/", "github/")
    missing = [
        path
        for path in paths - IMAGINED
        if path.startswith(known) and not (ROOT / path).exists() and not (ROOT / f".{path}").exists()
    ]
    assert missing == []
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE)) <= TARGETS


def test_the_version_to_cite_is_the_version() -> None:
    version = re.compile(r'^version[:=]? *=? *"?([^"\n]+)"?$', re.MULTILINE)
    cited, project = (version.search((ROOT / name).read_text()) for name in ("CITATION.cff", "pyproject.toml"))
    assert cited[1] == project[1]


def test_actions_are_pinned_to_one_commit() -> None:
    used: dict[str, set[str]] = {}
    for workflow in (ROOT / ".github/workflows").glob("*.yml"):
        for action, commit in re.findall(r"uses: (\S+)@(.+)", workflow.read_text()):
            assert re.fullmatch(r"[0-9a-f]{40} # v[\d.]+", commit), f"{workflow.name}: {action}@{commit}"
            used.setdefault(action, set()).add(commit)
    assert len(used) > 5
    assert {action: commits for action, commits in used.items() if len(commits) > 1} == {}
