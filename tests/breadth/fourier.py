"""Fourier transforms, by the sums of their definition."""

from types import SimpleNamespace

import numpy as np

import gpugraph as gg
from tests.oracles import ORACLES
from tests.oracles.fourier import transform

from .cases import A, C, Z, case

ROOM = gg.fft


def cut(x, n, axis):
    """n numbers along the axis: the first ones, then zeros."""
    x = np.moveaxis(x, axis, 0)
    y = np.zeros((n, *x.shape[1:]), x.dtype)
    y[: len(x)] = x[:n]
    return np.moveaxis(y, 0, axis)


def full(inverse):
    """Of several axes; s are their lengths."""

    def oracle(x, s=None, axes=None, norm="backward"):
        axes = range(x.ndim) if axes is None else axes
        for a, n in zip(axes, s or [x.shape[a] for a in axes], strict=True):
            x = transform(cut(x, n, a), a, inverse, norm)
        return x

    return oracle


def one(inverse):
    return lambda x, n=None, axis=-1, norm="backward": full(inverse)(x, n and [n], [axis], norm)


def plane(function):
    return lambda x, s=None, axes=(-2, -1), norm="backward": function(x, s, axes, norm)


def rfftn(x, s=None, axes=None, norm="backward"):
    axes = range(-x.ndim, 0) if axes is None else axes
    y = full(False)(x, s, axes, norm)
    return np.take(y, range((x.shape[axes[-1]] if s is None else s[-1]) // 2 + 1), axes[-1])


def irfftn(x, s=None, axes=None, norm="backward"):
    axes = range(-x.ndim, 0) if axes is None else axes
    last = 2 * (x.shape[axes[-1]] - 1) if s is None else s[-1]
    y = full(True)(x, s and s[:-1], axes[:-1], norm)
    y = cut(y, last // 2 + 1, axes[-1])
    return ORACLES["Irfft"](SimpleNamespace(axis=axes[-1], n=last, norm=norm), y)


def rfft(x, n=None, axis=-1, norm="backward"):
    return rfftn(x, n and [n], [axis], norm)


def irfft(x, n=None, axis=-1, norm="backward"):
    return irfftn(x, n and [n], [axis], norm)


X = Z[:, :2, None] * C[:, :2]  # complex (2, 2, 5)
CASES = {
    "fft": case(one(False), Z, 4, 0, norm="ortho"),
    "ifft": case(one(True), Z, norm="forward"),
    "fftn": case(full(False), X, (3, 2), (0, 2)),
    "ifftn": case(full(True), X),
    "fft2": case(plane(full(False)), X),
    "ifft2": case(plane(full(True)), X, (3, 4), norm="ortho"),
    "rfft": case(rfft, A, 5, 0),
    "irfft": case(irfft, Z, 5, norm="ortho"),
    "rfftn": case(rfftn, C, (2, 3), (0, 2)),
    "irfftn": case(irfftn, X[..., :3], norm="forward"),
    "rfft2": case(plane(rfftn), C),
    "irfft2": case(plane(irfftn), X, (3, 7)),
    "hfft": case(lambda x, n, axis: irfft(x.conj(), n, axis, "forward"), Z, 5, 1),
    "ihfft": case(lambda x: rfft(x, norm="forward").conj(), A),
    "fftshift": case(lambda x, axes: np.roll(x, x.shape[2] // 2, axes), C, 2),
    "ifftshift": case(lambda x, axes: np.roll(x, -(x.shape[2] // 2), axes), C, 2),
    "fftfreq": case(
        lambda n, d: np.array([0, 1, 2, -2, -1], np.float32) / (n * d), 5, d=0.5
    ),
    "rfftfreq": case(lambda n: np.arange(4, dtype=np.float32) / n, 6),
}  # fmt: skip
