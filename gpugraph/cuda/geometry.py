"""`core.window.Window` as the struct that kernels take: ``Window3`` of ``include/window.cuh``."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.window import Window
from .kernel import only_floats

__all__ = ["MOST", "STRUCTS", "limits", "window3"]

WINDOW3 = np.dtype(
    [(name, np.int32, 3) for name in ("size", "stride", "low", "dilation", "in", "out")]
)
STRUCTS = {"Window3": WINDOW3}
MOST = 2**31 - 1  # of int32


def window3(window: Window, spatial: tuple[int, ...], out: tuple[int, ...]) -> Any:
    """One Window3, for up to three spatial axes; missing ones lead, with length 1."""
    lead = 3 - len(spatial)
    struct = np.zeros(1, WINDOW3)
    low = tuple([pair[0] for pair in window.padding])
    for name, values, usual in (
        ("size", window.size, 1),
        ("stride", window.stride, 1),
        ("low", low, 0),
        ("dilation", window.dilation, 1),
        ("in", spatial, 1),
        ("out", out, 1),
    ):
        struct[name][0] = (usual,) * lead + tuple(values)
    return struct


def limits(x: Any, window: Window, spatial: tuple[int, ...]) -> str | None:
    """Why kernels over windows can't take an array like x, or None if they can.

    spatial  of what the windows look at, which x need not be
    """
    if len(window.size) > 3:
        return f"written for up to 3 spatial axes, not {len(window.size)}"
    for n, s, d, reach, pads in zip(
        spatial, window.stride, window.dilation, window.reach, window.padding, strict=True
    ):
        # the last may hang out by its reach
        if max(n + sum(pads) + reach, s, d) > MOST:
            return (
                f"written for positions below 2^31, not for an axis of {n} with padding {pads}, "
                f"stride {s}, and windows of {reach} with dilation {d}"
            )
    return only_floats(x)
