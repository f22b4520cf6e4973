"""Oracles of gpugraph/ops/input_activation.py: Python's own math, element by element.

Of each function the value and the slope, from the formulas of the papers; those of the package
are other ones, in powers of e^x.
"""

import math
from statistics import NormalDist

from .elementwise import each

NORMAL = NormalDist()


def logistic(x):
    return 0.5 * (1 + math.tanh(0.5 * x))


def silu(op, x):
    y = logistic(x)
    return x * y, y * (1 + x * (1 - y))


def gelu(op, x):
    y = 0.5 * math.erfc(-x / math.sqrt(2))
    return x * y, y + x * NORMAL.pdf(x)


def gelu_tanh(op, x):
    rate = math.sqrt(2 / math.pi)
    t = math.tanh(rate * (x + 0.044715 * x**3))
    inner = rate * (1 + 3 * 0.044715 * x**2)
    return 0.5 * x * (1 + t), 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner


def mish(op, x):
    t = math.tanh(math.log1p(math.exp(x)))
    return x * t, t + x * (1 - t * t) * logistic(x)


def softplus(op, x):
    z = op.beta * x
    if math.isnan(x):
        return x, x
    if z > op.threshold:
        return x, 1.0
    return (math.log1p(math.exp(z)) if z > -700 else 0.0) / op.beta, logistic(z)


def hardswish(op, x):
    if math.isnan(x):
        return x, x
    return x * min(max(x + 3, 0), 6) / 6, 0 if x <= -3 else 1 if x >= 3 else (2 * x + 3) / 6


SCALAR = {f.__name__: f for f in (silu, gelu, gelu_tanh, mish, softplus, hardswish)}


def value(op, x):
    return each(lambda v: SCALAR[op.label](op, v)[0])(op, x)


def slope(op, g, x):
    return each(lambda gv, v: gv * SCALAR[op.act.label](op.act, v)[1])(op, g, x)


def gradient(op, inputs, g):
    return (slope_of(op, inputs[0]) * g,)


def slope_of(op, x):
    return each(lambda v: SCALAR[op.label](op, v)[1])(op, x)


NAMES = ("Silu", "Gelu", "GeluTanh", "Mish", "Softplus", "Hardswish")
ORACLES = dict.fromkeys(NAMES, value) | {"InputActivationGrad": slope}
GRADIENTS = {"Softplus": gradient, "Hardswish": gradient}
