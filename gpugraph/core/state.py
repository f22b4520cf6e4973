"""What the engine is doing right now: recording or not, and under which scope.

One context variable holds it all, so that threads (and asyncio tasks) differentiate different
graphs at once, and the hot path pays for one lookup.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ContextDecorator, contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .graph import Node

__all__ = [
    "STATE",
    "Observer",
    "State",
    "Sweep",
    "enable_grad",
    "no_grad",
    "observe",
    "scope",
    "set_state",
]


class Observer:
    """Sees what is computed inside `observe`; override what you want to see.

    `STATE` says how the op at hand was come to: its scope, and the sweep it is part of.
    """

    def applying(self, op: Any, arrays: Sequence[Any]) -> None:
        """An op is about to be computed from these arrays (None: an absent input)."""

    def applied(self, op: Any, arrays: Sequence[Any], outs: Sequence[Any]) -> None:
        """An op has made these tensors from these arrays (None: an absent input)."""

    def failed(self, op: Any, arrays: Sequence[Any], error: Exception) -> None:
        """The op could not be computed from these arrays; the error is on its way to the user."""

    def reached(self, node: Node, cotangents: Sequence[Any]) -> None:
        """A sweep has come to a node, and these are the cotangents of its outputs (None: zero)."""

    def stepping(self, optimizer: Any) -> None:
        """An optimizer is about to update its parameters."""

    def stepped(self, optimizer: Any) -> None:
        """It has updated them."""


class Sweep:
    """A backward pass in progress.

    node    the one whose rule runs; None before and behind them
    adding  the one of whose output two cotangents are being added up; else None
    """

    __slots__ = ("_order", "adding", "node")

    def __init__(self) -> None:
        self.node: Node | None = None
        self.adding: Node | None = None
        self._order = 1

    @property
    def served(self) -> Node | None:
        """The node for whose gradients the op at hand is applied."""
        return self.adding or self.node

    def rule(self) -> tuple[int, int]:
        """(seq of the node that is served, order of the derivative): see `Node.rule`."""
        node = self.served
        return -1 if node is None else node.seq, self.order_of(node)

    def order_of(self, node: Node | None) -> int:
        """The order of the derivative of what is made for a node.

        A sweep meets the newest nodes first, so that these tell what it goes through.
        """
        if node is not None and node.rule is not None:
            self._order = max(self._order, node.rule[1] + 1)
        return self._order


@dataclass(frozen=True, slots=True)
class State:
    """Engine settings of the current thread or task.

    repeating  what runs has run before, and must leave no second trace: see `gpugraph.checkpoint`
    casting    ``casting(op, inputs)`` gives the inputs to use instead: see `gpugraph.autocast`
    """

    recording: bool = True
    scope: tuple[str, ...] = ()
    observers: tuple[Observer, ...] = ()
    sweep: Sweep | None = None
    repeating: bool = False
    casting: Callable[[Any, Sequence[Any]], tuple[Any, ...]] | None = None


STATE: ContextVar[State] = ContextVar("gpugraph_state", default=State())  # noqa: B039 (immutable)


class set_state(ContextDecorator):  # noqa: N801 (a function to its users)
    """Change fields of the state inside a ``with`` block, or a decorated function; reusable."""

    def __init__(self, **changes: Any) -> None:
        self.changes = changes
        self.tokens: list[Token[State]] = []

    def __enter__(self) -> None:
        self.tokens.append(STATE.set(replace(STATE.get(), **self.changes)))

    def __exit__(self, *exc: object) -> None:
        STATE.reset(self.tokens.pop())

    def _recreate_cm(self) -> set_state:  # a decorated function may run in several threads
        return set_state(**self.changes)


def no_grad() -> set_state:
    """Record nothing inside the block; also a decorator. Writes to leaves are allowed there."""
    return set_state(recording=False)


def enable_grad() -> set_state:
    """Record again inside a `no_grad` block; also a decorator."""
    return set_state(recording=True)


@contextmanager
def scope(*names: str) -> Iterator[None]:
    """Nodes recorded inside carry the names in their scope path (``("stage1", "conv")``)."""
    with set_state(scope=(*STATE.get().scope, *names)):
        yield


class observe(set_state):  # noqa: N801 (a function to its users)
    """Show everything that is computed inside the block to an observer; not, if not enabled."""

    def __init__(self, observer: Observer, enabled: bool = True) -> None:
        super().__init__()
        self.observer, self.enabled = observer, enabled

    def __enter__(self) -> None:
        others = tuple([o for o in STATE.get().observers if o is not self.observer])
        observers = (*others, self.observer) if self.enabled else others
        self.tokens.append(STATE.set(replace(STATE.get(), observers=observers)))

    def _recreate_cm(self) -> observe:
        return observe(self.observer, self.enabled)
