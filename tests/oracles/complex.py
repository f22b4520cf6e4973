"""Oracles of complex.py: the parts by Python's complex numbers."""

import numpy as np


def part(function, dtype=None):
    def oracle(op, x):
        out = np.empty(x.shape, dtype or x.dtype)
        for i in np.ndindex(x.shape):
            out[i] = function(complex(x[i]))
        return out

    return oracle


def conjugate(op, x):
    out = x.copy()
    for i in np.ndindex(x.shape):
        if x.dtype.kind == "c":
            out[i] = complex(x[i].real, -x[i].imag)
    return out


ORACLES = {
    "Real": part(lambda z: z.real, float),
    "Imag": part(lambda z: z.imag, float),
    "Conj": conjugate,
}
