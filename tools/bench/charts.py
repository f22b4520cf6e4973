"""Charts as SVG, in the colours of the project's pages, readable on light and dark ground."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from math import ceil, floor, log2, log10
from typing import NamedTuple

from .clock import Line

__all__ = ["Bar", "Panel", "bars", "lines"]

# of the series, in this order
COLOURS = ("accent", "plus", "good", "gradient2-line", "error", "muted")
LABEL, PLOT, ROW, TOP = 225, 430, 13, 62  # pixels


class Bar(NamedTuple):
    """A ratio and its spread."""

    value: float
    low: float
    high: float


class Panel(NamedTuple):
    """A small chart: points of each series, and the line through them."""

    title: str
    x: str
    points: Mapping[str, Sequence[tuple[float, float]]]
    fits: Mapping[str, Line]


def bars(title: str, rows: Mapping[str, Mapping[str, Bar]], note: str) -> str:
    """Ratios on a logarithmic axis, each bar drawn from the line at 1.

    rows  of each label: its bars by series; a row may lack some
    note  what the axis tells, in a few words
    """
    series = list(dict.fromkeys(name for row in rows.values() for name in row))
    values = [edge for row in rows.values() for bar in row.values() for edge in bar]
    # an octave wider where a number would not find room beside its bar
    first = floor(log2(min([*values, 0.5])) - 0.8)
    last = ceil(log2(max([*values, 2])) + 0.5)
    step = PLOT / (last - first)
    told = 1 + (last - first) // 9  # every first, or second, line has its number below

    def across(value: float) -> float:
        return LABEL + step * (log2(value) - first)

    parts, y = [], float(TOP)
    for label, row in rows.items():
        tall = ROW * len(row)
        parts.append(_text(LABEL - 10, y + tall / 2 + 4, label, "end label"))
        for i, (name, bar) in enumerate(row.items()):
            parts += _bar(bar, across, y + ROW * i, series.index(name))
        y += tall + 7
    grid = [
        f'<line class="{"one" if power == 0 else "grid"}" x1="{across(2.0**power):.1f}" '
        f'x2="{across(2.0**power):.1f}" y1="{TOP - 6}" y2="{y:.1f}"/>'
        + (_text(across(2.0**power), y + 16, f"{2.0**power:.2g}", "middle") * (power % told == 0))
        for power in range(first, last + 1)
    ]
    parts.append(_text(LABEL, y + 36, note))
    wide = max(LABEL + PLOT + 60, LABEL + sum(map(_legend_width, series)))
    return _page(wide, y + 50, title, [*grid, *_legend(series, 44), *parts])


def _bar(bar: Bar, across: Callable[[float], float], y: float, series: int) -> Iterable[str]:
    a, b = sorted((across(1), across(bar.value)))
    middle = y + ROW / 2
    yield (
        f'<rect class="s{series}" x="{a:.1f}" y="{y + 1.5:.1f}" '
        f'width="{max(b - a, 0.5):.1f}" height="{ROW - 3}"/>'
    )
    yield (
        f'<line class="spread" x1="{across(bar.low):.1f}" x2="{across(bar.high):.1f}" '
        f'y1="{middle:.1f}" y2="{middle:.1f}"/>'
    )
    if bar.value < 1:
        yield _text(min(a, across(bar.low)) - 4, middle + 4, _ratio(bar.value), "end value")
    else:
        yield _text(max(b, across(bar.high)) + 4, middle + 4, _ratio(bar.value), "value")


def _ratio(value: float) -> str:
    return f"{value:.2f}" if 0.1 <= value < 10 else f"{value:.2g}"


def lines(title: str, panels: Sequence[Panel]) -> str:
    """Panels, two in a row, with axes from 0."""
    series = list(dict.fromkeys(name for panel in panels for name in panel.points))
    wide, tall = 380, 270
    parts = list(_legend(series, 44, 24))
    for i, panel in enumerate(panels):
        x, y = wide * (i % 2), 56 + tall * (i // 2)
        parts += _panel(panel, series, x + 62, y + 26, wide - 90, tall - 74)
    return _page(2 * wide, 60 + tall * ceil(len(panels) / 2), title, parts)


def _panel(
    panel: Panel, series: Sequence[str], left: float, top: float, wide: float, tall: float
) -> Iterable[str]:
    points = [p for each in panel.points.values() for p in each]
    most_x, most_y = max(p[0] for p in points), max(p[1] for p in points)
    yield _text(left - 38, top - 12, panel.title, "name")
    for y in _ticks(most_y):
        at = top + tall * (1 - y / most_y)
        yield f'<line class="grid" x1="{left}" x2="{left + wide}" y1="{at:.1f}" y2="{at:.1f}"/>'
        yield _text(left - 6, at + 4, f"{y:g}", "end")
    for x in _ticks(most_x):
        yield _text(left + wide * x / most_x, top + tall + 17, f"{x:g}", "middle")
    yield _text(left + wide / 2, top + tall + 33, panel.x, "middle")
    for name, each in panel.points.items():
        colour = series.index(name)
        line = panel.fits[name]
        ends = [max(0.0, min(most_y, line.intercept + line.slope * x)) for x in (0, most_x)]
        ys = [top + tall * (1 - y / most_y) for y in ends]
        yield (
            f'<line class="fit l{colour}" x1="{left}" x2="{left + wide}" '
            f'y1="{ys[0]:.1f}" y2="{ys[1]:.1f}"/>'
        )
        for x, y in each:
            yield (
                f'<circle class="s{colour}" cx="{left + wide * x / most_x:.1f}" '
                f'cy="{top + tall * (1 - y / most_y):.1f}" r="3.5"/>'
            )


def _ticks(most: float) -> list[float]:
    """Round numbers from 0 up to most, about four."""
    raw = most / 4
    unit = 10.0 ** floor(log10(raw))
    step = next(unit * f for f in (1, 2, 2.5, 5, 10) if unit * f >= raw)
    return [step * i for i in range(int(most / step + 1e-9) + 1)]


def _legend(series: Sequence[str], y: float, x: float = LABEL) -> Iterable[str]:
    for i, name in enumerate(series):
        yield f'<rect class="s{i}" x="{x:.1f}" y="{y - 9}" width="10" height="10"/>'
        yield _text(x + 15, y, name)
        x += _legend_width(name)


def _legend_width(name: str) -> float:
    """About what a name takes, with its square."""
    return 32 + 6.5 * len(name)


def _text(x: float, y: float, text: str, css: str = "") -> str:
    return f'<text class="{css}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _page(wide: float, tall: float, title: str, parts: Iterable[str]) -> str:
    css = files("gpugraph.viz").joinpath("static/theme.css").read_text(encoding="utf-8")
    light, dark = css.split("prefers-color-scheme: dark", 1)
    dark = dark.split("}\n}", 1)[0]
    style = (
        f"{_rules(light)}\n@media screen and (prefers-color-scheme: dark) {{\n{_rules(dark)}\n}}"
    )
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide:.0f}" height="{tall:.0f}" '
        f'viewBox="0 0 {wide:.0f} {tall:.0f}" role="img">\n<title>{escape(title)}</title>'
    )
    paper = f'<rect class="paper" width="{wide:.0f}" height="{tall:.0f}"/>'
    return "\n".join([head, f"<style>{style}</style>", paper, _text(24, 24, title, "head"),
                      *parts, "</svg>", ""])  # fmt: skip


def _rules(css: str) -> str:
    """CSS with the colours themselves: not every program that shows SVG knows variables."""
    c = dict(re.findall(r"--([\w-]+):\s*(#[0-9a-fA-F]+)", css))
    rules = [
        "text { font-family: 'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif; "
        f"font-size: 12px; fill: {c['muted']}; }}",
        ".middle { text-anchor: middle; } .end { text-anchor: end; } .value { font-size: 11px; }",
        f".label {{ fill: {c['ink']}; }}",
        f".name {{ font-size: 14px; font-weight: 700; fill: {c['ink']}; }}",
        f".head {{ font-size: 15px; font-weight: 700; fill: {c['ink']}; }}",
        f".paper {{ fill: {c['paper']}; }}",
        f".grid {{ stroke: {c['line']}; }}",
        f".one {{ stroke: {c['ink']}; stroke-width: 1.5; }}",
        f".spread {{ stroke: {c['ink']}; stroke-opacity: 0.6; }}",
        ".fit { stroke-width: 1.5; }",
    ]
    for i, name in enumerate(COLOURS):
        rules.append(f".s{i} {{ fill: {c[name]}; }} .l{i} {{ stroke: {c[name]}; }}")
    return "\n".join(rules)
