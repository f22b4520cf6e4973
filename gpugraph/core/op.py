"""What an op is: a frozen dataclass; its fields are its parameters, its methods its rules.

Always in this order: ``spec``, ``forward``, optional ``cuda`` and ``cpu``, vjp rules, ``cost``,
``samples``. Everything else (engine, kernels, viewer, cost, parity, tests) reads those rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from .errors import GradientError
from .graph import Plan
from .spec import Cost, Sample, Spec, Tap, broadcast, lies, own_places, traffic

if TYPE_CHECKING:
    from .graph import Node

__all__ = ["REGISTRY", "Cost", "Op", "Sample", "Spec", "Tap", "broadcast", "traffic"]

REGISTRY: dict[str, type[Op]] = {}


@dataclass(frozen=True)
class Op:
    """One differentiable primitive. Subclass it as a frozen dataclass: ``examples/my_own_op.py``
    and, with a kernel, ``my_own_kernel.py``.

    spec(*specs)           shape and dtype of the output(s) from the inputs'; runs no kernel
    forward(xp, *arrays)   the readable reference; xp is numpy or cupy; ``*xs``: any number of them;
                           ``b=None``: an input that may be absent
    cuda(dev, *arrays)     optional: the same on our kernels; `kernel_limits` says when it can't
    cpu(lib, *arrays)      optional: the same on compiled kernels, where `gpugraph.cpu` has them; or
                           None for a case that they don't take
    vjp_<input>(node, g)   gradient with respect to that input, in tensors and ops only, linear in
                           g; for ``*xs`` it is vjp_xs(node, i, g); with several outputs one g
                           for each, None where unused
    vjp(node, needs, *gs)  instead, where the gradients share work: one tuple for all inputs;
                           needs holds the names wanted
    cost(*specs)           a `Cost`
    scratch(*specs)        optional: bytes that forward allocates on the CPU besides its outputs
    lies(*arrays)          optional: an array that lies in memory as what forward gives on the CPU
    sees(specs, i, k)      optional: what output k sees of input i, a `Tap` for each axis of it;
                           not for inputs that are `local`
    samples(rng)           class method: yields a `Sample` for each way of calling the op
    """

    # ("*ys",): as many as the op gives, always in a tuple
    outputs: ClassVar[tuple[str, ...]] = ("y",)
    # outputs that carry no gradient (indices, masks)
    nondifferentiable: ClassVar[tuple[str, ...]] = ()
    # per input: what its rule reads of the inputs and outputs
    keeps: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    # the output may share memory with the first input
    view: ClassVar[bool] = False
    # run spec before forward: for ops whose array code would not notice a mistake
    checks_first: ClassVar[bool] = False
    # float16 and bfloat16 inputs are computed in float32 on the CPU
    widens: ClassVar[bool] = False
    # what `autocast` gives it: "low" (half precision), "high" (float32), "any" (what comes)
    precision: ClassVar[str] = "any"
    # the output is on another device than the inputs
    moves: ClassVar[bool] = False
    # inputs of which an output sees the element at its own place; they broadcast, and their rules
    # may leave it to the engine to sum over what was repeated
    local: ClassVar[tuple[str, ...]] = ()
    # the outputs are exact: kernels give the very numbers that forward gives
    exact: ClassVar[bool] = False
    # the rules are right for complex numbers, too: cotangents are d/dRe + i d/dIm, so a rule takes
    # the conjugate of a factor. Other ops refuse to be recorded with complex inputs or outputs
    conjugates: ClassVar[bool] = False

    # Read off the class when it is made
    inputs: ClassVar[tuple[str, ...]]
    variadic: ClassVar[bool]
    optional: ClassVar[tuple[str, ...]]  # inputs that forward gives a default: may be absent
    position: ClassVar[dict[str, int]]
    differentiable: ClassVar[bool]
    label: ClassVar[str]
    rules: ClassVar[tuple[Callable[..., Any] | None, ...]]
    joint: ClassVar[Callable[..., Any] | None]
    make: ClassVar[Callable[..., Any]]  # the op with these fields; one object for equal fields
    plans: ClassVar[dict[int, Plan]]
    plain: ClassVar[bool]  # on NumPy arrays nothing but forward is run

    # The rules that every op states
    spec: ClassVar[Callable[..., Any]]
    forward: ClassVar[Callable[..., Any]]
    cuda: ClassVar[Callable[..., Any] | None] = None
    cpu: ClassVar[Callable[..., Any] | None] = None
    cost: ClassVar[Callable[..., Cost]]
    samples: ClassVar[Callable[..., Iterator[Sample]]]
    lies: ClassVar[Callable[..., Any]] = lies

    def __init_subclass__(cls, abstract: bool = False, **kw: Any) -> None:
        super().__init_subclass__(**kw)
        cls.make = lru_cache(maxsize=1024, typed=True)(cls)
        if abstract:
            return
        missing = [n for n in ("spec", "forward", "cost", "samples") if not hasattr(cls, n)]
        if missing:
            raise TypeError(f"{cls.__name__}: an op needs {', '.join(missing)}")
        code = cls.forward.__code__
        cls.inputs = code.co_varnames[2 : code.co_argcount]  # after self, xp
        cls.variadic = bool(code.co_flags & 0x04)  # CO_VARARGS
        if cls.variadic:
            cls.inputs = (*cls.inputs, code.co_varnames[code.co_argcount])
        cls.optional = cls.inputs[len(cls.inputs) - len(cls.forward.__defaults__ or ()) :]
        cls.position = {name: i for i, name in enumerate(cls.inputs)}
        cls.differentiable = set(cls.outputs) != set(cls.nondifferentiable)
        cls.label = cls.__dict__.get("label") or _snake(cls.__name__)
        cls.rules = tuple([getattr(cls, f"vjp_{name}", None) for name in cls.inputs])
        cls.joint = getattr(cls, "vjp", None)
        cls.plans = {}
        cls.plain = not cls.checks_first and not cls.widens and cls.cpu is None
        _check_names(cls)
        REGISTRY[cls.__name__] = cls

    def kernel_limits(self, *specs: Any) -> str | None:
        """Why the cuda rule can't take this case, or None if it can: see `cuda.Kernel.limits`."""
        return None

    def sees(self, specs: Sequence[Any], i: int, k: int = 0) -> Sequence[Tap | None] | None:
        """What output k sees of each axis of input i; None where that is not known."""
        return own_places(self, specs, i, k)

    def scratch(self, *specs: Any) -> int:
        """Bytes that forward takes on the CPU at its worst moment, besides inputs and outputs."""
        return 0

    # For the engine

    def name_of(self, position: int, n_inputs: int) -> str:
        """The name of input or output number `position` (inputs first)."""
        if position >= n_inputs:
            k, first = position - n_inputs, self.outputs[0]
            return f"{first[1:]}[{k}]" if first.startswith("*") else self.outputs[k]
        if self.variadic and position >= len(self.inputs) - 1:
            return f"{self.inputs[-1]}[{position - len(self.inputs) + 1}]"
        return self.inputs[position]

    def names(self, n_inputs: int) -> list[str]:
        """Names of all the inputs of a call with that many."""
        return [self.name_of(i, n_inputs) for i in range(n_inputs)]

    def plan(self, mask: int) -> Plan:
        """The `Plan` for calls in which these inputs are differentiated.

        mask: a leading 1, then a bit for each input. Raises GradientError if one has no rule.
        """
        wanted = [bit == "1" for bit in bin(mask)[3:]]
        last = len(self.inputs) - 1
        names: dict[str, int] = {}
        for i, needed in enumerate(wanted):
            if not needed:
                continue
            if self.joint is None and self.rules[min(i, last)] is None:
                raise GradientError(
                    f"{self.label}: {self.name_of(i, len(wanted))} needs a gradient, but "
                    f"{type(self).__name__} has no vjp rule for it; detach() it if none should flow"
                )
            for name in self.keeps.get(self.inputs[min(i, last)], ()):
                if self.variadic and name == self.inputs[-1]:
                    names[name] = -1
                elif name in self.position:
                    names[name] = self.position[name]
                else:
                    names[name] = len(wanted) + self.outputs.index(name)
        numbers = tuple([i for i, needed in enumerate(wanted) if needed])
        constants = tuple([self.outputs.index(name) for name in self.nondifferentiable])
        self.plans[mask] = Plan(numbers, tuple(names.items()), constants)
        return self.plans[mask]

    def pull(self, node: Node, i: int, gs: Sequence[Any]) -> Any:
        """The cotangent of input number i, by its own rule."""
        rules: Any = self.rules
        if self.variadic and i >= len(rules) - 1:
            return rules[-1](self, node, i - len(rules) + 1, *gs)
        if len(gs) == 1:  # spelled out: *gs takes longer
            return rules[i](self, node, gs[0])
        return rules[i](self, node, *gs)

    def pull_jointly(self, node: Node, wanted: Iterable[int], gs: Sequence[Any]) -> Any:
        """The cotangents of all inputs, if one rule gives them; else None."""
        if self.joint is None:
            return None
        names = self.names(len(node.sources))
        return self.joint(node, {names[i] for i in wanted}, *gs)


def _check_names(cls: type[Op]) -> None:
    """Every rule and every kept name must name an input (or, to keep, an output)."""
    for attribute in dir(cls):
        if attribute.startswith("vjp_") and attribute[4:] not in cls.inputs:
            raise TypeError(f"{cls.__name__}: {attribute} names no input of {cls.inputs}")
    known = {*cls.inputs, *cls.outputs}
    for rule, kept in cls.keeps.items():
        if rule not in cls.inputs:
            raise TypeError(f"{cls.__name__}: keeps[{rule!r}] names no input of {cls.inputs}")
        if not isinstance(kept, tuple) or not known.issuperset(kept):
            raise TypeError(
                f"{cls.__name__}: keeps[{rule!r}] = {kept!r} must be a tuple of names "
                f"of {sorted(known)}"
            )


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
