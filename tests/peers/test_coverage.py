"""What the drawn arguments cover: every function, every parameter of its signature, in at least
LEAST sets of arguments that differ, and PyTorch's parameters are ours: names, order, defaults.
"""

import inspect

import numpy as np
import pytest

import gpugraph.nn.functional as F

pytest.importorskip("torch", reason="needs PyTorch: pip install 'gpugraph[peers]'")

from .agreement import DRAWS, NAMES, OLD, PEERS, drawn, named, parameters
from .test_functions import FUNCTIONS

pytestmark = pytest.mark.peers

LEAST = 50
EMPTY = inspect.Parameter.empty
RANDOM = "random numbers; what they are is held in tests/test_dropout.py"
# functions that are held elsewhere
ELSEWHERE = {
    "gumbel_softmax": "random numbers",
    "ctc_loss": "PyTorch's gradient holds behind log_softmax alone: test_functions.test_ctc_loss",
}
# (function, or None for all; parameter): why it is not drawn, or not with two values
NOT_DRAWN = {
    (None, "generator"): "PyTorch's functions take none",
    ("scaled_dot_product_attention", "dropout_p"): RANDOM,
    ("embedding", "sparse"): "refused: gradients are dense",
}
# (function, parameter): our default where it is not PyTorch's
OTHER_DEFAULTS = {
    # None there warns, and means an axis that depends on how many there are; up to 2 it is this one
    **{(name, "dim"): -1 for name in ("softmax", "log_softmax", "softmin")},
}
LEFT_OUT = {("normalize", "out")}  # a result is a new tensor


def key(v):
    """What makes a value different from another one."""
    if isinstance(v, np.ndarray):
        return v.dtype.str, v.shape, v.tobytes()
    return repr(v) if not callable(v) else id(v)


def gaps(name, calls):
    """What the calls leave out: a list of sentences."""
    calls = [named(name, *call) for call in calls]
    different = {tuple((k, key(v)) for k, v in call.items()) for call in calls}
    found = []
    if len(different) < LEAST:
        found.append(f"{name}: {len(different)} different sets of arguments, not {LEAST}")
    for k, default in parameters(name)[0].items():
        if (name, k) in NOT_DRAWN or (None, k) in NOT_DRAWN:
            continue
        values = {key(call[k]) for call in calls if k in call}
        if len(values) < 2:
            found.append(f"{name}: {k} has {len(values)} values, not 2 or more: {list(values)}")
        if default is not EMPTY and not values - {key(default)}:
            found.append(f"{name}: {k} is never other than its default, {default}")
        if default is not EMPTY and all(k in call for call in calls):
            found.append(f"{name}: {k} is never left away")
    return found


def test_every_function_is_drawn():
    assert set(F.__all__) == set(FUNCTIONS) | set(ELSEWHERE)
    assert all(callable(getattr(F, name)) for name in F.__all__)
    assert DRAWS >= LEAST


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_keyword_is_drawn(name):
    assert gaps(name, drawn(name, FUNCTIONS[name])) == []


def test_the_exceptions_are_needed():
    for name, k in NOT_DRAWN:
        names = [name] if name else [n for n in FUNCTIONS if k in parameters(n)[0]]
        for n in names:
            assert len({key(named(n, *c).get(k)) for c in drawn(n, FUNCTIONS[n])}) < 3, (n, k)
            assert k in parameters(n)[0], (n, k)


def test_gaps_are_told():
    calls = drawn("avg_pool2d", FUNCTIONS["avg_pool2d"])
    assert gaps("avg_pool2d", calls) == []
    (told,) = gaps("avg_pool2d", calls[:49])
    assert "49 different" in told
    (told,) = gaps("avg_pool2d", [*calls[:49], *calls[:49]])
    assert "49 different" in told
    names = [named("avg_pool2d", *call) for call in calls]
    for k, v in (("ceil_mode", False), ("divisor_override", 5), ("stride", 1), ("padding", 1)):
        told = gaps("avg_pool2d", [((), {**call, k: v}) for call in names])
        assert told and all(f": {k} " in line for line in told), told
        assert any("never left away" in line for line in told)
        told = gaps(
            "avg_pool2d", [((), {i: j for i, j in call.items() if i != k}) for call in names]
        )
        assert [line for line in told if f"{k} has 0 values" in line], told


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if n not in PEERS])
def test_parameters_are_theirs(name):
    ours, theirs = parameters(name)
    ours = {NAMES.get(k, k): v for k, v in ours.items()}
    theirs = {k: v for k, v in theirs.items() if k not in OLD}
    optional = {k for k, v in theirs.items() if v is not EMPTY and (name, k) not in LEFT_OUT}
    lacking = optional - ours.keys()
    assert not lacking, f"PyTorch's {name} has {lacking}, too"
    shared = [k for k in ours if k in theirs]
    assert shared == [k for k in theirs if k in ours], f"{name}: {shared}"
    for k in optional:
        wanted = OTHER_DEFAULTS.get((name, k), theirs[k])
        assert ours[k] == wanted, f"{name}: {k}={ours[k]}, PyTorch's is {theirs[k]}"
