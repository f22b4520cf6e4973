"""What the engine is doing right now: recording or not, and under which scope.

One context variable holds it all, so that threads (and asyncio tasks) differentiate different
graphs at once, and the hot path pays for one lookup.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ContextDecorator, contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["STATE", "State", "detect_anomaly", "enable_grad", "no_grad", "scope", "set_state"]


@dataclass(frozen=True, slots=True)
class State:
    """Engine settings of the current thread or task."""

    recording: bool = True
    scope: tuple[str, ...] = ()
    anomaly: bool = False


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
def scope(name: str) -> Iterator[None]:
    """Nodes recorded inside carry ``name`` in their scope path (``("stage1", "conv")``)."""
    with set_state(scope=(*STATE.get().scope, name)):
        yield


def detect_anomaly(enabled: bool = True) -> set_state:
    """Stop at the first op, forward or backward, that makes a NaN from inputs without one.

    Also checksums what nodes keep, so that a raw NumPy write to a kept array is found. Slow.
    """
    return set_state(anomaly=enabled)
