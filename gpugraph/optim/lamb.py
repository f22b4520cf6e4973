"""LAMB: Adam's direction, with steps in proportion to each parameter's own size."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ..core.backend import Array
from .adam import check_betas, moments
from .optimizer import Optimizer, at_least_0

__all__ = ["LAMB"]


class LAMB(Optimizer):
    """Adam's step for each whole parameter, scaled to the parameter's norm: for large batches.

        m = b1 * m + (1 - b1) * g                     m and v start at 0
        v = b2 * v + (1 - b2) * g^2
        u = m' / (sqrt(v') + eps) + weight_decay * p  m' = m / (1 - b1^t), v' = v / (1 - b2^t)
        p = p - lr * |p| / |u| * u                    the ratio is 1 where one of the norms is 0

    betas     (b1, b2); t counts the steps from 1
    maximize  climb: use the gradient with its sign turned
    No kernel, and no `fused`: a norm is of one parameter. On a GPU it runs as array operations.
    Source: You et al. 2020, arXiv:1904.00962, algorithm 2, with phi(x) = x.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        options = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, options)

    def check(self, group: dict[str, Any]) -> None:
        at_least_0("LAMB", group, "lr", "eps", "weight_decay")
        check_betas("LAMB", group["betas"])

    def update(
        self, xp: Any, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        b1, b2 = group["betas"]
        m, v = moments(xp, p, g, state, (b1, b2))
        t = state["step"]
        u = m / (1 - b1**t) / (xp.sqrt(v) / math.sqrt(1 - b2**t) + group["eps"])
        if group["weight_decay"]:
            u = u + group["weight_decay"] * p
        mine, step = xp.sqrt((p * p).sum()), xp.sqrt((u * u).sum())
        some = (mine > 0) & (step > 0)
        ratio = xp.where(some, mine, 1) / xp.where(some, step, 1)  # no number leaves the GPU
        p -= (group["lr"] * ratio) * u

    def scratch(self, group: dict[str, Any]) -> int:
        return 3
