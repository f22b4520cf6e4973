"""Adam and AdamW."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..core.backend import Array
from ..core.errors import ArgumentError
from ..cuda.kernel import FLOATS, Kernel
from .compiled import numbers
from .optimizer import Optimizer, at_least_0

__all__ = ["Adam", "AdamW"]

ADAM = Kernel(
    "optim/adam.cu", "adam",
    "T* p, const T* grad, T* m, T* v, wide<T> rate, wide<T> root, wide<T> b1, wide<T> rest1, "
    "wide<T> b2, wide<T> rest2, wide<T> eps, wide<T> decay, wide<T> keep, long long n",
    in_place=("p", "m", "v"), T=FLOATS,
)  # fmt: skip


class Adam(Optimizer):
    """Steps of about lr in every coordinate, from running means of the gradient and its square.

        g = grad + weight_decay * p
        m = b1 * m + (1 - b1) * g                     m and v start at 0
        v = b2 * v + (1 - b2) * g^2
        p = p - lr * m' / (sqrt(v') + eps)            m' = m / (1 - b1^t), v' = v / (1 - b2^t)

    betas     (b1, b2); t counts the steps from 1
    amsgrad   divide by the largest v so far, so that no step grows again; has no kernel
    maximize  climb: use the gradient with its sign turned
    fused     one update for all parameters of a group, see `Optimizer`
    Sources: Kingma & Ba 2015, arXiv:1412.6980, algorithm 1; amsgrad: Reddi, Kale, Kumar 2018,
    arXiv:1904.09237, algorithm 2, with the corrections of v, as in `torch.optim.Adam`.
    """

    elementwise = True

    later = {"amsgrad": False, "maximize": False}

    decoupled = False  # does weight decay bypass m and v?

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        fused: bool = False,
    ) -> None:
        options = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
        }
        super().__init__(params, options, fused)

    def check(self, group: dict[str, Any]) -> None:
        name = type(self).__name__
        at_least_0(name, group, "lr", "eps", "weight_decay")
        check_betas(name, group["betas"])

    def kernel_limits(self, group: dict[str, Any]) -> str | None:
        return "amsgrad=True has no kernel" if group["amsgrad"] else None

    def update(
        self, xp: Any, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        lr, (b1, b2), decay = group["lr"], group["betas"], group["weight_decay"]
        if decay and self.decoupled:
            p *= 1 - lr * decay
        elif decay:
            g = g + decay * p
        m, v = moments(xp, p, g, state, (b1, b2))
        t = state["step"]
        if group["amsgrad"]:
            top = state.get("max_exp_avg_sq")
            v = xp.array(v) if top is None else xp.maximum(top, v, out=top)
            state["max_exp_avg_sq"] = v
        spread = xp.sqrt(v) / math.sqrt(1 - b2**t) + group["eps"]
        p -= lr / (1 - b1**t) * (m / spread)

    def scratch(self, group: dict[str, Any]) -> int:
        return 2 + bool(group["weight_decay"] and not self.decoupled)

    def cuda(
        self, dev: Any, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        if not state:
            state.update(step=0, exp_avg=dev.xp.zeros_like(p), exp_avg_sq=dev.xp.zeros_like(p))
        t = state["step"] = state["step"] + 1
        arrays = p, g, state["exp_avg"], state["exp_avg_sq"]
        dev.launch(ADAM, *arrays, *self._numbers_of(group, t), p.size, threads=p.size)

    def remembers(self, group: dict[str, Any]) -> tuple[str, ...]:
        return "exp_avg", "exp_avg_sq", *(("max_exp_avg_sq",) if group["amsgrad"] else ())

    def prepare(self, p: Array, state: dict[str, Any], group: dict[str, Any]) -> int:
        """Which step is it?"""
        if not state:
            state.update(step=0, exp_avg=np.zeros_like(p), exp_avg_sq=np.zeros_like(p))
        if group["amsgrad"] and state.get("max_exp_avg_sq") is None:
            state["max_exp_avg_sq"] = np.zeros_like(p)
        state["step"] += 1
        t: int = state["step"]
        return t

    def cpu(self, lib: Any, rows: Array, dtype: Any, t: int, group: dict[str, Any]) -> None:
        options = numbers(dtype, -1 if group["maximize"] else 1, *self._numbers_of(group, t))
        lib.call("adam", dtype, rows, len(rows), options, bool(group["amsgrad"]))

    def _numbers_of(self, group: dict[str, Any], t: int) -> tuple[float, ...]:
        """What kernels need of the options in step t, computed in double."""
        lr, (b1, b2), decay = group["lr"], group["betas"], group["weight_decay"]
        through, keep = (0, 1 - lr * decay) if self.decoupled else (decay, 1)
        return (
            *(lr / (1 - b1**t), math.sqrt(1 - b2**t), b1, 1 - b1, b2, 1 - b2),
            *(group["eps"], through, keep),
        )


class AdamW(Adam):
    """Adam with weight decay that does not go through its running means.

    p = p - lr * weight_decay * p comes first, then Adam's step without weight decay.
    Source: Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2, with its schedule left to
    `gpugraph.optim.schedule` and lr in front of the decay, as in `torch.optim.AdamW`.
    """

    decoupled = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        fused: bool = False,
    ) -> None:
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, fused=fused
        )


def check_betas(name: str, betas: Any) -> None:
    """Raise ArgumentError unless these are two decay rates."""
    if not (
        isinstance(betas, (tuple, list)) and len(betas) == 2 and all(0 <= b < 1 for b in betas)
    ):
        raise ArgumentError(f"{name}: betas={betas!r} must be two numbers from 0 to below 1")


def moments(xp: Any, p: Array, g: Array, state: dict[str, Any], betas: Any) -> tuple[Array, Array]:
    """The running means of the gradient and of its square, one step on."""
    if not state:
        state.update(step=0, exp_avg=xp.zeros_like(p), exp_avg_sq=xp.zeros_like(p))
    state["step"] += 1
    m, v = state["exp_avg"], state["exp_avg_sq"]
    m *= betas[0]
    m += (1 - betas[0]) * g
    v *= betas[1]
    v += (1 - betas[1]) * (g * g)
    return m, v
