"""One axis of another length: each output is a weighted sum of a few inputs.

    y[i] = sum over t of weights[t, i] x[places[t, i]]

The places and weights follow from a `Grid`; they are computed on the CPU, in float64. The adjoint
is a sum of the same kind, of what sees an input instead of what an output sees: a gather, too, in
a fixed order, so gradients of any order are as fast as the function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.errors import ShapeError
from ..core.op import Cost, Op, Sample, Spec, Tap, traffic
from ..core.tensor import Tensor
from .shape import axes_of

__all__: list[str] = []

Taps = tuple[Any, Any]  # (T, o) places, (T, o) weights


@dataclass(frozen=True)
class Grid:
    """Where o new pixels lie among n: mode, align and antialias are those of `interpolate`.

    ratio  old pixels for each new one, unless align is true
    """

    n: int
    o: int
    mode: str
    ratio: float
    align: bool = False
    antialias: bool = False

    def taps(self) -> Taps:
        """What each new pixel sees: places and weights, (T, o)."""
        return _taps(self)


@dataclass(frozen=True)
class Resample(Op):
    """x with grid.o pixels along an axis instead of grid.n; back: the adjoint, from o to n."""

    axis: int
    grid: Grid
    back: bool = False
    widens = True

    def spec(self, x: Spec) -> Spec:
        axes_of(self.label, self.axis, x.shape)
        n, o = self.grid.n, self.grid.o
        n, o = (o, n) if self.back else (n, o)
        if x.shape[self.axis] != n:
            raise ShapeError(f"resample: x {x.shape} must have length {n} along axis {self.axis}")
        return Spec((*x.shape[: self.axis], o, *x.shape[self.axis + 1 :]), x.dtype)

    def forward(self, xp: Any, x: Any) -> Any:
        shape = self.spec(Spec(x.shape, x.dtype)).shape
        beside = (-1, *(1,) * (x.ndim - self.axis - 1))
        y: Any = None
        for rows, places, weights in _steps(self.grid, self.back):
            seen = x.take(xp.asarray(places), self.axis)
            if weights is not None:
                seen *= xp.asarray(weights.astype(x.dtype)).reshape(beside)
            if rows is not None:
                y = xp.zeros(shape, x.dtype) if y is None else y
                y[(slice(None),) * self.axis + (xp.asarray(rows),)] += seen
            elif y is None:
                y = seen
            else:
                y += seen
        return y

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return apply(Resample.make(self.axis, self.grid, not self.back), g)

    def sees(self, specs: Sequence[Any], i: int, k: int = 0) -> Sequence[Tap | None] | None:
        return [None if a == self.axis else Tap(a) for a in range(len(specs[0].shape))]

    def cost(self, x: Spec) -> Cost:
        y = self.spec(x)
        taps = sum(len(places) for _, places, _ in _steps(self.grid, self.back))
        flops = 2 * taps * (x.size // x.shape[self.axis])
        return Cost(flops=flops, bytes=traffic(x, y), formula=f"2*{flops // 2}")

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        draw = rng.standard_normal
        for n, o, mode, *rest in (
            (3, 5, "linear"),
            (7, 3, "nearest"),
            (7, 4, "nearest-exact"),
            (4, 6, "bicubic"),
            (5, 1, "bicubic"),
            (4, 7, "bilinear", True),
            (9, 4, "bilinear", False, True),
            (7, 3, "bicubic", False, True),
        ):
            grid = Grid(n, o, mode, n / o, *rest)
            yield Sample(cls(1, grid), (draw((2, n, 2)),), mode)
            yield Sample(cls(0, grid, True), (draw((2, o)).T,), f"{mode}, adjoint, strided")
        yield Sample(cls(1, Grid(3, 5, "linear", 0.5)), (draw((2, 3)),), "a ratio of its own")
        yield Sample(cls(1, Grid(3, 5, "linear", 0.6)), (draw((0, 3)),), "empty")


@lru_cache(maxsize=256)
def _taps(grid: Grid) -> Taps:
    places, weights = _seen_by(grid)
    return np.ascontiguousarray(places.T), np.ascontiguousarray(weights.T)


# Some outputs (None: all), the input that each of them sees now, and how much of it (None: once)
Step = tuple[Any, Any, Any]


@lru_cache(maxsize=256)
def _steps(grid: Grid, back: bool) -> tuple[Step, ...]:
    """The sum tap by tap: faster than a sum along a short axis."""
    places, weights = grid.taps()
    T, o = places.shape
    if not back:
        return tuple([(None, p, _unless_once(w)) for p, w in zip(places, weights, strict=True)])
    order = np.argsort(places.ravel(), kind="stable")  # the taps by the pixel that they see
    target, source = places.ravel()[order], order % o
    rank = np.arange(T * o) - np.searchsorted(target, target)  # among those of one pixel
    steps: list[Step] = []
    for r in range(int(rank.max()) + 1):
        here = rank == r
        rows = target[here]
        everywhere = len(rows) == grid.n
        share = _unless_once(weights.ravel()[order[here]])
        steps.append((None if everywhere else rows, source[here], share))
    return tuple(steps)


def _unless_once(weights: Any) -> Any:
    return None if (weights == 1).all() else weights


def _seen_by(grid: Grid) -> Taps:
    """Places and weights, (o, T)."""
    mode, n, o, ratio = grid.mode, grid.n, grid.o, grid.ratio
    align, antialias = grid.align, grid.antialias
    if align:
        ratio = (n - 1) / (o - 1) if o > 1 else 0.0
    i = np.arange(o)
    if n == o and (antialias or mode[-6:] == "linear"):  # PyTorch does not shift these either
        return i[:, None], np.ones((o, 1))
    if antialias:
        return _antialiased(mode, n, i, ratio)
    if mode[:7] == "nearest":
        # In float32: what the ratio's rounding leaves below a whole number, 6.9999999, is that
        place = np.float32((i + (mode != "nearest") / 2) * ratio)
        return np.minimum(np.floor(place).astype(np.int64), n - 1)[:, None], np.ones((o, 1))
    place = i * ratio if align else (i + 0.5) * ratio - 0.5
    if mode == "bicubic":
        first = np.floor(place)
        t = place - np.minimum(first, n - 1)
        places = np.minimum(first, n - 1)[:, None] + np.arange(-1, 3)
        weights = np.stack([cubic(d, -0.75) for d in (t + 1, t, 1 - t, 2 - t)], axis=1)
        return np.clip(places, 0, n - 1).astype(np.int64), weights
    place = np.maximum(place, 0)
    first = np.minimum(np.floor(place), n - 1).astype(np.int64)
    t = np.clip(place - first, 0, 1)
    return (
        np.stack([first, np.minimum(first + 1, n - 1)], axis=1),
        np.stack([1 - t, t], axis=1),
    )


def cubic(d: Any, a: float) -> Any:
    """Keys' kernel at distances d of 0 to 2 (1981, "Cubic convolution interpolation", eq. 4, 15).

    Arrays or tensors.
    """
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, far)


def _antialiased(mode: str, n: int, i: Any, ratio: float) -> Taps:
    """All pixels under the filter, which is as wide as `ratio` pixels of the new image."""
    kernel: Callable[[Any], Any]
    if mode == "bilinear":
        reach, kernel = 1.0, lambda d: 1 - d
    else:
        reach, kernel = 2.0, lambda d: cubic(d, -0.5)
    stretch = max(ratio, 1.0)
    support, middle = reach * stretch, ratio * (i + 0.5)
    first = np.maximum((middle - support + 0.5).astype(np.int64), 0)
    end = np.minimum((middle + support + 0.5).astype(np.int64), n)
    places = first[:, None] + np.arange(int((end - first).max()))
    distance = np.abs(places - middle[:, None] + 0.5) / stretch
    seen = (places < end[:, None]) & (distance < reach)
    weights = np.where(seen, kernel(distance), 0.0)
    weights = weights / weights.sum(axis=1, keepdims=True)
    return np.minimum(places, end[:, None] - 1), weights
