"""The graph model: what is in a graph of a run, forward and backward, and that JSON keeps it."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import networkx
import numpy as np
import pytest

import gpugraph as gg
from gpugraph import models, nn, optim
from gpugraph.core.errors import ArgumentError, DataError, GradientError, ShapeError
from gpugraph.core.state import observe
from gpugraph.nn import functional as F
from gpugraph.viz import schema
from gpugraph.viz.measure import png, statistics
from gpugraph.viz.overlays import diff


def leaf(*shape, seed=0):
    return gg.tensor(np.random.default_rng(seed).normal(size=shape), requires_grad=True)


class Net(nn.Module):
    def __init__(self):
        self.conv = nn.Conv2d(1, 2, 3, stride=2)
        self.head = nn.Linear(18, 4)

    def forward(self, x):
        return self.head(F.relu(self.conv(x)).flatten(1))


def lesson(model, **options):
    x = gg.tensor(np.random.default_rng(1).normal(size=(5, 1, 8, 8)).astype(np.float32))
    labels = gg.tensor(np.arange(5) % 4)
    with gg.graph.record(model=model, **options) as run:
        loss = F.cross_entropy(model(x), labels)
        loss.backward()
    return run.graph


def ops(graph, order=0):
    return [n for n in graph.nodes if n.kind == "op" and n.order == order]


def by_label(graph, label, order=0):
    return next(n for n in graph.nodes if n.label == label and n.order == order)


# Forward and backward


def test_a_backward_pass_belongs_to_its_forward_pass():
    g = lesson(Net())
    labels = [n.label for n in ops(g)]
    assert labels == ["conv", "relu", "reshape", "linear", "cross_entropy", "mean"]
    assert g.meta["order"] == 1 and g.meta["error"] is None
    for node in ops(g, 1):
        assert node.of is not None and g.nodes[node.of].order == 0
        assert node.scope == g.nodes[node.of].scope and node.where == g.nodes[node.of].where
    conv = by_label(g, "conv")
    rules = [n.label for n in ops(g, 1) if n.of == conv.id]
    assert rules == ["conv_weight", "channel_sum"]  # the image needs no gradient
    fired = [s.node for s in g.steps]
    assert fired == [n.id for n in reversed(ops(g))]
    made = [i for s in g.steps for i in s.ops if g.nodes[i].kind == "op"]
    assert made == [n.id for n in ops(g, 1)]


def test_the_gradient_of_each_value_is_known():
    model = Net()
    g = lesson(model, stats=True)
    weights = {n.label: n for n in g.nodes if n.kind == "parameter"}
    assert set(weights) == {"conv.weight", "conv.bias", "head.weight", "head.bias"}
    for name, parameter in model.named_parameters():
        node = weights[name]
        ((source, output),) = node.gradients
        assert g.nodes[source].order == 1 and g.nodes[source].shapes[output] == parameter.shape
        told = g.nodes[source].stats[output]
        want = parameter.grad.numpy()
        assert told["mean"] == pytest.approx(want.mean(), abs=1e-6)
        assert told["max"] == pytest.approx(want.max(), abs=1e-6)


def test_saved_values_are_links():
    g = lesson(Net())
    saved = [(g.nodes[e.source].label, g.nodes[e.target].label) for e in g.edges if e.saved]
    assert ("cross_entropy", "cross_entropy_grad") in saved
    assert any(target == "conv_weight" for _, target in saved)
    for e in g.edges:
        assert e.source < e.target
        assert e.saved == (g.nodes[e.source].order < g.nodes[e.target].order)


def test_sums_of_gradients_stand_at_the_value_that_was_used_twice():
    x = leaf(3)
    with gg.graph.record() as run:
        y = gg.exp(x)
        (y * y + gg.sin(y) + y).sum().backward()
    g = run.graph
    exp = by_label(g, "exp")
    sums = [n for n in g.nodes if n.adds]
    assert len(sums) == 3 and all(n.label == "add" and n.of == exp.id for n in sums)
    ((last, _),) = exp.gradients
    assert last == sums[-1].id


def test_the_gradient_of_the_gradient_is_a_third_order():
    x = leaf(4)
    with gg.graph.record() as run:
        (g1,) = gg.grad((x**3).sum(), x, create_graph=True)
        (g2,) = gg.grad((g1 * g1).sum(), x)
    g = run.graph
    assert g.meta["order"] == 2
    assert Counter(n.order for n in g.nodes if n.kind == "op").keys() == {0, 1, 2}
    power = ops(g)[0]
    roots = set()
    for node in ops(g, 2):
        while node.order:
            node = g.nodes[node.of]
        roots.add(node.id)
    assert power.id in roots
    assert {s.order for s in g.steps} == {1, 2}
    assert g2.shape == x.shape


def test_a_recorded_gradient_has_its_order_without_being_watched():
    x = leaf(3)
    (g1,) = gg.grad((x**3).sum(), x, create_graph=True)
    (g2,) = gg.grad(g1.sum(), x, create_graph=True)
    assert {n.order for n in gg.graph.of(g1).nodes if n.kind == "op"} == {1}
    assert {n.order for n in gg.graph.of(g2).nodes if n.kind == "op"} == {2}


def test_what_only_gradients_read_stands_beside_them():
    x, seed = leaf(2, 3), leaf(2, 3, seed=1)
    y = F.relu(x)
    (g1,) = gg.grad(y, x, grad_outputs=seed, create_graph=True)
    graph = gg.graph.of(g1, y)
    relu = by_label(graph, "relu")
    leaves = [(n.order, n.of) for n in graph.nodes if n.kind != "op"]
    assert sorted(leaves, key=str) == [(0, None), (1, relu.id), (1, relu.id)]  # x, seed and mask


def test_of_with_backward_leaves_the_graph_as_it_was():
    model = Net()
    x = gg.tensor(np.ones((5, 1, 8, 8), np.float32))
    loss = F.cross_entropy(model(x), gg.tensor(np.zeros(5, np.int64)))
    g = gg.graph.of(loss, model=model, backward=True)
    assert all(p.grad is None for p in model.parameters())
    loss.backward()  # nothing was freed
    assert all(p.grad is not None for p in model.parameters())
    watched = lesson(Net())
    told = [(n.label, n.order, n.shapes) for n in ops(g) + ops(g, 1)]
    assert told == [(n.label, n.order, n.shapes) for n in ops(watched) + ops(watched, 1)]
    with pytest.raises(GradientError, match="already used"):
        gg.graph.of(loss, backward=True)


def test_memory_falls_as_the_backward_pass_goes_on():
    model = Net()
    watched = lesson(model)
    live = [s.live for s in watched.steps]
    gradients = sum(p.nbytes for p in model.parameters())
    # all that is left are gradients of parameters, and the loss and what its line still holds
    assert gradients <= live[-1] <= gradients + 5 * 4 * 4 + 64
    assert max(n.live for n in watched.nodes if n.live is not None) >= max(live)
    assert all(s.freed >= 0 for s in watched.steps) and sum(s.freed for s in watched.steps) > 0
    x = gg.tensor(np.ones((5, 1, 8, 8), np.float32))
    loss = F.cross_entropy(model(x), gg.tensor(np.zeros(5, np.int64)))
    modelled = [s.live for s in gg.graph.of(loss, model=model, backward=True).steps]
    assert abs(modelled[-1] - gradients) <= 5 * 4 * 4 + 64


# What a node knows


def test_costs_kept_bytes_and_fields():
    g = lesson(Net())
    conv = by_label(g, "conv")
    assert conv.cost["macs"] == 3 * 3 * 1 * 2 * 3 * 3 * 5
    assert "3*3" in conv.cost["formula"]
    assert conv.field == ((3, 2, 0), (3, 2, 0)) and by_label(g, "relu").field == conv.field
    assert conv.taps[0] == ((2, 3, 2, 0), (3, 3, 2, 0))
    assert g.nodes[g.meta["image"]].shapes == ((5, 1, 8, 8),)
    assert by_label(g, "relu").kept == 5 * 2 * 3 * 3 * 4


def test_taps_compose_to_the_fields_of_a_network():
    g = gg.graph.of(
        models.resnet18()(gg.tensor(np.zeros((2, 3, 64, 64), np.float32))).sum(), backward=False
    )
    # along one axis: (size, stride, start) of every node from the taps alone
    seen = {g.meta["image"]: (1, 1, 0)}
    inputs = {}
    for e in g.edges:
        inputs.setdefault(e.target, []).append((e.input, e.source))
    for node in g.nodes:
        parts = []
        for k, source in inputs.get(node.id, ()):
            taps = node.taps[k] if k < len(node.taps) else None
            if source in seen and taps and taps[0] and taps[0][0] == 2:
                size, stride, start = seen[source]
                _, width, step, offset = taps[0]
                parts.append((size + (width - 1) * stride, stride * step, start + offset * stride))
        if parts:
            low = min(p[2] for p in parts)
            high = max(p[2] + p[0] for p in parts)
            seen[node.id] = (high - low, parts[0][1], low)
            if node.field and node.field[0] != "all":
                assert node.field[0] == seen[node.id], node
    assert len(seen) > 50


def test_the_line_is_the_users():
    x = leaf(3)
    with gg.graph.record() as run:
        y = gg.exp(x)  # this line
        y.sum().backward()
    line = by_label(run.graph, "exp").where
    number = int(line.rpartition(":")[2])
    assert line.startswith(__file__)
    assert "# this line" in Path(__file__).read_text().splitlines()[number - 1]


def test_times_statistics_and_pictures_only_if_asked_for():
    plain = lesson(Net())
    assert all(n.time is None and n.stats is None and not n.images for n in plain.nodes)
    rich = lesson(Net(), stats=True, images=True, time=True)
    for node in rich.nodes:
        assert (node.time is not None and node.time >= 0) == (node.kind == "op")
    conv = by_label(rich, "conv")
    assert len(conv.images[0]["tiles"]) == 2 and conv.images[0]["width"] == 3
    assert len(by_label(rich, "conv.weight").images[0]["tiles"]) == 2
    assert sum(conv.stats[0]["hist"]) == 5 * 2 * 3 * 3


def test_looking_at_the_graph_changes_nothing(monkeypatch):
    from gpugraph.viz import measure

    monkeypatch.setattr(measure.Pictures.__init__, "__defaults__", (1,))  # one byte for pictures
    model = Net()
    x = gg.tensor(np.ones((5, 1, 8, 8), np.float32))
    with gg.graph.record(model=model, images=True) as run:
        model(x).sum().backward()
    first, second = run.graph, run.graph
    assert first == second and sum("Pictures" in note for note in second.meta["notes"]) == 1


def test_statistics():
    told = statistics(np.array([1.0, 0.0, np.nan, np.inf, -3.0, 0.0], np.float32))
    assert (told["count"], told["nan"], told["inf"], told["zeros"]) == (
        6,
        1,
        1,
        pytest.approx(1 / 3),
    )
    assert (told["min"], told["max"], told["mean"]) == (-3, 1, -0.5)
    assert sum(told["hist"]) == 4 and len(told["hist"]) == 32
    assert statistics(np.zeros((0, 3))) is None
    nothing = statistics(np.full(3, np.nan))
    assert nothing["nan"] == 3 and nothing["mean"] is None
    huge = statistics(np.array([-3e38, 3e38], np.float32))
    assert huge["max"] > 2.9e38 and sum(huge["hist"]) == 2
    assert statistics(np.array([7, 7]))["hist"].count(2) == 1
    assert statistics(np.array([True, False]))["mean"] == 0.5
    assert statistics(np.array([1, 2], np.float16))["max"] == 2


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (2, 7, 3)])
def test_a_png_holds_the_pixels(shape):
    image = pytest.importorskip("PIL.Image", reason="needs pillow")
    import io

    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    np.testing.assert_array_equal(np.asarray(image.open(io.BytesIO(png(pixels)))), pixels)


# Groups


class Block(nn.Module):
    def __init__(self, width):
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x):
        return F.relu(self.conv(x)) + x


def test_neighbours_that_are_alike_are_folded():
    net = nn.Sequential(*[Block(2) for _ in range(4)], Block(2), nn.Conv2d(2, 3, 1), Block(3))
    y = net(gg.tensor(np.ones((1, 2, 5, 5), np.float32))).sum()
    g = gg.graph.of(y, model=net)
    # the network's input stands outside of the modules
    assert next(n for n in g.nodes if n.kind == "input").group == 0
    (fold,) = [x for x in g.groups if x.repeats]
    # the first block is another: its image is recorded nowhere, so it is a constant of the sum
    assert fold.repeats == 4 and fold.name == "1 … 4"
    inside = [x for x in g.groups if x.parent == fold.id]
    assert [x.name for x in inside] == ["1", "2", "3", "4"]
    homes = {n.label: g.groups[n.group].path for n in g.nodes if n.kind == "parameter"}
    assert homes["0.conv.weight"] == "0.conv" and homes["6.conv.weight"] == "6.conv"
    assert all(x.parent is None or x.parent < x.id for x in g.groups)


def test_blocks_with_other_parameters_or_shapes_are_not_folded():
    net = nn.Sequential(Block(2), nn.Conv2d(2, 2, 3), Block(2), Block(2), Block(2))
    y = net(gg.tensor(np.ones((1, 2, 9, 9), np.float32))).sum()
    folds = [x for x in gg.graph.of(y).groups if x.repeats]
    assert [x.name for x in folds] == ["2 … 4"]


class Apart(nn.Module):
    """Uses the members of a list with ops of its own between."""

    def __init__(self, same):
        self.down = nn.ModuleList([Block(2), Block(2) if same else nn.Conv2d(2, 2, 1)])

    def forward(self, x):
        first, second = self.down
        return second(gg.sin(first(x))) + x


@pytest.mark.parametrize("same", [True, False])
def test_a_list_whose_members_are_used_apart_is_no_box(same):
    net = Apart(same)
    g = gg.graph.of(net(gg.tensor(np.ones((1, 2, 5, 5), np.float32))).sum(), model=net)
    top = [(x.name, x.path) for x in g.groups if x.parent == 0]
    assert top == [("down.0", "down.0"), ("down.1", "down.1")] and not any(
        x.repeats for x in g.groups
    )
    homes = {n.label: g.groups[n.group].path for n in g.nodes if n.kind == "parameter"}
    assert homes["down.0.conv.weight"] == "down.0.conv"


def test_the_path_of_a_list_of_modules_is_in_the_scope():
    class Net(nn.Module):
        def __init__(self):
            self.down = nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 3)])
            self.up = nn.ModuleDict({"a": nn.ModuleList([nn.Linear(3, 2)])})

        def forward(self, x):
            for layer in self.down[:2]:
                x = layer(x)
            return self.up["a"][0](x)

    net = Net()
    net.down.append(nn.Linear(3, 3))
    y = net(gg.tensor(np.ones((1, 3), np.float32)))
    scopes = [n.scope for n in ops(gg.graph.of(y.sum(), model=net)) if n.label == "linear"]
    assert scopes == [("down", "0"), ("down", "1"), ("up", "a", "0")]
    assert net.down[2]._path == ("down", "2")


# Errors


def test_a_run_that_raises_gives_the_graph_up_to_there():
    x = leaf(2, 3)
    w = leaf(4, 5)
    with pytest.raises(ShapeError), gg.graph.record() as run:
        gg.exp(x) @ w
    g = run.graph
    error = g.meta["error"]
    failed = g.nodes[error["node"]]
    assert failed.label == "matmul" and failed.outputs == () and "matmul" in failed.error
    assert [v.shape for v in failed.inputs] == [(2, 3), (4, 5)]
    assert error["where"].startswith(__file__) and "(2, 3)" in error["message"]
    assert [n.label for n in ops(g)] == ["exp", "matmul"]


def test_an_error_of_the_users_own():
    with pytest.raises(KeyError), gg.graph.record() as run:
        {}[gg.exp(leaf(2)).shape]
    assert run.graph.meta["error"]["node"] is None
    assert "KeyError" in run.graph.meta["error"]["message"]
    assert run.graph.meta["error"]["where"].startswith(__file__)


def test_an_error_that_was_caught_is_none():
    with gg.graph.record() as run, contextlib.suppress(ShapeError):
        gg.exp(leaf(2)) @ gg.ones((4, 5))
    assert run.graph.meta["error"] is None


def test_no_graph_to_show():
    with pytest.raises(ArgumentError, match="needs at least one output"):
        gg.graph.of()
    with pytest.raises(ArgumentError, match="got a ndarray, not a Tensor"):
        gg.graph.of(np.ones(3))
    with pytest.raises(GradientError, match=r"shape \(2,\)\) has no graph"):
        gg.graph.of(gg.tensor([1.0, 2.0]))
    with gg.graph.record() as run:
        pass
    assert run.graph.nodes == () and run.graph.meta["order"] == 0


def test_watching_keeps_no_array_alive():
    import weakref

    with gg.graph.record(stats=True) as run:
        y = gg.exp(leaf(1000))
        array = weakref.ref(y.array)
        del y
        assert array() is None
    assert len(ops(run.graph)) == 1


def test_only_the_thread_that_asked_is_watched():
    import contextvars
    import threading

    with gg.graph.record() as run:
        context = contextvars.copy_context()
        thread = threading.Thread(target=lambda: context.run(gg.exp, leaf(2)))
        thread.start()
        thread.join()
    assert not ops(run.graph)


def test_running_averages_are_left_out():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    x = gg.tensor(np.random.default_rng(0).normal(size=(4, 1, 6, 6)).astype(np.float32))
    with gg.graph.record(model=model) as run:
        model(x).sum().backward()
    assert [n.label for n in ops(run.graph)] == ["conv", "batch_norm", "sum"]
    assert "on the side" in run.graph.meta["notes"][0]
    model.eval()
    with gg.no_grad(), gg.graph.record(model=model) as run:  # nothing recorded: all is shown
        model(x)
    assert ops(run.graph)[0].label == "conv"
    assert "1.running_mean" in {n.label for n in run.graph.nodes}


# JSON and its likes


def test_json_keeps_everything():
    g = lesson(Net(), stats=True, images=True, time=True)
    told = json.loads(g.to_json())
    assert told["schema"] == "gpugraph-graph" and told["version"] == 1
    again = schema.from_dict(told)
    assert again.to_json() == g.to_json()
    assert again.nodes[5].outputs == g.nodes[5].outputs and again.edges == g.edges
    assert again.steps == g.steps and again.groups == g.groups


def test_equal_runs_give_equal_bytes():
    x = gg.tensor(np.ones((1, 1, 8, 8), np.float32))
    texts = set()
    for _ in range(2):
        gg.random.seed(0)
        net = Net()
        texts.add(gg.graph.of(net(x).sum(), model=net, backward=True).to_json())
    assert len(texts) == 1


def broken(told, change):
    again = json.loads(json.dumps(told))
    change(again)
    return again


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda d: d.pop("schema"), "this is no graph of gpugraph"),
        (lambda d: d.update(version=2), "version 2, and this gpugraph reads up to 1; upgrade"),
        (lambda d: d.update(version="x"), "version x"),
        (lambda d: d.pop("nodes"), "missing or malformed"),
        (lambda d: d["edges"].append([3, 0, 2, 0, 0]), "from node 3 to node 2 makes a cycle"),
        (lambda d: d["edges"].append([0, 0, 999, 0, 0]), "from node 0 to node 999"),
        (lambda d: d["edges"].append([0, 7, 5, 0, 0]), "node 0 has no output 7"),
        (lambda d: d["nodes"][2].update(group=77), "node 2 has id 2 and group 77"),
        (lambda d: d["nodes"][2].update(extra=1), "missing or malformed"),
        (lambda d: d["groups"][1].update(parent=5), "group 1 has id 1 and parent 5"),
        (lambda d: d["edges"].append("x"), "missing or malformed"),
        (lambda d: d["steps"].append({"node": 0, "ops": [999]}), "a step has nodes"),
    ],
)
def test_json_that_is_no_graph(change, message):
    told = json.loads(lesson(Net()).to_json())
    with pytest.raises(DataError, match=message):
        schema.from_dict(broken(told, change), "g.json")


def test_files_that_are_no_graph(tmp_path):
    path = tmp_path / "g.json"
    for text in ("", "{", "[]", '"x"', "[" * 100_000):
        path.write_text(text)
        with pytest.raises(DataError, match=r"g\.json: this is no"):
            gg.graph.load(path)


def test_networkx_has_all_of_it_as_attributes():
    g = lesson(Net(), stats=True)
    graph = g.to_networkx()
    assert networkx.is_directed_acyclic_graph(graph) and len(graph) == len(g.nodes)
    conv = by_label(g, "conv")
    attributes = graph.nodes[conv.id]
    assert attributes["cost"]["macs"] == conv.cost["macs"] and attributes["shapes"] == conv.shapes
    assert attributes["where"] == conv.where and attributes["field"] == conv.field
    assert graph.number_of_edges() == len(g.edges)


HOSTILE = [
    "</script><b>",
    "\"quotes\" & 'more'",
    "😀 émoji",
    "x" * 10_000,
    "a\x00b\ud800",
    "->{}[];",
]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_stay_text(name):
    with gg.scope(name):
        y = gg.exp(leaf(2))
    g = gg.graph.of(y)
    assert name in json.loads(g.to_json())["groups"][1]["name"]
    dot = g.to_dot()
    dot.encode()
    assert dot.count("subgraph") == 1
    told = g.nodes[-1].scope
    assert told == (name,)
    from gpugraph.viz.export import graphml

    read = networkx.parse_graphml(graphml(g))
    assert len(read) == len(g.nodes)


def test_dot_options():
    g = lesson(Net())
    text = g.to_dot(rankdir="LR", variable_style={"shape": "octagon"}, show_name=False)
    assert "rankdir=LR" in text and 'shape="octagon"' in text and "conv.weight" not in text
    assert "conv.weight" in g.to_dot() and "conv.weight" not in g.to_dot(remove_variable=True)
    with pytest.raises(ArgumentError, match="rankdir='UP'"):
        g.to_dot(rankdir="UP")


def test_a_chrome_trace():
    g = lesson(Net(), time=True)
    from gpugraph.viz.export import chrome_trace

    events = json.loads(chrome_trace(g))["traceEvents"]
    bars = [e for e in events if e["ph"] == "X"]
    assert len(bars) == len(ops(g)) + len(ops(g, 1))
    assert sum(e["dur"] for e in bars) == pytest.approx(
        1e6 * sum(n.time for n in g.nodes if n.time)
    )
    assert {e["tid"] for e in bars} == {0, 1}
    starts = {e["id"] for e in events if e["ph"] == "s"}
    assert starts == {e["id"] for e in events if e["ph"] == "f"} and starts
    with pytest.raises(ArgumentError, match="no times"):
        chrome_trace(lesson(Net()))


# Differences


def test_a_graph_is_the_same_as_itself():
    found = diff(lesson(Net()), lesson(Net()))
    assert found.same and "the same ops" in str(found)


def test_added_removed_and_changed():
    x = gg.tensor(np.ones((1, 2, 8, 8), np.float32))
    a = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.MaxPool2d(2))
    b = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU())
    graphs = [gg.graph.of(net(x).sum(), model=net) for net in (a, b)]
    found = diff(*graphs)
    told = {(state, place): what for state, place, what in found.rows}
    assert "padding=1" in told["changed", "0.conv"]
    assert "(1, 4, 6, 6) -> (1, 4, 8, 8)" in told["changed", "1.relu"]
    assert ("removed", "2.max_pool") in told
    states = found.graph.overlays[0]["states"]
    conv = next(n for n in found.graph.nodes if n.label == "conv")
    assert states[str(conv.id)] == "changed"
    backwards = diff(graphs[1], graphs[0])
    assert ("added", "2.max_pool") in {(s, p) for s, p, _ in backwards.rows}


def test_figures_of_two_runs():
    g = lesson(Net(), stats=True)
    other = replace(g, nodes=tuple([replace(n, kept=2 * n.kept) for n in g.nodes]))
    found = diff(g, other)
    kept = next(o for o in found.graph.overlays if o["name"].startswith("kept"))
    relu = by_label(g, "relu")
    assert found.same and kept["values"][str(relu.id)] == relu.kept


def test_a_training_loop_is_watched_step_by_step():
    from gpugraph.viz.record import Recording, Stop

    model = Net()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    x = gg.tensor(np.ones((5, 1, 8, 8), np.float32))
    run = Recording(model, step=2)
    steps = []

    def train():
        for i in range(5):
            optimizer.zero_grad()
            F.cross_entropy(model(x), gg.tensor(np.zeros(5, np.int64))).backward()
            optimizer.step()
            steps.append(i)

    with pytest.raises(Stop), observe(run):
        train()
    assert steps == [0] and [n.label for n in ops(run.graph)].count("conv") == 1
