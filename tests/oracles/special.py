"""Oracles of gpugraph/ops/special.py: the C library's error functions, and SciPy's inverse."""

import math

import scipy.special

from tests.oracles.elementwise import each

ORACLES = {"Erf": each(math.erf), "Erfc": each(math.erfc), "Erfinv": each(scipy.special.erfinv)}
