"""Convolution over any number of spatial axes, and its two adjoints.

    y  = Conv(x, w)         y[n, o, p] = sum over c, tap of x[n, c, p*s + tap*d - low] w[o, c, tap]
    gx = ConvInput(gy, w)   its adjoint in x
    gw = ConvWeight(x, gy)  its adjoint in w

<gy, Conv(x, w)> = <ConvInput(gy, w), x> = <ConvWeight(x, gy), w>. All three are bilinear sums of
the same products, so the rules of each are the other two, and gradients exist to any order.
(Cross-correlation, as in all of deep learning: filters are not flipped.)

Shapes: x (N, C, *spatial), w (O, C/G, *k), y (N, O, *out), G groups. Of the O filters, the first
O/G read the first C/G channels, and so on.
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
from ..cuda.geometry import MOST, limits
from . import conv_columns, conv_cpu, conv_direct, im2col
from .bias_act import CHANNEL_SUM
from .conv_layer import Layer

__all__: list[str] = []  # the public functions are in conv_functions.py

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Bilinear(Op, abstract=True):
    """Base of the three: a window, groups, and one count of multiply-adds."""

    precision = "low"
    window: Window
    groups: int = 1
    checks_first = True
    widens = True

    def limits(self, spec: Spec, x: Shape, w: Shape) -> str | None:
        """Why the kernels can't take a layer of these sizes, or None if they can."""
        if (reason := limits(spec, self.window, x[2:])) is not None:
            return reason
        planes = [n + sum(pads) for n, pads in zip(x[2:], self.window.padding, strict=True)]
        told = {"padded plane": prod(planes), "filter": prod(w[1:])}
        told |= {"batch": x[0], "layer of channels": max(x[1], w[0])}
        for what, size in told.items():
            if size > MOST:
                return f"written for less than 2^31 elements per {what}, not {size}"
        return None

    def on_kernels(self, x: Shape, w: Shape) -> tuple[Any, Layer]:
        """The module with the kernels for this layer, and its sizes."""
        layer = Layer(self.window, self.groups, x, w)
        return (conv_direct if layer.direct else conv_columns), layer

    def macs(self, n: int, w: Shape, out: Shape) -> tuple[int, str]:
        """Multiply-adds of the forward product, padding included: the same for the adjoints."""
        factors = (*w[2:], w[1], w[0], *out, n)
        return prod(factors), "*".join(map(str, factors))


@dataclass(frozen=True)
class Conv(Bilinear):
    """(N, C, *spatial), (O, C/G, *k), optional bias (O,) -> (N, O, *out)."""

    keeps = {"x": ("w",), "w": ("x",)}

    def spec(self, x: Spec, w: Spec, b: Spec | None = None) -> Spec:
        label = f"conv{len(self.window.size)}d"
        check_dtypes(label, x=x, w=w, b=b)
        check_rank(label, "x", x.shape, self.window)
        check_filters(label, w.shape, self.window, self.groups)
        channels = w.shape[1] * self.groups
        if x.shape[1] != channels:
            raise ShapeError(
                f"{label}: x has {x.shape[1]} channels; w {w.shape} with groups={self.groups} "
                f"takes {channels}; x is {x.shape}: {_channel_cure(x.shape, channels)}"
            )
        if b is not None and b.shape != w.shape[:1]:
            raise ShapeError(
                f"{label}: b has shape {b.shape}; w {w.shape} makes {w.shape[0]} channels, "
                f"so b must be ({w.shape[0]},)"
            )
        return Spec((x.shape[0], w.shape[0], *self.window.out(x.shape[2:], label)), x.dtype)

    def forward(self, xp: Any, x: Any, w: Any, b: Any = None) -> Any:
        return im2col.conv(xp, x, w, self.window, self.groups, b)

    def kernel_limits(self, x: Spec, w: Spec, b: Spec | None = None) -> str | None:
        return self.limits(x, x.shape, w.shape)

    def cuda(self, dev: Any, x: Any, w: Any, b: Any = None) -> Any:
        kernels, layer = self.on_kernels(x.shape, w.shape)
        b = None if b is None else dev.contiguous(b)
        return kernels.conv(dev, layer, dev.contiguous(x), dev.contiguous(w), b)

    def cpu(self, lib: Any, x: Any, w: Any, b: Any = None) -> Any:
        return conv_cpu.conv(lib, x, w, b, self.window, self.groups)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        spatial = node.shape("x")[2:]
        return apply(ConvInput.make(self.window, self.groups, spatial), g, node["w"])

    def vjp_w(self, node: Any, g: Tensor) -> Tensor:
        return apply(ConvWeight.make(self.window, self.groups), node["x"], g)

    def vjp_b(self, node: Any, g: Tensor) -> Tensor:
        return apply(CHANNEL_SUM, g)

    def sees(self, specs: Sequence[Any], i: int, k: int = 0) -> Sequence[Tap | None] | None:
        if i:
            return None
        return [Tap(0), Tap.all(specs[0].shape[1]), *self.window.taps_of_axes()]

    def lies(self, x: Any, w: Any, b: Any = None) -> Any:
        return im2col.lies("conv", self.window, self.groups, w)

    def scratch(self, x: Spec, w: Spec, b: Spec | None = None) -> int:
        how = self.window, self.groups, x.shape, w.shape
        return im2col.scratch("conv", *how, x.dtype.itemsize)

    def cost(self, x: Spec, w: Spec, b: Spec | None = None) -> Cost:
        y = self.spec(x, w, b)
        macs, formula = self.macs(x.shape[0], w.shape, y.shape[2:])
        flops = 2 * macs + (0 if b is None else y.size)
        return Cost(flops, traffic(x, w, b, y), macs, formula)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for note, groups, x, w, window in _layers():
            op, pair = cls(window, groups), (rng.standard_normal(x), rng.standard_normal(w))
            yield Sample(op, pair, note)
            if note in ("groups", "unequal axes"):
                yield Sample(op, (*pair, rng.standard_normal(w[0])), "bias")
        strided = (
            rng.standard_normal((5, 4, 2, 3)).T[:, :, ::-1],  # (3, 2, 4, 5)
            rng.standard_normal((2, 2, 3, 4))[..., ::2],  # (2, 2, 3, 2)
        )
        yield Sample(cls(Window.of("conv2d", 2, (3, 2))), strided, "strided memory")


@dataclass(frozen=True)
class ConvInput(Bilinear):
    """(N, O, *out), (O, C/G, *k) -> (N, C, *spatial): the adjoint of `Conv` in x.

    Each element of gy, times the filter, is added where the filter lay when it made that element.
    `spatial` says which of the sizes that give `out` is meant; with a stride there are several.
    """

    spatial: Shape = ()
    keeps = {"gy": ("w",), "w": ("gy",)}

    def spec(self, gy: Spec, w: Spec) -> Spec:
        label = f"conv{len(self.window.size)}d_input_grad"
        check_dtypes(label, gy=gy, w=w)
        check_rank(label, "gy", gy.shape, self.window)
        check_filters(label, w.shape, self.window, self.groups)
        if gy.shape[1] != w.shape[0]:
            raise ShapeError(
                f"{label}: gy has {gy.shape[1]} channels; w {w.shape} makes {w.shape[0]}"
            )
        check_out(label, gy.shape, self.spatial, self.window)
        return Spec((gy.shape[0], w.shape[1] * self.groups, *self.spatial), gy.dtype)

    def forward(self, xp: Any, gy: Any, w: Any) -> Any:
        return im2col.conv_input(xp, gy, w, self.window, self.groups, self.spatial)

    def kernel_limits(self, gy: Spec, w: Spec) -> str | None:
        return self.limits(gy, self.spec(gy, w).shape, w.shape)

    def cuda(self, dev: Any, gy: Any, w: Any) -> Any:
        x = (len(gy), w.shape[1] * self.groups, *self.spatial)
        kernels, layer = self.on_kernels(x, w.shape)
        return kernels.conv_input(dev, layer, dev.contiguous(gy), dev.contiguous(w))

    def cpu(self, lib: Any, gy: Any, w: Any) -> Any:
        return conv_cpu.conv_input(lib, gy, w, self.window, self.groups, self.spatial)

    def vjp_gy(self, node: Any, g: Tensor) -> Tensor:
        return apply(Conv.make(self.window, self.groups), g, node["w"])

    def vjp_w(self, node: Any, g: Tensor) -> Tensor:
        return apply(ConvWeight.make(self.window, self.groups), g, node["gy"])

    def sees(self, specs: Sequence[Any], i: int, k: int = 0) -> Sequence[Tap | None] | None:
        if i:
            return None
        parts = zip(self.window.reach, self.window.stride, self.window.padding, strict=True)
        axes = [  # with a stride, what is seen depends on the phase
            Tap(2 + a, reach, 1, low - reach + 1) if s == 1 else None
            for a, (reach, s, (low, _)) in enumerate(parts)
        ]
        return [Tap(0), Tap.all(specs[0].shape[1]), *axes]

    def lies(self, gy: Any, w: Any) -> Any:
        return im2col.lies("conv_input", self.window, self.groups, w)

    def scratch(self, gy: Spec, w: Spec) -> int:
        how = self.window, self.groups, self.spec(gy, w).shape, w.shape
        return im2col.scratch("conv_input", *how, gy.dtype.itemsize)

    def cost(self, gy: Spec, w: Spec) -> Cost:
        macs, formula = self.macs(gy.shape[0], w.shape, gy.shape[2:])
        return Cost(2 * macs, traffic(gy, w, self.spec(gy, w)), macs, formula)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for note, groups, x, w, window in _layers():
            gy = rng.standard_normal((x[0], w[0], *window.out(x[2:])))
            yield Sample(cls(window, groups, x[2:]), (gy, rng.standard_normal(w)), note)


@dataclass(frozen=True)
class ConvWeight(Bilinear):
    """(N, C, *spatial), (N, O, *out) -> (O, C/G, *k): the adjoint of `Conv` in w.

    Each tap is the product of gy with what that tap saw of x, summed over images and windows.
    """

    keeps = {"x": ("gy",), "gy": ("x",)}

    def spec(self, x: Spec, gy: Spec) -> Spec:
        label = f"conv{len(self.window.size)}d_weight_grad"
        check_dtypes(label, x=x, gy=gy)
        check_rank(label, "x", x.shape, self.window)
        check_rank(label, "gy", gy.shape, self.window)
        for name, shape in (("x", x.shape), ("gy", gy.shape)):
            if shape[1] % self.groups:
                raise ShapeError(
                    f"{label}: {name} has {shape[1]} channels, "
                    f"which groups={self.groups} does not divide"
                )
        if x.shape[0] != gy.shape[0]:
            raise ShapeError(f"{label}: x has {x.shape[0]} images, gy {gy.shape[0]}")
        check_out(label, gy.shape, x.shape[2:], self.window)
        return Spec((gy.shape[1], x.shape[1] // self.groups, *self.window.size), x.dtype)

    def forward(self, xp: Any, x: Any, gy: Any) -> Any:
        return im2col.conv_weight(xp, x, gy, self.window, self.groups)

    def kernel_limits(self, x: Spec, gy: Spec) -> str | None:
        return self.limits(x, x.shape, self.spec(x, gy).shape)

    def cuda(self, dev: Any, x: Any, gy: Any) -> Any:
        w = (gy.shape[1], x.shape[1] // self.groups, *self.window.size)
        kernels, layer = self.on_kernels(x.shape, w)
        return kernels.conv_weight(dev, layer, dev.contiguous(x), dev.contiguous(gy))

    def cpu(self, lib: Any, x: Any, gy: Any) -> Any:
        return conv_cpu.conv_weight(lib, x, gy, self.window, self.groups)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        spatial = node.shape("x")[2:]
        return apply(ConvInput.make(self.window, self.groups, spatial), node["gy"], g)

    def vjp_gy(self, node: Any, g: Tensor) -> Tensor:
        return apply(Conv.make(self.window, self.groups), node["x"], g)

    def scratch(self, x: Spec, gy: Spec) -> int:
        how = self.window, self.groups, x.shape, self.spec(x, gy).shape
        return im2col.scratch("conv_weight", *how, x.dtype.itemsize)

    def cost(self, x: Spec, gy: Spec) -> Cost:
        w = self.spec(x, gy)
        macs, formula = self.macs(x.shape[0], w.shape, gy.shape[2:])
        return Cost(2 * macs, traffic(x, gy, w), macs, formula)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for note, groups, x, w, window in _layers():
            gy = rng.standard_normal((x[0], w[0], *window.out(x[2:])))
            yield Sample(cls(window, groups), (rng.standard_normal(x), gy), note)


def check_dtypes(label: str, **specs: Spec | Tensor | None) -> None:
    """All floating, and all the same: a mix would compute in a precision nobody asked for."""
    given = {name: spec.dtype for name, spec in specs.items() if spec is not None}
    for name, dtype in given.items():
        if not is_floating(dtype):
            raise DtypeError(
                f"{label}: {name} is {dtype}; it takes floating-point arrays, "
                f"{name}.astype(gpugraph.float32) makes one"
            )
    if len(set(given.values())) > 1:
        told = ", ".join(f"{name} is {dtype}" for name, dtype in given.items())
        name, dtype = next(iter(given.items()))
        other = next(d for d in given.values() if d != dtype)
        raise DtypeError(
            f"{label}: {told}; they must be of one dtype, astype() converts: "
            f"{name}.astype(gpugraph.{other})"
        )


def _channel_cure(x: Shape, channels: int) -> str:
    """What to do about a wrong number of channels: are they last, as in a picture file?"""
    if x[-1] == channels != x[-2]:
        return f"they seem to be the last axis, x.moveaxis(-1, {1 - len(x)}) puts them in front"
    return f"give it x with {channels} channels, or a layer of in_channels={x[1]}"


def check_rank(label: str, name: str, shape: Shape, window: Window) -> None:
    """Batch, channels, and one axis per axis of the window."""
    if len(shape) != 2 + len(window.size):
        raise ShapeError(f"{label}: {name} has shape {shape}; it takes {layout(len(window.size))}")


def layout(axes: int, lead: str = "N, C") -> str:
    """The axes of a batch of images in letters: "(N, C, H, W)"."""
    return f"({lead}, {('L', 'H, W', 'D, H, W')[axes - 1]})" if axes < 4 else f"{2 + axes} axes"


def check_filters(label: str, w: Shape, window: Window, groups: int) -> None:
    """w belongs to the window, and the groups share its filters evenly."""
    if w[2:] != window.size:
        raise ShapeError(
            f"{label}: w has shape {w}; a window of {window.size} takes (O, C/groups, *size)"
        )
    if w[0] % groups:
        raise ShapeError(
            f"{label}: w {w} makes {w[0]} channels, which groups={groups} does not divide"
        )


def check_out(label: str, gy: Shape, spatial: Shape, window: Window) -> None:
    """gy is as large as what the convolution of an input of that size gives."""
    out = window.out(spatial, label)
    if gy[2:] != out:
        raise ShapeError(f"{label}: gy has size {gy[2:]}; an input of size {spatial} gives {out}")


def _layers() -> Iterator[tuple[str, int, Shape, Shape, Window]]:
    """(note, groups, shape of x, shape of w, window) of small awkward layers, for the samples."""
    for note, groups, x, w, *window in (
        ("1-D", 1, (2, 3, 7), (2, 3, 3), 2, 1),
        ("unequal axes", 1, (2, 2, 5, 4), (3, 2, 3, 2)),
        ("groups", 2, (2, 6, 5, 4), (4, 3, 3, 2), (2, 1), 1),
        ("depthwise, padding uneven", 3, (1, 3, 6, 5), (6, 1, 2, 3), 1, ((2, 0), (0, 1)), 2),
        ("depthwise, 9 taps", 2, (2, 2, 4, 3), (2, 1, 3, 3), 1, 1),
        ("depthwise, 27 taps", 2, (1, 2, 3, 10), (2, 1, 3, 9), 1, 1),
        ("depthwise, 28 taps", 2, (2, 2, 8, 7), (2, 1, 7, 4), (2, 1), ((3, 0), (0, 2))),
        ("depthwise, one row", 2, (1, 2, 1, 3), (2, 1, 2, 1), 1, ((2, 0), (0, 0)), (2, 1)),
        ("depthwise 1-D, gaps", 3, (2, 3, 9), (6, 1, 2), 3, 1, 2),
        ("depthwise 3-D", 2, (1, 2, 5, 6, 3), (2, 1, 3, 2, 4), (1, 3, 2),
         ((2, 3), (1, 4), (1, 2)), (2, 3, 1)),
        ("depthwise, long rows", 2, (3, 2, 67), (2, 1, 2)),
        ("depthwise, planes in pieces", 2, (1, 2, 1100), (2, 1, 2)),
        ("slabs of two images and one", 136, (3, 2040, 1), (136, 15, 1)),
        ("wide groups", 2, (2, 32, 3, 2), (4, 16, 2, 1), 1, ((0, 1), (1, 0))),
        ("pointwise", 1, (2, 3, 3, 2), (2, 3, 1, 1)),
        ("pointwise, wide groups", 2, (2, 32, 5, 4), (4, 16, 1, 1)),
        ("columns and rows never seen", 1, (1, 4, 6, 8), (1, 4, 2, 1), 3, 0, (2, 1)),
        ("3-D, same", 1, (1, 2, 3, 4, 2), (2, 2, 2, 1, 3), 1, "same"),
        ("no images", 1, (0, 2, 4, 4), (3, 2, 3, 3)),
    ):  # fmt: skip
        yield note, groups, x, w, Window.of("conv", len(x) - 2, w[2:], *window)
