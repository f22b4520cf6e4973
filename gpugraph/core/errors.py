"""Every error that gpugraph raises for a user's mistake.

A message names the op, the argument, what came, what was wanted and, where known, the cure:
``conv2d: x has 3 channels; w (4, 2, 3, 3) with groups=1 takes 2``.
Each class also derives from the built-in exception that NumPy users already catch.
"""

from __future__ import annotations

import numpy as np

__all__ = [
    "AnomalyError",
    "ArgumentError",
    "AxisError",
    "DataError",
    "DeviceError",
    "DtypeError",
    "GpugraphError",
    "GradientError",
    "IndexRangeError",
    "LinAlgError",
    "ShapeError",
]


class GpugraphError(Exception):
    """Base of all errors of gpugraph."""


class ArgumentError(GpugraphError, ValueError):
    """A parameter has a value that the op can't take (a negative stride, an unknown mode)."""


class ShapeError(GpugraphError, ValueError):
    """Shapes don't fit each other or the op."""


class AxisError(ShapeError, IndexError):
    """An axis is out of range or named twice."""


class IndexRangeError(GpugraphError, IndexError):
    """An index lies outside the array."""


class DtypeError(GpugraphError, TypeError):
    """A dtype or a Python type that the op doesn't take."""


class DeviceError(GpugraphError, RuntimeError):
    """Arrays on different devices, or a device that isn't there."""


class GradientError(GpugraphError, RuntimeError):
    """A gradient that can't be had: freed graph, unused input, missing rule, unsafe write."""


class AnomalyError(GradientError, ArithmeticError):
    """`detect_anomaly` saw a NaN being born, or kept memory that changed."""


class LinAlgError(GpugraphError, np.linalg.LinAlgError):
    """A matrix that has no such inverse or factors: singular, or not positive definite."""


class DataError(GpugraphError, ValueError):
    """A data file or checkpoint is missing a part, corrupt, or not what it says it is."""
