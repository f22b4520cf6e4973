"""Activations and their gradients by the compiled kernels of ``gpugraph/cpu/src``."""

from __future__ import annotations

from typing import Any

from ..cpu.layout import is_dense

__all__ = ["activation", "activation_grad"]

# The enum of activation.h
KINDS = {"relu": 1, "leaky_relu": 2, "elu": 3, "sigmoid": 4, "tanh": 5, "relu6": 6}
SMALL = 8192  # elements that NumPy is through with before a kernel is called


def activation(lib: Any, label: str, slope: float, x: Any) -> Any:
    """That activation of x, or None: not taken."""
    if x.size < SMALL or not lib.takes(x) or not is_dense(x):
        return None
    y = lib.xp.empty_like(x)
    lib.call("activation", x.dtype, KINDS[label], slope, x, y, x.size)
    return y


def activation_grad(lib: Any, label: str, slope: float, g: Any, y: Any) -> Any:
    """g times the derivative where the activation gave y, or None: not taken."""
    if y.size < SMALL or not lib.takes(y, g) or not is_dense(y):
        return None
    gx = lib.xp.empty_like(y)
    if g.strides != y.strides:
        lib.xp.copyto(gx, g)  # in place from here on
        g = gx
    lib.call("activation_grad", y.dtype, KINDS[label], slope, g, y, gx, y.size)
    return gx
