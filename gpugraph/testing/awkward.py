"""Awkward inputs, made from an op's own samples: what kernels stumble over.

lengths  an empty axis, one element, more than a few blocks with a remainder
values   zeros and ties; NaN and infinities
layouts  strided and reversed; starting one element past where vector loads may start
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core.errors import GpugraphError
from ..core.op import Sample, Spec
from ..core.tensor import is_floating

__all__ = ["LAYOUTS", "has_numbers", "placed", "quiet", "resized", "takes", "with_nan", "with_ties"]

LAYOUTS = ("plain", "strided", "misaligned")


def resized(sample: Sample, axis: int, length: int, rng: np.random.Generator) -> Sample | None:
    """The sample with that length of the first (0) or last (-1) axis; None if the op refuses.

    It is that of all inputs that share its length with the first input, or if the op does not take
    that, of the first input alone. New numbers lie between old ones; integers are drawn from them.
    """
    first = next((i for i, x in enumerate(sample.inputs) if np.ndim(x)), None)
    if first is None:
        return None
    old = sample.inputs[first].shape[axis]
    together = [i for i, x in enumerate(sample.inputs) if np.ndim(x) and x.shape[axis] == old]
    which = {0: "first", -1: "last"}[axis]
    note = f"{sample.note or 'the sample'}, with {length} along its {which} axis"
    for changed in (together, [first]):
        inputs = list(sample.inputs)
        for i in changed:
            shape = list(inputs[i].shape)
            shape[axis] = length
            inputs[i] = _drawn(np.asarray(inputs[i]), tuple(shape), rng)
        made = Sample(sample.op, tuple(inputs), note, sample.smooth)
        if takes(made):
            return made
    return None


def takes(sample: Sample) -> bool:
    """Does the op take these inputs?"""
    specs = [None if x is None else Spec(np.shape(x), np.asarray(x).dtype) for x in sample.inputs]
    try:
        sample.op.spec(*specs)
        with quiet():
            sample.op.forward(np, *sample.inputs)
    except (GpugraphError, ValueError, TypeError, IndexError):
        return False
    return True


@contextmanager
def quiet() -> Iterator[None]:
    """NaN, infinities and empty arrays are meant: no warnings of NumPy's about them."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def with_ties(sample: Sample, rng: np.random.Generator) -> Sample:
    """The sample with multiples of 1/2, a quarter of them 0, in all floating inputs."""

    def coarse(x: Any) -> Any:
        x = np.round(2 * x) / 2
        x[rng.random(x.shape) < 0.25] = 0
        return x

    return _changed(sample, coarse, "zeros and ties")


def with_nan(sample: Sample, rng: np.random.Generator) -> Sample:
    """The sample with a few NaN and infinities of both signs in the first floating input.

    Not in all: what weights do to padding, say, is nothing on which two right rules must agree.
    """

    def spoiled(x: Any) -> Any:
        places = rng.permutation(x.size)[: 3 * (1 + x.size // 60)]
        x.reshape(-1)[places] = np.resize([np.nan, np.inf, -np.inf], places.size)
        return x

    return _changed(sample, spoiled, "NaN and infinities", most=1)


def _changed(sample: Sample, change: Any, what: str, most: int | None = None) -> Sample:
    """The sample with changed copies of its floating inputs, the first `most` of them."""
    inputs = list(sample.inputs)
    for i in [i for i, x in enumerate(inputs) if has_numbers(x)][:most]:
        inputs[i] = change(np.array(inputs[i], order="C"))
    note = f"{sample.note or 'the sample'}, with {what}"
    return Sample(sample.op, tuple(inputs), note, smooth=False)


def has_numbers(x: Any) -> bool:
    """Is it an array of floating numbers, not empty?"""
    return x is not None and bool(np.size(x)) and is_floating(np.asarray(x).dtype)


def _drawn(x: Any, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    """An array of that shape with numbers like those of x."""
    if not is_floating(x.dtype):
        return rng.choice(x.reshape(-1), shape) if x.size else np.zeros(shape, x.dtype)
    known = x[np.isfinite(x)]
    if not known.size:
        return rng.standard_normal(shape).astype(x.dtype)
    a, b = (rng.choice(known, shape) for _ in range(2))
    return (a + rng.random(shape) * (b - a)).astype(x.dtype)


def placed(xp: Any, x: Any, layout: str) -> Any:
    """A copy of a NumPy array as an array of the module xp, laid out like that in memory."""
    if layout == "plain" or not np.ndim(x):
        return xp.array(x)
    if layout == "misaligned":
        there = xp.empty(x.size + 1, x.dtype)[1:].reshape(x.shape)
    else:  # every second element of a larger array, from the end
        larger = xp.zeros([2 * n for n in x.shape], x.dtype)
        there = larger[tuple([slice(None, None, -2)] * x.ndim)]
    there[...] = xp.array(x)
    return there
