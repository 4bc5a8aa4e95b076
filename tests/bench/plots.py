"""Bar charts as SVG, a file for each group of workloads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

from contenders import Entry

WIDTH, LEFT, RIGHT = 760, 212, 64
BAR, GAP, HEAD = 16, 6, 48
# Bars longer than this multiple of Shoal's are cut off and marked.
CUT = 10.0

COLOURS = {"shoal": "#d9480f", "floor": "#868e96", "peer": "#91a7c7"}
STYLE = (
    "text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:#212529}"
    ".title{font-size:14px;font-weight:600}.note{fill:#5c636a;font-size:11px}.ours{font-weight:600}"
)


class Panel(NamedTuple):
    """One measure at one workload."""

    workload: str
    measure: str
    title: str


class Chart(NamedTuple):
    """One file."""

    name: str
    alt: str
    panels: tuple[Panel, ...]


CHARTS = (
    Chart("w1", "CPU time of a small request, by client", (Panel("W1", "cpu", "W1: CPU µs for a body of 111 bytes"),)),
    Chart("w2", "CPU time of a document, by client", (Panel("W2", "cpu", "W2: CPU µs for 10 KiB of JSON → objects"),)),
    Chart(
        "w3-w4",
        "CPU time of large bodies, by client",
        (
            Panel("W3", "cpu", "W3: CPU ms for a body of 1 MiB"),
            Panel("W4", "cpu", "W4: CPU ms for 100 MiB → bytes"),
            Panel("W4f", "cpu", "W4f: CPU ms for 100 MiB → a file"),
        ),
    ),
    Chart("w5", "CPU time of a file, by client", (Panel("W5", "cpu", "W5: CPU µs for 10 KiB → a file of its own"),)),
    Chart(
        "w6-w7",
        "Many slow answers at once, by client",
        (
            Panel("W6", "cpu", "W6: CPU µs for an answer after 50 ms, 1,000 in flight"),
            Panel("W6", "p99", "W6: a 5 ms ticker on the event loop is late by, ms at p99"),
            Panel("W7", "wall", "W7: 10,000 answers after 500 ms at once, s in all"),
            Panel("W7", "most", "W7: the event loop stands still for, ms at most"),
            Panel("W7", "each", "W7: memory for each request, KiB"),
        ),
    ),
)  # fmt: skip


class Bar(NamedTuple):
    """The bar of one client."""

    label: str
    value: float
    kind: str


def bars(panel: Panel, entries: Sequence[Entry]) -> list[Bar]:
    """The styles of each library on its fastest loop, the shortest bar first."""
    best: dict[str, Bar] = {}
    for entry in entries:
        if entry.workload.key != panel.workload or not entry.results:
            continue
        if panel.measure in {"p50", "p99", "most"} and not entry.loop:
            continue
        name = f"{entry.library.name} {entry.style.name}"
        kind = "shoal" if entry.library.name == "shoal" else "floor" if entry.library.pure_rust else "peer"
        label = f"{_style(entry)}, {entry.loop}" if entry.loop else _style(entry)
        bar = Bar(label, entry.median(panel.measure), kind)
        if name not in best or bar.value < best[name].value:
            best[name] = bar
    return sorted(best.values(), key=lambda bar: bar.value)


def _style(entry: Entry) -> str:
    name = entry.library.name
    if entry.library.pure_rust:
        return f"{name} (Rust)"
    if name == "shoal":
        return "shoal gather_fetch" if entry.style.name == "batch" else "shoal get"
    return name if len(entry.library.styles) == 1 or entry.style.name == "singles" else f"{name} + {entry.style.name}"


def render(chart: Chart, entries: Sequence[Entry]) -> str:
    """The chart, or `None` if nothing was measured."""
    y = 0.0
    parts: list[str] = []
    for panel in chart.panels:
        found = bars(panel, entries)
        if found:
            parts += _panel(panel, found, y)
            y += HEAD + len(found) * (BAR + GAP) + 14
    if not parts:
        return ""
    size = f'width="{WIDTH}" height="{y:.0f}" viewBox="0 0 {WIDTH} {y:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(chart.alt)}">'
    return "\n".join(
        [head, f"<style>{STYLE}</style>", f'<rect width="{WIDTH}" height="{y:.0f}" fill="#fff"/>', *parts, "</svg>", ""]
    )


def _panel(panel: Panel, found: Sequence[Bar], top: float) -> Iterator[str]:
    ours = [bar.value for bar in found if bar.kind == "shoal"]
    longest = max(bar.value for bar in found)
    limit = min(longest, CUT * max(min(ours), longest / 1e4)) if ours else longest
    cut = sum(bar.value > limit for bar in found)
    note = "less is better" + (f"; bars that end in a gap are cut off at {figure(limit)}" if cut else "")
    yield f'<text class="title" x="12" y="{top + 22:.0f}">{escape(panel.title)}</text>'
    yield f'<text class="note" x="12" y="{top + 37:.0f}">{note}</text>'
    scale = (WIDTH - LEFT - RIGHT) / (limit or 1)
    for index, bar in enumerate(found):
        y = top + HEAD + index * (BAR + GAP)
        length = max(min(bar.value, limit) * scale, 1.0)
        weight = ' class="ours"' if bar.kind == "shoal" else ""
        yield f'<text{weight} x="{LEFT - 8}" y="{y + 12:.0f}" text-anchor="end">{escape(bar.label)}</text>'
        yield f'<rect x="{LEFT}" y="{y:.0f}" width="{length:.1f}" height="{BAR}" fill="{COLOURS[bar.kind]}"/>'
        if bar.value > limit:
            x = LEFT + length - 18
            yield f'<path d="M{x:.0f} {y + BAR:.0f}l6 -{BAR}h5l-6 {BAR}z" fill="#fff"/>'
        yield f'<text{weight} x="{LEFT + length + 6:.0f}" y="{y + 12:.0f}">{figure(bar.value)}</text>'


def figure(value: float) -> str:
    """A number with three significant digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
