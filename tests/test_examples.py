"""Every script and notebook of `examples` runs, offline, and prints what it promises."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

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


# From Jupyter: sockets that zmq leaves to the garbage collector, and coroutines and loops of its synchronous interface.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:jupyter_client")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks(path: Path, tmp_path: Path) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    if "import pandas" in path.read_text():
        pytest.importorskip("pandas")
    notebook = nbformat.read(path, as_version=4)
    assert [cell for cell in notebook.cells if cell.get("outputs")] == [], "notebooks are stored without outputs"
    nbclient.NotebookClient(
        notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    shown = "\n".join(
        "\n".join([output.get("text", ""), *map(str, output.get("data", {}).values())]) for output in outputs
    )
    for value in SHOWN[path.stem]:
        assert value in shown


def test_every_example_is_listed() -> None:
    text = (EXAMPLES / "README.md").read_text()
    listed = set(re.findall(r"\]\((\w+\.(?:py|ipynb))\)", text))
    assert listed == {path.name for path in [*SCRIPTS, *NOTEBOOKS]}
