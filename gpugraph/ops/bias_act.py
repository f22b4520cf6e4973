"""A bias per channel and an activation in one pass over memory, and its gradient in another.

    y  = BiasAct(x, b)            y[n, c, ...] = act(x[n, c, ...] + b[c]); AddBias without act
    gx = ActivationGrad(g, y)     act'(x + b) g, taken from y: see fused.py
    gb = ChannelSum(gx)           the sum over all axes but that of the channels

What is kept for backward is y, which the next layer keeps anyway; neither x nor x + b.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.errors import ArgumentError, DtypeError, ShapeError
from ..core.methods import public
from ..core.op import Cost, Op, Sample, Spec, traffic
from ..core.tensor import Tensor
from ..cuda.device import THREADS
from ..cuda.kernel import FLOATS, Kernel, only_floats, wide
from . import channels_cpu
from .activation import LeakyRelu, Relu, activation_grad, check_floating, off_zero
from .broadcast import broadcast_to
from .conv_layer import SUM_SLABS, blocks_for
from .fused import activated, activation, activation_code, one_of_each
from .image_memory import channel_total, spread

__all__ = ["bias_act"]

ACT, SUM = (
    Kernel("ops/bias_act.cu", name, params, T=FLOATS)
    for name, params in (
        (
            "bias_act",
            "const T* x, const T* bias, bool biased, T* y, int act, wide<T> slope, "
            "long long channels, long long inner, long long n",
        ),
        (
            "channel_sum",
            "const T* g, wide<T>* partial, long long count, long long channels, long long inner, "
            "int slab, int slabs",
        ),
    )
)
SLAB = 32 * THREADS  # values of a channel for one block to sum


@dataclass(frozen=True)
class BiasAct(Op):
    """act(x + b[c]) for x (N, C, ...), b (C) or None."""

    precision = "low"
    act: Op | None  # None in `AddBias` alone
    keeps = {"x": ("y",), "b": ("y",)}
    checks_first = True
    widens = True

    local = ("x",)

    def spec(self, x: Spec, b: Spec | None = None) -> Spec:
        check_floating("bias_act", x)
        check_channels("bias_act", x)
        if b is not None and b.dtype != x.dtype:
            raise DtypeError(
                f"bias_act: x is {x.dtype}, b is {b.dtype}; they must be of one dtype, "
                "astype() converts"
            )
        if b is not None and b.shape != x.shape[1:2]:
            raise ShapeError(
                f"bias_act: b has shape {b.shape}; x {x.shape} has {x.shape[1]} channels, "
                f"so b must be ({x.shape[1]},)"
            )
        return x

    def forward(self, xp: Any, x: Any, b: Any = None) -> Any:
        z = x + (0 if b is None else spread(xp, b, x))
        return activated(xp, self.act, z)

    def kernel_limits(self, x: Spec, b: Spec | None = None) -> str | None:
        return only_floats(x)

    def cuda(self, dev: Any, x: Any, b: Any = None) -> Any:
        x = dev.contiguous(x)
        bias = x if b is None else dev.contiguous(b)  # the flag keeps x from being read as one
        y = dev.empty(x.shape, x.dtype)
        dev.launch(
            ACT, x, bias, b is not None, y, *activation_code(self.act),
            x.shape[1], prod(x.shape[2:]), y.size, threads=y.size,
        )  # fmt: skip
        return y

    def cpu(self, lib: Any, x: Any, b: Any = None) -> Any:
        return channels_cpu.normalised(lib, 0.0, activation_code(self.act), x, None, None, None, b)

    def vjp(self, node: Any, needs: set[str], g: Tensor) -> tuple[Any, Any]:
        gx = g if self.act is None else activation_grad(self.act, g, node["y"])
        return gx, apply(CHANNEL_SUM, gx) if "b" in needs else None

    def cost(self, x: Spec, b: Spec | None = None) -> Cost:
        flops = (0 if b is None else x.size) + (0 if self.act is None else self.act.cost(x).flops)
        return Cost(flops, traffic(x, b, x))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        shapes = ((3, 2, 5), (2, 3, 2, 5), (2, 1, 7), (1, 4), (2, 2, 1, 3, 2))
        for act, shape in zip(one_of_each(), shapes, strict=True):
            b = rng.standard_normal(shape[1])
            z = off_zero(rng, shape)  # of x + b: away from the kink
            x = z - b.reshape(-1, *(1,) * (z.ndim - 2))
            yield Sample(cls(act), (x, b), act.label)
        yield Sample(cls(LeakyRelu(0.1)), (off_zero(rng, (5, 3, 4)).T[:, ::2], None), "no bias")
        yield Sample(cls(Relu()), (np.zeros((0, 3, 2)), np.zeros(3)), "empty")
        x = np.array([[0.5, -1.0, np.nan, 2.0], [1.5, -np.inf, 3.0, -2.5]]).reshape(2, 1, 4)
        yield Sample(cls(Relu()), (x, np.array([-0.5])), "kink", smooth=False)


@dataclass(frozen=True)
class AddBias(BiasAct):
    """x + b[c]: keeps nothing."""

    act: None = None
    keeps = {}

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for x in (rng.standard_normal((2, 3)), rng.standard_normal((4, 2, 3)).T):
            yield Sample(cls(), (x, rng.standard_normal(x.shape[1])))
        yield Sample(cls(), (rng.standard_normal((2, 1, 2, 3, 2)), rng.standard_normal(1)), "3-D")
        yield Sample(cls(), (np.zeros((0, 3, 2)), np.zeros(3)), "empty")


class ChannelSum(Op):
    """(N, C, ...) -> (C): the sum over all axes but that of the channels."""

    checks_first = True
    widens = True

    def spec(self, x: Spec) -> Spec:
        check_floating(self.label, x)
        check_channels(self.label, x)
        return Spec(x.shape[1:2], x.dtype)

    def forward(self, xp: Any, x: Any) -> Any:
        return channel_total(xp, x)

    def kernel_limits(self, x: Spec) -> str | None:
        return only_floats(x)

    def cuda(self, dev: Any, x: Any) -> Any:
        x = dev.contiguous(x)
        channels, inner = x.shape[1], prod(x.shape[2:])
        count = len(x) * inner
        slabs = max(1, -(-count // SLAB))  # by sizes alone, so that equal calls give equal bits
        partial = dev.empty((slabs, channels), wide(x.dtype))
        dev.launch(
            SUM, x, partial, count, channels, max(1, inner), SLAB, slabs,
            grid=(blocks_for(channels * slabs),),
        )  # fmt: skip
        total = dev.empty((channels,), x.dtype)
        dev.launch(SUM_SLABS, partial, total, slabs, channels, threads=channels)
        return total

    def cpu(self, lib: Any, x: Any) -> Any:
        return channels_cpu.channel_sum(lib, x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        shape = node.shape("x")
        return broadcast_to(g.reshape(-1, *(1,) * (len(shape) - 2)), shape)

    def cost(self, x: Spec) -> Cost:
        y = self.spec(x)
        return Cost(max(0, x.size - y.size), traffic(x, y))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for shape in ((3, 2), (2, 3, 5), (1, 4, 2, 3), (2, 1, 73, 61)):
            x = 1 + rng.standard_normal(shape)  # long sums of mean 0 are all rounding
            x *= shape[1] / x.size
            yield Sample(cls(), (x,), "x".join(map(str, shape)))
        yield Sample(cls(), (rng.standard_normal((4, 3, 5)).T[::2],), "strided")
        yield Sample(cls(), (np.zeros((0, 3, 2)),), "of nothing")


ADD_BIAS, CHANNEL_SUM = AddBias(), ChannelSum()


def check_channels(label: str, x: Spec) -> None:
    """x has an axis of channels."""
    if len(x.shape) < 2:
        raise ShapeError(f"{label}: x has shape {x.shape}; it takes (N, C) or (N, C, ...)")


@public
def bias_act(x: Any, b: Any = None, act: str | None = None, slope: float | None = None) -> Tensor:
    """act(x + b), with a bias for each channel, in one pass over memory; so is its gradient.

    x      (N, C) or (N, C, ...), floating
    b      (C), of the dtype of x; None for none
    act    "relu", "leaky_relu", "elu", "sigmoid", "tanh", or None: the sum itself
    slope  negative_slope of leaky_relu (None: 0.01), alpha of elu (None: 1)
    Kept for backward is the output alone. The idea is that of bias_act in StyleGAN2-ADA (Karras et
    al. 2020, arXiv:2006.06676).
    """
    if b is None and act is None:
        raise ArgumentError("bias_act: neither b nor act is given: there is nothing to do")
    made = activation("bias_act", act, slope)
    return apply(ADD_BIAS if made is None else BiasAct.make(made), x, b)
