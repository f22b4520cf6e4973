"""Backwards through a 1-D convolution: Jacobian, transpose, scatter, flipped filter."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from ...core.autodiff import grad
from ...core.tensor import Tensor
from ...func import jacobian
from ...nn.functional import conv1d
from ...viz import of
from ...viz.svg import draw
from ..exercise import Exercise
from ..page import STAGE, Content, page

__all__ = ["PRESETS", "content", "record"]

PRESETS: list[dict[str, Any]] = [
    {
        "name": "the lecture's",
        "x": [1, 0, 2, 3, -1, 1],
        "w": [1, 2, -1],
        "g": [0, 1, 0, 0, -1, 2],
        "stride": 1,
        "padding": 1,
        "dilation": 1,
    },
    {
        "name": "no padding",
        "x": [2, -1, 0, 3, 1, -2],
        "w": [1, 0, -1],
        "g": [1, -2, 0, 3],
        "stride": 1,
        "padding": 0,
        "dilation": 1,
    },
    {
        "name": "stride 2",
        "x": [1, 3, -2, 0, 2, 1, -1],
        "w": [2, 1, -1],
        "g": [1, -1, 2, 3],
        "stride": 2,
        "padding": 1,
        "dilation": 1,
    },
    {
        "name": "dilation 2",
        "x": [1, 2, 0, -1, 3, 1, -2],
        "w": [1, -2, 3],
        "g": [2, 0, 1, -1, 1, 0, 1],
        "stride": 1,
        "padding": 2,
        "dilation": 2,
    },
    {
        "name": "stride 3, padding 2, dilation 2",
        "x": [1, -1, 2, 0, 3, 1, -2, 2],
        "w": [1, 2, -1],
        "g": [1, 2, -1],
        "stride": 3,
        "padding": 2,
        "dilation": 2,
    },
]


def record(
    x: Sequence[float],
    w: Sequence[float],
    g: Sequence[float],
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
) -> dict[str, Any]:
    """The convolution of x (N,) with w (F,), and its backward from g (M,), as the engine does it.

    Returns y (M,), gx (N,), gw (F,), the Jacobian dy/dx (M, N) as lists; and drawings of what was
    recorded: `svg` of these three ops, `pass` of a whole backward pass from the sum of g y.
    """
    window = {"stride": stride, "padding": padding, "dilation": dilation}
    leaves = {
        name: Tensor(np.array(values, np.float64)[None, None], requires_grad=True)
        for name, values in (("x", x), ("w", w), ("g", g))
    }
    y = conv1d(leaves["x"], leaves["w"], **window)
    gx, gw = grad(y, [leaves["x"], leaves["w"]], leaves["g"], create_graph=True)
    assert gx is not None and gw is not None
    fixed = Tensor(np.array(w, np.float64)[None, None])

    def forward(x: Tensor) -> Tensor:
        return conv1d(x.reshape(1, 1, -1), fixed, **window).reshape(-1)

    matrix = jacobian(forward)(np.array(x, np.float64))
    names = SimpleNamespace(named_parameters=leaves.items)
    leaves = {name: Tensor(t.array, requires_grad=name != "g") for name, t in leaves.items()}
    loss = (leaves["g"] * conv1d(leaves["x"], leaves["w"], **window)).sum()
    whole = SimpleNamespace(named_parameters=leaves.items)
    return {
        **{name: t.numpy()[0, 0].tolist() for name, t in (("y", y), ("gx", gx), ("gw", gw))},
        "jacobian": matrix.numpy().tolist(),
        "svg": draw(of(y, gx, gw, model=names).to_dict(), saved=True),
        "pass": draw(of(loss, backward=True, model=whole).to_dict(), saved=True),
    }


FIGURE = """
<section class="text behind">
<p>Forward, output <var>i</var> sees the inputs to which its wires lead, each times a weight.
Backward, each output gets a number <var>g</var> from the loss, and sends it back along the <em>same
wires</em>, times the <em>same weights</em>. Where several wires end in one input, what arrives adds
up.</p></section>
<section class="behind"><h2>The same as matrices</h2><div id="matrices"></div>
<div class="text"><p><var>A</var> has <var>w</var> in every row, further to the right each time: a
band. A stride makes the steps larger, a dilation puts gaps into the row, and padding cuts off what
hangs over the ends. The rows of the transpose hold the weights in reverse order: going back is a
correlation with the flipped filter.</p></div></section>
<section class="behind"><h2>Three ways to the gradient for <var>x</var></h2><div id="ways"></div>
<div class="text"><p>A weight is used by every window, so every output has its say about it:
<var>gw</var> adds up <var>g</var> times what the weight was multiplied with.</p></div></section>
<section class="behind"><h2>What the engine records</h2><div class="recorded"><div><img
id="graph" alt="The recorded graph: conv reads x and w, conv_input reads g and w, conv_weight reads
x and g"><p class="note"><span
id="graph-note"></span> Dashed: what waits for the backward pass.</p></div><div><pre
id="code" tabindex="0" aria-label="The same in Python"></pre></div>
<details><summary>A whole pass, forward and backward, from Σ <var>g</var><var>y</var> (x1 is
<var>g</var>)</summary>
<img id="pass" alt="The same ops, with a product by g and a sum behind them"></details>
</div></section>
"""

TEXT = """
<p>Nobody writes the matrix down: the engine has two ops, <code>conv_input</code> and
<code>conv_weight</code>, that do these sums for all outputs at once. Each of the three ops reads
two of <var>x</var>, <var>w</var> and <var>g</var>, and is linear in both, so the gradient of a
gradient is made of the same three.</p>
"""


@page(
    "backward-1d",
    "Backwards through a convolution",
    "Each output sends its gradient back along the wires on which it was computed.",
    order=5,
)
def content() -> Content:
    """The presets, each with what the engine makes of it."""
    presets = []
    for preset in PRESETS:
        numbers = {name: value for name, value in preset.items() if name != "name"}
        presets.append({**preset, **record(**numbers)})
    return Content(
        TEXT,
        {"presets": presets},
        ("conv-1d.js", "backward-1d.js"),
        exercises(),
        STAGE + FIGURE,
        ("backward-1d.css",),
        ["11-backward-1d.md"],
    )


def exercises() -> list[Exercise]:
    """Questions, with answers by the engine."""
    strided = record([1, 2, 3, 4, 5], [1, 10, 100], [1, 1], stride=2)
    middle = record([0] * 5, [1, 2, 4], [1] * 5, padding=1)
    weight = record([1, 2, 3, 4], [5, 7], [1, 0, -1])
    return [
        Exercise(
            "A filter (1, 2, 4), stride 1, enough padding to keep the length, and g = 1 at every "
            "output. What arrives at an input in the middle?",
            middle["gx"][2],
            "Each weight meets it once, in three different windows: 1 + 2 + 4.",
        ),
        Exercise(
            "x has five numbers, w = (1, 10, 100), stride 2, no padding, g = (1, 1). What is the "
            "gradient for the third input?",
            strided["gx"][2],
            "The first window sees it with its last weight, the second with its first: 100 + 1.",
        ),
        Exercise(
            "x = (1, 2, 3, 4), w = (5, 7), g = (1, 0, −1). What is the gradient for the first "
            "weight?",
            weight["gw"][0],
            "It met 1, 2 and 3 in the three windows: 1·1 + 0·2 − 1·3. The weights themselves don't "
            "matter.",
        ),
    ]
