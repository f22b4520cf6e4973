"""The rows of a layered drawing: who stands in which row, in which order, and where links pass.

After K. Sugiyama, S. Tagawa, M. Toda, "Methods for visual understanding of hierarchical system
structures", IEEE Trans. SMC 11, 1981. The same links give the same rows, always: every list is
walked in order, no set is, and ties go by number. Nothing recurses: depth costs nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from .crossings import untangle

__all__ = ["Layers", "layers"]

Link = tuple[int, int]
ROOM = 8  # places for passing links, on average for each item; see `_passes`


@dataclass(frozen=True)
class Layers:
    """Items 0 to n - 1 in rows, and the places between them where links pass.

    rows    of items, and from n on of passing places, from left to right
    row     of each item
    passes  of each link, from top to bottom
    back    whether a link points upwards
    """

    rows: list[list[int]]
    row: list[int]
    passes: list[list[int]]
    back: list[bool]


def layers(n: int, links: Sequence[Link], first: int = 0, last: int = 0) -> Layers:
    """Lay out items 0 to n - 1, numbered in the order of their appearance.

    links  (a, b): b uses what a makes. a != b; a pair may come several times, and lie on a cycle
    first  so many of the first items make up the first row
    last   so many of the last items make up the last row
    """
    back = _back(n, links)
    down = [(b, a) if up else (a, b) for (a, b), up in zip(links, back)]
    row = _rows(n, down, first, last)
    passes, n_places = _passes(n, down, back, row)
    rows: list[list[int]] = [[] for _ in range(max(row, default=-1) + 1)]
    # those who pass furthest keep to the left, so that the column of items is not broken
    order = sorted(range(len(links)), key=lambda k: (-len(passes[k]), k))
    for k in order:
        for r, place in enumerate(passes[k], _start(row[down[k][0]], back[k])):
            rows[r].append(place)
    for v in range(n):
        rows[row[v]].append(v)
    below: list[list[int]] = [[] for _ in range(n_places)]
    for (a, b), up, chain in zip(down, back, passes):
        # a link that points up goes around its ends: its outermost places lie beside them
        if up:
            steps = [*pairwise(chain)]
        elif chain or row[b] == row[a] + 1:
            steps = [*pairwise([a, *chain, b])]
        else:  # it found no room, and crosses whatever is in its way
            steps = []
        for upper, lower in steps:
            below[upper].append(lower)
    return Layers(untangle(rows, below), row, passes, back)


def _start(row: int, back: bool) -> int:
    """The first row that a link from this row passes."""
    return row if back else row + 1


def _back(n: int, links: Sequence[Link]) -> list[bool]:
    """Whether a link lies on a cycle and leads to what appeared before: without these, none is."""
    after: list[list[int]] = [[] for _ in range(n)]
    for a, b in links:
        after[a].append(b)
    knot = _knots(after)
    return [knot[a] == knot[b] and a > b for a, b in links]


def _knots(after: Sequence[Sequence[int]]) -> list[int]:
    """For each item the number of its strongly connected component, after Tarjan (1972)."""
    n = len(after)
    seen, low, knot = [-1] * n, [0] * n, [-1] * n
    open_: list[int] = []
    count = knots = 0
    for root in range(n):
        if seen[root] >= 0:
            continue
        trail = [(root, 0)]
        while trail:
            v, k = trail.pop()
            if k == 0:
                seen[v] = low[v] = count
                count += 1
                open_.append(v)
            elif knot[after[v][k - 1]] < 0:
                low[v] = min(low[v], low[after[v][k - 1]])
            while k < len(after[v]) and seen[after[v][k]] >= 0:
                if knot[after[v][k]] < 0:
                    low[v] = min(low[v], seen[after[v][k]])
                k += 1
            if k < len(after[v]):
                trail += [(v, k + 1), (after[v][k], 0)]
            elif low[v] == seen[v]:
                while knot[v] < 0:
                    knot[open_.pop()] = knots
                knots += 1
    return knot


def _rows(n: int, down: Sequence[Link], first: int, last: int) -> list[int]:
    """Each item one row below the lowest that it needs, and what it alone needs right above it."""
    after: list[list[int]] = [[] for _ in range(n)]
    before: list[list[int]] = [[] for _ in range(n)]
    for a, b in down:
        after[a].append(b)
        before[b].append(a)
    missing = [len(u) for u in before]
    ready = deque(v for v in range(n) if not missing[v])
    order = []
    while ready:
        v = ready.popleft()
        order.append(v)
        for w in after[v]:
            missing[w] -= 1
            if not missing[w]:
                ready.append(w)
    row = [1 if first and v >= first else 0 for v in range(n)]
    for v in order:
        for u in before[v]:
            row[v] = max(row[v], row[u] + 1)
    # what hangs on nothing else comes down to its first user, with all that it hangs on
    loose = [v >= first for v in range(n)]
    for v in order:
        loose[v] = loose[v] and all(loose[u] and len(after[u]) == 1 for u in before[v])
    for v in reversed(order):
        if loose[v] and after[v]:
            row[v] = min(row[w] for w in after[v]) - 1
    bottom = max(row[: n - last], default=-1) + 1
    return row[: n - last] + [bottom] * last


def _passes(
    n: int, down: Sequence[Link], back: Sequence[bool], row: Sequence[int]
) -> tuple[list[list[int]], int]:
    """Places for each link in the rows that it passes, numbered from n on; where they end.

    A value that 1,000 steps of a loop use would take half a million places, and nobody could
    follow its lines: only the shortest links are led around what stands between their ends.
    """
    spans = [row[b] - row[a] - 1 + 2 * up for (a, b), up in zip(down, back)]
    room = ROOM * n + 200
    passes: list[list[int]] = [[] for _ in down]
    place = n
    for k in sorted(range(len(down)), key=lambda k: (spans[k], k)):
        room -= spans[k]
        if room < 0:
            break
        passes[k] = list(range(place, place + spans[k]))
        place += spans[k]
    return passes, place
