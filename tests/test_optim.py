"""Optimizers against the published formulas written out, and schedules against theirs."""

import copy
import json
import math

import numpy as np
import pytest

import gpugraph as gg
from gpugraph import nn, optim
from gpugraph.core.state import Observer, observe

SHAPES = [(3, 4), (5,), ()]
STEPS = 6


def problem(dtype=np.float64):
    """Parameters, and gradients for every step and parameter."""
    rng = np.random.default_rng(0)
    params = [nn.Parameter(np.asarray(rng.standard_normal(s), dtype)) for s in SHAPES]
    grads = [[np.asarray(rng.standard_normal(s), dtype) for s in SHAPES] for _ in range(STEPS)]
    return params, grads


def run(make, grads, params):
    optimizer = make(params)
    for gs in grads:
        for p, g in zip(params, gs, strict=True):
            p.grad = gg.Tensor(g.copy())
        optimizer.step()
    return [p.numpy() for p in params]


def sgd(p, gs, lr=0.1, momentum=0.0, dampening=0.0, decay=0.0, nesterov=False):
    b = None
    for g in gs:
        g = g + decay * p
        b = g if b is None else momentum * b + (1 - dampening) * g
        p = p - lr * (g + momentum * b if nesterov else b if momentum else g)
    return p


def adam(p, gs, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0, decoupled=False):
    m = v = 0.0
    for t, g in enumerate(gs, 1):
        if decoupled:
            p = p - lr * decay * p
        else:
            g = g + decay * p
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        p = p - lr * (m / (1 - betas[0] ** t)) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)
    return p


CASES = [
    (lambda ps: optim.SGD(ps, 0.1), sgd, {}),
    (lambda ps: optim.SGD(ps, 0.1, momentum=0.9), sgd, {"momentum": 0.9}),
    (
        lambda ps: optim.SGD(ps, 0.1, 0.9, dampening=0.5, weight_decay=0.01),
        sgd,
        {"momentum": 0.9, "dampening": 0.5, "decay": 0.01},
    ),
    (
        lambda ps: optim.SGD(ps, 0.1, 0.8, nesterov=True, weight_decay=0.1),
        sgd,
        {"momentum": 0.8, "nesterov": True, "decay": 0.1},
    ),
    (lambda ps: optim.Adam(ps), adam, {}),
    (
        lambda ps: optim.Adam(ps, 0.01, (0.5, 0.9), 1e-3, weight_decay=0.1),
        adam,
        {"lr": 0.01, "betas": (0.5, 0.9), "eps": 1e-3, "decay": 0.1},
    ),
    (lambda ps: optim.AdamW(ps), adam, {"decay": 0.01, "decoupled": True}),
    (
        lambda ps: optim.AdamW(ps, 0.1, weight_decay=0.5),
        adam,
        {"lr": 0.1, "decay": 0.5, "decoupled": True},
    ),
]


@pytest.mark.parametrize("make, formula, options", CASES)
def test_updates_follow_the_formula(make, formula, options):
    params, grads = problem()
    first = [p.numpy().copy() for p in params]
    for k, got in enumerate(run(make, grads, params)):
        want = formula(first[k], [gs[k] for gs in grads], **options)
        np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("make", [case[0] for case in CASES])
def test_a_resumed_run_gives_the_same_bits(make):
    params, grads = problem(np.float32)
    whole = run(make, grads, copy.deepcopy(params))
    first = make(params)
    for gs in grads[:3]:
        for p, g in zip(params, gs, strict=True):
            p.grad = gg.Tensor(g.copy())
        first.step()
    state = first.state_dict()
    state["param_groups"] = json.loads(json.dumps(state["param_groups"]))
    second = make(params)
    second.load_state_dict(state)
    for gs in grads[3:]:
        for p, g in zip(params, gs, strict=True):
            p.grad = gg.Tensor(g.copy())
        second.step()
    for p, want in zip(params, whole, strict=True):
        assert p.dtype == np.float32
        np.testing.assert_array_equal(p.numpy(), want)


def test_the_state_is_plain_and_a_snapshot():
    params, grads = problem()
    optimizer = optim.Adam(params)
    assert optimizer.state_dict()["state"] == {}
    for p, g in zip(params, grads[0], strict=True):
        p.grad = gg.Tensor(g)
    optimizer.step()
    state = optimizer.state_dict()
    assert state["param_groups"][0]["params"] == [0, 1, 2]
    before = state["state"][1]["exp_avg"].copy()
    optimizer.step()
    assert type(before) is np.ndarray and state["state"][1]["step"] == 1
    np.testing.assert_array_equal(state["state"][1]["exp_avg"], before)


def test_a_step_is_in_place_and_is_noticed_by_kept_graphs():
    p = nn.Parameter(np.ones(3))
    array = p.array
    y = (p * p).sum()
    p.grad = gg.Tensor(np.ones(3))
    optim.SGD([p], 0.5).step()
    assert p.array is array and p.tolist() == [0.5] * 3 and p.is_leaf
    with pytest.raises(gg.GradientError, match="written to in place"):
        y.backward()


def test_the_gradient_is_left_as_it_is():
    for make in (case[0] for case in CASES):
        params, grads = problem()
        for p, g in zip(params, grads[0], strict=True):
            p.grad = gg.Tensor(g.copy())
        optimizer = make(params)
        optimizer.step()
        optimizer.step()
        for p, g in zip(params, grads[0], strict=True):
            np.testing.assert_array_equal(p.grad.numpy(), g)


def test_parameters_without_a_gradient_are_skipped():
    a, b = nn.Parameter(np.ones(2)), nn.Parameter(np.ones(2))
    optimizer = optim.AdamW([a, b], 0.1)
    a.grad = gg.Tensor(np.ones(2))
    optimizer.step()
    assert (a.numpy() < 1).all() and b.tolist() == [1, 1]
    assert list(optimizer.state_dict()["state"]) == [0]
    optimizer.zero_grad()
    assert a.grad is None
    a.grad = gg.Tensor(np.ones(2))
    optimizer.zero_grad(set_to_none=False)
    assert a.grad.tolist() == [0, 0] and b.grad is None


def test_groups_have_options_of_their_own():
    a, b, c = (nn.Parameter(np.ones(1)) for _ in range(3))
    optimizer = optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=0.1)
    optimizer.add_param_group({"params": [c], "lr": 0.0})
    for p in (a, b, c):
        p.grad = gg.Tensor(np.ones(1))
    optimizer.step()
    assert [p.item() for p in (a, b, c)] == [0.9, 0.5, 1.0]
    assert "1 tensors of 1 numbers: lr=0.5" in repr(optimizer)


P = nn.Parameter(np.ones((2, 3)))


@pytest.mark.parametrize(
    "call, told",
    [
        (lambda: optim.SGD([], 0.1), "SGD: params is empty; there is nothing to optimize"),
        (lambda: optim.SGD([P], -0.1), "SGD: lr=-0.1 must be a number of at least 0"),
        (lambda: optim.SGD([P], math.nan), "SGD: lr=nan must be"),
        (lambda: optim.SGD([P], 0.1, momentum=-1), "SGD: momentum=-1 must be"),
        (lambda: optim.SGD([P], 0.1, nesterov=True), "SGD: nesterov=True needs a momentum"),
        (lambda: optim.Adam([P], betas=(0.9, 1.0)), r"Adam: betas=\(0.9, 1.0\) must be two"),
        (lambda: optim.AdamW([P], eps="x"), "AdamW: eps='x' must be a number"),
        (lambda: optim.SGD(P, 0.1), "SGD: params is a Parameter; it takes several tensors"),
        (lambda: optim.SGD(nn.Linear(2, 3), 0.1), "SGD: params is a Linear; .*parameters()"),
        (
            lambda: optim.SGD(nn.Linear(2, 3).named_parameters(), 0.1),
            r"SGD: params\[0\] is a tuple; .* not model.named_parameters",
        ),
        (lambda: optim.SGD([P, P], 0.1), r"SGD: params\[1\] \(2, 3\) is given twice"),
        (
            lambda: optim.SGD([gg.Tensor(np.ones(2))], 0.1),
            r"SGD: params\[0\] \(2,\) needs no gradient",
        ),
        (lambda: optim.SGD([P * 2], 0.1), r"SGD: params\[0\] .* was computed, by multiply"),
        (
            lambda: optim.SGD([{"params": [P], "rate": 1}], 0.1),
            "SGD: a group has the unknown option 'rate'; it takes",
        ),
        (lambda: optim.SGD([{"params": []}], 0.1), "SGD: a group has no parameters"),
        (lambda: optim.SGD([P, {"params": []}], 0.1), "SGD: params mixes tensors and groups"),
        (
            lambda: optim.SGD(nn.Linear(None, 3).parameters(), 0.1),
            r"parameters: it \(Linear\) learns its in_features from its first input; call",
        ),
        (lambda: optim.StepLR(optim.SGD([P], 1.0), 0), "StepLR: step_size=0 must be at least 1"),
        (lambda: optim.CosineAnnealingLR(P, 3), "CosineAnnealingLR: optimizer is a Parameter"),
        (
            lambda: optim.LambdaLR(optim.SGD([P], 1.0), float).load_state_dict({}),
            "LambdaLR: load_state_dict: {} does not fit",
        ),
    ],
)
def test_refusals(call, told):
    with pytest.raises(gg.GpugraphError, match=told):
        call()


def test_a_state_that_does_not_fit_changes_nothing():
    params, grads = problem()
    optimizer = optim.Adam(params)
    for p, g in zip(params, grads[0], strict=True):
        p.grad = gg.Tensor(g)
    optimizer.step()
    good = optimizer.state_dict()
    for change, told in (
        ({"param_groups": []}, r"groups of \[\] parameters; this optimizer has \[3\]"),
        ({"state": {9: {}}}, "there is no parameter 9"),
        ({"state": {0: {"exp_avg": np.ones(7)}}}, r"exp_avg has shape \(7,\); the parameter is"),
        ({"param_groups": [{"params": [0, 1, 2], "lr": 1.0}]}, "options .* this optimizer has"),
        ({"state": None, "param_groups": None}, "this is no state_dict of an optimizer"),
    ):
        with pytest.raises(gg.DataError, match=told):
            optimizer.load_state_dict({**good, **change})
    after = optimizer.state_dict()
    assert after["param_groups"] == good["param_groups"]
    for k in range(3):
        np.testing.assert_array_equal(after["state"][k]["exp_avg"], good["state"][k]["exp_avg"])


# Schedules


def rates(make, n, lr=0.8):
    optimizer = optim.SGD([{"params": [nn.Parameter(np.ones(1))]}], lr)
    schedule = make(optimizer)
    told = [schedule.get_last_lr()[0]]
    for _ in range(n):
        schedule.step()
        told.append(optimizer.param_groups[0]["lr"])
        assert schedule.get_last_lr() == [told[-1]]
    return told


def test_step_schedule():
    got = rates(lambda o: optim.StepLR(o, 2, 0.5), 5)
    assert got == [0.8, 0.8, 0.4, 0.4, 0.2, 0.2]


def test_cosine_schedule():
    got = rates(lambda o: optim.CosineAnnealingLR(o, 4, 0.2), 4)
    r = 0.3 * math.sqrt(0.5)
    np.testing.assert_allclose(got, [0.8, 0.5 + r, 0.5, 0.5 - r, 0.2], rtol=1e-14)


def test_lambda_schedule_warms_up():
    assert rates(lambda o: optim.LambdaLR(o, lambda t: min(1.0, (t + 1) / 4)), 4) == [
        0.2,
        0.4,
        0.8 * 0.75,
        0.8,
        0.8,
    ]


def test_a_schedule_resumes():
    def fresh():
        optimizer = optim.SGD([P], 0.8)
        return optimizer, optim.CosineAnnealingLR(optimizer, 10)

    _, first = fresh()
    for _ in range(3):
        first.step()
    state = json.loads(json.dumps(first.state_dict()))
    optimizer, second = fresh()
    second.load_state_dict(state)
    assert optimizer.param_groups[0]["lr"] == first.get_last_lr()[0]
    first.step()
    second.step()
    assert first.get_last_lr() == second.get_last_lr()


def test_they_go_down_a_valley():
    """Rosenbrock's, from the usual start: slow for all, but the right way."""
    for make in (
        lambda p: optim.SGD([p], 1e-3, momentum=0.9, nesterov=True),
        lambda p: optim.Adam([p], 0.05),
        lambda p: optim.AdamW([p], 0.05, weight_decay=0.0),
    ):
        p = nn.Parameter(np.array([-1.2, 1.0]))
        optimizer = make(p)
        for _ in range(400):
            loss = (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        assert loss.item() < 0.5  # it was 24.2


def test_a_read_only_parameter_is_refused():
    p = nn.Parameter(np.broadcast_to(np.float32(1), (2,)))
    with pytest.raises(gg.ArgumentError, match=r"SGD: params\[0\] \(2,\) is read-only"):
        optim.SGD([p], lr=0.1)


def test_an_observer_sees_a_step_before_and_after():
    class Watch(Observer):
        def __init__(self):
            self.seen = []

        def stepping(self, optimizer):
            self.seen.append(("before", optimizer.param_groups[0]["params"][0].item()))

        def stepped(self, optimizer):
            self.seen.append(("after", optimizer.param_groups[0]["params"][0].item()))

    p, watch = gg.tensor(1.0, requires_grad=True), Watch()
    p.grad = gg.tensor(2.0)
    with observe(watch):
        optim.SGD([p], lr=0.25).step()
    assert watch.seen == [("before", 1.0), ("after", 0.5)]
