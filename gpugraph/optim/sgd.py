"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..core.backend import Array
from ..core.errors import ArgumentError
from ..cuda.kernel import FLOATS, Kernel
from .compiled import numbers
from .optimizer import Optimizer, at_least_0

__all__ = ["SGD"]

PLAIN = Kernel(
    "optim/sgd.cu", "sgd", "T* p, const T* grad, wide<T> lr, wide<T> decay, long long n",
    in_place=("p",), T=FLOATS,
)  # fmt: skip
MOMENTUM = Kernel(
    "optim/sgd.cu", "sgd_momentum",
    "T* p, const T* grad, T* b, wide<T> lr, wide<T> decay, wide<T> momentum, wide<T> rest, "
    "bool first, bool nesterov, long long n",
    in_place=("p", "b"), T=FLOATS,
)  # fmt: skip


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum and weight decay.

        g = grad + weight_decay * p
        b = momentum * b + (1 - dampening) * g        b starts as the first g
        g = g + momentum * b if nesterov else b       where there is momentum
        p = p - lr * g

    maximize  climb: use the gradient with its sign turned
    fused     one update for all parameters of a group, see `Optimizer`
    Sources: momentum as in Sutskever et al. 2013, "On the importance of initialization and momentum
    in deep learning", in the form of `torch.optim.SGD`, which multiplies all of b by lr.
    """

    elementwise = True

    later = {"maximize": False}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        fused: bool = False,
    ) -> None:
        options = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, options, fused)

    def check(self, group: dict[str, Any]) -> None:
        at_least_0("SGD", group, "lr", "momentum", "weight_decay")
        if group["nesterov"] and (group["momentum"] == 0 or group["dampening"] != 0):
            raise ArgumentError("SGD: nesterov=True needs a momentum above 0 and a dampening of 0")

    def update(
        self, xp: Any, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        momentum = group["momentum"]
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        if momentum:
            b = state.get("momentum_buffer")
            if b is None:
                b = state["momentum_buffer"] = xp.array(g)
            else:
                b *= momentum
                b += (1 - group["dampening"]) * g
            g = g + momentum * b if group["nesterov"] else b
        p -= group["lr"] * g

    def scratch(self, group: dict[str, Any]) -> int:
        return 1 + bool(group["weight_decay"]) + bool(group["nesterov"])

    def cuda(
        self, dev: Any, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        lr, decay, momentum = group["lr"], group["weight_decay"], group["momentum"]
        if not momentum:
            dev.launch(PLAIN, p, g, lr, decay, p.size, threads=p.size)
            return
        b = state.get("momentum_buffer")
        first = b is None
        if first:
            b = state["momentum_buffer"] = dev.empty(p.shape, p.dtype)
        options = momentum, 1 - group["dampening"], first, group["nesterov"]
        dev.launch(MOMENTUM, p, g, b, lr, decay, *options, p.size, threads=p.size)

    def remembers(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("momentum_buffer",) if group["momentum"] else ()

    def prepare(self, p: Array, state: dict[str, Any], group: dict[str, Any]) -> bool:
        """Is this the first step with momentum?"""
        first = bool(group["momentum"]) and state.get("momentum_buffer") is None
        if first:
            state["momentum_buffer"] = np.empty_like(p)
        return first

    def cpu(self, lib: Any, rows: Array, dtype: Any, first: bool, group: dict[str, Any]) -> None:
        options = numbers(
            dtype,
            *(-1 if group["maximize"] else 1, group["lr"], group["weight_decay"]),
            *(group["momentum"], 1 - group["dampening"], first, group["nesterov"]),
        )
        lib.call("sgd", dtype, rows, len(rows), options, bool(group["momentum"]))
