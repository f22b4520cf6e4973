"""Time of layouts and drawings, by the size of the graph.

python -m benchmarks.layout            # a table
python -m benchmarks.layout --write    # into benchmarks/layout.md
"""

from __future__ import annotations

import datetime
import os
import platform
import sys
import time
from pathlib import Path
from statistics import median

import gpugraph as gg
from gpugraph.viz.layout import layout
from gpugraph.viz.svg import draw
from tests.graphs import Builder, at_random, residual

SIZES, ROUNDS = (100, 1_000, 5_000), 5


def flat(n):
    """A chain in which each op also reads what came four before, and as many gradients."""
    b = Builder()
    made = [b.node(kind="input") for _ in range(4)]
    while len(b.nodes) < n // 2:
        made.append(b.node(made[-1], made[-4]))
    for v in reversed(made):
        b.node(len(b.nodes) - 1, order=1, of=v, saved=[v])
    return b.graph


GRAPHS = {
    "residual blocks, forward + backward": lambda n: residual(n // 10),
    "at random in nested groups, forward + backward": lambda n: at_random(1, n // 4, least=n // 4),
    "one group, forward + backward": flat,
}


def timed(function, *args):
    """Median seconds of some calls, and what the last one gave."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        result = function(*args)
        times.append(time.perf_counter() - start)
    return median(times), result


def table():
    """The lines of the table."""
    yield "| graph | nodes | edges | layout (s) | drawing to depth 1 (s) | drawing, all open (s) |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for name, make in GRAPHS.items():
        for n in SIZES:
            graph = make(n)
            took, graph["layout"] = timed(layout, graph)
            outer, everything = timed(draw, graph, 1)[0], timed(draw, graph, 99)[0]
            sizes = f"{len(graph['nodes']):,} | {len(graph['edges']):,}"
            yield f"| {name} | {sizes} | {took:.3f} | {outer:.3f} | {everything:.3f} |"


if __name__ == "__main__":
    told = [
        "# Layout: time by the size of the graph",
        "",
        f"date {datetime.date.today()}, machine {platform.machine()}, {os.cpu_count()} cores, "
        f"python {platform.python_version()}, gpugraph {gg.__version__}.",
        f"Medians of {ROUNDS} runs in one process on one core; `python -m benchmarks.layout`.",
        "",
        *table(),
        "",
    ]
    print("\n".join(told))
    if "--write" in sys.argv:
        Path(__file__).with_suffix(".md").write_text("\n".join(told))
