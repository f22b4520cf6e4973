"""How far two devices may lie apart in one op, element by element, and why.

Both compute the same function of the same inputs and round differently. The bound comes from what
the op says of itself and from the inputs at hand:

    exact    ops that move or choose values (no FLOPs), and integers and bools: nothing
    linear   y = sum of products: 8 sqrt(terms) eps, relative to the sum of the |products|, which
             the op itself tells when it is given |inputs|. An op is linear in an input if the rule
             for that input reads neither it nor the outputs: `keeps` says so
    others   and complex numbers: 8 sqrt(terms) (eps |y| + E), where E is what the reference is off
             from the same op in float64: so much does this function lose at these inputs

See `tolerance` for 8 and the square root. Numbers below the smallest normal one count as 0, since
a GPU flushes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.op import Op, Spec
from ..core.tensor import is_floating
from .tolerance import epsilon, tolerance
from .trace import Call, OpCall, Update

__all__ = ["Bound", "Errors", "bounds", "distance", "errors", "magnitude"]

# the smallest normal number, and whether a GPU flushes what lies below
NORMAL = {"float16": (2.0**-14, False), "bfloat16": (2.0**-126, True)}
NORMAL |= {"float32": (2.0**-126, True), "float64": (2.0**-1022, False)}
PARTS = {"complex64": "float32", "complex128": "float64"}


@dataclass(frozen=True)
class Bound:
    """limit: for each element of an output; short: the reason in a word or two."""

    limit: Any
    reason: str
    short: str


@dataclass(frozen=True)
class Errors:
    """The largest error of an array: absolute, relative to the element, in units in its last place.

    Where a float should be 0, the last two are infinite, whatever it is instead. All are where one
    side alone is NaN or infinite.
    """

    abs: float
    rel: float
    ulp: float


def magnitude(x: Any) -> Any:
    """|x| in float64, denormal numbers as 0."""
    with np.errstate(all="ignore"):
        size = np.abs(_wide(x)).astype(np.float64)
    normal, flushed = NORMAL.get(_real(x.dtype), (0.0, False))
    return np.where(size < normal, 0.0, size) if flushed else size


def errors(got: Any, want: Any) -> tuple[Errors, Any]:
    """The largest errors of an array, and the absolute error of each element, in float64."""
    off, size = distance(got, want), magnitude(want)
    if not off.size:
        return Errors(0.0, 0.0, 0.0), off
    with np.errstate(all="ignore"):
        relative = np.where(off == 0, 0.0, off / size)
        in_ulps = np.where(off == 0, 0.0, off / _spacing(size, want.dtype))
    largest = (float(np.where(np.isnan(e), np.inf, e).max()) for e in (off, relative, in_ulps))
    return Errors(*largest), off


def distance(got: Any, want: Any) -> Any:
    """|got - want|, in float64. NaN is as good as NaN, an infinity as the same infinity."""
    a, b = _wide(got), _wide(want)
    least = float(np.asarray(want).dtype.kind in "iu")  # integers that float64 can't tell apart
    with np.errstate(all="ignore"):
        off = np.maximum(np.abs(a - b).astype(np.float64), least)
        same = (np.asarray(got) == np.asarray(want)) | ((a != a) & (b != b))
        same |= (magnitude(got) == 0) & (magnitude(want) == 0)
        broken = ~np.isfinite(a) | ~np.isfinite(b)
    return np.where(same, 0.0, np.where(broken, np.inf, off))


def bounds(call: Call, inputs: Sequence[Any], outputs: Sequence[Any]) -> list[Bound]:
    """How far each output of that call, from these inputs, may be off these (right) outputs."""
    if isinstance(call, OpCall) and not _flops(call.op, inputs):
        return [_exact(y) for y in outputs]
    terms = _terms(call.op, inputs, outputs) if isinstance(call, OpCall) else 1.0
    plain = not any(y.dtype.kind == "c" for y in outputs)
    if isinstance(call, OpCall) and plain and _is_linear(call.op, inputs):
        return _linear(call, inputs, outputs, terms)
    return _measured(call, inputs, outputs, terms)


def _exact(y: Any) -> Bound:
    return Bound(np.zeros(y.shape), "moves or chooses values and rounds none: equal", "exact")


def _linear(
    call: OpCall, inputs: Sequence[Any], outputs: Sequence[Any], terms: float
) -> list[Bound]:
    high = [_cast(x, np.float64) for x in inputs]
    sizes = call([np.abs(x) if _floats(x) else x for x in high])
    counts = call([np.ones_like(x) if _floats(x) else x for x in high])
    found = []
    for y, size, count in zip(outputs, sizes, counts, strict=True):
        if not is_floating(y.dtype):
            found.append(_exact(y))
            continue
        # of a uniform op all sums are equally long; of a scatter some are longer than their mean
        longest = np.maximum(terms, np.abs(count))
        scale = np.maximum(np.abs(size), magnitude(y))
        n = round(float(longest.max(initial=1)))
        reason = f"sum of {n} terms in {_precision(call, y)}: 8 sqrt({n}) eps, relative to the sum "
        reason += "of their sizes"
        if n == 1:
            reason = f"one term in {_precision(call, y)}: 8 eps, relative to its size"
        short = f"{n} term" + "s" * (n > 1)
        found.append(Bound(_limit(call, y, longest, scale), reason, short))
    return found


def _measured(
    call: OpCall | Update, inputs: Sequence[Any], outputs: Sequence[Any], terms: float
) -> list[Bound]:
    """float64 is measured in float32, from which it loses as many digits."""
    double = any(_real(y.dtype) == "float64" for y in outputs)
    other = np.float32 if double else np.float64
    shrunk = epsilon(np.float64) / epsilon(np.float32) if double else 1.0
    found = []
    again = call([_cast(x, other) for x in inputs])
    for y, better in zip(outputs, again, strict=True):
        if _real(y.dtype) not in NORMAL:
            found.append(_exact(y))
            continue
        off = distance(y, better)
        lost = shrunk * float(off[np.isfinite(off)].max(initial=0))
        eps = epsilon(_precision(call, y))
        scale = magnitude(y) + lost / eps
        n = round(terms)
        reason = f"{_precision(call, y)}: 8 {f'sqrt({n}) ' if n > 1 else ''}times (eps |y| + "
        reason += f"{lost:.1e}), which the reference is off from {np.dtype(other).name}"
        found.append(Bound(_limit(call, y, terms, scale), reason, "float64"))
    return found


def _limit(call: OpCall | Update, y: Any, terms: Any, scale: Any) -> Any:
    """tolerance(terms) * scale, element by element; a result of 16 bits is rounded once more."""
    normal, flushed = NORMAL[_real(y.dtype)]
    precision = _precision(call, y)
    scale = np.where(np.isfinite(scale), scale, 0.0)
    limit = tolerance(precision) * np.sqrt(terms) * np.maximum(scale, normal)
    if precision != _real(y.dtype):
        limit = limit + epsilon(y.dtype) * np.maximum(magnitude(y), normal)
    return limit + terms * normal if flushed else limit


def _precision(call: OpCall | Update, y: Any) -> str:
    """The dtype in which this output is computed."""
    widened = isinstance(call, OpCall) and call.op.widens and y.dtype.itemsize == 2
    return "float32" if widened else _real(y.dtype)


def _terms(op: Op, inputs: Sequence[Any], outputs: Sequence[Any]) -> float:
    """How many terms make one number of the outputs, on average: from the op's cost."""
    cost = op.cost(*map(_spec, inputs))
    return max(1.0, (cost.macs or cost.flops) / max(1, sum(y.size for y in outputs)))


def _flops(op: Op, inputs: Sequence[Any]) -> int:
    return op.cost(*map(_spec, inputs)).flops


def _is_linear(op: Op, inputs: Sequence[Any]) -> bool:
    last = len(op.inputs) - 1
    names = {op.inputs[min(i, last)] for i, x in enumerate(inputs) if _floats(x)}
    outputs = {name.lstrip("*") for name in op.outputs}
    return not any({name, *outputs} & set(op.keeps.get(name, ())) for name in names)


def _spec(x: Any) -> Spec | None:
    return None if x is None else Spec(x.shape, x.dtype)


def _floats(x: Any) -> bool:
    return x is not None and is_floating(x.dtype)


def _cast(x: Any, dtype: Any) -> Any:
    if x is not None and x.dtype.kind == "c":
        dtype = np.result_type(dtype, np.complex64)
    elif not _floats(x):
        return x
    with np.errstate(all="ignore"):
        return x.astype(dtype)


def _real(dtype: Any) -> str:
    return PARTS.get(dtype.name, dtype.name)


def _wide(x: Any) -> Any:
    """In float64 or complex128; exact but for integers beyond 2^53."""
    x = np.asarray(x)
    return x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)


def _spacing(size: Any, dtype: Any) -> Any:
    """The distance to the next number of that dtype, at these sizes: 0 at 0; 1 between integers."""
    if _real(dtype) not in NORMAL:
        return np.ones_like(size)
    _, exponent = np.frexp(np.maximum(size, NORMAL[_real(dtype)][0]))
    return np.where(size == 0, 0.0, np.ldexp(epsilon(_real(dtype)), exponent - 1))
