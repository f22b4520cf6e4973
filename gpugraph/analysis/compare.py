"""Two networks side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .costs import CostReport, cost
from .table import grid

__all__ = ["Comparison", "compare"]


def compare(a: Any, b: Any, shape: Any = None) -> Comparison:
    """Two networks, or two results of `cost`, side by side, with the ratio of each figure.

    shape  of the input of both, where networks are given
    """
    reports = [m if isinstance(m, CostReport) else cost(m, shape) for m in (a, b)]
    return Comparison(*reports)


@dataclass(frozen=True)
class Comparison:
    """Two costs side by side."""

    a: CostReport
    b: CostReport

    def rows(self) -> Iterator[tuple[str, int | None, int | None, float | None]]:
        """(what, of a, of b, a over b); None where there is no formula, or nothing to divide by."""
        for what, get in FIGURES.items():
            x, y = get(self.a), get(self.b)
            yield what, x, y, None if x is None or not y else x / y

    def ratio(self, what: str) -> float | None:
        """a over b, of one of the figures: "parameters", "MACs", "FLOPs", ..."""
        return {row[0]: row[3] for row in self.rows()}[what]

    def to_dict(self) -> dict[str, Any]:
        """{figure: {"a": ..., "b": ..., "ratio": ...}}."""
        return {w: {"a": x, "b": y, "ratio": r} for w, x, y, r in self.rows()}

    def __str__(self) -> str:
        head = ("", self.a.name, self.b.name, "ratio")
        body = [
            (w, _number(x), _number(y), "?" if r is None else f"{r:.3g}")
            for w, x, y, r in self.rows()
        ]
        return grid([head, *body], left={0}, width=120)


def _of(phase: str, figure: str) -> Callable[[CostReport], int | None]:
    def get(report: CostReport) -> int | None:
        found = getattr(report, phase)
        return None if found is None else getattr(found, figure)

    return get


FIGURES: dict[str, Callable[[CostReport], int | None]] = {
    "parameters": lambda r: r.params,
    "MACs": _of("forward", "macs"),
    "FLOPs": _of("forward", "flops"),
    "FLOPs input gradient": _of("input_grad", "flops"),
    "FLOPs weight gradient": _of("weight_grad", "flops"),
    "bytes": _of("forward", "bytes"),
    "bytes kept for backward": lambda r: r.kept,
}


def _number(n: int | None) -> str:
    return "?" if n is None else f"{n:,}"
