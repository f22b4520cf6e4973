"""1x1 convolution as a matrix product for each pixel, and groups as block-diagonal weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import nn
from ...nn.functional import conv2d
from ..exercise import Exercise
from ..page import Content, page

__all__ = ["MOST", "block_diagonal", "content", "grouped", "numbers"]

MOST, HEIGHT, WIDTH = 12, 4, 5  # channels; the image


def numbers() -> tuple[Any, Any]:
    """An image x (K, H, W) and a matrix w (L, K) of small whole numbers, K = L = `MOST`."""
    rng = np.random.default_rng(7)
    x = rng.integers(-3, 5, (MOST, HEIGHT, WIDTH))
    w = rng.choice([-3, -2, -1, 1, 2, 3], (MOST, MOST))
    return x.astype(np.float64), w.astype(np.float64)


def block_diagonal(w: Any, groups: int) -> Any:
    """The (L, K) matrix with what a grouped convolution doesn't have made 0."""
    rows, columns = (np.arange(n) * groups // n for n in w.shape)
    return np.where(rows[:, None] == columns, w, 0)


def grouped(x: Any, w: Any, groups: int) -> Any:
    """The same as `block_diagonal` @ x at each pixel, by a 1x1 convolution with groups."""
    parts = [np.hsplit(rows, groups)[g] for g, rows in enumerate(np.vsplit(w, groups))]
    return conv2d(x[None], np.concatenate(parts)[:, :, None, None], groups=groups).numpy()[0]


TEXT = """
<p>A filter of 1×1 sees a single pixel, but all of its channels. So the layer takes the column of
<var>K</var> numbers at a pixel, and multiplies it by a matrix of <var>L</var>×<var>K</var> weights:
a fully connected layer from channels to channels, the same one at every pixel. Click on another
pixel. <span id="checked"></span></p>
<p><b>Groups</b> split the channels in as many parts; a filter reads only its own part. In the
matrix only blocks along the diagonal are left, so there are as many times fewer weights and
multiply-adds as there are groups. With as many groups as channels each filter reads one channel: a
<a href="#groups=6&amp;F=3">depthwise</a> convolution.</p>
<p>What groups leave out is also lost: no information passes from one group to another. So networks
put a 1×1 layer behind a depthwise one, or shuffle the channels. With a larger window each square of
the matrix holds <var>F</var>×<var>F</var> weights, and the blocks stay the same.</p>
"""


@page(
    "one-by-one-and-groups",
    "1×1 convolutions and groups",
    "At every pixel the same matrix; with groups, only blocks of it are left.",
    order=9,
)
def content() -> Content:
    """The numbers, and what the library makes of six channels of them."""
    x, w = numbers()
    six = x[:6], w[:6, :6]
    checks = [{"groups": g, "y": grouped(*six, g).tolist()} for g in (1, 2, 3, 6)]
    data = {"x": x.tolist(), "w": w.tolist(), "checks": checks}
    return Content(
        TEXT,
        data,
        ("one-by-one-and-groups.js",),
        exercises(),
        styles=("one-by-one-and-groups.css",),
        lecture=["07-cheaper-convolutions.md"],
    )


def exercises() -> list[Exercise]:
    """Questions, with answers by the layers themselves."""
    mixed = next(nn.Conv2d(192, 32, 1, bias=False).parameters())
    four = next(nn.Conv2d(64, 128, 3, groups=4, bias=False).parameters())
    return [
        Exercise(
            "A 1×1 layer goes from 192 channels to 32. How many weights has it, without bias?",
            mixed.size,
            "One for each pair of a channel in and a channel out: 192·32.",
        ),
        Exercise(
            "A 3×3 layer goes from 64 channels to 128, in 4 groups. How many channels does each "
            "filter read?",
            four.shape[1],
            f"64/4. So its weights have the shape {four.shape}: {four.size:,} in all.",
        ),
        Exercise(
            "Two grouped layers with the same groups, one behind the other. Can the first group's "
            "channels at the end depend on the second group's at the start?",
            "no",
            "A product of two block-diagonal matrices is block-diagonal again.",
            choices=("yes", "no"),
        ),
    ]
