"""Schedules made of schedules: one after the other, and all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from ..core.errors import ArgumentError, DataError
from .optimizer import Optimizer
from .schedule import Schedule

__all__ = ["ChainedScheduler", "SequentialLR"]


class SequentialLR(Schedule):
    """One schedule after the other, each from its own start: a warm-up and what comes behind it.

    >>> warm_up = LinearLR(optimizer, 0.01, total_iters=5)
    >>> schedule = SequentialLR(optimizer, [warm_up, CosineAnnealingLR(optimizer, 95)], [5])

    schedulers  schedules of this optimizer; only this one is stepped from now on
    milestones  after how many steps the second, the third, ... begins
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[Schedule],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        if len(milestones) != len(schedulers) - 1 or list(milestones) != sorted(milestones):
            raise ArgumentError(
                f"SequentialLR: milestones={list(milestones)} must rise, and be one fewer than the "
                f"{len(schedulers)} schedulers"
            )
        for i, part in enumerate(schedulers):
            if (
                not isinstance(part, Schedule)
                or part.needs_metric
                or isinstance(part, ChainedScheduler)  # it can't start later
            ):
                raise ArgumentError(
                    f"SequentialLR: schedulers[{i}] is a {type(part).__name__}; it must be a "
                    "schedule that steps without a metric"
                )
            if part.optimizer is not optimizer:
                raise ArgumentError(f"SequentialLR: schedulers[{i}] has another optimizer")
        self.schedulers, self.milestones = list(schedulers), list(milestones)
        super().__init__(optimizer, last_epoch)

    def _set(self) -> None:
        i = bisect_right(self.milestones, self.last_epoch)
        part = self.schedulers[i]
        part.last_epoch = self.last_epoch - (self.milestones[i - 1] if i else 0)
        part._set()

    def state_dict(self) -> dict[str, Any]:
        """As of every schedule, and "schedulers": those of the parts."""
        return {**super().state_dict(), "schedulers": [s.state_dict() for s in self.schedulers]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        load_parts(self, self.schedulers, state)
        super().load_state_dict(state)


class ChainedScheduler(Schedule):
    """Several schedules at once: each multiplies the rate that the others have left.

    schedulers  schedules of one optimizer; only this one is stepped from now on
    optimizer   theirs, by default
    Each of them goes on from the rate as it is, as PyTorch's do: factors multiply; a cosine comes
    nearer to its eta_min; warm restarts set the rate, whatever it was.
    """

    def __init__(self, schedulers: Sequence[Schedule], optimizer: Optimizer | None = None) -> None:
        self.schedulers = list(schedulers)
        if not self.schedulers:
            raise ArgumentError("ChainedScheduler: schedulers is empty; there is nothing to chain")
        optimizer = optimizer or getattr(self.schedulers[0], "optimizer", None)
        for i, part in enumerate(self.schedulers):
            kind = type(part)
            if not isinstance(part, Schedule) or kind.get_lr is not Schedule.get_lr:
                raise ArgumentError(
                    f"ChainedScheduler: schedulers[{i}] is a {kind.__name__}; it must be a "
                    "schedule of which a formula tells the rate"
                )
            if part.optimizer is not optimizer:
                raise ArgumentError(f"ChainedScheduler: schedulers[{i}] has another optimizer")
        assert optimizer is not None
        super().__init__(optimizer)
        self.last_epoch = self.schedulers[0].last_epoch
        for part in self.schedulers[:-1]:  # the last has set its rate by itself
            for base, group in zip(self.base_lrs, optimizer.param_groups):
                group["lr"] *= part.lr(base, part.last_epoch) / base

    def get_lr(self) -> list[float]:
        return self.get_last_lr()

    def step(self) -> None:
        self.last_epoch += 1
        for part in self.schedulers:
            part.last_epoch += 1
            for base, group in zip(part.base_lrs, self.optimizer.param_groups):
                group["lr"] = part.onward(group["lr"], base, part.last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """As of every schedule, the rates, and "schedulers": the states of the parts."""
        parts = [s.state_dict() for s in self.schedulers]
        return {**super().state_dict(), "lrs": self.get_last_lr(), "schedulers": parts}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        load_parts(self, self.schedulers, state)
        super().load_state_dict(state)
        for rate, group in zip(state["lrs"], self.optimizer.param_groups, strict=True):
            group["lr"] = rate


def load_parts(whole: Schedule, schedulers: list[Schedule], state: dict[str, Any]) -> None:
    """Give each part its state."""
    parts = state.get("schedulers", ())
    if len(parts) != len(schedulers):
        raise DataError(
            f"{type(whole).__name__}: load_state_dict: state of {len(parts)} schedulers; this has "
            f"{len(schedulers)}"
        )
    for part, told in zip(schedulers, parts, strict=True):
        part.load_state_dict(told)
