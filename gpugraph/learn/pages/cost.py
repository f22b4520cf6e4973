"""What kinds of convolution cost: weights, multiply-adds, and if asked, measured times."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

from ... import nn
from ...analysis import cost
from ...core.backend import default_device
from ...core.state import no_grad
from ...ops.random import Generator

__all__ = ["START", "Sizes", "data", "figures", "kinds", "measured"]


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
    found: Mapping[str, Any] = figures(Sizes(size, channels, channels, groups=1, narrow=1))
    return float(found["plain"]["weights"] / found["separable"]["weights"])


def data(measure: bool = False) -> dict[str, Any]:
    """What the page carries: the layer it starts with, and what the library says of it."""
    return {
        "start": vars(START),
        "figures": figures(START),
        "ratios": [[n, ratio(n)] for n in (8, 16, 32, 64, 128, 256, 512, 1024)],
        "measured": measured() if measure else None,
    }
