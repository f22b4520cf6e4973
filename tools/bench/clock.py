"""Times, and what is told of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any, NamedTuple

__all__ = ["CLOCKS", "Line", "fit", "ratios", "seconds"]


CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def seconds(function: Callable[[], Any], repeats: int, clock: str = "wall") -> float:
    """Time of one call, averaged over a few; with "cpu", that of the processors, of all threads."""
    now = CLOCKS[clock]
    start = now()
    for _ in range(repeats):
        function()
    return (now() - start) / repeats


def ratios(theirs: Sequence[float], ours: Sequence[float]) -> dict[str, float]:
    """How many times faster ours is, from rounds that timed both.

    speed      median over the rounds of theirs / ours
    low, high  its 10 % and 90 % quantiles: nine tenths of the rounds were above low
    best       the shortest of theirs over the shortest of ours: the least disturbed of each
    """
    each = sorted(t / o for t, o in zip(theirs, ours, strict=True))
    return {
        "speed": median(each),
        "low": each[len(each) // 10],
        "high": each[-1 - len(each) // 10],
        "best": min(theirs) / min(ours),
    }


class Line(NamedTuple):
    """y = intercept + slope x, by least squares, and the share of y's variance it explains."""

    intercept: float
    slope: float
    r2: float


def fit(xs: Sequence[float], ys: Sequence[float]) -> Line:
    """The line through the points."""
    n = len(xs)
    mx, my = sum(xs) / n, sum(ys) / n
    slope = sum((x - mx) * (y - my) for x, y in zip(xs, ys)) / sum((x - mx) ** 2 for x in xs)
    intercept = my - slope * mx
    left = sum((y - intercept - slope * x) ** 2 for x, y in zip(xs, ys))
    spread = sum((y - my) ** 2 for y in ys)
    return Line(intercept, slope, 1 - left / spread if spread else 1.0)
