"""Part `train`: training steps of the networks of `nets`, by gpugraph and by eager PyTorch.

Forward, backward and an SGD step with momentum, in float32, from the same weights on the same data:
first the losses of three steps, which must agree, then the time of a step, then its peak memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph.testing import tolerance

from . import nets
from .bench import precision
from .calls import recorded, work_of
from .device import Cpu, median_ms
from .setting import Setting, right, wrong

__all__ = ["check", "items"]

STEPS = 3  # whose losses are compared
SECONDS = 2.0  # of timing, a column


class Training(NamedTuple):
    """What is trained: a network, as a function of the library's nn, and the shape of a batch."""

    make: Callable[[Any], Any]
    images: tuple[int, ...]
    classes: int


REAL = {
    "LeNet, batch 64": Training(nets.lenet, (64, 1, 28, 28), 10),
    "VGG for CIFAR, batch 128": Training(nets.vgg, (128, 3, 32, 32), 10),
    "ResNet-50, batch 32": Training(nets.resnet50, (32, 3, 224, 224), 1000),
}
TINY = {
    "LeNet, batch 64": Training(nets.lenet, (3, 1, 28, 28), 10),
    "VGG for CIFAR, batch 128": Training(lambda nn: nets.vgg(nn, (4, 6), 8), (4, 3, 8, 8), 10),
    "ResNet-50, batch 32": Training(lambda nn: nets.resnet50(nn, (1, 2), 4, 7), (3, 3, 33, 33), 7),
}


def items(setting: Setting) -> list[str]:
    """The networks."""
    return list(REAL)


def check(setting: Setting, device: Cpu, name: str) -> dict[str, Any]:
    """In a worker: one network."""
    training = (TINY if setting.rehearsal else REAL)[name]
    rng = np.random.default_rng(0)
    x = rng.standard_normal(training.images, dtype=np.float32)
    target = rng.integers(0, training.classes, len(x))
    with gg.default_device("cpu"):
        gg.random.seed(0)
        net = training.make(gg.nn)
    state = net.state_dict()
    found: dict[str, Any] = {"dtype": "float32", "batch": len(x)}
    found["parameters"] = sum(p.size for p in net.parameters())
    step = _ours(net.to(device.name), gg.Tensor(x).to(device.name), target)
    losses, terms = [], 0
    for _ in range(STEPS):
        loss = step()
        nodes = recorded([loss])
        terms = terms or sum(work_of([node]).terms for node in nodes)  # rounding adds up in depth
        losses.append(loss.item())
        del loss, nodes
    found["losses"] = losses
    if device.torch is not None:
        fault = _compare(found, device, training, state, (x, target), terms)
        if fault:
            return wrong(fault, **found)
    found["ours"] = _timed(device, "gpugraph", step, len(x))
    del step, net
    device.free()
    found["torch"] = _race(device, training, state, (x, target))
    return right(**found)


def _timed(device: Cpu, library: str, step: Callable[[], Any], batch: int) -> dict[str, Any]:
    """Time and peak memory of a step."""
    found: dict[str, Any] = median_ms(device, step, SECONDS)
    found["images/s"] = 1e3 * batch / found["ms"]
    with device.peak(library) as most:
        step()
    if most:
        found["peak bytes"] = most["bytes"]
    return found


def _ours(net: Any, x: Any, target: Any) -> Callable[[], Any]:
    classes = gg.Tensor(target).to(x.device)
    optimizer = gg.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)

    def step() -> Any:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), classes)
        loss.backward()
        optimizer.step()
        return loss

    return step


def _theirs(
    device: Cpu, training: Training, state: dict[str, Any], data: Any, channels_last: bool
) -> Callable[[], Any]:
    """The same step in PyTorch, from our weights."""
    torch = device.torch
    net = training.make(torch.nn)
    given = {name: torch.from_numpy(values) for name, values in state.items()}
    told = net.load_state_dict(given, strict=False)
    missing = [name for name in told.missing_keys if not name.endswith("num_batches_tracked")]
    if missing or told.unexpected_keys:
        raise KeyError(f"the networks differ: {missing} are missing, {told.unexpected_keys} extra")
    how = {"memory_format": torch.channels_last} if channels_last else {}
    net = net.to(device.torch_name, **how)
    x = torch.from_numpy(data[0]).to(device.torch_name, **how)
    classes = torch.from_numpy(data[1]).to(device.torch_name)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)

    def step() -> Any:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(x), classes)
        loss.backward()
        optimizer.step()
        return loss

    return step


def _compare(
    found: dict[str, Any], device: Cpu, training: Training, state: Any, data: Any, terms: int
) -> str:
    """What is wrong with our losses, if PyTorch's are right; the n-th may be n times as far off."""
    with precision(device.torch):
        step = _theirs(device, training, state, data, False)
        theirs = [float(step().detach()) for _ in range(STEPS)]
    allowed = [tolerance(np.float32, terms) * (1 + abs(b)) * (k + 1) for k, b in enumerate(theirs)]
    found["losses of torch"], found["allowed"] = theirs, allowed
    for k, (a, b, bound) in enumerate(zip(found["losses"], theirs, allowed, strict=True)):
        if not abs(a - b) <= bound:
            return f"loss {k}: {a:.7g}, PyTorch has {b:.7g}; they may differ by {bound:.1e}"
    return ""


def _race(device: Cpu, training: Training, state: Any, data: Any) -> dict[str, Any]:
    if device.torch is None:
        return {"skipped": device.why_no_torch}
    found = {}
    for column, channels_last, tf32 in (
        ("NCHW", False, False),
        ("channels_last", True, False),
        ("NCHW, TF32", False, True),
        ("channels_last, TF32", True, True),
    ):
        with precision(device.torch, tf32):
            step = _theirs(device, training, state, data, channels_last)
            found[column] = _timed(device, "torch", step, len(data[0]))
        del step
        device.free()
    return found
