"""Layered layout of a graph, top down: who stands in which row, in which order, and where.

After K. Sugiyama, S. Tagawa, M. Toda, "Methods for visual understanding of hierarchical system
structures", IEEE Trans. SMC 11, 1981. The same graph gives the same numbers, always: every list is
walked in order, no set is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["Layout", "layered"]

SWEEPS = 8


@dataclass(frozen=True)
class Layout:
    """row and x of each node; for each edge, the x where it passes each row between its ends."""

    row: list[int]
    x: list[float]
    passes: list[list[float]]


def layered(
    extents: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]], gap: float
) -> Layout:
    """Lay out nodes 0 to n - 1, of which each edge (a, b) has a < b.

    extents  how far node i reaches to the left and to the right of its x
    gap      between neighbours in a row
    """
    n = len(extents)
    row = _rows(n, edges)
    width = list(extents)
    rows: list[list[int]] = [[] for _ in range(max(row, default=-1) + 1)]
    for v in range(n):
        rows[row[v]].append(v)
    above: list[list[int]] = [[] for _ in range(n)]
    below: list[list[int]] = [[] for _ in range(n)]
    chains: list[list[int]] = []  # for each edge the stand-ins in the rows it crosses
    for a, b in edges:
        chain = []
        for between in range(row[a] + 1, row[b]):
            chain.append(len(width))
            rows[between].append(len(width))
            width.append((gap / 4, gap / 4))
            above.append([])
            below.append([])
        chains.append(chain)
        for upper, lower in zip([a, *chain], [*chain, b], strict=True):
            below[upper].append(lower)
            above[lower].append(upper)
    _order(rows, above, below)
    x = _place(rows, above, below, width, gap)
    return Layout(row, x[:n], [[x[v] for v in chain] for chain in chains])


def _rows(n: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Each one row below the lowest it needs; sources right above the first that needs them."""
    row = [0] * n
    for a, b in sorted(edges, key=lambda edge: edge[1]):
        row[b] = max(row[b], row[a] + 1)
    fed = {b for _, b in edges}
    lowest: dict[int, int] = {}
    for a, b in edges:
        if a not in fed:
            lowest[a] = min(row[b] - 1, lowest.get(a, row[b]))
    for v, r in lowest.items():
        row[v] = r
    return row


def _order(rows: list[list[int]], above: list[list[int]], below: list[list[int]]) -> None:
    """Sort each row by the mean place of its neighbours, down and up in turn: fewer crossings."""
    place = {v: i for nodes in rows for i, v in enumerate(nodes)}
    for sweep in range(SWEEPS):
        near = below if sweep % 2 else above
        for nodes in reversed(rows) if sweep % 2 else rows:
            nodes.sort(key=lambda v: _mean([place[u] for u in near[v]], place[v]))
            place.update((v, i) for i, v in enumerate(nodes))


def _place(
    rows: list[list[int]],
    above: list[list[int]],
    below: list[list[int]],
    width: list[tuple[float, float]],
    gap: float,
) -> list[float]:
    """x of every node: as near to the mean of its neighbours as order and gaps allow."""
    x = [0.0] * len(width)
    for sweep in range(SWEEPS):
        near = below if sweep % 2 else above
        for nodes in reversed(rows) if sweep % 2 else rows:
            offsets = [0.0]
            for left, right in pairwise(nodes):
                offsets.append(offsets[-1] + width[left][1] + gap + width[right][0])
            wanted = [_mean([x[u] for u in near[v]], x[v]) for v in nodes]
            slots = _rising([w - o for w, o in zip(wanted, offsets, strict=True)])
            for v, slot, offset in zip(nodes, slots, offsets, strict=True):
                x[v] = slot + offset
    shift = min((x[v] - width[v][0] for v in range(len(x))), default=0.0)
    return [value - shift for value in x]


def _rising(wanted: list[float]) -> list[float]:
    """The nearest non-decreasing sequence in least squares: pool adjacent violators."""
    pools: list[tuple[float, int]] = []  # mean, how many
    for value in wanted:
        mean, count = value, 1
        while pools and pools[-1][0] > mean:
            before, many = pools.pop()
            mean, count = (mean * count + before * many) / (count + many), count + many
        pools.append((mean, count))
    return [mean for mean, count in pools for _ in range(count)]


def _mean(values: list[float], default: float) -> float:
    return sum(values) / len(values) if values else default
