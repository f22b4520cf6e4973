"""Optimizers: do their steps on the device agree with the CPU's, and how long does one take?"""

from __future__ import annotations

from inspect import signature
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

__all__ = ["check_agreement", "check_step", "optimizers", "stepped", "variants"]

STEPS = 3
SHAPES = ((1,), (7,), (3, 5, 7), (1031,), (2, 0), (67, 129))
# further options than a learning rate, to reach every branch of a rule
OPTIONS = {
    "SGD": ({}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    "Adam": ({}, {"weight_decay": 0.01}),
    "AdamW": ({"weight_decay": 0.01},),
}


def optimizers() -> list[str]:
    """The optimizers of `gpugraph.optim`."""
    return [
        name
        for name in gg.optim.__all__
        if isinstance(kind := getattr(gg.optim, name), type)
        and issubclass(kind, gg.optim.Optimizer)
        and kind is not gg.optim.Optimizer
    ]


def variants(name: str) -> list[dict[str, Any]]:
    """Options to try it with, each as it is and, where it can, fused."""
    found = [{"lr": 0.01, **options} for options in OPTIONS.get(name, ({},))]
    if "fused" in signature(getattr(gg.optim, name)).parameters:
        found += [{**options, "fused": True} for options in found]
    return found


def stepped(name: str, options: dict[str, Any], where: str, dtype: Any) -> list[Any]:
    """Parameters of several sizes after three steps with changing gradients, as NumPy arrays."""
    rng = np.random.default_rng(0)
    params = [
        gg.Tensor(gg.Tensor(rng.standard_normal(s).astype(dtype)).to(where).array, True)
        for s in SHAPES
    ]
    optimizer = getattr(gg.optim, name)(params, **options)
    for _ in range(STEPS):
        for p in params:
            p.grad = gg.Tensor(rng.standard_normal(p.shape).astype(dtype)).to(where)
        optimizer.step()
    return [p.numpy() for p in params]


def check_agreement(device: Cpu, name: str, repeats: int) -> dict[str, Any]:
    """All variants in float32 and float64 against the CPU; repeated, bit for bit."""
    found: dict[str, Any] = {"dtypes": {}, "repeats": repeats}
    faults = []
    for dtype in map(np.dtype, ("float32", "float64")):
        bound = STEPS * tolerance(dtype)  # each step rounds a few times
        worst = 0.0
        for options in variants(name):
            here = stepped(name, options, "cpu", dtype)
            there = stepped(name, options, device.name, dtype)
            for y, w in zip(there, here, strict=True):
                error, fault = compare(y, w, bound)
                worst = max(worst, error)
                faults += [f"{dtype} {options} {w.shape}: {fault}"] if fault else []
            bits = [y.tobytes() for y in there]
            for _ in range(repeats - 1):
                again = stepped(name, options, device.name, dtype)
                if [y.tobytes() for y in again] != bits:
                    faults.append(f"{dtype} {options}: the same steps give other bits")
                    break
        found["dtypes"][dtype.name] = {"error": worst, "bound": bound}
    return wrong("; ".join(faults)[:2000], **found) if faults else right(**found)


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
