"""Softmax, its logarithm, cross-entropy, and their gradients by the kernels of ``softmax.h``.

They go over rows that lie in a piece: arrays whose axis is the last one in memory, as that of the
classes in (N, C), and in (N, C, H, W) that lie channels last. Results lie as the first array does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["cross_entropy", "cross_entropy_grad", "softmax", "softmax_grad"]


def softmax(lib: Any, x: Any, axis: int, logarithm: bool) -> Any:
    """The softmax of x along an axis, or its logarithm; None: not taken."""
    rows = in_rows(x, axis)
    if rows is None or not lib.takes(x):
        return None
    y, inner = like(lib.xp, rows, axis)
    lib.call("softmax", x.dtype, rows, inner, *extent(rows), logarithm)
    return y


def softmax_grad(lib: Any, y: Any, g: Any, axis: int, logarithm: bool) -> Any:
    """The gradient of it, from what it gave; None: not taken."""
    rows = in_rows(y, axis)
    if rows is None or not lib.takes(y, g):
        return None
    gx, inner = like(lib.xp, rows, axis)
    g = lib.xp.ascontiguousarray(np.moveaxis(g, axis, -1))
    lib.call("softmax_grad", y.dtype, rows, g, inner, *extent(rows), logarithm)
    return gx


def cross_entropy(lib: Any, logits: Any, target: Any) -> Any:
    """(losses, log-probabilities) of checked arrays; None: not taken, or a target is no class."""
    rows = in_rows(logits, 1)
    if rows is None or not lib.takes(logits):
        return None
    log_probs, inner = like(lib.xp, rows, 1)
    loss, wrong = lib.xp.empty(target.shape, logits.dtype), np.zeros(1, np.int64)
    target = lib.xp.ascontiguousarray(target, np.int64)
    lib.call("cross_entropy", logits.dtype, rows, target, loss, inner, wrong, *extent(rows))
    return None if wrong[0] else (loss, log_probs)


def cross_entropy_grad(lib: Any, log_probs: Any, target: Any, g: Any) -> Any:
    """The gradient for the logits; None: not taken."""
    rows = in_rows(log_probs, 1)
    if rows is None or not lib.takes(log_probs, g):
        return None
    gx, inner = like(lib.xp, rows, 1)
    target, g = lib.xp.ascontiguousarray(target, np.int64), lib.xp.ascontiguousarray(g)
    lib.call("cross_entropy_grad", g.dtype, rows, target, g, inner, *extent(rows))
    return gx


def in_rows(x: Any, axis: int) -> Any:
    """x with the axis put last, if its elements lie in that order, and there are any; else None."""
    if axis % x.ndim != x.ndim - 1:
        x = np.moveaxis(x, axis, -1)
    return x if x.size and x.flags.c_contiguous else None


def like(xp: Any, rows: Any, axis: int) -> tuple[Any, Any]:
    """A new array like the one that `in_rows` was given, and the same with the axis put last."""
    inner = xp.empty(rows.shape, rows.dtype)
    return (inner if axis % rows.ndim == rows.ndim - 1 else np.moveaxis(inner, -1, axis)), inner


def extent(rows: Any) -> tuple[int, int]:
    """How many rows, and how long they are."""
    length: int = rows.shape[-1]
    return rows.size // length, length
