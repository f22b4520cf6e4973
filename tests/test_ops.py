"""Every op on every one of its samples: the rules against each other and against an oracle.

A missing oracle, sample or hand-written gradient fails; it never shrinks a list.
"""

import numpy as np
import pytest

import gpugraph as gg
from gpugraph.core.apply import apply
from gpugraph.core.op import REGISTRY
from gpugraph.core.tensor import is_floating
from gpugraph.testing import rules
from tests.oracles import GRADIENTS, ORACLES

# Ops that tests define on the way register themselves, too; only the package's own count here.
OPS = {name: cls for name, cls in REGISTRY.items() if cls.__module__.startswith("gpugraph.")}


def samples_of(name):
    return list(OPS[name].samples(np.random.default_rng(0)))


CASES = [(name, i) for name in sorted(OPS) for i in range(len(samples_of(name)))]
SMOOTH = [(name, i) for name, i in CASES if samples_of(name)[i].smooth]
ROUGH = [(name, i) for name, i in CASES if not samples_of(name)[i].smooth]


def test_every_op_has_an_oracle_and_samples():
    assert set(OPS) == set(ORACLES)
    assert not [name for name in OPS if not samples_of(name)]


def close(got, want, terms):
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, (got.shape, want.shape)
    if not is_floating(got.dtype) and got.dtype.kind != "c":
        np.testing.assert_array_equal(got, want)
        return
    scale = 1 + np.abs(want[np.isfinite(want)]).max(initial=0)
    bound = gg.testing.tolerance(np.float64, terms) * scale
    np.testing.assert_allclose(got, want, rtol=0, atol=bound, equal_nan=True)


def terms_of(sample):
    return max((np.size(x) for x in sample.inputs if x is not None), default=1)


@pytest.mark.parametrize("name, i", CASES)
def test_forward_agrees_with_the_oracle(name, i):
    sample = samples_of(name)[i]
    got = rules.outputs_of(apply(sample.op, *sample.inputs))
    want = ORACLES[name](sample.op, *sample.inputs)
    for y, w in zip(got, want if isinstance(want, tuple) else (want,), strict=True):
        close(y.numpy(), w, terms_of(sample))


@pytest.mark.parametrize("name, i", CASES)
def test_spec_tells_shapes_and_dtypes(name, i):
    rules.check_spec(samples_of(name)[i])


@pytest.mark.parametrize("name, i", CASES)
def test_float32_stays_float32(name, i):
    rules.check_float32(samples_of(name)[i])


@pytest.mark.parametrize("name, i", CASES)
def test_cost_counts_the_bytes(name, i):
    rules.check_cost(samples_of(name)[i])


@pytest.mark.parametrize("name, i", CASES)
def test_vjps_are_linear(name, i):
    rules.check_linear(samples_of(name)[i])


@pytest.mark.parametrize("name, i", SMOOTH)
def test_derivatives_to_third_order(name, i):
    rules.check_gradients(samples_of(name)[i], order=3)


@pytest.mark.parametrize("name, i", ROUGH)
def test_gradients_at_ties_kinks_and_nan(name, i):
    sample = samples_of(name)[i]
    if not rules.differentiable(sample):
        return
    leaves = [
        gg.Tensor(x, requires_grad=True)
        if isinstance(x, np.ndarray) and is_floating(x.dtype)
        else x
        for x in sample.inputs
    ]
    y = rules.outputs_of(apply(sample.op, *leaves))[0]
    g = np.random.default_rng(2).standard_normal(y.shape)
    want = GRADIENTS[name](sample.op, sample.inputs, g)
    wanted = [x for x, w in zip(leaves, want, strict=True) if w is not None]
    got = iter(gg.grad(y, wanted, gg.Tensor(g)))
    for w in want:
        if w is not None:
            close(next(got).numpy(), w, terms_of(sample))


@pytest.mark.parametrize("name", sorted(OPS))
def test_the_same_call_gives_the_same_bits(name):
    for sample in samples_of(name):
        first, second = (rules.outputs_of(apply(sample.op, *sample.inputs)) for _ in range(2))
        for a, b in zip(first, second, strict=True):
            assert a.numpy().tobytes() == b.numpy().tobytes()


# Move is applied only between devices; its sample, from the CPU to the CPU, stays where it is.
@pytest.mark.parametrize("name,i", [case for case in CASES if case[0] != "Move"])
def test_only_views_share_memory_and_say_so(name, i):
    sample = samples_of(name)[i]
    inputs = [None if x is None else gg.Tensor(np.asarray(x)) for x in sample.inputs]
    for y in rules.outputs_of(apply(sample.op, *inputs)):
        shares = any(x is not None and np.may_share_memory(x.array, y.array) for x in inputs)
        assert y.is_view == shares or not y.size
        if shares:
            assert y.version is inputs[0].version
