"""Oracles of gpugraph/ops/compare.py: Python's own comparisons and logic, element by element."""

import math

import numpy as np

PAIRS = {
    "equal": lambda a, b: a == b,
    "not_equal": lambda a, b: a != b,
    "less": lambda a, b: a < b,
    "less_equal": lambda a, b: a <= b,
    "greater": lambda a, b: a > b,
    "greater_equal": lambda a, b: a >= b,
    "logical_and": lambda a, b: bool(a) and bool(b),
    "logical_or": lambda a, b: bool(a) or bool(b),
    "logical_xor": lambda a, b: bool(a) is not bool(b),
    "bitwise_and": lambda a, b: a & b,
    "bitwise_or": lambda a, b: a | b,
    "bitwise_xor": lambda a, b: a ^ b,
    "left_shift": lambda a, b: a * 2**b,
    "right_shift": lambda a, b: a // 2**b,
}
SINGLES = {
    "isfinite": math.isfinite,
    "isinf": math.isinf,
    "isnan": math.isnan,
    "logical_not": lambda a: not a,
    "invert": lambda a: not a if isinstance(a, bool) else -a - 1,
}


def each(function, *inputs, dtype):
    inputs = np.broadcast_arrays(*inputs)
    out = np.empty(inputs[0].shape, dtype)
    for i in np.ndindex(out.shape):
        out[i] = function(*(x[i].item() for x in inputs))
    return out


def compare(op, x1, x2):
    return each(PAIRS[op.function], x1, x2, dtype=int if x1.dtype.kind == "i" else bool)


def probe(op, x):
    return each(SINGLES[op.function], x, dtype=x.dtype if op.function == "invert" else bool)


def where(op, condition, x1, x2):
    return each(lambda c, a, b: a if c else b, condition, x1, x2, dtype=float)


def maximum(op, x1, x2):
    return each(lambda a, b: a + b if a != a or b != b else sorted((a, b))[1], x1, x2, dtype=float)


def minimum(op, x1, x2):
    return each(lambda a, b: a + b if a != a or b != b else sorted((a, b))[0], x1, x2, dtype=float)


def clip(op, x, low, high):
    def one(a, lo, hi):
        return a if a != a else sorted((lo, a, hi))[1] if lo <= hi else hi

    low = np.array(-np.inf) if low is None else low
    high = np.array(np.inf) if high is None else high
    return each(one, x, low, high, dtype=float)


def extremum_gradient(op, inputs, g):
    """Of the sample's pairs (1, 1), (2, 5), (NaN, 4), (3, NaN), (NaN, NaN)."""
    second_wins = 1.0 if type(op).__name__ == "Maximum" else 0.0
    share = np.array([0.5, 1 - second_wins, 1.0, 0.0, 0.5])
    return g * share, g * (1 - share)


def clip_gradient(op, inputs, g):
    """Of the sample's -1, -0, 0.5, 1, 2, NaN between 0 and 1, or 1 and 0."""
    if inputs[1] < inputs[2]:
        x, low = np.array([0, 1, 1, 1, 0, 1.0]), np.array([1, 0, 0, 0, 0, 0.0])
    else:
        x, low = np.array([0, 0, 0, 0, 0, 1.0]), np.zeros(6)
    return x * g, np.array((low * g).sum()), np.array(((1 - x - low) * g).sum())


ORACLES = {
    "Probe": probe,
    "Compare": compare,
    "Where": where,
    "Maximum": maximum,
    "Minimum": minimum,
    "Clip": clip,
}
GRADIENTS = {"Maximum": extremum_gradient, "Minimum": extremum_gradient, "Clip": clip_gradient}
