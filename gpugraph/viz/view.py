"""What of a graph a picture shows: which groups are open, and which ways its lines go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from .layout import Item, Tree, layout

__all__ = ["Piece", "View"]

Piece: TypeAlias = tuple[int, int]  # group, number of its link
BOXES = 300  # so many can be seen at once


class View:
    """A graph with its groups open down to a depth.

    nodes, groups, tree, layout  of the graph
    order    highest order of derivative among its nodes
    anchors  for each node the one of order 0 whose gradient, in the end, it is part of
    shown    whether the inside of a group is drawn
    slim     whether a group has but one thing in it, and needs no frame
    ways     for two boxes with a line between them, the links along which it goes, from top on
    """

    def __init__(self, graph: Mapping[str, Any], depth: int | None) -> None:
        self.nodes, self.groups = graph["nodes"], graph["groups"]
        self.tree = Tree(graph)
        self.layout: list[dict[str, Any]] = graph.get("layout") or layout(graph)
        self.order = max(self.tree.order, default=0)
        self.anchors = _anchors(graph, self.tree)
        self._read = {
            (source, output): None for source, output, *_, saved in graph["edges"] if not saved
        }
        self.slim = self._slim()
        self._closed: list[int | None] = []
        self._open(self._depth() if depth is None else depth)
        self._members: dict[int, list[int]] = {}
        for v, home in enumerate(self.tree.home):
            closed = self._closed[home]
            if closed is not None and self.tree.order[v] == 0:
                self._members.setdefault(closed, []).append(v)
        self.shown = [closed is None for closed in self._closed]
        self.links = {g: self._numbers(g) for g, shown in enumerate(self.shown) if shown}
        self.ways: dict[Item, dict[Item, list[Piece]]] = {}
        for source, output, target in self.tree.links:
            a, b = self.box(source), self.box(target)
            if self.tree.host[source] is None and a != b:
                self.ways.setdefault(a, {}).setdefault(b, self._way(source, output, target))

    def box(self, node: int) -> Item:
        """The item that shows a node of order 0: its box, its host's, or a closed group's."""
        closed = self._closed[self.tree.home[node]]
        if closed is not None:
            return ("g", closed)
        host = self.tree.host[node]
        return ("n", node if host is None else host)

    def frame(self, group: int) -> str:
        """Path of the innermost module with a frame around a group's inside."""
        while self.slim[group] or self.groups[group].get("repeats"):
            group = self.groups[group]["parent"]
        return str(self.groups[group]["path"])

    def thing(self, group: int) -> Item:
        """The first box or group in a group: all that there is in a slim one."""
        rows = self.layout[group]["rows"]
        return next(tuple(item[:2]) for row in rows for item in row if item[0] in "ng")

    def outputs(self, node: int) -> list[int]:
        """Numbers of a node's outputs that are worth a line: the first, and those in use."""
        n = len(self.nodes[node]["outputs"])
        return [k for k in range(n) if not k or (node, k) in self._read]

    def members(self, group: int) -> list[int]:
        """The nodes of order 0 in a closed group."""
        return self._members.get(group, [])

    def _slim(self) -> list[bool]:
        slim = [False] * len(self.groups)
        for g in range(len(slim) - 1, 0, -1):  # children first
            things = [item for row in self.layout[g]["rows"] for item in row if item[0] in "ng"]
            slim[g] = len(things) == 1 and (things[0][0] == "n" or slim[things[0][1]])
        return slim

    def _open(self, depth: int) -> None:
        for g, group in enumerate(self.groups):
            above = None if group["parent"] is None else self._closed[group["parent"]]
            if above is None and self.tree.depth[g] >= depth and g and not self.slim[g]:
                above = g
            self._closed.append(above)

    def _depth(self) -> int:
        """As deep as the picture can be seen at once."""
        deep = max(self.tree.depth)
        boxes = [0] * (deep + 2)  # by the depth from which on they are seen, and no more
        gone = [0] * (deep + 2)
        for v, anchor in enumerate(self.anchors):
            boxes[self.tree.depth[self.tree.home[anchor if self.tree.order[v] else v]] + 1] += 1
        for g, told in enumerate(self.layout):
            if g and told["rows"]:
                boxes[self.tree.depth[g]] += 1
                gone[self.tree.depth[g] + 1] += 1
        seen, depth = 0, 1
        for d in range(deep + 2):
            seen += boxes[d] - gone[d]
            if seen > BOXES:
                break
            depth = max(d, 1)
        return depth

    def _numbers(self, group: int) -> dict[tuple[Item, Item, tuple[int, int]], int]:
        """Number of each link of a group, by what it connects."""
        rows = self.layout[group]["rows"]
        found = {}
        for k, link in enumerate(self.layout[group]["links"]):
            ends = []
            for r, c in (link["from"], link["to"]):
                item = rows[r][c]
                ends.append(tuple(item[:2]) if item[0] in "ng" else tuple(item))
            found[ends[0], ends[1], (link["value"][0], link["value"][1])] = k
        return found

    def _way(self, source: int, output: int, target: int) -> list[Piece]:
        return [
            (group, self.links[group][a, b, (source, output)])
            for group, a, b in self.tree.chain(source, output, target)
            if self.shown[group]
        ]


def _anchors(graph: Mapping[str, Any], tree: Tree) -> list[int]:
    """Where nobody knows whose gradient a node is, it goes with its user, else with its input."""
    found: list[int | None] = [None if order else v for v, order in enumerate(tree.order)]
    for v, node in enumerate(graph["nodes"]):
        of = node.get("of")
        if found[v] is None and of is not None and of < v:
            found[v] = found[of]
    edges = [(s, t) for s, _, t, *_ in graph["edges"] if tree.order[s] and tree.order[t]]
    for source, target in sorted(edges, key=lambda e: -e[0]):
        if found[source] is None and tree.order[source] == tree.order[target]:
            found[source] = found[target]
    for source, target in sorted(edges, key=lambda e: e[1]):
        if found[target] is None:
            found[target] = found[source]
    forward = [v for v, order in enumerate(tree.order) if not order]
    last = forward[-1] if forward else 0
    return [last if v is None else v for v in found]
