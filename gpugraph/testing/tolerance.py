"""How far two correct computations of the same sum may lie apart."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["epsilon", "tolerance"]


def epsilon(dtype: Any) -> float:
    """The distance from 1 to the next number of a floating dtype."""
    dtype = np.dtype(dtype)
    return 2.0**-7 if dtype.name == "bfloat16" else float(np.finfo(dtype).eps)


def tolerance(dtype: Any, terms: int = 1, safety: float = 8.0) -> float:
    """Error bound of a sum of `terms` products in that dtype, relative to the size of the terms.

    Rounding errors of a sum grow with the square root of its length when they are independent
    (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 4.2 and 2.8);
    `safety` covers the spread, and functions that round more than once per element.
    """
    return safety * math.sqrt(max(1, terms)) * epsilon(dtype)
