"""GradScaler: keeps small gradients of float16 from becoming 0."""

from __future__ import annotations

from typing import Any

from ..core import backend
from ..core.errors import ArgumentError, DataError
from ..core.tensor import Tensor
from .optimizer import Optimizer

__all__ = ["GradScaler"]


class GradScaler:
    """Multiplies the loss before a backward pass, and divides the gradients behind it.

    >>> scaler.scale(loss).backward()
    >>> scaler.unscale_(optimizer)         # only where gradients are clipped, or looked at
    >>> scaler.step(optimizer)             # not if a gradient is inf or NaN
    >>> scaler.update()                    # once for each iteration

    init_scale       the first factor
    growth_factor    the factor grows by this after growth_interval steps without inf and NaN
    backoff_factor   and by this as soon as there is one; that step is left out
    enabled          False: all of this does nothing, and ``step`` is the optimizer's
    The factor stays a power of two if all of these are: then scaling rounds nothing.
    Source: Micikevicius et al. 2018, arXiv:1710.03740, section 3.2; names of `torch.amp`.
    """

    def __init__(
        self,
        device: Any = None,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        if not isinstance(device, (str, type(None))):
            raise ArgumentError(
                f"GradScaler: device={device!r} must be a text or left out; init_scale=... is a "
                "keyword"
            )
        if not (init_scale > 0 and growth_factor > 1 and 0 < backoff_factor < 1):
            raise ArgumentError(
                f"GradScaler: init_scale={init_scale} must be above 0, growth_factor="
                f"{growth_factor} above 1, backoff_factor={backoff_factor} between 0 and 1"
            )
        self.growth_factor, self.backoff_factor = growth_factor, backoff_factor
        self.growth_interval, self.enabled = growth_interval, enabled
        self._scale, self._growth = float(init_scale), 0
        self._found: dict[int, bool] = {}  # id of an optimizer that is unscaled -> inf or NaN?
        self._stepped: set[int] = set()

    def scale(self, outputs: Any) -> Any:
        """The loss times the factor; several in a list or tuple likewise."""
        if not self.enabled:
            return outputs
        if isinstance(outputs, (list, tuple)):
            return type(outputs)([self.scale(y) for y in outputs])
        if not isinstance(outputs, Tensor):
            raise ArgumentError(f"GradScaler.scale: takes a Tensor, got {type(outputs).__name__}")
        if outputs.dtype.itemsize == 2:  # 2^16 itself is more than float16 holds
            outputs = outputs.astype("float32")
        return outputs * self._scale

    def unscale_(self, optimizer: Optimizer) -> None:
        """Divide the gradients of an optimizer's parameters by the factor, in place, once."""
        if not self.enabled:
            return
        if id(optimizer) in self._found:
            raise ArgumentError(
                "GradScaler.unscale_: the gradients of this optimizer are unscaled already since "
                "the last update()"
            )
        bad = False
        for group in optimizer.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.grad.detach().assign(p.grad.array * (1 / self._scale))
                    bad = bad or not _finite(p.grad.array)
        self._found[id(optimizer)] = bad

    def step(self, optimizer: Optimizer) -> None:
        """Unscale if it has not been done, and step unless a gradient is inf or NaN."""
        if not self.enabled:
            return optimizer.step()
        if id(optimizer) in self._stepped:
            raise ArgumentError("GradScaler.step: called twice for this optimizer; update() first")
        if id(optimizer) not in self._found:
            self.unscale_(optimizer)
        self._stepped.add(id(optimizer))
        if not self._found[id(optimizer)]:
            optimizer.step()

    def update(self, new_scale: float | None = None) -> None:
        """Adapt the factor to what the steps since the last update have met; or set it."""
        if not self.enabled:
            return
        if new_scale is not None:
            self._scale = float(new_scale)
        elif not self._found:
            raise ArgumentError("GradScaler.update: no step() since the last update()")
        elif any(self._found.values()):
            self._scale, self._growth = self._scale * self.backoff_factor, 0
        else:
            self._growth += 1
            if self._growth >= self.growth_interval:
                grown = self._scale * self.growth_factor
                if grown < float("inf"):
                    self._scale = grown
                self._growth = 0
        self._found.clear()
        self._stepped.clear()

    def get_scale(self) -> float:
        """The factor now; 1 if not enabled."""
        return self._scale if self.enabled else 1.0

    def is_enabled(self) -> bool:
        """Does it do anything?"""
        return self.enabled

    def state_dict(self) -> dict[str, Any]:
        """The factor and what it depends on, in plain numbers; empty if not enabled."""
        if not self.enabled:
            return {}
        names = ("growth_factor", "backoff_factor", "growth_interval")
        own = {name: getattr(self, name) for name in names}
        return {"scale": self._scale, **own, "_growth_tracker": self._growth}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a `state_dict`."""
        if not self.enabled:
            return
        if missing := self.state_dict().keys() - state.keys():
            raise DataError(f"GradScaler: load_state_dict: the state lacks {sorted(missing)}")
        self._scale, self._growth = float(state["scale"]), int(state["_growth_tracker"])
        self.growth_factor, self.backoff_factor = state["growth_factor"], state["backoff_factor"]
        self.growth_interval = int(state["growth_interval"])


def _finite(array: Any) -> bool:
    """Is no element inf or NaN?"""
    xp = backend.module_of("unscale_", ("grad",), [array])
    with backend.current([array]):
        return bool(xp.isfinite(array.astype("float32", copy=False)).all())
