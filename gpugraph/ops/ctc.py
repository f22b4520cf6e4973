"""Connectionist temporal classification: the loss of a sequence whose alignment is unknown.

A path names a class, or blank, for each step of time; dropping repeats, then blanks, makes labels
of it. The loss is -log of the sum of the probabilities of all paths that give the target (Graves et
al. 2006, "Connectionist temporal classification", eq. 6, 7): a sum over the places in the target
with blanks around every label, carried from step to step in logarithms.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import backend
from ..core.backend import MetaArray
from ..core.errors import ArgumentError, DtypeError, IndexRangeError, ShapeError
from ..core.methods import FUNCTIONS
from ..core.tensor import Tensor
from .activation_functions import floating
from .compare import maximum, where
from .creation import asarray
from .index import take_along_axis
from .losses import reduced
from .powers import logaddexp
from .rounding import rounds_once
from .shape import reshape
from .statistics import logsumexp

__all__ = ["ctc_loss"]

NEVER = -1e30  # in place of -inf, which has no slope; a few of them add up in float32, too


@rounds_once
def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """-log of the probability that a sequence is read as its target, whatever the alignment.

    log_probs       (T, N, C), or (T, C) for one sequence: logarithms of the probabilities
    targets         class numbers other than blank: (N, S), filled up; or (S) for one sequence; or
                    those of all sequences one behind the other
    input_lengths   how many of the T steps each sequence has: N integers, or one
    target_lengths  how many labels each target has
    blank           the class that stands for no label
    reduction       "mean": each loss is divided by the length of its target, then averaged; "sum",
                    or "none" for a loss each
    zero_infinity   count a target that does not fit in its sequence, whose loss is inf, as 0
    The gradient is that with respect to log_probs themselves; PyTorch adds the one of log_softmax,
    which is the same for logits behind it. An infinite loss has the gradient 0.
    """
    log_probs = floating("ctc_loss", log_probs, "log_probs")
    if log_probs.ndim not in (2, 3) or not log_probs.size:
        raise ShapeError(
            f"ctc_loss: log_probs {log_probs.shape} must be (T, N, C), or (T, C) for one sequence"
        )
    one = log_probs.ndim == 2
    x = reshape(log_probs, (log_probs.shape[0], -1, log_probs.shape[-1]))
    T, N, C = x.shape
    if not 0 <= blank < C:
        raise ArgumentError(f"ctc_loss: blank={blank} must lie in 0 to {C - 1}")
    steps = _lengths("input_lengths", input_lengths, N, T)
    sizes = _lengths("target_lengths", target_lengths, N, None)
    places = _places(_rows(targets, sizes), blank, C)  # (N, L)
    total = _forward(x, places, steps, sizes, blank)
    endless = total < NEVER / 10
    losses = where(endless, 0.0 if zero_infinity else np.inf, -where(endless, 0, total))
    if reduction == "mean":
        losses = losses / asarray(np.maximum(sizes, 1).astype(losses.dtype), device=x.device)
    losses = reduced("ctc_loss", losses, reduction)
    return reshape(losses, ()) if one else losses


def _forward(x: Tensor, places: Any, steps: Any, sizes: Any, blank: int) -> Tensor:
    """log of the sum over all paths: (N)."""
    N, L = places.shape
    at = np.arange(L)
    # a path may leave out the blank between two labels if these differ
    skips = np.zeros((N, L), bool)
    skips[:, 2:] = (places[:, 2:] != blank) & (places[:, 2:] != places[:, :-2])
    ends = (at == 2 * sizes[:, None]) | (at == 2 * sizes[:, None] - 1)

    def open_at(mask: Any) -> Tensor:
        return asarray(np.where(mask, 0, NEVER).astype(x.dtype), device=x.device)

    index = asarray(np.broadcast_to(places, (1, N, L)), device=x.device)
    seen = maximum(take_along_axis(x, index, axis=2), NEVER)  # (T, N, L)
    skip, closed = open_at(skips), open_at(np.zeros((N, 2), bool))
    alpha = seen[0] + open_at(np.broadcast_to(at < 2, (N, L)))
    begun = alpha
    for t in range(1, int(steps.max())):
        shifted = FUNCTIONS.concat([closed, alpha], axis=1)  # two places to the right
        paths = logaddexp(logaddexp(alpha, shifted[:, 1 : L + 1]), shifted[:, :L] + skip)
        goes_on = asarray((steps > t)[:, None], device=x.device)
        alpha = where(goes_on, maximum(paths + seen[t], 3 * NEVER), alpha)
    begun = where(asarray((steps > 0)[:, None], device=x.device), alpha, begun * 0 + NEVER)
    nothing = asarray((steps == 0) & (sizes == 0), device=x.device)  # the empty path
    return where(nothing, 0, logsumexp(begun + open_at(ends), axis=1))


def _lengths(name: str, given: Any, n: int, most: int | None) -> Any:
    """n lengths as a NumPy array, checked."""
    array = given.array if isinstance(given, Tensor) else given
    if isinstance(array, MetaArray):
        raise DtypeError(f"ctc_loss: {name} has no values on the meta device; pass integers")
    lengths = np.asarray(backend.to_device(array, "cpu") if backend.is_array(array) else array)
    if lengths.dtype.kind not in "iu" or lengths.size != n:
        raise ShapeError(
            f"ctc_loss: {name} is {lengths.dtype} {lengths.shape}; it takes {n} integers, one for "
            "each sequence"
        )
    lengths = lengths.reshape(n).astype(np.int64)
    if lengths.min() < 0 or (most is not None and lengths.max() > most):
        limit = "at least 0" if most is None else f"0 to {most}"
        raise ArgumentError(f"ctc_loss: {name}={lengths.tolist()} must be {limit}")
    return lengths


def _rows(targets: Any, sizes: Any) -> Any:
    """The targets as a NumPy array (N, longest), filled up with -1."""
    array = targets.array if isinstance(targets, Tensor) else targets
    longest = int(sizes.max(initial=0))
    rows = np.full((len(sizes), longest), -1, np.int64)
    if isinstance(array, MetaArray):
        return np.zeros_like(rows)
    array = np.asarray(backend.to_device(array, "cpu") if backend.is_array(array) else array)
    if array.dtype.kind not in "iu":
        raise DtypeError(f"ctc_loss: targets is {array.dtype}; it takes class numbers")
    if array.ndim == 1 and len(sizes) == 1:
        array = array[None]
    if array.ndim == 2 and len(array) == len(sizes) and array.shape[1] >= longest:
        parts = list(array)
    elif array.ndim == 1 and array.size == sizes.sum():
        parts = np.split(array, np.cumsum(sizes)[:-1])
    else:
        raise ShapeError(
            f"ctc_loss: targets {array.shape} must be ({len(sizes)}, {longest}) or more, or all "
            f"{int(sizes.sum())} labels one behind the other"
        )
    for row, labels, n in zip(rows, parts, sizes, strict=True):
        row[:n] = labels[:n]
    return rows


def _places(rows: Any, blank: int, classes: int) -> Any:
    """The classes of the target with a blank before, between and behind: (N, 2S + 1)."""
    wrong = (rows >= classes) | (rows < -1)
    if wrong.any():
        raise IndexRangeError(
            f"ctc_loss: targets has class {rows[wrong][0]}; there are {classes} classes, 0 to "
            f"{classes - 1}"
        )
    places = np.full((len(rows), 2 * rows.shape[1] + 1), blank)
    places[:, 1::2] = np.where(rows < 0, blank, rows)
    return places
