"""Oracles of gpugraph/ops/special.py: the C library's error functions."""

import math

from tests.oracles.elementwise import each

ORACLES = {"Erf": each(math.erf), "Erfc": each(math.erfc)}
