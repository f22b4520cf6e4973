"""Discrete Fourier transforms under the names of the Array API standard, NumPy and PyTorch.

Gradients of any order flow through all of them, from real tensors to real ones by way of complex
spectra: ``irfft(rfft(x) * filter, n=len(x))`` learns x and a real filter. float32 gives complex64;
float64 and integers give complex128. norm says where 1/n stands: "backward" on the inverse (the
default), "forward" on the transform, "ortho" its root on both.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

from .core.apply import apply
from .core.errors import ArgumentError, DtypeError, ShapeError
from .core.guard import guard
from .core.tensor import Tensor, is_floating
from .ops.arrange import pad, roll
from .ops.complex import conj
from .ops.creation import arange, asarray
from .ops.dtypes import as_dtype
from .ops.fourier import ADJOINT, Fft, Irfft, Rfft
from .ops.memory import astype
from .ops.shape import axes_of

__all__ = [
    "fft",
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftfreq",
    "rfftn",
]

Lengths = Sequence[int] | None


def fft(x: Any, /, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """The transform along an axis: y_k = sum over j of x_j e^(-2 pi i jk/n).

    n     length of the result: x is cut, or padded with zeros at its end
    """
    return _complex("fft", x, None if n is None else (n,), (axis,), norm, inverse=False)


def ifft(x: Any, /, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """The inverse of `fft`: x_j = (1/n) sum over k of y_k e^(2 pi i jk/n). n as there."""
    return _complex("ifft", x, None if n is None else (n,), (axis,), norm, inverse=True)


def fftn(x: Any, /, s: Lengths = None, axes: Lengths = None, norm: str = "backward") -> Tensor:
    """`fft` over several axes.

    s     lengths of the result along these axes, as n in `fft`; -1 is that of x
    axes  by default the last ones, as many as s has, or all
    """
    return _complex("fftn", x, s, axes, norm, inverse=False)


def ifftn(x: Any, /, s: Lengths = None, axes: Lengths = None, norm: str = "backward") -> Tensor:
    """The inverse of `fftn`, with the same parameters."""
    return _complex("ifftn", x, s, axes, norm, inverse=True)


def fft2(
    x: Any, /, s: Lengths = None, axes: Sequence[int] = (-2, -1), norm: str = "backward"
) -> Tensor:
    """`fftn` over two axes, the last ones by default."""
    return _complex("fft2", x, s, axes, norm, inverse=False)


def ifft2(
    x: Any, /, s: Lengths = None, axes: Sequence[int] = (-2, -1), norm: str = "backward"
) -> Tensor:
    """`ifftn` over two axes, the last ones by default."""
    return _complex("ifft2", x, s, axes, norm, inverse=True)


def rfft(x: Any, /, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """The first n//2 + 1 numbers of the `fft` of real x; the others are their conjugates.

    n     how many numbers are transformed: x is cut, or padded with zeros at its end
    Raises DtypeError for complex x.
    """
    return _real("rfft", x, None if n is None else (n,), (axis,), norm)


def irfft(x: Any, /, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """The inverse of `rfft`: n real numbers.

    n     by default 2 (m - 1) for m numbers in x: give it where the real length was odd
    The imaginary parts that a real spectrum has not (of number 0, and of n/2) count for nothing.
    """
    return _back("irfft", x, None if n is None else (n,), (axis,), norm)


def rfftn(x: Any, /, s: Lengths = None, axes: Lengths = None, norm: str = "backward") -> Tensor:
    """`rfft` along the last of the axes, `fft` along the others; parameters as in `fftn`."""
    return _real("rfftn", x, s, axes, norm)


def irfftn(x: Any, /, s: Lengths = None, axes: Lengths = None, norm: str = "backward") -> Tensor:
    """The inverse of `rfftn`; s are the lengths of the real result."""
    return _back("irfftn", x, s, axes, norm)


def rfft2(
    x: Any, /, s: Lengths = None, axes: Sequence[int] = (-2, -1), norm: str = "backward"
) -> Tensor:
    """`rfftn` over two axes, the last ones by default."""
    return _real("rfft2", x, s, axes, norm)


def irfft2(
    x: Any, /, s: Lengths = None, axes: Sequence[int] = (-2, -1), norm: str = "backward"
) -> Tensor:
    """`irfftn` over two axes, the last ones by default."""
    return _back("irfft2", x, s, axes, norm)


def hfft(x: Any, /, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """The `fft` of n numbers whose second half mirrors x: it is real. n as in `irfft`."""
    return _back(
        "hfft", conj(asarray(x)), None if n is None else (n,), (axis,), ADJOINT[_norm("hfft", norm)]
    )


def ihfft(x: Any, /, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """The inverse of `hfft`: the first n//2 + 1 numbers. n as in `rfft`."""
    return conj(
        _real("ihfft", x, None if n is None else (n,), (axis,), ADJOINT[_norm("ihfft", norm)])
    )


def fftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Tensor:
    """The frequencies of the n numbers of `fft`: 0, 1, ..., then the negative ones, over n d.

    d      the distance of samples
    dtype  float32 by default
    """
    n, dtype = _count("fftfreq", n), _real_kind("fftfreq", dtype)
    number = arange(n, device=device)
    signed = (number + n // 2) % n - n // 2
    return astype(signed, dtype) / (n * d)


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Tensor:
    """The frequencies of the n//2 + 1 numbers of `rfft`, over n d. Parameters as in `fftfreq`."""
    n, dtype = _count("rfftfreq", n), _real_kind("rfftfreq", dtype)
    return astype(arange(n // 2 + 1, device=device), dtype) / (n * d)


def fftshift(x: Any, /, axes: int | Sequence[int] | None = None) -> Tensor:
    """x with frequency 0 in the middle: rolled by half along the axes, all by default."""
    x = asarray(x)
    places = axes_of("fftshift", axes, x.shape)
    return roll(x, tuple([x.shape[a] // 2 for a in places]), axis=places)


def ifftshift(x: Any, /, axes: int | Sequence[int] | None = None) -> Tensor:
    """The inverse of `fftshift`."""
    x = asarray(x)
    places = axes_of("ifftshift", axes, x.shape)
    return roll(x, tuple([-(x.shape[a] // 2) for a in places]), axis=places)


def _complex(label: str, x: Any, s: Lengths, axes: Lengths, norm: str, inverse: bool) -> Tensor:
    norm = _norm(label, norm)
    x, lengths, places = _planned(label, x, s, axes)
    return apply(Fft.make(places, inverse, norm), _resized(x, lengths, places))


def _real(label: str, x: Any, s: Lengths, axes: Lengths, norm: str) -> Tensor:
    norm = _norm(label, norm)
    x, lengths, places = _planned(label, x, s, axes)
    if x.dtype.kind == "c":
        raise DtypeError(f"{label}: x is {x.dtype}; it takes real numbers")
    y = apply(Rfft.make(places[-1], norm), _resized(x, lengths, places))
    return y if len(places) == 1 else apply(Fft.make(places[:-1], False, norm), y)


def _back(label: str, x: Any, s: Lengths, axes: Lengths, norm: str) -> Tensor:
    norm = _norm(label, norm)
    x, lengths, places = _planned(label, x, s, axes, real=True)
    n = lengths[-1]
    x = _resized(x, (*lengths[:-1], n // 2 + 1), places)
    if len(places) > 1:
        x = apply(Fft.make(places[:-1], True, norm), x)
    return apply(Irfft.make(places[-1], n, norm), x)


def _planned(
    label: str, x: Any, s: Lengths, axes: Lengths, real: bool = False
) -> tuple[Tensor, tuple[int, ...], tuple[int, ...]]:
    """x, and of each axis the length of its transform and its number.

    real  x is the half spectrum of a real result along the last axis
    """
    x = asarray(x)
    if s is not None and axes is None:
        axes = tuple(range(-len(s), 0))
    places = axes_of(label, axes if axes is None else tuple(axes), x.shape)
    if not places:
        raise ShapeError(f"{label}: x {x.shape} has no axis to transform")
    own = [x.shape[a] for a in places]
    if real:
        own[-1] = 2 * (own[-1] - 1)
    if s is not None and len(s) != len(places):
        raise ArgumentError(f"{label}: s={tuple(s)} and axes={axes} must be equally many")
    try:
        given = own if s is None else [m if index(n) == -1 else index(n) for n, m in zip(s, own)]
    except TypeError:
        raise DtypeError(f"{label}: the length of a transform is an int, got {s}") from None
    if min(given) < 1:
        raise ArgumentError(
            f"{label}: a transform of {min(given)} numbers along an axis of x {x.shape}; it needs "
            "1 or more"
        )
    return x, tuple(given), places


def _resized(x: Tensor, lengths: tuple[int, ...], places: tuple[int, ...]) -> Tensor:
    """x cut or padded with zeros at the end of these axes."""
    widths = [(0, 0)] * x.ndim
    key = [slice(None)] * x.ndim
    for a, n in zip(places, lengths, strict=True):
        widths[a] = (0, max(0, n - x.shape[a]))
        key[a] = slice(min(n, x.shape[a]))
    if any(n < x.shape[a] for a, n in zip(places, lengths, strict=True)):
        x = x[tuple(key)]
    return pad(x, widths) if any(width for _, width in widths) else x


def _norm(label: str, norm: str | None) -> str:
    norm = "backward" if norm is None else norm
    if norm not in ADJOINT:
        raise ArgumentError(f"{label}: norm={norm!r} is none of 'backward', 'ortho', 'forward'")
    return norm


def _count(label: str, n: int) -> int:
    try:
        n = index(n)
    except TypeError:
        raise DtypeError(f"{label}: n={n!r} must be an int") from None
    if n < 1:
        raise ArgumentError(f"{label}: n={n} must be 1 or more")
    return n


def _real_kind(label: str, dtype: Any) -> Any:
    dtype = as_dtype(label, np.float32 if dtype is None else dtype)
    if not is_floating(dtype):
        raise DtypeError(f"{label}: dtype={dtype} must be a real floating dtype")
    return dtype


guard(globals(), __all__)
