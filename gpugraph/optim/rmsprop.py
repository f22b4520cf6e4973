"""RMSprop and Adagrad: each coordinate divided by the size that its gradients have had."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..core.backend import Array
from ..core.errors import ArgumentError
from .compiled import numbers
from .optimizer import Optimizer, at_least_0

__all__ = ["Adagrad", "RMSprop"]


class RMSprop(Optimizer):
    """The gradient divided by the root of a running mean of its square.

        g = grad + weight_decay * p
        v = alpha * v + (1 - alpha) * g^2             v and m start at 0
        m = alpha * m + (1 - alpha) * g               centered: v - m^2 takes the place of v
        d = g / (sqrt(v) + eps)
        b = momentum * b + d                          b starts as the first d
        p = p - lr * (b if momentum else d)

    maximize  climb: use the gradient with its sign turned
    fused     one update for all parameters of a group, see `Optimizer`
    No kernel: on a GPU it runs as array operations. v - m^2 is a variance: where rounding makes it
    negative, it counts as 0.
    Sources: T. Tieleman, G. Hinton, "Neural networks for machine learning", lecture 6.5, 2012;
    centered: Graves 2013, arXiv:1308.0850, eq. 38 to 40; eps outside the root as in
    `torch.optim.RMSprop`.
    """

    elementwise = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
        fused: bool = False,
    ) -> None:
        options = {
            "lr": lr,
            "alpha": alpha,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "centered": centered,
            "maximize": maximize,
        }
        super().__init__(params, options, fused)

    def check(self, group: dict[str, Any]) -> None:
        at_least_0("RMSprop", group, "lr", "alpha", "eps", "weight_decay", "momentum")
        if group["alpha"] > 1:
            raise ArgumentError(f"RMSprop: alpha={group['alpha']!r} must be at most 1")

    def update(
        self, xp: Any, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        alpha, momentum = group["alpha"], group["momentum"]
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        if not state:
            state.update(step=0, square_avg=xp.zeros_like(p))
            state.update({"grad_avg": xp.zeros_like(p)} if group["centered"] else {})
            state.update({"momentum_buffer": xp.zeros_like(p)} if momentum else {})
        state["step"] += 1
        v = state["square_avg"]
        v *= alpha
        v += (1 - alpha) * (g * g)
        if group["centered"]:
            m = state["grad_avg"]
            m *= alpha
            m += (1 - alpha) * g
            v = xp.maximum(v - m * m, 0)
        d = g / (xp.sqrt(v) + group["eps"])
        if momentum:
            b = state["momentum_buffer"]
            b *= momentum
            b += d
            d = b
        p -= group["lr"] * d

    def scratch(self, group: dict[str, Any]) -> int:
        return 2 + bool(group["weight_decay"]) + bool(group["centered"])

    def remembers(self, group: dict[str, Any]) -> tuple[str, ...]:
        # a name for each place in a row: momentum has its own, whether there is a mean or not
        mean = "grad_avg" if group["centered"] else "square_avg"
        return "square_avg", mean, *(("momentum_buffer",) if group["momentum"] else ())

    def prepare(self, p: Array, state: dict[str, Any], group: dict[str, Any]) -> bool:
        if not state:
            state.update(step=0, square_avg=np.zeros_like(p))
            state.update({"grad_avg": np.zeros_like(p)} if group["centered"] else {})
            state.update({"momentum_buffer": np.zeros_like(p)} if group["momentum"] else {})
        state["step"] += 1
        return True

    def cpu(self, lib: Any, rows: Array, dtype: Any, key: bool, group: dict[str, Any]) -> None:
        alpha = group["alpha"]
        options = numbers(
            dtype,
            *(-1 if group["maximize"] else 1, group["lr"], group["weight_decay"]),
            *(alpha, 1 - alpha, group["eps"], group["momentum"], group["centered"]),
        )
        lib.call("rmsprop", dtype, rows, len(rows), options)


class Adagrad(Optimizer):
    """The gradient divided by the root of the sum of all its squares: steps that only shrink.

        g = grad + weight_decay * p
        s = s + g^2                                   s starts at initial_accumulator_value
        p = p - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)

    t counts the steps from 1.

    maximize  climb: use the gradient with its sign turned
    fused     one update for all parameters of a group, see `Optimizer`
    No kernel: on a GPU it runs as array operations.
    Source: Duchi, Hazan, Singer 2011, "Adaptive subgradient methods", JMLR 12, the diagonal form.
    """

    elementwise = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
        fused: bool = False,
    ) -> None:
        options = {
            "lr": lr,
            "lr_decay": lr_decay,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "eps": eps,
            "maximize": maximize,
        }
        super().__init__(params, options, fused)

    def check(self, group: dict[str, Any]) -> None:
        at_least_0("Adagrad", group, *(group.keys() - {"params", "initial_lr", "maximize"}))

    def update(
        self, xp: Any, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        if not state:
            state.update(step=0, sum=xp.full_like(p, group["initial_accumulator_value"]))
        state["step"] += 1
        total = state["sum"]
        total += g * g
        rate = group["lr"] / (1 + (state["step"] - 1) * group["lr_decay"])
        p -= rate * (g / (xp.sqrt(total) + group["eps"]))

    def scratch(self, group: dict[str, Any]) -> int:
        return 2 + bool(group["weight_decay"])

    def remembers(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("sum",)

    def prepare(self, p: Array, state: dict[str, Any], group: dict[str, Any]) -> int:
        """Which step is it?"""
        if not state:
            state.update(step=0, sum=np.full_like(p, group["initial_accumulator_value"]))
        state["step"] += 1
        t: int = state["step"]
        return t

    def cpu(self, lib: Any, rows: Array, dtype: Any, t: int, group: dict[str, Any]) -> None:
        rate = group["lr"] / (1 + (t - 1) * group["lr_decay"])
        turn = -1 if group["maximize"] else 1
        options = numbers(dtype, turn, rate, group["weight_decay"], group["eps"])
        lib.call("adagrad", dtype, rows, len(rows), options)
