"""How far to the right everything stands: straight columns where a chain is straight.

Lines that should be straight join what stands in a row with what stands in the next to columns that
move as one. The columns are first pushed together from both sides, then each goes towards those
that it is linked with, as far as its neighbours let it.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf

__all__ = ["Segment", "place"]

ROUNDS = 16


@dataclass(frozen=True)
class Segment:
    """A line from row to row: from `upper`, at `start` right of its middle, to `lower`."""

    upper: int
    start: float
    lower: int
    end: float


def place(
    rows: Sequence[Sequence[int]],
    segments: Sequence[Segment],
    reach: Sequence[tuple[float, float]],
    solid: Sequence[bool],
    gap: float,
    spine: Sequence[int] = (),
) -> list[float]:
    """x of all that stands in the rows, by number; the leftmost begins at 0. Others have no place.

    reach  how far each extends to the left and right of its x; (0, 0) needs no gap, either
    solid  whether it is a thing; else a line passes there
    spine  numbers of segments that are upright before all others
    """
    straight = _straight(rows, segments, solid, spine)
    column, offset = _columns(len(reach), rows, straight)
    n = max(column, default=-1) + 1
    right: list[list[tuple[int, float]]] = [[] for _ in range(n)]  # column, how far it must be
    left: list[list[tuple[int, float]]] = [[] for _ in range(n)]
    for row in rows:
        for a, b in pairwise(row):
            need = reach[a][1] + reach[b][0]
            if any(reach[a]) and any(reach[b]):
                need += gap if solid[a] and solid[b] else gap / 2
            need += offset[a] - offset[b]
            right[column[a]].append((column[b], need))
            left[column[b]].append((column[a], need))
    pulls: list[list[tuple[int, float]]] = [[] for _ in range(n)]
    for s in segments:
        a, b = column[s.upper], column[s.lower]
        if a != b:
            delta = offset[s.upper] + s.start - offset[s.lower] - s.end
            pulls[b].append((a, delta))
            pulls[a].append((b, -delta))
    x = _relax(_pushed(n, left, right), left, right, pulls)
    found = [x[c] + o if c >= 0 else 0.0 for c, o in zip(column, offset)]
    shift = min((found[v] - reach[v][0] for row in rows for v in row), default=0.0)
    return [value - shift for value in found]


def _straight(
    rows: Sequence[Sequence[int]],
    segments: Sequence[Segment],
    solid: Sequence[bool],
    spine: Sequence[int],
) -> list[Segment]:
    """The segments to be drawn upright: none crosses another, none shares an end on one side.

    The longest chains come first. Where a chain forks, the longest of its arms goes on with it;
    among equal arms none does, and it stands in their middle.
    """
    n = len(solid)
    row, at = [0] * n, [0] * n
    for r, members in enumerate(rows):
        for c, v in enumerate(members):
            row[v], at[v] = r, c
    lower: list[dict[int, None]] = [{} for _ in range(n)]
    upper: list[dict[int, None]] = [{} for _ in range(n)]
    for s in segments:
        lower[s.upper].setdefault(s.lower)
        upper[s.lower].setdefault(s.upper)
    run = _runs(rows, lower, upper, solid)

    def chosen(v: int, arms: dict[int, None]) -> bool:
        if sum(solid[u] for u in arms) > 2:
            return len(arms) % 2 == 1 and sorted(arms, key=lambda u: at[u])[len(arms) // 2] == v
        return all(run[u] < run[v] for u in arms if u != v)

    wanted = [
        (-min(run[s.upper], run[s.lower]), row[s.upper], at[s.upper], at[s.lower], k)
        for k, s in enumerate(segments)
        if chosen(s.lower, lower[s.upper]) and chosen(s.upper, upper[s.lower])
    ]
    for k in spine:
        upper_end, lower_end = segments[k].upper, segments[k].lower
        wanted.append((-n, row[upper_end], at[upper_end], at[lower_end], k))
    taken: list[list[tuple[int, int]]] = [[] for _ in rows]  # ends of those chosen, left to right
    found = []
    for _, r, a, b, k in sorted(wanted):
        here = bisect(taken[r], (a, b))
        before, after = taken[r][here - 1 : here], taken[r][here : here + 1]
        if all(p < a and q < b for p, q in before) and all(p > a and q > b for p, q in after):
            taken[r].insert(here, (a, b))
            found.append(segments[k])
    return found


def _runs(
    rows: Sequence[Sequence[int]],
    lower: Sequence[dict[int, None]],
    upper: Sequence[dict[int, None]],
    solid: Sequence[bool],
) -> list[int]:
    """For each the number of things in its chain, as far as there is one way in and out."""
    run = [0] * len(solid)
    for members in rows:
        for v in members:
            above = next(iter(upper[v]), None)
            if above is not None and len(upper[v]) == 1 and len(lower[above]) == 1:
                continue  # it isn't the first of its chain
            chain = [v]
            while len(lower[chain[-1]]) == 1:
                following = next(iter(lower[chain[-1]]))
                if len(upper[following]) > 1:
                    break
                chain.append(following)
            length = sum(solid[u] for u in chain)
            for u in chain:
                run[u] = length
    return run


def _columns(
    n: int, rows: Sequence[Sequence[int]], straight: Sequence[Segment]
) -> tuple[list[int], list[float]]:
    """For each the number of its column, and how far right it stands of the column's x."""
    above = {s.lower: s for s in straight}
    column, offset = [-1] * n, [0.0] * n
    count = 0
    for row in rows:
        for v in row:
            s = above.get(v)
            if s is None:
                column[v] = count
                count += 1
            else:
                column[v] = column[s.upper]
                offset[v] = offset[s.upper] + s.start - s.end
    return column, offset


def _pushed(
    n: int,
    left: Sequence[Sequence[tuple[int, float]]],
    right: Sequence[Sequence[tuple[int, float]]],
) -> list[float]:
    """x of each column: the mean of where it is if all are pushed to the left, and to the right."""
    missing = [len(near) for near in left]
    ready = [c for c in range(n) if not missing[c]]
    for c in ready:  # it grows
        for other, _ in right[c]:
            missing[other] -= 1
            if not missing[other]:
                ready.append(other)
    lows, highs = [0.0] * n, [0.0] * n
    for c in ready:
        lows[c] = max((lows[other] + need for other, need in left[c]), default=0.0)
    end = max(lows, default=0.0)
    for c in reversed(ready):
        highs[c] = min((highs[other] - need for other, need in right[c]), default=end)
    return [(low + high) / 2 for low, high in zip(lows, highs)]


def _relax(
    x: list[float],
    left: Sequence[Sequence[tuple[int, float]]],
    right: Sequence[Sequence[tuple[int, float]]],
    pulls: Sequence[Sequence[tuple[int, float]]],
) -> list[float]:
    """Each column moves to the mean of where its lines would be upright, in turn."""
    for turn in range(ROUNDS):
        order = sorted(range(len(x)), key=lambda c: x[c], reverse=bool(turn % 2))
        moved = 0.0
        for c in order:
            if not pulls[c]:
                continue
            goal = sum(x[other] + delta for other, delta in pulls[c]) / len(pulls[c])
            low = max((x[other] + need for other, need in left[c]), default=-inf)
            high = min((x[other] - need for other, need in right[c]), default=inf)
            goal = max(min(goal, high), low)
            moved = max(moved, abs(goal - x[c]))
            x[c] = goal
        if moved < 0.5:
            break
    return x
