"""Average pooling over any number of spatial axes, and its adjoint: two linear maps.

Each window is summed one axis after the other, which takes k0 + k1 additions instead of k0 * k1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.errors import ShapeError
from ..core.op import Cost, Op, Sample, Spec, Tap, traffic
from ..core.tensor import Tensor
from ..core.window import Window
from ..cuda.geometry import STRUCTS, limits, window3
from ..cuda.kernel import FLOATS, Kernel
from . import pool_cpu
from .image_memory import sum_along
from .pool import check_input

__all__: list[str] = []  # the public functions are in pool_functions.py

Shape = tuple[int, ...]

COUNTED = np.dtype([("first", np.int32, 3), ("end", np.int32, 3), ("divisor", np.int64)])
AVG_POOL, AVG_POOL_INPUT = (
    Kernel(
        "ops/avg_pool.cu", name, f"{arrays}, Window3 w, Counted counted, long long n",
        {**STRUCTS, "Counted": COUNTED}, T=FLOATS,
    )
    for name, arrays in (
        ("avg_pool", "const T* x, T* y"),
        ("avg_pool_input", "const T* g, T* gx"),
    )
)  # fmt: skip


@dataclass(frozen=True)
class AvgPool(Op):
    """(N, C, *spatial) -> the mean of each window.

    count_include_pad  divide by the window's part inside the padded image, instead of the image
    divisor_override   divide by this instead
    (What hangs out over the padding in ceil_mode never counts.)
    """

    window: Window
    ceil_mode: bool = False
    count_include_pad: bool = True
    divisor_override: int | None = None
    checks_first = True
    widens = True

    def spec(self, x: Spec) -> Spec:
        label = f"avg_pool{len(self.window.size)}d"
        check_input(label, "x", x, self.window)
        return Spec((*x.shape[:2], *self.window.out(x.shape[2:], label, self.ceil_mode)), x.dtype)

    def forward(self, xp: Any, x: Any) -> Any:
        spatial = x.shape[2:]
        out = self.window.out(spatial, ceil=self.ceil_mode)
        y = self.window.frame(xp, x, out)
        one = all(o == 1 for o in out)  # window, which sees the whole frame
        y = sum_along(xp, y, tuple(range(2, y.ndim)), True) if one else y
        for axis, taps in enumerate(self.window.shifts(out) if not one else (), start=2):
            total = y[_along(axis, taps[0])].copy(order="K")
            for tap in taps[1:]:
                total[...] += y[_along(axis, tap)]
            y = total
        y /= self.divisor(xp, spatial, out, x.dtype)
        return y

    def cuda(self, dev: Any, x: Any) -> Any:
        out = self.window.out(x.shape[2:], ceil=self.ceil_mode)
        y = dev.empty((*x.shape[:2], *out), x.dtype)
        geometry = window3(self.window, x.shape[2:], out), self.counted(x.shape[2:])
        dev.launch(AVG_POOL, dev.contiguous(x), y, *geometry, y.size, threads=y.size)
        return y

    def cpu(self, lib: Any, x: Any) -> Any:
        out = self.window.out(x.shape[2:], ceil=self.ceil_mode)
        return pool_cpu.avg_pool(lib, x, self.window, out, self.counts(x.shape[2:], out))

    def lies(self, x: Any) -> Any:
        return x

    def kernel_limits(self, x: Spec) -> str | None:
        return limits(x, self.window, x.shape[2:])

    def divisor(self, xp: Any, spatial: Shape, out: Shape, dtype: Any) -> Any:
        """How many elements each window counts, of shape out."""
        if self.divisor_override is not None:
            return self.divisor_override
        counts = xp.ones((), dtype)
        for inside in self.counts(spatial, out):
            counts = counts[..., None] * xp.asarray(inside, dtype)
        return counts

    def counts(self, spatial: Shape, out: Shape) -> tuple[Any, ...]:
        """For each axis, how many positions each window counts: `divisor` is their product."""
        return _counts(self, spatial, out)

    def bounds(self, spatial: Shape) -> list[tuple[int, int]]:
        """(first, end) of the positions that count along each axis."""
        if not self.count_include_pad:
            return [(0, n) for n in spatial]
        pairs = zip(spatial, self.window.padding, strict=True)
        return [(-low, n + high) for n, (low, high) in pairs]

    def counted(self, spatial: Shape) -> Any:
        """What `divisor` needs to know, as the struct that the kernels take."""
        bounds = [(0, 1)] * (3 - len(spatial)) + self.bounds(spatial)
        first, end = zip(*bounds, strict=True)
        return np.array([(first, end, self.divisor_override or 0)], COUNTED)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return apply(AvgPoolInput.make(self, node.shape("x")[2:]), g)

    def sees(self, specs: Sequence[Any], i: int, k: int = 0) -> Sequence[Tap | None] | None:
        return [Tap(0), Tap(1), *self.window.taps_of_axes()]

    def cost(self, x: Spec) -> Cost:
        y = self.spec(x)
        return Cost(prod(self.window.size) * y.size, traffic(x, y))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for note, shape, op in _layers():
            yield Sample(op, (rng.standard_normal(shape),), note)
        x = rng.standard_normal((5, 4, 2, 6)).T[:, :, ::-1, ::2]  # (6, 2, 4, 3)
        yield Sample(cls(Window.of("avg_pool", 2, (2, 2))), (x,), "strided memory")


@dataclass(frozen=True)
class AvgPoolInput(Op):
    """(N, C, *out) -> (N, C, *spatial): each g spread evenly over its window; adjoint of `pool`."""

    pool: AvgPool
    spatial: Shape
    checks_first = True
    widens = True

    def spec(self, g: Spec) -> Spec:
        check_input("avg_pool_input", "g", g, self.pool.window)
        y = self.pool.spec(Spec((*g.shape[:2], *self.spatial), g.dtype))
        if g.shape != y.shape:
            raise ShapeError(
                f"avg_pool_input: g has shape {g.shape}; an input of size {self.spatial} "
                f"gives {y.shape}"
            )
        return Spec((*g.shape[:2], *self.spatial), g.dtype)

    def forward(self, xp: Any, g: Any) -> Any:
        out, window = g.shape[2:], self.pool.window
        g = g / self.pool.divisor(xp, self.spatial, out, g.dtype)
        for axis, taps in enumerate(window.shifts(out), start=2):
            extent = window.extent(out)[axis - 2]
            spread = xp.zeros((*g.shape[:axis], extent, *g.shape[axis + 1 :]), g.dtype)
            for tap in taps:
                spread[_along(axis, tap)] += g
            g = spread
        return xp.ascontiguousarray(window.unframe(xp, g, self.spatial))

    def cuda(self, dev: Any, g: Any) -> Any:
        gx = dev.empty((*g.shape[:2], *self.spatial), g.dtype)
        w = window3(self.pool.window, self.spatial, g.shape[2:])
        counted = self.pool.counted(self.spatial)
        dev.launch(AVG_POOL_INPUT, dev.contiguous(g), gx, w, counted, gx.size, threads=gx.size)
        return gx

    def cpu(self, lib: Any, g: Any) -> Any:
        counts = self.pool.counts(self.spatial, g.shape[2:])
        return pool_cpu.avg_pool_input(lib, g, self.pool.window, self.spatial, counts)

    def kernel_limits(self, g: Spec) -> str | None:
        return limits(g, self.pool.window, self.spatial)

    def vjp_g(self, node: Any, gg: Tensor) -> Tensor:
        return apply(self.pool, gg)

    def cost(self, g: Spec) -> Cost:
        return Cost(prod(self.pool.window.size) * g.size, traffic(g, self.spec(g)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for note, shape, op in _layers():
            y = op.spec(Spec(shape, np.dtype(np.float64)))
            yield Sample(cls(op, shape[2:]), (rng.standard_normal(y.shape),), note)


@lru_cache(256)
def _counts(pool: AvgPool, spatial: Shape, out: Shape) -> tuple[Any, ...]:
    window, counts = pool.window, []
    for (first, end), o, k, s, (low, _) in zip(
        pool.bounds(spatial), out, window.size, window.stride, window.padding, strict=True
    ):
        starts = (i * s - low for i in range(o))
        counts.append(np.array([min(i + k, end) - max(i, first) for i in starts], np.float64))
    if pool.divisor_override is not None:
        counts = [np.ones(o) for o in out]
        counts[0] *= pool.divisor_override
    return tuple(counts)


def _along(axis: int, part: slice) -> tuple[slice, ...]:
    """An index for that part of one axis."""
    return (*(slice(None),) * axis, part)


def _layers() -> Iterator[tuple[str, Shape, AvgPool]]:
    """(note, shape of x, op) of small awkward layers, for the samples."""
    for note, shape, options, *window in (
        ("2x2", (2, 2, 4, 6), (), (2, 2), 2),
        ("overlapping, padded", (1, 2, 5, 4), (), (3, 2), (2, 1), (1, 0)),
        ("padding not counted", (1, 2, 5, 4), (False, False), (3, 2), (2, 1), (1, 1)),
        ("ceil", (1, 2, 6, 5), (True,), (3, 2), (2, 2), 1),
        ("ceil, image only", (2, 1, 7, 5), (True, False), (2, 3), (2, 3), ((1, 0), (0, 1))),
        ("1-D, columns never seen, divisor", (2, 3, 8), (False, True, 5), (2,), 3),
        ("3-D", (1, 2, 3, 2, 4), (), (2, 1, 3), 1, (1, 0, 1)),
        ("no images", (0, 2, 4, 4), (), (2, 2), 2),
        ("more than a block", (2, 3, 14, 15), (), (2, 3), (2, 2), 1),
    ):  # fmt: skip
        yield note, shape, AvgPool(Window.of("avg_pool", len(shape) - 2, *window), *options)
