"""Hooks: functions of the user that a sweep, or a module, calls on its way."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any

from .errors import DtypeError, GradientError, ShapeError

if TYPE_CHECKING:
    from .graph import Node
    from .state import Sweep
    from .tensor import Tensor

__all__ = ["Handle", "on_node", "run", "tensor_hook"]

_next_key = count().__next__
Hooks = dict[int, Any]  # key -> hook, in the order in which they are called


class Handle:
    """What registering a hook returns: `remove` takes it away again; so does the end of a with."""

    def __init__(self, hooks: Hooks, hook: Any, prepend: bool = False) -> None:
        self.hooks, self.key = hooks, _next_key()
        others = dict(hooks) if prepend else {}
        if prepend:
            hooks.clear()
        hooks[self.key] = hook
        hooks.update(others)

    def remove(self) -> None:
        """Take the hook away; nothing happens the second time."""
        self.hooks.pop(self.key, None)

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def on_node(node: Node, hook: Callable[[list[Any]], None]) -> Handle:
    """Let a hook change the cotangents of a node's outputs, a list, when a sweep comes to it."""
    if node.hooks is None:
        node.hooks = {}
    return Handle(node.hooks, hook)


def tensor_hook(x: Tensor, hook: Callable[[Tensor], Tensor | None]) -> Handle:
    """Let a hook see, or replace, the whole gradient of one tensor: see `Tensor.register_hook`."""
    if x.node is None:
        raise GradientError(
            f"register_hook: this tensor (shape {x.shape}) takes no part in a gradient; make it "
            "with requires_grad=True"
        )
    if not callable(hook):
        raise DtypeError(f"register_hook: hook is a {type(hook).__name__}; it must be a function")
    index = x.index

    def call(gs: list[Any]) -> None:
        if gs[index] is not None:
            gs[index] = replaced("register_hook", gs[index], hook(gs[index]))

    return on_node(x.node, call)


def replaced(who: str, before: Any, after: Any) -> Any:
    """The cotangent that a hook returned, checked; None leaves it as it was."""
    if after is None or before is None:
        if after is not None:
            raise GradientError(f"{who}: the hook returned a gradient where there was none")
        return before
    if not hasattr(after, "node"):
        raise DtypeError(f"{who}: the hook returned a {type(after).__name__}, no Tensor or None")
    if after.shape != before.shape:
        raise ShapeError(
            f"{who}: the hook returned shape {after.shape}; the gradient is {before.shape}"
        )
    if after.dtype != before.dtype:
        raise DtypeError(
            f"{who}: the hook returned {after.dtype}; the gradient is {before.dtype}; use astype()"
        )
    return after


def run(node: Node, gs: list[Any], sweep: Sweep) -> None:
    """Call the hooks of a node, in the order in which they came."""
    sweep.adding = node  # what they compute is part of this node's gradient
    for hook in list(node.hooks.values()):  # type: ignore[union-attr]
        hook(gs)
    sweep.adding = None
