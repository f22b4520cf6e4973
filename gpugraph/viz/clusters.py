"""The gradient ops of one box: a small graph of its own, which flows upwards."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeAlias

from .boxes import Box, node_box, pass_box, within
from .curves import Point, curve
from .layers import Layers, layers
from .layout import Item
from .place import Segment, place
from .view import Piece, View

__all__ = ["Cluster", "Wire", "clusters"]

Value: TypeAlias = tuple[int, int]
End: TypeAlias = tuple[str, int]  # "i", "n" or "o", and the number of the value or node
GAP, STEP, PORT = 18.0, 26.0, 20.0  # between boxes, rows, and to the cluster's ends
THIN = (6.0, 6.0)


@dataclass(frozen=True)
class Wire:
    """A gradient on its way from box to box: up along the links of the forward pass, or astray."""

    value: Value
    source: Item
    target: Item
    way: tuple[Piece, ...] | None


@dataclass
class Cluster:
    """Ops of one order that belong to one box; the box of all, if that is a closed group's.

    ins, outs  links of the forward pass along which gradients come in at the bottom, and leave
    links      between these and the nodes
    """

    boxes: dict[int, Box] = field(default_factory=dict)
    closed: Box | None = None
    ins: dict[Piece, None] = field(default_factory=dict)
    outs: dict[Piece, None] = field(default_factory=dict)
    links: dict[tuple[Any, Any], None] = field(default_factory=dict)
    reach: Point = (0.0, 0.0)
    tall: float = 0.0
    x: float = 0.0
    y: float = 0.0

    def arrange(self) -> None:
        """Find out how big it is, and where its ends are."""
        self._ends: dict[Any, float] = {}
        if self.closed is not None:
            self.reach, self.tall = self.closed.reach, self.closed.tall
            return
        items: list[Any] = [("i", v) for v in self.ins]
        items += [("n", v) for v in self.boxes]
        items += [("o", v) for v in self.outs]
        number = {item: i for i, item in enumerate(items)}
        pairs = [(number[a], number[b]) for a, b in self.links]
        self._placed: Layers = layers(len(items), pairs, len(self.ins), len(self.outs))
        n = len(items) + sum(map(len, self._placed.passes))
        reach = [THIN] * n
        for v, box in self.boxes.items():
            reach[number["n", v]] = box.reach
        solid = [i < len(items) and items[i][0] == "n" for i in range(n)]
        segments: list[Segment] = []
        spine: list[int] = []
        through = _through(pairs, len(self.ins), len(items) - len(self.outs))
        for k, ((a, b), chain) in enumerate(zip(pairs, self._placed.passes)):
            stations = [a, *chain, b]
            if k in through:
                spine += range(len(segments), len(segments) + len(stations) - 1)
            segments += [Segment(u, 0, w, 0) for u, w in pairwise(stations)]
        xs = place(self._placed.rows, segments, reach, solid, GAP, spine)
        self._xs, self._pairs, self._items = xs, pairs, items
        left = min(x - r[0] for x, r in zip(xs, reach))
        right = max(x + r[1] for x, r in zip(xs, reach))
        middle = self._spine((left + right) / 2)
        self.reach = middle - left, right - middle
        self._shift = -middle
        self._ends = {item: xs[i] - middle for i, item in enumerate(items)}
        # from the bottom up: a row of what comes in, rows of boxes, a row of what goes out
        self._rows: list[Point] = []
        y = 0.0
        for r, row in enumerate(self._placed.rows):
            height = max((box.tall for box in self._row(row)), default=0.0)
            ends = (self.ins and r == 1) or (self.outs and r == len(self._placed.rows) - 1)
            y += 0.0 if not r else PORT if ends else STEP
            self._rows.append((y, y + height))
            y += height
        self.tall = y

    def _spine(self, default: float) -> float:
        """Where the gradient goes on to the next box, or comes from the last one."""
        for kind, values in (("o", self.outs), ("i", self.ins)):
            for i, item in enumerate(self._items):
                if item[0] == kind and len(values) == 1:
                    return self._xs[i]
        return default

    def _row(self, row: Iterable[int]) -> list[Box]:
        names = [self._items[v] for v in row if v < len(self._items)]
        return [self.boxes[v] for kind, v in names if kind == "n"]

    def end(self, kind: str, piece: Piece) -> float:
        """How far right of x what goes along a link comes in ("i") or leaves ("o")."""
        return self._ends.get((kind, piece), 0.0)

    def move(self, x: float, y: float) -> None:
        """Put it at its place; y is its top."""
        self.x, self.y = x, y
        if self.closed is not None:
            self.closed.move(x, y)
            return
        for (low, high), row in zip(self._rows, self._placed.rows):
            for v in row:
                if v < len(self._items) and self._items[v][0] == "n":
                    box = self.boxes[self._items[v][1]]
                    top = y + self.tall - high + (high - low - box.tall) / 2
                    box.move(x + self._shift + self._xs[v], top)

    def svg(self, style: str) -> list[str]:
        """Its lines, then its boxes."""
        if self.closed is not None:
            return [self.closed.svg()]
        base = self.y + self.tall
        xs = [self.x + self._shift + x for x in self._xs]
        parts = []
        fed: dict[int, list[int]] = {}
        for k, (_, b) in enumerate(self._pairs):
            fed.setdefault(b, []).append(k)
        rank = {v: r for r, row in enumerate(self._placed.rows) for v in row}
        for b, ks in fed.items():
            ends = sorted((xs[[self._pairs[k][0], *self._placed.passes[k]][-1]], k) for k in ks)
            kind, v = self._items[b]
            box = self.boxes[v] if kind == "n" else None
            shifts = box.ports([x for x, _ in ends]) if box else [0.0] * len(ends)
            for (_, k), shift in zip(ends, shifts):
                a = self._pairs[k][0]
                kind, v = self._items[a]
                points = []
                if kind == "n":
                    points.append((xs[a], self.boxes[v].y))
                points.append((xs[a], base - self._rows[rank[a]][1]))
                for place_ in self._placed.passes[k]:
                    low, high = self._rows[rank[place_]]
                    points += [(xs[place_], base - low), (xs[place_], base - high)]
                x = xs[b] + shift
                points.append((x, base - self._rows[rank[b]][0]))
                if box:
                    points.append((x, box.y + box.height))
                parts.append(curve(points, style + (" tip" if box else "")))
        for box in self.boxes.values():
            parts += [curve(points, style + " tip", across=True) for points in feeders(box)]
            parts += [b.svg() for b in (box, *box.beside)]
        return parts


def _through(pairs: Sequence[tuple[int, int]], ins: int, outs: int) -> list[int]:
    """Numbers of the links by which the first that comes in gets out, on the shortest way.

    ins   numbers below are of what comes in
    outs  numbers from here on are of what goes out
    """
    after: dict[int, list[int]] = {}
    for k, (a, _) in enumerate(pairs):
        after.setdefault(a, []).append(k)
    came: dict[int, int] = {}  # by which link one gets there
    queue = deque([0] if ins else [])
    while queue:
        here = queue.popleft()
        if here >= outs:
            way = []
            while here:
                way.append(came[here])
                here = pairs[came[here]][0]
            return way
        for k in after.get(here, ()):
            if pairs[k][1] not in came:
                came[pairs[k][1]] = k
                queue.append(pairs[k][1])
    return []


def feeders(box: Box) -> list[list[Point]]:
    """Lines from what stands beside a box."""
    lines = []
    for other in box.beside:
        y = other.y + other.height / 2
        end = min(max(y, box.y + 8), box.y + box.height - 8)
        lines.append([(other.x - other.width / 2, y), (box.x + box.width / 2, end)])
    return lines


def clusters(
    view: View, edges: Sequence[Sequence[int]], order: int, boxes: Mapping[Item, Box]
) -> tuple[dict[Item, Cluster], list[Wire]]:
    """The gradient ops of this order by the box that they belong to, and what goes between them."""
    users: dict[int, dict[int, None]] = {}
    same = []
    for source, output, target, *_ in edges:
        if view.tree.order[source] == view.tree.order[target] == order:
            same.append((source, output, target))
            users.setdefault(source, {})[target] = None
    host = {
        v: next(iter(found))
        for v, found in users.items()
        if len(found) == 1 and view.nodes[v]["kind"] != "op"
    }
    found: dict[Item, Cluster] = {}
    home: dict[int, Item] = {}
    members: dict[Item, list[int]] = {}
    for v, at in enumerate(view.tree.order):
        if at == order:
            home[v] = view.box(view.anchors[host.get(v, v)])
            members.setdefault(home[v], []).append(v)
    for item, nodes in members.items():
        cluster = found[item] = Cluster()
        if item[0] == "g":
            cluster.closed = pass_box(boxes[item], [view.nodes[v] for v in nodes], order)
            continue
        drawn = {v: _box(view, v) for v in nodes}
        cluster.boxes = {v: box for v, box in drawn.items() if v not in host}
        for v in nodes:
            if v in host:
                drawn[host[v]].beside.append(drawn[v])
    wires: dict[tuple[Value, Item], Wire] = {}
    ways = _Ways(view, found)
    for source, output, target in same:
        a, b = home[source], home[target]
        if source in host:
            continue
        value = (source, output)
        way = None if a == b else ways.find(b, a)
        if a == b:
            if a[0] == "n":
                found[a].links.setdefault((("n", source), ("n", target)))
            continue
        wires.setdefault((value, b), Wire(value, a, b, way))
        if way is not None:
            found[a].outs.setdefault(way[-1])
            found[b].ins.setdefault(way[0])
            found[a].links.setdefault((("n", source), ("o", way[-1])))
            found[b].links.setdefault((("i", way[0]), ("n", target)))
    for cluster in found.values():
        cluster.arrange()
    return found, list(wires.values())


def _box(view: View, v: int) -> Box:
    node = view.nodes[v]
    anchor = view.nodes[view.anchors[v]]
    group = view.groups[view.tree.home[anchor["id"]]]
    own = view.frame(group["id"])
    of = node.get("of")
    leaves = [of] if of is not None and view.nodes[of]["kind"] != "op" else []
    for leaf in view.tree.beside[view.anchors[v]]:
        if leaf not in leaves and any(
            g and g[0] == v for g in view.nodes[leaf].get("gradients", ())
        ):
            leaves.append(leaf)
    told = "sum of gradients" if node.get("adds") else ""
    if leaves:
        told = "gradient of " + ", ".join(within(view.nodes[w]["label"], own) for w in leaves)
    return node_box(node, group, own, view.outputs(v), told)


class _Ways:
    """Ways along links of the forward pass, through boxes that have no gradient op of their own."""

    def __init__(self, view: View, found: Mapping[Item, Cluster]) -> None:
        self._ways, self._found = view.ways, found
        self._known: dict[tuple[Item, Item], tuple[Piece, ...] | None] = {}

    def find(self, start: Item, end: Item) -> tuple[Piece, ...] | None:
        """The links from one box down to another, the fewest boxes first; None if there is none."""
        if (start, end) not in self._known:
            self._known[start, end] = self._search(start, end)
        return self._known[start, end]

    def _search(self, start: Item, end: Item) -> tuple[Piece, ...] | None:
        before: dict[Item, Item] = {}
        queue = deque([start])
        while queue:
            here = queue.popleft()
            for there in self._ways.get(here, ()):
                if there in before or there == start:
                    continue
                before[there] = here
                if there == end:
                    way: list[Piece] = []
                    while there != start:
                        way = [*self._ways[before[there]][there], *way]
                        there = before[there]
                    return tuple(way)
                if there not in self._found:
                    queue.append(there)
        return None
