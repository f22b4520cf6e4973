"""Layouts: rows and links of each group, for graphs by hand, at random, and of networks."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import gpugraph as gg
from gpugraph import models, nn
from gpugraph.nn import functional as F
from gpugraph.viz.crossings import crossings
from gpugraph.viz.layers import layers
from gpugraph.viz.layout import layout

from .graphs import Builder, at_random, residual

GOLDEN = Path(__file__).parent / "layouts"


def link(start, end, value, passes=(), back=0):
    value = list(value) if isinstance(value, tuple) else [value, 0]
    told = {"from": list(start), "to": list(end), "value": value}
    return {**told, "passes": [list(p) for p in passes], "back": back}


# By hand


def test_nothing_and_a_single_op():
    assert layout(Builder().graph) == [{"rows": [], "links": []}]
    b = Builder()
    b.node()
    assert layout(b.graph) == [{"rows": [[["n", 0, []]]], "links": []}]


def test_a_chain_with_leaves_beside_it():
    b = Builder()
    x = b.node(kind="input")
    w = b.node(kind="parameter")
    y = b.node(x, w)
    one = b.node(kind="constant")
    z = b.node(y, one)
    (told,) = layout(b.graph)
    assert told["rows"] == [[["n", x, []]], [["n", y, [w]]], [["n", z, [one]]]]
    assert told["links"] == [link((0, 0), (1, 0), x), link((1, 0), (2, 0), y)]


def test_a_diamond():
    b = Builder()
    a = b.node()
    left, right = b.node(a), b.node(a)
    end = b.node(left, right)
    (told,) = layout(b.graph)
    rows = [[["n", a, []]], [["n", left, []], ["n", right, []]], [["n", end, []]]]
    assert told["rows"] == rows
    assert told["links"] == [
        link((0, 0), (1, 0), a),
        link((0, 0), (1, 1), a),
        link((1, 0), (2, 0), left),
        link((1, 1), (2, 0), right),
    ]


def test_a_line_around_a_block_passes_to_the_left_of_it():
    b = Builder()
    x = b.node(kind="input")
    y = b.node(b.node(x))
    end = b.node(y, x)
    (told,) = layout(b.graph)
    assert told["rows"] == [
        [["n", x, []]],
        [["v", 3], ["n", 1, []]],
        [["v", 3], ["n", y, []]],
        [["n", end, []]],
    ]
    assert told["links"][3] == link((0, 0), (3, 0), x, [(1, 0), (2, 0)])


def test_a_module_used_twice_makes_a_link_back():
    b = Builder()
    module = b.group("module")
    x = b.node(kind="input")
    first = b.node(x, group=module)
    between = b.node(first)
    b.node(between, group=module)
    top, inside = layout(b.graph)
    assert top["rows"] == [
        [["n", x, []]],
        [["v", 2], ["g", module]],
        [["v", 2], ["n", between, []]],
    ]
    assert top["links"] == [
        link((0, 0), (1, 1), x),
        link((1, 1), (2, 1), first),
        link((2, 1), (1, 1), between, [(1, 0), (2, 0)], back=1),
    ]
    assert inside["rows"] == [
        [["i", x, 0], ["i", between, 0]],
        [["n", first, []], ["n", 3, []]],
        [["o", first, 0]],
    ]
    assert not any(told["back"] for told in inside["links"])


def test_a_value_that_enters_two_levels_deep_and_leaves_them():
    b = Builder()
    outer = b.group("outer")
    inner = b.group("inner", outer)
    x = b.node(kind="input")
    y = b.node(x, group=inner, outputs=2)
    z = b.node((y, 1), y)
    top, middle, deep = layout(b.graph)
    assert top["rows"] == [[["n", x, []]], [["g", outer]], [["n", z, []]]]
    assert [told["value"] for told in top["links"]] == [[x, 0], [y, 1], [y, 0]]
    assert middle["rows"] == [[["i", x, 0]], [["g", inner]], [["o", y, 1], ["o", y, 0]]]
    assert middle["links"] == [
        link((0, 0), (1, 0), x),
        link((1, 0), (2, 0), (y, 1)),
        link((1, 0), (2, 1), y),
    ]
    assert deep["rows"] == [[["i", x, 0]], [["n", y, []]], [["o", y, 1], ["o", y, 0]]]


def test_values_come_in_in_the_order_in_which_they_stand_outside():
    b = Builder()
    module = b.group("module")
    left, right = b.node(kind="input"), b.node(kind="input")
    a, c = b.node(left), b.node(right)
    b.node(b.node(c, group=module), b.node(a, group=module), group=module)
    _, inside = layout(b.graph)
    assert inside["rows"][0] == [["i", a, 0], ["i", c, 0]]
    assert count_crossings(inside) == 0


def test_what_several_use_stands_above_the_first_of_them():
    b = Builder()
    one, two = b.group("one"), b.group("two")
    y = b.node(kind="input")
    w = b.node(kind="parameter", group=one)
    for group in (0, 0, one, two):
        y = b.node(y, w, group=group) if group else b.node(y)
    rows = layout(b.graph)[0]["rows"]
    assert ["n", w, []] in rows[2] and ["g", one] in rows[3] and ["g", two] in rows[4]


def test_a_chain_that_hangs_on_nothing_comes_down_to_its_user():
    b = Builder()
    y = b.node(kind="input")
    for _ in range(4):
        y = b.node(y)
    target = b.node(b.node(b.node(kind="constant")))
    b.node(y, target)
    (told,) = layout(b.graph)
    row = {item[1]: r for r, line in enumerate(told["rows"]) for item in line if item[0] == "n"}
    assert row[y] == row[target] == 4 and row[target - 1] == 3


def test_an_input_stands_outside_of_all_modules():
    b = Builder()
    module = b.group("conv1")
    x = b.node(kind="input", group=module)
    b.node(x, group=module)
    top, inside = layout(b.graph)
    assert top["rows"] == [[["n", x, []]], [["g", module]]]
    assert inside["rows"] == [[["i", x, 0]], [["n", 1, []]]]


def test_gradients_and_what_they_read_take_no_part():
    b = Builder()
    only = b.group("backward")
    x = b.node(kind="input")
    y = b.node(x)
    g = b.node(group=only, order=1, of=y, saved=[x])
    b.node(g, y, order=1, of=x, group=only)
    b.node(g, y)  # a penalty reads a gradient
    top, inside = layout(b.graph)
    assert top["rows"] == [[["n", x, []]], [["n", y, []]], [["n", 4, []]]]
    assert top["links"] == [link((0, 0), (1, 0), x), link((1, 0), (2, 0), y)]
    assert inside == {"rows": [], "links": []}


def test_the_same_value_to_the_same_item_is_one_link():
    b = Builder()
    module = b.group("module")
    x = b.node(kind="input")
    b.node(x, x, group=module)
    b.node(x, group=module)
    top, inside = layout(b.graph)
    assert len(top["links"]) == 1 and len(inside["links"]) == 2


# Rules, on graphs at random


def count_crossings(told):
    """Pairs of lines of a group that cross, counted naively."""
    pairs = []
    for one in told["links"]:
        way = [one["from"], *one["passes"], one["to"]]
        if not one["back"]:
            pairs += pairwise(way)
    return sum(
        a[0] == c[0] and b[0] == d[0] and (a[1] - c[1]) * (b[1] - d[1]) < 0
        for i, (a, b) in enumerate(pairs)
        for c, d in pairs[:i]
    )


def check(graph, told):
    """Everything that docs/graph-json.md promises of a layout."""
    nodes, groups = graph["nodes"], graph["groups"]
    assert len(told) == len(groups)
    seen = {}  # item: group
    beside = {}
    for g, one in enumerate(told):
        rows, links = one["rows"], one["links"]
        for r, row in enumerate(rows):
            assert row
            for c, item in enumerate(row):
                if item[0] in "ng":
                    assert (item[0], item[1]) not in seen
                    seen[item[0], item[1]] = g
                    for v in item[2] if item[0] == "n" else ():
                        assert v not in beside
                        beside[v] = item[1]
                elif item[0] == "v":
                    assert [r, c] in links[item[1]]["passes"]
                else:
                    assert r == (0 if item[0] == "i" else len(rows) - 1)
                    assert {other[0] for other in row} == {item[0]}
        for k, way in enumerate(links):
            (r, _), (s, _) = way["from"], way["to"]
            assert s > r if not way["back"] else s <= r
            passed = [p for p, _ in way["passes"]]
            assert passed == (list(range(s, r + 1)) if way["back"] else list(range(r + 1, s)))
            assert all(rows[p][c] == ["v", k] for p, c in way["passes"])
        keys = [(str(w["from"]), str(w["to"]), str(w["value"])) for w in links]
        assert len(set(keys)) == len(keys)
    users = {}
    for source, _, target, _, saved in graph["edges"]:
        if not saved and nodes[source]["order"] == nodes[target]["order"] == 0:
            users.setdefault(source, set()).add(target)
    for v, node in enumerate(nodes):
        alone = node["kind"] in ("parameter", "constant") and len(users.get(v, ())) == 1
        if node["order"]:
            assert ("n", v) not in seen and v not in beside
        elif alone:
            assert ("n", v) not in seen and users[v] == {beside[v]}
        else:
            assert ("n", v) in seen and v not in beside
            if node["kind"] == "op":
                assert seen["n", v] == node["group"]
    for (kind, number), g in seen.items():
        if kind == "g":
            assert groups[number]["parent"] == g and told[number]["rows"]
    for g, one in enumerate(told):
        assert not one["rows"] or g == 0 or ("g", g) in seen
    return beside


def follow(graph, told, source, output):
    """All nodes that a value gets to along links, ports and groups."""
    start = next(
        (g, r, c)
        for g, one in enumerate(told)
        for r, row in enumerate(one["rows"])
        for c, item in enumerate(row)
        if item[:2] == ["n", source]
    )
    todo, found, seen = [start], set(), set()
    while todo:
        g, r, c = todo.pop()
        if (g, r, c) in seen:
            continue
        seen.add((g, r, c))
        for way in told[g]["links"]:
            if way["from"] != [r, c] or way["value"] != [source, output]:
                continue
            item = told[g]["rows"][way["to"][0]][way["to"][1]]
            if item[0] == "n":
                found.add(item[1])
            elif item[0] == "g":
                port = told[item[1]]["rows"][0].index(["i", source, output])
                todo.append((item[1], 0, port))
            else:
                assert item == ["o", source, output]
                above = graph["groups"][g]["parent"]
                todo += [
                    (above, r2, row.index(["g", g]))
                    for r2, row in enumerate(told[above]["rows"])
                    if ["g", g] in row
                ]
    return found


@pytest.mark.parametrize("seed", range(200))
def test_rules(seed):
    graph = at_random(seed)
    told = layout(graph)
    beside = check(graph, told)
    ends = {}
    for source, output, target, _, saved in graph["edges"]:
        orders = [graph["nodes"][v]["order"] for v in (source, target)]
        if not saved and orders == [0, 0] and source not in beside:
            ends.setdefault((source, output), set()).add(target)
    for (source, output), targets in ends.items():
        assert follow(graph, told, source, output) == targets
    used = {tuple(way["value"]) for one in told for way in one["links"]}
    assert used == set(ends)


def test_cycles_are_broken_only_where_there_are_any():
    for seed in range(60):
        graph = at_random(seed, backward=False)
        for one in layout(graph):
            rows = one["rows"]
            after = {}
            for way in one["links"]:
                after.setdefault(tuple(way["from"]), set()).add(tuple(way["to"]))
            for way in one["links"]:
                if way["back"]:
                    todo, seen = [tuple(way["to"])], set()
                    while todo:
                        here = todo.pop()
                        if here not in seen:
                            seen.add(here)
                            todo += after.get(here, ())
                    assert tuple(way["from"]) in seen, rows


def test_crossings_are_counted_and_avoided():
    below = [[4, 5], [3], [3], [], [], []]
    assert crossings([[0, 1, 2], [3, 4, 5]], below) == 4
    assert crossings([[1, 2, 0], [3, 4, 5]], below) == 0
    b = Builder()
    first = [b.node(kind="input") for _ in range(6)]
    second = [b.node(v) for v in reversed(first)]
    for v in (3, 0, 4, 1, 5, 2):
        b.node(second[v])
    (told,) = layout(b.graph)
    assert count_crossings(told) == 0


def test_rows_hold_what_is_asked_for():
    placed = layers(5, [(0, 2), (2, 3), (1, 4), (3, 4)], first=2, last=1)
    assert placed.row == [0, 0, 1, 2, 3] and placed.rows[0] == [0, 1]
    assert len(placed.passes[2]) == 2 and placed.back == [False] * 4


# Networks


def lenet5():
    model = models.LeNet5()
    loss = F.cross_entropy(model(zeros(2, 1, 28, 28)), gg.tensor(np.zeros(2, np.int64)))
    return gg.graph.of(loss, model=model, backward=True).to_dict()


def resnet18():
    model = models.resnet18()
    return gg.graph.of(model(zeros(1, 3, 64, 64)), model=model).to_dict()


class Twice(nn.Module):
    def __init__(self):
        self.shared = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.shared(self.shared(x) * 2.0))


def twice():
    model = Twice()
    return gg.graph.of(model(zeros(3, 4)), model=model).to_dict()


def zeros(*shape):
    return gg.tensor(np.zeros(shape, np.float32))


@pytest.mark.parametrize("make", [lenet5, resnet18, twice])
def test_layouts_of_networks(make):
    """After a wanted change: python -m tests.test_layout"""
    graph = make()
    told = layout(graph)
    check(graph, told)
    assert told == json.loads((GOLDEN / f"{make.__name__}.json").read_text())


# Sizes, and the same answer always


def test_a_long_chain_and_a_value_that_all_of_it_uses():
    b = Builder()
    w = b.node(kind="parameter")
    y = b.node(kind="input")
    for _ in range(10_000):
        y = b.node(y, w)
    (told,) = layout(b.graph)
    assert len(told["rows"]) == 10_001
    passing = sum(item[0] == "v" for row in told["rows"] for item in row)
    assert 1_000 < passing < 9 * 10_000  # not half of 10,000 squared
    without = [way for way in told["links"] if not way["passes"]]
    assert len(without) > 10_000  # chained, or too long to be led around


def test_deep_groups():
    b = Builder()
    group = 0
    y = b.node(kind="input")
    for i in range(2_000):
        group = b.group(f"g{i}", group)
    y = b.node(y, group=group)
    b.node(y)
    told = layout(b.graph)
    assert len(told) == 2_001 and follow(b.graph, told, y, 0) == {2}


def test_equal_graphs_give_equal_bytes():
    code = (
        "import json; from tests.graphs import at_random; from gpugraph.viz.layout import layout\n"
        "from gpugraph.viz.svg import draw\n"
        "for seed in range(8):\n"
        "    graph = at_random(seed)\n"
        "    print(json.dumps(layout(graph)), draw(graph), draw(graph, 1, saved=True))"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[1])},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(runs) == 1


def test_the_layout_leaves_the_graph_alone():
    graph = residual()
    before = json.dumps(graph)
    layout(graph)
    assert json.dumps(graph) == before


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for make in (lenet5, resnet18, twice):
        lines = ",\n".join(json.dumps(one, separators=(",", ":")) for one in layout(make()))
        (GOLDEN / f"{make.__name__}.json").write_text(f"[\n{lines}\n]\n")
