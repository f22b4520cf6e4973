"""Parts of complex numbers: real, imag, conj.

    re = Real(z)    g flows back as g + 0i
    im = Imag(z)    g flows back as 0 + g i: the cotangent of z is d/dRe z + i d/dIm z
    zc = Conj(z)    g flows back as conj(g)

So a function of real numbers may pass through complex ones. What carries such cotangents is what
its class says by ``conjugates = True``; other ops refuse them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.methods import public
from ..core.op import Sample
from ..core.tensor import Tensor
from .dtypes import promoted
from .elementwise import Unary

__all__ = ["conj", "imag", "real"]


def real_dtype(dtype: Any) -> Any:
    """The dtype of the parts of a complex dtype; a real one itself."""
    return np.dtype(f"float{dtype.itemsize * 4}") if dtype.kind == "c" else dtype


class Part(Unary, abstract=True):
    """Base of real and imag: the parts of complex numbers have half their bytes."""

    conjugates = True

    def result(self, dtype: Any) -> Any:
        return real_dtype(dtype)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls(), (_drawn(rng, 3, 5),))
        yield Sample(cls(), (_drawn(rng, 4, 6).T[::2],), "strided")
        yield Sample(cls(), (np.array(2 - 1j),), "0-d")
        yield Sample(cls(), (np.zeros((0, 3), np.complex64),), "empty")


class Real(Part):
    """The real part."""

    def forward(self, xp: Any, x: Any) -> Any:
        return x.real.copy()

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return g

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield from super().samples(rng)
        yield Sample(cls(), (rng.standard_normal(3),), "of a real number")


class Imag(Part):
    """The imaginary part; of real numbers 0."""

    def forward(self, xp: Any, x: Any) -> Any:
        return x.imag.copy()

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return g * 1j


class Conj(Unary):
    """The complex conjugate; real numbers stay."""

    conjugates = True

    def result(self, dtype: Any) -> Any:
        return promoted("conjugate", dtype)

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.conj(x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return conj(g)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield from super().samples(rng)
        yield Sample(cls(), (_drawn(rng, 3, 2),), "complex")


def _drawn(rng: np.random.Generator, *shape: int) -> Any:
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


REAL, IMAG, CONJ = Real(), Imag(), Conj()


@public
def real(x: Any, /) -> Tensor:
    """The real part of each element; a copy of what is real."""
    return apply(REAL, x)


@public
def imag(x: Any, /) -> Tensor:
    """The imaginary part of each element; 0 for what is real."""
    return apply(IMAG, x)


@public
def conj(x: Any, /) -> Tensor:
    """The complex conjugate of each element."""
    return apply(CONJ, x)
