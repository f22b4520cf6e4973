"""Batch normalisation (Ioffe & Szegedy 2015, arXiv:1502.03167) and its gradients.

With h = (x - mean) / sqrt(var + eps), and sums per channel (axis 1), over the batch and all spatial
axes:

    BatchNormEval     y = weight h + bias, with a mean and var that are given
    BatchNormParams   gweight = sum of gy h, gbias = sum of gy
    BatchNormInput    gx = weight / sqrt(var + eps) (gy - (gbias + h gweight) / n), where mean and
                      var are those of the n values of x in the channel and depend on it (section 3
                      of the paper, simplified)

Each one's rules are made of these three and of arithmetic on numbers per channel; so are those of
BatchNorm in norm_functions.py.

What is per channel may be float32 beside a float16 or bfloat16 x, and is, where an op makes it: a
mean rounded to 16 bits would shift a whole channel, and a variance may not fit into float16.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

import numpy as np

from ..core.apply import apply
from ..core.errors import DtypeError, ShapeError
from ..core.op import Cost, Op, Sample, Spec, traffic
from ..core.tensor import Tensor
from ..cuda.kernel import only_floats, wide
from . import channels_cpu
from .activation import check_floating
from .broadcast import broadcast_to
from .image_memory import at_once, channel_dot, channel_sum, shared_blocks, spread
from .norm_kernels import count, input_on, normalised_on, params_on

__all__: list[str] = []  # the public functions are in norm_functions.py


def axes_but_channel(ndim: int) -> tuple[int, ...]:
    """The axes over which statistics are taken."""
    return (0, *range(2, ndim))


def column(v: Any, ndim: int) -> Any:
    """Per-channel numbers, shaped to broadcast against x: (C) -> (1, C, 1, ...)."""
    return v.reshape((1, -1, *(1,) * (ndim - 2)))


def check_input(label: str, x: Spec, **per_channel: Spec | None) -> None:
    """Raise unless x is (N, C, ...) and the others have a number for each channel."""
    check_floating(label, x)
    if x.ndim < 2:
        raise ShapeError(f"{label}: x {x.shape} must be (N, C) or (N, C, ...)")
    C = x.shape[1]
    for name, v in per_channel.items():
        if v is None:
            continue
        if v.shape != (C,):
            raise ShapeError(
                f"{label}: {name} {v.shape} must be ({C},), one number for each channel of "
                f"x {x.shape}"
            )
        if v.dtype not in (x.dtype, wide(x.dtype)):
            raise DtypeError(
                f"{label}: x is {x.dtype}, {name} is {v.dtype}; convert one of them: "
                f"{name}.astype(gpugraph.{wide(x.dtype)})"
            )


def check_cotangent(label: str, x: Spec, gy: Spec) -> None:
    """Raise unless gy is like x."""
    if (gy.shape, gy.dtype) != (x.shape, x.dtype):
        raise ShapeError(f"{label}: gy {gy} must be like x {x}")


@dataclass(frozen=True)
class Normalisation(Op, abstract=True):
    """Base of all: eps is added to the variance."""

    precision = "high"
    eps: float
    checks_first = True
    widens = True

    def kernel_limits(self, x: Spec, *others: Spec | None) -> str | None:
        return only_floats(x)

    # What the rules are made of, on tensors

    def inverse(self, var: Tensor) -> Tensor:
        """1 / sqrt(var + eps)."""
        return 1 / (var + self.eps).sqrt()

    def scaled(self, g: Tensor, var: Tensor, weight: Tensor | None) -> Tensor:
        """Each channel of g times weight / sqrt(var + eps)."""
        return self.normalised(g, var, None, weight, None)

    def normalised(self, x: Tensor, *per_channel: Tensor | None) -> Tensor:
        """What `BatchNormEval` gives."""
        return apply(BatchNormEval.make(self.eps), x, *per_channel)

    def params(
        self, gy: Tensor, x: Tensor, var: Tensor, mean: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """What `BatchNormParams` gives."""
        return apply(BatchNormParams.make(self.eps), gy, x, var, mean)


def spread_bytes(x: Spec, count: int) -> int:
    """Bytes of so many numbers per channel, spread over an image: see `spread`."""
    return count * prod(x.shape[1:]) * x.dtype.itemsize


@dataclass(frozen=True)
class BatchNormEval(Normalisation):
    """Normalise each channel by a given mean (None: 0) and variance."""

    keeps = {
        "x": ("var", "weight"),
        "var": ("x", "var", "mean", "weight"),
        "mean": ("var", "weight"),
        "weight": ("x", "var", "mean"),
    }

    local: ClassVar[tuple[str, ...]] = ("x",)

    def spec(
        self,
        x: Spec,
        var: Spec,
        mean: Spec | None,
        weight: Spec | None,
        bias: Spec | None,
    ) -> Spec:
        stats = {"running_mean": mean, "running_var": var}
        check_input("batch_norm", x, **stats, weight=weight, bias=bias)
        return x

    def forward(
        self, xp: Any, x: Any, var: Any, mean: Any = None, weight: Any = None, bias: Any = None
    ) -> Any:
        scale = 1 / xp.sqrt(var + self.eps)
        scale = spread(xp, scale if weight is None else scale * weight, x)
        mean, bias = (v if v is None else spread(xp, v, x) for v in (mean, bias))
        y = xp.empty_like(x)

        def normalise(part: slice) -> None:
            out = y[part]
            at = x[part] if mean is None else xp.subtract(x[part], mean, out=out)
            xp.multiply(at, scale, out=out)
            if bias is not None:
                out += bias

        shared_blocks(xp, x, 3, normalise)
        return y

    def cuda(
        self, dev: Any, x: Any, var: Any, mean: Any = None, weight: Any = None, bias: Any = None
    ) -> Any:
        return normalised_on(dev, dev.contiguous(x), var, mean, weight, bias, eps=self.eps)

    def cpu(
        self, lib: Any, x: Any, var: Any, mean: Any = None, weight: Any = None, bias: Any = None
    ) -> Any:
        return channels_cpu.normalised(lib, self.eps, (0, 0.0), x, var, mean, weight, bias)

    def scratch(self, x: Spec, *per_channel: Spec | None) -> int:
        var, mean, _, bias = (*per_channel, None, None, None)[:4]
        return spread_bytes(x, sum(s is not None for s in (var, mean, bias)))

    def vjp(self, node: Any, needs: set[str], g: Tensor) -> tuple[Any, ...]:
        gx = gvar = gmean = gweight = gbias = None
        if "x" in needs:
            gx = self.scaled(g, node["var"], node["weight"])
        if needs & {"var", "weight"}:
            gweight, gbias = self.params(g, node["x"], node["var"], node["mean"])
        elif needs & {"mean", "bias"}:
            gbias = g.sum(axis=axes_but_channel(g.ndim))
        if needs & {"mean", "var"}:
            inverse, weight = self.inverse(node["var"]), node["weight"]
            scale = inverse if weight is None else inverse * weight
            gmean = -scale * gbias
            gvar = None if gweight is None else scale * inverse * gweight * -0.5
        return gx, gvar, gmean, gweight, gbias

    def cost(self, x: Spec, *vectors: Spec | None) -> Cost:
        return Cost(flops=3 * x.size, bytes=traffic(x, *vectors, x))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        draw = rng.standard_normal
        var = rng.uniform(0.5, 2.0, 3)
        yield Sample(cls(1e-5), (draw((2, 3, 2, 1)), var, draw(3), draw(3), draw(3)))
        yield Sample(cls(1e-5), (draw((5, 6)).T[::2].T, var, draw(3), draw(3), None), "strided")
        yield Sample(cls(1e-2), (draw((1, 3)), var, draw(3), None, None), "no weight, no bias")
        yield Sample(cls(1e-5), (draw((2, 3, 1)), var, draw(3), None, draw(3)), "no weight")
        yield Sample(cls(1e-5), (draw((2, 3, 5)), var, None, draw(3), draw(3)), "about 0")
        yield Sample(cls(1e-5), (draw((1, 3, 45, 61)), var, draw(3), draw(3), draw(3)), "pieces")
        yield Sample(cls(1e-5), (draw((1, 3, 32, 64)), var, draw(3), draw(3), None), "full pieces")
        yield Sample(cls(1e-5), (np.zeros((0, 3)), var, draw(3), draw(3), draw(3)), "no images")


@dataclass(frozen=True)
class BatchNormParams(Normalisation):
    """Sums over each channel of gy h and of gy: the gradients of weight and bias."""

    outputs = ("gweight", "gbias")
    keeps = {
        "gy": ("x", "var", "mean"),
        "x": ("gy", "var"),
        "var": ("var", "gweight"),
        "mean": ("var", "gbias"),
    }

    def spec(self, gy: Spec, x: Spec, var: Spec, mean: Spec | None) -> tuple[Spec, Spec]:
        check_input(self.label, x, mean=mean, var=var)
        check_cotangent(self.label, x, gy)
        channels = Spec((x.shape[1],), wide(x.dtype))
        return channels, channels

    def forward(self, xp: Any, gy: Any, x: Any, var: Any, mean: Any = None) -> tuple[Any, Any]:
        middle = None if mean is None else spread(xp, mean, x)

        def sums(part: slice) -> tuple[Any, Any]:
            g, centred = gy[part], x[part] if middle is None else x[part] - middle
            return channel_dot(xp, centred, g), channel_sum(g)

        dots, totals = zip(*shared_blocks(xp, x, 3, sums), strict=True) if len(x) else ((), ())
        none = xp.zeros_like(var, x.dtype)
        return sum(dots, start=none) / xp.sqrt(var + self.eps), sum(totals, start=none)

    def cuda(self, dev: Any, gy: Any, x: Any, var: Any, mean: Any = None) -> tuple[Any, Any]:
        return params_on(dev, dev.contiguous(gy), dev.contiguous(x), var, mean, self.eps)

    def cpu(self, lib: Any, gy: Any, x: Any, var: Any, mean: Any = None) -> Any:
        return channels_cpu.norm_params(lib, self.eps, gy, x, var, mean)

    def vjp(
        self, node: Any, needs: set[str], c: Tensor | None, b: Tensor | None
    ) -> tuple[Any, ...]:
        """c and b are the cotangents of gweight and gbias."""
        if c is None:
            shape = node.shape("gy")
            spread = broadcast_to(column(b, len(shape)), shape) if "gy" in needs else None
            return spread, None, None, None
        ggy = gx = gvar = gmean = None
        if "gy" in needs:
            ggy = self.normalised(node["x"], node["var"], node["mean"], c, b)
        if "x" in needs:
            gx = self.scaled(node["gy"], node["var"], c)
        if needs & {"mean", "var"}:
            inverse = self.inverse(node["var"])
        if "mean" in needs:
            gmean = -c * inverse * node["gbias"]
        if "var" in needs:
            gvar = c * inverse * inverse * node["gweight"] * -0.5
        return ggy, gx, gvar, gmean

    def scratch(self, gy: Spec, x: Spec, var: Spec, mean: Spec | None) -> int:
        if mean is None:
            return 0
        image = prod(x.shape[1:])  # of means, and x - mean of some
        return x.dtype.itemsize * image * (1 + at_once(x.shape[0], image, x.dtype.itemsize, 3))

    def cost(self, gy: Spec, x: Spec, var: Spec, mean: Spec | None) -> Cost:
        flops = 4 * x.size  # minus, times, two sums
        return Cost(flops=flops, bytes=traffic(gy, x, var, mean, *self.spec(gy, x, var, mean)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        draw, var = rng.standard_normal, rng.uniform(0.5, 2.0, 3)
        for note, x in batches(rng):
            C = x.shape[1]
            gy = draw(x.shape) * (C / max(C, x.size)) ** 0.5  # the sums are about 1
            yield Sample(cls(1e-5), (gy, x, var[:C], draw(C)), note)
        x, empty = draw((2, 3, 5)), np.zeros((2, 3, 0))
        yield Sample(cls(1e-2), (draw(x.shape), x, var, None), "about 0")
        yield Sample(cls(1e-2), (empty, empty, var, draw(3)), "no positions", smooth=False)
        gy, x = draw(x.shape), draw(x.shape)
        gy[0, 0, 1] = x[1, 2, 3] = np.nan
        given = (gy, x, var, draw(3))
        yield Sample(cls(1e-2), given, "NaN stays in its channel", smooth=False)


@dataclass(frozen=True)
class BatchNormInput(Normalisation):
    """The gradient of `BatchNorm` with respect to x, from those of weight and bias."""

    keeps = dict.fromkeys(
        ("gy", "x", "var", "mean", "gweight", "gbias", "weight"),
        ("gy", "x", "var", "mean", "gweight", "gbias", "weight"),
    )

    def spec(
        self,
        gy: Spec,
        x: Spec,
        var: Spec,
        mean: Spec,
        gweight: Spec,
        gbias: Spec,
        weight: Spec | None,
    ) -> Spec:
        sums = {"gweight": gweight, "gbias": gbias}
        check_input(self.label, x, mean=mean, var=var, weight=weight, **sums)
        check_cotangent(self.label, x, gy)
        return x

    def forward(
        self,
        xp: Any,
        gy: Any,
        x: Any,
        var: Any,
        mean: Any,
        gweight: Any,
        gbias: Any,
        weight: Any = None,
    ) -> Any:
        n = max(1, count(x.shape))
        inverse = 1 / xp.sqrt(var + self.eps)
        scale = inverse if weight is None else inverse * weight
        per_channel = mean, inverse * gweight / -n, gbias / n, scale
        mean, slope, shift, scale = (spread(xp, v, x) for v in per_channel)
        gx = xp.empty_like(x)

        def gradient(part: slice) -> None:
            g = xp.subtract(x[part], mean, out=gx[part])
            g *= slope
            g += gy[part]
            g -= shift
            g *= scale

        shared_blocks(xp, x, 5, gradient)
        return gx

    def cuda(self, dev: Any, gy: Any, x: Any, *per_channel: Any) -> Any:
        return input_on(dev, dev.contiguous(gy), dev.contiguous(x), *per_channel, eps=self.eps)

    def cpu(self, lib: Any, gy: Any, x: Any, *per_channel: Any) -> Any:
        return channels_cpu.norm_input(lib, self.eps, gy, x, *per_channel)

    def lies(self, gy: Any, x: Any, *per_channel: Any) -> Any:
        return x

    def scratch(self, gy: Spec, x: Spec, *per_channel: Spec | None) -> int:
        return spread_bytes(x, 4)

    def vjp(self, node: Any, needs: set[str], c: Tensor) -> tuple[Any, ...]:
        """gx = scale gy + slope h + shift: a scaled gy, and a `BatchNormEval` of x."""
        gy, x, var, mean, gweight, gbias, weight = (node[name] for name in self.inputs)
        per = -1 / max(1, count(x.shape))
        inverse = self.inverse(var)
        scale = inverse if weight is None else inverse * weight
        slope = scale * gweight * per
        cgy = cx = cvar = cweight = None
        if "gy" in needs:
            cgy = self.scaled(c, var, weight)
        if "x" in needs:
            cx = self.scaled(c, var, slope)
        if not needs - {"gy", "x"}:
            return cgy, cx, None, None, None, None, None
        cslope, cshift = self.params(c, x, var, mean)
        if needs & {"var", "weight"}:
            direct = (c * gy).sum(axis=axes_but_channel(x.ndim))
            cweight = inverse * (direct + (gweight * cslope + gbias * cshift) * per)
            cvar = inverse * (scale * cweight + inverse * slope * cslope) * -0.5
        cmean = -slope * inverse * cshift
        return cgy, cx, cvar, cmean, scale * cslope * per, scale * cshift * per, cweight

    def cost(self, gy: Spec, x: Spec, *vectors: Spec | None) -> Cost:
        return Cost(flops=6 * x.size, bytes=traffic(gy, x, *vectors, x))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        draw, var = rng.standard_normal, rng.uniform(0.5, 2.0, 3)
        for note, x in batches(rng):
            C = x.shape[1]
            given = (draw(x.shape), x, var[:C], draw(C), draw(C), draw(C))
            yield Sample(cls(1e-5), (*given, draw(C)), note)
        x = draw((2, 3, 5))
        sums = draw(3), draw(3)
        yield Sample(cls(1e-2), (draw(x.shape), x, var, draw(3), *sums, None), "no weight")
        empty = np.zeros((0, 3))
        yield Sample(cls(1e-2), (empty, empty, var, draw(3), *sums, draw(3)), "empty batch")


def batches(rng: np.random.Generator) -> Iterator[tuple[str, Any]]:
    """(note, x): awkward shapes of up to 3 channels, for the samples."""
    draw = rng.standard_normal
    yield "far from 0", 3 + draw((4, 3, 2, 3))
    yield "one value per position, more images than threads", draw((530, 2))
    yield "three axes", draw((2, 3, 2, 1, 4))
    yield "strided", draw((3, 6, 2)).T[:, ::2]
    yield "planes longer than a block", 5 + draw((2, 1, 23, 25))
    yield "two slabs", 1 + draw((3, 2, 53, 57))
