"""A convolution by hand: window times filter, channel by channel, and their sum."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...nn import functional as F
from ..exercise import Exercise
from ..page import Content, page

SOBEL = np.array([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])  # left minus right: upright edges
LECTURE = np.array(
    [
        [0.0, 0, 1, 1, 0, 0],
        [0, 1, 2, 2, 1, 0],
        [1, 2, 3, 3, 2, 1],
        [0, 1, 2, 2, 1, 0],
        [0, 0, 1, 1, 0, 0],
    ]
)
FILTERS = {
    "upright edges (Sobel)": SOBEL,
    "level edges (Sobel)": SOBEL.T,
    "falling diagonal edges": np.array([[0.0, 1, 2], [-1, 0, 1], [-2, -1, 0]]),
    "spots and lines (Laplace)": np.array([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]),
    "mean": np.full((3, 3), 1 / 9).round(3),
    "sharpen": np.array([[0.0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
    "nothing but the middle": np.array([[0.0, 0, 0], [0, 1, 0], [0, 0, 0]]),
}

TEXT = """
<p>Lay the filter on a window of the image. Multiply each weight with the number under it, add up:
that is one number of the output. Then move on by one. The
<a href="#example=lecture">lecture's example</a> is an image of 5×6, a filter of 3×3 that takes left
minus right, and an output of 3×4.</p>
<p>An image of <var>K</var> channels needs a filter of <var>K</var> slices, one for each. All are
laid on the same place, and all their products are added up, with one bias: one filter gives
<em>one</em> map, however many channels it reads. <var>L</var> filters give <var>L</var> maps, the
channels that the next layer reads. <a href="#example=channels">Three channels, two filters</a>.</p>
<p>On <a href="#example=picture&amp;step=1085">a picture</a>, orange says that the window looks like
the filter, blue that it looks like its negative. Click into it, or choose another filter: edges of
one direction light up, edges across it don't, and the sun, which has edges of all directions, shows
where its own fit.</p>
<p>Mathematicians flip the filter before they lay it down. This here, which doesn't, is
cross-correlation; networks call it convolution and lose nothing, since they learn the filter.</p>
"""


@page(
    "convolution-step-by-step",
    "Convolution, step by step",
    "Window times filter, channel by channel, all added up: one number of the output. "
    "Change any number.",
    order=3,
)
def content() -> Content:
    """Three examples, and the exercises as the library answers them."""
    channels = _channels()
    lecture = _example(LECTURE[None], SOBEL[None, None], [0.0])
    moved = F.conv2d(LECTURE[None], SOBEL[None, None, ::-1, ::-1].copy()).numpy()[0]
    first = F.conv2d(np.array(channels["x"]), np.array(channels["w"]), np.array(channels["b"]))
    padded = F.conv2d(LECTURE[None], SOBEL[None, None], padding=1).numpy()[0]
    exercises = [
        Exercise(
            "In the lecture's example, what is the output at row 1, column 1, if the filter is "
            "turned by 180°?",
            float(moved[0, 0]),
            "Turned, this filter is its own negative, right minus left.",
        ),
        Exercise(
            "The lecture's example with padding 1: what is the output at the top left?",
            float(padded[0, 0]),
            "Of the window only four numbers are inside: (0, 0; 0, 1) under the weights "
            "(0, −2; 0, −1).",
        ),
        Exercise(
            "Three channels, two filters: the bias of filter 1 grows by 5. How many numbers of the "
            "output change?",
            float(first.shape[1] * first.shape[2]),
            "All of map 1, and none of map 2: one bias for each filter.",
        ),
    ]
    picture = _example(scene()[None], SOBEL[None, None], [0.0])
    data = {
        "examples": {"lecture": lecture, "channels": channels, "picture": picture},
        "filters": {name: w.tolist() for name, w in FILTERS.items()},
    }
    return Content(
        TEXT,
        data,
        ["windows.js", "step-pictures.js", "convolution-step-by-step.js"],
        exercises,
        lecture=("03-convolution-by-hand.md", "04-filters.md", "06-channels-and-cost.md"),
    )


def scene(rows: int = 44, columns: int = 60) -> Any:
    """A landscape of edges in all directions: sun, house, roof, fence. Whole numbers 0 to 9."""
    i, j = np.mgrid[:rows, :columns]
    image = 6 - (3 * i / rows)  # the sky, darker below
    image = np.where((i - 11) ** 2 + (j - 46) ** 2 < 64, 9, image)  # the sun
    image = np.where(i > 33, 2, image)  # the ground
    roof = (i > 8) & (i <= 20) & (abs(j - 17) <= 1.15 * (i - 8))
    image = np.where(roof, 1, image)
    image = np.where((i > 20) & (i < 37) & (abs(j - 17) < 11), 7, image)  # the house
    image = np.where((i > 26) & (i < 37) & (abs(j - 13) < 3), 3, image)  # its door
    image = np.where((i > 24) & (i < 30) & (abs(j - 22) < 3), 0, image)  # its window
    fence = (i > 29) & (i < 39) & (j > 32) & (j % 4 < 2) | (abs(i - 33) < 1) & (j > 32)
    return np.round(np.where(fence, 8, image))


def _channels() -> dict[str, Any]:
    """Three channels and two filters of small whole numbers."""
    i, j = np.mgrid[:4, :5]
    x = np.stack([(i + j) % 4, (2 * i + j) % 3, 3 - abs(j - 2)]).astype(float)
    level = np.array([[1.0, 1, 1], [0, 0, 0], [-1, -1, -1]])
    spot = np.array([[0.0, -1, 0], [-1, 4, -1], [0, -1, 0]])
    w = np.stack([[SOBEL, 0 * SOBEL, level], [0 * SOBEL, spot, -level]])
    return _example(x, w, [1.0, 0.0])


def _example(x: Any, w: Any, b: list[float]) -> dict[str, Any]:
    """x (K, H, W), w (L, K, F, F), b (L,), and the maps that the library makes of them."""
    y = F.conv2d(x, w, np.array(b)).numpy()
    return {"x": x.tolist(), "w": w.tolist(), "b": b, "y": y.tolist()}
