"""Max pooling over any number of spatial axes, as a choice of elements and its adjoint.

    y, offset = MaxPool(x)              offset: which tap of each window holds its maximum
    gx        = PoolScatter(g, offset)  each g to the place it was taken from
    g         = PoolGather(gx, offset)  the elements at those places

Where the maximum lies does not change under small changes of x, so offset is a constant, and the
last two are linear and each other's adjoint: gradients exist to any order.

The first maximum in row-major order takes all; a NaN is larger than anything; padding is -inf.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.errors import DtypeError, ShapeError
from ..core.op import Cost, Op, Sample, Spec, Tap, traffic
from ..core.tensor import Tensor, is_floating
from ..core.window import Window
from ..cuda.geometry import STRUCTS, limits, window3
from ..cuda.kernel import FLOATS, OFFSETS, Kernel
from . import pool_cpu
from .activation import only
from .image_memory import at_once, shared_blocks

__all__: list[str] = []  # the public functions are in pool_functions.py

Shape = tuple[int, ...]

MAX_POOL, POOL_SCATTER, POOL_GATHER = (
    Kernel("ops/pool.cu", name, f"{arrays}, Window3 w, long long n", STRUCTS, T=FLOATS, I=OFFSETS)
    for name, arrays in (
        ("max_pool", "const T* x, T* y, I* offset"),
        ("pool_scatter", "const T* g, const I* offset, T* gx"),
        ("pool_gather", "const T* x, const I* offset, T* y"),
    )
)


@dataclass(frozen=True)
class MaxPool(Op):
    """(N, C, *spatial) -> the maximum of each window, and the number of the tap that holds it."""

    window: Window
    ceil_mode: bool = False
    outputs = ("y", "offset")
    nondifferentiable = ("offset",)
    keeps = {"x": ("offset",)}
    checks_first = True
    widens = True
    exact = True

    def spec(self, x: Spec) -> tuple[Spec, Spec]:
        label = f"max_pool{len(self.window.size)}d"
        check_input(label, "x", x, self.window)
        shape = (*x.shape[:2], *self.window.out(x.shape[2:], label, self.ceil_mode))
        return Spec(shape, x.dtype), Spec(shape, offset_dtype(self.window))

    def forward(self, xp: Any, x: Any) -> tuple[Any, Any]:
        out = self.window.out(x.shape[2:], ceil=self.ceil_mode)
        y = xp.empty_like(x, shape=(*x.shape[:2], *out))
        offset = xp.empty_like(y, offset_dtype(self.window))
        offset[...] = _first_inside(xp, self.window, out, offset.dtype)

        def maxima(part: slice) -> None:
            frame = self.window.frame(xp, x[part], out, fill=-xp.inf)
            top, at = y[part], offset[part]
            first, *others = self.window.taps(out)
            top[...] = frame[first]  # in the padding -inf; the offset of the first inside stands
            for number, seen in enumerate(others, 1):
                value = frame[seen].copy(order="K")  # each is read twice
                above = (value > top).view(np.uint8)
                xp.maximum(at, above * at.dtype.type(number), out=at)
                xp.maximum(top, value, out=top)
            nan = top != top
            if nan.any():
                at[...] = _first_nan(xp, frame, self.window, nan, at)

        shared_blocks(xp, x, 4, maxima)
        return y, offset

    def cuda(self, dev: Any, x: Any) -> tuple[Any, Any]:
        out = self.window.out(x.shape[2:], ceil=self.ceil_mode)
        y = dev.empty((*x.shape[:2], *out), x.dtype)
        offset = dev.empty(y.shape, offset_dtype(self.window))
        w = window3(self.window, x.shape[2:], out)
        dev.launch(MAX_POOL, dev.contiguous(x), y, offset, w, y.size, threads=y.size)
        return y, offset

    def cpu(self, lib: Any, x: Any) -> Any:
        out = self.window.out(x.shape[2:], ceil=self.ceil_mode)
        return pool_cpu.max_pool(lib, x, self.window, out)

    def lies(self, x: Any) -> Any:
        return x

    def scratch(self, x: Spec) -> int:
        y, _ = self.spec(x)
        most = at_once(x.shape[0], prod(x.shape[1:]), x.dtype.itemsize, 4)
        framed = self.window.extent(y.shape[2:]) if any(map(any, self.window.padding)) else (0,)
        seen = prod(y.shape[2:]) * (x.dtype.itemsize + 2)  # of a tap: values, which are larger
        return most * x.shape[1] * (prod(framed) * x.dtype.itemsize + seen)

    def kernel_limits(self, x: Spec) -> str | None:
        return limits(x, self.window, x.shape[2:])

    def vjp_x(self, node: Any, g: Tensor, goffset: None) -> Tensor:
        scatter = PoolScatter.make(self.window, node.shape("x")[2:])
        return apply(scatter, g, node["offset"])

    def sees(self, specs: Sequence[Any], i: int, k: int = 0) -> Sequence[Tap | None] | None:
        return [Tap(0), Tap(1), *self.window.taps_of_axes()]

    def cost(self, x: Spec) -> Cost:
        y, offset = self.spec(x)
        return Cost((prod(self.window.size) - 1) * y.size, traffic(x, y, offset))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for note, shape, ceil, *window in (
            ("2x2", (2, 2, 4, 6), False, (2, 2), 2),
            ("overlapping, padded", (1, 2, 5, 4), False, (3, 2), (2, 1), (1, 0)),
            ("dilated", (2, 1, 5, 6), False, (2, 3), 1, ((0, 1), (2, 1)), (3, 2)),
            ("ceil", (1, 2, 6, 5), True, (3, 2), (2, 2), 1),
            ("1-D, rows never seen", (2, 3, 8), False, (2,), 3),
            ("3-D", (1, 2, 3, 2, 4), False, (2, 1, 3), 1, (1, 0, 1)),
            ("no images", (0, 2, 4, 4), False, (2, 2), 2),
        ):
            op = cls(Window.of("max_pool", len(shape) - 2, *window), ceil)
            x = 0.1 * rng.permutation(prod(shape)).reshape(shape)  # no two within 0.05
            yield Sample(op, (x,), note)
        op = cls(Window.of("max_pool", 2, (3, 3), 2, 1))
        yield Sample(op, (rng.integers(0, 3, (2, 2, 5, 7)) * 1.0,), "ties", smooth=False)
        x = rng.choice([0.5, np.nan, np.inf, -np.inf], (2, 3, 6, 7), p=[0.2, 0.1, 0.1, 0.6])
        yield Sample(op, (x,), "NaN and infinities", smooth=False)
        low = ((2, 0), (1, 0), (8, 0))  # the first windows of the last axis see padding alone
        op = cls(Window.of("max_pool", 3, (3, 2, 4), (1, 2, 2), low, (1, 1, 2)))
        yield Sample(op, (np.full((1, 2, 4, 5, 6), -np.inf),), "-inf alone", smooth=False)


@dataclass(frozen=True)
class PoolScatter(Op):
    """(N, C, *out) -> (N, C, *spatial): adds each g where offset says; adjoint of `PoolGather`."""

    window: Window
    spatial: Shape
    keeps = {"g": ("offset",)}
    checks_first = True
    widens = True
    exact = True

    def spec(self, g: Spec, offset: Spec) -> Spec:
        check_input("pool_scatter", "g", g, self.window)
        check_offset("pool_scatter", offset, self.window, self.spatial)
        if g.shape != offset.shape:
            raise ShapeError(f"pool_scatter: g has shape {g.shape}, offset {offset.shape}")
        return Spec((*g.shape[:2], *self.spatial), g.dtype)

    def forward(self, xp: Any, g: Any, offset: Any) -> Any:
        out = g.shape[2:]
        gx = xp.zeros_like(offset, g.dtype, shape=(*g.shape[:2], *self.spatial))
        whole = self._whole(out)
        disjoint = all(map(int.__ge__, self.window.stride, self.window.reach))

        def scatter(part: slice) -> None:
            frame = gx[part]
            if not whole:
                frame = xp.zeros_like(frame, shape=(*frame.shape[:2], *self.window.extent(out)))
            for number, seen in enumerate(self.window.taps(out)):
                if disjoint:
                    only(g[part], offset[part] == number, frame[seen])
                else:
                    frame[seen] += only(g[part], offset[part] == number)
            if not whole:
                self.window.put(frame, gx[part])

        shared_blocks(xp, gx, 4, scatter)
        return gx

    def cuda(self, dev: Any, g: Any, offset: Any) -> Any:
        gx = dev.empty((*g.shape[:2], *self.spatial), g.dtype)
        w = window3(self.window, self.spatial, g.shape[2:])
        g, offset = dev.contiguous(g), dev.contiguous(offset)
        dev.launch(POOL_SCATTER, g, offset, gx, w, gx.size, threads=gx.size)
        return gx

    def cpu(self, lib: Any, g: Any, offset: Any) -> Any:
        return pool_cpu.pool_scatter(lib, g, offset, self.window, self.spatial)

    def lies(self, g: Any, offset: Any) -> Any:
        return offset

    def kernel_limits(self, g: Spec, offset: Spec) -> str | None:
        return limits(g, self.window, self.spatial)

    def _whole(self, out: Shape) -> bool:
        """Do the windows see the image, all of it and nothing else?"""
        return not any(map(any, self.window.padding)) and self.window.extent(out) == self.spatial

    def scratch(self, g: Spec, offset: Spec) -> int:
        image = g.shape[1] * prod(self.spatial)
        most = at_once(g.shape[0], image, g.dtype.itemsize, 4)
        chosen = (2 + g.dtype.itemsize) * prod(g.shape[1:])  # the mask, as integers, and wide
        out = g.shape[2:]
        frame = 0 if self._whole(out) else prod(self.window.extent(out)) * g.dtype.itemsize
        return most * (chosen + g.shape[1] * frame)

    def vjp_g(self, node: Any, gg: Tensor) -> Tensor:
        return apply(PoolGather.make(self.window), gg, node["offset"])

    def cost(self, g: Spec, offset: Spec) -> Cost:
        return Cost(g.size, traffic(g, offset, self.spec(g, offset)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for note, spatial, window, offset in _offsets(rng):
            g = rng.standard_normal(offset.shape)
            yield Sample(cls(window, spatial), (g, offset), note)


@dataclass(frozen=True)
class PoolGather(Op):
    """(N, C, *spatial) -> (N, C, *out): the elements of x that offset names; 0 in the padding."""

    window: Window
    keeps = {"x": ("offset",)}
    checks_first = True
    widens = True
    exact = True

    def spec(self, x: Spec, offset: Spec) -> Spec:
        check_input("pool_gather", "x", x, self.window)
        check_offset("pool_gather", offset, self.window, x.shape[2:])
        return Spec(offset.shape, x.dtype)

    def forward(self, xp: Any, x: Any, offset: Any) -> Any:
        out = offset.shape[2:]
        y = xp.zeros_like(offset, x.dtype)

        def gather(part: slice) -> None:
            frame = self.window.frame(xp, x[part], out)
            for number, seen in enumerate(self.window.taps(out)):
                y[part] += only(frame[seen], offset[part] == number)

        shared_blocks(xp, x, 4, gather)
        return y

    def cuda(self, dev: Any, x: Any, offset: Any) -> Any:
        y = dev.empty(offset.shape, x.dtype)
        w = window3(self.window, x.shape[2:], offset.shape[2:])
        x, offset = dev.contiguous(x), dev.contiguous(offset)
        dev.launch(POOL_GATHER, x, offset, y, w, y.size, threads=y.size)
        return y

    def cpu(self, lib: Any, x: Any, offset: Any) -> Any:
        return pool_cpu.pool_gather(lib, x, offset, self.window)

    def lies(self, x: Any, offset: Any) -> Any:
        return offset

    def kernel_limits(self, x: Spec, offset: Spec) -> str | None:
        return limits(x, self.window, x.shape[2:])

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        scatter = PoolScatter.make(self.window, node.shape("x")[2:])
        return apply(scatter, g, node["offset"])

    def cost(self, x: Spec, offset: Spec) -> Cost:
        return Cost(0, traffic(x, offset, self.spec(x, offset)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for note, spatial, window, offset in _offsets(rng):
            x = rng.standard_normal((*offset.shape[:2], *spatial))
            yield Sample(cls(window), (x, offset), note)


@dataclass(frozen=True)
class PoolIndices(Op):
    """(N, C, *out) -> int64: where in the flattened spatial axes of x the chosen elements lie.

    -1 for a window that sees only padding.
    """

    window: Window
    spatial: Shape
    nondifferentiable = ("y",)
    checks_first = True

    def spec(self, offset: Spec) -> Spec:
        check_offset("pool_indices", offset, self.window, self.spatial)
        return Spec(offset.shape, np.dtype(np.int64))

    def forward(self, xp: Any, offset: Any) -> Any:
        window, axes = self.window, len(self.spatial)
        rest = offset.astype(xp.int64)
        flat, scale, inside = xp.zeros_like(rest), 1, rest >= 0
        for axis in reversed(range(axes)):
            tap, rest = rest % window.size[axis], rest // window.size[axis]
            column = (-1, *(1,) * (axes - 1 - axis))
            place = xp.arange(offset.shape[2 + axis]).reshape(column) * window.stride[axis]
            place = place + tap * window.dilation[axis] - window.padding[axis][0]
            inside = inside & (place >= 0) & (place < self.spatial[axis])
            flat = flat + place * scale
            scale *= self.spatial[axis]
        return xp.where(inside, flat, -1)

    def cost(self, offset: Spec) -> Cost:
        return Cost(0, traffic(offset, self.spec(offset)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for note, spatial, window, offset in _offsets(rng):
            yield Sample(cls(window, spatial), (offset,), note)


def check_input(label: str, name: str, x: Spec, window: Window) -> None:
    """A floating batch of images with as many spatial axes as the window."""
    if not is_floating(x.dtype):
        raise DtypeError(
            f"{label}: {name} is {x.dtype}; it takes floating-point arrays, "
            f"{name}.astype(gpugraph.float32) makes one"
        )
    if len(x.shape) != 2 + len(window.size) or 0 in x.shape[2:]:
        raise ShapeError(
            f"{label}: {name} has shape {x.shape}; "
            f"it takes (N, C) and {len(window.size)} spatial axes, none of length 0"
        )


def check_offset(label: str, offset: Spec, window: Window, spatial: Shape) -> None:
    """What `MaxPool` gives for an input of that size; rounded up it may have one window more."""
    most = window.out(spatial, label, ceil=True)
    fits = all(o in (m, m - 1) for o, m in zip(offset.shape[2:], most, strict=True))
    if offset.dtype.kind not in "iu" or not fits:
        raise ShapeError(
            f"{label}: offset is {offset.dtype} of shape {offset.shape}; "
            f"an input of size {spatial} gives integers of size {most}"
        )


def offset_dtype(window: Window) -> Any:
    """The smallest of uint8, uint16 and int32 that counts the taps."""
    taps = prod(window.size)
    return np.dtype(np.uint8 if taps < 256 else np.uint16 if taps < 65536 else np.int32)


def _first_inside(xp: Any, window: Window, out: Shape, dtype: Any) -> Any:
    """The first tap of each window that isn't low padding, which a window of -inf falls back to."""
    number = xp.zeros((), dtype)
    for k, s, d, (low, _), o in zip(
        window.size, window.stride, window.dilation, window.padding, out, strict=True
    ):
        first = xp.asarray([min(k - 1, max(0, -((i * s - low) // d))) for i in range(o)], dtype)
        number = number[..., None] * k + first
    return number


def _first_nan(xp: Any, frame: Any, window: Window, nan: Any, at: Any) -> Any:
    """The offsets `at`, with the number of the first NaN for the windows that have one."""
    taps = list(window.taps(nan.shape[2:]))
    for number in reversed(range(len(taps))):
        value = frame[taps[number]]
        at = xp.where(nan & (value != value), at.dtype.type(number), at)
    return at


def _offsets(rng: np.random.Generator) -> Iterator[tuple[str, Shape, Window, Any]]:
    """(note, spatial shape, window, offset) for the samples of the ops that take an offset."""
    for note, spatial, ceil, *how in (
        ("2x2", (4, 5), False, (2, 2), 2),
        ("overlapping, padded", (5, 4), False, (3, 2), (2, 1), (1, 1)),
        ("dilated, ceil", (6, 5), True, (2, 3), 2, (1, 0), (2, 1)),
        ("1-D, large window", (300,), False, (299,)),
    ):
        window = Window.of("pool", len(spatial), *how)
        shape = (2, 2, *window.out(spatial, ceil=ceil))
        offset = rng.integers(0, prod(window.size), shape).astype(offset_dtype(window))
        yield note, spatial, window, offset
