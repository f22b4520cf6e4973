"""One step of an optimizer over the parameters of a ResNet-50, by both libraries."""

from __future__ import annotations

from typing import Any

import numpy as np

import gpugraph as gg
from gpugraph.cuda import device as launcher
from gpugraph.testing import tolerance

from . import nets
from .calls import compare
from .device import Cpu, median_ms
from .rows import Step
from .setting import Setting, SkipError, right, wrong

__all__ = ["check_step"]


def check_step(setting: Setting, device: Cpu, step: Step) -> dict[str, Any]:
    """Three steps agree in all parameters, then the time of one."""
    shapes = _shapes(setting)
    rng = np.random.default_rng(0)
    values, gradients = ([rng.standard_normal(s, dtype=np.float32) for s in shapes]
                         for _ in range(2))  # fmt: skip
    params = [gg.Tensor(gg.Tensor(v).to(device.name).array, requires_grad=True) for v in values]
    for p, g in zip(params, gradients, strict=True):
        p.grad = gg.Tensor(g).to(device.name)
    mine = _made(gg.optim, step, params)
    for _ in range(3):
        mine.step()
    found: dict[str, Any] = {"parameters": sum(p.size for p in params), "tensors": len(params)}
    torch = device.torch
    if torch is None:
        found["torch"] = {"skipped": device.why_no_torch}
    else:
        theirs_params = [torch.from_numpy(v.copy()).to(device.torch_name) for v in values]
        for p, g in zip(theirs_params, gradients, strict=True):
            p.requires_grad_().grad = torch.from_numpy(g).to(p.device)
        theirs = _made(torch.optim, step, theirs_params)
        for _ in range(3):
            theirs.step()
        bound = 3 * tolerance(np.float32)  # three updates, each rounded a few times
        told = [compare(p.numpy(), q.detach().cpu().numpy(), bound)
                for p, q in zip(params, theirs_params, strict=True)]  # fmt: skip
        found["difference"] = {"largest": max(e for e, _ in told), "allowed": bound}
        if faults := [fault for _, fault in told if fault]:
            return wrong(f"after three steps: {faults[0]}", **found)
    before = launcher.launches.copy()
    mine.step()
    found["launches"] = dict(launcher.launches - before)
    found["ours"] = median_ms(device, mine.step)
    if torch is not None:
        found["torch"] = {"eager": median_ms(device, theirs.step)}
    return right(dtype="float32", **found)


def _made(module: Any, step: Step, params: list[Any]) -> Any:
    try:
        return getattr(module, step.optimizer)(params, **step.options)
    except TypeError as error:
        raise SkipError(f"{module.__name__}: {error}") from None


def _shapes(setting: Setting) -> list[tuple[int, ...]]:
    """Of all parameters of a ResNet-50; in a rehearsal, of LeNet."""
    with gg.default_device("cpu"):
        net = (nets.lenet if setting.rehearsal else nets.resnet50)(gg.nn)
    return [p.shape for p in net.parameters()]
