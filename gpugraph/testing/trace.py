"""A run written down: every op applied and every parameter updated, with what went in and came out.

A `Trace` is an observer of the engine. What it keeps are copies on the host, one of each content,
so that later writes in place change nothing, and a value that one op makes and five read is kept
once. Each `Entry` can be computed again, on any device and from any inputs.
"""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ..core import backend
from ..core.apply import apply
from ..core.backend import MetaArray
from ..core.frames import user_line
from ..core.graph import Node
from ..core.op import Op
from ..core.state import STATE, Observer, set_state
from ..core.tensor import wrap
from ..cuda import device
from ..ops.memory import Copy, Move
from .targets import Stop

__all__ = ["Call", "Entry", "OpCall", "Store", "Trace", "Update"]

NUMBER = "number"  # where a bare scalar is: on whatever device its company is


class Store:
    """Read-only copies of arrays on the host, one of each content: equal ones are one object."""

    def __init__(self) -> None:
        self._kept: dict[Any, np.ndarray[Any, Any]] = {}

    def keep(self, array: Any) -> np.ndarray[Any, Any]:
        """The copy of this array."""
        host = np.asarray(backend.to_device(array, "cpu"))
        content = host.tobytes()
        key = host.shape, host.dtype.name, hashlib.blake2b(content).digest()
        if key not in self._kept:
            self._kept[key] = np.ndarray(host.shape, host.dtype, content)
        return self._kept[key]


class OpCall:
    """An op as a function of arrays."""

    def __init__(self, op: Op) -> None:
        self.op = op
        self.label = op.label

    def __repr__(self) -> str:
        return repr(self.op)

    def names(self, inputs: int, outputs: int) -> tuple[list[str], list[str]]:
        """What the inputs and the outputs are called."""
        names = [self.op.name_of(i, inputs) for i in range(inputs + outputs)]
        return names[:inputs], names[inputs:]

    def differs(self, other: Any) -> str | None:
        """What the two calls have not in common, or None."""
        # a script that defines an op makes a new class of it in each run
        ops = (self.op, other.op)
        kinds, fields = {type(o).__qualname__ for o in ops}, [vars(o) for o in ops]
        same = len(kinds) == 1 and fields[0] == fields[1]
        return None if same else f"{self} against {other}"

    def __call__(self, arrays: Sequence[Any]) -> tuple[Any, ...]:
        """The outputs for these inputs, where the inputs are."""
        tensors = [None if a is None else wrap(a) for a in arrays]
        with set_state(recording=False, observers=()), np.errstate(all="ignore"):
            out = apply(self.op, *tensors)
        return tuple([y.array for y in out]) if isinstance(out, tuple) else (out.array,)


class Update:
    """One parameter's part of an optimizer's step, as a function of arrays: p, g and its memory.

    options  of the parameter's group
    state    what is remembered of the parameter, before the step
    """

    def __init__(self, optimizer: Any, options: dict[str, Any], state: dict[str, Any]) -> None:
        self.optimizer = optimizer
        self.label = type(optimizer).__name__.lower()
        self.options = {k: v for k, v in options.items() if k != "params"}
        self.memory = _arrays_of(state)
        self.numbers = {k: v for k, v in state.items() if k not in self.memory}

    def __repr__(self) -> str:
        options = ", ".join(f"{k}={v!r}" for k, v in {**self.options, **self.numbers}.items())
        return f"{type(self.optimizer).__name__}({options})"

    def names(self, inputs: int, outputs: int) -> tuple[list[str], list[str]]:
        """What the inputs and the outputs are called."""
        # the first step makes the memory
        made = self.memory or [f"memory {k}" for k in range(1, outputs)]
        return ["p", "g", *self.memory], ["p", *made]

    def differs(self, other: Any) -> str | None:
        """What the two calls have not in common, or None."""
        same = repr(self) == repr(other) and self.memory == other.memory
        return None if same else f"{self} against {other}"

    def __call__(self, arrays: Sequence[Any]) -> tuple[Any, ...]:
        """The parameter and the memory after the step; what comes in stays as it is."""
        p, g, *memory = [a.copy() for a in arrays]
        state = {**self.numbers, **dict(zip(self.memory, memory, strict=True))}
        with backend.current([p]), np.errstate(all="ignore"):
            self.optimizer._update(p, g, state, self.options)
        return (p, *(state[name] for name in _arrays_of(state)))


def _arrays_of(state: dict[str, Any]) -> list[str]:
    return sorted(name for name, value in state.items() if backend.is_array(value))


Call: TypeAlias = "OpCall | Update"


@dataclass(frozen=True)
class Entry:
    """One op applied, or one parameter updated.

    call     what was computed
    inputs   copies on the host; None for an absent input
    places   the device of each input; NUMBER for a bare scalar, None for an absent one
    outputs  copies on the host
    device   where the first output was made
    phase    "forward", "backward" or "update"
    order    0; in a backward pass 1, in one through the graph of a backward pass 2, and so on
    step     the training step it belongs to, from 1
    of       number of the entry whose rule it serves, in a backward pass, if that was seen
    where    "file:line" of the user's code; "" if there is none
    scope    path of `scope` names, such as ("features", "0")
    kernels  what was launched for it
    """

    call: Call
    inputs: tuple[Any, ...]
    places: tuple[str | None, ...]
    outputs: tuple[Any, ...]
    device: str
    phase: str
    order: int
    step: int
    of: int | None
    where: str
    scope: tuple[str, ...]
    kernels: tuple[str, ...]

    @property
    def moves(self) -> bool:
        """Does it only put values elsewhere: into new memory, or on another device?"""
        return isinstance(self.call, OpCall) and isinstance(self.call.op, (Copy, Move))

    def again(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """The outputs for other inputs, on the device where this entry was computed."""
        placed = [
            None if x is None else x[()] if place == NUMBER else backend.to_device(x, place or "")
            for x, place in zip(inputs, self.places, strict=True)
        ]
        return tuple([np.asarray(backend.to_device(y, "cpu")) for y in self.call(placed)])


class Trace(Observer):
    """Writes down what the thread that made it computes; ends it after so many optimizer steps."""

    def __init__(self, store: Store, steps: int | None = None) -> None:
        self.entries: list[Entry] = []
        self.error: Exception | None = None  # that ended the run
        self.steps = 0  # optimizer steps made
        self._store, self._limit = store, steps
        self._thread = threading.get_ident()
        self._made: weakref.WeakKeyDictionary[Node, int] = weakref.WeakKeyDictionary()
        self._before: list[tuple[Any, ...]] = []
        self._launched = Counter(device.launches)

    def applied(self, op: Op, arrays: Sequence[Any], outs: Sequence[Any]) -> None:
        """Write down an op."""
        if threading.get_ident() != self._thread:  # a loader's: its order is nobody's
            return
        if not outs or any(isinstance(a, MetaArray) for a in (*arrays, *(y.array for y in outs))):
            return  # nothing was computed
        state = STATE.get()
        of, order = None, 0
        if state.sweep is not None:
            node = state.sweep.node
            of = None if node is None else self._made.get(node)
            order = state.sweep.rule()[1]
        where, scope = user_line(), state.scope
        if of is not None:
            where, scope = self.entries[of].where, self.entries[of].scope
        elif state.sweep is not None and state.sweep.node is not None:
            where, scope = state.sweep.node.where, state.sweep.node.scope
        for y in outs:
            if y.node is not None and y.node.op is op:
                self._made[y.node] = len(self.entries)
        inputs = tuple([None if a is None else self._store.keep(a) for a in arrays])
        phase = "forward" if state.sweep is None else "backward"
        arrays_out = [y.array for y in outs]
        self._add(OpCall(op), inputs, arrays, arrays_out, phase, order, of, where, scope)

    def stepping(self, optimizer: Any) -> None:
        """Remember parameters, gradients and memory as they are before the step."""
        if threading.get_ident() != self._thread:
            return
        self._before.clear()
        keep = self._store.keep
        for group in optimizer.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                call = Update(optimizer, group, optimizer.state.get(p, {}))
                arrays = [p.array, p.grad.array, *(optimizer.state[p][k] for k in call.memory)]
                self._before.append((p, call, arrays, tuple([keep(a) for a in arrays])))

    def stepped(self, optimizer: Any) -> None:
        """Write down an update for each parameter; end the run if that was the last step."""
        if threading.get_ident() != self._thread:
            return
        for p, call, arrays, inputs in self._before:
            state = optimizer.state.get(p, {})
            outs = [p.array, *(state[name] for name in _arrays_of(state))]
            where = p.node.where if p.node is not None else ""
            self._add(call, inputs, arrays, outs, "update", 0, None, where, ())
        self.steps += 1
        if self._limit is not None and self.steps >= self._limit:
            raise Stop

    def _add(
        self,
        call: Call,
        inputs: tuple[Any, ...],
        arrays: Sequence[Any],
        outs: Sequence[Any],
        *rest: Any,
    ) -> None:
        phase, order, of, where, scope = rest
        launched = device.launches - self._launched
        if launched:
            self._launched = Counter(device.launches)
        outputs = tuple([self._store.keep(y) for y in outs])
        places = tuple([None if a is None else _place(a) for a in arrays])
        made = str(backend.device_of(outs[0])) if outs else "cpu"
        step = self.steps + 1
        self.entries.append(
            Entry(
                call, inputs, places, outputs, made, phase, order, step, of, where, scope,
                tuple(launched.elements()),
            )
        )  # fmt: skip


def _place(array: Any) -> str:
    return NUMBER if isinstance(array, np.generic) else str(backend.device_of(array))
