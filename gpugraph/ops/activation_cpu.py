"""Activations and their gradients by the compiled kernels of ``gpugraph/cpu/src``."""

from __future__ import annotations

from typing import Any

from ..cpu.layout import is_dense

__all__ = ["activation", "activation_grad"]

# The enum of activation.h
KINDS = {"relu": 1, "leaky_relu": 2, "elu": 3, "sigmoid": 4, "tanh": 5, "relu6": 6}
KINDS |= {"silu": 7, "gelu": 8, "gelu_tanh": 9, "mish": 10, "softplus": 11, "hardswish": 12}
KINDS |= {"erf": 13, "erfc": 14}
SMALL = 8192  # elements that NumPy is through with before a kernel is called
LENGTHY = 256  # the same where NumPy goes over them a dozen times
BRIEF = {"relu", "leaky_relu", "relu6", "tanh"}


def activation(lib: Any, label: str, slope: float, x: Any, edge: float = 0.0) -> Any:
    """That activation of x, or None: not taken. Those with two numbers: slope and edge."""
    if is_small(label, x) or not lib.takes(x) or not is_dense(x):
        return None
    y = lib.xp.empty_like(x)
    lib.call("activation", x.dtype, KINDS[label], slope, edge, x, y, x.size)
    return y


def activation_grad(lib: Any, label: str, slope: float, g: Any, y: Any, edge: float = 0.0) -> Any:
    """g times the derivative where the activation gave y, or None: not taken.

    y  what came in, instead, for activations that keep that: from silu on
    """
    if is_small(label, y) or not lib.takes(y, g) or not is_dense(y):
        return None
    gx = lib.xp.empty_like(y)
    if g.strides != y.strides:
        lib.xp.copyto(gx, g)  # in place from here on
        g = gx
    lib.call("activation_grad", y.dtype, KINDS[label], slope, edge, g, y, gx, y.size)
    return gx


def is_small(label: str, x: Any) -> bool:
    """Is NumPy as fast?"""
    return bool(x.size < (SMALL if label in BRIEF else LENGTHY))
