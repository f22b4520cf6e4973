"""How long a graph takes until it is seen: layout, page, first paint, frames; by its size.

    python -m tools.bench_viewer            # a table
    python -m tools.bench_viewer --write    # into benchmarks/viewer.md

Needs Chromium, its driver and selenium; it draws without a GPU. Graphs are residual networks in
shapes alone, forward and backward, as `gpugraph view` records them.
"""

from __future__ import annotations

import datetime
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import gpugraph as gg
from gpugraph import nn
from gpugraph.models import resnet50
from gpugraph.nn import functional as F
from gpugraph.viz.layout import layout
from gpugraph.viz.page import page as html
from gpugraph.viz.svg import draw
from tests.browser import Page, chromium
from tests.recorded import in_shapes

ROUNDS = 3
BLOCKS = {"100 nodes": 3, "1,000 nodes": 31, "5,000 nodes": 155}  # about
PAINT = "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
FRAMES = """
const done = arguments[arguments.length - 1], view = gg.app.view, times = [];
let before = null, n = 0;
function frame(now) {
  if (before !== null) times.push(now - before);
  before = now;
  view.set(view.x - 4, view.y - 12);
  if (++n < 90) requestAnimationFrame(frame); else done(times);
}
requestAnimationFrame(frame);
"""


class Block(nn.Module):
    """Two convolutions with batch norm, and a line around them."""

    def __init__(self, width: int) -> None:
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x: Any) -> Any:
        """Same shape as x."""
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + x)


def blocks(n: int) -> dict[str, Any]:
    """n blocks in a row, no two neighbours alike, so that none are folded."""

    def make() -> nn.Module:
        return nn.Sequential(*[_named(Block(8), i) for i in range(n)])

    told: dict[str, Any] = in_shapes(make, (4, 8, 16, 16)).to_dict()
    return told


def _named(block: Block, i: int) -> Block:
    block.bn1.eps *= 1 + i % 2
    return block


def timed(function: Callable[..., Any], *args: Any) -> tuple[float, Any]:
    """Median seconds of some calls, and what the last one gave."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        result = function(*args)
        times.append(time.perf_counter() - start)
    return median(times), result


def seen(browser: Page, path: Path) -> dict[str, float]:
    """Milliseconds to the first paint, to open all groups, and of frames while panning."""
    paints = []
    for _ in range(ROUNDS):
        browser.open(path)
        paints.append(_painted(browser))
    opening = "const t = performance.now(); gg.app.openAll(true); return performance.now() - t"
    opened = browser.js(opening)
    browser.driver.set_script_timeout(60)
    frames = sorted(browser.driver.execute_async_script(FRAMES))
    browser.check()
    return {
        "paint": median(paints),
        "open": opened,
        "frame": median(frames),
        "slow": frames[int(0.95 * len(frames))],
        "boxes": browser.js("return gg.app.scene.boxes.size"),
    }


def _painted(browser: Page) -> float:
    for _ in range(100):
        found = browser.js(PAINT)
        if found is not None:
            return float(found)
        time.sleep(0.05)
    raise RuntimeError("the page was not painted in five seconds")


def table() -> Iterator[str]:
    """The lines of the table."""
    yield (
        "| graph | nodes | layout (ms) | drawing, all open (ms) | page (kB) | first paint (ms) | "
        "open all (ms) | boxes | frame, median / 95 % (ms) |"
    )
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    graphs: dict[str, Callable[[], dict[str, Any]]] = {
        name: (lambda n=n: blocks(n)) for name, n in BLOCKS.items()
    }
    graphs["ResNet-50"] = lambda: in_shapes(resnet50, (2, 3, 224, 224)).to_dict()
    for browser in chromium():
        for name, make in graphs.items():
            graph = make()
            laid, _ = timed(layout, graph)
            drawn, _ = timed(draw, graph, 99)
            text = html(graph)
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "g.html"
                path.write_text(text, encoding="utf-8")
                told = seen(browser, path)
            yield (
                f"| {name} | {len(graph['nodes']):,} | {1e3 * laid:.0f} | {1e3 * drawn:.0f} | "
                f"{len(text.encode()) / 1e3:,.0f} | {told['paint']:.0f} | {told['open']:.0f} | "
                f"{told['boxes']:,} | {told['frame']:.1f} / {told['slow']:.1f} |"
            )


def main() -> None:
    """Print the table, or write it."""
    lines = list(table())
    version = next(
        browser.driver.capabilities["browserVersion"] for browser in chromium()
    ).partition(".")[0]
    head = [
        "# The viewer: times by the size of the graph",
        "",
        f"{datetime.date.today()}, {platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, gpugraph {gg.__version__}, Chromium {version} without a "
        f"GPU. `python -m tools.bench_viewer --write`. Medians of {ROUNDS}.",
        "",
    ]
    text = "\n".join([*head, *lines, ""])
    if "--write" in sys.argv[1:]:
        (Path(__file__).parent.parent / "benchmarks" / "viewer.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
