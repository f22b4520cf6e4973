"""All the rules of an op against each other, on the op's own samples.

What an op says in one rule follows from what it says in others: `spec` from `forward`, each vjp
from `forward` by differences, cost's bytes from the shapes. Each of these functions follows one of
them up for a sample; `checker.check` calls them all. Whether `forward` itself is right only an
independent judge can say (see ``tests/oracles``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.autodiff import grad
from ..core.backend import MetaArray
from ..core.op import Sample, Spec
from ..core.tensor import Tensor, is_floating
from .gradcheck import gradcheck
from .tolerance import tolerance

__all__ = ["check_cost", "check_float32", "check_gradients", "check_linear", "check_spec"]


HALF = {np.dtype("float64"): np.float32, np.dtype("complex128"): np.complex64}


def outputs_of(result: Any) -> tuple[Tensor, ...]:
    """A tuple, however many outputs an op has."""
    return result if isinstance(result, tuple) else (result,)


def spec_of(x: Any) -> Any:
    """The Spec of an array, None of an absent input."""
    return None if x is None else Spec(np.shape(x), np.asarray(x).dtype)


def differentiable(sample: Sample) -> bool:
    """Has the op a rule, and the sample a floating input for it?"""
    return sample.op.differentiable and bool(_leaves(sample)[1])


def check_spec(sample: Sample) -> None:
    """spec tells forward's shapes and dtypes, and the meta device gives the same."""
    told = sample.op.spec(*map(spec_of, sample.inputs))
    told = told if isinstance(told, tuple) else (told,)
    real = outputs_of(apply(sample.op, *sample.inputs))
    meta_inputs = [
        MetaArray(np.shape(x), np.asarray(x).dtype) if x is not None else None
        for x in sample.inputs
    ]
    meta = outputs_of(apply(sample.op, *meta_inputs))
    for s, y, m in zip(told, real, meta, strict=True):
        assert (s.shape, s.dtype) == (y.shape, y.dtype), f"spec says {s}, forward gives {y!r}"
        assert (m.shape, m.dtype) == (y.shape, y.dtype), f"on meta {m!r}, forward gives {y!r}"
        assert isinstance(m.array, MetaArray)


def check_float32(sample: Sample) -> None:
    """float32 inputs give float32 outputs near the float64 ones."""
    low = [_cast(x, np.float32) for x in sample.inputs]
    high = [_cast(x, np.float64) for x in low]
    for y32, y64 in zip(
        outputs_of(apply(sample.op, *low)), outputs_of(apply(sample.op, *high)), strict=True
    ):
        if not is_floating(y64.dtype) and y64.dtype.kind != "c":
            continue
        half = HALF.get(y64.dtype)
        asked = getattr(sample.op, "dtype", half)  # a cast, say, names what it gives
        assert half is None or y32.dtype in (half, asked), f"{y32.dtype} from float32"
        terms = max((np.size(x) for x in sample.inputs if x is not None), default=1)
        bound = tolerance(np.float32, terms)
        a, b = y32.numpy().astype(np.result_type(y64.dtype, np.float64)), y64.numpy()
        finite = np.isfinite(b)
        scale = 1 + np.abs(b[finite]).max(initial=0)
        assert np.array_equal(a[~finite], b[~finite], equal_nan=True)
        worst = np.abs(a[finite] - b[finite]).max(initial=0)
        assert worst <= bound * scale, f"float32 is off by {worst:.2e} (bound {bound * scale:.2e})"


def check_cost(sample: Sample) -> None:
    """cost counts each input and output once in bytes; FLOPs are whole and not negative."""
    cost = sample.op.cost(*map(spec_of, sample.inputs))
    outs = outputs_of(apply(sample.op, *sample.inputs))
    expected = sum(np.asarray(x).nbytes for x in sample.inputs if x is not None)
    expected += sum(y.nbytes for y in outs)
    assert cost.bytes == expected, f"cost says {cost.bytes} bytes, the arrays have {expected}"
    assert isinstance(cost.flops, int), f"cost says {cost.flops!r} FLOP"
    assert cost.flops >= 0
    assert cost.flops >= 2 * cost.macs >= 0


def cotangent(y: Tensor, rng: np.random.Generator) -> Any:
    """Random numbers like those of y."""
    g = rng.standard_normal(y.shape)
    return g + 1j * rng.standard_normal(y.shape) if y.dtype.kind == "c" else g


def check_linear(sample: Sample) -> None:
    """Every vjp is linear in the cotangents: double backward relies on it."""
    if not differentiable(sample):
        return
    inputs, leaves = _leaves(sample)
    ys = [y for y in outputs_of(apply(sample.op, *inputs)) if y.requires_grad]
    rng = np.random.default_rng(1)
    g1, g2 = ([cotangent(y, rng) for y in ys] for _ in range(2))

    def pull(gs: list[Any]) -> list[Any]:
        found = grad(ys, leaves, gs, retain_graph=True, allow_unused=True)
        return [0.0 if g is None else g.numpy() for g in found]

    slack = max([1e-10, *(10 * np.finfo(y.dtype).eps for y in ys)])  # casts round
    mixed = pull([2.0 * a - 3.0 * b for a, b in zip(g1, g2, strict=True)])
    for a, b, c in zip(pull(g1), pull(g2), mixed, strict=True):
        expected = 2.0 * a - 3.0 * b
        scale = 2.0 * np.abs(a) + 3.0 * np.abs(b)
        with np.errstate(invalid="ignore"):
            off = np.abs(c - expected) > slack * (1 + scale)
        assert not off.any(), "a vjp rule is not linear in its cotangent"


def check_gradients(sample: Sample, order: int = 3) -> None:
    """Derivatives to that order against difference quotients, none of them zero."""
    if not differentiable(sample):
        return
    empty = not any(x.size for x in _leaves(sample)[1])

    def f(*xs: Any) -> Any:
        ys = outputs_of(apply(sample.op, *xs))
        names = (sample.op.name_of(len(xs) + k, len(xs)) for k in range(len(ys)))
        return [y for n, y in zip(names, ys, strict=True) if n not in sample.op.nondifferentiable]

    arrays = [_cast(x, np.float64) for x in sample.inputs]
    gradcheck(f, tuple(arrays), order, nonzero=not empty)


def _cast(x: Any, dtype: Any) -> Any:
    """Floating and complex arrays in that precision."""
    array = np.asarray(x)
    if x is not None and array.dtype.kind == "c":
        return array.astype(np.result_type(dtype, np.complex64))
    return x if x is None or not is_floating(array.dtype) else array.astype(dtype)


def _leaves(sample: Sample) -> tuple[list[Any], list[Tensor]]:
    """The inputs with the floating ones as leaves, and those leaves; complex ones have two."""
    inputs: list[Any] = []
    leaves: list[Tensor] = []
    for i, x in enumerate(sample.inputs):
        last = len(sample.op.inputs) - 1
        has_rule = sample.op.joint is not None or sample.op.rules[min(i, last)] is not None
        dtype = None if x is None or not has_rule else np.asarray(x).dtype
        if dtype is not None and dtype.kind == "c" and sample.op.conjugates:  # of two real leaves
            parts = [Tensor(np.array(part), requires_grad=True) for part in (x.real, x.imag)]
            leaves += parts
            inputs.append(parts[0] + 1j * parts[1])
        elif dtype is not None and is_floating(dtype):
            leaves.append(Tensor(np.asarray(x), requires_grad=True))
            inputs.append(leaves[-1])
        else:
            inputs.append(x)
    return inputs, leaves
