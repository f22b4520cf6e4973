"""How far two devices may lie apart: enough for two right answers, too little for a wrong one."""

from __future__ import annotations

import numpy as np
import pytest

import gpugraph as gg
from gpugraph.core import backend
from gpugraph.core.apply import apply
from gpugraph.core.state import observe
from gpugraph.core.window import Window
from gpugraph.cuda import sim
from gpugraph.ops.conv import Conv
from gpugraph.testing import rules
from gpugraph.testing.rounding import Errors, bounds, errors, magnitude
from gpugraph.testing.trace import Store, Trace
from tests.test_kernels import CASES
from tests.test_ops import OPS, samples_of

EPS = np.finfo(np.float32).eps
NAN, INF = np.nan, np.inf


def f32(*values):
    return np.array(values, np.float32)


def entry_of(op, *arrays):
    trace = Trace(Store())
    with observe(trace), np.errstate(all="ignore"):
        apply(op, *arrays)
    return trace.entries[-1]


def used(entry, got, inputs=None, want=None):
    """The largest share of a tolerance that these outputs take."""
    inputs = entry.inputs if inputs is None else inputs
    want = entry.outputs if want is None else want
    shares = [0.0]
    for y, w, bound in zip(got, want, bounds(entry.call, inputs, want), strict=True):
        off = errors(y, w)[1]
        with np.errstate(all="ignore"):
            share = np.where(off == 0, 0.0, off / bound.limit)
        shares.append(float(share.max(initial=0)))
    return max(shares)


# Errors


def test_errors_are_the_largest_of_each_kind():
    found, off = errors(f32(1.0, 10.5, -4.0), f32(1.0, 10.0, -5.0))
    assert found == Errors(1.0, 0.2, 1.0 / (4 * EPS)) and off.tolist() == [0.0, 0.5, 1.0]
    next_to_one = np.nextafter(f32(1.0), f32(2.0))
    assert errors(next_to_one, f32(1.0))[0] == Errors(EPS, EPS, 1.0)
    below_two = np.nextafter(f32(2.0), f32(0.0))
    assert errors(below_two, f32(2.0))[0].ulp == 0.5  # the reference's last place counts
    assert errors(f32(), f32())[0] == Errors(0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    "got,want,expected",
    [
        (NAN, NAN, 0.0),
        (INF, INF, 0.0),
        (-INF, INF, INF),
        (NAN, 1.0, INF),
        (1.0, NAN, INF),
        (INF, 1.0, INF),
        (1e-39, 0.0, 0.0),  # a GPU flushes it
        (0.0, -1e-39, 0.0),
        (-0.0, 0.0, 0.0),
        (2e-38, 0.0, np.float32(2e-38)),
    ],
)
def test_special_values(got, want, expected):
    assert errors(f32(got), f32(want))[0].abs == expected


def test_errors_of_other_dtypes():
    half = np.array([1.0, 2.0**-24], np.float16)  # nobody flushes half precision
    found, _ = errors(half, np.array([1.0, 0.0], np.float16))
    assert found == Errors(2.0**-24, INF, INF)
    assert magnitude(half)[1] == 2.0**-24 and errors(2 * half, half)[0].ulp == 1024
    assert errors(np.array([3, 250], np.uint8), np.array([5, 0], np.uint8))[0].abs == 250
    assert errors(np.array([True]), np.array([False]))[0].abs == 1
    big = np.array([2**62 + 1])
    assert errors(big, big)[0].abs == 0 and errors(big, big - 1)[0].abs >= 1
    assert errors(np.array([1 + 1j]), np.array([1 - 1j]))[0].abs == 2
    ml_dtypes = pytest.importorskip("ml_dtypes")
    brain = np.array([1.0, 1.0078125], ml_dtypes.bfloat16)
    assert errors(brain[1:], brain[:1])[0] == Errors(2.0**-7, 2.0**-7, 1.0)


# Bounds


def test_a_convolution_is_bounded_by_the_sum_of_sizes():
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(s).astype(np.float32) for s in ((2, 3, 5, 4), (2, 3, 2, 3)))
    entry = entry_of(Conv(Window.of("conv2d", 2, (2, 3))), x, w)
    (bound,) = bounds(entry.call, entry.inputs, entry.outputs)
    for n, o, i, j in np.ndindex(2, 2, 4, 2):
        size = np.abs(x[n, :, i : i + 2, j : j + 3].astype(float) * w[o]).sum()
        expected = 8 * np.sqrt(18) * EPS * size
        assert bound.limit[n, o, i, j] == pytest.approx(expected, rel=1e-6)
    assert bound.short == "18 terms"


def test_a_scatter_counts_the_terms_of_each_sum():
    x = gg.tensor(np.zeros((5, 1), np.float32), requires_grad=True)
    trace = Trace(Store())
    with observe(trace):
        x[np.array([0, 3, 3, 3, 3, 3, 3, 3, 3, 3])].sum().backward()
    entry = next(e for e in trace.entries if e.call.label == "put_at")
    (bound,) = bounds(entry.call, entry.inputs, entry.outputs)
    assert bound.limit[3, 0] == pytest.approx(8 * np.sqrt(9) * EPS * 9, rel=1e-6)
    assert bound.limit[1, 0] < 1e-30 and bound.short == "9 terms"


def test_what_rounds_nothing_must_be_equal():
    for op in (gg.ops.shape.Reshape((3,)), gg.ops.extrema.Argmax(0)):
        entry = entry_of(op, f32(1, 2, 3))
        (bound,) = bounds(entry.call, entry.inputs, entry.outputs)
        assert bound.short == "exact" and not bound.limit.any()


def test_an_ill_conditioned_function_is_measured_in_float64():
    x = (1000 + np.random.default_rng(0).standard_normal((64, 1))).astype(np.float32)
    op = gg.ops.norm_functions.BatchNorm(1e-5)
    near, far = (entry_of(op, a, None, None) for a in (x - 1000, x))
    tight, wide = (bounds(e.call, e.inputs, e.outputs)[0] for e in (near, far))
    assert wide.limit.max() > 10 * tight.limit.max() and wide.short == "float64"
    assert tight.limit.max() < 1e-4 and wide.limit.max() < 0.1


@pytest.mark.parametrize("name", sorted(OPS))
def test_bounds_hold_what_numpy_loses_and_no_more(name):
    for sample in samples_of(name):
        inputs = [rules._cast(x, np.float32) for x in sample.inputs]
        entry = entry_of(sample.op, *(None if x is None else gg.Tensor(x) for x in inputs))
        doubles = [None if x is None else rules._cast(x, np.float64) for x in entry.inputs]
        better = [
            y.astype(w.dtype) for y, w in zip(entry.call(doubles), entry.outputs, strict=True)
        ]
        assert used(entry, better) <= 1, sample.note
        for k, y in enumerate(entry.outputs):
            plain = np.abs(y[np.isfinite(y)]).astype(float)
            if not plain.size or not plain.max():
                continue
            at = np.unravel_index(np.nan_to_num(np.abs(y), posinf=0).argmax(), y.shape)
            if not np.isfinite(y[at]):
                continue
            wrong = [np.array(z) for z in entry.outputs]
            wrong[k][at] = ~y[at] if y.dtype == bool else y[at] + max(1, abs(y[at]) // 100)
            if y.dtype.kind == "f":
                wrong[k][at] = y[at] * y.dtype.type(1.01)
            assert used(entry, wrong) > 1, (sample.note, k)


@pytest.mark.skipif(sim.why_not() is not None, reason=f"needs {sim.why_not()}")
@pytest.mark.parametrize("name", sorted({name for name, _ in CASES}))
def test_right_kernels_stay_within_bounds(name):
    for i in [i for n, i in CASES if n == name]:
        sample = samples_of(name)[i]
        for dtype in (np.float16, np.float32, np.float64):
            inputs = [rules._cast(x, dtype) for x in sample.inputs]
            entry = entry_of(sample.op, *(None if x is None else gg.Tensor(x) for x in inputs))
            there = [None if x is None else backend.to_device(x, "sim") for x in entry.inputs]
            assert used(entry, [np.asarray(y) for y in entry.call(there)]) <= 1, (
                sample.note,
                dtype,
            )
