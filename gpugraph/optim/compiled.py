"""One call of a compiled rule for all parameters of a group, wherever each of them lies.

A table has a row for each parameter: how many elements, and the addresses of the parameter, its
gradient and what is remembered of it, ``Row`` in ``gpugraph/cpu/src/optim.h``. From step to step
only the gradients lie elsewhere, so nothing is copied, and little is done for each.

A rule is ``cpu(lib, rows, dtype, key, group)`` of an optimizer, beside `Optimizer.remembers` and
`Optimizer.prepare`. It gives the same bits as `Optimizer.update`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.backend import Array
from ..core.tensor import Tensor
from ..cpu.library import SUFFIXES, address

if TYPE_CHECKING:
    from .optimizer import Optimizer

__all__ = ["Table", "numbers"]

SIZE, P, GRADIENT, MEMORY = range(4)  # columns; the gradient is 0 where there is nothing to do
WIDTH = MEMORY + 3


class Table:
    """The parameters of a group as compiled rules see them."""

    def __init__(self) -> None:
        self.rows = np.zeros((0, WIDTH), np.int64)
        self.held: list[list[Any]] = []  # the arrays that a row is about: parameter, memory
        self.apart = True  # no two parameters share memory

    def step(self, lib: Any, rule: Optimizer, group: dict[str, Any]) -> bool:
        """Update every parameter that has a gradient; False, and nothing, if one isn't taken."""
        params, names = group["params"], rule.remembers(group)
        if not self._holds(params) and not self._hold(params):
            return False
        gradients: list[int] = []
        copies: list[Array] = []  # live until the end of the call
        for p, held in zip(params, self.held, strict=True):
            grad = p.grad
            if grad is None:
                gradients.append(0)
                continue
            g = grad.array
            if type(g) is not np.ndarray or not _fits(rule.state.get(p), names, held):
                return False
            if not g.flags.carray:
                g = np.require(g, requirements=("C", "A"))
                copies.append(g)
            gradients.append(address(g))
        self.rows[:, GRADIENT] = gradients
        keys = self._prepared(rule, group, names)
        kinds = dict.fromkeys(keys)
        assert rule.cpu is not None
        for kind in kinds:
            if kind is not None:
                alike = slice(None) if len(kinds) == 1 else [key == kind for key in keys]
                rule.cpu(lib, self.rows[alike], *kind, group)
        return True

    def _holds(self, params: list[Tensor]) -> bool:
        """Are the rows about the arrays that the parameters have now?"""
        held = self.held
        return len(held) == len(params) and all(
            p.array is arrays[0] for p, arrays in zip(params, held, strict=True)
        )

    def _hold(self, params: list[Tensor]) -> bool:
        """Make the rows anew; False, and none, if one of the parameters can't have one."""
        arrays = [p.array for p in params]
        self.held = []
        if not all(type(a) is np.ndarray and _is_plain(a, a) for a in arrays):
            return False
        spans = sorted([(address(a), address(a) + a.nbytes) for a in arrays if a.size])
        if any(second[0] < first[1] for first, second in pairwise(spans)):
            return False  # the order of updates would matter
        self.rows = np.zeros((len(arrays), WIDTH), np.int64)
        self.rows[:, SIZE] = [a.size for a in arrays]
        self.rows[:, P] = [address(a) for a in arrays]
        self.held = [[a, *[None] * (WIDTH - MEMORY)] for a in arrays]
        return True

    def _prepared(
        self, rule: Optimizer, group: dict[str, Any], names: tuple[str, ...]
    ) -> list[tuple[Any, Any] | None]:
        """(dtype, key) of each parameter, for which all is ready then; its write is counted."""
        kinds: list[tuple[Any, Any] | None] = []
        for i, (p, held) in enumerate(zip(group["params"], self.held, strict=True)):
            if p.grad is None:
                kinds.append(None)
                continue
            memory = rule.state.get(p)
            if memory is None:
                memory = rule.state[p] = {}
            kinds.append((held[0].dtype, rule.prepare(held[0], memory, group)))
            for place, name in enumerate(names, 1):
                array = memory[name]
                if held[place] is not array:
                    held[place] = array
                    self.rows[i, MEMORY + place - 1] = address(array)
            p.shared_version()[0] += 1
        return kinds


def numbers(dtype: Any, *values: float) -> Array:
    """Options of a rule, as its kernel takes them: rounded as NumPy does beside an array."""
    return np.array(values, dtype)


def _fits(memory: dict[str, Any] | None, names: tuple[str, ...], held: list[Any]) -> bool:
    """Is what is remembered of a parameter, if anything, what a row can hold?"""
    if memory:
        for place, name in enumerate(names, 1):
            value = memory.get(name)
            if value is not held[place] and value is not None and not _is_plain(value, held[0]):
                return False
    return True


def _is_plain(value: Any, p: Array) -> bool:
    """Is it an array like the parameter, of numbers that kernels are compiled for, in a row?"""
    return (
        type(value) is np.ndarray
        and value.shape == p.shape
        and value.dtype == p.dtype
        and value.dtype in SUFFIXES
        and value.flags.carray
    )
