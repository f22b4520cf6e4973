"""Measuring a model: nothing is recorded, and dropout and batch norm are as in use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core.errors import DataError
from ..core.state import no_grad
from ..core.tensor import Tensor
from ..nn.functional import cross_entropy
from ..nn.module import Module

__all__ = ["Meter", "evaluate", "evaluating", "predict"]

NO_BATCH = "the data gave no batch; is the dataset empty, or smaller than a batch?"


@contextmanager
def evaluating(model: Module) -> Iterator[None]:
    """In the block the model is in evaluation mode and unrecorded; then each part as before."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


class Meter:
    """Means over all items of an epoch: "loss", and "accuracy" where labels are class numbers."""

    def __init__(self) -> None:
        self.items = 0
        self.sums: dict[str, float] = {}

    def add(self, output: Tensor, targets: tuple[Tensor, ...], loss: float) -> None:
        """Count a batch, whose mean loss this is."""
        n = output.shape[0]
        self.items += n
        self.sums["loss"] = self.sums.get("loss", 0.0) + n * loss
        label = targets[0] if targets else None
        if (
            label is not None
            and label.shape == (n,)
            and label.dtype.kind in "iu"
            and output.ndim == 2
        ):
            right = int((output.array.argmax(axis=1) == label.array).sum())
            self.sums["accuracy"] = self.sums.get("accuracy", 0.0) + right

    def means(self, prefix: str = "") -> dict[str, float]:
        """What was measured, per item."""
        if not self.items:
            raise DataError(NO_BATCH)
        return {prefix + name: total / self.items for name, total in self.sums.items()}


def evaluate(
    model: Module,
    data: Iterable[tuple[Tensor, ...]],
    loss: Callable[..., Tensor] = cross_entropy,
) -> dict[str, float]:
    """Mean loss, and the accuracy where targets are class numbers, over all items of the data.

    model  gives scores (N, C) for ``model(x)``
    data   batches ``(x, target)``, as of a `gpugraph.data.DataLoader`
    Returns {"loss": ..., "accuracy": ...}, the accuracy in 0 to 1.
    """
    meter = Meter()
    with evaluating(model):
        for x, *targets in data:
            output = model(x)
            meter.add(output, tuple(targets), loss(output, *targets).item())
    return meter.means()


def predict(model: Module, data: Iterable[tuple[Tensor, ...]]) -> np.ndarray[Any, Any]:
    """The outputs of the model for the first part of every batch, one after the other, in NumPy."""
    with evaluating(model):
        outputs = [model(batch[0]).numpy() for batch in data]
    if not outputs:
        raise DataError(NO_BATCH)
    return np.concatenate(outputs)
