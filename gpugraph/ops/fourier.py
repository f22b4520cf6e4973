"""The discrete Fourier transform as three ops, each the others' adjoint up to weights.

    y = Fft(x)      over some axes, complex to complex: y_k = sum over j of x_j e^(-2 pi i jk/n)
    y = Rfft(x)     real to the first n//2 + 1 of these, along one axis: the rest mirror them
    x = Irfft(y)    back: the real numbers whose half spectrum is y; Im y_0 and, for even n,
                    Im y_(n/2) count for nothing

A transform without scale is a matrix F = F^T, its adjoint conj(F): the inverse transform without
scale. So the adjoint in norm "backward" is the inverse in norm "forward", and the other way round.
In a half spectrum all but the ends stand for two numbers: Rfft's adjoint is Irfft of g with those
halved, Irfft's is twice Rfft of g there. Source: van Loan, Computational Frameworks for the FFT.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.errors import DtypeError
from ..core.op import Cost, Op, Sample, Spec, traffic
from ..core.tensor import Tensor
from .complex import real_dtype
from .creation import asarray
from .shape import axes_of

__all__: list[str] = []  # the functions are in gpugraph.fft

# norm -> the norm in which the inverse is the adjoint
ADJOINT = {"backward": "forward", "ortho": "ortho", "forward": "backward"}


def spectral_dtype(dtype: Any) -> Any:
    """The complex dtype of a spectrum: complex64 for float32, complex128 for float64 and ints."""
    if dtype.kind == "c":
        return dtype
    return np.dtype(np.complex64 if dtype in (np.float32, np.float16) else np.complex128)


def _cost(n: int, x: Spec, y: Spec) -> Cost:
    """5 n log2(n) for each transform of n numbers: the count of radix 2, by custom for all."""
    count = max(x.size, y.size)
    return Cost(flops=round(5 * count * math.log2(max(n, 1))), bytes=traffic(x, y))


@dataclass(frozen=True)
class Fft(Op):
    """The transform over some axes, or its inverse, scaled as norm says."""

    axes: tuple[int, ...]
    inverse: bool
    norm: str
    conjugates = True

    def spec(self, x: Spec) -> Spec:
        axes_of(self.label, self.axes, x.shape)
        return Spec(x.shape, spectral_dtype(x.dtype))

    def forward(self, xp: Any, x: Any) -> Any:
        function = xp.fft.ifftn if self.inverse else xp.fft.fftn
        y = function(x, axes=self.axes, norm=self.norm) if self.axes and x.size else x
        return y.astype(spectral_dtype(x.dtype), copy=y is x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return apply(Fft.make(self.axes, not self.inverse, ADJOINT[self.norm]), g)

    def cost(self, x: Spec) -> Cost:
        return _cost(math.prod(x.shape[a] for a in self.axes), x, self.spec(x))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        z = rng.standard_normal((3, 4, 5)) + 1j * rng.standard_normal((3, 4, 5))
        for norm in ADJOINT:
            yield Sample(cls((2, 1), False, norm), (z[0][None],), norm)
            yield Sample(cls((1,), True, norm), (z.T[::2],), f"inverse, strided, {norm}")
        yield Sample(cls((0,), False, "backward"), (z.real[:, 0],), "of real numbers")
        yield Sample(cls((1,), False, "ortho"), (z[:0],), "empty")


@dataclass(frozen=True)
class Rfft(Op):
    """The first n//2 + 1 numbers of the transform of n real ones along an axis."""

    axis: int
    norm: str
    conjugates = True

    def spec(self, x: Spec) -> Spec:
        (axis,) = axes_of(self.label, self.axis, x.shape)
        if x.dtype.kind == "c":
            raise DtypeError(f"rfft: x is {x.dtype}; it takes real numbers. fft takes complex ones")
        shape = (*x.shape[:axis], x.shape[axis] // 2 + 1, *x.shape[axis + 1 :])
        return Spec(shape, spectral_dtype(x.dtype))

    def forward(self, xp: Any, x: Any) -> Any:
        if not x.size:
            told = self.spec(Spec(x.shape, x.dtype))
            return xp.zeros(told.shape, told.dtype)
        y = xp.fft.rfft(x, axis=self.axis, norm=self.norm)
        return y.astype(spectral_dtype(x.dtype), copy=False)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        n = node.shape("x")[self.axis]
        halved = g / _multiplicity(g, n, self.axis)
        return apply(Irfft.make(self.axis, n, ADJOINT[self.norm]), halved)

    def cost(self, x: Spec) -> Cost:
        return _cost(x.shape[self.axis], x, self.spec(x))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        x = rng.standard_normal((3, 4, 5))
        for norm in ADJOINT:
            yield Sample(cls(2, norm), (x[:2, :2],), f"odd length, {norm}")
            yield Sample(cls(1, norm), (x[:, :, 0].T.copy().T,), f"even length, strided, {norm}")
        yield Sample(cls(0, "backward"), (x[:1, 0],), "one number")
        yield Sample(cls(0, "ortho"), (x[:2, 0],), "two numbers")
        yield Sample(cls(1, "backward"), (x[:0],), "empty")


@dataclass(frozen=True)
class Irfft(Op):
    """The n real numbers that have this half spectrum, of n//2 + 1 numbers, along an axis."""

    axis: int
    n: int
    norm: str
    conjugates = True

    def spec(self, x: Spec) -> Spec:
        (axis,) = axes_of(self.label, self.axis, x.shape)
        shape = (*x.shape[:axis], self.n, *x.shape[axis + 1 :])
        return Spec(shape, real_dtype(spectral_dtype(x.dtype)))

    def forward(self, xp: Any, x: Any) -> Any:
        told = self.spec(Spec(x.shape, x.dtype))
        if not x.size:
            return xp.zeros(told.shape, told.dtype)
        y = xp.fft.irfft(x, self.n, axis=self.axis, norm=self.norm)
        return y.astype(told.dtype, copy=False)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        gx = apply(Rfft.make(self.axis, ADJOINT[self.norm]), g)
        return gx * _multiplicity(gx, self.n, self.axis)

    def cost(self, x: Spec) -> Cost:
        return _cost(self.n, x, self.spec(x))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        z = rng.standard_normal((3, 4, 2)) + 1j * rng.standard_normal((3, 4, 2))
        for norm in ADJOINT:
            yield Sample(cls(0, 5, norm), (z[:, :2],), f"odd length, {norm}")
            yield Sample(cls(1, 6, norm), (z[:2].T.copy().T,), f"even length, strided, {norm}")
        yield Sample(cls(0, 1, "backward"), (z[:1, 0],), "one number")
        yield Sample(cls(0, 3, "backward"), (z.real[:2, 0],), "of real numbers")
        yield Sample(cls(0, 4, "ortho"), (z[:, :0],), "empty")


def _multiplicity(y: Tensor, n: int, axis: int) -> Tensor:
    """How many of n numbers each of the half spectrum stands for: 1 at its ends, else 2."""
    counts = [1.0 if k == 0 or 2 * k == n else 2.0 for k in range(n // 2 + 1)]
    shape = [1] * y.ndim
    shape[axis] = len(counts)
    return asarray(counts, dtype=real_dtype(y.dtype), device=y.device).reshape(shape)
