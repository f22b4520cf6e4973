"""Pictures of a training run: curves, confusion matrix, misread images, learned filters.

Each returns a `matplotlib.figure.Figure` and also writes it where a path is given. Matplotlib is
imported on first use, without its global state: no window opens, threads don't disturb each other.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from math import ceil
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.errors import ShapeError
from ..core.files import write_atomically

if TYPE_CHECKING:
    from .history import History

__all__ = ["confusion", "curves", "filters", "misread"]

INK, SOFT, GRID = "#26324a", "#6b778c", "#e3e7ee"
BLUE, ORANGE = "#3a6ea5", "#d9822b"


def curves(history: History, path: str | PathLike[str] | None = None) -> Any:
    """Losses, and accuracies where there are any, over the epochs."""
    epochs = range(1, len(history) + 1)
    shown = [kind for kind in ("loss", "accuracy") if any(kind in k for k in history.columns)]
    figure = _figure(5.2 * len(shown), 3.6)
    for axes, kind in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        for prefix, color in (("", BLUE), ("test_", ORANGE)):
            if prefix + kind in history:
                values = np.array(history[prefix + kind]) * (100 if kind == "accuracy" else 1)
                name = "test" if prefix else "training"
                mark = "o" if len(history) <= 30 else ""
                axes.plot(epochs, values, color=color, marker=mark, ms=4, lw=1.8, label=name)
        title = {"loss": "Loss", "accuracy": "Accuracy (%)"}[kind]
        if kind == "accuracy" and "test_accuracy" in history:
            title += f": {100 * history['test_accuracy'][-1]:.2f} on the test set at the end"
        axes.set_title(title, loc="left", color=INK, fontsize=11, fontweight="bold")
        axes.set_xlabel("epoch", color=SOFT)
        axes.xaxis.get_major_locator().set_params(integer=True)
        _calm(axes)
        axes.grid(color=GRID)
        axes.legend(frameon=False, labelcolor=INK)
    return _written(figure, path)


def confusion(
    labels: Any,
    predictions: Any,
    path: str | PathLike[str] | None = None,
    names: Sequence[str] | None = None,
) -> Any:
    """How often each class (row) was read as each (column); colour shows the mistakes.

    labels, predictions  integers (N,)
    names                of the classes; by default their numbers
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    _same_length("confusion", labels=labels, predictions=predictions)
    n = len(names) if names is not None else int(max(labels.max(), predictions.max())) + 1
    names = [str(i) for i in range(n)] if names is None else names
    table = np.bincount(labels * n + predictions, minlength=n * n).reshape(n, n)
    wrong = np.where(np.eye(n, dtype=bool), 0, table)
    figure = _figure(max(4.5, 0.52 * n + 1), max(4.5, 0.52 * n + 1))
    axes = figure.subplots()
    seen = np.ma.masked_equal(wrong, 0)  # no mistake, no colour
    axes.imshow(seen, cmap="Oranges", vmin=-1, vmax=max(3, 1.6 * wrong.max()))
    for i, j in np.ndindex(n, n):
        if table[i, j]:
            style = {"color": SOFT} if i == j else {"color": INK, "fontweight": "bold"}
            axes.text(j, i, f"{table[i, j]:,}", ha="center", va="center", fontsize=9, **style)
    axes.set_xticks(range(n), names)
    axes.set_yticks(range(n), names)
    axes.set_xticks(np.arange(n + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(n + 1) - 0.5, minor=True)
    axes.grid(which="minor", color=GRID)
    axes.set_xlabel("read as", color=SOFT)
    axes.set_ylabel("really is", color=SOFT)
    right = 1 - wrong.sum() / max(1, table.sum())
    title = f"{wrong.sum():,} of {table.sum():,} misread ({100 * right:.2f} % right)"
    axes.set_title(title, loc="left", color=INK, fontsize=11, fontweight="bold")
    _calm(axes)
    return _written(figure, path)


def misread(
    images: Any,
    labels: Any,
    predictions: Any,
    path: str | PathLike[str] | None = None,
    limit: int = 24,
) -> Any:
    """The images, up to `limit`, whose prediction is wrong, each with what it is and was read as.

    images  (N, 1, H, W) or (N, H, W)
    """
    images, labels, predictions = map(np.asarray, (images, labels, predictions))
    _same_length("misread", images=images, labels=labels, predictions=predictions)
    wrong = np.flatnonzero(labels != predictions)
    shown = wrong[:limit]
    columns = min(8, max(4, len(shown)))
    rows = max(1, ceil(len(shown) / columns))
    figure = _figure(1.25 * columns, 1.55 * rows + 0.6)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.axis("off")
    for axes, i in zip(grid, shown):
        axes.imshow(images[i].reshape(images.shape[-2:]), cmap="gray_r")
        axes.set_title(f"{labels[i]} as {predictions[i]}", fontsize=10, color=INK)
    more = f", the first {len(shown)} shown" if len(shown) < len(wrong) else ""
    title = f"{len(wrong):,} of {len(labels):,} misread{more}" if len(wrong) else "None misread"
    figure.suptitle(title, color=INK, fontsize=11, fontweight="bold")
    return _written(figure, path)


def filters(weight: Any, path: str | PathLike[str] | None = None, title: str = "Filters") -> Any:
    """The filters of a convolution, one tile each: blue is negative, white 0, red positive.

    weight  (O, C, kh, kw); of each filter the first input channel is shown
    """
    weight = np.asarray(weight)
    if weight.ndim != 4:
        raise ShapeError(f"filters: weight has shape {weight.shape}; wanted (O, C, kh, kw)")
    columns = min(8, len(weight))
    rows = ceil(len(weight) / columns)
    figure = _figure(max(4.5, 0.85 * columns + 1), 0.85 * rows + 0.7)
    limit = np.abs(weight[:, 0]).max()
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, one in zip(grid, weight[:, 0]):
        axes.imshow(one, cmap="RdBu_r", vmin=-limit, vmax=limit)
        axes.set(xticks=[], yticks=[])
        for side in axes.spines.values():
            side.set_color(GRID)
    for axes in grid[len(weight) :]:
        axes.axis("off")
    bar = figure.colorbar(grid[0].images[0], ax=list(grid), shrink=0.8, pad=0.02)
    bar.ax.tick_params(colors=SOFT, labelsize=8)
    bar.outline.set_visible(False)
    figure.suptitle(title, color=INK, fontsize=11, fontweight="bold")
    return _written(figure, path)


def require() -> Any:
    """Matplotlib's Figure, or an ImportError that says what to install."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            f'pictures need matplotlib ({error}); pip install "gpugraph[demo]"'
        ) from None
    return Figure


def _figure(width: float, height: float) -> Any:
    figure = require()(figsize=(width, height), dpi=120, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)  # inches
    return figure


def _calm(axes: Any) -> None:
    """Soft axes without a box."""
    axes.tick_params(which="both", colors=SOFT, length=0)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)


def _written(figure: Any, path: str | PathLike[str] | None) -> Any:
    if path is not None:
        png = io.BytesIO()
        figure.savefig(png, format="png")
        write_atomically(path, png.getvalue())
    return figure


def _same_length(what: str, **arrays: np.ndarray[Any, Any]) -> None:
    if len({len(a) for a in arrays.values()}) > 1:
        told = ", ".join(f"{name} {a.shape}" for name, a in arrays.items())
        raise ShapeError(f"{what}: {told} must have the same length")
