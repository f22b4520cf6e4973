"""Where the time of a gpugraph step goes: ops by name, forward and backward, and the rest."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from gpugraph.core.state import STATE, Observer, observe

__all__ = ["spent"]


class Ledger(Observer):
    """Adds up the seconds between the start and the end of each op, without the ops inside it."""

    def __init__(self) -> None:
        self.total: dict[str, float] = defaultdict(float)
        self.calls: dict[str, int] = defaultdict(int)
        self.open: list[list[float]] = []  # start, and seconds of what has ended inside

    def applying(self, op: Any, arrays: Any) -> None:
        self.open.append([time.process_time(), 0.0])

    def applied(self, op: Any, arrays: Any, outs: Any) -> None:
        self._close(f"{type(op).__name__}, {'backward' if STATE.get().sweep else 'forward'}")

    def stepping(self, optimizer: Any) -> None:
        self.open.append([time.process_time(), 0.0])

    def stepped(self, optimizer: Any) -> None:
        self._close(type(optimizer).__name__)

    def _close(self, name: str) -> None:
        start, inside = self.open.pop()
        took = time.process_time() - start
        self.total[name] += took - inside
        self.calls[name] += 1
        if self.open:
            self.open[-1][1] += took


def spent(step: Callable[[], Any], times: int) -> dict[str, dict[str, float]]:
    """Milliseconds, calls and share of a step by name; "between ops" is what is left.

    Times of the processor, on one thread, the shortest of several steps: what others do on the
    machine lengthens them least.
    """
    step()
    ledgers = []
    for _ in range(times):
        ledger = Ledger()
        start = time.process_time()
        with observe(ledger):
            step()
        ledger.total["between ops"] = time.process_time() - start - sum(ledger.total.values())
        ledger.calls["between ops"] = 1
        ledgers.append(ledger)
    best = {name: min(ledger.total[name] for ledger in ledgers) for name in ledger.total}
    whole = sum(best.values())
    return {
        name: {"ms": 1e3 * took, "calls": ledger.calls[name], "share": took / whole}
        for name, took in sorted(best.items(), key=lambda item: -item[1])
    }
