"""Group normalisation (Wu & He 2018, arXiv:1803.08494) and its gradient; the norms of layers and
instances are cases of it, that by the root mean square goes about 0 instead of the mean.

x is (N, C, ...). Each example's channels are in `groups` equal groups: that many rows of n numbers;
what is per row is (N, groups). With h = (x - mean) / sqrt(var + eps) and u = weight gy:

    GroupNorm       y = weight h + bias
    RmsNorm         y = weight x / sqrt(square + eps), with the mean square of one group
    GroupNormGrad   gx = (u - mean(u) - h mean(u h)) / sqrt(var + eps), means over a row
                    gweight = sum of gy h, gbias = sum of gy, over examples and positions

GroupNormGrad takes mean and var as numbers of their own. How they depend on x is in the rules of
the norms, whose outputs they are.

What is per row or per channel may be float32 beside a float16 or bfloat16 x: see norm.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.op import Cost, Op, Sample, Spec, traffic
from ..core.tensor import Tensor
from ..cuda.kernel import only_floats, wide
from . import group_norm_cpu
from .broadcast import broadcast_to
from .image_memory import WORKSPACE, parts, position_dots, position_sums, spread_rows
from .norm import axes_but_channel, check_cotangent, check_input, column
from .norm_kernels import group_grad_on, group_norm_on, rms_norm_on

__all__: list[str] = []  # the public functions are in norm_layers.py


@dataclass(frozen=True)
class Rows(Op, abstract=True):
    """Base of all: how many groups, and what is added to the variance."""

    precision = "high"
    checks_first = True
    widens = True
    groups: int
    eps: float

    def kernel_limits(self, x: Spec, *others: Spec | None) -> str | None:
        return only_floats(x)

    def per_row(self, x: Spec) -> Spec:
        """Of what has a number for each row."""
        return Spec((x.shape[0], self.groups), wide(x.dtype))

    def length(self, shape: tuple[int, ...]) -> int:
        """Numbers in a row, at least 1."""
        return max(1, prod(shape[1:]) // self.groups)

    def parts(self, x: Any) -> Iterator[slice]:
        """Some examples at a time, so that they stay in the cache."""
        return parts(len(x), prod(x.shape[1:]) * x.itemsize)

    def scratch(self, x: Spec, *others: Spec | None) -> int:
        """The numbers of some examples, in NumPy: h, or what a number for each weight takes."""
        each = max(1, prod(x.shape[1:]) * x.dtype.itemsize)
        return min(x.nbytes, max(WORKSPACE, each))

    # What the rules are made of, on tensors

    def total(self, x: Tensor) -> Tensor:
        """The sum of each row."""
        return x.reshape((x.shape[0], self.groups, prod(x.shape[1:]) // self.groups)).sum(axis=2)

    def spread(self, v: Tensor, shape: tuple[int, ...]) -> Tensor:
        """A number for each row, to broadcast against x."""
        N, C = shape[:2]
        each = broadcast_to(v.reshape((N, self.groups, 1)), (N, self.groups, C // self.groups))
        return each.reshape((N, C, *(1,) * (len(shape) - 2)))

    def through_moments(
        self, x: Tensor, mean: Tensor | None, gmean: Tensor | None, gvar: Tensor | None
    ) -> Tensor | None:
        """The gradient for x of a mean and a variance (about 0 where there is no mean)."""
        rest = None
        share = 1 / self.length(x.shape)
        if gvar is not None:
            centred = x if mean is None else x - self.spread(mean, x.shape)
            rest = centred * self.spread(gvar * (2 * share), x.shape)
        if gmean is not None:
            even = self.spread(gmean * share, x.shape)
            rest = broadcast_to(even, x.shape) if rest is None else rest + even
        return rest

    def pulled(
        self, node: Any, needs: set[str], gy: Tensor | None, gmean: Tensor | None, gvar: Any
    ) -> tuple[Any, Any, Any]:
        """The gradients of x, weight and bias, for a norm whose variance is its last output."""
        if not needs & {"x", "weight"}:
            return None, None, None if gy is None else gy.sum(axis=axes_but_channel(gy.ndim))
        x, var = node["x"], node[self.outputs[-1]]
        mean = node["mean"] if "mean" in self.outputs else None
        gx = gweight = gbias = None
        if gy is not None:
            weight = node["weight"] if "x" in needs else None
            op = GroupNormGrad.make(self.groups, self.eps)
            gx, gweight, gbias = apply(op, gy, x, var, mean, weight)
        if "x" not in needs:
            return None, gweight, gbias
        rest = self.through_moments(x, mean, gmean, gvar)
        if rest is None:
            return gx, gweight, gbias
        return rest if gx is None else gx + rest, gweight, gbias


@dataclass(frozen=True)
class GroupNorm(Rows):
    """Normalise each row by its own mean and (biased) variance, which are outputs, too."""

    outputs = ("y", "mean", "var")
    keeps = {
        "x": ("x", "mean", "var", "weight"),
        "weight": ("x", "mean", "var"),
    }
    local = ("x",)  # and, by the statistics, a little of all others: not counted

    def spec(self, x: Spec, weight: Spec | None, bias: Spec | None) -> tuple[Spec, Spec, Spec]:
        check_input(self.label, x, weight=weight, bias=bias)
        return x, self.per_row(x), self.per_row(x)

    def forward(
        self, xp: Any, x: Any, weight: Any = None, bias: Any = None
    ) -> tuple[Any, Any, Any]:
        n, y = self.length(x.shape), xp.empty_like(x)
        mean, var = (xp.empty((len(x), self.groups), x.dtype) for _ in range(2))
        for part in self.parts(x):
            some, to = x[part], y[part]
            mean[part] = over_groups(position_sums(some), self.groups) / n
            xp.subtract(some, spread_rows(xp, mean[part], some), out=to)
            var[part] = over_groups(position_dots(xp, to, to), self.groups) / n
            scaled(xp, to, 1 / xp.sqrt(var[part] + self.eps), weight, to)
            if bias is not None:
                to += spread_rows(xp, bias[None], to)
        return y, mean, var

    def cuda(self, dev: Any, x: Any, weight: Any = None, bias: Any = None) -> tuple[Any, Any, Any]:
        return group_norm_on(dev, dev.contiguous(x), weight, bias, self.groups, self.eps)

    def cpu(self, lib: Any, x: Any, weight: Any = None, bias: Any = None) -> Any:
        return group_norm_cpu.group_norm(lib, self.eps, self.groups, x, weight, bias)

    def vjp(self, node: Any, needs: set[str], gy: Any, gmean: Any, gvar: Any) -> tuple[Any, ...]:
        return self.pulled(node, needs, gy, gmean, gvar)

    def cost(self, x: Spec, weight: Spec | None, bias: Spec | None) -> Cost:
        flops = 7 * x.size  # sum, minus, square, sum, times, times, plus
        return Cost(flops=flops, bytes=traffic(x, weight, bias, *self.spec(x, weight, bias)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        draw = rng.standard_normal
        for note, groups, x in rows(rng):
            C = x.shape[1]
            yield Sample(cls(groups, 1e-5), (x, draw(C), draw(C)), note)
        yield Sample(cls(2, 1e-2), (draw((2, 4, 3)), None, None), "no weight, no bias")
        yield Sample(cls(1, 1e-5), (draw((3, 5)), draw(5), None), "no bias")
        yield Sample(cls(2, 1e-5), (draw((2, 2, 1, 3)), None, draw(2)), "no weight")
        yield Sample(cls(2, 1e-5), (np.zeros((0, 4, 2)), draw(4), None), "empty batch")
        yield Sample(cls(1, 1e-5), (np.zeros((2, 0)), None, None), "no channels")
        x = draw((2, 4, 3))
        x[1, 2, 0] = np.nan
        yield Sample(cls(2, 1e-5), (x, draw(4), draw(4)), "NaN stays in its row", smooth=False)


@dataclass(frozen=True)
class RmsNorm(Rows):
    """Divide each example by its root mean square; the mean square is an output, too."""

    outputs = ("y", "square")
    keeps = {"x": ("x", "square", "weight"), "weight": ("x", "square")}
    local = ("x",)

    def spec(self, x: Spec, weight: Spec | None) -> tuple[Spec, Spec]:
        check_input(self.label, x, weight=weight)
        return x, self.per_row(x)

    def forward(self, xp: Any, x: Any, weight: Any = None) -> tuple[Any, Any]:
        n, y = self.length(x.shape), xp.empty_like(x)
        square = xp.empty((len(x), self.groups), x.dtype)
        for part in self.parts(x):
            some = x[part]
            square[part] = over_groups(position_dots(xp, some, some), self.groups) / n
            scaled(xp, some, 1 / xp.sqrt(square[part] + self.eps), weight, y[part])
        return y, square

    def cuda(self, dev: Any, x: Any, weight: Any = None) -> tuple[Any, Any]:
        return rms_norm_on(dev, dev.contiguous(x), weight, self.groups, self.eps)

    def cpu(self, lib: Any, x: Any, weight: Any = None) -> Any:
        return group_norm_cpu.rms_norm(lib, self.eps, self.groups, x, weight)

    def vjp(self, node: Any, needs: set[str], gy: Any, gsquare: Any) -> tuple[Any, ...]:
        return self.pulled(node, needs, gy, None, gsquare)[:2]

    def cost(self, x: Spec, weight: Spec | None) -> Cost:
        flops = 4 * x.size  # square, sum, times, times
        return Cost(flops=flops, bytes=traffic(x, weight, *self.spec(x, weight)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        draw = rng.standard_normal
        for note, groups, x in rows(rng):
            yield Sample(cls(groups, 1e-5), (x, draw(x.shape[1])), note)
        yield Sample(cls(1, 1e-2), (draw((3, 5)), None), "no weight")
        yield Sample(cls(1, 1e-5), (np.zeros((0, 4)), draw(4)), "empty batch")


@dataclass(frozen=True)
class GroupNormGrad(Rows):
    """The gradients of a norm of rows; without a mean, of one about 0."""

    outputs = ("gx", "gweight", "gbias")
    keeps = dict.fromkeys(
        ("gy", "x", "var", "mean", "weight"), ("gy", "x", "var", "mean", "weight")
    )

    def spec(
        self, gy: Spec, x: Spec, var: Spec, mean: Spec | None, weight: Spec | None
    ) -> tuple[Spec, Spec, Spec]:
        check_input(self.label, x, weight=weight)
        check_cotangent(self.label, x, gy)
        channels = Spec((x.shape[1],), wide(x.dtype))
        return x, channels, channels

    def forward(
        self, xp: Any, gy: Any, x: Any, var: Any, mean: Any = None, weight: Any = None
    ) -> tuple[Any, Any, Any]:
        n, gx = self.length(x.shape), xp.empty_like(x)
        gweight, gbias = (xp.zeros(x.shape[1], x.dtype) for _ in range(2))
        inverses = 1 / xp.sqrt(var + self.eps)
        for part in self.parts(x):
            g, some, to, inverse = gy[part], x[part], gx[part], inverses[part]
            h = some if mean is None else some - spread_rows(xp, mean[part], some)
            h = h * spread_rows(xp, inverse, some)
            sums, dots = position_sums(g), position_dots(xp, g, h)  # (N, C)
            gbias += sums.sum(axis=0)
            gweight += dots.sum(axis=0)
            if weight is not None:
                sums, dots = sums * weight, dots * weight
            scaled(xp, g, inverse, weight, to)
            h *= spread_rows(xp, over_groups(dots, self.groups) * (inverse / n), h)
            to -= h
            if mean is not None:
                to -= spread_rows(xp, over_groups(sums, self.groups) * (inverse / n), to)
        return gx, gweight, gbias

    def cuda(
        self, dev: Any, gy: Any, x: Any, var: Any, mean: Any = None, weight: Any = None
    ) -> tuple[Any, Any, Any]:
        gy, x = dev.contiguous(gy), dev.contiguous(x)
        return group_grad_on(dev, gy, x, var, mean, weight, self.eps)

    def cpu(self, lib: Any, gy: Any, x: Any, var: Any, mean: Any = None, weight: Any = None) -> Any:
        per = (var, mean, weight)
        return group_norm_cpu.group_norm_grad(lib, self.eps, self.groups, gy, x, *per)

    def vjp(
        self, node: Any, needs: set[str], c: Tensor | None, d: Tensor | None, b: Tensor | None
    ) -> tuple[Any, ...]:
        """c, d and b are the cotangents of gx, gweight and gbias.

        Of a row, <c, gx> is n (mean(c u) - mean(c) mean(u) - mean(c h) mean(u h)), over the root;
        <d, gweight> is the sum of d gy h.
        """
        gy, x, var, mean, weight = (node[name] for name in self.inputs)
        inverse = 1 / (var + self.eps).sqrt()
        centred = x if mean is None else x - self.spread(mean, x.shape)
        h = centred * self.spread(inverse, x.shape)
        ggy = gh = cweight = None
        slope: Any = 0  # the derivative by 1 / sqrt(var + eps), where it stands before the means
        if c is not None:
            u = gy if weight is None else gy * column(weight, x.ndim)
            projected, gh, slope = self.projected(c, u, h, inverse, mean is None)
            ggy = projected if weight is None else projected * column(weight, x.ndim)
            if weight is not None:
                cweight = (gy * projected).sum(axis=axes_but_channel(x.ndim))
        if d is not None:
            d = column(d, x.ndim)
            ggy = h * d if ggy is None else ggy + h * d
            gh = gy * d if gh is None else gh + gy * d
        if b is not None:
            b = column(b, x.ndim)
            ggy = broadcast_to(b, x.shape) if ggy is None else ggy + b
        if gh is None:
            return ggy, None, None, None, None
        gmean = None if mean is None else -inverse * self.total(gh)
        gvar = -0.5 * inverse**3 * (slope + self.total(gh * centred))
        return ggy, gh * self.spread(inverse, x.shape), gvar, gmean, cweight

    def projected(
        self, c: Tensor, u: Tensor, h: Tensor, inverse: Tensor, about_zero: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What gx would be for u = c, and the derivatives of <c, gx> by h and by 1 / sqrt(...)."""

        def mean(v: Tensor) -> Tensor:
            return self.total(v) * (1 / self.length(shape))

        shape = h.shape
        ch, uh, scale = mean(c * h), mean(u * h), self.spread(inverse, shape)
        gx = c - h * self.spread(ch, shape)
        slope = mean(c * u) - ch * uh
        if not about_zero:
            even = mean(c)
            gx = gx - self.spread(even, shape)
            slope = slope - even * mean(u)
        gh = -scale * (c * self.spread(uh, shape) + u * self.spread(ch, shape))
        return gx * scale, gh, slope * self.length(shape)

    def cost(self, gy: Spec, x: Spec, var: Spec, mean: Spec | None, weight: Spec | None) -> Cost:
        per = (var, mean, weight)
        flops = 12 * x.size  # minus, times; two products and sums; times; three terms of gx
        return Cost(flops=flops, bytes=traffic(gy, x, *per, *self.spec(gy, x, *per)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        draw = rng.standard_normal
        for note, groups, x in rows(rng):
            N, C = x.shape[:2]
            per = rng.uniform(0.5, 2, (N, groups)), draw((N, groups)), draw(C)
            yield Sample(cls(groups, 1e-5), (draw(x.shape), x, *per), note)
        x, var = draw((2, 4, 3)), rng.uniform(0.5, 2, (2, 2))
        yield Sample(cls(2, 1e-2), (draw(x.shape), x, var, None, draw(4)), "about 0")
        yield Sample(cls(2, 1e-2), (draw(x.shape), x, var, draw((2, 2)), None), "no weight")
        none = np.zeros((0, 4, 3)), np.zeros((0, 4, 3)), np.zeros((0, 2)), np.zeros((0, 2))
        yield Sample(cls(2, 1e-5), (*none, None), "empty batch")


def over_groups(v: Any, groups: int) -> Any:
    """(N, C) -> (N, groups): the sum over each group of channels."""
    N, C = v.shape
    return v if groups == C else v.reshape(N, groups, C // groups).sum(axis=2)


def scaled(xp: Any, x: Any, scale: Any, weight: Any, out: Any) -> None:
    """out = weight * scale * x, with a scale for each row."""
    if weight is not None and x.ndim > 2:  # else each number has its own weight: not made first
        scale = xp.repeat(scale, len(weight) // scale.shape[1], axis=1) * weight
    xp.multiply(x, spread_rows(xp, scale, x), out=out)
    if weight is not None and x.ndim == 2:
        out *= weight


def rows(rng: np.random.Generator) -> Iterator[tuple[str, int, Any]]:
    """(note, groups, x): awkward shapes of few numbers, for the samples."""
    draw = rng.standard_normal
    yield "rows", 1, 1 + draw((3, 5))
    yield "rows in groups", 2, draw((2, 6))
    yield "images", 2, 3 + draw((2, 4, 2, 3))
    yield "channels by themselves", 3, draw((2, 3, 5))
    yield "three axes", 1, draw((1, 2, 2, 1, 2))
    yield "strided", 1, draw((3, 4, 2)).T[:, ::2]
