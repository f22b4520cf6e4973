"""Averages of weights over a training run, which often do better than the last ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..core import backend
from ..core.errors import ArgumentError, DataError, DtypeError
from ..core.tensor import Tensor, is_floating
from ..cuda.kernel import wide

__all__ = ["EMA"]


class EMA:
    """An exponential moving average of a model's parameters.

    >>> ema = optim.EMA(model, decay=0.999)
    >>> ...                                # after every optimizer.step(): ema.update()
    >>> with ema.apply():                  # the model has the averages, and its own weights after
    ...     evaluate(model, batches)

        average = decay * average + (1 - decay) * p   starts as p when the EMA is made

    model    a Module, or tensors such as model.parameters()
    decay    0 to 1; it looks back about 1 / (1 - decay) updates
    warmup   use min(decay, (1 + t) / (10 + t)) in update t = 1, 2, ..., so that the first weights,
             which are random, are soon forgotten
    buffers  average the floating buffers of a Module, too; else the model's own are used
    Averages of float16 and bfloat16 are kept in float32. Source: Polyak & Juditsky 1992,
    "Acceleration of stochastic approximation by averaging", in the exponential form that is usual.
    """

    def __init__(
        self, model: Any, decay: float = 0.999, *, warmup: bool = False, buffers: bool = False
    ) -> None:
        if not 0 <= decay <= 1:
            raise ArgumentError(f"EMA: decay={decay} must lie in 0 to 1")
        self.decay, self.warmup, self.updates = decay, warmup, 0
        self.tensors = _named(model, buffers)
        self.averages = {name: _copied(t) for name, t in self.tensors.items()}
        self._own: dict[str, Any] | None = None  # the model's weights while it has the averages

    def update(self) -> None:
        """Take in the weights as they are now: after each step of the optimizer."""
        if self._own is not None:
            raise ArgumentError("EMA: update while the averages are applied; call restore() first")
        self.updates += 1
        decay = self.decay
        if self.warmup:
            decay = min(decay, (1 + self.updates) / (10 + self.updates))
        for name, tensor in self.tensors.items():
            average = self._beside(name, tensor)
            with backend.current([average]):
                average *= decay
                average += (1 - decay) * tensor.array.astype(average.dtype, copy=False)

    def apply(self) -> EMA:
        """Put the averages into the model, in place; `restore`, or the end of a with, undoes it."""
        if self._own is not None:
            raise ArgumentError("EMA: the averages are applied already; call restore() first")
        self._own = {name: tensor.array.copy() for name, tensor in self.tensors.items()}
        for name, tensor in self.tensors.items():
            tensor.detach().assign(self._beside(name, tensor))
        return self

    def restore(self) -> None:
        """Give the model back its own weights."""
        if self._own is None:
            raise ArgumentError("EMA: nothing to restore; apply() puts the averages in")
        for name, tensor in self.tensors.items():
            tensor.detach().assign(backend.to_device(self._own[name], tensor.device))
        self._own = None

    def __enter__(self) -> EMA:
        return self.apply() if self._own is None else self

    def __exit__(self, *exc: object) -> None:
        self.restore()

    def state_dict(self) -> dict[str, Any]:
        """{"decay", "updates", "averages": {name: NumPy copy}}."""
        averages = {k: np.array(backend.to_device(a, "cpu")) for k, a in self.averages.items()}
        return {"decay": self.decay, "updates": self.updates, "averages": averages}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a `state_dict` of the same names and shapes; all of it or nothing."""
        try:
            given = {name: np.asarray(a) for name, a in state["averages"].items()}
            decay, updates = float(state["decay"]), int(state["updates"])
        except (KeyError, TypeError, AttributeError):
            raise DataError("EMA: load_state_dict: this is no state_dict of an EMA") from None
        told = [f"missing: {n}" for n in self.averages if n not in given]
        told += [f"unexpected: {n}" for n in given if n not in self.averages]
        told += [
            f"{n} has shape {given[n].shape}; the model has {a.shape}"
            for n, a in self.averages.items()
            if n in given and given[n].shape != a.shape
        ]
        if told:
            raise DataError("EMA: load_state_dict: nothing was loaded:\n  " + "\n  ".join(told))
        self.decay, self.updates = decay, updates
        for name, tensor in self.tensors.items():
            dtype = self.averages[name].dtype
            self.averages[name] = backend.to_device(given[name].astype(dtype), tensor.device)

    def __repr__(self) -> str:
        size = sum(a.size for a in self.averages.values())
        return f"EMA(decay={self.decay}, {len(self.averages)} tensors of {size} numbers)"

    def _beside(self, name: str, tensor: Tensor) -> Any:
        """The average, on the device that its tensor has by now."""
        average = self.averages[name] = backend.to_device(self.averages[name], tensor.device)
        return average


def _named(model: Any, buffers: bool) -> dict[str, Tensor]:
    if hasattr(model, "named_parameters"):
        tensors = dict(model.named_parameters())
        if buffers:
            tensors |= {n: b for n, b in model.named_buffers() if is_floating(b.dtype)}
    elif isinstance(model, Iterable) and not isinstance(model, Tensor):
        tensors = {str(i): t for i, t in enumerate(model)}
    else:
        raise DtypeError(f"EMA: model is a {type(model).__name__}; it takes a Module or tensors")
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor) or not is_floating(tensor.dtype):
            raise DtypeError(f"EMA: {name} is no floating tensor")
        if tensor.device == "meta":
            raise DataError(f"EMA: {name} is on meta, where there is nothing to average")
    if not tensors:
        raise ArgumentError("EMA: model has no parameters")
    return tensors


def _copied(tensor: Tensor) -> Any:
    with backend.current([tensor.array]):
        exact = wide(tensor.dtype) if tensor.dtype.itemsize == 2 else tensor.dtype
        return tensor.array.astype(exact)
