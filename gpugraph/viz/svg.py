"""A graph as a drawing: one SVG file that needs nothing else.

Data flows from top to bottom. A parameter or constant with one user stands beside it, so that the
column of ops stays readable. A frame holds what is in a module or scope; a closed one is a box.
The gradient ops of a box stand in its row, in a column of their own, and flow upwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

from .boxes import Box, escape_title
from .clusters import Cluster, feeders
from .columns import Columns
from .curves import Point, curve
from .text import element, width
from .view import View

__all__ = ["draw"]

MARGIN, HEAD, HEAD_SIZE = 24.0, 44.0, 15.0
KINDS = ("op", "group", "parameter", "input", "constant", "gradient", "gradient2")
TITLES = ("forward", "gradient", "gradient of the gradient")


def draw(graph: Mapping[str, Any], depth: int | None = None, saved: bool = False) -> str:
    """The graph as the text of an SVG file; equal graphs give equal texts.

    graph  as in JSON, see ``docs/graph-json.md``; laid out if it has no ``layout``
    depth  so many levels of groups are seen, the last one closed: 1 shows the outermost modules as
           boxes; by default as many as give at most 300 boxes
    saved  draw also what the forward pass keeps for the gradients, as dashed lines
    """
    columns = Columns(View(graph, depth), graph["edges"])
    frames = list(_frames(columns))
    parts = [frame for frame, _ in frames]
    if saved:
        parts += _saved(columns, graph["edges"])
    for c in range(columns.n):
        parts += _links(columns, c)
    parts += _used(columns, graph["edges"])
    for c, cells in enumerate(columns.cells):
        for cell in cells.values():
            if isinstance(cell, Cluster):
                parts += cell.svg(f"edge {_kind(c)}")
            else:
                parts += [curve(line, "edge forward tip", across=True) for line in feeders(cell)]
                parts += [box.svg() for box in (cell, *cell.beside)]
    parts += [caption for _, caption in frames]
    parts += _heads(columns)
    return _page(parts, columns, graph.get("meta", {}).get("title", ""))


def _kind(c: int) -> str:
    return ("forward", "gradient", "gradient2")[min(c, 2)]


def _frames(columns: Columns) -> Iterator[tuple[str, str]]:
    """For each open group in each column: its frame, and its caption."""
    view = columns.view
    for g, shown in enumerate(view.shown):
        if not shown or not g or view.slim[g]:
            continue
        for c in range(columns.n):
            if not columns.busy[c][g]:
                continue
            x, y = columns.corner[c][g]
            wide, tall = columns.wide[c][g], columns.tall[g]
            path = escape_title(view.groups[g]["path"])
            frame = (
                f'<g class="frame {_kind(c)}" data-id="g{g}"><title>{path}</title>'
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{tall:.1f}" '
                'rx="10"/></g>'
            )
            at = x + columns.caption[c][g]
            yield frame, element(columns.caption_of(g), at, y + 19, 12, "caption")


def _links(columns: Columns, c: int) -> list[str]:
    """The lines of a column: those of the forward pass down, those of gradients up."""
    view, parts = columns.view, []
    shifts = _ports(columns) if c == 0 else {}
    for g, ks in columns.used[c].items():
        if view.slim[g]:
            continue  # lines from outside end at the one box in it
        for k in ks:
            link = view.layout[g]["links"][k]
            points = columns.track(c, g, k)
            style = f"edge {_kind(c)}" + (" back" if link["back"] else "")
            if c == 0:
                shift = shifts.get((g, k), 0.0)
                points[-2:] = [(x + shift, y) for x, y in points[-2:]]
                style += _tip(columns, c, g, link["to"])
            else:
                points.reverse()
                style += _tip(columns, c, g, link["from"])
            parts.append(curve(points, style))
    for wire in columns.wires[c]:
        if wire.way is None:
            a, b = columns.cells[c][wire.source], columns.cells[c][wire.target]
            parts.append(_stray(a, b, wire.value[0], f"edge {_kind(c)} tip"))
    return parts


def _tip(columns: Columns, c: int, g: int, at: Sequence[int]) -> str:
    """Whether a line ends here with an arrow: at a box, not at a frame or at a cluster's side."""
    cell = columns.cells[c].get(columns.thing(columns.item(g, at)))
    ends = isinstance(cell, Box) or (isinstance(cell, Cluster) and cell.closed is not None)
    return " tip" if ends else ""


def _ports(columns: Columns) -> dict[tuple[int, int], float]:
    """How far right of a box's middle each link comes in, where several do."""
    found: dict[tuple[int, int], float] = {}
    for g, ks in columns.used[0].items():
        if columns.view.slim[g]:
            continue
        links = columns.view.layout[g]["links"]
        fed: dict[tuple[int, ...], list[tuple[float, int]]] = {}
        for k in ks:
            points = columns.track(0, g, k)
            fed.setdefault(tuple(links[k]["to"]), []).append((points[-3][0], k))
        for at, ends in fed.items():
            cell = columns.cells[0].get(columns.item(g, at))
            if isinstance(cell, Box):
                ends.sort()
                shifts = cell.ports([x for x, _ in ends])
                found.update(((g, k), shift) for (_, k), shift in zip(ends, shifts))
    return found


def _stray(a: Box | Cluster, b: Box | Cluster, node: int, style: str) -> str:
    """A gradient that goes where the forward pass has no line: straight there, behind all boxes."""
    if isinstance(a, Cluster):
        a = a.closed or a.boxes[node]
    if isinstance(b, Cluster):
        b = b.closed or next(iter(b.boxes.values()))
    if a.y > b.y:
        return curve([(a.x, a.y), (b.x, b.y + b.height)], style)
    return curve([(a.x, a.y + a.height), (b.x, b.y)], style)


def _saved(columns: Columns, edges: Iterable[Sequence[int]]) -> list[str]:
    """Dashed lines from what the forward pass keeps to the ops that read it."""
    found: dict[str, None] = {}
    for source, _, target, _, saved in edges:
        if not saved:
            continue
        a, b = (_shown(columns, v) for v in (source, target))
        if a is not b:
            start = (a.x + a.width / 2, a.y + a.height / 2)
            end = (b.x - b.width / 2, b.y + b.height / 2)
            found[curve([start, end], "edge saved", across=True)] = None
    return list(found)


def _used(columns: Columns, edges: Iterable[Sequence[int]]) -> list[str]:
    """Lines from gradients to ops of the forward pass that read them, as a penalty does."""
    order = columns.view.tree.order
    found: dict[str, None] = {}
    for source, _, target, *_ in edges:
        if order[source] > order[target]:
            a, b = (_shown(columns, v) for v in (source, target))
            start = (a.x - a.width / 2, a.y + a.height / 2)
            end = (b.x + b.width / 2, b.y + b.height / 2)
            style = f"edge {_kind(order[source])} tip"
            found[curve([start, end], style, across=True)] = None
    return list(found)


def _shown(columns: Columns, v: int) -> Box:
    """The box that shows a node."""
    view = columns.view
    cell = columns.cells[view.tree.order[v]][view.box(view.anchors[v])]
    if isinstance(cell, Cluster):
        if cell.closed is not None:
            return cell.closed
        everything = [box for main in cell.boxes.values() for box in (main, *main.beside)]
    else:
        everything = [cell, *cell.beside]
    return next((box for box in everything if box.key == f"n{v}"), everything[0])


def _heads(columns: Columns) -> list[str]:
    """What each column is, if there are several."""
    if columns.n == 1:
        return []
    parts = []
    for c in range(columns.n):
        text = TITLES[c] if c < len(TITLES) else f"gradient of order {c}"
        x = columns.corner[c][0][0]
        parts.append(element(text, x, -HEAD + HEAD_SIZE, HEAD_SIZE, f"head {_kind(c)}"))
    return parts


def _page(parts: Iterable[str], columns: Columns, title: str) -> str:
    wide, tall = _extent(columns)
    top = MARGIN + (HEAD if columns.n > 1 else 0.0)
    x, y = -MARGIN, -top
    wide, tall = wide + 2 * MARGIN, tall + top + MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide:.0f}" height="{tall:.0f}" '
        f'viewBox="{x:.1f} {y:.1f} {wide:.1f} {tall:.1f}" role="img">'
    )
    name = f"<title>{escape_title(title or 'computation graph')}</title>"
    paper = f'<rect class="paper" x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{tall:.1f}"/>'
    return "\n".join([head, name, _style(), paper, *parts, "</svg>", ""])


def _extent(columns: Columns) -> Point:
    last = columns.n - 1
    wide = columns.corner[last][0][0] + columns.wide[last][0]
    if last:
        texts = [width(title, HEAD_SIZE, bold=True) for title in TITLES]
        wide = max(wide, columns.corner[last][0][0] + max(texts))
    return wide, columns.tall[0]


# Colours


def _style() -> str:
    """Arrow heads and a style sheet: the colours of our pages, for light and dark."""
    css = files(__package__).joinpath("static/theme.css").read_text(encoding="utf-8")
    light, dark = css.split("prefers-color-scheme: dark", 1)
    tips = "".join(
        f'<marker id="tip-{kind}" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" '
        f'markerHeight="7" orient="auto"><path class="head-{kind}" d="M0 0.5L8 4L0 7.5z"/></marker>'
        for kind in ("forward", "gradient", "gradient2")
    )
    plain, night = _rules(_colours(light)), _rules(_colours(dark.split("}\n}", 1)[0]))
    return (
        f"<defs>{tips}</defs><style>{plain}\n@media screen and (prefers-color-scheme: dark) {{"
        f"{night}\n}}</style>"
    )


def _colours(css: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+):\s*(#[0-9a-fA-F]+)", css))


def _rules(colour: Mapping[str, str]) -> str:
    """CSS with the colours themselves: not every program that shows SVG knows variables."""
    lines = {"forward": "edge", "gradient": "gradient-line", "gradient2": "gradient2-line"}
    rules = [
        "text { font-family: 'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif; "
        f"font-size: 12px; fill: {colour['muted']}; }}",
        f".name {{ font-size: 14px; font-weight: 700; fill: {colour['ink']}; }}",
        f".caption {{ font-weight: 700; fill: {colour['muted']}; paint-order: stroke; "
        f"stroke: {colour['group']}; stroke-width: 4px; }}",
        f".head {{ font-size: 15px; font-weight: 700; fill: {colour['ink']}; }}",
        f".paper {{ fill: {colour['paper']}; }}",
        f".edge {{ fill: none; stroke-width: 1.5; stroke: {colour['edge']}; }}",
        f".saved {{ stroke: {colour['saved']}; stroke-dasharray: 4 4; }}",
        ".back { stroke-dasharray: 7 4; }",
        ".box rect { stroke-width: 1.2; }",
    ]
    rules += [
        f".{kind} rect {{ fill: {colour[kind]}; stroke: {colour[kind + '-line']}; }}"
        for kind in KINDS
    ]
    rules += [
        f".frame rect {{ fill: {colour['group']}; stroke: {colour['group-line']}; "
        "stroke-width: 1; fill-opacity: .6; }"
    ]
    for kind, name in lines.items():
        rules.append(f".edge.{kind} {{ stroke: {colour[name]}; }}")
        rules.append(f".head-{kind} {{ fill: {colour[name]}; }}")
        rules.append(f".tip.{kind} {{ marker-end: url(#tip-{kind}); }}")
    rules.append(f".edge.saved {{ stroke: {colour['saved']}; }}")
    rules.append(
        f".error rect {{ fill: {colour['error-soft']}; stroke: {colour['error']}; "
        "stroke-width: 2.4; }"
    )
    return "\n" + "\n".join(rules)
