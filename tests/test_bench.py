"""The tables of the benchmark are consistent: an absent library has a reason, and every goal is measured."""

import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

sys.path.append(str(Path(__file__).parent / "bench"))

import plots
from contenders import LIBRARIES, Entry, Result, entries_of
from targets import GOALS, goal_rows
from workloads import WORKLOADS


def made_up(*, cpu: dict[str, float]) -> list[Entry]:
    entries = [entry for entry in entries_of() if entry.key in cpu]
    for entry in entries:
        entry.results.append(Result(cpu[entry.key] * entry.n * 1e-6, 1.0, 10**8, 10**7, (1.0, 2.0, 30.0)))
    return entries


def test_every_goal_refers_to_a_measurement() -> None:
    known = {(entry.workload.key, entry.key) for entry in entries_of()}
    for goal in GOALS:
        assert (goal.workload, goal.ours) in known, goal
        assert not goal.theirs or (goal.workload, goal.theirs) in known, goal
        assert bool(goal.factor) != bool(goal.limit), goal
    assert {(entry.workload.key, entry.key) for entry in entries_of(quick=True, rivals=True)} <= known


@pytest.mark.parametrize("library", LIBRARIES, ids=[library.name for library in LIBRARIES])
def test_a_skipped_workload_has_a_reason(library) -> None:
    measured = {key for style in library.styles for key in style.workloads.split()}
    skipped = [key for keys, _ in library.skips for key in keys.split()]
    assert measured.isdisjoint(skipped)
    shared = [workload.key for workload in WORKLOADS if not workload.each or library.name == "shoal"]
    assert sorted([*measured, *skipped]) == sorted(shared)
    assert (Path(__file__).parent / f"bench/clients/{library.name}_.py").exists() or library.pure_rust


def test_a_goal_is_reached_or_missed_or_not_measured() -> None:
    entries = made_up(cpu={"shoal batch-asyncio": 10, "pycurl batch": 14, "hyper floor": 8})
    rows = {text: (figure, reached) for text, _, figure, reached in goal_rows(entries, partial=False)}
    assert rows["W1: CPU of pycurl batch ÷ shoal batch-asyncio"] == ("1.40", False)
    assert rows["W1: CPU of shoal batch-asyncio ÷ hyper floor"] == ("1.25", True)
    assert rows["W1: CPU of aiohttp singles-asyncio ÷ shoal batch-asyncio"] == ("–", None)
    assert rows["W1-ticker: shoal batch-asyncio: longest delay of the ticker, ms"] == ("30.0", False)
    assert "W1: CPU of aiohttp singles-asyncio ÷ shoal batch-asyncio" not in {
        text: figure for text, _, figure, _ in goal_rows(entries, partial=True)
    }


def test_charts_are_svg_and_mark_cut_bars() -> None:
    entries = made_up(cpu={"shoal batch-asyncio": 10, "aiohttp singles-asyncio": 90, "httpx singles-asyncio": 4000})
    picture = plots.render(plots.CHARTS[0], entries)
    texts = [element.text for element in ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")]
    assert "4,000" in texts
    assert any("cut off at 100" in text for text in texts)
    assert plots.render(plots.CHARTS[1], []) == ""
