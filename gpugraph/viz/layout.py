"""Who stands where in a picture of a graph: for each group its rows and links.

Works on the graph as JSON, see ``docs/graph-json.md``, and gives its ``layout``. Each group is laid
out by itself, so that it can be opened and closed without moving what is in it, and so that the
time grows with the size of the graph, not with its square.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from .layers import Layers, layers

__all__ = ["Item", "Tree", "layout"]

Item: TypeAlias = tuple[Any, ...]  # ("n", node), ("g", group), ("i", node, output), ("o", ...)
Value: TypeAlias = tuple[int, int]  # node, output
Place: TypeAlias = tuple[int, int]  # row, column


def layout(graph: Mapping[str, Any]) -> list[dict[str, Any]]:
    """For each group ``{"rows", "links"}``, as ``docs/graph-json.md`` describes them.

    graph  its ``groups``, ``nodes`` and ``edges``, in JSON's types
    """
    tree = Tree(graph)
    plans = _plans(tree)
    told = []
    hints: dict[tuple[str, int, Value], int] = {}
    for g, plan in enumerate(plans):  # parents first: they say in which order values come in
        items, n_in, n_out = plan.numbered(g, hints)
        number = {item: i for i, item in enumerate(items)}
        pairs = [(number[a], number[b]) for a, b, _ in plan.links]
        placed = layers(len(items), pairs, n_in, n_out)
        told.append(_told(plan, items, placed, tree.beside))
        _hint(told[-1], hints)
    return told


class Tree:
    """Who stands in which group, and who beside whom.

    parent, depth  of each group
    home    group of each node of order 0
    host    the op that a node stands beside, which alone uses it; else None
    beside  for each node those beside it
    links   (node, output, user) of the edges to be laid out, each once, in order
    """

    def __init__(self, graph: Mapping[str, Any]) -> None:
        nodes = graph["nodes"]
        self.parent: list[int | None] = [g["parent"] for g in graph["groups"]]
        self.depth: list[int] = []
        for p in self.parent:
            self.depth.append(0 if p is None else self.depth[p] + 1)
        self.order = [node.get("order", 0) for node in nodes]
        links = {
            (source, output, target): None
            for source, output, target, _, saved in graph["edges"]
            if not saved and self.order[source] == 0 and self.order[target] == 0
        }
        self.links: list[tuple[int, int, int]] = list(links)
        users: dict[int, dict[int, None]] = {}
        for source, _, target in self.links:
            users.setdefault(source, {})[target] = None
        self.home: list[int] = []
        self.host: list[int | None] = []
        self.beside: list[list[int]] = [[] for _ in nodes]
        self.is_op = [node["kind"] == "op" for node in nodes]
        for v, node in enumerate(nodes):
            home, host = node["group"], None
            if node["kind"] == "input":
                home = 0  # it comes from outside of all modules
            elif node["kind"] != "op" and v in users:
                homes = [nodes[user]["group"] for user in users[v]]
                home = homes[0]
                for other in homes[1:]:
                    home = self.common(home, other)
                if len(homes) == 1:
                    host = next(iter(users[v]))
                    self.beside[host].append(v)
            self.home.append(home)
            self.host.append(host)

    def common(self, a: int, b: int) -> int:
        """The smallest group that holds both groups."""
        return self.way(a, b)[1]

    def way(self, a: int, b: int) -> tuple[list[int], int, list[int]]:
        """From group a to group b: the groups to leave, the one that holds both, those to enter.

        Both from the innermost to the outermost.
        """
        ups, downs = [], []
        while a != b:
            if self.depth[a] >= self.depth[b]:
                ups.append(a)
                a = self._above(a)
            else:
                downs.append(b)
                b = self._above(b)
        return ups, a, downs

    def _above(self, group: int) -> int:
        parent = self.parent[group]
        assert parent is not None, f"layout: group {group} has no parent, and isn't the first"
        return parent

    def chain(self, source: int, output: int, target: int) -> list[tuple[int, Item, Item]]:
        """(group, from, to) of the links that lead a value from its node to its user."""
        ups, group, downs = self.way(self.home[source], self.home[target])
        value = (source, output)
        here: Item = ("n", source)
        found = []
        for g in ups:
            found.append((g, here, ("o", *value)))
            here = ("g", g)
        there: Item = ("n", target)
        ends: list[tuple[int, Item, Item]] = []
        for g in downs:
            ends.append((g, ("i", *value), there))
            there = ("g", g)
        return [*found, (group, here, there), *reversed(ends)]


@dataclass
class _Plan:
    """What a group holds: items in the order of their appearance, and links between them."""

    items: list[Item] = field(default_factory=list)
    ins: dict[Value, None] = field(default_factory=dict)
    outs: dict[Value, None] = field(default_factory=dict)
    links: dict[tuple[Item, Item, Value], None] = field(default_factory=dict)

    def numbered(
        self, group: int, hints: Mapping[tuple[str, int, Value], int]
    ) -> tuple[list[Item], int, int]:
        """All items: what comes in, what is there, what goes out; how many the first and last."""
        ins = sorted(self.ins, key=lambda value: hints.get(("i", group, value), 0))
        outs = sorted(self.outs, key=lambda value: hints.get(("o", group, value), 0))
        items = [("i", *v) for v in ins] + self.items + [("o", *v) for v in outs]
        return items, len(ins), len(outs)


def _plans(tree: Tree) -> list[_Plan]:
    plans = [_Plan() for _ in tree.parent]
    first: list[int | None] = [None] * len(plans)  # op of each group, by number
    for v, home in enumerate(tree.home):
        if tree.order[v] == 0 and tree.is_op[v] and first[home] is None:
            first[home] = v
    found: list[list[tuple[int, int, Item]]] = [[] for _ in plans]
    for v, home in enumerate(tree.home):
        if tree.order[v] == 0 and tree.host[v] is None:
            found[home].append((v, 0, ("n", v)))
    for g in range(len(plans) - 1, 0, -1):  # children first
        above = tree.parent[g]
        if found[g] and above is not None:  # a group of gradients alone has no box
            start, upper = first[g], first[above]
            found[above].append((min(found[g])[0] if start is None else start, 1, ("g", g)))
            if start is not None and (upper is None or start < upper):
                first[above] = start
    for plan, members in zip(plans, found):
        plan.items = [item for *_, item in sorted(members)]
    for source, output, target in tree.links:
        if tree.host[source] is not None:
            continue
        value = (source, output)
        for group, a, b in tree.chain(source, output, target):
            plan = plans[group]
            plan.links.setdefault((a, b, value))
            if a[0] == "i":
                plan.ins.setdefault(value)
            if b[0] == "o":
                plan.outs.setdefault(value)
    return plans


def _told(
    plan: _Plan, items: Sequence[Item], placed: Layers, beside: Sequence[Sequence[int]]
) -> dict[str, Any]:
    """The layout of a group in JSON's types."""
    passing = {place: k for k, chain in enumerate(placed.passes) for place in chain}
    at: dict[int, Place] = {}
    rows: list[list[list[Any]]] = []
    for r, row in enumerate(placed.rows):
        told: list[list[Any]] = []
        for c, v in enumerate(row):
            at[v] = r, c
            if v in passing:
                told.append(["v", passing[v]])
            elif items[v][0] == "n":
                told.append([*items[v], list(beside[items[v][1]])])
            else:
                told.append(list(items[v]))
        rows.append(told)
    number = {item: i for i, item in enumerate(items)}
    links = [
        {
            "from": list(at[number[a]]),
            "to": list(at[number[b]]),
            "value": list(value),
            "passes": [list(at[place]) for place in chain],
            "back": int(back),
        }
        for (a, b, value), chain, back in zip(plan.links, placed.passes, placed.back)
    ]
    return {"rows": rows, "links": links}


def _hint(told: Mapping[str, Any], hints: dict[tuple[str, int, Value], int]) -> None:
    """Note for each child at which column a value comes to it and leaves it."""
    for link in told["links"]:
        value = link["value"][0], link["value"][1]
        way = [link["from"], *link["passes"], link["to"]]
        if link["back"]:
            way = [link["from"], link["from"], link["to"], link["to"]]
        for (kind, place), neighbour in zip((("o", way[0]), ("i", way[-1])), (way[1], way[-2])):
            item = told["rows"][place[0]][place[1]]
            if item[0] == "g":
                hints.setdefault((kind, item[1], value), neighbour[1])
