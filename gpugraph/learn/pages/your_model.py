"""A page about a network of the user's: `gpugraph learn my_model.py:make --input 1x3x64x64`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from html import escape
from math import gcd
from typing import Any

from ... import nn
from ...analysis import CostReport, cost
from ...core.backend import default_device
from ...core.errors import ArgumentError
from ...models import LeNet5
from ...nn.module import Module
from ...ops.random import Generator, default_generator
from ..exercise import Exercise
from ..layers import field_at, in_a_line, layers
from ..page import Content, page

__all__ = ["content", "questions"]

FIGURE = """
<section class="stage" aria-label="Interactive figure"><div id="picture" class="picture"></div>
<div id="controls" class="controls"></div><noscript><p>This figure needs JavaScript.</p></noscript>
</section>
<section><h2>All that it computes</h2><div id="table"></div></section>
"""

TEXT = """
<p>{name} for an input of {shape}: {params:,} numbers to learn, {macs} multiply-adds for one forward
pass. Choose a convolution or pool in the list, or in the table, to see how its output size comes
about, what one of its units sees of the input, what it costs, and which channels it connects. The
sliders change this one layer, to see what its output would be.</p>
<p>Nothing was run: gpugraph traced the network on shapes alone, and read sizes, costs and fields
off the rules of its ops. A share is that of all multiply-adds; a field is size / step / start in
pixels of the input, where the start is the first pixel that output 0 sees.</p>
{default}
"""
DEFAULT = """<p>To see a network of your own, write a function that makes it, and run
<code>gpugraph learn my_model.py:make_model --input 1x3x64x64</code>; in Python,
<code>gpugraph.learn.your_model(model, (1, 3, 64, 64))</code> gives this page as a string.</p>"""


@page(
    "your-model",
    "Your own network",
    "Every layer of a network of yours, with its arithmetic, receptive field and cost.",
    order=10,
)
def content(model: Any = None, shape: Any = None, siblings: Collection[str] = ()) -> Content:
    """All layers of the network; LeNet-5, with its first weights, if none is given."""
    about = _lenet() if model is None else model
    report = _traced(about, (1, 1, 28, 28) if model is None else shape)
    found = layers(about, report)
    data = {
        "name": report.name,
        "shapes": report.shapes,
        "params": report.params,
        "macs": report.macs,
        "layers": found,
        "values": any(layer.get("filters") for layer in found),
        "pages": sorted(siblings),
    }
    text = TEXT.format(
        name=escape(report.name),
        shape=escape(", ".join("×".join(map(str, s)) for s in report.shapes)),
        params=report.params,
        macs="?" if report.macs is None else f"{report.macs:,}",
        default=DEFAULT if model is None else "",
    )
    return Content(
        text,
        data,
        ("windows.js", "your-model.js"),
        questions(report, found),
        FIGURE,
        ("your-model.css",),
    )


def _lenet() -> LeNet5:
    """LeNet-5 with the same weights each time; the user's random numbers go on undisturbed."""
    generator = default_generator()
    before = generator.state
    try:
        generator.state = Generator(0).state
        return LeNet5()
    finally:
        generator.state = before


def _traced(model: Any, shape: Any) -> CostReport:
    try:
        return cost(model, shape)
    except ArgumentError:
        raise
    except Exception as error:  # whatever a user's network may raise
        name = type(model).__name__ if isinstance(model, Module) else getattr(model, "__name__", "")
        raise ArgumentError(
            f"learn: {name} fails on an input of shape {_words(shape)}: {in_a_line(error)}"
        ) from error


def _words(shape: Any) -> str:
    several = shape if isinstance(shape, list) else [shape]
    return ", ".join(
        "x".join(map(str, s)) if isinstance(s, (tuple, list)) else str(s) for s in several
    )


def questions(report: CostReport, found: list[dict[str, Any]]) -> list[Exercise]:
    """Questions with the network's own numbers, answered by the library."""
    asked = [_size(report, found), _field(report, found), _groups(found), _most(found)]
    asked = [question for question in asked if question is not None] or [_params(report)]
    return [question for question in asked if question is not None]


def _code(layer: Mapping[str, Any]) -> str:
    return f"layer <code>{escape(layer['name'])}</code>"


def _windows(found: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    return [layer for layer in found if layer["kind"] in kinds]


def _size(report: CostReport, found: list[dict[str, Any]]) -> Exercise | None:
    """What would another stride do to an output?"""
    usable = _windows(found, "conv", "max pool", "average pool")
    if not usable:
        return None
    layer = usable[len(usable) // 2]
    window = report.trace.steps[layer["id"]].op.window
    stride = 2 if window.stride[0] == 1 else 1
    other = replace(window, stride=(stride,) * len(window.stride))
    n, reach, (low, high) = layer["into"][2], window.reach[0], window.padding[0]
    size = other.out(layer["into"][2:])[0]
    along = "rows has" if len(window.size) == 2 else "numbers along its first axis has"
    return Exercise(
        f"How many {along} the output of {_code(layer)} if its stride is {stride}?",
        size,
        f"floor(({n} + {low} + {high} − {reach}) / {stride}) + 1, where {reach} is what its window "
        f"spans. Now, with stride {window.stride[0]}, it is {layer['out'][2]}.",
    )


def _field(report: CostReport, found: list[dict[str, Any]]) -> Exercise | None:
    """What would a unit see if an earlier layer had no stride?"""
    usable = _windows(found, "conv", "max pool", "average pool")
    known = [v for v in usable if v["field"] and isinstance(v["field"][0][0], int)]
    sized = [v for v in known if v["field"][0][0] != 0]
    for last in reversed(sized):
        for early in sized:
            window = report.trace.steps[early["id"]].op.window
            if early["id"] >= last["id"] or window.stride[0] == 1:
                continue
            other = replace(window, stride=(1,) * len(window.stride))
            field = field_at(report.trace, last["id"], {early["id"]: other})
            if field and isinstance(field[0][0], int) and field[0] != last["field"][0]:
                return Exercise(
                    f"One unit of {_code(last)} sees {last['field'][0][0]} rows of the input. How "
                    f"many would it see if {_code(early)} had stride 1?",
                    field[0][0],
                    f"Behind {_code(early)} every step would be {window.stride[0]} times shorter, "
                    "and the windows that follow would reach less far.",
                )
    return None


def _groups(found: list[dict[str, Any]]) -> Exercise | None:
    """How many weights would groups leave?"""
    for layer in _windows(found, "conv"):
        shape = layer["filter"]
        common = gcd(shape[0], shape[1])
        if layer["groups"] > 1 or common == 1:
            continue
        groups = next(g for g in range(2, common + 1) if common % g == 0)
        make = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[len(shape) - 3]
        with default_device("meta"):
            weight = next(
                make(shape[1], shape[0], shape[2:], groups=groups, bias=False).parameters()
            )
        whole = weight.size * groups
        return Exercise(
            f"How many weights would {_code(layer)} have in {groups} groups, without its bias?",
            weight.size,
            f"Each filter reads {shape[1] // groups} channels instead of {shape[1]}, so of "
            f"{whole:,} weights {weight.size:,} are left.",
        )
    return None


def _most(found: list[dict[str, Any]]) -> Exercise | None:
    """Which layer works most?"""
    named = [layer for layer in found if layer["macs"]]
    ranked = sorted(named, key=lambda layer: -layer["macs"])[:4]
    if len(ranked) < 2 or ranked[0]["macs"] == ranked[1]["macs"]:
        return None
    first = ranked[0]
    return Exercise(
        "Which layer makes the most multiply-adds?",
        first["name"],
        f"{first['formula'].replace('*', '·')} = {first['macs']:,}, "
        f"{100 * first['share']:.0f} % of all.",
        choices=tuple(sorted(layer["name"] for layer in ranked)),
    )


def _params(report: CostReport) -> Exercise:
    return Exercise("How many numbers does it learn?", report.params, "Weights and biases.")
