"""The figures as Markdown and as charts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .charts import Bar, Panel, bars, lines
from .clock import Line

__all__ = ["charts", "markdown"]

TITLES = {
    "ops": "Single ops",
    "steps": "Training steps",
    "growth": "Growth with batch and depth",
    "spent": "Where the time of a training step goes",
    "memory": "Memory of a training step, predicted and measured",
    "sizes": "Size and import time",
}
SPEED = (
    "Speed is PyTorch's time over gpugraph's: 1 is as fast, 2 twice as fast. Each is the median of "
    "rounds taken in turns, with the 10 to 90 % range of the rounds; *best* compares the shortest "
    "times. Before a row is timed, the sides have agreed on its results."
)
RULE = "speed, 1 = PyTorch's (bigger is better)"


def markdown(group: str, about: dict[str, Any], found: dict[str, Any]) -> str:
    """The page of a group."""
    facts = ", ".join(f"{name} {value}" for name, value in about.items())
    lines_ = [f"# {TITLES[group]}", "", facts + ".", f"`python -m tools.bench {group}`.", ""]
    tables = {"growth": _growth, "sizes": _sizes, "spent": _spent, "memory": _memory}
    lines_ += tables.get(group, _speeds)(found)
    lines_ += [f"\n![{TITLES[group]}]({name})" for name in charts(group, found)]
    return "\n".join(lines_) + "\n"


def charts(group: str, found: dict[str, Any]) -> dict[str, str]:
    """SVG files by name; none where there is nothing to compare with."""
    if group == "growth":
        return {"growth.svg": lines(TITLES[group], list(_panels(found)))}
    rows = {}
    for row in found.get("rows", ()):
        compared = {
            side if group == "steps" else f"{side}, {run}": Bar(t["speed"], t["low"], t["high"])
            for run, times in row.get("runs", {}).items()
            for side, t in times.items()
            if "speed" in t
        }
        if compared:
            rows[row["name"]] = compared
    return {f"{group}.svg": bars(TITLES[group], rows, RULE)} if rows else {}


def _speeds(found: dict[str, Any]) -> Iterable[str]:
    rows = [row for row in found["rows"] if "runs" in row]
    for row in found["rows"]:
        if "mismatch" in row:
            yield f"**Not timed:** {row['mismatch']}\n"
    if not rows:
        return
    times = next(iter(rows[0]["runs"].values()))
    measure, *others = times
    compared = any("speed" in t for t in times.values())
    yield SPEED if compared else "PyTorch is not installed: times alone, nothing to compare with."
    if compared:
        geometric = {side: _mean(rows, side) for side in others}
        yield "Geometric mean: " + ", ".join(f"{s} {m:.2f}" for s, m in geometric.items()) + "."
    memory = list(dict.fromkeys(side for row in rows for side in row.get("peak", ())))
    heads = ["work", "run", f"{measure} (ms)"]
    for side in others:
        heads += [f"{side} (ms)", f"{side}: speed", "10 to 90 %", "best"]
    heads += [f"peak of {side} (MB)" for side in memory]
    yield ""
    yield f"| {' | '.join(heads)} |"
    yield "| --- " * len(heads) + "|"
    for row in rows:
        for run, times in row["runs"].items():
            cells = [row["name"], run, f"{times[measure]['ms']:.3g}"]
            for side in others:
                t = times[side]
                cells += [f"{t['ms']:.3g}", f"**{t['speed']:.2f}**"]
                cells += [f"{t['low']:.2f} to {t['high']:.2f}", f"{t['best']:.2f}"]
            cells += [f"{row['peak'][side] / 1e6:.1f}" for side in memory]
            yield f"| {' | '.join(cells)} |"


def _mean(rows: list[dict[str, Any]], side: str) -> float:
    product, n = 1.0, 0
    for row in rows:
        for times in row["runs"].values():
            product, n = product * times[side]["speed"], n + 1
    return float(product ** (1 / n))


def _memory(found: dict[str, Any]) -> Iterable[str]:
    yield (
        "Megabytes, each as predicted by `gpugraph.analysis.memory` / as measured: what waits for "
        "backward, by the graph; the peak, by tracemalloc and what the kernels count; of that what "
        "compiled kernels keep to work in; and the peak without weights and images, by how much "
        "the process grew, with all that Python and the system take besides."
    )
    yield "\n| step | side | kept | peak | of it kernels | growth |\n" + "| --- " * 6 + "|"
    for row in found["rows"]:
        cells = []
        for what in ("kept", "peak", "arena", "growth"):
            pair = (row[of].get(what) for of in ("predicted", "measured"))
            cells.append(" / ".join("?" if n is None else f"{n / 1e6:.2f}" for n in pair))
        yield f"| {row['name']} | {row['side']} | {' | '.join(cells)} |"


def _growth(found: dict[str, Any]) -> Iterable[str]:
    yield (
        "A training step of 3x3 convolutions of 16 channels, and the line through its time, or "
        "its peak memory. R^2 is the share of the variance that it explains: 1 is a straight line."
    )
    for sweep, told in found["sweeps"].items():
        sides = told["sides"]
        columns = [(side, what) for side in sides for what in sides[side]]
        yield f"\n| {sweep} | {' | '.join(f'{s}, {w}' for s, w in columns)} |"
        yield "| --- " * (1 + len(columns)) + "|"
        for i, value in enumerate(told["values"]):
            yield f"| {value} | " + " | ".join(
                f"{sides[s][w]['points'][i]:.3g}" for s, w in columns
            ) + " |"  # fmt: skip
        for part in ("intercept", "slope", "r2"):
            cells = [f"{sides[s][w]['fit'][part]:.4g}" for s, w in columns]
            yield f"| {'R^2' if part == 'r2' else part} | {' | '.join(cells)} |"


def _panels(found: dict[str, Any]) -> Iterable[Panel]:
    for sweep, told in found["sweeps"].items():
        sides = told["sides"]
        for what, title in (("ms", "time of a step (ms)"), ("peak MB", "peak memory (MB)")):
            these = {side: each[what] for side, each in sides.items() if what in each}
            if these:
                points = {s: list(zip(told["values"], e["points"])) for s, e in these.items()}
                yield Panel(title, sweep, points, {s: Line(**e["fit"]) for s, e in these.items()})


def _spent(found: dict[str, Any], most: int = 8) -> Iterable[str]:
    yield (
        "Time inside of ops and of the optimizer, the shortest of some steps. *Between ops* is the "
        "engine: calls, recording, the order of the backward pass, and memory."
    )
    for row in found["rows"]:
        yield f"\n## {row['name']}, {row['side']}\n"
        yield "| what | calls | ms | share |\n| --- | --- | --- | --- |"
        for name, told in list(row["spent"].items())[:most]:
            yield f"| {name} | {told['calls']:.0f} | {told['ms']:.3g} | {told['share']:.0%} |"


def _sizes(found: dict[str, Any]) -> Iterable[str]:
    yield f"Installed without extras: **{found['MB']:.1f} MB**, allowed {found['limit MB']:.0f}.\n"
    yield "| part | MB |\n| --- | --- |"
    for name, size in sorted(found["parts"].items(), key=lambda item: -item[1]):
        yield f"| {name} | {size:.1f} |"
    took = found["import"]
    yield (
        f"\n`import gpugraph` takes {took['gpugraph']:.3f} s, of which NumPy {took['numpy']:.3f} "
        f"s: **{took['extra']:.3f} s** more, allowed {found['limit seconds']}."
    )
