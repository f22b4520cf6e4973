"""Fused optimizers: their kernels, and flat storage through all that can happen to a parameter."""

import copy
import pickle

import numpy as np
import pytest

import gpugraph as gg
from gpugraph import models, nn, optim, training
from gpugraph.core import backend
from gpugraph.cuda import device, sim
from gpugraph.cuda.kernel import FLOATS
from gpugraph.io import load_checkpoint, save_checkpoint
from gpugraph.testing import tolerance
from tests import fake_cupy, test_optim

needs_simulator = pytest.mark.skipif(sim.why_not() is not None, reason=f"needs {sim.why_not()}")

# name -> (optimizer, formula of test_optim in float64, its options)
RULES = {
    "sgd": (optim.SGD, dict(lr=0.1), test_optim.sgd, {}),
    "sgd decay": (optim.SGD, dict(lr=0.1, weight_decay=0.2), test_optim.sgd, {"decay": 0.2}),
    "momentum": (optim.SGD, dict(lr=0.1, momentum=0.9), test_optim.sgd, {"momentum": 0.9}),
    "dampening": (
        optim.SGD,
        dict(lr=0.1, momentum=0.9, dampening=0.5, weight_decay=0.01),
        test_optim.sgd,
        {"momentum": 0.9, "dampening": 0.5, "decay": 0.01},
    ),
    "nesterov": (
        optim.SGD,
        dict(lr=0.1, momentum=0.8, nesterov=True, weight_decay=0.1),
        test_optim.sgd,
        {"momentum": 0.8, "nesterov": True, "decay": 0.1},
    ),
    "adam": (optim.Adam, {}, test_optim.adam, {}),
    "adam decay": (
        optim.Adam,
        dict(lr=0.01, betas=(0.5, 0.9), eps=1e-3, weight_decay=0.1),
        test_optim.adam,
        {"lr": 0.01, "betas": (0.5, 0.9), "eps": 1e-3, "decay": 0.1},
    ),
    "adamw": (
        optim.AdamW,
        dict(lr=0.1, weight_decay=0.5),
        test_optim.adam,
        {"lr": 0.1, "decay": 0.5, "decoupled": True},
    ),
}
SHAPES = [(3, 4), (), (0, 2), (1,), (257,), (2, 3, 5)]
EDGES = [[(1,)], [(255,)], [(256,)], [(257,)], [(7, 73), (1,), (0,)], SHAPES]
STEPS = 4


def arrays(shapes, seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.standard_normal(shape)).astype(dtype) for shape in shapes]


def params_of(values, where="cpu"):
    return [nn.Parameter(backend.to_device(v.copy(), where)) for v in values]


def make(rule, params, fused=True):
    kind, options, _, _ = RULES[rule]
    return kind(params, **options, fused=fused)


def step(optimizer, params, grads):
    for p, g in zip(params, grads, strict=True):
        p.grad = None if g is None else gg.Tensor(backend.to_device(g.copy(), p.device))
    optimizer.step()


def run(rule, shapes=SHAPES, where="cpu", fused=True, dtype=np.float32, steps=STEPS):
    params = params_of(arrays(shapes, dtype=dtype), where)
    optimizer = make(rule, params, fused)
    for t in range(steps):
        step(optimizer, params, arrays(shapes, t + 1, dtype))
    return params, optimizer


def same(got, want):
    for p, q in zip(got, want, strict=True):
        assert (p.shape, p.dtype) == (q.shape, q.dtype)
        assert p.numpy().tobytes() == q.numpy().tobytes()


def same_state(got, want):
    got, want = got.state_dict(), want.state_dict()
    assert got["param_groups"] == want["param_groups"]
    assert got["state"].keys() == want["state"].keys()
    for i, memory in want["state"].items():
        assert got["state"][i].keys() == memory.keys()
        for name, value in memory.items():
            assert np.array_equal(got["state"][i][name], value)
            assert np.shape(got["state"][i][name]) == np.shape(value)


def launched(names=("sgd", "sgd_momentum", "adam")):
    return sum(device.launches[name] for name in names)


# The kernels


@needs_simulator
@pytest.mark.parametrize("rule", RULES)
def test_kernels_agree_with_the_rule_and_the_formula(rule, monkeypatch):
    _, _, formula, options = RULES[rule]
    for mode, seed, dtype, edges in (
        ("fast", 0, "float32", EDGES),
        ("fast", 1, "float64", EDGES[-2:]),
        ("check", 2, "float32", EDGES),  # also no race, each cell written once
        ("fast", 3, "float16", EDGES[-2:]),
        ("fast", 4, "bfloat16", EDGES[-2:]),
    ):
        dtype = gg.bfloat16 if dtype == "bfloat16" else np.dtype(dtype)
        dev = device.SimDevice(mode, seed)
        monkeypatch.setitem(backend.launchers, "sim", lambda dev=dev: dev)
        for shapes in edges:
            before = launched()
            got, there = run(rule, shapes, "sim", dtype=dtype)
            assert launched() == before + STEPS  # one for each step, whatever the parameters
            assert {str(p.device) for p in got} == {"sim"}
            want, here = run(rule, shapes, "cpu", fused=False, dtype=dtype)
            same(got, want)
            same_state(there, here)
            for k, (p, start) in enumerate(zip(got, arrays(shapes, dtype=dtype))):
                grads = [arrays(shapes, t + 1, dtype)[k].astype(float) for t in range(STEPS)]
                exact = formula(start.astype(float), grads, **options)
                bound = tolerance(dtype, STEPS) * (1 + np.abs(exact).max(initial=0))
                np.testing.assert_allclose(p.numpy().astype(float), exact, rtol=0, atol=bound)


@needs_simulator
@pytest.mark.parametrize("rule", ["nesterov", "adam decay"])
def test_the_order_of_threads_changes_no_bit(rule, monkeypatch):
    first, _ = run(rule, [(600,)], "sim", steps=2)
    for seed in range(1, 20):
        dev = device.SimDevice("fast", seed)
        monkeypatch.setitem(backend.launchers, "sim", lambda dev=dev: dev)
        same(run(rule, [(600,)], "sim", steps=2)[0], first)


@needs_simulator
@pytest.mark.parametrize("rule", RULES)
def test_a_small_grid_goes_on_until_the_end(rule, monkeypatch):
    """Each thread takes several elements: a grid of 2 blocks of 32 for 1000 of them."""

    class Small(device.SimDevice):
        def launch(self, kernel, *args, threads):
            super().launch(kernel, *args, grid=(2,), block=32)

    dev = Small("check", 1)
    monkeypatch.setitem(backend.launchers, "sim", lambda: dev)
    same(run(rule, [(1000,)], "sim")[0], run(rule, [(1000,)], fused=False)[0])


@needs_simulator
@pytest.mark.parametrize("rule", ["sgd decay", "momentum", "adam", "adamw"])
def test_a_kernel_for_each_parameter_where_they_are_not_fused(rule):
    before = launched()
    got, there = run(rule, where="sim", fused=False)
    full = sum(0 not in shape for shape in SHAPES)
    assert launched() == before + STEPS * full  # nothing is launched for no elements
    want, here = run(rule, fused=False)
    same(got, want)
    same_state(there, here)


@needs_simulator
@pytest.mark.parametrize("rule", ["sgd decay", "nesterov", "adam decay", "adamw"])
def test_not_a_number_stays_where_it_is(rule):
    for where in ("cpu", "sim"):
        params = params_of(arrays([(300,), (2,)]), where)
        grads = arrays([(300,), (2,)], 1)
        grads[0][257], grads[1][1] = np.nan, np.inf
        optimizer = make(rule, params)
        with np.errstate(invalid="ignore"):
            step(optimizer, params, grads)
            step(optimizer, params, grads)
        assert np.flatnonzero(np.isnan(params[0].numpy())).tolist() == [257]
        assert np.isfinite(params[1].numpy()).tolist() == [True, False]


@needs_simulator
def test_an_infinite_parameter_stays_without_decay():
    for rule in ("sgd", "momentum", "adam"):
        params = params_of([np.float32([np.inf, 1])], "sim")
        step(make(rule, params), params, [np.ones(2, np.float32)])
        assert np.isposinf(params[0].numpy()).tolist() == [True, False]


@needs_simulator
def test_what_no_kernel_takes_falls_back_and_is_counted():
    values = arrays([(4, 6)])[0]
    for fused, dtype, reason in (
        (True, np.longdouble, f"not {np.dtype(np.longdouble)}"),
        (False, np.float32, "only for C-contiguous parameters"),
    ):
        there = nn.Parameter(values.astype(dtype).view(backend.SimArray).T)
        here = nn.Parameter(values.astype(dtype).T.copy())
        before = device.fallbacks.total(), launched()
        for p in (there, here):
            optimizer = optim.Adam([p], fused=fused)
            for t in range(STEPS):
                step(optimizer, [p], arrays([(6, 4)], t, dtype))
        np.testing.assert_array_equal(there.numpy(), here.numpy())
        assert (device.fallbacks.total(), launched()) == (before[0] + STEPS, before[1])
        assert any(op == "Adam" and reason in why for op, why in device.fallbacks)


@needs_simulator
@pytest.mark.parametrize("rule", ["sgd", "nesterov", "adam decay", "adamw"])
@pytest.mark.parametrize("kernels", [True, False])
def test_steps_through_cupy(rule, kernels):
    """All that happens on a GPU, but for NVRTC and the GPU: with kernels, and by CuPy's ufuncs."""
    want, _ = run(rule, fused=False)
    with fake_cupy.installed(kernels=kernels) as cupy:
        for fused in (True, False):
            params = [nn.Parameter(cupy.asarray(v)) for v in arrays(SHAPES)]
            optimizer = make(rule, params, fused)
            before = launched()
            for t in range(STEPS):
                for p, g in zip(params, arrays(SHAPES, t + 1), strict=True):
                    p.grad = gg.Tensor(cupy.asarray(g))
                optimizer.step()
            if fused:
                assert launched() == before + STEPS * kernels
            same(params, want)


@needs_simulator
def test_another_rule_does_not_run_the_old_kernel():
    class Signed(optim.SGD):
        def update(self, xp, p, g, state, group):
            super().update(xp, p, xp.sign(g), state, group)

    class Renamed(optim.SGD):
        """Its rule is SGD's, so is its kernel."""

    for kind, wanted, launches in ((Signed, 0.5, 0), (Renamed, -0.5, 1)):
        for fused in (True, False):
            params = params_of([np.ones(3, np.float32)], "sim")
            before = launched()
            step(kind(params, lr=0.5, fused=fused), params, [np.full(3, 3, np.float32)])
            assert params[0].tolist() == [wanted] * 3
            assert launched() == before + launches


# The same bits as without


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("dtype", FLOATS)
def test_the_same_bits_as_one_by_one(rule, dtype):
    dtype = gg.bfloat16 if dtype == "bfloat16" else np.dtype(dtype)
    got, fused = run(rule, dtype=dtype)
    want, plain = run(rule, dtype=dtype, fused=False)
    same(got, want)
    same_state(fused, plain)
    for p in got:
        for value in fused.state[p].values():
            assert not isinstance(value, np.ndarray) or value.shape == p.shape


def together(rule, changes, where="cpu", shapes=SHAPES, steps=8):
    """Run fused and not, side by side, with `changes(t, optimizer, params)` before each step."""
    both = []
    for fused in (True, False):
        params = params_of(arrays(shapes), where)
        optimizer = make(rule, params, fused)
        for t in range(steps):
            grads = arrays(shapes, t + 1)
            told = changes(t, optimizer, params, grads)
            if told is not None:
                optimizer, params = told
            step(optimizer, params, grads)
        both.append((params, optimizer))
    same(both[0][0], both[1][0])
    same_state(both[0][1], both[1][1])
    return both


PLACES = ["cpu", pytest.param("sim", marks=needs_simulator)]


@pytest.mark.parametrize("rule", ["sgd decay", "dampening", "adam", "adamw"])
@pytest.mark.parametrize("where", PLACES)
def test_parameters_without_gradient_are_skipped(rule, where):
    rng_of = np.random.default_rng

    def freeze(t, optimizer, params, grads):
        for i in np.flatnonzero(rng_of(t).random(len(grads)) < 0.4):
            grads[i] = None

    for p, q in zip(*(params for params, _ in together(rule, freeze, where)), strict=True):
        assert p.shared_version()[0] == q.shared_version()[0] > 0


@needs_simulator
def test_neighbours_are_updated_in_one_launch():
    params = params_of(arrays([(3,)] * 6), "sim")
    optimizer = optim.Adam(params, fused=True)
    counts = []
    for missing in ([], [], [2], [], [0, 5]):
        before = launched()
        grads = [None if i in missing else g for i, g in enumerate(arrays([(3,)] * 6))]
        step(optimizer, params, grads)
        counts.append(launched() - before)
    assert counts == [1, 1, 2, 3, 3]  # once left out, parameter 2 counts steps of its own


@pytest.mark.parametrize("where", PLACES)
def test_groups_and_dtypes_have_buffers_of_their_own(where):
    def build(fused):
        values = [v.astype(d) for v, d in zip(arrays([(3,), (4,), (5,), (6,)]), "fdfd")]
        params = params_of(values, where)
        groups = [{"params": params[:1], "lr": 0.5}, {"params": params[1:3]}]
        optimizer = optim.SGD(groups, lr=0.1, momentum=0.9, fused=fused)
        schedule = optim.StepLR(optimizer, 1, 0.5)
        for t in range(4):
            grads = [g.astype(p.dtype) for g, p in zip(arrays([(3,), (4,), (5,), (6,)], t), params)]
            if t == 2:
                optimizer.add_param_group({"params": params[3:], "lr": 0.01})
            if t < 2:
                grads[3] = None
            before = launched()
            step(optimizer, params, grads)
            if fused and where == "sim":  # float32 | float64, float32 | float64
                assert launched() == before + (4 if t >= 2 else 3)
            schedule.step()
        return params, optimizer

    (got, fused), (want, plain) = build(True), build(False)
    same(got, want)
    same_state(fused, plain)


# Storage


def test_parameters_become_views_of_one_buffer_in_order():
    values = [*arrays([(2, 3), (), (0,), (5,)]), arrays([(4, 6)])[0].T[::2]]
    mine = [v.copy() if v.flags.c_contiguous else v for v in values]
    params = [nn.Parameter(v) for v in mine]
    optimizer = optim.SGD(params, lr=1.0, fused=True)
    same(params, [gg.Tensor(np.ascontiguousarray(v).reshape(v.shape)) for v in values])
    owner = params[0].array.base
    starts = []
    for p in params:
        assert p.array.base is owner and p.array.flags.c_contiguous
        starts.append(p.array.ctypes.data - owner.ctypes.data if p.size else None)
    assert starts == [0, 256, None, 512, 768] and owner.size == 768 // 4 + values[-1].size
    held = [p.array for p in params]
    step(optimizer, params, [np.ones(p.shape, np.float32) for p in params])
    for p, array, own, value in zip(params, held, mine, values, strict=True):
        assert p.array is array and p.is_leaf
        np.testing.assert_array_equal(p.numpy(), value - 1)
        np.testing.assert_array_equal(own, value)  # the array that it wrapped is another's now


def test_without_it_your_own_array_is_updated():
    mine = np.ones(3, np.float32)
    p = nn.Parameter(mine)
    step(optim.SGD([p], lr=1.0), [p], [np.ones(3, np.float32)])
    assert p.array is mine and mine.tolist() == [0, 0, 0]


def test_a_graph_that_kept_a_parameter_notices():
    p = nn.Parameter(np.ones(3))
    optimizer = optim.SGD([p], 0.5, fused=True)
    y = (p * p).sum()
    step(optimizer, [p], [np.ones(3)])
    with pytest.raises(gg.GradientError, match="written to in place"):
        y.backward()


def test_shared_memory_is_refused():
    base = np.ones(10, np.float32)
    p, q, r = (nn.Parameter(base[s]) for s in (slice(0, 5), slice(5, 10), slice(4, 6)))
    with pytest.raises(gg.ArgumentError, match=r"SGD: parameters 0 \(5,\) and 1 \(2,\) share mem"):
        optim.SGD([p, r], 0.1, fused=True)
    with pytest.raises(gg.ArgumentError, match="parameters 0 .* and 1 .* share memory"):
        optim.SGD([{"params": [r]}, {"params": [q]}], 0.1, fused=True)
    assert p.array.base is base  # nothing was moved
    optimizer = optim.SGD([p], 0.1, fused=True)
    with pytest.raises(gg.ArgumentError, match="share memory"):
        optimizer.add_param_group({"params": [q, r]})
    assert len(optimizer.param_groups) == 1
    optimizer.add_param_group({"params": [q]})
    q.array = p.array
    with pytest.raises(gg.ArgumentError, match="share memory"):
        optimizer.step()
    optim.SGD([nn.Parameter(base), nn.Parameter(base)], 0.1)  # one after the other: no matter


def test_extents_are_those_of_all_elements():
    a = np.zeros((4, 5, 6), np.float32)
    start = a.ctypes.data
    numbers = np.arange(a.size).reshape(a.shape)
    for index in (..., slice(1, 3), np.s_[:, ::-1], np.s_[::2, 1:, ::-3], np.s_[2:3, 3, 4]):
        view, places = a[index].T, numbers[index]
        assert backend.extent(view) == (start + 4 * places.min(), start + 4 * places.max() + 4)
    low, high = backend.extent(a[:0])
    assert low == high


def test_there_is_nothing_to_update_on_meta():
    for fused in (True, False):
        p = gg.Tensor(backend.MetaArray((2,), np.float32), requires_grad=True)
        optimizer = optim.SGD([p], 0.1, fused=fused)
        p.grad = gg.Tensor(backend.MetaArray((2,), np.float32))
        with pytest.raises(gg.DataError, match="step: the parameters are on meta"):
            optimizer.step()


@needs_simulator
def test_a_gradient_elsewhere_is_refused():
    for fused in (True, False):
        p = nn.Parameter(np.ones(2, np.float32))
        p.grad = gg.Tensor(np.ones(2, np.float32)).to("sim")
        with pytest.raises(gg.DeviceError, match="step: p is on cpu, p.grad is on sim"):
            optim.SGD([p], 0.1, fused=fused).step()


# Parameters and memory that others replace


def assigned(t, optimizer, params, grads):
    if t in (2, 3):
        params[4].array = params[4].array * 2


def memory_assigned(t, optimizer, params, grads):
    if t == 3:
        memory = optimizer.state[params[0]]
        for name, value in memory.items():
            memory[name] = value * 2


def memory_forgotten(t, optimizer, params, grads):
    if t == 3:
        optimizer.state[params[0]].clear()
        optimizer.state.pop(params[4], None)


def copied(t, optimizer, params, grads):
    if t in (2, 5):
        return copy.deepcopy((optimizer, params))
    return None


def pickled(t, optimizer, params, grads):
    if t in (2, 5):
        return pickle.loads(pickle.dumps((optimizer, params)))
    return None


def own_state_loaded(t, optimizer, params, grads):
    if t in (0, 3):
        optimizer.load_state_dict(optimizer.state_dict())


def rebuilt(t, optimizer, params, grads):
    if t != 4:
        return None
    twin = type(optimizer)(params, lr=7.0, fused=optimizer.fused)
    twin.load_state_dict(optimizer.state_dict())
    return twin, params


def order_of_a_group_changed(t, optimizer, params, grads):
    if t == 4:
        group = optimizer.param_groups[0]["params"]
        group[:] = [group[1], group[0], *group[2:]]


CHANGES = [
    *(assigned, memory_assigned, memory_forgotten, copied, pickled),
    *(own_state_loaded, rebuilt, order_of_a_group_changed),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("rule", ["momentum", "adam"])
def test_nothing_is_lost(change, rule):
    (_, optimizer), _ = together(rule, change)
    owners = {id(p.array.base) for p in optimizer.param_groups[0]["params"]}
    assert len(owners) == 1
    for p in optimizer.param_groups[0]["params"]:
        assert {type(v) for v in optimizer.state[p].values()} <= {np.ndarray, int}


@needs_simulator
@pytest.mark.parametrize("rule", ["sgd", "nesterov", "adam decay"])
@pytest.mark.parametrize("there", ["sim", "cuda"])
def test_moving_a_model_back_and_forth(rule, there):
    def moved(fused, places):
        gg.random.seed(0)
        model = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 2))
        optimizer = make(rule, list(model.parameters()), fused)
        for t, place in enumerate(places):
            model.to(place)
            params = list(model.parameters())
            before = launched()
            step(optimizer, params, arrays([p.shape for p in params], t))
            if fused:
                assert launched() == before + (place != "cpu")
        return params, optimizer

    want, plain = moved(False, ["cpu"] * 5)
    for fused in (True, False):
        with fake_cupy.installed(kernels=True):
            got, optimizer = moved(fused, ["cpu", there, there, "cpu", there])
            same(got, want)
            same_state(optimizer, plain)


def test_another_dtype_half_way():
    def run(fused):
        gg.random.seed(0)
        model = nn.Linear(3, 5)
        optimizer = optim.Adam(model.parameters(), fused=fused)
        for t in range(4):
            if t == 2:
                model.astype(np.float16)
            params = list(model.parameters())
            step(optimizer, params, arrays([p.shape for p in params], t, params[0].dtype))
        return params

    same(run(True), run(False))


def test_a_copy_and_the_original_go_their_own_ways():
    params = params_of(arrays(SHAPES))
    optimizer = optim.Adam(params, fused=True)
    step(optimizer, params, arrays(SHAPES, 1))
    twin, copies = copy.deepcopy((optimizer, params))
    step(optimizer, params, arrays(SHAPES, 2))
    same(copies, run("adam", steps=1)[0])
    step(twin, copies, arrays(SHAPES, 2))
    same(copies, params)


# With the rest of the library


@pytest.mark.parametrize("first, second", [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("where", PLACES)
def test_checkpoints_go_both_ways(first, second, where, tmp_path):
    def fresh(fused):
        gg.random.seed(1)
        model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).to(where)
        return model, optim.AdamW(model.parameters(), lr=0.05, fused=fused)

    def train(model, optimizer, steps):
        params = list(model.parameters())
        for t in steps:
            step(optimizer, params, arrays([p.shape for p in params], t))
        return params

    whole = train(*fresh(False), range(6))
    model, optimizer = fresh(first)
    train(model, optimizer, range(3))
    save_checkpoint(tmp_path / "run", model, optimizer)
    model, optimizer = fresh(second)
    train(model, optimizer, range(1))  # a step of another run, to be forgotten
    load_checkpoint(tmp_path / "run", model, optimizer)
    same(train(model, optimizer, range(3, 6)), whole)


def test_fit_gives_the_same_bits_and_resumes(tmp_path):
    def fit(fused, **options):
        gg.random.seed(3)
        rng = np.random.default_rng(0)
        data = gg.data.ArrayDataset(
            rng.standard_normal((40, 1, 8, 8)).astype(np.float32), np.arange(40) % 10
        )
        model = models.DigitsNet()
        optimizer = optim.Adam(model.parameters(), lr=0.01, fused=fused)
        schedule = optim.CosineAnnealingLR(optimizer, 3)
        loader = gg.data.DataLoader(data, batch_size=16, shuffle=True)
        options = {"progress": False, "schedule": schedule, "epochs": 3, **options}
        training.fit(model, loader, optimizer, **options)
        return list(model.parameters())

    want = fit(False)
    same(fit(True), want)
    file = tmp_path / "run"
    fit(True, checkpoint=file, on_epoch_end=lambda history: len(history) == 1)
    fit(False, checkpoint=file, resume=True, on_epoch_end=lambda history: len(history) == 2)
    same(fit(True, checkpoint=file, resume=True), want)


def test_clipping_and_zeroing_gradients():
    def run(fused):
        gg.random.seed(0)
        model = nn.Linear(3, 2)
        optimizer = optim.SGD(model.parameters(), 0.5, momentum=0.9, fused=fused)
        x = gg.Tensor(arrays([(4, 3)])[0])
        for set_to_none in (True, False, False):
            optimizer.zero_grad(set_to_none=set_to_none)
            (model(x) ** 2).sum().backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.1)
            grads = [p.grad for p in model.parameters()]
            kept = [g.numpy().copy() for g in grads]
            optimizer.step()
            for g, k in zip(grads, kept, strict=True):  # the optimizer leaves them alone
                np.testing.assert_array_equal(g.numpy(), k)
        return list(model.parameters())

    same(run(True), run(False))


@needs_simulator
def test_parity_looks_into_a_fused_step():
    report = gg.testing.parity(
        nn.Linear(3, 2),
        arrays([(4, 3)])[0],
        devices=("cpu", "sim"),
        optimizer=lambda params: optim.Adam(params, fused=True),
    )
    updates = [node for node in report.nodes if node.phase == "update"]
    assert report.ok and {node.shape for node in updates} == {(2, 3), (2,)}
    assert report.kernels["adam"] == report.steps == max(node.step for node in updates)


def test_repr_tells():
    p = nn.Parameter(np.ones(2))
    assert repr(optim.SGD([p], 0.1, fused=True)).startswith("SGD(fused=True,\n  1 tensors")
