"""The training loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import isfinite
from os import PathLike
from pathlib import Path
from time import perf_counter
from typing import Any

from ..core.errors import AnomalyError, ArgumentError, DataError, DtypeError
from ..core.tensor import Tensor
from ..io import load_checkpoint, save_checkpoint
from ..nn.functional import cross_entropy
from ..nn.module import Module
from ..ops.random import default_generator
from . import evaluation
from .history import History, describe

__all__ = ["fit"]


def fit(
    model: Module,
    data: Any,
    optimizer: Any,
    *,
    loss: Callable[..., Tensor] = cross_entropy,
    epochs: int = 1,
    evaluate: Iterable[Any] | None = None,
    schedule: Any = None,
    schedule_each: str = "epoch",
    progress: bool = True,
    checkpoint: str | PathLike[str] | None = None,
    resume: bool = False,
    on_epoch_end: Callable[[History], Any] | None = None,
) -> History:
    """Train a model, and measure it after each epoch.

    model         gives an output for ``model(x)``
    data          batches ``(x, *targets)``, such as a `gpugraph.data.DataLoader`
    optimizer     of the model's parameters
    loss          ``loss(output, *targets)``, the mean over a batch
    epochs        passes over the data, those before a resume included
    evaluate      batches to measure the model with after each epoch, as "test_loss" and so on
    schedule      of the learning rate; its ``step()`` is called after each epoch. One that looks,
                  as `ReduceLROnPlateau`, gets the test loss, or the loss where there is none
    schedule_each "epoch", or "batch": its ``step()`` is called after each batch instead
    progress      show a bar (where tqdm is installed) and a line for each epoch
    checkpoint    file to write after each epoch
    resume        go on from the checkpoint, if there is one: the result has the same bits as if
                  the run had never stopped
    on_epoch_end  called with the history after each epoch; a true result ends the run
    Raises AnomalyError as soon as the loss is infinite or NaN, before the model is spoiled.
    """
    if schedule_each not in ("epoch", "batch"):
        raise ArgumentError(f"fit: schedule_each={schedule_each!r} must be 'epoch' or 'batch'")
    history = History()
    if resume and checkpoint is not None and Path(checkpoint).exists():
        history = _resume(checkpoint, model, data, optimizer, schedule)
    model.train()
    while len(history) < epochs:
        epoch, start = len(history) + 1, perf_counter()
        meter = evaluation.Meter()
        for batch in _bar(data, f"epoch {epoch}/{epochs}", progress):
            x, *targets = _parts(batch)
            output = model(x)
            mistake = loss(output, *targets)
            meter.add(output, tuple(targets), _checked(mistake.item(), epoch, optimizer))
            optimizer.zero_grad()
            mistake.backward()
            optimizer.step()
            if schedule is not None and schedule_each == "batch":
                _go_on(schedule, mistake.item())
        row = meter.means()
        if evaluate is not None:
            measured = evaluation.evaluate(model, evaluate, loss)
            row.update({f"test_{name}": value for name, value in measured.items()})
        if schedule is not None and schedule_each == "epoch":
            _go_on(schedule, row.get("test_loss", row["loss"]))
        history.append({**row, "seconds": perf_counter() - start})
        if progress:
            print(
                f"epoch {epoch:>{len(str(epochs))}}/{epochs}  {describe(history.last)}", flush=True
            )
        if checkpoint is not None:
            extra = {"history": history.columns, "generator": default_generator().state}
            if hasattr(data, "state_dict"):
                extra["data"] = data.state_dict()
            save_checkpoint(checkpoint, model, optimizer, schedule, extra)
        if on_epoch_end is not None and on_epoch_end(history):
            break
    return history


def _resume(
    checkpoint: str | PathLike[str], model: Module, data: Any, optimizer: Any, schedule: Any
) -> History:
    """Put everything back as it was when the checkpoint was written."""
    extra = load_checkpoint(checkpoint, model, optimizer, schedule)
    if not isinstance(extra, dict) or not {"history", "generator"} <= extra.keys():
        raise DataError(
            f"{checkpoint}: a checkpoint, but of no run of fit; resume=False ignores it"
        )
    default_generator().state = extra["generator"]
    if "data" in extra and hasattr(data, "load_state_dict"):
        data.load_state_dict(extra["data"])
    return History(extra["history"])


def _go_on(schedule: Any, loss: float) -> None:
    """A step of the schedule, which may want to know how it goes."""
    if getattr(schedule, "needs_metric", False):
        schedule.step(loss)
    else:
        schedule.step()


def _parts(batch: Any) -> Any:
    """The batch, if it is several things."""
    if not isinstance(batch, (tuple, list)) or len(batch) < 1:
        raise DtypeError(
            f"fit: a batch of data is a {type(batch).__name__}; it must be a tuple (x, *targets), "
            "as a gpugraph.data.DataLoader gives"
        )
    return batch


def _checked(loss: float, epoch: int, optimizer: Any) -> float:
    if not isfinite(loss):
        rates = ", ".join(f"{group['lr']:g}" for group in optimizer.param_groups)
        raise AnomalyError(
            f"fit: the loss is {loss} in epoch {epoch}; lower the learning rate (now {rates}), or "
            "train under gpugraph.detect_anomaly() to see which op makes the first NaN"
        )
    return loss


def _bar(data: Any, text: str, wanted: bool) -> Any:
    """The data, with a progress bar while it is read; tqdm shows it on a terminal only."""
    if wanted:
        try:
            from tqdm import tqdm
        except ImportError:
            return data
        return tqdm(data, desc=text, leave=False, disable=None, unit="batch")
    return data
