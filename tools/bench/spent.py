"""Where the time of a gpugraph step goes: ops by name, forward and backward, and the rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from gpugraph.core.state import STATE, Observer, observe

from .clock import CLOCKS

__all__ = ["spent"]


class Ledger(Observer):
    """Adds up the seconds between the start and the end of each op, without the ops inside it."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.total: dict[str, float] = defaultdict(float)
        self.calls: dict[str, int] = defaultdict(int)
        self.open: list[list[float]] = []  # start, and seconds of what has ended inside

    def applying(self, op: Any, arrays: Any) -> None:
        self.open.append([self.now(), 0.0])

    def applied(self, op: Any, arrays: Any, outs: Any) -> None:
        self._close(f"{type(op).__name__}, {'backward' if STATE.get().sweep else 'forward'}")

    def stepping(self, optimizer: Any) -> None:
        self.open.append([self.now(), 0.0])

    def stepped(self, optimizer: Any) -> None:
        self._close(type(optimizer).__name__)

    def _close(self, name: str) -> None:
        start, inside = self.open.pop()
        took = self.now() - start
        self.total[name] += took - inside
        self.calls[name] += 1
        if self.open:
            self.open[-1][1] += took


def spent(step: Callable[[], Any], times: int, clock: str = "wall") -> dict[str, dict[str, float]]:
    """Milliseconds, calls and share of a step by name; "between ops" is what is left.

    The shortest of several steps: what others do on the machine lengthens them least. clock "cpu"
    counts the processors' time, of all threads; on one thread, others lengthen it even less.
    """
    now = CLOCKS[clock]
    step()
    ledgers = []
    for _ in range(times):
        ledger = Ledger(now)
        start = now()
        with observe(ledger):
            step()
        ledger.total["between ops"] = now() - start - sum(ledger.total.values())
        ledger.calls["between ops"] = 1
        ledgers.append(ledger)
    best = {name: min(ledger.total[name] for ledger in ledgers) for name in ledger.total}
    whole = sum(best.values())
    return {
        name: {"ms": 1e3 * took, "calls": ledger.calls[name], "share": took / whole}
        for name, took in sorted(best.items(), key=lambda item: -item[1])
    }
