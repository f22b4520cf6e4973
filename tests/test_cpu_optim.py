"""The compiled steps of optimizers: the very bits of the NumPy rules."""

import numpy as np
import pytest

import gpugraph as gg
from gpugraph import optim
from gpugraph.core import backend
from gpugraph.optim.compiled import Table
from tests.cpu import lib  # noqa: F401 (a fixture)

SHAPES = [(16, 3, 3, 3), (), (0, 4), (7,), (260, 301), (1, 1, 5), (33, 129)]
RULES = [
    (optim.SGD, {"lr": 0.1}),
    (optim.SGD, {"lr": 0.1, "weight_decay": 0.3, "maximize": True}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.4, "weight_decay": 0.01}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.7, "nesterov": True, "maximize": True}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.7, "nesterov": True, "weight_decay": 0.2}),
    (optim.Adam, {"lr": 0.02}),
    (optim.Adam, {"lr": 0.02, "betas": (0.7, 0.95), "weight_decay": 0.1, "eps": 1e-3}),
    (optim.Adam, {"lr": 0.02, "amsgrad": True, "maximize": True}),
    (optim.Adam, {"lr": 0.02, "amsgrad": True, "weight_decay": 0.1}),
    (optim.AdamW, {"lr": 0.02}),
    (optim.AdamW, {"lr": 0.02, "amsgrad": True, "weight_decay": 0.5}),
    (optim.AdamW, {"lr": 0.02, "weight_decay": 0.0, "maximize": True}),
    (optim.RMSprop, {"lr": 0.02}),
    (optim.RMSprop, {"lr": 0.02, "alpha": 0.7, "momentum": 0.9, "maximize": True}),
    (optim.RMSprop, {"lr": 0.02, "centered": True, "weight_decay": 0.1, "eps": 1e-3}),
    (optim.RMSprop, {"lr": 0.02, "centered": True, "momentum": 0.5, "weight_decay": 0.1}),
    (optim.Adagrad, {"lr": 0.1}),
    (optim.Adagrad, {"lr": 0.1, "lr_decay": 0.3, "weight_decay": 0.1, "maximize": True}),
    (optim.Adagrad, {"lr": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-3}),
]


class Counted:
    """The library; counts its calls."""

    def __init__(self, library):
        self.library, self.calls = library, []

    def call(self, name, *arguments):
        self.calls.append(name)
        self.library.call(name, *arguments)


@pytest.fixture
def counted(lib, monkeypatch):  # noqa: F811
    """What the optimizers find as the compiled kernels."""
    it = Counted(lib)
    monkeypatch.setattr(backend, "cpu_library", lambda: it)
    return it


def parameters(rng, dtype, shapes=SHAPES):
    return [gg.nn.Parameter(rng.standard_normal(s).astype(dtype)) for s in shapes]


def twins(make, options, dtype="float32", shapes=SHAPES, fused=False):
    """Two optimizers over equal parameters; the second is the reference."""
    rng = np.random.default_rng(5)
    ours = parameters(rng, dtype, shapes)
    theirs = [gg.nn.Parameter(p.array.copy()) for p in ours]
    reference = make(theirs, **options)
    reference.cpu = None
    return make(ours, **options, fused=fused), reference


def step(a, b, rng, missing=(), lie=np.asarray):
    """The same drawn gradients for both, and a step of each."""
    pairs = zip(a.param_groups[0]["params"], b.param_groups[0]["params"], strict=True)
    for i, (p, q) in enumerate(pairs):
        g = rng.standard_normal(p.shape).astype(p.dtype)
        p.grad = None if i in missing else gg.Tensor(lie(g))
        q.grad = None if i in missing else gg.Tensor(g.copy())
    a.step()
    b.step()


def same(a, b):
    for p, q in zip(a.param_groups[0]["params"], b.param_groups[0]["params"], strict=True):
        np.testing.assert_array_equal(p.array, q.array, strict=True)
        mine, its = a.state.get(p, {}), b.state.get(q, {})
        assert mine.keys() == its.keys()
        for name, value in its.items():
            np.testing.assert_array_equal(mine[name], value, strict=isinstance(value, np.ndarray))


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("make, options", RULES)
def test_the_bits_of_the_rule_in_one_call(counted, make, options, dtype, fused):
    a, b = twins(make, options, dtype, fused=fused)
    rng = np.random.default_rng(8)
    for _ in range(4):
        step(a, b, rng)
        same(a, b)
    assert len(counted.calls) == 4


@pytest.mark.parametrize("make, options", RULES[2:7:4] + RULES[8:9] + RULES[14:19:4])
def test_parameters_without_a_gradient_stay_behind(counted, make, options):
    """Those that missed a step have memory of their own age: a call for each age."""
    a, b = twins(make, options)
    rng = np.random.default_rng(8)
    for missing in ([1, 4], [0], [], [6], range(7)):
        before = [p.version[0] if p.version else 0 for p in a.param_groups[0]["params"]]
        step(a, b, rng, missing)
        same(a, b)
        after = [p.version[0] if p.version else 0 for p in a.param_groups[0]["params"]]
        wrote = [v - w for v, w in zip(after, before, strict=True)]
        assert wrote == [i not in missing for i in range(7)]
    assert len(counted.calls) >= 4


@pytest.mark.parametrize("lie", [np.asfortranarray, lambda g: np.repeat(g[None], 2, 0)[1]])
@pytest.mark.parametrize("make, options", RULES[3:8:4])
def test_gradients_lie_in_any_way(counted, make, options, lie):
    a, b = twins(make, options, shapes=[(5, 7), (4, 3, 2), (300, 200)])
    rng = np.random.default_rng(8)
    for _ in range(3):
        step(a, b, rng, lie=lie)
        same(a, b)
    assert len(counted.calls) == 3


def test_broadcast_and_read_only_gradients(counted):
    a, b = twins(optim.SGD, {"lr": 0.5}, shapes=[(5, 7)])
    (p,), (q,) = a.param_groups[0]["params"], b.param_groups[0]["params"]
    p.grad = gg.Tensor(np.broadcast_to(np.float32(2), (5, 7)))
    q.grad = gg.Tensor(np.full((5, 7), 2, "float32"))
    a.step(), b.step()
    same(a, b)
    assert counted.calls == ["sgd"]


@pytest.mark.parametrize("make, options", RULES[3:12:4] + RULES[15:19:3])
def test_nan_and_infinity(counted, make, options):
    a, b = twins(make, options, shapes=[(9, 9)])
    for o in (a, b):
        o.param_groups[0]["params"][0].array[:, 4] = np.inf
    odd = np.array([np.nan, np.inf, -np.inf, 1e38, -1e38, 1e-45, 0, -0.0, 1], "float32")
    with np.errstate(all="ignore"):
        for _ in range(3):
            for o in (a, b):
                o.param_groups[0]["params"][0].grad = gg.Tensor(np.repeat(odd[:, None], 9, 1))
            a.step(), b.step()
            same(a, b)


def test_arrays_and_memory_are_followed(counted):
    """New arrays for parameters, a loaded state, other options: rows are made anew."""
    a, b = twins(optim.Adam, {"lr": 0.1}, shapes=[(4, 5), (3,)])
    rng = np.random.default_rng(8)
    step(a, b, rng)
    for o in (a, b):
        o.param_groups[0]["params"][1].array = np.ones(3, "float32")
        o.load_state_dict(o.state_dict())
        o.param_groups[0]["lr"] = 0.01
    step(a, b, rng)
    same(a, b)
    for o in (a, b):  # memory of another kind of array
        memory = o.state[o.param_groups[0]["params"][0]]
        memory["exp_avg"] = np.asfortranarray(memory["exp_avg"])
    step(a, b, rng)
    same(a, b)
    assert counted.calls == ["adam"] * 2  # and then not
    a.add_param_group({"params": [gg.nn.Parameter(np.ones(2, "float32"))], "lr": 1.0})
    a.param_groups[1]["params"][0].grad = gg.Tensor(np.ones(2, "float32"))
    step(a, b, rng)
    assert counted.calls == ["adam"] * 3
    np.testing.assert_allclose(a.param_groups[1]["params"][0].array, 0, atol=1e-6)


def test_two_dtypes_are_two_calls(counted):
    rng = np.random.default_rng(5)
    ours = parameters(rng, "float32", [(3,), (4, 2)]) + parameters(rng, "float64", [(5,)])
    theirs = [gg.nn.Parameter(p.array.copy()) for p in ours]
    a, b = optim.AdamW(ours, 0.1), optim.AdamW(theirs, 0.1)
    b.cpu = None
    step(a, b, rng)
    step(a, b, rng)
    same(a, b)
    assert counted.calls == ["adam"] * 4


@pytest.mark.parametrize("kind", ["half", "shared", "strided", "other rule"])
def test_what_is_not_taken_is_left_to_the_rule(counted, kind):
    base = np.arange(12, dtype="float32")
    made = {
        "half": lambda: [base.astype("float16"), base.copy()],
        "shared": lambda m=base.copy: [(x := m())[:8], x[4:]],
        "strided": lambda: [base.reshape(3, 4).copy().T, base.copy()],
        "other rule": lambda: [base.copy()],
    }[kind]
    make = optim.Adadelta if kind == "other rule" else optim.SGD
    a, b = (make([gg.nn.Parameter(x) for x in made()], lr=0.1) for _ in range(2))
    b.cpu = None
    rng = np.random.default_rng(8)
    step(a, b, rng)
    same(a, b)
    assert not counted.calls


def test_a_subclass_with_another_rule_has_no_compiled_one(counted):
    class Halved(optim.SGD):
        def update(self, xp, p, g, state, group):
            p *= 0.5

    p = gg.nn.Parameter(np.ones(3, "float32"))
    p.grad = gg.Tensor(np.ones(3, "float32"))
    Halved([p], lr=0.1).step()
    assert Halved.cpu is None and p.array.tolist() == [0.5] * 3 and not counted.calls


def test_a_refused_group_changes_nothing(lib):  # noqa: F811
    """One parameter that can't be taken leaves all as they are, memory and counts included."""
    a, _ = twins(optim.Adam, {"lr": 0.1}, shapes=[(3,), (4,)])
    p, q = a.param_groups[0]["params"]
    p.grad, q.grad = gg.Tensor(np.ones(3, "float32")), gg.Tensor(np.ones(4, "float32"))
    a.state[q] = {"step": 3, "exp_avg": np.zeros(4), "exp_avg_sq": np.zeros(4, "float32")}
    before = p.array.copy()
    assert not Table().step(lib, a, a.param_groups[0])
    assert (p.array == before).all() and p not in a.state and a.state[q]["step"] == 3
