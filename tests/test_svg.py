"""Drawings: nothing overlaps, everything is inside, and any string can be in a graph."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

import gpugraph as gg
from gpugraph import models
from gpugraph.nn import functional as F
from gpugraph.viz import text
from gpugraph.viz.place import Segment, place
from gpugraph.viz.svg import draw

from .graphs import Builder, at_random, residual

SVG = "{http://www.w3.org/2000/svg}"
STEPS = np.linspace(0, 1, 9)[:, None]


class Drawing:
    """What a picture's text says: rectangles are (left, top, right, bottom)."""

    def __init__(self, told):
        self.root = ET.fromstring(told)
        x, y, width, height = map(float, self.root.get("viewBox").split())
        self.page = (x, y, x + width, y + height)
        self.boxes, self.frames, self.texts, self.title = {}, {}, {}, {}
        for group in self.root.iter(SVG + "g"):
            kinds = group.get("class").split()
            name = group.get("data-id"), " ".join(kinds)
            (self.frames if "frame" in kinds else self.boxes)[name] = rectangle(group[1])
            self.texts[name] = group.findall(SVG + "text")
            self.title[group.get("data-id")] = group[0].text
        self.captions = [t for t in self.root.iter(SVG + "text") if t.get("class") == "caption"]
        self.heads = [t for t in self.root.findall(SVG + "text") if "head" in t.get("class")]
        self.lines = [
            (p.get("class").split(), points(p.get("d"))) for p in self.root.findall(SVG + "path")
        ]

    def said(self, key):
        """The lines of the box of that number."""
        return [t.text for name, told in self.texts.items() if name[0] == key for t in told]

    def middle(self, key):
        (box,) = [rect for name, rect in self.boxes.items() if name[0] == key]
        return (box[0] + box[2]) / 2


def rectangle(r):
    x, y, width, height = (float(r.get(k)) for k in ("x", "y", "width", "height"))
    return x, y, x + width, y + height


def points(d):
    """Points on a path of straight lines and Bezier curves."""
    found = []
    for letter, told in re.findall(r"([MVC])([^MVC]*)", d):
        numbers = list(map(float, told.split()))
        if letter == "M":
            found = [np.array(numbers)]
        elif letter == "V":
            found.append(np.array([found[-1][0], numbers[0]]))
        else:
            a, b, c = found[-1], np.array(numbers[:2]), np.array(numbers[2:4])
            end, t = np.array(numbers[4:]), STEPS[1:]
            told = a * (1 - t) ** 3 + 3 * b * t * (1 - t) ** 2 + 3 * c * t**2 * (1 - t)
            found += list(told + end * t**3)
    return np.array(found)


def touch(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def inside(a, b):
    return b[0] <= a[0] and b[1] <= a[1] and a[2] <= b[2] and a[3] <= b[3]


@cache
def measure(bold):
    """Widths of letters in DejaVu Sans, in font sizes, by matplotlib's copy of the font."""
    font_manager = pytest.importorskip("matplotlib.font_manager")
    from matplotlib.ft2font import FT2Font, LoadFlags

    weight = "bold" if bold else "normal"
    path = font_manager.findfont(f"DejaVu Sans:{weight}", fallback_to_default=False)
    font = FT2Font(path)
    font.set_size(100, 72)

    @cache
    def of(letter):
        return font.load_char(ord(letter), LoadFlags.NO_HINTING).linearHoriAdvance / 6553600

    return of


def extent(element):
    """The rectangle of a line of text."""
    kind = element.get("class")
    size = {"name": 14, "text": 12, "caption": 12}.get(kind, 15)
    x, y = float(element.get("x")), float(element.get("y"))
    of = measure(kind != "text")
    told = element.get("textLength")
    width = float(told) if told else size * sum(map(of, element.text or ""))
    return x, y - 0.8 * size, x + width, y + 0.24 * size


def check(told, stray=False):
    """Nothing overlaps, nothing is cut off; `stray` lines may cross boxes."""
    d = Drawing(told)
    boxes, frames = list(d.boxes.items()), list(d.frames.values())
    for i, (name, box) in enumerate(boxes):
        assert inside(box, d.page)
        assert not any(touch(box, other) for _, other in boxes[:i]), name
        assert all(inside(box, frame) or not touch(box, frame) for frame in frames)
        lines = [extent(t) for t in d.texts[name]]
        for k, line in enumerate(lines):
            assert inside(line, box), (name, d.texts[name][k].text)
            assert not any(touch(line, other) for other in lines[:k])
    for i, frame in enumerate(frames):
        assert inside(frame, d.page)
        for other in frames[:i]:
            assert inside(frame, other) or inside(other, frame) or not touch(frame, other)
    outer = [extent(t) for t in (*d.captions, *d.heads)]
    for i, line in enumerate(outer):
        assert inside(line, d.page)
        assert not any(touch(line, other) for other in outer[:i])
        assert not any(touch(line, box) for _, box in boxes)
    for kinds, line in d.lines:
        assert inside((*line.min(0), *line.max(0)), d.page)
        if "forward" in kinds and not stray:
            for name, (left, top, right, bottom) in boxes:
                low, high = (left + 1, top + 1), (right - 1, bottom - 1)
                assert not ((line > low) & (line < high)).all(1).any(), (name, line)
    return d


# Nothing overlaps


@pytest.mark.parametrize("seed", range(200))
def test_graphs_at_random(seed):
    graph = at_random(seed, backward=seed % 2 == 1)
    check(draw(graph))
    if seed % 4 < 2:
        check(draw(graph, depth=1 + seed % 3, saved=seed % 2 == 1))


def lenet5():
    model = models.LeNet5()
    x = gg.tensor(np.zeros((2, 1, 28, 28), np.float32))
    loss = F.cross_entropy(model(x), gg.tensor(np.zeros(2, np.int64)))
    return gg.graph.of(loss, model=model, backward=True).to_dict()


def test_a_network_with_its_gradients():
    graph = lenet5()
    d = check(draw(graph))
    assert [t.text for t in d.heads] == ["forward", "gradient"]
    forward = {n["id"] for n in graph["nodes"] if n["order"] == 0}
    assert {f"n{n['id']}" for n in graph["nodes"]} == {key for key, _ in d.boxes}
    # an op and the ops of its rule share a band: no other op of the column is beside them
    tops = {int(key[1:]): box for (key, _), box in d.boxes.items()}
    ops = [v for v in sorted(forward) if graph["nodes"][v]["kind"] == "op"]
    for node in graph["nodes"]:
        if node["order"] and node["kind"] == "op" and graph["nodes"][node["of"]]["kind"] == "op":
            me, of = tops[node["id"]], tops[node["of"]]
            for other in ops:
                if other < node["of"]:
                    assert tops[other][3] < me[1]
                elif other > node["of"]:
                    assert tops[other][1] > me[3]
            assert of[2] < me[0]
    # the column of ops is straight, and so is the way of the gradient
    assert len({round(sum(tops[v][::2]), 0) for v in ops}) == 1
    names = {n["id"]: n["label"] for n in graph["nodes"]}
    gates = [
        sum(box[::2]) for v, box in tops.items() if names[v] in ("activation_grad", "pool_scatter")
    ]
    assert len(gates) == 6 and max(gates) - min(gates) < 1
    assert any("gradient of fc1.weight" in line for key, _ in d.boxes for line in d.said(key))


def test_a_gradient_flows_up_and_data_down():
    d = check(draw(residual()))
    for kinds, line in d.lines:
        if "gradient" in kinds and abs(line[0][1] - line[-1][1]) > 1:
            assert line[0][1] > line[-1][1]
        if "forward" in kinds and abs(line[0][1] - line[-1][1]) > 20:
            assert line[0][1] < line[-1][1]


def test_columns_of_higher_orders_and_a_penalty():
    w = gg.tensor(np.ones(3), requires_grad=True)
    with gg.graph.record() as run:
        (g,) = gg.grad((w**3).sum(), w, create_graph=True)
        (g * g).sum().backward()
    d = check(draw(run.graph.to_dict(), saved=True), stray=True)
    assert [t.text for t in d.heads] == ["forward", "gradient", "gradient of the gradient"]
    columns = [
        {r[0] for (_, k), r in d.boxes.items() if k == f"box {kind}"}
        for kind in ("op", "gradient", "gradient2")
    ]
    assert max(columns[0]) < min(columns[1]) and max(columns[1]) < min(columns[2])
    assert any("saved" in kinds for kinds, _ in d.lines)
    assert not any("saved" in kinds for kinds, _ in Drawing(draw(run.graph.to_dict())).lines)


# What is open


def nested():
    b = Builder()
    fold = b.group("1 … 3", repeats=3)
    y = b.node(kind="input")
    for i in range(3):
        group = b.group(f"{i + 1}", fold)
        for _ in range(2):
            w = b.node(kind="parameter", group=group)
            y = b.node(y, w, group=group)
    return b.graph


def test_closed_groups_say_what_is_in_them():
    d = check(draw(nested(), depth=1))
    ((name, _),) = [item for item in d.boxes.items() if "group" in item[0][1]]
    size = sum(
        np.prod(n["outputs"][0]["shape"]) for n in nested()["nodes"] if n["kind"] == "parameter"
    )
    lines = d.said(name[0])
    assert lines[:2] == [f"1 … 3 {text.TIMES} 3", f"6 ops · {size} parameters"]
    assert lines[2] == str(tuple(nested()["nodes"][-1]["outputs"][0]["shape"]))
    deeper = check(draw(nested(), depth=2))
    assert sum("group" in kinds for _, kinds in deeper.boxes) == 3
    assert [t.text for t in deeper.captions] == [f"1 … 3 {text.TIMES} 3"]


def test_as_much_is_open_as_can_be_seen():
    b = Builder()
    y = b.node(kind="input")
    for i in range(40):
        group = b.group(f"m{i}")
        inner = b.group("inner", group)
        for _ in range(10):
            y = b.node(y, group=inner)
        y = b.node(y, group=group)
    kinds = [kinds for _, kinds in Drawing(draw(b.graph)).boxes]
    assert kinds.count("box op") == 40 and kinds.count("box group") == 40
    kinds = [kinds for _, kinds in Drawing(draw(b.graph, depth=9)).boxes]
    assert kinds.count("box op") == 440


def test_a_group_of_one_op_has_no_frame_but_its_name_in_the_box():
    b = Builder()
    x = b.node(kind="input")
    outer = b.group("conv1")
    inner = b.group("0", outer)
    w = b.node(kind="parameter", label="conv1.0.weight", group=inner)
    y = b.node(x, w, group=inner, label="conv")
    d = check(draw(b.graph))
    assert not d.frames and d.said(f"n{y}")[:2] == ["conv", "conv1.0"]


def test_the_gradients_of_a_closed_group_are_a_box_beside_it():
    d = check(draw(residual(), depth=1))
    assert d.said("g1")[:1] == ["block0"] and d.said("g1-1") == ["gradient of block0", "5 ops"]
    tops = {name[0]: box[1] for name, box in d.boxes.items()}
    assert abs(tops["g1"] - tops["g1-1"]) < 60 < abs(tops["g1"] - tops["g4"])


def test_an_op_that_failed_is_marked():
    b = Builder()
    v = b.node(b.node(kind="input"), error="conv: x has 3 channels")
    d = check(draw(b.graph))
    assert (f"n{v}", "box op error") in d.boxes and "3 channels" in d.title[f"n{v}"]


def test_an_empty_graph():
    check(draw(Builder().graph))


# Straight columns


def test_a_chain_is_straight_and_a_fork_stands_in_the_middle():
    rows = [[0], [1, 2], [3]]
    arms = [Segment(0, 0, 1, 0), Segment(0, 0, 2, 0), Segment(1, 0, 3, 0), Segment(2, 0, 3, 0)]
    x = place(rows, arms, [(20, 20)] * 4, [True] * 4, gap=10)
    assert x == [45, 20, 70, 45]
    # the longer arm goes on below what it hangs on
    rows = [[0], [1, 2], [3, 4], [5]]
    ends = [(0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 5)]
    solid = [True, False, True, False, True, True]
    x = place(rows, [Segment(a, 0, b, 0) for a, b in ends], [(9, 9)] * 6, solid, gap=10)
    assert x[0] == x[2] == x[4] == x[5] and x[1] == x[3] < x[0] - 18


def test_neighbours_keep_their_distance():
    r = np.random.default_rng(0)
    for _ in range(50):
        n = [int(k) for k in r.integers(1, 6, 5)]
        starts = np.cumsum([0, *n])
        rows = [list(range(a, b)) for a, b in pairwise(starts)]
        lines = [
            Segment(int(r.choice(a)), float(r.integers(9)), int(r.choice(b)), 0.0)
            for a, b in pairwise(rows)
            for _ in range(4)
        ]
        reach = [(float(a), float(b)) for a, b in r.integers(1, 50, (starts[-1], 2))]
        x = place(rows, lines, reach, [True] * len(reach), gap=10)
        assert min(a - left for a, (left, _) in zip(x, reach, strict=True)) == pytest.approx(0)
        for row in rows:
            for a, b in pairwise(row):
                assert x[b] - x[a] >= reach[a][1] + reach[b][0] + 10 - 1e-6


# Strings


HOSTILE = [
    "<script>alert(1)</script> & ]]> <!-- --",
    "\x00\x01\x1b[31m\x7f\x85",
    "\ud800 lone \udfff surrogates \ufffe\uffff",
    "👩‍👩‍👧‍👦 emoji 🚀 漢字 العربية",
    "\u202ereversed\u202c \u200bzero\ufeff",
    "Z" + "\u0301\u0316" * 40 + "algo",
    "tab\tline\nbreak\r\u2028\u2029",
    "W" * 10_000,
    '" onload="x" \'',
    "",
    "&amp; &#0;",
]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_any_name(name):
    b = Builder()
    group = b.group(name)
    x = b.node(kind="input", label=name)
    w = b.node(kind="parameter", label=name, group=group)
    y = b.node(x, w, label=name, group=group, params=[name, name], where=name, op=name)
    b.node(y, group=group)
    b.node(order=1, of=y, label=name, group=group)
    b.graph["meta"]["title"] = name
    told = draw({**b.graph, "meta": {"title": name}})
    told.encode("utf-8")
    d = check(told)
    check(draw(b.graph, depth=1))
    assert {e.tag.removeprefix(SVG) for e in d.root.iter()} <= set(
        "svg title defs marker path style rect g text".split()
    )
    assert not any(k.startswith("on") for e in d.root.iter() for k in e.attrib)
    assert all(len(t.text or "") <= 44 for told in d.texts.values() for t in told)
    if name.startswith("W"):
        assert name in d.title[f"n{y}"] and "…" in d.said(f"n{y}")[0]


def test_text_is_cut_in_the_middle():
    assert text.shorten("short", 9) == "short"
    cut = text.shorten("a" * 10 + "b" * 10, 9)
    assert cut == "aaaa…bbbb" and len(cut) == 9


@pytest.mark.parametrize("bold", [False, True])
def test_widths_are_upper_bounds(bold):
    of = measure(bold)
    for letter in [*map(chr, range(32, 127)), *f"{text.TIMES}…→·"]:
        assert of(letter) * 14 <= text.width(letter, 14, bold) <= of(letter) * 14 * 1.4, letter


# The file


def test_it_stands_alone():
    told = draw(lenet5())
    assert not re.search(r"href|url\((?!#tip)|@import|<script|var\(", told)
    light, dark = told.split("@media screen and (prefers-color-scheme: dark)")
    assert ".paper { fill: #ffffff; }" in light and ".paper { fill: #161b22; }" in dark
    for kinds in {e.get("class") for e in ET.fromstring(told).iter() if e.get("class")} - {"text"}:
        assert any(f".{kind}" in light for kind in kinds.split())


def test_colours_are_those_of_the_pages():
    from importlib.resources import files

    css = files("gpugraph.viz").joinpath("static/theme.css").read_text()
    told = draw(residual())
    for name in ("op", "op-line", "parameter", "input", "gradient-line", "edge", "ink", "error"):
        first, *_, last = re.findall(rf"--{name}:\s*(#\w+)", css)
        light, dark = told.split("@media screen")
        assert first in light and last in dark


def test_big_graphs_are_drawn():
    b = Builder()
    y = b.node(kind="input")
    for _ in range(3_000):
        y = b.node(y, b.node(kind="parameter"))
    assert draw(b.graph).count("<rect") == 6_002
