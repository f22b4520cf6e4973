"""Sizes: what filter, stride, padding, dilation and groups make of an image."""

from __future__ import annotations

from ...core.tensor import Tensor
from ...nn import functional as F
from ...ops.creation import zeros
from ..exercise import Exercise
from ..page import Content, page

TEXT = """
<p>The filter is laid on every place where it fits. <strong>Padding</strong> <var>P</var> puts rows
and columns of zeros around the image, so that it fits more often. <strong>Stride</strong>
<var>S</var> moves it by more than one pixel: the output gets smaller.
<strong>Dilation</strong> <var>D</var> pulls its taps apart: it sees further with as many
weights.</p>
<p>When the division in the formula leaves a rest, no window reaches the end:
<a href="#H=8&amp;W=8&amp;Sh=2">8×8 with stride 2</a>, where padding 1 mends it only
<a href="#H=8&amp;W=8&amp;Sh=2&amp;Ph=1">at one side</a>. A stride larger than the
filter <a href="#H=8&amp;W=9&amp;Fh=2&amp;Sh=3">leaves gaps</a>, and so does
dilation together with stride: <a href="#H=9&amp;W=9&amp;Dh=2&amp;Sh=2">only every
second pixel</a>. To keep the size at stride 1, pad by <var>D</var>(<var>F</var> − 1)/2:
<a href="#Ph=1">3×3 and padding 1</a>,
<a href="#Fh=5&amp;Ph=2">5×5 and padding 2</a>.</p>
<p>The <strong>transposed</strong> convolution goes the other way, from small to large: each input
number lays a filter on the output, and where filters overlap, they add up. It is what takes a
gradient back through a convolution, and a layer of its own where images are made.
<a href="#H=4&amp;W=4&amp;Sh=2&amp;transposed=1">With 3×3 and stride 2</a> its outputs are
reached unequally often; <a href="#H=4&amp;W=4&amp;Fh=4&amp;Sh=2&amp;Ph=1&amp;transposed=1">with
4×4</a> they are not, but for the edge.</p>
<p>With <var>G</var> <strong>groups</strong>, a filter reads only its share of the channels, which
divides weights and cost by <var>G</var>:
<a href="#K=8&amp;L=8&amp;G=2">two groups</a>, or <a href="#K=8&amp;L=8&amp;G=8">one for each
channel</a>, then called depthwise.</p>
"""


@page(
    "convolution-arithmetic",
    "Convolution arithmetic",
    "How large is the output? Move the window, and change size, stride, padding and dilation.",
    order=2,
)
def content() -> Content:
    """The exercises, answered by shapes alone: nothing is computed but sizes."""
    same = out_size(7, 5, padding=3, dilation=2)
    stem = out_size(224, 7, stride=2, padding=3)
    up = F.conv_transpose2d(_empty(7), _empty(4), stride=2, padding=1).shape[2]
    exercises = [
        Exercise(
            "The first layer of a ResNet: 224×224 pixels, filters of 7×7, stride 2, padding 3. How "
            "many rows come out?",
            stem,
            "floor((224 + 6 − 7) / 2) + 1: 223 / 2 leaves a rest, and the last row of padding is "
            "not seen.",
        ),
        Exercise(
            "7 rows, filters of 5×5 with dilation 2, padding 3, stride 1. How many rows come out?",
            same,
            "Dilated, 5 taps span 2 · 4 + 1 = 9 rows; 7 + 6 − 9 = 4 steps from the first place.",
        ),
        Exercise(
            "A transposed convolution, 4×4 with stride 2 and padding 1, is given 7×7 numbers. How "
            "many rows come out?",
            up,
            "(7 − 1) · 2 − 2 + 3 + 1: exactly twice as many.",
        ),
    ]
    return Content(
        TEXT,
        {},
        ["windows.js", "convolution-arithmetic.js"],
        exercises,
        lecture=("03-convolution-by-hand.md", "07-cheaper-convolutions.md"),
    )


def out_size(n: int, size: int, **how: int) -> int:
    """Rows that a convolution makes of n rows; `how` goes to `F.conv2d`."""
    return F.conv2d(_empty(n), _empty(size), **how).shape[2]


def _empty(n: int) -> Tensor:
    """An image, or a filter, of n x n with a shape and no numbers."""
    return zeros((1, 1, n, n), device="meta")
