"""Every script and notebook of `examples` runs, offline, and prints what it promises."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import notebooks

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))

# A part of the output of each script.
PRINTED = {
    "answer_in_time": "{'answers': 17, 'late': 1, 'failed': 2}",
    "mirror_files": "broken.bin failed: IncompleteBody\n100 files were fetched",
    "pages_to_markdown": "3 pages, 2 different ones: 0.md, 1.md",
    "players_to_table": "200 players, 4300 seasons in seasons.csv",
    "polite_client": "42 of 42 succeeded",
    "stream_to_sqlite": "1000 documents, 200000 bytes\n0 were known before",
}
# A part of the output of scripts that go on where they stopped, when they run again.
PRINTED_AGAIN = {
    "mirror_files": "100 files are there, 2 are missing",
    "stream_to_sqlite": "1000 documents, 200000 bytes\n1000 were known before",
}
# The values that cells of the notebooks show.
SHOWN = {
    "explore_an_api": ["150/150", "points in 20", "[(404, 'PlayerID=1')]"],
    "own_functions": ["40/40", "[0, 1, 4, 16, 36, 64, 81]", "WorkerDied at item 7", "ValueError('three') after"],
}


def run(script: Path, folder: Path) -> str:
    command = [sys.executable, "-W", "error", str(script)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8", timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_scripts(script: Path, tmp_path: Path) -> None:
    assert PRINTED[script.stem] in run(script, tmp_path)
    if again := PRINTED_AGAIN.get(script.stem):
        assert again in run(script, tmp_path)


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=notebooks.ignore_jupyters_warnings) for path in NOTEBOOKS],
    ids=lambda path: path.stem,
)
def test_notebooks(path: Path, tmp_path: Path) -> None:
    pytest.importorskip("ipykernel")
    if "import pandas" in path.read_text():
        pytest.importorskip("pandas")
    assert notebooks.stored_outputs(path) == [], "notebooks are stored without outputs"
    shown = notebooks.run(path, tmp_path)
    for value in SHOWN[path.stem]:
        assert value in shown


def test_every_example_is_listed() -> None:
    text = (EXAMPLES / "README.md").read_text()
    listed = set(re.findall(r"\]\((\w+\.(?:py|ipynb))\)", text))
    assert listed == {path.name for path in [*SCRIPTS, *NOTEBOOKS]}
