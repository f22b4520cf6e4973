"""What the engine is doing right now: recording or not, and under which scope.

One context variable holds it all, so that threads (and asyncio tasks) differentiate different
graphs at once, and the hot path pays for one lookup.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import _GeneratorContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

__all__ = ["STATE", "State", "detect_anomaly", "enable_grad", "no_grad", "scope", "set_state"]


@dataclass(frozen=True, slots=True)
class State:
    """Engine settings of the current thread or task."""

    recording: bool = True
    scope: tuple[str, ...] = ()
    anomaly: bool = False


STATE: ContextVar[State] = ContextVar("gpugraph_state", default=State())  # noqa: B039 (immutable)


@contextmanager
def set_state(**changes: object) -> Iterator[None]:
    """Change fields of the state inside a ``with`` block."""
    token = STATE.set(replace(STATE.get(), **changes))  # type: ignore[arg-type]
    try:
        yield
    finally:
        STATE.reset(token)


def no_grad() -> _GeneratorContextManager[None]:
    """Record nothing inside the block; also a decorator. Writes to leaves are allowed there."""
    return set_state(recording=False)


def enable_grad() -> _GeneratorContextManager[None]:
    """Record again inside a `no_grad` block; also a decorator."""
    return set_state(recording=True)


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Nodes recorded inside carry ``name`` in their scope path (``("stage1", "conv")``)."""
    with set_state(scope=(*STATE.get().scope, name)):
        yield


def detect_anomaly(enabled: bool = True) -> _GeneratorContextManager[None]:
    """Stop at the first op, forward or backward, that makes a NaN from inputs without one.

    Also checksums what nodes keep, so that a raw NumPy write to a kept array is found. Slow.
    """
    return set_state(anomaly=enabled)
