"""Activation functions, their slopes, and what slopes do to a gradient in a deep network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.autodiff import grad
from ...core.tensor import Tensor
from ...nn import functional as F
from ...ops.creation import tensor
from ..exercise import Exercise
from ..page import Content, page


def gelu(x: Any) -> Tensor:
    """x times the share of a normal distribution below x, by its usual approximation with tanh."""
    return 0.5 * x * (1 + F.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def silu(x: Any) -> Tensor:
    """x times its sigmoid; also called swish."""
    return x * F.sigmoid(x)


# name -> its function of (x, a), where a is the slope of leaky ReLU or the alpha of ELU
FUNCTIONS: dict[str, Callable[[Any, float], Tensor]] = {
    "ReLU": lambda x, a: F.relu(x),
    "leaky ReLU": F.leaky_relu,
    "ELU": F.elu,
    "ReLU6": lambda x, a: F.relu6(x),
    "softplus": lambda x, a: F.softplus(x),
    "GELU": lambda x, a: gelu(x),
    "SiLU": lambda x, a: silu(x),
    "sigmoid": lambda x, a: F.sigmoid(x),
    "tanh": lambda x, a: F.tanh(x),
}
GRID = np.linspace(-6, 8, 281)

TEXT = """
<p>A chain of convolutions is one linear map, however long it is. The function between them, applied
to each number alone, is what makes depth worth something. What matters for learning is its
<em>slope</em>: on the way back, the gradient is multiplied by it.</p>
<p>Through many layers these factors multiply. The sigmoid's slope is 1/4 at most, so after ten
layers less than a millionth is left: <a href="#f=sigmoid&amp;x=0.5">sigmoid, ten layers</a>. That
is a <strong>vanishing gradient</strong>. ReLU's slope is 1 wherever it lets numbers through:
<a href="#f=ReLU&amp;x=0.5">ReLU</a>. But weights between the layers multiply, too:
<a href="#f=ReLU&amp;x=0.5&amp;v=0.7">0.7 in each layer</a>,
<a href="#f=ReLU&amp;x=0.5&amp;v=1.5">1.5 in each</a>.</p>
<p>To the left of 0, ReLU lets nothing through. A unit whose input is negative for <em>every</em>
image gets no gradient and stays as it is: it is <strong>dead</strong>.
<a href="#f=ReLU&amp;b=-3.5">Move the bias down</a>, and watch the sum. Leaky ReLU and ELU keep some
slope there: <a href="#f=leaky ReLU&amp;b=-3.5">the same with leaky ReLU</a>.</p>
<p>At a kink there is no derivative, and a program chooses one. gpugraph takes 0 at 0 for ReLU, and
the left slope for leaky ReLU.</p>
"""


@page(
    "nonlinearities",
    "Nonlinearities and their gradients",
    "Drag the point: value and slope. Then see what ten slopes in a row do to a gradient.",
    order=4,
)
def content() -> Content:
    """All curves with their slopes by the engine, and the inputs of one unit."""
    curves = {}
    for name, f in FUNCTIONS.items():
        y, slope = value_and_slope(f, GRID, 0.1 if name == "leaky ReLU" else 1.0)
        curves[name] = {"y": y.round(6).tolist(), "slope": slope.round(6).tolist()}
    inputs = np.random.default_rng(3).standard_normal(12).round(2)
    tops = {name: max(curves[name]["slope"]) for name in ("sigmoid", "tanh")}
    (left,) = value_and_slope(FUNCTIONS["ELU"], np.array([-1.0]), 1.0)[1]
    exercises = [
        Exercise(
            "How large is the sigmoid's slope where it is steepest?",
            tops["sigmoid"],
            "At 0: the slope is y (1 − y), and y = 1/2 there.",
            tolerance=0.001,
        ),
        Exercise(
            "A unit of ReLU has the input <var>x</var> + <var>b</var>, and over all images "
            f"<var>x</var> is at most {inputs.max():g}. Below which <var>b</var> is it dead?",
            float(-inputs.max()),
            "Then even the largest input is negative, and all slopes are 0.",
        ),
        Exercise(
            "ELU with α = 1: its slope at −1, to two decimals?",
            float(left),
            "exp(−1). It is the value plus 1: ELU can compute its slope from its output.",
            tolerance=0.006,
        ),
    ]
    data = {"x": GRID.round(6).tolist(), "curves": curves, "inputs": inputs.tolist()}
    return Content(
        TEXT,
        data,
        ["functions.js", "plot.js", "nonlinearities.js"],
        exercises,
        lecture=("05-activations.md",),
    )


def value_and_slope(f: Callable[[Any, float], Tensor], x: Any, a: float) -> tuple[Any, Any]:
    """f(x, a) and its derivative in x, by the engine, at all points of x at once."""
    leaf = tensor(x, requires_grad=True)
    y = f(leaf, a)
    (slope,) = grad(y.sum(), leaf)
    assert slope is not None
    return y.numpy(), slope.numpy()
