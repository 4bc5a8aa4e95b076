"""Runs notebooks in a real kernel."""

from pathlib import Path

import pytest

TIMEOUT = 60
# From Jupyter: sockets that zmq leaves to the garbage collector, and coroutines and loops of its synchronous interface.
ignore_jupyters_warnings = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:jupyter_client"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def read(path: Path):
    return pytest.importorskip("nbformat").read(path, as_version=4)


def stored_outputs(path: Path) -> list:
    """The outputs that a notebook is stored with."""
    return [cell["outputs"] for cell in read(path).cells if cell.get("outputs")]


def run(path: Path, folder: Path) -> str:
    """All output of a notebook that runs in a folder."""
    nbclient = pytest.importorskip("nbclient")
    notebook = read(path)
    nbclient.NotebookClient(
        notebook, timeout=TIMEOUT, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    texts = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            texts.append(output.get("text", ""))
            texts.extend(str(text) for text in output.get("data", {}).values())
    return "\n".join(texts)
