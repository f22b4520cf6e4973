"""Schedules of the learning rate, in closed form: lr after t steps of the schedule.

>>> schedule = CosineAnnealingLR(optimizer, T_max=epochs)
>>> for epoch in range(epochs):
...     ...                                # optimizer.step() for every batch
...     schedule.step()
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..core.errors import ArgumentError, DataError
from .optimizer import Optimizer

__all__ = ["CosineAnnealingLR", "LambdaLR", "Schedule", "StepLR"]


class Schedule:
    """Base of all schedules: a subclass writes `lr`, a function of the steps so far.

    Each group starts from the lr that it has when the schedule is made.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise ArgumentError(
                f"{type(self).__name__}: optimizer is a {type(optimizer).__name__}, no Optimizer"
            )
        self.optimizer = optimizer
        self.base_lrs = [group["lr"] for group in optimizer.param_groups]
        self.last_epoch = 0
        self._set()

    def lr(self, base: float, t: int) -> float:
        """The learning rate after t steps of the schedule, for a group that starts at base."""
        raise NotImplementedError(f"{type(self).__name__} has no lr")

    def step(self) -> None:
        """Go on by one, usually after each epoch, and set the learning rate of every group."""
        self.last_epoch += 1
        self._set()

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """{"last_epoch": steps so far, "base_lrs": [...]}."""
        return {"last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a `state_dict`: the learning rates are set as they were then."""
        if len(state.get("base_lrs", ())) != len(self.base_lrs) or "last_epoch" not in state:
            raise DataError(
                f"{type(self).__name__}: load_state_dict: {state} does not fit; this schedule has "
                f"{len(self.base_lrs)} group(s)"
            )
        self.last_epoch, self.base_lrs = int(state["last_epoch"]), list(state["base_lrs"])
        self._set()

    def _set(self) -> None:
        for base, group in zip(self.base_lrs, self.optimizer.param_groups):
            group["lr"] = self.lr(base, self.last_epoch)


class StepLR(Schedule):
    """lr * gamma^floor(t / step_size): gamma times as much after every step_size steps."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        if step_size < 1:
            raise ArgumentError(f"StepLR: step_size={step_size} must be at least 1")
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer)

    def lr(self, base: float, t: int) -> float:
        return base * self.gamma ** (t // self.step_size)


class CosineAnnealingLR(Schedule):
    """Half a cosine from lr to eta_min in T_max steps (Loshchilov & Hutter 2017, arXiv:1608.03983).

    eta_min + (lr - eta_min) * (1 + cos(pi t / T_max)) / 2; after T_max the curve goes up again, as
    in PyTorch.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        if T_max < 1:
            raise ArgumentError(f"CosineAnnealingLR: T_max={T_max} must be at least 1")
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer)

    def lr(self, base: float, t: int) -> float:
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * t / self.T_max)) / 2


class LambdaLR(Schedule):
    """lr * factor(t), for any function of the steps so far: warm-up, for one."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float]) -> None:
        self.lr_lambda = lr_lambda
        super().__init__(optimizer)

    def lr(self, base: float, t: int) -> float:
        return base * self.lr_lambda(t)
