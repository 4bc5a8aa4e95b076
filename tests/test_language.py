"""The old private words stay out of the code: `names.txt` lists identifiers and phrases that were replaced."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NAMES = Path(__file__).with_name("names.txt")
SEARCHED = ("src", "crates", "fuzz", "python", "tests", "docs", "README.md")
ENDINGS = {".rs", ".py", ".pyi", ".md", ".toml"}


def section(name: str) -> list[str]:
    """The entries of one section of names.txt."""
    text = re.split(r"^\[(\w+)\]$", NAMES.read_text(), flags=re.MULTILINE)
    sections = dict(zip(text[1::2], text[2::2], strict=True))
    lines = (line.strip() for line in sections[name].splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def searched() -> Iterator[tuple[Path, str]]:
    for name in SEARCHED:
        found = ROOT / name
        for path in [found] if found.is_file() else sorted(found.rglob("*")):
            built = {"target", "__pycache__"} & set(path.relative_to(ROOT).parts)
            if path.suffix in ENDINGS and path.is_file() and not built and path != Path(__file__):
                yield path, path.read_text()


def pattern(entries: list[str], flags: int) -> re.Pattern[str]:
    """Any of the entries as whole words; a space stands for any white space, also a line break within a comment."""
    gap = r"(?:\s|\n\s*(?://[/!]?|\#)\s)+"
    words = (
        r"\b" * entry[0].isalnum() + gap.join(map(re.escape, entry.split())) + r"\b" * entry[-1].isalnum()
        for entry in entries
    )
    return re.compile("|".join(sorted(words, key=len, reverse=True)), flags)


@pytest.mark.parametrize(("name", "flags"), [("identifiers", 0), ("phrases", re.IGNORECASE)])
def test_the_old_names_and_phrases_are_gone(name: str, flags: int) -> None:
    old = pattern(section(name), flags)
    found = [
        f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}: {' '.join(match[0].split())}"
        for path, text in searched()
        for match in old.finditer(text)
    ]
    assert found == [], f"names.txt has the reasons; {len(found)} places:\n" + "\n".join(found[:40])


def test_the_search_finds_an_entry_across_a_line_break() -> None:
    assert pattern(["so many"], re.IGNORECASE).search("/// So\n    /// many of them")
    assert pattern(["turn_ended"], 0).search("fn turn_ended(&self)")
    assert not pattern(["turn_ended"], 0).search("fn return_ended(&self)")


def test_the_lists_have_no_duplicates() -> None:
    for name in ("identifiers", "phrases"):
        entries = [entry.casefold() if name == "phrases" else entry for entry in section(name)]
        assert len(entries) == len(set(entries))
