"""Part `parity`: a training step of each network that there is, CPU against GPU, op by op.

`gpugraph.testing.parity` tells an op's own error from what it inherited, and names the first that
is wrong. All of `gpugraph.models.catalogue`, and the networks that are trained here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import gpugraph as gg
from gpugraph.models.catalogue import NETWORKS, network

from . import nets
from .device import Cpu
from .setting import Setting, SkipError, right, wrong

__all__ = ["check", "items"]

BATCH = 4  # small, as all is kept; of the small inputs that the catalogue knows
OWN: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "VGG for CIFAR": (lambda: nets.vgg(gg.nn, (16, 24, 32)), (5, 3, 32, 32)),
    "ResNet of bottlenecks": (lambda: nets.resnet50(gg.nn, (1, 2, 1), 16, 11), (3, 3, 65, 57)),
}


def items(setting: Setting) -> list[str]:
    """The networks that are trained here, then every network of the package."""
    return [*OWN, *NETWORKS]


def check(setting: Setting, device: Cpu, name: str) -> dict[str, Any]:
    """In a worker: one network."""
    if not hasattr(gg.testing, "parity"):
        raise SkipError("gpugraph.testing has no parity")
    if device.name == "cpu":
        raise SkipError("compares the CPU with another device")
    make, shape = _known(name)
    with gg.default_device("cpu"):
        gg.random.seed(0)
        net = make()
    x = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    report = gg.testing.parity(net, x, devices=("cpu", device.name), steps=1)
    told = report.to_dict()
    nodes = told.pop("nodes", ())  # thousands; the table shows those that matter
    found = {"parity": told, "compared": len(nodes), "table": str(report)}
    return right(**found) if report.ok else wrong(str(report)[:1500], **found)


def _known(name: str) -> tuple[Callable[[], Any], tuple[int, ...]]:
    """How to make the network, and the shape of an input."""
    if name in OWN:
        return OWN[name]
    named = network(name)
    return named.make, (BATCH, *named.tiny)
