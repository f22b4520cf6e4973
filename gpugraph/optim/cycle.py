"""Schedules that go up and down, momentum against the learning rate; and one that looks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..core.errors import ArgumentError, DataError
from .optimizer import Optimizer
from .schedule import Schedule

__all__ = ["CyclicLR", "OneCycleLR", "ReduceLROnPlateau"]


class OneCycleLR(Schedule):
    """Up from max_lr / div_factor to max_lr, then far down; momentum goes the other way.

    max_lr            the highest rate, or one for each group
    total_steps       of the whole cycle; or epochs and steps_per_epoch, whose product it is
    pct_start         share of the steps that go up
    anneal_strategy   "cos": half cosines, or "linear"
    cycle_momentum    also move the momentum (or the first of betas) from max_momentum down to
                      base_momentum, and up again
    div_factor        max_lr over the first rate
    final_div_factor  the first rate over the last
    three_phase       come down to the first rate as fast as it went up; only then go lower
    Step it after each batch (``fit(schedule_each="batch")``). Raises ArgumentError past its end.
    Source: Smith & Topin 2018, arXiv:1708.07120, in the form of `torch.optim`.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        if total_steps is None and (epochs is None or steps_per_epoch is None):
            raise ArgumentError("OneCycleLR: give total_steps, or epochs and steps_per_epoch")
        self.total_steps = total_steps or (epochs or 0) * (steps_per_epoch or 0)
        if self.total_steps < 1:
            raise ArgumentError(f"OneCycleLR: total_steps={self.total_steps} must be at least 1")
        if not 0 <= pct_start <= 1:
            raise ArgumentError(f"OneCycleLR: pct_start={pct_start} must lie in 0 to 1")
        if anneal_strategy not in ("cos", "linear"):
            raise ArgumentError(
                f"OneCycleLR: anneal_strategy={anneal_strategy!r} must be 'cos' or 'linear'"
            )
        self.moved = _moved("OneCycleLR", optimizer, cycle_momentum)
        self.pct_start, self.three_phase = pct_start, three_phase
        self.anneal_strategy, self.cycle_momentum = anneal_strategy, cycle_momentum
        self.div_factor, self.final_div_factor = div_factor, final_div_factor
        n = len(optimizer.param_groups)
        self.max_lrs = _each("OneCycleLR: max_lr", max_lr, n)
        low = _each("OneCycleLR: base_momentum", base_momentum, n)
        high = _each("OneCycleLR: max_momentum", max_momentum, n)
        self.momenta = list(zip(low, high, strict=True))
        if last_epoch < 0:
            for group, top in zip(optimizer.param_groups, self.max_lrs, strict=True):
                group["initial_lr"] = top / div_factor
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        rates = []
        for base, top in zip(self.base_lrs, self.max_lrs):
            end = base / self.final_div_factor
            points = [base, top, base, end] if self.three_phase else [base, top, end]
            rates.append(self._at(points))
        return rates

    def _set(self) -> None:
        if self.last_epoch > self.total_steps:
            raise ArgumentError(
                f"OneCycleLR: step {self.last_epoch} of a cycle of total_steps={self.total_steps}"
                "; make it as long as the training, one step() for each batch"
            )
        super()._set()
        if not self.cycle_momentum:
            return
        for (low, high), group in zip(self.momenta, self.optimizer.param_groups):
            momentum = self._at([high, low, high, high] if self.three_phase else [high, low, high])
            _set_momentum(group, self.moved, momentum)

    def _at(self, points: list[float]) -> float:
        """Where the curve through these values is now."""
        ends = [self.pct_start * self.total_steps - 1, self.total_steps - 1]
        if self.three_phase:
            ends.insert(1, 2 * self.pct_start * self.total_steps - 2)
        t, start = self.last_epoch, 0.0
        for i, end in enumerate(ends):
            if t <= end or i == len(ends) - 1:
                share = (t - start) / (end - start) if end != start else 1.0
                a, b = points[i], points[i + 1]
                if self.anneal_strategy == "linear":
                    return a + (b - a) * share
                return b + (a - b) / 2 * (1 + math.cos(math.pi * share))
            start = end
        raise AssertionError("a cycle has a last phase")


class CyclicLR(Schedule):
    """From base_lr up to max_lr and down again, in lines, and so on; momentum the other way.

    base_lr, max_lr   lowest and highest rate, or one for each group
    step_size_up, step_size_down   steps of the way up and of that down, by default as many
    mode              "triangular"; "triangular2": each peak half as high above base_lr as the one
                      before; "exp_range": gamma^t as high
    scale_fn, scale_mode   instead of mode: how high, from 0 to 1, a function of the number of the
                      cycle from 1 on ("cycle") or of the steps so far ("iterations")
    cycle_momentum    also move the momentum (or the first of betas) from max_momentum down to
                      base_momentum, and up again
    Step it after each batch. Source: Smith 2017, arXiv:1506.01186.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | Sequence[float],
        max_lr: float | Sequence[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.8,
        max_momentum: float | Sequence[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        self.up, self.down = (
            step_size_up,
            step_size_up if step_size_down is None else step_size_down,
        )
        if self.up <= 0 or self.down < 0:
            raise ArgumentError(
                f"CyclicLR: step_size_up={self.up} must be above 0, step_size_down={self.down} "
                "at least 0"
            )
        heights: dict[str, tuple[Callable[[float], float], str]] = {
            "triangular": (lambda cycle: 1.0, "cycle"),
            "triangular2": (lambda cycle: 0.5 ** (cycle - 1), "cycle"),
            "exp_range": (lambda t: gamma**t, "iterations"),
        }
        if scale_fn is None and mode not in heights:
            raise ArgumentError(f"CyclicLR: mode={mode!r} must be one of {list(heights)}")
        if scale_mode not in ("cycle", "iterations"):
            raise ArgumentError(
                f"CyclicLR: scale_mode={scale_mode!r} must be 'cycle' or 'iterations'"
            )
        self.height, self.counted = heights[mode] if scale_fn is None else (scale_fn, scale_mode)
        self.moved = _moved("CyclicLR", optimizer, cycle_momentum)
        self.cycle_momentum = cycle_momentum
        n = len(optimizer.param_groups)
        low = _each("CyclicLR: base_momentum", base_momentum, n)
        high = _each("CyclicLR: max_momentum", max_momentum, n)
        self.momenta = list(zip(low, high, strict=True))
        self.max_lrs = _each("CyclicLR: max_lr", max_lr, n)
        if last_epoch < 0:
            for group, rate in zip(optimizer.param_groups, _each("CyclicLR: base_lr", base_lr, n)):
                group["initial_lr"] = rate
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        share = self._share()
        return [b + (top - b) * share for b, top in zip(self.base_lrs, self.max_lrs)]

    def _set(self) -> None:
        super()._set()
        if self.cycle_momentum:
            for (low, high), group in zip(self.momenta, self.optimizer.param_groups):
                _set_momentum(group, self.moved, high - (high - low) * self._share())

    def _share(self) -> float:
        """How high it is now, from 0 to 1."""
        t = self.last_epoch
        cycle, at = divmod(t, self.up + self.down)
        share = at / self.up if at <= self.up else 1 - (at - self.up) / self.down
        return share * self.height(cycle + 1 if self.counted == "cycle" else t)


class ReduceLROnPlateau(Schedule):
    """lr * factor as soon as what is measured has not become better for more than patience steps.

    mode            "min": less is better, as of a loss; "max": more, as of an accuracy
    factor          below 1
    patience        steps without improvement that are let pass
    threshold       what counts as better: by this share of the best ("rel"), or by so much ("abs")
    threshold_mode  "rel" or "abs"
    cooldown        steps after a reduction in which nothing is counted
    min_lr          lowest rate, or one for each group
    eps             reductions by less are not made
    ``step(metric)`` takes a number; `fit` gives it the test loss, or else the loss.
    """

    needs_metric = True

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        if factor >= 1:
            raise ArgumentError(f"ReduceLROnPlateau: factor={factor} must be below 1")
        if mode not in ("min", "max"):
            raise ArgumentError(f"ReduceLROnPlateau: mode={mode!r} must be 'min' or 'max'")
        if threshold_mode not in ("rel", "abs"):
            raise ArgumentError(
                f"ReduceLROnPlateau: threshold_mode={threshold_mode!r} must be 'rel' or 'abs'"
            )
        self.mode, self.factor, self.patience, self.cooldown = mode, factor, patience, cooldown
        self.threshold, self.threshold_mode, self.eps = threshold, threshold_mode, eps
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = 0
        super().__init__(optimizer)
        self.min_lrs = _each("ReduceLROnPlateau: min_lr", min_lr, len(self.base_lrs))

    def get_lr(self) -> list[float]:
        return self.get_last_lr()

    def step(self, metrics: Any) -> None:  # type: ignore[override]
        """Take in what was measured: a number or a one-element tensor."""
        self.last_epoch += 1
        current = float(metrics)
        if self._better(current):
            self.best, self.num_bad_epochs = current, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            for group, lowest in zip(self.optimizer.param_groups, self.min_lrs):
                reduced = max(group["lr"] * self.factor, lowest)
                if group["lr"] - reduced > self.eps:
                    group["lr"] = reduced
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0

    def _better(self, current: float) -> bool:
        sign = 1 if self.mode == "min" else -1
        if self.threshold_mode == "rel":
            return sign * current < sign * self.best * (1 - sign * self.threshold)
        return sign * current < sign * self.best - self.threshold

    def state_dict(self) -> dict[str, Any]:
        """Steps, the best so far, what is counted, and the rates."""
        names = ("last_epoch", "best", "num_bad_epochs", "cooldown_counter")
        return {**{n: getattr(self, n) for n in names}, "lrs": self.get_last_lr()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if state.keys() != self.state_dict().keys() or len(state["lrs"]) != len(self.base_lrs):
            raise DataError(f"ReduceLROnPlateau: load_state_dict: {state} does not fit")
        for name, value in state.items():
            if name != "lrs":
                setattr(self, name, value)
        for rate, group in zip(state["lrs"], self.optimizer.param_groups):
            group["lr"] = rate


def _each(who: str, value: float | Sequence[float], n: int) -> list[float]:
    """One number for each group."""
    if not isinstance(value, (list, tuple)):
        return [value] * n  # type: ignore[list-item]
    if len(value) != n:
        raise ArgumentError(f"{who} has {len(value)} numbers; the optimizer has {n} group(s)")
    return list(value)


def _moved(name: str, optimizer: Optimizer, cycle_momentum: bool) -> list[str]:
    """The option that is the momentum of an optimizer, if it has one."""
    if not isinstance(optimizer, Optimizer):
        raise ArgumentError(f"{name}: optimizer is a {type(optimizer).__name__}, no Optimizer")
    moved = [k for k in optimizer.defaults if k in ("momentum", "betas")][:1]
    if cycle_momentum and not moved:
        raise ArgumentError(
            f"{name}: {type(optimizer).__name__} has no momentum; pass cycle_momentum=False"
        )
    return moved


def _set_momentum(group: dict[str, Any], moved: list[str], momentum: float) -> None:
    if moved == ["betas"]:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum
