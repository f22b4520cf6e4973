"""Hooks of modules: functions called before, after and behind ``forward``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.apply import apply
from ..core.errors import GradientError
from ..core.hooks import on_node, replaced
from ..core.tensor import Tensor
from ..ops.memory import THROUGH

__all__ = ["ModuleHooks"]


class ModuleHooks:
    """The hooks of one module, by key, each with its options.

    pre       (hook, with_kwargs) before forward
    forward   (hook, with_kwargs, always_call) after it
    pull_pre  hook(module, grad_output) when a sweep has come to the outputs
    pull      hook(module, grad_input, grad_output) when it has come to the inputs
    """

    def __init__(self) -> None:
        self.pre: dict[int, tuple[Any, bool]] = {}
        self.forward: dict[int, tuple[Any, bool, bool]] = {}
        self.pull_pre: dict[int, Any] = {}
        self.pull: dict[int, Any] = {}

    def call(
        self, module: Any, run: Callable[..., Any], inputs: tuple[Any, ...], options: dict[str, Any]
    ) -> Any:
        """Run forward with all of them."""
        called: set[int] = set()
        try:
            for hook, with_kwargs in list(self.pre.values()):
                told = hook(module, inputs, options) if with_kwargs else hook(module, inputs)
                if told is not None and with_kwargs:
                    inputs, options = told
                elif told is not None:
                    inputs = told if isinstance(told, tuple) else (told,)
            watch = _Pull(module, self) if self.pull or self.pull_pre else None
            if watch is not None:
                inputs = watch.at_inputs(inputs)
            y = run(*inputs, **options)
            for key, (hook, with_kwargs, _) in list(self.forward.items()):
                called.add(key)
                told = hook(module, inputs, *([options] if with_kwargs else []), y)
                y = y if told is None else told
            return y if watch is None else watch.at_outputs(y)
        except BaseException:
            for key, (hook, with_kwargs, always) in list(self.forward.items()):
                if always and key not in called:
                    hook(module, inputs, *([options] if with_kwargs else []), None)
            raise


class _Pull:
    """Watches for sweeps through one call: two places where all cotangents come by at once."""

    def __init__(self, module: Any, hooks: ModuleHooks) -> None:
        self.module, self.hooks = module, hooks
        self.grad_output: tuple[Any, ...] = ()
        self.no_inputs = True  # none of them needs a gradient
        self.n_inputs = 0

    def at_inputs(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The inputs, led through a node of this call's own."""
        places, led = _led_through(inputs)
        self.n_inputs = len(inputs)
        if not places:
            return inputs
        self.no_inputs = False

        def reached(gs: list[Any]) -> None:
            by_place = dict(zip(places, gs, strict=True))
            grads = tuple([by_place.get(i) for i in range(len(inputs))])
            after = self._pulled(grads)
            gs[:] = [after[i] for i in places]

        on_node(led[places[0]].node, reached)
        return led

    def at_outputs(self, y: Any) -> Any:
        """The outputs likewise."""
        outputs = tuple(y) if isinstance(y, (tuple, list)) else (y,)
        places, led = _led_through(outputs)
        if not places:
            return y

        def reached(gs: list[Any]) -> None:
            by_place = dict(zip(places, gs, strict=True))
            grads = tuple([by_place.get(i) for i in range(len(outputs))])
            for hook in list(self.hooks.pull_pre.values()):
                who = "register_full_backward_pre_hook"
                grads = _exchanged(who, grads, hook(self.module, grads))
            self.grad_output = grads
            gs[:] = [grads[i] for i in places]
            if self.no_inputs:
                self._pulled((None,) * self.n_inputs)

        on_node(led[places[0]].node, reached)
        if isinstance(y, tuple) and hasattr(y, "_make"):
            return type(y)._make(led)
        return type(y)(led) if isinstance(y, (tuple, list)) else led[0]

    def _pulled(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        for hook in list(self.hooks.pull.values()):
            told = hook(self.module, grads, self.grad_output)
            grads = _exchanged("register_full_backward_hook", grads, told)
        return grads


def _led_through(values: tuple[Any, ...]) -> tuple[list[int], tuple[Any, ...]]:
    """(places of tensors that need a gradient, the values with these led through one node)."""
    places = [i for i, v in enumerate(values) if isinstance(v, Tensor) and v.requires_grad]
    if not places:
        return places, values
    ys = apply(THROUGH, *[values[i] for i in places])
    if ys[0].node is None:  # nothing is recorded
        return [], values
    led = dict(zip(places, ys, strict=True))
    return places, tuple([led.get(i, v) for i, v in enumerate(values)])


def _exchanged(who: str, before: tuple[Any, ...], told: Any) -> tuple[Any, ...]:
    """What a hook made of some cotangents; None leaves them."""
    if told is None:
        return before
    after = told if isinstance(told, (tuple, list)) else (told,)
    if len(after) != len(before):
        raise GradientError(f"{who}: the hook returned {len(after)} gradients for {len(before)}")
    return tuple([replaced(who, b, a) for b, a in zip(before, after, strict=True)])
