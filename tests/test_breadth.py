"""Every public function against an oracle, and its derivatives to third order.

The names are those of `__all__`. A case in tests/breadth/ names the function that is called with
its arguments, so that no check can be claimed and not made. What has no oracle or no derivative
stands below with the reason. Corner cases are in files of their own.
"""

import inspect
from importlib import import_module

import numpy as np
import pytest

import gpugraph as gg
from gpugraph.core.tensor import is_floating
from tests.breadth import CASES

ROOMS = ["gpugraph", *(f"gpugraph.{room}" for room in "nn.functional linalg fft func".split())]

NO_ORACLE = {
    "its numbers are any": "empty empty_like",
    "a context, see test_engine.py": "detect_anomaly enable_grad no_grad scope",
    "a table of text, see test_summary.py": "summary",
    "a description, see test_array_api.py": "__array_namespace_info__",
}
NO_DERIVATIVE = {
    **NO_ORACLE,
    "steps": "floor ceil fix rint sign nextafter floor_divide",
    "makes new numbers": (
        "arange linspace geomspace logspace zeros ones full eye tri zeros_like ones_like full_like "
        "tensor from_dlpack histogram_bin_edges fftfreq rfftfreq"
    ),
    "integers or bools": (
        "equal not_equal less less_equal greater greater_equal isclose allclose array_equal "
        "array_equiv isfinite isinf isnan isposinf isneginf signbit logical_and logical_or "
        "logical_xor logical_not bitwise_and bitwise_or bitwise_xor bitwise_not left_shift "
        "right_shift all any argmax argmin nanargmax nanargmin count_nonzero argsort argpartition "
        "searchsorted digitize isin nonzero argwhere flatnonzero tril_indices triu_indices one_hot "
        "matrix_rank"
    ),
    "is told of shapes and dtypes": (
        "broadcast_shapes result_type can_cast isdtype finfo iinfo numel ndim"
    ),
    "numbers equal in two arrays are not after a small step": "intersect1d",
}


def words(reasons):
    return {name for names in reasons.values() for name in names.split()}


def function_of(key):
    room, name = key
    return getattr(import_module(room), name.split(",")[0])


def public(room):
    """Its functions, each under its first name: aliases count once."""
    module = import_module(room)
    found = {}
    for name in module.__all__:
        f = getattr(module, name)
        if inspect.isroutine(f):
            found.setdefault(f, name)
    return found


def test_every_public_function_has_a_case():
    judged = {function_of(key) for key in CASES}
    missing = {
        f"{room}.{name}"
        for room in ROOMS
        for f, name in public(room).items()
        if f not in judged and name not in words(NO_ORACLE)
    }
    assert not missing, f"no case in tests/breadth/: {sorted(missing)}"
    assert not {name.split(",")[0] for _, name in CASES} & words(NO_ORACLE)


def results(y):
    """Tensors, arrays and numbers, in tuples, lists and records."""
    if isinstance(y, (tuple, list)):
        return [part for piece in y for part in results(piece)]
    return [y.numpy() if isinstance(y, gg.Tensor) else np.asarray(y)]


def tensors(y):
    if isinstance(y, (tuple, list)):
        return [t for piece in y for t in tensors(piece)]
    return [y] if isinstance(y, gg.Tensor) and (is_floating(y.dtype) or y.dtype.kind == "c") else []


@pytest.mark.parametrize("key", CASES, ids="-".join)
def test_values(key):
    case = CASES[key]
    got = results(case.call(function_of(key), map(gg.Tensor, case.varied)))
    want = results(case.expected())
    terms = max((x.size for x in case.varied), default=1)
    for y, w in zip(got, want, strict=True):
        assert y.shape == w.shape
        if y.dtype.kind not in "fc":
            assert (y.dtype.kind in "iu") == (w.dtype.kind in "iu")
            np.testing.assert_array_equal(y, w)
            continue
        bound = gg.testing.tolerance(y.real.dtype, terms)
        scale = 1 + np.abs(w[np.isfinite(w)]).max(initial=0)
        assert w.dtype == y.dtype
        np.testing.assert_allclose(y, w, rtol=0, atol=bound * scale)


def flowing(key):
    """For each floating result of a case, whether a gradient flows through it."""
    leaves = []
    for x in CASES[key].varied:
        leaf = gg.Tensor(np.array(x.real), requires_grad=True)
        leaves.append(leaf + 1j * np.array(x.imag) if x.dtype.kind == "c" else leaf)
    return [y.requires_grad for y in tensors(CASES[key].call(function_of(key), leaves))]


DIFFERENTIATED = [
    key
    for key, case in CASES.items()
    if case.varied and key[1].split(",")[0] not in words(NO_DERIVATIVE)
]


def test_every_public_function_is_differentiated_or_has_a_reason():
    """Functions, not names, are compared: a second name of one needs no reason of its own."""
    differentiated = {function_of(key) for key in DIFFERENTIATED}
    found = {f: name for room in ROOMS for f, name in public(room).items()}
    excused = {
        getattr(import_module(room), name, None): name
        for room in ROOMS
        for name in words(NO_DERIVATIVE)
    }
    excused.pop(None)
    assert set(excused.values()) == words(NO_DERIVATIVE)
    without = {name for f, name in found.items() if f not in differentiated and f not in excused}
    assert not without, f"no derivative, and no reason: {sorted(without)}"
    needless = {name for f, name in excused.items() if f in differentiated}
    assert not needless, f"differentiated after all: {sorted(needless)}"


@pytest.mark.parametrize("key", DIFFERENTIATED, ids="-".join)
def test_derivatives_to_third_order(key):
    case, function, which = CASES[key], function_of(key), flowing(key)
    assert any(which)

    def f(*xs):
        return [y for y, flows in zip(tensors(case.call(function, xs)), which) if flows]

    assert gg.testing.gradcheck(f, tuple(case.varied), order=3, nonzero=True)


@pytest.mark.parametrize(
    "key",
    [key for key, case in CASES.items() if case.varied and key not in DIFFERENTIATED],
    ids="-".join,
)
def test_no_gradient_flows(key):
    assert not any(flowing(key))
