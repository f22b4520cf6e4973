"""1x1 convolution as a matrix product for each pixel, and groups as block-diagonal weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...nn.functional import conv2d

__all__ = ["MOST", "block_diagonal", "data", "numbers"]

MOST, HEIGHT, WIDTH = 12, 4, 5  # channels; the image


def numbers() -> tuple[Any, Any]:
    """An image x (C, H, W) and a matrix w (K, C) of small whole numbers, C = K = `MOST`."""
    rng = np.random.default_rng(7)
    x = rng.integers(-3, 5, (MOST, HEIGHT, WIDTH))
    w = rng.choice([-3, -2, -1, 1, 2, 3], (MOST, MOST))
    return x.astype(np.float64), w.astype(np.float64)


def block_diagonal(w: Any, groups: int) -> Any:
    """The (K, C) matrix with what a grouped convolution doesn't have made 0."""
    rows, columns = (np.arange(n) * groups // n for n in w.shape)
    return np.where(rows[:, None] == columns, w, 0)


def grouped(x: Any, w: Any, groups: int) -> Any:
    """The same as `block_diagonal` @ x at each pixel, by a 1x1 convolution with groups."""
    parts = [np.hsplit(rows, groups)[g] for g, rows in enumerate(np.vsplit(w, groups))]
    return conv2d(x[None], np.concatenate(parts)[:, :, None, None], groups=groups).numpy()[0]


def data() -> dict[str, Any]:
    """What the page carries: the numbers, and what the library makes of six channels of them."""
    x, w = numbers()
    six = x[:6], w[:6, :6]
    return {
        "x": x.tolist(),
        "w": w.tolist(),
        "checks": [{"groups": g, "y": grouped(*six, g).tolist()} for g in (1, 2, 3, 6)],
    }
