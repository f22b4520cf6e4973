"""Flat storage: the parameters of a group, their gradients and memory, in one buffer each.

So that one kernel launch, or one call of the NumPy rule, updates them all. A backward pass makes
each gradient in memory of its own, so a step first copies it into the buffer: no one's ``p.grad``
is overwritten, and `zero_grad` and `clip_grad_norm_` are the same as without.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import backend
from ..core.backend import Array, Device
from ..core.errors import ArgumentError, DataError
from ..core.tensor import Tensor

__all__ = ["Flat", "flatten", "no_data", "refuse_shared"]

# Each parameter starts where a GPU reads best, as if it had been allocated by itself.
ALIGNED = 256  # bytes

State = dict[Tensor, dict[str, Any]]
Update = Callable[[Array, Array, dict[str, Any], dict[str, Any]], None]


class Flat:
    """Parameters of one dtype and device, one after another in one buffer.

    From now on their arrays are views of it. What the optimizer remembers of each, `state[p]`,
    becomes views of such buffers, too: it stays the truth, also when others replace or load it.

    places  the numbers of the parameters in their group
    """

    def __init__(self, params: Sequence[Tensor], places: Sequence[int], device: Device) -> None:
        self.params, self.places, self.device = list(params), list(places), device
        self.dtype = params[0].dtype
        unit = max(1, ALIGNED // self.dtype.itemsize)
        self.bounds: list[tuple[int, int]] = []
        stop = 0
        for p in params:
            start = -(-stop // unit) * unit
            stop = start + p.size
            self.bounds.append((start, stop))
        self.array, self.views = self._buffer()
        self.grad, self.grads = self._buffer()
        self.memory: dict[str, tuple[Array, list[Array]]] = {}
        with backend.current([self.array]):
            for p, view in zip(self.params, self.views, strict=True):
                view[...] = p.array
                p.array, p.version, p.is_view = view, None, False  # no one else has it yet

    def _buffer(self) -> tuple[Array, list[Array]]:
        """Zeros for all parameters, and the views that have the shapes of each."""
        with backend.module_on(self.device) as xp:
            buffer = backend.housed(xp.zeros(self.bounds[-1][1], self.dtype), self.device)
        spans = zip(self.bounds, self.params, strict=True)
        return buffer, [buffer[start:stop].reshape(p.shape) for (start, stop), p in spans]

    def holds(self, params: Sequence[Tensor]) -> bool:
        """Are the group's parameters still those views?"""
        return all(
            i < len(params) and params[i] is p and p.array is view
            for i, p, view in zip(self.places, self.params, self.views, strict=True)
        )

    def step(self, update: Update, states: State, group: dict[str, Any]) -> None:
        """Update every parameter that has a gradient: neighbours in one call."""
        with backend.current([self.array]):
            for first, last in self._runs(states):
                span = slice(self.bounds[first][0], self.bounds[last - 1][1])
                for p, place in zip(self.params[first:last], self.grads[first:last], strict=True):
                    _gather(place, p)
                before = {
                    name: self.memory[name][0][span] if backend.is_array(value) else value
                    for name, value in states.get(self.params[first], {}).items()
                }
                after = dict(before)
                update(self.array[span], self.grad[span], after, group)
                self._remember(states, first, last, before, after)

    def _runs(self, states: State) -> list[tuple[int, int]]:
        """(first, last + 1) of neighbours that have gradients and equal numbers in memory."""
        runs: list[tuple[int, int]] = []
        before: Any = None
        for i, p in enumerate(self.params):
            alike = None if p.grad is None else self._numbers(i, states)
            if alike is not None and alike == before:
                runs[-1] = (runs[-1][0], i + 1)
            elif alike is not None:
                runs.append((i, i + 1))
            before = alike
        return runs

    def _numbers(self, i: int, states: State) -> list[tuple[str, Any]]:
        """What is remembered of parameter i, but for arrays, which are brought into the buffers."""
        memory = states.get(self.params[i], {})
        numbers = []
        for name, value in memory.items():
            held = self.memory.get(name)
            if held is not None and value is held[1][i]:  # as a rule
                value = None
            elif backend.is_array(value):
                view = self._memory(name)[1][i]
                view[...] = backend.to_device(value, self.device)
                memory[name] = view
                value = None
            numbers.append((name, value))
        return numbers

    def _memory(self, name: str) -> tuple[Array, list[Array]]:
        """The buffer of what is remembered under that name, made on first need, and its views."""
        if name not in self.memory:
            self.memory[name] = self._buffer()
        return self.memory[name]

    def _remember(
        self, states: State, first: int, last: int, before: dict[str, Any], after: dict[str, Any]
    ) -> None:
        """Write down for each parameter of a run what an update remembers of all."""
        span = slice(self.bounds[first][0], self.bounds[last - 1][1])
        kept: list[tuple[str, Any, list[Array] | None]] = []
        for name, value in after.items():
            views = None
            if backend.is_array(value):
                buffer, views = self._memory(name)
                if value is not before.get(name):  # new
                    buffer[span] = value
            kept.append((name, value, views))
        for i, p in enumerate(self.params[first:last], first):
            memory = states.setdefault(p, {})
            for name, value, views in kept:
                memory[name] = value if views is None else views[i]
            p.shared_version()[0] += 1


def _gather(target: Array, p: Tensor) -> None:
    """Copy the gradient of p into its place."""
    assert p.grad is not None
    g = p.grad.array
    if type(target) is not np.ndarray or type(g) is not np.ndarray:
        backend.module_of("step", ("p", "p.grad"), [target, g])
    target[...] = g


def flatten(params: Sequence[Tensor]) -> list[Flat]:
    """One `Flat` for each device and dtype among them, in the order in which they come."""
    kinds: dict[tuple[Device, Any], list[int]] = {}
    for i, p in enumerate(params):
        if p.device == "meta":
            raise no_data()
        kinds.setdefault((p.device, p.dtype), []).append(i)
    return [
        Flat([params[i] for i in places], places, device) for (device, _), places in kinds.items()
    ]


def no_data() -> DataError:
    """The error for parameters that are shapes only."""
    return DataError(
        "step: the parameters are on meta, where there is nothing to update; make them on another "
        "device"
    )


def refuse_shared(who: str, params: Sequence[Tensor]) -> None:
    """Raise ArgumentError if two parameters share memory: flat storage would part them."""
    extents = [
        (str(p.device), *backend.extent(p.array), i)
        for i, p in enumerate(params)
        if p.size and p.device != "meta"
    ]
    reached = ("", 0, 0)  # device, where memory seen so far ends, whose it is
    for device, start, stop, i in sorted(extents):
        if device == reached[0] and start < reached[1]:
            a, b = sorted((reached[2], i))
            raise ArgumentError(
                f"{who}: parameters {a} {params[a].shape} and {b} {params[b].shape} share memory, "
                "and fused=True gives each memory of its own; pass one Parameter for both, or "
                "fused=False"
            )
        if device != reached[0] or stop > reached[1]:
            reached = (device, stop, i)
