"""What goes into a sweep and what comes out: checked cotangents, gradients in own memory."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np

from . import backend
from .errors import ArgumentError, DtypeError, GradientError, ShapeError
from .tensor import Tensor, wrap

__all__ = ["Owned", "seeds", "sequence"]


def sequence(tensors: Any, name: str) -> list[Tensor]:
    """One tensor or several, as a list; refuses anything else."""
    several = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    for i, x in enumerate(several):
        if not isinstance(x, Tensor):
            raise DtypeError(f"grad: {name}[{i}] is a {type(x).__name__}; it must be a Tensor")
    if not several:
        raise ArgumentError(f"grad: {name} is empty")
    return several


def seeds(caller: str, outputs: list[Tensor], gradients: Any) -> list[Tensor]:
    """A checked cotangent for each output."""
    if gradients is None:
        given: list[Any] = [None] * len(outputs)
    elif isinstance(gradients, (list, tuple)):
        given = list(gradients)
    else:
        given = [gradients]
    if len(given) != len(outputs):
        raise ArgumentError(f"{caller}: {len(given)} cotangents for {len(outputs)} outputs")
    checked = []
    for y, g in zip(outputs, given, strict=True):
        if y.node is None:
            raise GradientError(
                f"{caller}: the output (shape {y.shape}) depends on no tensor that needs a "
                "gradient; make one with requires_grad=True, outside no_grad()"
            )
        if g is None:
            if y.size != 1:
                raise GradientError(
                    f"{caller}: the output has shape {y.shape}; reduce it to one number, as with "
                    ".sum(), or pass a cotangent of that shape"
                )
            checked.append(wrap(_full_like(y.array, 1)))
            continue
        g = g if isinstance(g, Tensor) else _as_cotangent(caller, g, y)
        if g.shape != y.shape:
            raise ShapeError(f"{caller}: the cotangent has shape {g.shape}, the output {y.shape}")
        if g.dtype != y.dtype:
            g = g.astype(y.dtype)
        backend.module_of(caller, ("output", "cotangent"), [y.array, g.array])
        checked.append(g)
    return checked


def _as_cotangent(caller: str, g: Any, y: Tensor) -> Tensor:
    if backend.is_array(g):
        return wrap(g)
    if isinstance(g, Real) and y.ndim == 0:
        return wrap(_full_like(y.array, g))
    raise DtypeError(f"{caller}: a cotangent must be a Tensor or an array, got {type(g).__name__}")


def _full_like(array: Any, value: Any) -> Any:
    if isinstance(array, backend.MetaArray):
        return array
    return backend.module_of("backward", ("y",), [array]).full_like(array, value)


class Owned:
    """Sees to it that each gradient handed out has writable memory of its own."""

    def __init__(self, outputs: Iterable[Tensor], gradients: Any) -> None:
        given = gradients if isinstance(gradients, (list, tuple)) else [gradients]
        self.taken = {id(getattr(g, "array", g)) for g in given if g is not None}
        self.taken.update(id(y.array) for y in outputs)

    def take(self, g: Tensor) -> Tensor:
        """The gradient as a constant; a copy, where its memory has another user."""
        array = g.array
        free = array.base is None and id(array) not in self.taken
        if isinstance(array, np.ndarray):
            free = free and array.flags.writeable
        elif isinstance(array, backend.MetaArray):
            free = True
        if not free:
            array = array.copy()
        self.taken.add(id(array))
        return wrap(array)
