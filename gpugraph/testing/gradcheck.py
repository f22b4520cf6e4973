"""Derivatives of any order against finite differences, along one random direction.

For a function f of tensors, phi(t) = sum c * sin(f(x + t v) + 1/2) is a number, for random c and
v. Its first derivative at 0 is <grad, v>, its second the derivative of that, and so on: each order
is computed by the engine (as a gradient of the one before) and compared with a difference quotient
of the order below. One direction sees every entry of every gradient, and costs a handful of calls.
The sine is there because f may be linear or bilinear: then its own higher derivatives vanish and
a rule that loses them would pass; the half, because f may be the inverse of the sine. (The idea of
a random direction: autograd's check_grads.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.autodiff import grad
from ..core.errors import GradientError
from ..core.methods import FUNCTIONS
from ..core.tensor import Tensor, is_floating

__all__ = ["GradcheckError", "gradcheck"]

STEP = 1e-3  # of the unit direction; the quotient below has an error of order STEP**4


class GradcheckError(GradientError, AssertionError):
    """A derivative differs from its difference quotient."""


def gradcheck(
    f: Callable[..., Any],
    inputs: Any,
    order: int = 1,
    *,
    seed: int = 0,
    nonzero: bool = False,
) -> bool:
    """Check the derivatives of f of order 1 to `order` at these inputs; True, or GradcheckError.

    f        takes and returns a tensor or several; must be smooth near the inputs
    inputs   a tensor or array, or several; floating and complex ones are varied, in float64 and
             complex128, others passed on
    nonzero  also fail if a derivative is too small to mean anything
    """
    several = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
    arrays = [_array(x) for x in several]
    rng = np.random.default_rng(seed)
    directions = [_direction(x, rng) if _varies(x) else None for x in arrays]
    length = np.sqrt(sum((abs(v) ** 2).sum() for v in directions if v is not None))
    if not length:
        return True  # nothing to vary
    probe = _Probe(f, arrays, [v if v is None else v / length for v in directions], rng)
    for k in range(1, order + 1):
        exact, quotient, bound = probe.compare(k)
        if not abs(exact - quotient) <= bound:
            raise GradcheckError(probe.diagnose(k, exact, quotient, bound))
        if nonzero and probe.outputs and not abs(exact) > 100 * bound:
            raise GradcheckError(f"gradcheck: derivative {k} is {exact:.3e}, too small to tell")
    return True


class _Probe:
    """phi and its derivatives along one line through the inputs."""

    def __init__(
        self,
        f: Callable[..., Any],
        arrays: Sequence[Any],
        directions: Sequence[Any],
        rng: np.random.Generator,
    ) -> None:
        self.f, self.arrays, self.directions = f, arrays, directions
        ys = self.call([x if v is None else Tensor(x) for x, v in zip(arrays, directions)])
        self.weights = [rng.standard_normal(y.shape) for y in ys]
        self.outputs = sum(y.size for y in ys)

    def call(self, xs: list[Any]) -> list[Tensor]:
        """The floating outputs of f, complex ones as their two parts."""
        ys = self.f(*xs)
        parts: list[Tensor] = []
        for y in [ys] if isinstance(ys, Tensor) else ys:
            if y.dtype.kind == "c":
                parts += [FUNCTIONS.real(y), FUNCTIONS.imag(y)]
            elif is_floating(y.dtype):
                parts.append(y)
        return parts

    def derivative(self, k: int, t: float) -> float:
        """The k-th derivative of phi at t, by the engine."""
        xs: list[Any] = []
        varied, along = [], []
        for x, v in zip(self.arrays, self.directions, strict=True):
            if v is None:
                xs.append(x)
                continue
            at = np.asarray(x + t * v)
            if x.dtype.kind == "c":  # of two real leaves
                leaves = [Tensor(np.array(part), requires_grad=True) for part in (at.real, at.imag)]
                xs.append(leaves[0] + 1j * leaves[1])
                varied += leaves
                along += [Tensor(np.array(v.real)), Tensor(np.array(v.imag))]
                continue
            xs.append(Tensor(at, requires_grad=True))
            varied.append(xs[-1])
            along.append(Tensor(np.asarray(v)))
        phi: Any = 0.0
        for c, y in zip(self.weights, self.call(xs), strict=True):
            phi = phi + (Tensor(c) * np.sin(y + 0.5)).sum()
        for _ in range(k):
            if not isinstance(phi, Tensor) or not phi.requires_grad:
                return 0.0  # constant
            gs = grad(phi, varied, create_graph=True, allow_unused=True)
            phi = sum((g * v).sum() for g, v in zip(gs, along, strict=True) if g is not None)
        return float(phi)

    def compare(self, k: int) -> tuple[float, float, float]:
        """(derivative, its difference quotient, how far they may lie apart)."""
        exact = self.derivative(k, 0.0)
        coarse, size = self.quotient(k, 2 * STEP)
        fine, _ = self.quotient(k, STEP)
        truncation = abs(fine - coarse)  # about 15 times the error of `fine`
        rounding = 64 * np.finfo(np.float64).eps * max(size, self.outputs**0.5) / STEP
        return exact, fine, float(truncation + rounding)

    def quotient(self, k: int, h: float) -> tuple[float, float]:
        """Central difference of fourth order of derivative k - 1, and the size of its terms."""
        far_left, left, right, far_right = (
            self.derivative(k - 1, t) for t in (-2 * h, -h, h, 2 * h)
        )
        size = max(map(abs, (far_left, left, right, far_right)))
        return (8 * (right - left) - (far_right - far_left)) / (12 * h), size

    def diagnose(self, k: int, exact: float, quotient: float, bound: float) -> str:
        """Which input's derivative is off, found by varying one at a time."""
        told = f"gradcheck: derivative {k} is {exact:.10g}, its difference quotient {quotient:.10g}"
        told += f" (may differ by {bound:.2g})"
        everything = self.directions
        for i, v in enumerate(everything):
            if v is None:
                continue
            self.directions = [u if j == i else None for j, u in enumerate(everything)]
            exact, quotient, bound = self.compare(k)
            if not abs(exact - quotient) <= bound:
                told += f"; input {i} alone: {exact:.10g} against {quotient:.10g}"
        self.directions = everything
        return told


def _array(x: Any) -> Any:
    array = x.numpy() if isinstance(x, Tensor) else x
    if isinstance(array, np.ndarray) and array.dtype.kind == "c":
        return array.astype(np.complex128)
    if isinstance(array, (np.ndarray, float, np.floating)) and is_floating(np.asarray(array).dtype):
        return np.asarray(array, dtype=np.float64)
    return array


def _varies(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype in (np.float64, np.complex128)


def _direction(x: Any, rng: np.random.Generator) -> Any:
    along = rng.standard_normal(x.shape)
    return along + 1j * rng.standard_normal(x.shape) if x.dtype.kind == "c" else along
