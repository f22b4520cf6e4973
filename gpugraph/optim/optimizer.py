"""Optimizer: what updates parameters from their gradients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..core import backend
from ..core.backend import Array
from ..core.errors import ArgumentError, DataError, DtypeError
from ..core.state import STATE
from ..core.tensor import Tensor

__all__ = ["Optimizer"]


class Optimizer:
    """Base of all optimizers: parameter groups, their options, and what is remembered of each.

    params    tensors that need a gradient, or dicts ``{"params": [...], "lr": 0.01}`` whose options
              hold for that group only
    defaults  options of every group that does not say otherwise

    A subclass writes `check` (are the options possible?) and `update` (the rule for one parameter).
    Updates happen in place, outside the graph; a graph that kept a parameter notices.
    """

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[Tensor, dict[str, Any]] = {}
        for group in self._groups(params):
            self.add_param_group(group)

    def check(self, group: dict[str, Any]) -> None:
        """Raise ArgumentError if the options of a group are impossible."""
        raise NotImplementedError(f"{type(self).__name__} has no check")

    def update(
        self, xp: Any, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        """Change the array p in place, given its gradient g (left as it is) and its memory."""
        raise NotImplementedError(f"{type(self).__name__} has no update")

    def step(self) -> None:
        """Update every parameter that has a gradient."""
        observers = STATE.get().observers
        for observer in observers:
            observer.stepping(self)
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self._update(p.array, p.grad.array, self.state.setdefault(p, {}), group)
                    p.shared_version()[0] += 1
        for observer in observers:
            observer.stepped(self)

    def _update(self, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change p and its memory, where they are."""
        self.update(backend.module_of("step", ("p", "p.grad"), [p, g]), p, g, state, group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with 0."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none or p.grad is None:
                    p.grad = None
                else:
                    p.grad = p.grad.detach().assign(0)

    # Groups

    def add_param_group(self, group: dict[str, Any]) -> None:
        """Add parameters with options of their own, as when more layers are thawed."""
        name = type(self).__name__
        if unknown := group.keys() - self.defaults.keys() - {"params"}:
            raise ArgumentError(
                f"{name}: a group has the unknown option {sorted(unknown)[0]!r}; "
                f"it takes {sorted(self.defaults)}"
            )
        params = group.get("params")
        params = [params] if isinstance(params, Tensor) else list(params or ())
        group = {**self.defaults, **group, "params": params}
        if not params:
            raise ArgumentError(f"{name}: a group has no parameters")
        known = {id(p) for g in self.param_groups for p in g["params"]}
        for i, p in enumerate(params):
            self._check_param(f"{name}: params[{i}]", p)
            if id(p) in known:
                raise ArgumentError(f"{name}: params[{i}] {p.shape} is given twice")
            known.add(id(p))
        self.check(group)
        self.param_groups.append(group)

    def _groups(self, params: Any) -> list[dict[str, Any]]:
        name = type(self).__name__
        if isinstance(params, Tensor) or not isinstance(params, Iterable):
            raise DtypeError(
                f"{name}: params is a {type(params).__name__}; it takes several tensors, such as "
                "model.parameters()"
            )
        given = list(params)
        if not given:
            raise ArgumentError(f"{name}: params is empty; there is nothing to optimize")
        if not any(isinstance(p, dict) for p in given):
            return [{"params": given}]
        if not all(isinstance(p, dict) for p in given):
            raise DtypeError(f"{name}: params mixes tensors and groups; make every one a group")
        return given

    @staticmethod
    def _check_param(who: str, p: Any) -> None:
        if not isinstance(p, Tensor):
            cure = "; pass model.parameters(), not model.named_parameters()"
            raise DtypeError(
                f"{who} is a {type(p).__name__}; it must be a Tensor"
                + (cure if isinstance(p, tuple) else "")
            )
        if not p.requires_grad:
            raise ArgumentError(
                f"{who} {p.shape} needs no gradient, so it can't be optimized; leave it out: "
                "[p for p in model.parameters() if p.requires_grad]"
            )
        if not p.is_leaf:
            raise ArgumentError(
                f"{who} {p.shape} was computed, by {p.node.op.label}; only leaves can be "  # type: ignore[union-attr]
                "optimized"
            )

        if isinstance(p.array, np.ndarray) and not p.array.flags.writeable:
            raise ArgumentError(f"{who} {p.shape} is read-only; make it of a copy()")

    # State

    def state_dict(self) -> dict[str, Any]:
        """Options and memory in plain values: numbers, and NumPy copies of arrays.

        {"state": {number: {name: array or number}}, "param_groups": [{"params": [numbers], ...}]},
        with the parameters numbered through all groups.
        """
        numbers = self._numbers()
        groups = [
            {**group, "params": [numbers[p] for p in group["params"]]}
            for group in self.param_groups
        ]
        state = {
            numbers[p]: {name: _plain(value) for name, value in memory.items()}
            for p, memory in self.state.items()
        }
        return {"state": dict(sorted(state.items())), "param_groups": groups}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a `state_dict` of an optimizer over parameters of the same shapes.

        All of it or, with a DataError, nothing.
        """
        name = type(self).__name__
        try:
            groups, memories = state["param_groups"], state["state"]
            given = [len(group["params"]) for group in groups]
        except (KeyError, TypeError):
            raise DataError(
                f"{name}: load_state_dict: this is no state_dict of an optimizer"
            ) from None
        mine = [len(group["params"]) for group in self.param_groups]
        if given != mine:
            raise DataError(
                f"{name}: load_state_dict: groups of {given} parameters; this optimizer has {mine}"
            )
        by_number = {number: p for p, number in self._numbers().items()}
        loaded: dict[Tensor, dict[str, Any]] = {}
        for number, memory in memories.items():
            p = by_number.get(int(number))
            if p is None:
                raise DataError(f"{name}: load_state_dict: there is no parameter {number}")
            loaded[p] = {key: _loaded(name, key, value, p) for key, value in memory.items()}
        options = []
        for group in groups:
            wanted = {k: v for k, v in group.items() if k != "params"}
            if wanted.keys() != self.defaults.keys():
                raise DataError(
                    f"{name}: load_state_dict: options {sorted(wanted)}; "
                    f"this optimizer has {sorted(self.defaults)}"
                )
            self.check(wanted)
            options.append(wanted)
        for group, wanted in zip(self.param_groups, options, strict=True):
            group.update(wanted)
        self.state = loaded

    def _numbers(self) -> dict[Tensor, int]:
        params = [p for group in self.param_groups for p in group["params"]]
        return {p: i for i, p in enumerate(params)}

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__}("]
        for group in self.param_groups:
            options = ", ".join(f"{k}={v!r}" for k, v in group.items() if k != "params")
            size = sum(p.size for p in group["params"])
            lines.append(f"  {len(group['params'])} tensors of {size} numbers: {options}")
        return "\n".join([*lines, ")"])


def _plain(value: Any) -> Any:
    return np.array(backend.to_device(value, "cpu")) if backend.is_array(value) else value


def _loaded(name: str, key: str, value: Any, p: Tensor) -> Any:
    """A remembered value as it is used: an array beside the parameter, or a number."""
    if not isinstance(value, np.ndarray):
        return value
    if not value.ndim and p.ndim:
        return value.item()
    if value.shape != p.shape:
        raise DataError(
            f"{name}: load_state_dict: {key} has shape {value.shape}; the parameter is {p.shape}"
        )
    return backend.to_device(value.astype(p.dtype), p.device)


def at_least_0(name: str, group: dict[str, Any], *options: str) -> None:
    """Raise ArgumentError unless these options of a group are numbers of at least 0."""
    for option in options:
        value = group[option]
        if not (isinstance(value, (int, float, np.number)) and value >= 0):
            raise ArgumentError(f"{name}: {option}={value!r} must be a number of at least 0")
