"""Max pooling, forward and backward, with average pooling beside it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...nn import functional as F
from ...ops.creation import tensor
from ..exercise import Exercise
from ..page import Content, page

LECTURE = np.array([[1.0, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])

TEXT = """
<p>Max pooling lays a window on the map and keeps the largest number in it. It works on each channel
alone and has no weights. What comes out is smaller, and cares less about where in its window the
largest number stood.</p>
<p>Backwards, the gradient of an output goes to the one number that was kept, whole. Others get
nothing, since a small change of theirs changes nothing. All that the step has to remember is
<em>where</em> each maximum was. Average pooling gives every number of its window an equal
share.</p>
<p>Where windows overlap, one number may win in several, and their gradients <strong>add
up</strong>: <a href="#F=3&amp;S=1&amp;g=[[1,1],[1,1]]">windows of 3, stride 1</a>. Where numbers
are equally large, a program must choose; gpugraph takes the first, row by row:
<a href="#x=[[3,3,1,1],[3,3,1,1],[2,2,2,5],[2,2,5,5]]">a map with ties</a>. Where no further window
fits, the last rows and columns are
<a href="#W=5&amp;x=[[1,1,2,4,9],[5,6,7,8,9],[3,2,1,0,9],[1,2,3,4,9]]">seen by none</a>, and get no
gradient.</p>
"""


@page(
    "max-pooling",
    "Max pooling, forwards and backwards",
    "Each window keeps its largest number, and that number alone gets the gradient back. "
    "Change any number.",
    order=8,
)
def content() -> Content:
    """The lecture's 4x4 example, and what the library says to the exercises."""
    y, gx = pooled(LECTURE, 2, 2, np.array([[1.0, 2], [3, 4]]))
    overlap = np.zeros((3, 3))
    overlap[1, 1] = 9
    _, middle = pooled(overlap, 2, 1, np.ones((2, 2)))
    ties = F.max_pool2d(np.full((1, 4, 4), 7.0), 2).numpy()
    exercises = [
        Exercise(
            "A map of 3×3 has a 9 in the middle and zeros around it. Windows of 2×2 move with "
            "stride 1, and every output has gradient 1. What gradient does the 9 get?",
            float(middle[1, 1]),
            "All four windows see the middle, and it is the largest in each: four gradients.",
        ),
        Exercise(
            "All 16 numbers of a 4×4 map are 7. Windows of 2×2, stride 2. How many of the 16 get a "
            "gradient?",
            float(ties.size),
            "One in each of the four windows: the first, at its top left.",
        ),
        Exercise(
            "In the 4×4 map above, as the page shows it at first, the 1 at the top left becomes "
            "5.5. What happens to the four outputs?",
            "nothing",
            "6 stays the largest of its window. For the same reason that number gets gradient 0.",
            choices=("nothing", "one grows by 4.5", "one becomes 5.5"),
        ),
    ]
    data: dict[str, Any] = {"x": LECTURE.tolist(), "y": y.tolist(), "gx": gx.tolist()}
    return Content(
        TEXT,
        data,
        ["windows.js", "max-pooling.js"],
        exercises,
        lecture=("09-pooling.md", "12-backward-2d.md"),
    )


def pooled(x: Any, size: int, stride: int, g: Any) -> tuple[Any, Any]:
    """Max pooling of x (H, W), and the gradient that comes to x if g comes to its output."""
    leaf = tensor(x[None], requires_grad=True)
    y = F.max_pool2d(leaf, size, stride)
    y.backward(g[None])
    assert leaf.grad is not None
    return y.numpy()[0], leaf.grad.numpy()[0]
