"""Batch normalisation as networks use it: with a batch's own statistics in training, with averaged
ones in inference, there also with an activation and a residual in the same pass.

The arithmetic is that of norm.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.errors import ArgumentError, DtypeError, ShapeError
from ..core.methods import public
from ..core.op import Cost, Op, Sample, Spec, traffic
from ..core.state import STATE, set_state
from ..core.tensor import Tensor
from ..cuda.kernel import wide
from . import channels_cpu
from .activation import activation_grad
from .broadcast import broadcast_to
from .fused import activated, activation, activation_code
from .image_memory import channel_dot, channel_total, shared_blocks, spread
from .norm import (
    BatchNormEval,
    BatchNormInput,
    Normalisation,
    axes_but_channel,
    batches,
    check_input,
    column,
    spread_bytes,
)
from .norm_kernels import count, moments_on, normalised_on

__all__ = ["batch_norm", "batch_norm_act"]


@dataclass(frozen=True)
class BatchNorm(Normalisation):
    """Normalise each channel by its own mean and (biased) variance, which are outputs, too."""

    outputs = ("y", "mean", "var")
    keeps = {
        "x": ("x", "mean", "var", "weight"),
        "weight": ("x", "mean", "var"),
    }

    local = ("x",)  # and, by the statistics, a little of all others: not counted

    def spec(self, x: Spec, weight: Spec | None, bias: Spec | None) -> tuple[Spec, Spec, Spec]:
        check_input("batch_norm", x, weight=weight, bias=bias)
        if count(x.shape) == 1:
            raise ShapeError(
                f"batch_norm: x {x.shape} has one value per channel; training normalises by their "
                "spread and needs at least 2. Use a larger batch, or eval()"
            )
        channels = Spec((x.shape[1],), wide(x.dtype))
        return x, channels, channels

    def forward(
        self, xp: Any, x: Any, weight: Any = None, bias: Any = None
    ) -> tuple[Any, Any, Any]:
        n = max(1, count(x.shape))
        mean = channel_total(xp, x) / n
        middle, y = spread(xp, mean, x), xp.empty_like(x)

        def squares(part: slice) -> Any:
            centred = xp.subtract(x[part], middle, out=y[part])
            return channel_dot(xp, centred, centred)

        var = sum(shared_blocks(xp, x, 2, squares), start=xp.zeros_like(mean)) / n
        scale = 1 / xp.sqrt(var + self.eps)
        scale = spread(xp, scale if weight is None else scale * weight, x)
        shift = None if bias is None else spread(xp, bias, x)

        def rescale(part: slice) -> None:
            out = y[part]
            out *= scale
            if shift is not None:
                out += shift

        shared_blocks(xp, x, 2, rescale)
        return y, mean, var

    def cuda(self, dev: Any, x: Any, weight: Any = None, bias: Any = None) -> tuple[Any, Any, Any]:
        x = dev.contiguous(x)
        mean, var = moments_on(dev, x)
        return normalised_on(dev, x, var, mean, weight, bias, eps=self.eps), mean, var

    def cpu(self, lib: Any, x: Any, weight: Any = None, bias: Any = None) -> Any:
        return channels_cpu.batch_norm(lib, self.eps, x, weight, bias)

    def vjp(self, node: Any, needs: set[str], gy: Any, gmean: Any, gvar: Any) -> tuple[Any, ...]:
        """mean and var add gmean / n and 2 gvar (x - mean) / n, which is a `BatchNormEval`, too."""
        gx = gweight = gbias = None
        if not needs & {"x", "weight"}:
            return None, None, None if gy is None else gy.sum(axis=axes_but_channel(gy.ndim))
        x, var, mean = node["x"], node["var"], node["mean"]
        if gy is not None:
            gweight, gbias = self.params(gy, x, var, mean)
        if "x" not in needs:
            return None, gweight, gbias
        if gy is not None:
            sums = (gweight, gbias, node["weight"])
            gx = apply(BatchNormInput.make(self.eps), gy, x, var, mean, *sums)
        share = 1 / max(1, count(x.shape))
        rest = None if gmean is None else gmean * share
        if gvar is not None:
            slope = gvar * (var + self.eps).sqrt() * (2 * share)
            rest = self.normalised(x, var, mean, slope, rest)
        elif rest is not None:
            rest = broadcast_to(column(rest, x.ndim), x.shape)
        if gx is not None and rest is not None:
            gx = gx + rest
        return rest if gx is None else gx, gweight, gbias

    def scratch(self, x: Spec, weight: Spec | None = None, bias: Spec | None = None) -> int:
        return spread_bytes(x, 2 if bias is None else 3)  # mean, scale, bias

    def cost(self, x: Spec, weight: Spec | None, bias: Spec | None) -> Cost:
        flops = 7 * x.size  # sum, minus, square, sum, times, plus; and the rest per channel
        return Cost(flops=flops, bytes=traffic(x, weight, bias, *self.spec(x, weight, bias)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        draw = rng.standard_normal
        for note, x in batches(rng):
            yield Sample(cls(1e-5), (x, draw(x.shape[1]), draw(x.shape[1])), note)
        yield Sample(cls(1e-2), (draw((5, 2)), None, None), "no weight, no bias")
        yield Sample(cls(1e-5), (np.zeros((0, 3, 2)), None, None), "empty batch")
        yield Sample(cls(1e-5), (np.zeros((2, 3, 0)), None, None), "no positions")
        x = draw((3, 3, 4))
        x[1, 2, 3] = np.nan
        given = (x, draw(3), draw(3))
        yield Sample(cls(1e-5), given, "NaN stays in its channel", smooth=False)
        yield Sample(cls(1e-5), (draw((2, 3, 5)), draw(3), None), "no bias")
        yield Sample(cls(1e-5), (draw((1, 3, 2, 1, 4)), None, draw(3)), "no weight")


@dataclass(frozen=True)
class BatchNormAct(BatchNormEval):
    """The activation of a `BatchNormEval` and a residual: act(weight h + bias + residual)."""

    act: Op | None
    keeps = {
        **{name: (*kept, "y") for name, kept in BatchNormEval.keeps.items()},
        "bias": ("y",),
        "residual": ("y",),
    }

    local = ("x", "residual")

    def spec(  # type: ignore[override]
        self,
        x: Spec,
        var: Spec,
        mean: Spec | None,
        weight: Spec | None,
        bias: Spec | None,
        residual: Spec | None,
    ) -> Spec:
        y = super().spec(x, var, mean, weight, bias)
        if residual is not None and residual.shape != x.shape:
            raise ShapeError(
                f"batch_norm_act: residual {residual.shape} must have the shape of x, {x.shape}"
            )
        if residual is not None and residual.dtype != x.dtype:
            raise DtypeError(
                f"batch_norm_act: x is {x.dtype}, residual is {residual.dtype}; convert one of "
                f"them: residual.astype(gpugraph.{x.dtype})"
            )
        return y

    def forward(
        self,
        xp: Any,
        x: Any,
        var: Any,
        mean: Any = None,
        weight: Any = None,
        bias: Any = None,
        residual: Any = None,
    ) -> Any:
        z = super().forward(xp, x, var, mean, weight, bias)
        if residual is not None:
            z += residual
        return activated(xp, self.act, z)

    def cuda(
        self,
        dev: Any,
        x: Any,
        var: Any,
        mean: Any = None,
        weight: Any = None,
        bias: Any = None,
        residual: Any = None,
    ) -> Any:
        x, residual = (None if a is None else dev.contiguous(a) for a in (x, residual))
        return normalised_on(dev, x, var, mean, weight, bias, residual, self.act, self.eps)

    def cpu(self, lib: Any, x: Any, *others: Any) -> Any:
        return channels_cpu.normalised(lib, self.eps, activation_code(self.act), x, *others)

    def vjp(self, node: Any, needs: set[str], g: Tensor) -> tuple[Any, ...]:
        g = activation_grad(self.act, g, node["y"])
        return (*super().vjp(node, needs - {"residual"}, g), g)

    def cost(self, x: Spec, *others: Spec | None) -> Cost:
        return Cost(flops=5 * x.size, bytes=traffic(x, *others, x))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        draw, var = rng.standard_normal, rng.uniform(0.5, 2.0, 3)
        for act, slope, shape in (
            (None, None, (2, 3, 4)),
            ("relu", None, (2, 3, 5, 3)),
            ("leaky_relu", 0.1, (4, 3)),
            ("elu", 0.5, (1, 3, 7)),
            ("sigmoid", None, (2, 3, 2)),
            ("tanh", None, (1, 3, 2, 2, 2)),
        ):
            op = cls(1e-5, activation("batch_norm_act", act, slope))
            yield Sample(op, (draw(shape), var, draw(3), draw(3), draw(3), draw(shape)), str(act))
        relu = cls(1e-5, activation("batch_norm_act", "relu"))
        x, residual = draw((6, 3, 5)).T[::2].T, draw((3, 3, 6)).T
        yield Sample(relu, (x, var, draw(3), draw(3), draw(3), residual), "strided")
        yield Sample(relu, (draw((2, 3, 4)), var, draw(3), draw(3), draw(3), None), "no residual")
        yield Sample(relu, (draw((2, 3)), var, None, None, None, draw((2, 3))), "residual alone")
        ends = np.array([[0.0], [-0.0], [np.nan], [2.0], [-2.0]])
        zero, one = np.zeros(1), np.ones(1)
        rough = (ends, one, zero, one, zero, np.zeros((5, 1)))
        yield Sample(cls(0.0, relu.act), rough, "kink, NaN", smooth=False)


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
        return apply(op, x, running_var, running_mean, weight, bias)
    if not isinstance(momentum, Real):
        raise ArgumentError(f"batch_norm: momentum={momentum!r} must be a number")
    y, mean, var = apply(BatchNorm.make(float(eps)), x, weight, bias)
    n = count(y.shape)
    check_running("batch_norm", y, running_mean, running_var)
    if not n:
        return y
    unbiased = n / max(1, n - 1)
    if STATE.get().repeating:
        return y
    with set_state(recording=False):
        for running, new, factor in ((running_mean, mean, 1.0), (running_var, var, unbiased)):
            if running is not None:
                running.assign(running * (1 - momentum) + new * (factor * momentum))
    return y


def check_running(label: str, x: Tensor, running_mean: Any, running_var: Any) -> None:
    """Raise unless both averages can be written to; called before either is."""
    for name, running in (("running_mean", running_mean), ("running_var", running_var)):
        if running is not None and not isinstance(running, Tensor):
            raise DtypeError(
                f"{label}: {name} is a {type(running).__name__}; it is written to, so it must "
                "be a Tensor"
            )
        spec = None if running is None else Spec(running.shape, running.dtype)
        check_input(label, Spec(x.shape, x.dtype), **{name: spec})


@public
def batch_norm_act(
    x: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    residual: Any = None,
    act: str | None = "relu",
    slope: float | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """act(batch_norm(x) + residual) with averaged statistics, in one pass over memory: inference.

    x             (N, C) or (N, C, ...)
    running_mean  (C), as training has averaged it, and running_var
    weight, bias  (C) each, or None
    residual      as x; or None: nothing is added
    act           "relu", "leaky_relu", "elu", "sigmoid", "tanh", or None for none
    slope         negative_slope of leaky_relu (None: 0.01), alpha of elu (None: 1)
    Gradients flow to all of them. In training, call `batch_norm` and the activation instead.
    """
    if not eps >= 0:
        raise ArgumentError(f"batch_norm_act: eps={eps} must be at least 0")
    op = BatchNormAct.make(float(eps), activation("batch_norm_act", act, slope))
    return apply(op, x, running_var, running_mean, weight, bias, residual)
