"""Receptive fields as gradients show them: an independent check of the formulas.

The steps of a network are computed again with positive numbers, without activations, and with
averages in place of maxima, so that no contribution is cut off or cancels another. What a unit sees
is then where the gradient of that unit is not zero.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.autodiff import grad
from ..core.errors import ArgumentError
from ..core.op import Op, Spec
from ..core.tensor import Tensor, is_floating
from ..ops.activation import Activation
from ..ops.avg_pool import AvgPool
from ..ops.bias_act import BiasAct
from ..ops.compare import Maximum, Minimum
from ..ops.dropout import Dropout
from ..ops.elementwise import Add, Subtract, Unary
from ..ops.extrema import Extreme
from ..ops.group_norm import GroupNorm, RmsNorm
from ..ops.norm import BatchNormEval
from ..ops.norm_functions import BatchNorm
from ..ops.pool import MaxPool
from ..ops.reduce import Sum
from .fields import ALL, UNKNOWN, ReceptiveField, Seen
from .trace import Source, Trace

__all__ = ["support"]


def support(found: Trace, source: Source, target: Source) -> ReceptiveField:
    """Where the gradients of three neighbouring units in the middle are not zero."""
    x, y = _computed(found, source, target)
    axes = max(0, x.ndim - 2)
    if y.node is None:
        return ReceptiveField((Seen(0, 0, 0),) * axes, ("its gradient is zero everywhere",))
    out = y.shape[2:] if y.ndim == x.ndim else (1,) * axes
    boxes = {}
    for step in (-1, 0, 1):
        unit = [min(max(0, n // 2 + step), n - 1) for n in out]
        g = np.zeros(y.shape)
        place: Any = (0, slice(None), *unit) if y.ndim == x.ndim else (0,) * y.ndim
        g[place] = 1
        (gx,) = grad(y, x, g, retain_graph=True)
        assert gx is not None
        boxes[step] = [(o, *_interval(gx.numpy(), a + 2)) for a, o in enumerate(unit)]
    notes: list[str] = []
    seen = [
        _read([boxes[s][a] for s in (-1, 0, 1)], x.shape[a + 2], out[a], notes, a + 2)
        for a in range(axes)
    ]
    return ReceptiveField(tuple(seen), tuple(notes))


def _interval(gx: Any, axis: int) -> tuple[int, int]:
    """First and last position along an axis where a gradient is not zero."""
    others = tuple([a for a in range(gx.ndim) if a != axis])
    places = np.flatnonzero((gx != 0).any(axis=others))
    return int(places[0]), int(places[-1])


def _read(
    boxes: list[tuple[int, int, int]], length: int, out: int, notes: list[str], axis: int
) -> Seen:
    """(size, stride, start) from (unit, first, last) of three units."""
    if all((low, high) == (0, length - 1) for _, low, high in boxes):
        return ALL
    if out < 3:
        notes.append(f"axis {axis}: {out} units are too few to see their stride; take a larger one")
        return UNKNOWN
    sizes = {high - low + 1 for _, low, high in boxes}
    steps = {b[1] - a[1] for a, b in pairwise(boxes)}
    if len(sizes) > 1 or len(steps) > 1:
        notes.append(f"axis {axis}: units near the middle see the border; take a larger input")
        return UNKNOWN
    (size,), (stride,) = sizes, steps
    unit, low, _ = boxes[1]
    return Seen(size, stride, low - unit * stride)


def _computed(found: Trace, source: Source, target: Source) -> tuple[Tensor, Tensor]:
    """The steps from source to target again, in float64."""
    rng = np.random.default_rng(0)
    needed = _needed(found, source, target)
    values: dict[Source, Any] = {}
    spec = found.steps[source[0]].outs[source[1]]
    x = Tensor(_positive(rng, spec), requires_grad=True)
    values[source] = x
    for i in needed:
        step = found.steps[i]
        if step.op is None:
            if (i, 0) != source:
                values[i, 0] = Tensor(_positive(rng, step.outs[0]))
            continue
        inputs = [None if s is None else values.get(s) for s in step.sources]
        outs = _linear(step.op, inputs)
        for k, y in enumerate(outs if isinstance(outs, tuple) else (outs,)):
            if (i, k) != source:
                values[i, k] = y
    return x, values[target]


def _needed(found: Trace, source: Source, target: Source) -> list[int]:
    """Numbers of the steps that lead to the target, not going behind the source."""
    wanted, seen = [target], set()
    while wanted:
        s = wanted.pop()
        if s == source or s[0] in seen:
            continue
        seen.add(s[0])
        wanted += [other for other in found.steps[s[0]].sources if other is not None]
    return sorted(seen)


def _positive(rng: np.random.Generator, spec: Spec) -> Any:
    """Numbers about 1 over the count of what is added up."""
    if not is_floating(spec.dtype):
        raise ArgumentError(
            f"receptive_field: a {spec.dtype} array takes part; measured=True draws floats only"
        )
    terms = spec.shape[1:] if len(spec.shape) > 1 else ()
    return rng.uniform(0.5, 1.5, spec.shape) / max(1, int(np.prod(terms)))


def _linear(op: Op, xs: list[Any]) -> Any:
    """The op, or a linear one that sees the same."""
    if isinstance(op, MaxPool):
        return apply(AvgPool(op.window, op.ceil_mode), xs[0]), None
    if isinstance(op, (BatchNorm, GroupNorm, RmsNorm)):
        return xs[0], *(None,) * (len(op.outputs) - 1)
    if isinstance(op, BatchNormEval):
        residual = xs[5] if len(xs) > 5 else None
        return xs[0] if residual is None else xs[0] + residual
    if isinstance(op, (Activation, Dropout, BiasAct, Unary)):
        return xs[0]
    if isinstance(op, (Maximum, Minimum, Subtract)):
        return apply(Add(), *xs)
    if isinstance(op, Extreme):
        return apply(Sum(op.axis, op.keepdims), *xs)
    return apply(op, *xs)
