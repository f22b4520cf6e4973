"""Optimizers, schedules, clipping, hooks, checkpoints and files against PyTorch's, in float64."""

import io
import math

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph import nn, optim
from tests.test_torch_files import as_tar

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install 'gpugraph[peers]'")

pytestmark = pytest.mark.peers

SHAPES = [(3, 4), (5,), ()]
DRAWS = 60
STEPS = 7


def rate(rng):
    return float(10 ** rng.uniform(-4, 0))


def betas(rng):
    return tuple(rng.uniform(0, 0.999, 2).tolist())


def coin(rng):
    return bool(rng.integers(2))


def some(rng, high):
    """A number up to high; 0 half of the time."""
    return float(rng.uniform(0, high)) * coin(rng)


def draw_sgd(rng):
    momentum = some(rng, 0.99)
    nesterov = momentum > 0 and coin(rng)
    damping = 0.0 if nesterov else some(rng, 0.9)
    return {
        "lr": rate(rng),
        "momentum": momentum,
        "dampening": damping,
        "weight_decay": some(rng, 0.2),
        "nesterov": nesterov,
        "maximize": coin(rng),
    }


def draw_adam(rng):
    return {
        "lr": rate(rng),
        "betas": betas(rng),
        "eps": rate(rng),
        "weight_decay": some(rng, 0.2),
        "amsgrad": coin(rng),
        "maximize": coin(rng),
    }


def draw_rmsprop(rng):
    return {
        "lr": rate(rng),
        "alpha": float(rng.uniform(0, 1)),
        "eps": rate(rng),
        "weight_decay": some(rng, 0.2),
        "momentum": some(rng, 0.99),
        "centered": coin(rng),
        "maximize": coin(rng),
    }


def draw_adagrad(rng):
    return {
        "lr": rate(rng),
        "lr_decay": some(rng, 2.0),
        "weight_decay": some(rng, 0.2),
        "initial_accumulator_value": some(rng, 1.0),
        "eps": rate(rng),
        "maximize": coin(rng),
    }


def draw_adadelta(rng):
    return {
        "lr": rate(rng),
        "rho": float(rng.uniform(0, 1)),
        "eps": rate(rng),
        "weight_decay": some(rng, 0.2),
        "maximize": coin(rng),
    }


def draw_adamax(rng):
    return {k: v for k, v in draw_adam(rng).items() if k != "amsgrad"}


def draw_radam(rng):
    return {**draw_adamax(rng), "decoupled_weight_decay": coin(rng)}


def draw_nadam(rng):
    return {**draw_radam(rng), "momentum_decay": some(rng, 0.1)}


def draw_rprop(rng):
    return {
        "lr": rate(rng),
        "etas": (float(rng.uniform(0.1, 0.9)), float(rng.uniform(1.1, 2))),
        "step_sizes": (float(rng.uniform(0, 0.1)), float(rng.uniform(0.2, 3))),
        "maximize": coin(rng),
    }


RULES = {
    "SGD": draw_sgd,
    "Adam": draw_adam,
    "AdamW": draw_adam,
    "RMSprop": draw_rmsprop,
    "Adagrad": draw_adagrad,
    "Adadelta": draw_adadelta,
    "Adamax": draw_adamax,
    "NAdam": draw_nadam,
    "RAdam": draw_radam,
    "Rprop": draw_rprop,
}


@pytest.mark.parametrize("name", RULES)
def test_optimizers(name):
    rng = np.random.default_rng(len(name))
    seen = {}
    for _ in range(DRAWS):
        options = RULES[name](rng)
        for k, v in options.items():
            seen.setdefault(k, set()).add(bool(v) if not isinstance(v, tuple) else v)
        start = [rng.standard_normal(s) for s in SHAPES]
        ours = [nn.Parameter(np.array(a)) for a in start]
        theirs = [torch.nn.Parameter(torch.tensor(a, dtype=torch.float64)) for a in start]
        one = getattr(optim, name)(ours, **options, fused=coin(rng))
        other = getattr(torch.optim, name)(theirs, **options)
        for _ in range(STEPS):
            for p, q in zip(ours, theirs, strict=True):
                g = np.asarray(rng.standard_normal(p.shape))
                p.grad, q.grad = gg.Tensor(g), torch.tensor(g)
            one.step()
            other.step()
        for p, q in zip(ours, theirs, strict=True):
            want = q.detach().numpy()
            bound = 1e-6 if name == "NAdam" else 1e-9  # PyTorch multiplies its momenta in float32
            assert np.abs(p.numpy() - want).max() <= bound * (1 + np.abs(want).max()), options
    for k, values in seen.items():
        assert len(values) > 1 or k in ("lr", "eps", "alpha", "rho"), k


SCHEDULES = {
    "StepLR": lambda r: {"step_size": int(r.integers(1, 6)), "gamma": float(r.random())},
    "MultiStepLR": lambda r: {
        "milestones": r.integers(0, 12, 3).tolist(),
        "gamma": float(r.random()),
    },
    "ExponentialLR": lambda r: {"gamma": float(r.uniform(0.5, 1.1))},
    "ConstantLR": lambda r: {"factor": float(r.random()), "total_iters": int(r.integers(1, 9))},
    "LinearLR": lambda r: {
        "start_factor": float(r.uniform(0.01, 1)),
        "end_factor": float(r.random()),
        "total_iters": int(r.integers(1, 9)),
    },
    "PolynomialLR": lambda r: {
        "total_iters": int(r.integers(1, 9)),
        "power": float(r.uniform(0.2, 3)),
    },
    "CosineAnnealingLR": lambda r: {"T_max": int(r.integers(1, 9)), "eta_min": some(r, 0.1)},
    "CosineAnnealingWarmRestarts": lambda r: {
        "T_0": int(r.integers(1, 5)),
        "T_mult": int(r.integers(1, 4)),
        "eta_min": some(r, 0.1),
    },
    "LambdaLR": lambda r: {"lr_lambda": [lambda t: 1 / (1 + t), lambda t: 0.9**t]},
    "MultiplicativeLR": lambda r: {"lr_lambda": [lambda t: 1 / (1 + t), lambda t: 0.9**t]},
    "CyclicLR": lambda r: {
        "base_lr": [float(r.uniform(0, 0.1)), 0.01],
        "max_lr": [float(r.uniform(0.1, 2)), float(r.uniform(0.1, 2))],
        "step_size_up": int(r.integers(1, 5)),
        **({"step_size_down": int(r.integers(1, 6))} if coin(r) else {}),
        "mode": ["triangular", "triangular2", "exp_range"][r.integers(3)],
        "gamma": float(r.uniform(0.5, 1)),
        **({"scale_fn": lambda k: 1 / (k + 1)} if coin(r) else {}),
        "scale_mode": ["cycle", "iterations"][r.integers(2)],
        "cycle_momentum": coin(r),
        "base_momentum": float(r.uniform(0.5, 0.8)),
        "max_momentum": float(r.uniform(0.8, 0.95)),
    },
    "OneCycleLR": lambda r: {
        "max_lr": [float(r.uniform(0.1, 2)), float(r.uniform(0.1, 2))],
        **({"total_steps": 16} if coin(r) else {"epochs": 4, "steps_per_epoch": 4}),
        "pct_start": float(r.uniform(0.1, 0.45)),
        "anneal_strategy": ["cos", "linear"][r.integers(2)],
        "cycle_momentum": coin(r),
        "base_momentum": float(r.uniform(0.5, 0.8)),
        "max_momentum": float(r.uniform(0.8, 0.95)),
        "div_factor": float(r.uniform(2, 30)),
        "final_div_factor": float(r.uniform(2, 1e4)),
        "three_phase": coin(r),
    },
}


def optimizers(rng, adam):
    """One of ours and one of theirs, in two groups."""
    rates = rng.uniform(0.1, 1, 2).tolist()
    one = [{"params": [nn.Parameter(np.ones(2))], "lr": lr} for lr in rates]
    other = [{"params": [torch.nn.Parameter(torch.ones(2))], "lr": lr} for lr in rates]
    if adam:
        return optim.Adam(one), torch.optim.Adam(other)
    return optim.SGD(one, momentum=0.3), torch.optim.SGD(other, momentum=0.3)


def compare_groups(one, other, told):
    for ours, theirs in zip(one.param_groups, other.param_groups, strict=True):
        for key in ("lr", "momentum", "betas"):
            if key in ours:
                np.testing.assert_allclose(
                    ours[key], theirs[key], rtol=1e-8, atol=1e-12, err_msg=str(told)
                )


@pytest.mark.filterwarnings("ignore:Detected call of")
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(name):
    rng = np.random.default_rng(len(name))
    for i in range(DRAWS):
        options = SCHEDULES[name](rng)
        one, other = optimizers(rng, adam=bool(i % 2))
        ours = getattr(optim.lr_scheduler, name)(one, **options)
        theirs = getattr(torch.optim.lr_scheduler, name)(other, **options)
        for t in range(16):
            compare_groups(one, other, (options, t))
            if t < 15:
                ours.step()
                theirs.step()


@pytest.mark.filterwarnings("ignore")
def test_schedules_one_after_the_other():
    rng = np.random.default_rng(0)
    names = ["LinearLR", "ConstantLR", "StepLR", "ExponentialLR", "CosineAnnealingLR"]
    for _ in range(DRAWS):
        one, other = optimizers(rng, False)
        picked = [(n, SCHEDULES[n](rng)) for n in rng.choice(names, 3)]
        milestones = sorted(rng.choice(np.arange(1, 12), 2, replace=False).tolist())
        ours, theirs = (
            module.SequentialLR(o, [getattr(module, n)(o, **kw) for n, kw in picked], milestones)
            for module, o in ((optim, one), (torch.optim.lr_scheduler, other))
        )
        for t in range(16):
            compare_groups(one, other, (picked, milestones, t))
            ours.step()
            theirs.step()


@pytest.mark.filterwarnings("ignore")
def test_schedules_all_at_once():
    rng = np.random.default_rng(1)
    names = ["LinearLR", "ConstantLR", "StepLR", "ExponentialLR", "MultiStepLR", "PolynomialLR"]
    names += ["CosineAnnealingLR"]
    for _ in range(DRAWS):
        one, other = optimizers(rng, False)
        picked = [(n, SCHEDULES[n](rng)) for n in rng.choice(names, 3)]
        ours, theirs = (
            module.ChainedScheduler([getattr(module, n)(o, **kw) for n, kw in picked])
            for module, o in ((optim, one), (torch.optim.lr_scheduler, other))
        )
        for t in range(16):
            compare_groups(one, other, (picked, t))
            ours.step()
            theirs.step()


def test_plateaus():
    rng = np.random.default_rng(1)
    for _ in range(DRAWS):
        options = {
            "mode": ["min", "max"][rng.integers(2)],
            "factor": float(rng.uniform(0.1, 0.9)),
            "patience": int(rng.integers(0, 4)),
            "threshold": float(rng.choice([0, 1e-4, 0.1])),
            "threshold_mode": ["rel", "abs"][rng.integers(2)],
            "cooldown": int(rng.integers(0, 3)),
            "min_lr": [0.01, 0.05],
            "eps": float(rng.choice([1e-8, 0.02])),
        }
        one, other = optimizers(rng, False)
        ours = optim.ReduceLROnPlateau(one, **options)
        theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(other, **options)
        for metric in np.round(rng.random(30), 1):
            ours.step(float(metric))
            theirs.step(float(metric))
            compare_groups(one, other, options)


def test_clipping():
    rng = np.random.default_rng(2)
    for _ in range(DRAWS):
        grads = [np.asarray(rng.standard_normal(s)) for s in SHAPES]
        ours = [nn.Parameter(np.zeros(s)) for s in SHAPES]
        theirs = [torch.nn.Parameter(torch.zeros(s, dtype=torch.float64)) for s in SHAPES]
        for p, q, g in zip(ours, theirs, grads, strict=True):
            p.grad, q.grad = gg.Tensor(g.copy()), torch.tensor(g)
        limit, kind = rate(rng) * 10, float(rng.choice([1, 2, 3.5, math.inf]))
        if coin(rng):
            nn.utils.clip_grad_value_(ours, limit)
            torch.nn.utils.clip_grad_value_(theirs, limit)
        else:
            told = nn.utils.clip_grad_norm_(ours, limit, norm_type=kind, error_if_nonfinite=True)
            want = torch.nn.utils.clip_grad_norm_(theirs, limit, kind)
            assert told == pytest.approx(float(want), rel=1e-12)
        for p, q in zip(ours, theirs, strict=True):  # they divide by the norm + 1e-6
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-5)


def test_first_values_that_are_not_random():
    for shape, groups in (((6, 2, 3), 1), ((6, 2, 3), 3), ((4, 3, 2, 5), 2), ((2, 4, 3, 3, 3), 1)):
        ours = nn.init.dirac_(nn.Parameter(np.ones(shape)), groups).numpy()
        np.testing.assert_array_equal(ours, torch.nn.init.dirac_(torch.ones(shape), groups).numpy())
    for name in ("linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"):
        assert nn.init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    for slope in (0, 0.2, 1):
        want = torch.nn.init.calculate_gain("leaky_relu", slope)
        assert nn.init.calculate_gain("leaky_relu", slope) == want


def compare_hooks(both):
    for ours, theirs in zip(*both, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                got, want = a.detach().numpy(), b.detach().numpy()
                np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)


def test_hooks_of_tensors_and_modules():
    """The same two layers, with every kind of hook; gradients and double backward."""
    rng = np.random.default_rng(3)
    w = [rng.standard_normal((4, 3)), rng.standard_normal((2, 4))]
    x = rng.standard_normal((5, 3))
    logs, results = [], []
    for kit, wrap in ((nn, gg.Tensor), (torch.nn, torch.tensor)):
        net = kit.Sequential(kit.Linear(3, 4, bias=False), kit.Tanh(), kit.Linear(4, 2, bias=False))
        for layer, value in ((net[0], w[0]), (net[2], w[1])):
            layer.weight = kit.Parameter(wrap(value.copy()))
        log = []
        net[0].register_forward_pre_hook(lambda m, xs: (xs[0] * 1.5,))
        net[1].register_forward_hook(lambda m, xs, y: y * y)
        net[1].register_full_backward_hook(lambda m, gi, go, log=log: log.append((*gi, *go)))
        net[2].register_full_backward_hook(lambda m, gi, go: (gi[0] * 3,))
        net[2].register_full_backward_pre_hook(lambda m, go: (go[0] * 0.5,))
        net[0].weight.register_hook(lambda g: g * g)
        image = wrap(x.copy())
        image.requires_grad_()
        y = (net(image) ** 2).sum()
        grad = gg.grad if kit is nn else torch.autograd.grad
        parts = [image, net[0].weight, net[2].weight]
        first = grad(y, parts, create_graph=True)
        second = grad(sum((g**2).sum() for g in first), parts)
        logs.append(log)
        results.append([y, *first, *second])
    compare_hooks(logs)
    assert len(logs[0]) == len(logs[1]) == 2
    compare_hooks([[r] for r in results])


def test_checkpoint():
    from torch.utils.checkpoint import checkpoint

    rng = np.random.default_rng(4)
    x, w = rng.standard_normal((4, 3)), rng.standard_normal((3, 3))
    told = []
    for wrap, run, grad in (
        (gg.Tensor, gg.checkpoint, gg.grad),
        (torch.tensor, lambda f, x: checkpoint(f, x, use_reentrant=False), torch.autograd.grad),
    ):
        a, b = wrap(x.copy()).requires_grad_(), wrap(w.copy()).requires_grad_()
        y = run(lambda a, b=b: ((a @ b).tanh() @ b).exp().sum(), a)
        first = grad(y, [a, b], create_graph=True)
        second = grad(sum((g**2).sum() for g in first), [a, b])
        told.append([t.detach().numpy() for t in (y, *first, *second)])
    for ours, theirs in zip(*told, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10)


@pytest.mark.filterwarnings("ignore")  # torch.func imports what torch deprecates
def test_derivatives_of_functions():
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal(4), rng.standard_normal((4, 2))
    v, u = rng.standard_normal(4), rng.standard_normal((4, 2))

    def f(x, y):
        return ((x @ y).tanh() ** 3).sum() * (x**2).sum()

    def h(x, y):
        return (x[:, None] * y).sin() @ y.T

    T = torch.tensor
    theirs, ours = torch.func, gg.func
    pairs = []
    for k in (0, 1, (0, 1)):
        pairs.append((ours.grad(f, k)(x, y), theirs.grad(f, k)(T(x), T(y))))
        pairs.append((ours.hessian(f, k)(x, y), theirs.hessian(f, k)(T(x), T(y))))
        pairs.append((ours.jacrev(h, k)(x, y), theirs.jacrev(h, k)(T(x), T(y))))
    for k in (0, 1):
        pairs.append((ours.jacfwd(h, k)(x, y), theirs.jacfwd(h, k)(T(x), T(y))))
    pairs.append((ours.jvp(h, (x, y), (v, u)), theirs.jvp(h, (T(x), T(y)), (T(v), T(u)))))
    one, other = ours.vjp(h, x, y), theirs.vjp(h, T(x), T(y))
    g = rng.standard_normal((4, 4))
    pairs.append(((one[0], *one[1](g)), (other[0], *other[1](T(g)))))
    aux = ours.grad(lambda x: (f(x, y), 5), has_aux=True)(x)
    assert aux[1] == 5
    pairs.append((aux[0], theirs.grad(f)(T(x), T(y))))
    hvp = theirs.jvp(theirs.grad(lambda x: f(x, T(y))), (T(x),), (T(v),))[1]
    pairs.append((ours.hvp(lambda x: f(x, y), x, v), hvp))

    def flat(t):
        return [a for part in t for a in flat(part)] if isinstance(t, tuple) else [t]

    for one, other in pairs:
        for a, b in zip(flat(one), flat(other), strict=True):
            assert a.shape == tuple(b.shape)
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-10, atol=1e-12)


def test_the_scaler_counts_like_theirs():
    rng = np.random.default_rng(6)
    for _ in range(DRAWS):
        options = {
            "init_scale": float(2 ** rng.integers(0, 10)),
            "growth_factor": 2.0,
            "backoff_factor": 0.5,
            "growth_interval": int(rng.integers(1, 4)),
        }
        ours = gg.amp.GradScaler(**options)
        theirs = torch.amp.GradScaler("cpu", **options)
        p, q = nn.Parameter(np.ones(2)), torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
        one, other = optim.SGD([p], 0.1), torch.optim.SGD([q], 0.1)
        for _ in range(8):
            g = rng.standard_normal(2)
            g[0] = rng.choice([g[0], np.inf, np.nan], p=[0.7, 0.15, 0.15])
            p.grad = q.grad = None
            ours.scale((p * 1).sum())
            theirs.scale((q * 1).sum())
            p.grad = gg.Tensor(g * ours.get_scale())
            q.grad = torch.tensor(g * theirs.get_scale())
            for scaler, optimizer in ((ours, one), (theirs, other)):
                if rng.integers(2):
                    scaler.unscale_(optimizer)
                scaler.step(optimizer)
                scaler.update()
            assert ours.get_scale() == theirs.get_scale()
            np.testing.assert_allclose(p.numpy(), q.detach().numpy(), rtol=1e-12)


def test_ema_is_theirs():
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    layer = torch.nn.Linear(3, 2)
    average = AveragedModel(layer, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    average.update_parameters(layer)  # the first one copies
    ours = nn.Linear(3, 2)
    ours.load_state_dict({k: v.numpy() for k, v in layer.state_dict().items()})
    ema = optim.EMA(ours, 0.9)
    for _ in range(5):
        with torch.no_grad():
            for p in layer.parameters():
                p.add_(torch.randn_like(p))
        ours.load_state_dict({k: v.numpy() for k, v in layer.state_dict().items()})
        average.update_parameters(layer)
        ema.update()
    for name, p in average.module.named_parameters():
        np.testing.assert_allclose(ema.averages[name], p.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_pytorch_reads_the_oldest_form_that_we_write_for_the_tests(tmp_path):
    path = as_tar(tmp_path / "old.pth")
    theirs, ours = torch.load(path, weights_only=False), gg.io.load_torch(path)
    assert list(theirs) == list(ours)
    for name, value in theirs.items():
        np.testing.assert_array_equal(ours[name], value.numpy())


@pytest.mark.parametrize("zipped", [True, False])
def test_whatever_this_pytorch_writes(zipped, tmp_path):
    rng = np.random.default_rng(7)
    for i in range(DRAWS):
        shape = tuple(rng.integers(0, 5, rng.integers(0, 4)).tolist())
        a = torch.tensor(100 * rng.standard_normal(shape))
        kind = [torch.float32, torch.int16, torch.bool, torch.complex128, torch.float16][i % 5]
        a = a.to(kind)
        views = [a, a.mT if a.ndim > 1 else a, a[1:, ..., ::2] if a.ndim > 1 else a]
        file = io.BytesIO()
        torch.save({"v": views, "i": i}, file, _use_new_zipfile_serialization=zipped)
        path = tmp_path / "x.pt"
        path.write_bytes(file.getvalue())
        told = gg.io.load_torch(path)
        assert told["i"] == i
        for ours, theirs in zip(told["v"], views, strict=True):
            assert ours.dtype == theirs.numpy().dtype
            np.testing.assert_array_equal(ours, theirs.numpy())


def test_a_loss_over_a_hooked_network_is_unchanged():
    """Hooks that only look change no number."""
    gg.random.seed(0)
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 2))
    x = np.random.default_rng(0).standard_normal((2, 1, 6, 6)).astype(np.float32)

    def gradients():
        net.zero_grad()
        F.cross_entropy(net(x), np.array([0, 1])).backward()
        return [p.grad.numpy().copy() for p in net.parameters()]

    before = gradients()
    for module in net.modules():
        module.register_full_backward_hook(lambda *_: None)
        module.register_forward_hook(lambda *_: None)
    for a, b in zip(gradients(), before, strict=True):
        np.testing.assert_array_equal(a, b)
