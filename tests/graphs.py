"""Graphs in JSON's form for tests: built by hand, or at random."""

from __future__ import annotations

import random


class Builder:
    """Makes the dict of docs/graph-json.md, a call for each group, node and edge."""

    def __init__(self):
        self.groups = [{"id": 0, "parent": None, "name": "", "path": "", "repeats": 0}]
        self.nodes = []
        self.edges = []

    def group(self, name, parent=0, repeats=0):
        above = self.groups[parent]["path"]
        path = f"{above}.{name}" if above else name
        told = {"id": len(self.groups), "parent": parent, "name": name, "path": path}
        self.groups.append({**told, "repeats": repeats})
        return told["id"]

    def node(self, *sources, group=0, kind="op", label="", order=0, outputs=1, saved=(), **more):
        """A node; each source is a node or (node, output). Returns its number."""
        number = len(self.nodes)
        shape = [2, number % 5 + 1, 8]
        spec = {"name": "y", "shape": shape, "dtype": "float32"}
        path = self.groups[group]["path"]
        self.nodes.append(
            {
                "id": number,
                "kind": kind,
                "label": label or f"{kind}{number}",
                "group": group,
                "scope": path.split(".") if path else [],
                "order": order,
                "outputs": [spec] * outputs,
                **more,
            }
        )
        for i, source in enumerate([*sources, *saved]):
            v, k = source if isinstance(source, tuple) else (source, 0)
            self.edges.append([v, k, number, i, int(i >= len(sources))])
        return number

    @property
    def graph(self):
        return {
            "groups": self.groups,
            "nodes": self.nodes,
            "edges": self.edges,
            "meta": {"title": "test"},
        }


def residual(blocks=2):
    """Blocks of two ops with a line around them, each with a parameter, and their gradients."""
    b = Builder()
    x = b.node(kind="input", label="x")
    forward = []
    for i in range(blocks):
        group = b.group(f"block{i}")
        y = x
        for name in ("conv1", "conv2"):
            inner = b.group(name, group)
            w = b.node(kind="parameter", label=f"block{i}.{name}.weight", group=inner)
            y = b.node(y, w, label="conv", group=inner)
            forward.append((y, w))
        x = b.node(y, x, label="add", group=group)
    g = b.node(kind="constant", label="1", order=1)
    for y, w in reversed(forward):
        home = b.nodes[y]["group"]
        into = b.node(g, label="conv_input", order=1, of=y, group=home, saved=[w])
        b.node(g, label="conv_weight", order=1, of=y, group=home, saved=[y])
        if b.groups[home]["name"] == "conv1":
            into = b.node(into, g, label="add", order=1, of=y, adds=True, group=home)
        g = into
    return b.graph


def at_random(seed, ops=40, backward=True, least=2):
    """A graph with nested groups, shared leaves, several outputs, and gradients of most ops."""
    r = random.Random(seed)
    b = Builder()
    groups = [0]
    for i in range(r.randint(0, 9)):
        groups.append(b.group(f"g{i}", r.choice(groups), r.choice([0, 0, 3])))
    made, leaves, forward = [b.node(kind="input", label="image")], [], []
    group = 0
    for _ in range(r.randint(least, ops)):
        if r.random() < 0.5:
            group = r.choice(groups)
        sources = [r.choice(made[-6:]) for _ in range(r.choice([0, 1, 1, 1, 2, 3]))]
        sources = [(v, r.randrange(len(b.nodes[v]["outputs"]))) for v in sources]
        for _ in range(r.choice([0, 0, 1, 2])):
            if leaves and r.random() < 0.2:
                sources.append(r.choice(leaves))
            else:
                kind = r.choice(["parameter", "constant", "input"])
                leaves.append(b.node(kind=kind, group=group))
                sources.append(leaves[-1])
        long = "op with a long name " * r.choice([0, 0, 0, 1, 4])
        made.append(b.node(*sources, group=group, label=long, outputs=r.choice([1, 1, 1, 2])))
        forward.append((made[-1], [v if isinstance(v, int) else v[0] for v in sources]))
    into = {}
    for v, sources in reversed(forward) if backward else ():
        g = into.pop(v, [])
        if r.random() < 0.1:
            continue
        if len(g) > 1:
            g = [b.node(*g, order=1, of=v, adds=True, group=b.nodes[v]["group"])]
        for source in sources:
            g1 = b.node(*g, order=1, of=v, group=b.nodes[v]["group"], saved=[source])
            if r.random() < 0.3:
                g1 = b.node(g1, order=1, of=v, group=b.nodes[v]["group"])
            into.setdefault(source, []).append(g1)
    return b.graph
