"""Fewer crossings: the order of what stands in a row, for given rows and links between them."""

from __future__ import annotations

from bisect import bisect, insort
from collections.abc import Sequence
from itertools import pairwise

__all__ = ["crossings", "untangle"]

SWEEPS = 8  # down and up in turn
PATIENCE = 4  # sweeps that bring nothing
NARROW = 40  # rows up to this width are also improved by swapping neighbours


def untangle(rows: Sequence[Sequence[int]], below: Sequence[Sequence[int]]) -> list[list[int]]:
    """The rows, reordered to have few crossings.

    below  for each that stands in a row, those in the next row to which a line leads
    Sorts by the mean place of the neighbours above, then below, and so on, keeps the best order.
    """
    best = [list(row) for row in rows]
    fewest = crossings(best, below)
    if not fewest:
        return best
    above: list[list[int]] = [[] for _ in below]
    for v, lower in enumerate(below):
        for w in lower:
            above[w].append(v)
    now = [list(row) for row in best]
    place = [0] * len(below)
    for row in now:
        _number(row, place)
    patience = PATIENCE
    for sweep in range(SWEEPS):
        near = below if sweep % 2 else above
        for row in reversed(now) if sweep % 2 else now:
            if len(row) > 1:
                row.sort(key=lambda v: _mean([place[u] for u in near[v]], place[v]))
                _number(row, place)
        for row in now:
            if 1 < len(row) <= NARROW:
                _swap(row, place, above, below)
        count = crossings(now, below)
        patience -= 1
        if count < fewest:
            best, fewest, patience = [list(row) for row in now], count, PATIENCE
        if not fewest or not patience:
            break
    return best


def crossings(rows: Sequence[Sequence[int]], below: Sequence[Sequence[int]]) -> int:
    """How many pairs of lines cross, all lines straight from row to row."""
    count = 0
    place = [0] * len(below)
    for upper, lower in pairwise(rows):
        if len(upper) < 2 or len(lower) < 2:
            continue
        _number(lower, place)
        ends: list[int] = []
        for v in upper:
            mine = [place[w] for w in below[v]]
            count += sum(len(ends) - bisect(ends, end) for end in mine)
            for end in mine:
                insort(ends, end)
    return count


def _swap(
    row: list[int],
    place: list[int],
    above: Sequence[Sequence[int]],
    below: Sequence[Sequence[int]],
) -> None:
    """Exchange neighbours where their lines then cross less, until that ends."""
    ends = {
        v: (sorted(place[u] for u in above[v]), sorted(place[w] for w in below[v])) for v in row
    }
    for _ in range(len(row)):
        better = False
        for i in range(len(row) - 1):
            v, w = ends[row[i]], ends[row[i + 1]]
            if _over(v[0], w[0]) + _over(v[1], w[1]) > _over(w[0], v[0]) + _over(w[1], v[1]):
                row[i], row[i + 1] = row[i + 1], row[i]
                better = True
        if not better:
            break
    _number(row, place)


def _over(left: Sequence[int], right: Sequence[int]) -> int:
    """Pairs that cross, of the ends of two neighbours; both sorted."""
    return sum(len(left) - bisect(left, end) for end in right)


def _number(row: Sequence[int], place: list[int]) -> None:
    for i, v in enumerate(row):
        place[v] = i


def _mean(values: Sequence[int], default: float) -> float:
    return sum(values) / len(values) if values else default
