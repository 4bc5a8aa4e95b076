"""The demo with 40 players."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from shoal._demo import story

PLAYERS = 40
SAMPLE = 4


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess, Path]:
    for needed in story.NEEDED:
        pytest.importorskip(needed)
    folder = tmp_path_factory.mktemp("demo")
    options = ["--players", str(PLAYERS), "--latency", "0.02", "--sample", str(SAMPLE), "--out", "files"]
    command = [sys.executable, "-W", "error", "-m", "shoal", "demo", *options]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=60), folder / "files"


def test_the_demo_succeeds(demo) -> None:
    done, _ = demo
    assert done.returncode == 0, done.stderr
    assert "are equal, byte for byte" in done.stdout
    assert "python -m shoal fetch urls.txt --out DIR" in done.stdout


def test_the_table_has_a_row_per_method(demo) -> None:
    done, _ = demo
    number = r"\s+[\d.]+"
    for way, mark in [("requests, one by one", r"\*"), ("aiohttp \\+ aiofiles", ""), ("shoal", "")]:
        row = rf"^{way}{number} s{mark}\s*{number} s{mark}\s*{number} ms\s+\d+$"
        assert re.search(row, done.stdout, re.MULTILINE), (way, done.stdout)
    assert f"extrapolated: {SAMPLE} of {PLAYERS} were fetched" in done.stdout


def test_the_demo_shows_progress(demo) -> None:
    done, _ = demo
    assert f"{PLAYERS}/{PLAYERS}" in done.stderr
    assert f"{SAMPLE}/{SAMPLE}" in done.stderr


def test_each_player_has_one_file(demo) -> None:
    _, folder = demo
    ways = {way: {path.name: path.read_bytes() for path in (folder / way).iterdir()} for way in ("aiohttp", "shoal")}
    assert ways["aiohttp"] == ways["shoal"]
    assert len(ways["shoal"]) == PLAYERS
    ids = set()
    for name, body in ways["shoal"].items():
        found = json.loads(body)["resultSets"][0]
        player = dict(zip(found["headers"], found["rowSet"][0], strict=True))
        ids.add(player["PERSON_ID"])
        stem = story.file_name(f"{player['LAST_NAME']}, {player['FIRST_NAME']}")
        assert name in {f"{stem}.json", f"{stem}_{player['PERSON_ID']}.json"}
    assert len(ids) == PLAYERS


@pytest.mark.parametrize(
    ("listed", "name"),
    [
        ("O'Neal, Shaquille", "Shaquille_O'Neal"),
        ("Van Exel, Nick", "Nick_Van_Exel"),
        ("Hilario, Nene", "Nene_Hilario"),
        ("Nenê", "Nenê"),
        ("Jokić, Nikola", "Nikola_Jokić"),
        ("Jones/Smith, A.", "A._Jones_Smith"),
        ("Porter Jr., Michael", "Michael_Porter_Jr"),
    ],
)
def test_file_names_are_derived_from_player_names(listed: str, name: str) -> None:
    assert story.file_name(listed) == name


def test_lines_of_code_exclude_comments_and_docstrings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sample_way.py").write_text(
        '"""Head\n\nmore."""\n\nimport os\n\n\n# why\ndef f():\n    """Doc."""\n    return os\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    import sample_way

    assert story.lines_of_code(sample_way) == 3
