"""Softmax and its logarithm, with their gradients.

Both subtract the largest logit first, so that no exponential overflows. A row of -inf alone has no
distribution and gives NaN, as in PyTorch, without a warning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

import numpy as np

from ..core.apply import apply
from ..core.errors import ShapeError
from ..core.methods import public
from ..core.op import Cost, Op, Sample, Spec, Tap, traffic
from ..core.tensor import Tensor
from ..cuda.device import THREADS
from ..cuda.kernel import FLOATS, Kernel, only_floats
from . import softmax_cpu
from .activation import check_floating
from .memory import astype
from .shape import axes_of

__all__ = ["log_softmax", "softmax"]


def rows_kernel(name: str, arrays: str) -> Kernel:
    """A kernel of ``softmax.cu`` with these arrays, for `launch_rows`."""
    rows = "long long rows, long long length, long long inner, int team"
    return Kernel("ops/softmax.cu", name, f"{arrays}, {rows}", T=FLOATS)


ROWS = rows_kernel("softmax", "const T* x, T* y")
LOG_ROWS = rows_kernel("log_softmax", "const T* x, T* y")
GRAD_ROWS = rows_kernel("softmax_grad", "const T* y, const T* g, T* gx")
LOG_GRAD_ROWS = rows_kernel("log_softmax_grad", "const T* y, const T* g, T* gx")


def shifted(xp: Any, x: Any, axis: int) -> Any:
    """x minus its largest element along the axis; -inf stays -inf."""
    top = x.max(axis=axis, keepdims=True)
    return x - xp.where(top == -xp.inf, x.dtype.type(0), top)


def log_probabilities(xp: Any, x: Any, axis: int) -> Any:
    """The logarithm of the softmax of an array."""
    if not x.size:
        return x.copy()
    with np.errstate(divide="ignore", invalid="ignore"):
        z = shifted(xp, x, axis)
        z -= xp.log(xp.exp(z).sum(axis=axis, keepdims=True))
        return z


def launch_rows(dev: Any, kernel: Kernel, *arrays: Any, shape: tuple[int, ...], axis: int) -> None:
    """Launch a kernel of ``softmax.cu`` over the rows of an array along an axis.

    A row gets one thread if it is short, or if neighbours in memory belong to different rows (so
    that neighbouring threads read neighbours); a warp if it is longer, a block if it is long.
    """
    length = shape[axis]
    inner = prod(shape[axis % len(shape) + 1 :])
    rows = prod(shape) // max(1, length)
    team = THREADS if length > 1024 else 1 if length <= 16 or inner >= 32 else 32
    dev.launch(kernel, *arrays, rows, length, inner, team, threads=rows * team)


@dataclass(frozen=True)
class AlongAxis(Op, abstract=True):
    """Base of softmax and its logarithm."""

    precision = "high"
    axis: int
    kernel: ClassVar[Kernel]
    logarithm: ClassVar[bool]
    keeps = {"x": ("y",)}
    checks_first = True
    widens = True

    def spec(self, x: Spec) -> Spec:
        check_floating(self.label, x)
        axes_of(self.label, self.axis, x.shape)
        return x

    def cuda(self, dev: Any, x: Any) -> Any:
        y = dev.empty(x.shape, x.dtype)
        launch_rows(dev, self.kernel, dev.contiguous(x), y, shape=x.shape, axis=self.axis)
        return y

    def cpu(self, lib: Any, x: Any) -> Any:
        return softmax_cpu.softmax(lib, x, self.axis, self.logarithm)

    def kernel_limits(self, x: Spec) -> str | None:
        return only_floats(x)

    def sees(self, specs: Sequence[Any], i: int, k: int = 0) -> Sequence[Tap | None] | None:
        x = specs[0].shape
        return [Tap.all(n) if a == self.axis % len(x) else Tap(a) for a, n in enumerate(x)]

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=5 * x.size, bytes=traffic(x, x))  # max, minus, exp, sum, divide or minus

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls(-1), (rng.standard_normal((3, 5)),))
        yield Sample(cls(1), (rng.standard_normal((2, 4, 3)),), "middle axis")
        yield Sample(cls(0), (rng.standard_normal((4, 6)).T[::2],), "strided")
        yield Sample(cls(-1), (np.array([[1000.0, 999.0, -1000.0]]),), "large", smooth=False)
        yield Sample(cls(-1), (np.array([[0.5, -np.inf, 1.0]]),), "one -inf", smooth=False)
        yield Sample(cls(-1), (np.full((2, 3), -np.inf),), "-inf alone", smooth=False)
        yield Sample(cls(1), (rng.standard_normal((3, 1)),), "one class", smooth=False)
        yield Sample(cls(1), (np.zeros((3, 0)),), "empty")
        yield Sample(cls(0), (rng.standard_normal((21, 3)),), "rows for a warp each")
        yield Sample(cls(1), (rng.standard_normal((2, 1100)),), "rows for a block each")
        x = 100 * rng.standard_normal((5, 40))
        x[1, 33], x[2, 1:] = np.nan, -np.inf
        yield Sample(cls(1), (x,), "far apart; a NaN; all -inf but one", smooth=False)
        x = rng.standard_normal((2, 5, 3))
        x[1, 3, 2] = 200
        yield Sample(cls(1), (x,), "far apart, middle axis", smooth=False)


class Softmax(AlongAxis):
    """e^x over its sum along an axis."""

    kernel = ROWS
    logarithm = False

    def forward(self, xp: Any, x: Any) -> Any:
        if not x.size:
            return x.copy()
        with np.errstate(invalid="ignore"):
            e = shifted(xp, x, self.axis)
            xp.exp(e, out=e)
            e /= e.sum(axis=self.axis, keepdims=True)
            return e

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return apply(SoftmaxGrad.make(self.axis), node["y"], g)


class LogSoftmax(AlongAxis):
    """The logarithm of softmax, exact where the softmax itself underflows."""

    kernel = LOG_ROWS
    logarithm = True

    def forward(self, xp: Any, x: Any) -> Any:
        return log_probabilities(xp, x, self.axis)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return apply(LogSoftmaxGrad.make(self.axis), node["y"], g)


@dataclass(frozen=True)
class AlongAxisGrad(Op, abstract=True):
    """Base of their gradients, from what they gave and its cotangent. Linear in g."""

    axis: int
    kernel: ClassVar[Kernel]
    logarithm: ClassVar[bool]
    keeps = {"y": ("y", "g"), "g": ("y",)}
    checks_first = True
    widens = True

    def spec(self, y: Spec, g: Spec) -> Spec:
        check_floating(self.label, y, "y")
        axes_of(self.label, self.axis, y.shape)
        if (g.shape, g.dtype) != (y.shape, y.dtype):
            raise ShapeError(f"{self.label}: g {g} must be like y {y}")
        return y

    def cuda(self, dev: Any, y: Any, g: Any) -> Any:
        gx = dev.empty(y.shape, y.dtype)
        arrays = dev.contiguous(y), dev.contiguous(g), gx
        launch_rows(dev, self.kernel, *arrays, shape=y.shape, axis=self.axis)
        return gx

    def cpu(self, lib: Any, y: Any, g: Any) -> Any:
        return softmax_cpu.softmax_grad(lib, y, g, self.axis, self.logarithm)

    def kernel_limits(self, y: Spec, g: Spec) -> str | None:
        return only_floats(y)

    def cost(self, y: Spec, g: Spec) -> Cost:
        return Cost(flops=4 * y.size, bytes=traffic(y, g, y))  # exp or times, sum, times, minus

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        draw = rng.standard_normal
        for note, axis, shape in (
            ("", -1, (3, 5)),
            ("middle axis", 1, (2, 4, 3)),
            ("one class", 1, (3, 1)),
            ("empty", 1, (3, 0)),
            ("neighbours in memory in different rows", 1, (2, 5, 33)),
            ("rows for a warp each", 0, (21, 3)),
            ("rows for a block each", 1, (2, 1100)),
        ):
            yield Sample(cls(axis), (draw(shape), draw(shape)), note)
        yield Sample(cls(0), (draw((4, 6)).T[::2], draw((3, 4))), "strided")
        y, g = draw((3, 40)), draw((3, 40))
        y[1, 33] = g[2, 4] = np.nan
        yield Sample(cls(1), (y, g), "NaN stays in its row", smooth=False)


class SoftmaxGrad(AlongAxisGrad):
    """y (g - sum of g y). Its matrix, diag(y) - y y^T, is symmetric."""

    kernel = GRAD_ROWS
    logarithm = False

    def forward(self, xp: Any, y: Any, g: Any) -> Any:
        gx = g - (g * y).sum(axis=self.axis, keepdims=True)
        gx *= y
        return gx

    def vjp_y(self, node: Any, c: Tensor) -> Tensor:
        y, g = node["y"], node["g"]
        gy, cy = ((v * y).sum(axis=self.axis, keepdims=True) for v in (g, c))
        return c * (g - gy) - g * cy

    def vjp_g(self, node: Any, c: Tensor) -> Tensor:
        return apply(self, node["y"], c)


class LogSoftmaxGrad(AlongAxisGrad):
    """g - e^y times the sum of g."""

    kernel = LOG_GRAD_ROWS
    logarithm = True

    def forward(self, xp: Any, y: Any, g: Any) -> Any:
        gx = xp.exp(y)
        gx *= -g.sum(axis=self.axis, keepdims=True)
        gx += g
        return gx

    def vjp_y(self, node: Any, c: Tensor) -> Tensor:
        return c * node["y"].exp() * -node["g"].sum(axis=self.axis, keepdims=True)

    def vjp_g(self, node: Any, c: Tensor) -> Tensor:
        return c - (node["y"].exp() * c).sum(axis=self.axis, keepdims=True)


@public
def softmax(x: Any, dim: int = -1, dtype: Any = None) -> Tensor:
    """e^x over its sum along the axis `dim`: positive numbers that add up to 1.

    dtype  convert x to it first
    """
    return apply(Softmax.make(dim), x if dtype is None else astype(x, dtype))


@public
def log_softmax(x: Any, dim: int = -1, dtype: Any = None) -> Tensor:
    """log(softmax(x, dim)), computed so that neither end over- or underflows.

    dtype  convert x to it first
    """
    return apply(LogSoftmax.make(dim), x if dtype is None else astype(x, dtype))
