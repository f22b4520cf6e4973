"""Functions of one or two numbers at a time."""

import math

import numpy as np
from scipy import special

import gpugraph as gg

from .cases import RNG, A, B, Constant, I, M, P, S, V, W, Z, case

ROOM = gg
SPREAD = np.array([-2.7, -1.2, -0.4, 0.3, 0.6, 1.45, 2.2])  # not near whole numbers and halves

# Where each is smooth
ONE = {
    "SPREAD": (
        "absolute negative positive square sin cos sinh cosh tanh arctan arcsinh exp exp2 expm1 "
        "cbrt sinc degrees radians floor ceil fix rint sign signbit nan_to_num conj real"
    ),
    "P": "sqrt log log2 log10 log1p reciprocal",
    "0.3 * SPREAD": "arcsin arccos arctanh tan",
    "P + 1": "arccosh",
}
NUMBERS = {"SPREAD": SPREAD, "P": P, "0.3 * SPREAD": 0.3 * SPREAD, "P + 1": P + 1}
CASES = {name: case(getattr(np, name), NUMBERS[at]) for at, s in ONE.items() for name in s.split()}
CASES |= {
    f"{name}, at the edges": case(getattr(np, name), Constant(S))
    for name in "isfinite isinf isnan isposinf isneginf signbit".split()
}
CASES |= {
    name: case(getattr(np, name), A, B - 0.55)
    for name in (
        "add subtract multiply divide logaddexp logaddexp2 hypot fmax fmin maximum minimum "
        "arctan2 copysign nextafter equal not_equal less less_equal greater greater_equal "
        "logical_and logical_or logical_xor isclose"
    ).split()
}
CASES |= {
    name: case(getattr(np, name), I, I[:, ::-1] % 4)
    for name in "bitwise_and bitwise_or bitwise_xor left_shift right_shift".split()
}
CASES |= {
    "absolute, complex": case(np.absolute, Z),
    "conj, complex": case(np.conj, Z),
    "real, complex": case(np.real, Z),
    "imag": case(np.imag, Z),
    "multiply, complex": case(np.multiply, Z, Z[::-1]),
    "exp, complex": case(np.exp, Z),
    "fabs": case(np.fabs, A),
    "power": case(np.power, P, A),
    "mod": case(np.mod, 7 * A, P),
    "fmod": case(np.fmod, 7 * A, P),
    "floor_divide": case(np.floor_divide, 7 * A, P),
    "heaviside": case(np.heaviside, Constant(np.array([-1.0, 0.0, 0.0, 2.0])), V),
    "bitwise_not": case(np.bitwise_not, I),
    "logical_not": case(np.logical_not, I),
    "erf": case(special.erf, SPREAD),
    "erfc": case(special.erfc, SPREAD),
    "erfinv": case(special.erfinv, 0.3 * SPREAD),
    "logit": case(special.logit, W * 0.9),
    "xlogy": case(special.xlogy, A, P),
    "rsqrt": case(lambda x: 1 / np.sqrt(x), P),
    "lerp": case(lambda a, b, w: (1 - w) * a + w * b, A, B, W),
    "clamp": case(lambda x, low, high: np.minimum(np.maximum(x, low), high), A, -P / 4, P / 3),
    "where": case(np.where, M, A, B),
    "allclose": case(np.allclose, A, A + 1e-9),
    "array_equal": case(np.array_equal, A, B),
    "array_equiv": case(np.array_equiv, A[:1], np.repeat(A[:1], 3, axis=0)),
    "nan_to_num, numbers": case(np.nan_to_num, Constant(S), nan=0.5),
    "sinc, at 0": case(
        lambda x: np.array([1 if v == 0 else math.sin(math.pi * v) / (math.pi * v) for v in x]),
        np.array([0.0, 1e-9, -1e-3, 0.3, 2.0, -7.3]),
    ),
    "astype": case(lambda x, dtype: x.astype(dtype), A, np.float64),
    "copy": case(np.copy, A),
    "to": case(lambda x, device: x, A, "cpu"),
    "dot": case(np.dot, A, V),
    "matmul": case(np.matmul, C := RNG.standard_normal((2, 2, 3)), B),
    "matmul, vector": case(np.matmul, C, V[:3]),
    "inner": case(np.inner, A, V),
    "outer": case(np.outer, V, V[:2]),
    "kron": case(np.kron, A, V),
    "vecdot": case(np.vecdot, A, B),
    "vecdot, complex": case(np.vecdot, Z, Z[::-1]),
    "tensordot": case(np.tensordot, C, A, axes=([2], [0])),
    "einsum": case(np.einsum, "bij,jk,k->ib", C, A, V),
    "linear": case(lambda x, w, b: x @ w.T + b, C, A.T, V),
    "cross": case(np.cross, A, B, axis=0),
    "convolve": case(np.convolve, A[0], V[:3], mode="same"),
    "correlate": case(np.correlate, A[0], V[:2], mode="full"),
}
