"""Oracles of gpugraph/ops/floats.py: Python's own math; for sinc, its series in fractions."""

import math
from fractions import Fraction

from tests.oracles.elementwise import each


def sinc(op, x):
    """sin(z)/z term by term, each differentiated `order` times: z^m/(m+1)! with m even."""

    def one(a):
        z = Fraction(math.pi * a)
        total = Fraction(0)
        for m in range(0, 90, 2):
            if m >= op.order:
                falling = Fraction(math.factorial(m), math.factorial(m - op.order))
                term = falling * z ** (m - op.order) / math.factorial(m + 1)
                total += -term if m % 4 else term
        return float(total)

    return each(one)(op, x)


ORACLES = {
    "Hypot": each(lambda a, b: math.sqrt(a * a + b * b)),
    "Fmod": each(math.fmod),
    "Copysign": each(lambda a, b: math.copysign(a, b)),
    "Nextafter": each(math.nextafter),
    "Logaddexp2": each(lambda a, b: math.log2(2**a + 2**b)),
    "Cbrt": each(lambda a: math.copysign(abs(a) ** (1 / 3), a)),
    "Exp2": each(lambda a: 2.0**a),
    "Sinc": sinc,
}


def hypot_gradient(op, inputs, g):
    (a, b), h = inputs, [math.inf, 2.0, 5.0]  # of (0, 0), (0, -2), (-3, 4): 0 at the corner
    return g * a / h, g * b / h


GRADIENTS = {"Hypot": hypot_gradient}
