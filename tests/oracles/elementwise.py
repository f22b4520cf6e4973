"""Oracles of elementwise.py, powers.py and angles.py: Python's own math, element by element."""

import cmath
import math

import numpy as np


def each(function):
    """The oracle that applies a scalar function to every element (of the broadcast inputs)."""

    def oracle(op, *inputs):
        inputs = np.broadcast_arrays(*inputs)
        out = np.empty(inputs[0].shape)
        for i in np.ndindex(out.shape):
            out[i] = function(*(float(x[i]) for x in inputs))
        return out

    return oracle


def rounded(op, x):
    """By Python's own rounding, which knows no NaN and no infinity."""
    steps = {"floor": math.floor, "ceil": math.ceil, "trunc": math.trunc, "rint": round}
    y = each(lambda a: steps[op.function](a) if math.isfinite(a) else a)(op, x)
    return y.astype(x.dtype)


def pow_number(op, x):
    return each(lambda a: a**op.exponent)(op, x)


ORACLES = {
    "Add": each(lambda a, b: a + b),
    "Subtract": each(lambda a, b: a - b),
    "Multiply": each(lambda a, b: a * b),
    "Divide": each(lambda a, b: a / b),
    "FloorDivide": each(lambda a, b: a // b),
    "Remainder": each(lambda a, b: a % b),
    "Pow": each(lambda a, b: a**b),
    "PowNumber": pow_number,
    "Negative": each(lambda a: 0 - a),
    "Positive": each(lambda a: a),
    "Abs": each(lambda a: a if a > 0 else 0 - a),
    "Square": each(lambda a: a**2),
    "Sqrt": each(lambda a: a**0.5),
    "Reciprocal": each(lambda a: a**-1),
    "Sign": each(lambda a: (a > 0) - (a < 0)),
    "Rounding": rounded,
    "Exp": each(math.exp),
    "Expm1": each(math.expm1),
    "Log": each(math.log),
    "Log1p": each(math.log1p),
    "Log2": each(math.log2),
    "Log10": each(math.log10),
    "Logaddexp": each(lambda a, b: math.log(math.exp(a) + math.exp(b))),
    "Sin": each(lambda a: cmath.exp(1j * a).imag),
    "Cos": each(lambda a: cmath.exp(1j * a).real),
    "Tan": each(lambda a: math.sin(a) / math.cos(a)),
    "Asin": each(math.asin),
    "Acos": each(math.acos),
    "Atan": each(math.atan),
    "Atan2": each(lambda a, b: cmath.phase(complex(b, a))),
    "Sinh": each(lambda a: (math.exp(a) - math.exp(-a)) / 2),
    "Cosh": each(lambda a: (math.exp(a) + math.exp(-a)) / 2),
    "Tanh": each(lambda a: (1 - math.exp(-2 * a)) / (1 + math.exp(-2 * a))),
    "Asinh": each(lambda a: math.log(a + math.sqrt(a * a + 1))),
    "Acosh": each(lambda a: math.log(a + math.sqrt(a * a - 1))),
    "Atanh": each(lambda a: math.log((1 + a) / (1 - a)) / 2),
}


def pow_gradient(op, inputs, g):
    """The textbook's derivatives, with the limits from inside the domain where they have none."""
    x1, x2 = inputs
    g1, g2 = np.zeros_like(x1), np.zeros_like(x2)
    for i, (a, b) in enumerate(zip(x1, x2, strict=True)):
        g1[i] = g[i] * b * a ** (b - 1) if b else 0
        if a:
            g2[i] = g[i] * a**b * math.log(a)
    return g1, g2


def pow_number_gradient(op, inputs, g):
    slope = {0: lambda a: 0, 1: lambda a: 1, 2: lambda a: 2 * a, 3: lambda a: 3 * a * a}
    return (np.array([slope[op.exponent](a) * b for a, b in zip(inputs[0], g, strict=True)]),)


def abs_gradient(op, inputs, g):
    factor = [-1.0, 0.0, 0.0, 1.0, np.nan]  # of the sample -1, -0, 0, 2, NaN
    return (g * factor,)


GRADIENTS = {"Pow": pow_gradient, "PowNumber": pow_number_gradient, "Abs": abs_gradient}
