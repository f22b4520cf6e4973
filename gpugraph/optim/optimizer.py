"""Optimizer: what updates parameters from their gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np

from ..core import backend
from ..core.backend import Array
from ..core.errors import ArgumentError, DataError, DtypeError
from ..core.state import STATE
from ..core.tensor import Tensor
from ..cuda.kernel import FLOATS, wide
from .compiled import Table
from .flat import Flat, flatten, no_data, refuse_shared
from .parts import descent, update_in_parts

__all__ = ["Optimizer"]

PLAIN = {np.ndarray, int, float}  # types of what is on the CPU
BESIDES = {"params", "initial_lr"}  # in a group, but no options; a schedule keeps the second there


class Optimizer:
    """Base of all optimizers: parameter groups, their options, and what is remembered of each.

    params    tensors that need a gradient, or dicts ``{"params": [...], "lr": 0.01}`` whose options
              hold for that group only
    defaults  options of every group that does not say otherwise
    fused     keep the parameters of each group, and what is remembered of them, one after another
              in one buffer each (for each device and dtype), and update it at once: by one kernel
              launch on a GPU. Gives the same bits. The array of each parameter is replaced by a
              view of the buffer, when the optimizer is made, and again in the next step after
              someone replaced it, as ``model.to()`` does: an array that a parameter shared is no
              longer updated. Parameters that share memory are refused

    A subclass writes `check` (are the options possible?) and `update` (the rule for one parameter);
    `cuda` is the same rule on its kernel. Rules of fused optimizers go element by element. Where
    an option ``maximize`` is true, they get the gradient with its sign turned. Updates happen in
    place, outside the graph; a graph that kept a parameter notices.
    """

    # what ``cuda(dev, p, g, state, group)`` is if there is a kernel: as `update`, with contiguous
    # arrays, and whatever makes arrays and launches there
    cuda: Callable[..., None] | None = None
    # what ``cpu(lib, rows, dtype, key, group)`` is if there is a compiled rule, see `compiled`
    cpu: Callable[..., None] | None = None
    # does `update` treat each element by itself? Then a large array is updated in parts
    elementwise: ClassVar[bool] = False
    # options that states written before there were any lack
    later: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls) -> None:
        """A class with another rule does not inherit what is said of the old one."""
        super().__init_subclass__()
        for name, usual in (("cuda", None), ("cpu", None), ("elementwise", False)):
            if "update" in vars(cls) and name not in vars(cls):
                setattr(cls, name, usual)

    def __init__(
        self, params: Iterable[Any], defaults: dict[str, Any], fused: bool = False
    ) -> None:
        self.defaults = defaults
        self.fused = fused
        self._flats: dict[int, list[Flat]] = {}  # by the number of the group
        self._tables: dict[int, Table] = {}
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[Tensor, dict[str, Any]] = {}
        self._add(self._groups(params))

    def check(self, group: dict[str, Any]) -> None:
        """Raise ArgumentError if the options of a group are impossible."""
        raise NotImplementedError(f"{type(self).__name__} has no check")

    def update(
        self, xp: Any, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        """Change the array p in place, given its gradient g (left as it is) and its memory."""
        raise NotImplementedError(f"{type(self).__name__} has no update")

    def kernel_limits(self, group: dict[str, Any]) -> str | None:
        """Why the cuda rule can't take these options, or None if it can."""
        return None

    def scratch(self, group: dict[str, Any]) -> int:
        """How many arrays of a part's size an update on the CPU holds at its worst moment."""
        return 1

    def step(self) -> None:
        """Update every parameter that has a gradient."""
        observers = STATE.get().observers
        for observer in observers:
            observer.stepping(self)
        library = None if self.cpu is None else backend.cpu_library()
        for i, group in enumerate(self.param_groups):
            flats = self._flattened(i) if self.fused else []
            if library is not None and self._tables.setdefault(i, Table()).step(
                library, self, group
            ):
                continue
            for flat in flats:
                flat.step(self._update, self.state, group)
            for p in group["params"] if not self.fused else ():
                if p.grad is not None:
                    self._update(p.array, p.grad.array, self.state.setdefault(p, {}), group)
                    p.shared_version()[0] += 1
        for observer in observers:
            observer.stepped(self)

    def remembers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The names of the arrays that the compiled rule keeps for each parameter."""
        return ()

    def prepare(self, p: Array, state: dict[str, Any], group: dict[str, Any]) -> Any:
        """Make and count what the compiled rule needs of `state`; parameters for which this gives
        the same are updated in one call, which gets it as its `key`."""

    def _flattened(self, i: int) -> list[Flat]:
        """The buffers of group i, made anew if a parameter has left them."""
        flats, params = self._flats.get(i, ()), self.param_groups[i]["params"]
        if sum(len(f.params) for f in flats) != len(params) or not all(
            f.holds(params) for f in flats
        ):
            everything = [p for group in self.param_groups for p in group["params"]]
            refuse_shared(type(self).__name__, everything)
            self._flats[i] = flatten(params)
        return self._flats[i]

    def _update(self, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change p and its memory: by the kernel where there is one, else by the rule."""
        if PLAIN.issuperset(map(type, (p, g, *state.values()))) and p.dtype.itemsize > 2:
            return update_in_parts(self, p, g, state, group)
        xp = backend.module_of("step", ("p", "p.grad"), [p, g])
        if xp is backend.META:
            raise no_data()
        dev, device = backend.launcher([p]), backend.device_of(p)
        with backend.current([p]):
            for name, value in state.items():  # it follows its parameter
                if backend.is_array(value):
                    state[name] = backend.to_device(value, device).astype(p.dtype, copy=False)
            g = descent(xp, g, group)
            if dev is not None:
                if self.cuda is None:
                    reason: str | None = "it has no kernel"
                else:
                    reason = self.kernel_limits(group) or _no_kernel(p, state)
                if reason is None:
                    assert self.cuda is not None
                    return self.cuda(dev, p, dev.contiguous(g), state, group)
                dev.fall_back(self, reason)
            if p.dtype.itemsize == 2:
                self._widened(xp, p, g, state, group)
            else:
                self.update(xp, p, g, state, group)

    def _widened(
        self, xp: Any, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        """Compute float16 and bfloat16 in float32, and round once at the end, as kernels do."""
        exact = wide(p.dtype)
        wide_p = p.astype(exact)
        memory = {k: v.astype(exact) if backend.is_array(v) else v for k, v in state.items()}
        self.update(xp, wide_p, g.astype(exact), memory, group)
        p[...] = wide_p
        state.update(
            {k: v.astype(p.dtype) if backend.is_array(v) else v for k, v in memory.items()}
        )

    @property
    def label(self) -> str:
        """What counts of launches and fallbacks call it."""
        return type(self).__name__

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
        self._add([group])

    def _add(self, groups: list[dict[str, Any]]) -> None:
        """Add all of these groups, or with an error none."""
        together = list(self.param_groups)
        for group in groups:
            together.append(self._complete(group, together))
        if self.fused:
            refuse_shared(type(self).__name__, [p for g in together for p in g["params"]])
        for i, group in enumerate(together[len(self.param_groups) :], len(self.param_groups)):
            self.param_groups.append(group)
            if self.fused and not any(p.device == "meta" for p in group["params"]):
                self._flattened(i)

    def _complete(self, group: dict[str, Any], others: list[dict[str, Any]]) -> dict[str, Any]:
        """The group with all its options; raises if it can't stand beside the others."""
        name = type(self).__name__
        if unknown := group.keys() - self.defaults.keys() - BESIDES:
            raise ArgumentError(
                f"{name}: a group has the unknown option {sorted(unknown)[0]!r}; "
                f"it takes {sorted(self.defaults)}"
            )
        params = group.get("params")
        params = [params] if isinstance(params, Tensor) else list(params or ())
        group = {**self.defaults, **group, "params": params}
        if not params:
            raise ArgumentError(f"{name}: a group has no parameters")
        known = {id(p) for g in others for p in g["params"]}
        for i, p in enumerate(params):
            self._check_param(f"{name}: params[{i}]", p)
            if id(p) in known:
                raise ArgumentError(f"{name}: params[{i}] {p.shape} is given twice")
            known.add(id(p))
        self.check(group)
        return group

    def _groups(self, params: Any) -> list[dict[str, Any]]:
        name = type(self).__name__
        if isinstance(params, Tensor) or not isinstance(params, Iterable):
            raise DtypeError(
                f"{name}: params is a {type(params).__name__}; it takes several tensors, such as "
                "model.parameters()"
            )
        given = list(params)
        if not given:
            raise ArgumentError(
                f"{name}: params is empty; there is nothing to optimize. (A "
                "generator is read only once: call model.parameters() anew)"
            )
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

    def __getstate__(self) -> dict[str, Any]:
        """For copies, whose parameters lie elsewhere: without the buffers of the original."""
        return {**vars(self), "_flats": {}, "_tables": {}}

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
            wanted = {**self.later, **{k: v for k, v in group.items() if k != "params"}}
            if wanted.keys() - BESIDES != self.defaults.keys():
                raise DataError(
                    f"{name}: load_state_dict: options {sorted(wanted.keys() - BESIDES)}; "
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
        lines = [f"{type(self).__name__}(" + "fused=True," * self.fused]
        for group in self.param_groups:
            options = ", ".join(f"{k}={v!r}" for k, v in group.items() if k not in BESIDES)
            size = sum(p.size for p in group["params"])
            lines.append(f"  {len(group['params'])} tensors of {size} numbers: {options}")
        return "\n".join([*lines, ")"])


def _no_kernel(p: Array, state: dict[str, Any]) -> str | None:
    """Why an optimizer's kernel can't update these arrays, or None if it can."""
    if p.dtype.name not in FLOATS:
        return f"compiled for {', '.join(FLOATS)}, not {p.dtype}"
    if not all(a.flags.c_contiguous for a in (p, *state.values()) if backend.is_array(a)):
        return "only for C-contiguous parameters"
    return None


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
