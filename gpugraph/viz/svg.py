"""Drawing a graph as SVG, with nothing but the standard library.

Data flows from top to bottom. A parameter or constant with one user stands beside it, so that the
column of ops stays readable. A frame with a caption holds the ops of one scope.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from typing import TypeAlias

from .graph import Graph, GraphNode
from .layout import Layout, layered

__all__ = ["draw"]

STYLE = """
text { font: 11px Helvetica, Arial, "DejaVu Sans", sans-serif; fill: #5b6779; }
.label { font-size: 13px; font-weight: 600; fill: #1f2a3c; }
.caption { font-weight: 600; fill: #6b7c99; text-anchor: end; }
.op { fill: #eaf1fb; stroke: #7f9cc7; }
.parameter { fill: #fdf0d8; stroke: #d6a756; }
.input { fill: #e3f3e6; stroke: #78ad80; }
.constant { fill: #e9f4ea; stroke: #84b18a; }
.frame { fill: #5b76a8; fill-opacity: .06; stroke: #b6c3d9; stroke-dasharray: 4 3; }
.edge { fill: none; stroke: #8390a3; stroke-width: 1.3; marker-end: url(#tip); }
"""
TIP = (
    '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto"><path d="M0 0.5 L8 4 L0 7.5 z" fill="#8390a3"/></marker>'
)
LINE, PAD = 16.0, 10.0  # height of a line, padding in a box
BESIDE, PILE, ROW, COLUMN, PORT = 26.0, 6.0, 32.0, 32.0, 14.0  # gaps
CAPTION, FRAME, MARGIN = 24.0, 10.0, 16.0  # a frame's space on top, at its other sides; the page's
WRAP = 36  # characters of parameters in a line

Point: TypeAlias = tuple[float, float]
Rect: TypeAlias = tuple[float, float, float, float]  # left, top, right, bottom
Path: TypeAlias = tuple[str, ...]


@dataclass
class Box:
    """A rectangle with lines of text; x is its centre, y its top."""

    node: GraphNode
    lines: list[str]
    beside: list[Box] = field(default_factory=list)
    x: float = 0.0
    y: float = 0.0

    @property
    def width(self) -> float:
        """As wide as its longest line."""
        return 2 * PAD + max(40.0, *(_width(s, 11 if i else 14) for i, s in enumerate(self.lines)))

    @property
    def height(self) -> float:
        """As high as its lines."""
        return LINE * len(self.lines) + PAD

    @property
    def pile(self) -> float:
        """Height of what stands beside it."""
        return sum(box.height + PILE for box in self.beside) - PILE

    @property
    def reach(self) -> Point:
        """How far it and what stands beside it reach to the left and right of x."""
        aside = max((BESIDE + box.width for box in self.beside), default=0.0)
        return self.width / 2, self.width / 2 + aside

    @property
    def rect(self) -> Rect:
        """The space it takes, with what stands beside it."""
        left, right = self.reach
        return self.x - left, self.y, self.x + right, self.y + max(self.height, self.pile)

    def move(self, x: float, y: float) -> None:
        """Put it at its place, and what stands beside it in the middle of its right side."""
        self.x, self.y = x, y
        y += max(0.0, (self.height - self.pile) / 2)
        for box in self.beside:
            box.move(x + self.width / 2 + BESIDE + box.width / 2, y)
            y += box.height + PILE


def draw(graph: Graph) -> str:
    """The graph as the text of an SVG file; equal graphs give equal texts."""
    boxes, edges = _boxes(graph)
    layout = layered([box.reach for box in boxes], edges, gap=COLUMN)
    groups = _groups(boxes)
    rows = _rows(boxes, layout, groups)
    for box, row, x in zip(boxes, layout.row, layout.x, strict=True):
        box.move(x, rows[row][0])
    frames = _frames(boxes, groups)
    parts = [_frame(path, rect) for path, rect in frames.items()]
    parts += _arrows(boxes, edges, layout, rows)
    parts += [_box(box) for main in boxes for box in (main, *main.beside)]
    passed = [
        (x, y0, x, y1)  # where a long edge passes a row
        for (a, _), xs in zip(edges, layout.passes, strict=True)
        for x, (y0, y1) in zip(xs, rows[layout.row[a] + 1 :])
    ]
    return _page(parts, [*frames.values(), *passed, *(box.rect for box in boxes)])


def _boxes(graph: Graph) -> tuple[list[Box], list[tuple[int, int]]]:
    """The boxes of the layout, with others beside them, and the edges between them."""
    inputs: dict[int, list[int]] = {node.id: [] for node in graph.nodes}
    users: dict[int, list[int]] = {node.id: [] for node in graph.nodes}
    names: dict[int, str] = {}
    for edge in graph.edges:
        inputs[edge.target].append(edge.source)
        users[edge.source].append(edge.target)
        value = graph.nodes[edge.target].inputs[edge.input]
        names.setdefault(edge.source, value.name if value else "")
    main = {v: min(u, key=lambda w: _rank(graph.nodes[w])) for v, u in inputs.items() if u}
    boxes: dict[int, Box] = {}
    aside: list[tuple[Box, int]] = []
    company = Counter(node.scope for node in graph.nodes if node.kind == "op")
    for node in graph.nodes:
        alone = node.kind == "op" and company[node.scope] == 1  # no frame will name its scope
        scope = ".".join(node.scope) if alone else ""
        box = Box(node, _lines(node, names.get(node.id, ""), scope))
        if node.kind != "op" and len(users[node.id]) == 1 and main[users[node.id][0]] != node.id:
            aside.append((box, users[node.id][0]))
        else:
            boxes[node.id] = box
    for box, user in aside:
        boxes[user].beside.append(box)
    place = {key: i for i, key in enumerate(boxes)}
    edges = [(place[e.source], place[e.target]) for e in graph.edges if e.source in place]
    return list(boxes.values()), edges


def _rank(node: GraphNode) -> int:
    """Which input of an op comes in from above: an op, else an array, a parameter, a number."""
    if node.kind == "constant" and not node.shapes[0]:
        return 3
    return ("op", "input", "constant", "parameter").index(node.kind)


def _lines(node: GraphNode, name: str, scope: str) -> list[str]:
    """Label, scope, parameters in lines of limited length, shapes."""
    lines = [node.label or name or node.kind]
    if scope:
        lines.append(scope)
    line = ""
    for param in node.params:
        if line and len(line) + len(param) > WRAP:
            lines.append(line)
            line = ""
        line += ("  " if line else "") + param
    plain = [dtype.replace("float32", "") for dtype in node.dtypes]  # the default is not news
    shapes = [f"{s} {d}".strip() for s, d in zip(node.shapes, plain, strict=True)]
    return lines + ([line] if line else []) + shapes


# Where things go


def _groups(boxes: Sequence[Box]) -> dict[Path, list[int]]:
    """For every scope with several ops in it the numbers of their boxes, outer scopes first."""
    found: dict[Path, list[int]] = {}
    for i, box in enumerate(boxes):
        scope = box.node.scope if box.node.kind == "op" else ()
        for depth in range(1, len(scope) + 1):
            found.setdefault(scope[:depth], []).append(i)
    several = {path: members for path, members in found.items() if len(members) > 1}
    return dict(sorted(several.items(), key=lambda item: len(item[0])))


def _rows(boxes: Sequence[Box], layout: Layout, groups: dict[Path, list[int]]) -> list[Point]:
    """Top and bottom of every row, with space between for the frames that begin and end there."""
    n = max(layout.row, default=-1) + 1
    begins: list[set[int]] = [set() for _ in range(n + 1)]  # depths of scopes
    ends: list[set[int]] = [set() for _ in range(n + 1)]
    for path, members in groups.items():
        begins[min(layout.row[i] for i in members)].add(len(path))
        ends[max(layout.row[i] for i in members) + 1].add(len(path))
    rows: list[Point] = []
    y = 0.0
    for r in range(n):
        y += (ROW if r else 0.0) + CAPTION * len(begins[r]) + FRAME * len(ends[r])
        inside = [box.rect for box, row in zip(boxes, layout.row, strict=True) if row == r]
        rows.append((y, y + max(bottom - top for _, top, _, bottom in inside)))
        y = rows[-1][1]
    return rows


def _frames(boxes: Sequence[Box], groups: dict[Path, list[int]]) -> dict[Path, Rect]:
    """A rectangle around the boxes of each scope; none where it would touch a stranger."""
    frames: dict[Path, Rect] = {}
    for path, members in reversed(groups.items()):  # inner ones first
        inner = [rect for other, rect in frames.items() if other[: len(path)] == path]
        left, top, right, bottom = _around([*(boxes[i].rect for i in members), *inner])
        right = max(right, left + _width(path[-1], 12))
        rect = (left - FRAME, top - CAPTION, right + FRAME, bottom + FRAME)
        own = set(members)
        strangers = [box.rect for i, box in enumerate(boxes) if i not in own]
        strangers += [other for other in frames.values() if other not in inner]
        if not any(_touch(rect, stranger) for stranger in strangers):
            frames[path] = rect
    return dict(reversed(frames.items()))


def _around(rects: Iterable[Rect]) -> Rect:
    lefts, tops, rights, bottoms = zip(*rects, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _touch(a: Rect, b: Rect) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _width(text: str, size: float) -> float:
    """An upper bound of the width of a text: DejaVu Sans is the widest of the fonts we name."""
    narrow, wide = "ijlt.,:;'|!()[] ", "mwMW@%"
    ems = (0.4 if c in narrow else 1.0 if c in wide else 0.7 if c.isupper() else 0.64 for c in text)
    return size * sum(ems)


# What is written


def _arrows(
    boxes: Sequence[Box], edges: Sequence[tuple[int, int]], layout: Layout, rows: Sequence[Point]
) -> list[str]:
    """Curves from box to box, through the gaps of the rows between; arrows from boxes beside."""
    incoming: dict[int, list[int]] = {}
    for k, (_, b) in enumerate(edges):
        incoming.setdefault(b, []).append(k)
    paths = []
    for b, ks in incoming.items():
        ends = [(layout.passes[k] or [boxes[edges[k][0]].x])[-1] for k in ks]
        for port, (_, k) in enumerate(sorted(zip(ends, ks, strict=True))):
            a = edges[k][0]
            points = [(boxes[a].x, boxes[a].y + boxes[a].height)]
            for r, x in enumerate(layout.passes[k], layout.row[a] + 1):
                points += [(x, rows[r][0]), (x, rows[r][1])]
            points.append((boxes[b].x + (port - (len(ks) - 1) / 2) * PORT, boxes[b].y))
            paths.append(_curve(points))
    for box in boxes:
        for other in box.beside:
            y = min(max(other.y + other.height / 2, box.y + 8), box.y + box.height - 8)
            start = other.x - other.width / 2, other.y + other.height / 2
            paths.append(_curve([start, (box.x + box.width / 2, y)], across=True))
    return paths


def _curve(points: Sequence[Point], across: bool = False) -> str:
    d = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x0, y0), (x1, y1) in pairwise(points):
        xm, ym = (x0 + x1) / 2, (y0 + y1) / 2
        bend = (xm, y0, xm, y1) if across else (x0, ym, x1, ym)
        d += " C{:.1f} {:.1f} {:.1f} {:.1f}".format(*bend) + f" {x1:.1f} {y1:.1f}"
    return f'<path class="edge" d="{d}"/>'


def _box(box: Box) -> str:
    left, node = box.x - box.width / 2, box.node
    where = os.path.basename(node.where)  # a picture travels, folders don't
    told = [f"{node.kind} {node.label}".strip(), *node.dtypes, ".".join(node.scope), where]
    title = escape("\n".join(text for text in told if text))
    parts = [f"<g><title>{title}</title>", _rect(node.kind, left, box.y, box.width, box.height, 8)]
    for i, line in enumerate(box.lines):
        style = ' class="label"' if i == 0 else ""
        y = box.y + PAD / 2 + LINE * i + 12
        parts.append(f'<text{style} x="{left + PAD:.1f}" y="{y:.1f}">{escape(line)}</text>')
    return "".join([*parts, "</g>"])


def _frame(path: Path, rect: Rect) -> str:
    left, top, right, bottom = rect
    x, y = right - FRAME, top + 16
    text = f'<text class="caption" x="{x:.1f}" y="{y:.1f}">{escape(path[-1])}</text>'
    return _rect("frame", left, top, right - left, bottom - top, 10) + text


def _rect(style: str, x: float, y: float, width: float, height: float, round: float) -> str:
    return (
        f'<rect class="{style}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
        f'height="{height:.1f}" rx="{round}"/>'
    )


def _page(parts: Iterable[str], rects: Sequence[Rect]) -> str:
    left, top, right, bottom = _around(rects)
    x, y = left - MARGIN, top - MARGIN
    width, height = right - left + 2 * MARGIN, bottom - top + 2 * MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="{x:.1f} {y:.1f} {width:.1f} {height:.1f}">'
    )
    paper = f'<rect x="{x:.1f}" y="{y:.1f}" width="100%" height="100%" fill="#fff"/>'
    defs = f"<defs>{TIP}</defs><style>{STYLE}</style>"
    return "\n".join([head, defs, paper, *parts, "</svg>", ""])
