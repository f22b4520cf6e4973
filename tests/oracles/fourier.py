"""Oracles of fourier.py: the sums of the definition, number by number."""

import cmath

import numpy as np


def scale(n, norm, inverse):
    return {"ortho": n**-0.5, "backward": 1 / n if inverse else 1, "forward": 1}[norm] / (
        n if norm == "forward" and not inverse else 1
    )


def transform(x, axis, inverse, norm):
    x = np.moveaxis(np.asarray(x, complex), axis, -1)
    n = x.shape[-1]
    y = np.zeros(x.shape, complex)
    sign = 2j if inverse else -2j
    for *rest, k in np.ndindex(y.shape):
        terms = (x[(*rest, j)] * cmath.exp(sign * cmath.pi * j * k / n) for j in range(n))
        y[(*rest, k)] = sum(terms) * scale(n, norm, inverse)
    return np.moveaxis(y, -1, axis)


def fft(op, x):
    for axis in op.axes:
        x = transform(x, axis, op.inverse, op.norm)
    return x


def rfft(op, x):
    half = x.shape[op.axis] // 2 + 1
    return np.take(transform(x, op.axis, False, op.norm), np.arange(half), axis=op.axis)


def irfft(op, x):
    """The full spectrum is written out, and its inverse transform is real."""
    x = np.moveaxis(np.asarray(x, complex), op.axis, -1)
    if not x.size:
        return np.moveaxis(np.zeros((*x.shape[:-1], op.n)), -1, op.axis)
    full = np.zeros((*x.shape[:-1], op.n), complex)
    for k in range(op.n):
        own = x[..., k] if k <= op.n // 2 else x[..., op.n - k].conj()
        full[..., k] = own.real if k == 0 or 2 * k == op.n else own
    y = transform(full, -1, True, op.norm)
    assert abs(y.imag).max() < 1e-12
    return np.moveaxis(y.real, -1, op.axis)


ORACLES = {"Fft": fft, "Rfft": rfft, "Irfft": irfft}
