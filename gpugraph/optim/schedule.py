"""Schedules of the learning rate, in closed form: lr after t steps of the schedule.

>>> schedule = CosineAnnealingLR(optimizer, T_max=epochs)
>>> for epoch in range(epochs):
...     ...                                # optimizer.step() for every batch
...     schedule.step()
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from ..core.errors import ArgumentError, DataError
from .optimizer import Optimizer

__all__ = [
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "ExponentialLR",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "PolynomialLR",
    "Schedule",
    "StepLR",
]


class Schedule:
    """Base of all schedules: a subclass writes `lr`, a function of the steps so far.

    Each group starts from the lr that it had when its first schedule was made, which is kept in the
    group as "initial_lr". So schedules of one optimizer can be made one behind the other.

    last_epoch  steps of the schedule before this one, less 1; -1 starts anew. Else each group must
                tell its "initial_lr"
    """

    needs_metric: ClassVar[bool] = False  # does ``step`` take what was measured?

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        name = type(self).__name__
        if not isinstance(optimizer, Optimizer):
            raise ArgumentError(f"{name}: optimizer is a {type(optimizer).__name__}, no Optimizer")
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch >= 0 and "initial_lr" not in group:
                raise ArgumentError(
                    f"{name}: last_epoch={last_epoch} goes on, but group {i} has no 'initial_lr'; "
                    "load the optimizer's state first, or use load_state_dict of the schedule"
                )
            group.setdefault("initial_lr", group["lr"])
        self.optimizer = optimizer
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch + 1
        self._set()

    def lr(self, base: float, t: int) -> float:
        """The learning rate after t steps of the schedule, for a group that starts at base."""
        raise NotImplementedError(f"{type(self).__name__} has no lr")

    def get_lr(self) -> list[float]:
        """The learning rates of the groups, by the closed form, after the steps so far."""
        return [self.lr(base, self.last_epoch) for base in self.base_lrs]

    def onward(self, rate: float, base: float, t: int) -> float:
        """The rate after t steps for one that, by other schedules as well, is `rate` after t - 1.

        For `ChainedScheduler`: what this one multiplies its own rate by.
        """
        before, now = self.lr(base, t - 1), self.lr(base, t)
        if now == before:
            return rate
        return rate * (now / before) if before else now

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
        for rate, group in zip(self.get_lr(), self.optimizer.param_groups):
            group["lr"] = rate


class StepLR(Schedule):
    """lr * gamma^floor(t / step_size): gamma times as much after every step_size steps."""

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        if step_size < 1:
            raise ArgumentError(f"StepLR: step_size={step_size} must be at least 1")
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def lr(self, base: float, t: int) -> float:
        return base * self.gamma ** (t // self.step_size)


class MultiStepLR(Schedule):
    """lr * gamma^(how many milestones are at most t); one given twice counts twice."""

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def lr(self, base: float, t: int) -> float:
        return base * self.gamma ** bisect_right(self.milestones, t)


class ExponentialLR(Schedule):
    """lr * gamma^t."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def lr(self, base: float, t: int) -> float:
        return base * self.gamma**t


class ConstantLR(Schedule):
    """lr * factor for the first total_iters steps, then lr."""

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 <= factor <= 1:
            raise ArgumentError(f"ConstantLR: factor={factor} must lie in 0 to 1")
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def lr(self, base: float, t: int) -> float:
        return base * (self.factor if t < self.total_iters else 1)


class LinearLR(Schedule):
    """lr times a factor that goes in a line from start_factor to end_factor, in total_iters steps.

    A warm-up, as it stands: from a third of lr to lr.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1:
            raise ArgumentError(f"LinearLR: start_factor={start_factor} must be above 0, at most 1")
        if not 0 <= end_factor <= 1:
            raise ArgumentError(f"LinearLR: end_factor={end_factor} must lie in 0 to 1")
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def lr(self, base: float, t: int) -> float:
        share = min(1.0, t / self.total_iters) if self.total_iters > 0 else 1.0
        return base * (self.start_factor + (self.end_factor - self.start_factor) * share)


class PolynomialLR(Schedule):
    """lr * (1 - t / total_iters)^power, and 0 from total_iters on."""

    def __init__(
        self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1
    ) -> None:
        if total_iters < 1:
            raise ArgumentError(f"PolynomialLR: total_iters={total_iters} must be at least 1")
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def lr(self, base: float, t: int) -> float:
        return base * (1 - min(t, self.total_iters) / self.total_iters) ** self.power


class CosineAnnealingLR(Schedule):
    """Half a cosine from lr to eta_min in T_max steps (Loshchilov & Hutter 2017, arXiv:1608.03983).

    eta_min + (lr - eta_min) * (1 + cos(pi t / T_max)) / 2; after T_max the curve goes up again, as
    in PyTorch.
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        if T_max < 1:
            raise ArgumentError(f"CosineAnnealingLR: T_max={T_max} must be at least 1")
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def lr(self, base: float, t: int) -> float:
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * t / self.T_max)) / 2

    def onward(self, rate: float, base: float, t: int) -> float:
        low, height = self.eta_min, 1 + math.cos(math.pi * (t - 1) / self.T_max)
        if (t - 1) % (2 * self.T_max) == self.T_max:  # from the bottom up
            return rate + (base - low) * (1 - math.cos(math.pi / self.T_max)) / 2
        return low + (rate - low) * (1 + math.cos(math.pi * t / self.T_max)) / height


class CosineAnnealingWarmRestarts(Schedule):
    """Half cosines from lr to eta_min, one behind the other, each T_mult times as long.

    T_0  steps in the first. Source: Loshchilov & Hutter 2017, arXiv:1608.03983, eq. 5.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        for option, value in (("T_0", T_0), ("T_mult", T_mult)):
            if not isinstance(value, int) or value < 1:
                raise ArgumentError(
                    f"CosineAnnealingWarmRestarts: {option}={value!r} must be an integer of at "
                    "least 1"
                )
        self.T_0, self.T_mult, self.eta_min = T_0, T_mult, eta_min
        super().__init__(optimizer, last_epoch)

    def lr(self, base: float, t: int) -> float:
        length = self.T_0
        if self.T_mult == 1:
            t %= length
        while t >= length:
            t, length = t - length, length * self.T_mult
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * t / length)) / 2

    def onward(self, rate: float, base: float, t: int) -> float:
        return self.lr(base, t)


class LambdaLR(Schedule):
    """lr * factor(t), for any function of the steps so far: warm-up, for one.

    lr_lambda  the function, or one for each group. It is no part of the state
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        self.lr_lambda = lr_lambda
        if not callable(lr_lambda) and len(lr_lambda) != len(optimizer.param_groups):
            raise ArgumentError(
                f"{type(self).__name__}: lr_lambda has {len(lr_lambda)} functions; the optimizer "
                f"has {len(optimizer.param_groups)} group(s)"
            )
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        known = self.lr_lambda
        functions = [known] * len(self.base_lrs) if callable(known) else known
        return [b * self.factor(f, self.last_epoch) for b, f in zip(self.base_lrs, functions)]

    def factor(self, function: Callable[[int], float], t: int) -> float:
        """What a function makes of lr after t steps."""
        return function(t)


class MultiplicativeLR(LambdaLR):
    """lr * factor(1) * ... * factor(t): each step multiplies by what the function gives for it."""

    def factor(self, function: Callable[[int], float], t: int) -> float:
        return math.prod(function(k) for k in range(1, t + 1))
