"""Relatives of Adam and of Adagrad: Adadelta, Adamax, NAdam, RAdam, Rprop.

None has a kernel: on a GPU they run as array operations.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ..core.backend import Array
from ..core.errors import ArgumentError
from .adam import check_betas, moments
from .optimizer import Optimizer, at_least_0

__all__ = ["Adadelta", "Adamax", "NAdam", "RAdam", "Rprop"]


def decayed(p: Array, g: Array, group: dict[str, Any]) -> Array:
    """The gradient with weight decay; decoupled, p shrinks instead, in place."""
    decay = group["weight_decay"]
    if not decay:
        return g
    if group.get("decoupled_weight_decay"):
        p *= 1 - group["lr"] * decay
        return g
    return g + decay * p


class Adadelta(Optimizer):
    """Steps as large as those before, over gradients as large as those before: units agree.

        g = grad + weight_decay * p
        v = rho * v + (1 - rho) * g^2                 v and u start at 0
        d = sqrt(u + eps) / sqrt(v + eps) * g
        u = rho * u + (1 - rho) * d^2
        p = p - lr * d

    maximize  climb: use the gradient with its sign turned
    fused     one update for all parameters of a group, see `Optimizer`
    Source: Zeiler 2012, arXiv:1212.5701, algorithm 1; lr as in `torch.optim`.
    """

    elementwise = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        fused: bool = False,
    ) -> None:
        options = {"lr": lr, "rho": rho, "eps": eps}
        options |= {"weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, options, fused)

    def check(self, group: dict[str, Any]) -> None:
        at_least_0("Adadelta", group, "lr", "rho", "eps", "weight_decay")
        if group["rho"] > 1:
            raise ArgumentError(f"Adadelta: rho={group['rho']!r} must be at most 1")

    def update(
        self, xp: Any, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        rho, eps = group["rho"], group["eps"]
        g = decayed(p, g, group)
        if not state:
            state.update(step=0, square_avg=xp.zeros_like(p), acc_delta=xp.zeros_like(p))
        state["step"] += 1
        v, u = state["square_avg"], state["acc_delta"]
        v *= rho
        v += (1 - rho) * (g * g)
        d = xp.sqrt(u + eps) / xp.sqrt(v + eps) * g
        u *= rho
        u += (1 - rho) * (d * d)
        p -= group["lr"] * d

    def scratch(self, group: dict[str, Any]) -> int:
        return 3 + bool(group["weight_decay"])


class Adamax(Optimizer):
    """Adam with the largest gradient so far, slowly forgotten, in place of the mean square.

        g = grad + weight_decay * p
        m = b1 * m + (1 - b1) * g                     m and u start at 0
        u = max(b2 * u, |g| + eps)
        p = p - lr / (1 - b1^t) * m / u

    betas     (b1, b2); t counts the steps from 1
    maximize  climb: use the gradient with its sign turned
    fused     one update for all parameters of a group, see `Optimizer`
    Source: Kingma & Ba 2015, arXiv:1412.6980, algorithm 2; eps as in `torch.optim`.
    """

    elementwise = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        fused: bool = False,
    ) -> None:
        options = {"lr": lr, "betas": betas, "eps": eps}
        options |= {"weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, options, fused)

    def check(self, group: dict[str, Any]) -> None:
        at_least_0("Adamax", group, "lr", "eps", "weight_decay")
        check_betas("Adamax", group["betas"])

    def update(
        self, xp: Any, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        b1, b2 = group["betas"]
        g = decayed(p, g, group)
        if not state:
            state.update(step=0, exp_avg=xp.zeros_like(p), exp_inf=xp.zeros_like(p))
        state["step"] += 1
        m, u = state["exp_avg"], state["exp_inf"]
        m *= b1
        m += (1 - b1) * g
        u *= b2
        u[...] = xp.maximum(u, xp.abs(g) + group["eps"])
        p -= group["lr"] / (1 - b1 ** state["step"]) * (m / u)

    def scratch(self, group: dict[str, Any]) -> int:
        return 2 + bool(group["weight_decay"])


class NAdam(Optimizer):
    """Adam that looks ahead, as Nesterov's momentum does.

        g = grad + weight_decay * p                   decoupled: p = p - lr * weight_decay * p
        m = b1 * m + (1 - b1) * g                     m and v start at 0
        v = b2 * v + (1 - b2) * g^2
        u_t = b1 * (1 - 0.96^(t * momentum_decay) / 2)
        p = p - lr * ((1 - u_t) / (1 - U_t) * g + u_{t+1} / (1 - U_{t+1}) * m)
                / (sqrt(v / (1 - b2^t)) + eps)

    with U_t the product of u_1 to u_t.

    betas     (b1, b2); t counts the steps from 1
    decoupled_weight_decay  as in `AdamW`
    maximize  climb: use the gradient with its sign turned
    fused     one update for all parameters of a group, see `Optimizer`
    Source: Dozat 2016, "Incorporating Nesterov momentum into Adam", with the schedule of momentum
    as in `torch.optim`.
    """

    elementwise = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
        fused: bool = False,
    ) -> None:
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        options |= {"momentum_decay": momentum_decay, "maximize": maximize}
        options["decoupled_weight_decay"] = decoupled_weight_decay
        super().__init__(params, options, fused)

    def check(self, group: dict[str, Any]) -> None:
        at_least_0("NAdam", group, "lr", "eps", "weight_decay", "momentum_decay")
        check_betas("NAdam", group["betas"])

    def update(
        self, xp: Any, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        b1, b2 = group["betas"]
        g = decayed(p, g, group)
        m, v = moments(xp, p, g, state, (b1, b2))
        t = state["step"]
        now, then = (b1 * (1 - 0.5 * 0.96 ** (k * group["momentum_decay"])) for k in (t, t + 1))
        product = state["mu_product"] = state.get("mu_product", 1.0) * now
        size = xp.sqrt(v / (1 - b2**t)) + group["eps"]
        p -= (group["lr"] * (1 - now) / (1 - product)) * (g / size)
        p -= (group["lr"] * then / (1 - product * then)) * (m / size)

    def scratch(self, group: dict[str, Any]) -> int:
        return 2 + bool(group["weight_decay"] and not group["decoupled_weight_decay"])


class RAdam(Optimizer):
    """Adam that waits with dividing until the mean square is worth something.

        g = grad + weight_decay * p                   decoupled: p = p - lr * weight_decay * p
        m, v                                          as in `Adam`
        r_t = R - 2 t b2^t / (1 - b2^t),              R = 2 / (1 - b2) - 1
        p = p - lr * m'                               where r_t <= 5: momentum alone
        p = p - lr * m' * k * sqrt(1 - b2^t) / (sqrt(v) + eps)    elsewhere, with
        k^2 = (r_t - 4) (r_t - 2) R / ((R - 4) (R - 2) r_t)

    betas     (b1, b2); t counts the steps from 1; m' = m / (1 - b1^t)
    decoupled_weight_decay  as in `AdamW`
    maximize  climb: use the gradient with its sign turned
    fused     one update for all parameters of a group, see `Optimizer`
    Source: Liu et al. 2020, arXiv:1908.03265, algorithm 2, with the threshold of `torch.optim`.
    """

    elementwise = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
        fused: bool = False,
    ) -> None:
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        options |= {"decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize}
        super().__init__(params, options, fused)

    def check(self, group: dict[str, Any]) -> None:
        at_least_0("RAdam", group, "lr", "eps", "weight_decay")
        check_betas("RAdam", group["betas"])

    def update(
        self, xp: Any, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        b1, b2 = group["betas"]
        g = decayed(p, g, group)
        m, v = moments(xp, p, g, state, (b1, b2))
        t = state["step"]
        rate, left = group["lr"] / (1 - b1**t), 1 - b2**t
        most = 2 / (1 - b2) - 1
        r = most - 2 * t * b2**t / left
        if r > 5:
            k = math.sqrt((r - 4) * (r - 2) * most / ((most - 4) * (most - 2) * r))
            p -= rate * k * math.sqrt(left) * (m / (xp.sqrt(v) + group["eps"]))
        else:
            p -= rate * m

    def scratch(self, group: dict[str, Any]) -> int:
        return 2 + bool(group["weight_decay"] and not group["decoupled_weight_decay"])


class Rprop(Optimizer):
    """Steps of a size of their own, for each coordinate; of the gradient only the sign counts.

    Where it has the sign of the one before, the step grows by etas[1], where it has turned, the
    step shrinks by etas[0] and is left out this time; p = p - step * sign(grad).

    lr          the first step
    step_sizes  the least and the largest step
    maximize    climb: use the gradient with its sign turned
    fused       one update for all parameters of a group, see `Optimizer`
    For gradients of the whole data set: those of batches differ in sign all the time.
    Source: Riedmiller & Braun 1993, in the form of `torch.optim` (Rprop- of Igel & Huesken 2000,
    with steps left out).
    """

    elementwise = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50.0),
        *,
        maximize: bool = False,
        fused: bool = False,
    ) -> None:
        options = {"lr": lr, "etas": etas, "step_sizes": step_sizes, "maximize": maximize}
        super().__init__(params, options, fused)

    def check(self, group: dict[str, Any]) -> None:
        at_least_0("Rprop", group, "lr")
        low, high = group["etas"]
        if not 0 < low < 1 < high:
            raise ArgumentError(f"Rprop: etas={group['etas']!r} must be 0 < etas[0] < 1 < etas[1]")

    def update(
        self, xp: Any, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        (low, high), (least, most) = group["etas"], group["step_sizes"]
        if not state:
            state.update(step=0, prev=xp.zeros_like(p), step_size=xp.full_like(p, group["lr"]))
        state["step"] += 1
        same = xp.sign(g * state["prev"])
        step = state["step_size"]
        step *= xp.where(same > 0, high, xp.where(same < 0, low, 1)).astype(p.dtype)
        step[...] = xp.clip(step, least, most)
        g = xp.where(same < 0, 0, g)
        state["prev"][...] = g
        p -= xp.sign(g) * step

    def scratch(self, group: dict[str, Any]) -> int:
        return 3
