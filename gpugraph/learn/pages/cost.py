"""What kinds of convolution cost: weights, multiply-adds, and if asked, measured times."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

from ... import nn
from ...analysis import cost
from ...core.backend import default_device
from ...core.state import no_grad
from ...ops.random import Generator
from ..exercise import Exercise
from ..page import Content, page

__all__ = ["START", "Sizes", "content", "figures", "kinds", "measured", "ratio"]


@dataclass(frozen=True)
class Sizes:
    """A layer that reads K channels with L filters of F x F, for maps of H x W.

    groups  of the grouped one
    narrow  channels inside of the bottleneck
    """

    F: int = 3
    K: int = 256
    L: int = 256
    H: int = 14
    W: int = 14
    groups: int = 32
    narrow: int = 64


START = Sizes()
REPEATS = 9


def kinds(s: Sizes) -> dict[str, nn.Sequential]:
    """A network for each way to go from K channels to L; all keep height and width, for odd F."""

    def conv(into: int, out: int, size: int, groups: int = 1) -> nn.Conv2d:
        return nn.Conv2d(into, out, size, padding=size // 2, groups=groups, bias=False)

    return {
        "plain": nn.Sequential(conv(s.K, s.L, s.F)),
        "grouped": nn.Sequential(conv(s.K, s.L, s.F, s.groups)),
        "separable": nn.Sequential(conv(s.K, s.K, s.F, s.K), conv(s.K, s.L, 1)),
        "bottleneck": nn.Sequential(
            conv(s.K, s.narrow, 1), conv(s.narrow, s.narrow, s.F), conv(s.narrow, s.L, 1)
        ),
        "pointwise": nn.Sequential(conv(s.K, s.L, 1)),
        "five": nn.Sequential(conv(s.K, s.L, 5)),
        "threes": nn.Sequential(conv(s.K, s.L, 3), conv(s.L, s.L, 3)),
    }


def figures(s: Sizes) -> dict[str, dict[str, int]]:
    """Weights and MACs of each kind, for one image, by the formulas of the ops."""
    found = {}
    with default_device("meta"):  # shapes are all it takes
        nets = kinds(s)
    for name, net in nets.items():
        report = cost(net, (1, s.K, s.H, s.W))
        assert report.macs is not None
        found[name] = {"weights": report.params, "macs": report.macs}
    return found


def measured(s: Sizes = START) -> dict[str, Any]:
    """Milliseconds of a forward pass of each kind on this CPU: the median of several."""
    x = Generator(0).normal(shape=(1, s.K, s.H, s.W), device="cpu")
    times = {}
    with no_grad():
        for name, net in kinds(s).items():
            net(x)
            runs = []
            for _ in range(REPEATS):
                start = perf_counter()
                net(x)
                runs.append(perf_counter() - start)
            times[name] = 1e3 * median(runs)
    return {"sizes": vars(s), "times": times, "machine": platform.machine()}


def ratio(channels: int, size: int = 3) -> float:
    """How many times fewer weights a separable layer has than a plain one, channels kept."""
    found = figures(Sizes(size, channels, channels, groups=1, narrow=1))
    return found["plain"]["weights"] / found["separable"]["weights"]


TEXT = """
<p>A filter of <var>F</var>×<var>F</var> has a weight for each place of its window in each of the
<var>K</var> channels that it reads. There are <var>L</var> filters, and each weight is multiplied
once at each of the <var>H</var>·<var>W</var> places of the map. That is all of the cost; bias and
ReLU hardly count. <span id="checked"></span></p>
<p>Cheaper kinds split the work: a <b>1×1</b> convolution looks at channels alone, a
<b>depthwise</b> one at neighbours alone, a <b>bottleneck</b> looks at neighbours on few channels, a
<b>grouped</b> one lets each filter read only its group, and two layers of <b>3×3</b> see as far as
one of 5×5. At equal maps every weight is used equally often, so the bars show weights and
multiply-adds at once.</p>
<h2>How much does a separable layer save?</h2>
<p>Instead of <var>F</var><sup>2</sup><var>K</var><var>L</var> weights it has
<var>F</var><sup>2</sup><var>K</var> + <var>K</var><var>L</var>: fewer by a factor that depends on
the number of filters, and stays below <var>F</var><sup>2</sup>. For 3×3 it is {ratio256:.1f} at 256
filters, {ratio64:.1f} at 64, and never 9. <span id="ratio"></span></p>
<div id="curve"></div>
<p class="note">Dots are the library's own counts, for 3×3.{timed}</p>
"""
TIMED = """ The times in milliseconds beside the first example are those of one forward pass on the
CPU that made this page ({machine}; median of {repeats}). Few multiply-adds are not always fast: a
depthwise layer does little with each number that it fetches from memory."""


@page(
    "cost",
    "What a convolution costs",
    "Weights and multiply-adds of a layer, and of the cheaper ones in its place.",
    order=7,
)
def content(measure: bool = False) -> Content:
    """The layer that the page starts with, and what the library says of it."""
    times = measured() if measure else None
    timed = TIMED.format(machine=times["machine"], repeats=REPEATS) if times else ""
    return Content(
        TEXT.format(ratio256=ratio(256), ratio64=ratio(64), timed=timed),
        {
            "start": vars(START),
            "figures": figures(START),
            "ratios": [[n, ratio(n)] for n in (8, 16, 32, 64, 128, 256, 512, 1024)],
            "measured": times,
        },
        ("costs.js", "cost.js"),
        exercises(),
        styles=("cost.css",),
        lecture=["06-channels-and-cost.md", "07-cheaper-convolutions.md"],
    )


def exercises() -> list[Exercise]:
    """Questions, with answers by `gpugraph.analysis.cost`."""
    first = figures(Sizes(5, 3, 64, 100, 100, 1, 1))["plain"]["weights"]
    a, b = (figures(Sizes(3, n, n, m, m, 1, 1))["plain"]["macs"] for n, m in ((64, 56), (128, 28)))
    two, one = (figures(START)[kind]["weights"] for kind in ("threes", "five"))
    return [
        Exercise(
            "How many weights has a layer of 64 filters of 5×5 on an image of 3 channels, "
            "100×100 pixels, without bias?",
            first,
            "5·5·3·64. The size of the image doesn't matter: all places share the weights.",
        ),
        Exercise(
            "A network halves height and width, and doubles the channels in and out. By what "
            "factor do the multiply-adds of a 3×3 layer change?",
            b / a,
            f"Four times the weights at a quarter of the places: {a:,} both times.",
        ),
        Exercise(
            "Two layers of 3×3 in place of one of 5×5, channels kept: what share of its weights do "
            "they have?",
            two / one,
            "18 instead of 25 for each pair of channels: 0.72.",
        ),
    ]
