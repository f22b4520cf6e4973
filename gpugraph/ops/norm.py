"""Batch normalisation (Ioffe & Szegedy 2015, arXiv:1502.03167).

    training   y = weight (x - mean) / sqrt(var + eps) + bias, with mean and var of this batch
    eval       the same with the mean and var that training has averaged

Statistics are taken per channel (axis 1), over the batch and all spatial axes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from numbers import Real
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.errors import ArgumentError, DtypeError, ShapeError
from ..core.methods import public
from ..core.op import Cost, Op, Sample, Spec, traffic
from ..core.state import set_state
from ..core.tensor import Tensor
from ..cuda.kernel import FLOATS, Kernel, only_floats, wide
from .activation import check_floating

__all__ = ["batch_norm"]

MOMENTS = Kernel(
    "ops/norm.cu", "batch_norm_moments",
    "const T* x, wide<T>* mean, wide<T>* var, long long images, long long channels, "
    "long long inner, int width",
    T=FLOATS,
)  # fmt: skip
BATCH_NORM = Kernel(
    "ops/norm.cu", "batch_norm",
    "const T* x, const wide<T>* mean, const wide<T>* var, const T* weight, const T* bias, T* y, "
    "bool weighted, bool biased, wide<T> eps, long long channels, long long inner, long long n",
    T=FLOATS,
)  # fmt: skip
BLOCK = 512  # threads that take the moments of a channel


def axes_but_channel(ndim: int) -> tuple[int, ...]:
    """The axes over which statistics are taken."""
    return (0, *range(2, ndim))


def column(v: Any, ndim: int) -> Any:
    """Per-channel numbers, shaped to broadcast against x: (C) -> (1, C, 1, ...)."""
    return v.reshape((1, -1, *(1,) * (ndim - 2)))


def count(shape: tuple[int, ...]) -> int:
    """Values per channel."""
    n = 1
    for axis in axes_but_channel(len(shape)):
        n *= shape[axis]
    return n


def check_input(x: Spec, per_channel: dict[str, Spec | None]) -> None:
    """Raise unless x is (N, C, ...) and the others have a number for each channel."""
    check_floating("batch_norm", x)
    if x.ndim < 2:
        raise ShapeError(f"batch_norm: x {x.shape} must be (N, C) or (N, C, ...)")
    C = x.shape[1]
    for name, v in per_channel.items():
        if v is None:
            continue
        if v.shape != (C,):
            raise ShapeError(
                f"batch_norm: {name} {v.shape} must be ({C},), one number for each channel of "
                f"x {x.shape}"
            )
        if v.dtype != x.dtype:
            raise DtypeError(
                f"batch_norm: x is {x.dtype}, {name} is {v.dtype}; convert one of them: "
                f"{name}.astype(gpugraph.{x.dtype})"
            )


def moments_on(dev: Any, x: Any) -> tuple[Any, Any]:
    """Mean and biased variance of each channel of a contiguous array, by a kernel."""
    images, channels, inner = len(x), x.shape[1], prod(x.shape[2:])
    mean, var = (dev.empty((channels,), wide(x.dtype)) for _ in range(2))
    width = min(BLOCK, 1 << max(0, inner - 1).bit_length())  # a power of 2, to divide the block
    sizes = images, channels, inner, width
    dev.launch(MOMENTS, x, mean, var, *sizes, grid=(channels,), block=BLOCK)
    return mean, var


def normalised_on(dev: Any, x: Any, mean: Any, var: Any, weight: Any, bias: Any, eps: float) -> Any:
    """What `BatchNormEval` gives, of a contiguous x, by a kernel."""
    y = dev.empty(x.shape, x.dtype)
    # in the place of a missing one stands another array, which the flag keeps from being read
    mean, var = (v.astype(wide(x.dtype), copy=False) for v in (mean, var))
    vectors = (mean, var, x if weight is None else weight, x if bias is None else bias)
    dev.launch(
        BATCH_NORM, x, *map(dev.contiguous, vectors), y, weight is not None, bias is not None, eps,
        x.shape[1], prod(x.shape[2:]), y.size, threads=y.size,
    )  # fmt: skip
    return y


@dataclass(frozen=True)
class BatchNorm(Op):
    """Normalise each channel by its own mean and (biased) variance, which are outputs, too."""

    eps: float
    outputs = ("y", "mean", "var")
    keeps = {
        "x": ("x", "mean", "var", "weight"),
        "weight": ("x", "mean", "var"),
    }
    checks_first = True
    widens = True

    def spec(self, x: Spec, weight: Spec | None, bias: Spec | None) -> tuple[Spec, Spec, Spec]:
        check_input(x, {"weight": weight, "bias": bias})
        if count(x.shape) == 1:
            raise ShapeError(
                f"batch_norm: x {x.shape} has one value per channel; training normalises by their "
                "spread and needs at least 2. Use a larger batch, or eval()"
            )
        channels = Spec((x.shape[1],), x.dtype)
        return x, channels, channels

    def forward(
        self, xp: Any, x: Any, weight: Any = None, bias: Any = None
    ) -> tuple[Any, Any, Any]:
        axes, n = axes_but_channel(x.ndim), max(1, count(x.shape))
        mean = x.sum(axis=axes) / n  # (C)
        y = x - column(mean, x.ndim)
        var = xp.square(y).sum(axis=axes) / n  # (C)
        scale = 1 / xp.sqrt(var + self.eps)
        y *= column(scale if weight is None else scale * weight, x.ndim)
        if bias is not None:
            y += column(bias, x.ndim)
        return y, mean, var

    def cuda(self, dev: Any, x: Any, weight: Any = None, bias: Any = None) -> tuple[Any, Any, Any]:
        x = dev.contiguous(x)
        mean, var = moments_on(dev, x)
        y = normalised_on(dev, x, mean, var, weight, bias, self.eps)
        return y, mean.astype(x.dtype), var.astype(x.dtype)

    def kernel_limits(self, x: Spec, *others: Spec | None) -> str | None:
        return only_floats(x)

    def vjp(self, node: Any, needs: set[str], gy: Any, gmean: Any, gvar: Any) -> tuple[Any, ...]:
        """With h = (x - mean) / sqrt(var + eps) and means taken per channel, for y alone

            gx = weight / sqrt(var + eps) * (gy - mean(gy) - h * mean(gy * h))

        (Ioffe & Szegedy, section 3, simplified). mean and var add gmean / n and
        2 gvar (x - mean) / n.
        """
        ndim, n = len(node.shape("x")), max(1, count(node.shape("x")))
        axes = axes_but_channel(ndim)
        gbias = None if gy is None else gy.sum(axis=axes)
        if not needs & {"x", "weight"}:
            return None, None, gbias
        x, mean, var = node["x"], node["mean"], node["var"]
        centred = x - column(mean, ndim)
        if gy is None:
            gx = gweight = None
            slope = shift = mean * 0.0
        else:
            inverse = 1 / (var + self.eps).sqrt()
            gweight = (gy * centred).sum(axis=axes) * inverse  # sum of gy * h
            if "x" not in needs:
                return None, gweight, gbias
            weight = node["weight"]
            scale = inverse if weight is None else inverse * weight
            gx = gy * column(scale, ndim)
            slope = scale * inverse * gweight * (-1 / n)
            shift = scale * gbias * (-1 / n)
        if gvar is not None:
            slope = slope + gvar * (2 / n)
        if gmean is not None:
            shift = shift + gmean * (1 / n)
        rest = centred * column(slope, ndim) + column(shift, ndim)
        return rest if gx is None else gx + rest, gweight, gbias

    def cost(self, x: Spec, weight: Spec | None, bias: Spec | None) -> Cost:
        flops = 7 * x.size  # sum, minus, square, sum, times, plus; and the rest per channel
        return Cost(flops=flops, bytes=traffic(x, weight, bias, *self.spec(x, weight, bias)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        draw = rng.standard_normal
        yield Sample(cls(1e-5), (3 + draw((4, 3, 2, 3)), draw(3), draw(3)))
        yield Sample(cls(1e-2), (draw((5, 2)), None, None), "no weight, no bias")
        yield Sample(cls(1e-5), (draw((2, 3, 5)), draw(3), None), "no bias")
        yield Sample(cls(1e-5), (draw((1, 3, 2, 1, 4)), None, draw(3)), "three axes, no weight")
        yield Sample(cls(1e-5), (draw((3, 6, 2)).T[:, ::2], draw(3), draw(3)), "strided")
        yield Sample(cls(1e-5), (np.zeros((0, 3, 2)), None, None), "empty batch")
        yield Sample(cls(1e-5), (5 + draw((2, 1, 23, 25)), draw(1), None), "longer than a block")
        yield Sample(cls(1e-5), (draw((530, 2)), None, draw(2)), "more images than threads")


@dataclass(frozen=True)
class BatchNormEval(Op):
    """Normalise each channel by a given mean and variance."""

    eps: float
    keeps = {
        "x": ("var", "weight"),
        "mean": ("var", "weight"),
        "var": ("x", "mean", "var", "weight"),
        "weight": ("x", "mean", "var"),
    }
    checks_first = True
    widens = True

    def spec(self, x: Spec, mean: Spec, var: Spec, weight: Spec | None, bias: Spec | None) -> Spec:
        check_input(x, {"running_mean": mean, "running_var": var, "weight": weight, "bias": bias})
        return x

    def forward(
        self, xp: Any, x: Any, mean: Any, var: Any, weight: Any = None, bias: Any = None
    ) -> Any:
        scale = 1 / xp.sqrt(var + self.eps)
        y = x - column(mean, x.ndim)
        y *= column(scale if weight is None else scale * weight, x.ndim)
        if bias is not None:
            y += column(bias, x.ndim)
        return y

    def cuda(
        self, dev: Any, x: Any, mean: Any, var: Any, weight: Any = None, bias: Any = None
    ) -> Any:
        return normalised_on(dev, dev.contiguous(x), mean, var, weight, bias, self.eps)

    def kernel_limits(self, x: Spec, *others: Spec | None) -> str | None:
        return only_floats(x)

    def vjp(self, node: Any, needs: set[str], g: Tensor) -> tuple[Any, ...]:
        ndim = g.ndim
        axes = axes_but_channel(ndim)
        gx = gmean = gvar = gweight = gbias = None
        if needs & {"bias", "mean"}:
            gbias = g.sum(axis=axes)
        if needs - {"bias"}:
            inverse = 1 / (node["var"] + self.eps).sqrt()
        if needs & {"x", "mean", "var"}:
            weight = node["weight"]
            scale = inverse if weight is None else inverse * weight
        if needs & {"var", "weight"}:
            gweight = (g * (node["x"] - column(node["mean"], ndim))).sum(axis=axes) * inverse
        if "x" in needs:
            gx = g * column(scale, ndim)
        if "mean" in needs:
            gmean = -scale * gbias
        if "var" in needs:
            gvar = scale * inverse * gweight * -0.5
        return gx, gmean, gvar, gweight, gbias

    def cost(self, x: Spec, mean: Spec, var: Spec, weight: Spec | None, bias: Spec | None) -> Cost:
        return Cost(flops=3 * x.size, bytes=traffic(x, mean, var, weight, bias, x))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        draw = rng.standard_normal
        var = rng.uniform(0.5, 2.0, 3)
        yield Sample(cls(1e-5), (draw((2, 3, 2, 1)), draw(3), var, draw(3), draw(3)))
        yield Sample(cls(1e-2), (draw((1, 3)), draw(3), var, None, None), "no weight, no bias")
        yield Sample(cls(1e-5), (draw((5, 6)).T[::2].T, draw(3), var, draw(3), None), "strided")
        yield Sample(cls(1e-5), (draw((2, 3, 1)), draw(3), var, None, draw(3)), "no weight")


@public
def batch_norm(
    x: Any,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel of x with mean 0 and variance 1, times weight, plus bias.

    x             (N, C) or (N, C, ...)
    running_mean  (C), as training has averaged it, and running_var; written to in training.
                  None (in training only): keep no averages
    weight, bias  (C) each, or None
    training      use the statistics of this batch, and average them into the running ones:
                  running = (1 - momentum) * running + momentum * batch
    The batch is normalised by its biased variance; the unbiased one (n - 1) is averaged, as PyTorch
    does. An empty batch changes no average.
    Source: Ioffe & Szegedy 2015, arXiv:1502.03167, algorithms 1 and 2.
    """
    if not eps >= 0:
        raise ArgumentError(f"batch_norm: eps={eps} must be at least 0")
    if not training:
        if running_mean is None or running_var is None:
            raise ArgumentError(
                "batch_norm: without training=True it needs running_mean and running_var"
            )
        op = BatchNormEval.make(float(eps))
        return apply(op, x, running_mean, running_var, weight, bias)
    if not isinstance(momentum, Real):
        raise ArgumentError(f"batch_norm: momentum={momentum!r} must be a number")
    y, mean, var = apply(BatchNorm.make(float(eps)), x, weight, bias)
    n = count(y.shape)
    averages = {"running_mean": running_mean, "running_var": running_var}
    for name, running in averages.items():  # both, before either is written to
        if running is not None and not isinstance(running, Tensor):
            raise DtypeError(
                f"batch_norm: {name} is a {type(running).__name__}; it is written to, so it must "
                "be a Tensor"
            )
        spec = None if running is None else Spec(running.shape, running.dtype)
        check_input(Spec(y.shape, y.dtype), {name: spec})
    if not n:
        return y
    with set_state(recording=False):
        batch = (mean, var * (n / max(1, n - 1)))
        for running, new in zip(averages.values(), batch, strict=True):
            if running is not None:
                running.assign(running * (1 - momentum) + new * momentum)
    return y
