"""Hooks of tensors and modules; checkpoint; autocast and loss scaling."""

import copy
import gc
import weakref

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph import models, nn, optim
from gpugraph.core.state import Observer, observe

RNG = np.random.default_rng(0)


def leaf(*shape, dtype=np.float64):
    return gg.Tensor(RNG.standard_normal(shape).astype(dtype), requires_grad=True)


# Tensors


def test_a_hook_sees_the_whole_gradient_once():
    x, seen = leaf(3), []
    y = x * 2
    handle = y.register_hook(lambda g: seen.append(g.tolist()))
    (y.sum() + (y * y).sum()).backward(retain_graph=True)  # two ways into y
    want = (1 + 2 * y.detach()).tolist()
    assert seen == [pytest.approx(want, rel=1e-15)]
    handle.remove()
    handle.remove()
    y.sum().backward()
    assert len(seen) == 1


def test_what_a_hook_returns_takes_the_place():
    x = leaf(4)
    x.register_hook(lambda g: g * 3)
    second = x.register_hook(lambda g: g + 1)  # in the order in which they came
    x.sum().backward()
    assert x.grad.tolist() == [4] * 4
    (g,) = gg.grad(x.sum(), x)  # also where nothing is accumulated
    assert g.tolist() == [4] * 4
    with second:
        pass
    assert gg.grad(x.sum(), x)[0].tolist() == [3] * 4


def test_hooks_are_differentiated_to_third_order():
    # With g = 3 x^2 and a hook g -> g^2, the gradient is 9 x^4, and so on
    x = leaf()
    x.register_hook(lambda g: g * g if g.ndim == 0 and not seen.append(1) else None)
    seen = []
    (g,) = gg.grad(x**3, x, create_graph=True)
    value = x.item()
    assert g.item() == pytest.approx(9 * value**4, rel=1e-14)
    (h,) = gg.grad(g, x, create_graph=True)  # the hook runs again: (36 x^3)^2
    assert h.item() == pytest.approx((36 * value**3) ** 2, rel=1e-14)
    (t,) = gg.grad(h, x)
    assert t.item() == pytest.approx((6 * 36**2 * value**5) ** 2, rel=1e-13)
    assert len(seen) == 3


def test_a_hook_runs_on_parts_and_before_retain_grad():
    x = leaf(5)
    y = x.copy().retain_grad()
    y.register_hook(lambda g: g * 10)
    (y[1] * 2 + y[3]).backward()  # cotangents come as parts
    assert y.grad.tolist() == [0, 20, 0, 10, 0] == x.grad.tolist()


def test_a_hook_leaves_no_cycle():
    x = leaf(3)
    y = (x * 2) * 3
    y.register_hook(lambda g: g)
    node = weakref.ref(y.node)
    gc.disable()
    try:
        del y
        assert node() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "hook, error, told",
    [
        (lambda g: g.sum(), gg.ShapeError, r"the hook returned shape \(\); the gradient is \(3,\)"),
        (lambda g: g.astype(gg.float32), gg.DtypeError, "returned float32; the gradient is float"),
        (lambda g: 5, gg.DtypeError, "register_hook: the hook returned a int, no Tensor or None"),
    ],
)
def test_what_a_hook_may_not_return(hook, error, told):
    x = leaf(3)
    x.register_hook(hook)
    with pytest.raises(error, match=told):
        x.sum().backward()


def test_where_no_hook_can_be():
    with pytest.raises(gg.GradientError, match="register_hook: this tensor .* takes no part"):
        gg.tensor([1.0]).register_hook(print)
    with pytest.raises(gg.DtypeError, match="register_hook: hook is a int; it must be a function"):
        leaf(2).register_hook(3)


def test_hooks_stay_with_a_module_that_is_converted():
    layer = nn.Linear(2, 3)
    layer.weight.register_hook(lambda g: g * 0)
    layer.astype(np.float64)
    layer(np.ones((1, 2))).sum().backward()
    assert not layer.weight.grad.numpy().any() and layer.bias.grad.numpy().all()


# Modules


class Two(nn.Module):
    """Two inputs, two outputs."""

    def forward(self, a, b, scale=1.0):
        return a * b * scale, a + b


def test_forward_hooks_see_and_replace():
    log = []
    layer = nn.ReLU()
    pre = layer.register_forward_pre_hook(lambda m, xs: log.append(("pre", m, xs)) or (-xs[0],))
    post = layer.register_forward_hook(lambda m, xs, y: log.append(("post", xs, y)) or y + 1)
    x = gg.tensor([-2.0, 3.0])
    assert layer(x).tolist() == [3, 1]
    assert log[0][:2] == ("pre", layer) and log[0][2][0] is x
    assert log[1][1][0].tolist() == [2, -3] and log[1][2].tolist() == [2, 0]
    first = layer.register_forward_hook(lambda m, xs, y: y * 100, prepend=True)
    assert layer(x).tolist() == [201, 1]
    for handle in (pre, post, first):
        handle.remove()
    assert layer(x).tolist() == [0, 3]


def test_hooks_with_keywords_and_after_an_error():
    log = []
    two = Two()
    two.register_forward_pre_hook(
        lambda m, xs, kw: (xs, {**kw, "scale": kw["scale"] + 1}), with_kwargs=True
    )
    two.register_forward_hook(lambda m, xs, kw, y: log.append((kw, y)), with_kwargs=True)
    two.register_forward_hook(lambda m, xs, y: log.append(y), always_call=True)
    product, _ = two(gg.tensor([2.0]), gg.tensor([5.0]), scale=2.0)
    assert product.tolist() == [30] and log[0][0] == {"scale": 3.0}
    with pytest.raises(gg.ShapeError):
        two(gg.tensor([1.0, 2.0]), gg.tensor([1.0, 2.0, 3.0]), scale=1.0)
    assert log[-1] is None and len(log) == 3


def test_a_full_backward_hook_sees_its_own_call_only():
    """x also goes around the module; its other gradient is not the module's."""
    log = []
    layer = nn.Linear(3, 2).astype(np.float64)
    layer.register_full_backward_hook(lambda m, gi, go: log.append((m, gi, go)))
    x = leaf(4, 3)
    y = layer(x)
    g = RNG.standard_normal((4, 2))
    (y * g).sum().backward(retain_graph=True)
    alone = x.grad.numpy().copy()
    x.grad = None
    ((y * g).sum() + x.sum()).backward()
    np.testing.assert_allclose(x.grad.numpy(), alone + 1, rtol=1e-14)
    for module, gi, go in log:
        assert module is layer and len(gi) == len(go) == 1
        np.testing.assert_allclose(gi[0].numpy(), g @ layer.weight.numpy(), rtol=1e-13)
        np.testing.assert_array_equal(go[0].numpy(), g)
    assert len(log) == 2


def test_full_backward_hooks_of_several_inputs_and_outputs():
    two, log = Two(), []
    two.register_full_backward_pre_hook(lambda m, go: tuple(g if g is None else g * 2 for g in go))
    two.register_full_backward_hook(lambda m, gi, go: log.append(go) or (gi[0] * 10, gi[1]))
    a, b = leaf(3), leaf(3)
    product, _ = two(a, b)
    product.sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), 20 * b.numpy(), rtol=1e-15)
    np.testing.assert_allclose(b.grad.numpy(), 2 * a.numpy(), rtol=1e-15)
    assert log[0][1] is None and log[0][0].tolist() == [2] * 3
    constant = gg.tensor(np.ones(3))
    two(a, constant)[1].sum().backward()
    assert log[1][0] is None and log[1][1].tolist() == [2] * 3
    with gg.no_grad():
        assert not two(a, b)[0].requires_grad


def test_a_full_backward_hook_where_no_input_needs_a_gradient():
    log = []
    layer = nn.Linear(3, 2)
    layer.register_full_backward_hook(lambda m, gi, go: log.append((gi, go)))
    layer(gg.ones((1, 3))).sum().backward()
    assert log[0][0] == (None,) and log[0][1][0].tolist() == [[1, 1]]


def test_full_backward_hooks_in_double_backward():
    layer = nn.Tanh()
    layer.register_full_backward_hook(lambda m, gi, go: (gi[0] * 2,))
    x = leaf(4)
    (g,) = gg.grad(layer(x).sum(), x, create_graph=True)
    d = 1 - np.tanh(x.numpy()) ** 2
    np.testing.assert_allclose(g.numpy(), 2 * d, rtol=1e-13)
    (h,) = gg.grad(g.sum(), x)
    # 2 tanh'(x) where the hook doubles once more on the way back through this call
    np.testing.assert_allclose(h.numpy(), 2 * (2 * -2 * np.tanh(x.numpy()) * d), rtol=1e-12)


def test_module_hooks_are_checked_copied_and_seen_by_in_place_writes():
    layer = nn.ReLU()
    layer.register_full_backward_hook(lambda m, gi, go: (gi[0], gi[0]))
    with pytest.raises(gg.GradientError, match="full_backward_hook: .* 2 gradients for 1"):
        layer(leaf(3)).sum().backward()
    assert len(copy.deepcopy(layer)._hooks.pull) == 1
    plain = nn.ReLU()
    assert plain._hooks is None
    square = Two()
    square.register_full_backward_hook(lambda *_: None)
    x = leaf(2) * 1
    y = square(x, x)[0]
    with gg.no_grad():
        x[0] = 5.0
    with pytest.raises(gg.GradientError, match="written to in place"):
        y.sum().backward()


# Checkpoint


class Kept(Observer):
    """Weak references to what ops make."""

    def __init__(self):
        self.refs, self.count = [], 0

    def applied(self, op, arrays, outs):
        self.refs += [weakref.ref(y.array) for y in outs]
        self.count += 1


def network(x, w, b):
    h = (x @ w + b).tanh()
    return ((h * h) @ w.mT).exp() * h.mean()


def derivatives(run):
    """Gradients of all inputs, then second and third order of x and w."""
    x, w, b = (gg.Tensor(a, requires_grad=True) for a in INPUTS)
    y = run(lambda x: network(x, w, b), x)
    first = gg.grad((y * y).sum(), [x, w, b], create_graph=True)
    second = gg.grad(sum((g * g).sum() for g in first), [x, w], create_graph=True)
    third = gg.grad(sum(g.sum() for g in second), [x, w])
    return [t.numpy() for t in (y, *first, *second, *third)]


INPUTS = [0.3 * RNG.standard_normal(s) for s in ((4, 3), (3, 5), (5,))]


def test_checkpoint_gives_the_same_bits_to_third_order():
    plain = derivatives(lambda f, x: f(x))
    for run in (gg.checkpoint, lambda f, x: gg.checkpoint(lambda x: gg.checkpoint(f, x), x)):
        for got, want in zip(derivatives(run), plain, strict=True):
            np.testing.assert_array_equal(got, want)


def test_checkpoint_forgets_and_computes_once_more():
    x = leaf(64, 64)

    def f(x):
        return x.sin().exp().tanh().cos().sum()

    kept = Kept()
    with observe(kept):
        y = gg.checkpoint(f, x)
    assert sum(r() is not None for r in kept.refs) == 1  # y's own
    again = Kept()
    with observe(again):
        y.backward()
    assert again.count > kept.count  # the function once more, and its rules
    want = gg.grad(f(x), x)[0]
    np.testing.assert_array_equal(x.grad.numpy(), want.numpy())
    segment = weakref.ref(y.node)
    gc.disable()
    try:
        del y
        assert segment() is None
    finally:
        gc.enable()


def test_a_checkpoint_without_backward_leaves_no_cycle():
    gc.disable()
    try:
        y = gg.checkpoint(lambda x: x.exp().tanh(), leaf(3))
        node = weakref.ref(y.node)
        del y
        assert node() is None
    finally:
        gc.enable()


def test_checkpoint_repeats_dropout_and_leaves_the_generator():
    gg.random.seed(5)
    x = leaf(40)
    y = gg.checkpoint(lambda x: F.dropout(x * 1, 0.5), x)
    before = gg.random.default_generator().state
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy() != 0, y.numpy() != 0)
    assert gg.random.default_generator().state == before


def test_checkpoint_of_a_network_in_training():
    """Batch norm counts the batch once, and every parameter gets its gradient."""
    gg.random.seed(1)
    a = models.resnet20().astype(np.float64)
    b = copy.deepcopy(a)
    x = RNG.standard_normal((2, 3, 16, 16))
    (a(x) ** 2).sum().backward()
    (gg.checkpoint(b, gg.Tensor(x)) ** 2).sum().backward()
    for (name, p), (_, q) in zip(a.named_parameters(), b.named_parameters(), strict=True):
        np.testing.assert_array_equal(p.grad.numpy(), q.grad.numpy(), name)
    for (name, p), (_, q) in zip(a.named_buffers(), b.named_buffers(), strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy(), name)


def test_checkpoint_notices_what_has_changed():
    x = leaf(3) * 1
    y = gg.checkpoint(lambda x: x.exp().tanh(), x)
    x[0] = 1.0  # puts a new array in its place
    y.sum().backward(retain_graph=True)
    for read in (x, leaf(3)):
        y = gg.checkpoint(lambda x: (x + read).exp().tanh(), x)  # noqa: B023
        read.detach().assign(0)
        with pytest.raises(gg.GradientError, match="checkpoint: a tensor of shape .* written to"):
            y.sum().backward()
    calls = []

    def fickle(x):
        calls.append(1)
        return x.exp().tanh() if len(calls) == 1 else x.tanh().exp()

    with pytest.raises(gg.GradientError, match="the second time the function applied Tanh"):
        gg.checkpoint(fickle, leaf(3)).sum().backward()
    with gg.no_grad():
        assert not gg.checkpoint(fickle, leaf(3)).requires_grad


# Mixed precision


@pytest.mark.parametrize("dtype", [gg.float16, pytest.param("bfloat16", id="bfloat16")])
def test_autocast_by_what_ops_are_for(dtype):
    half = np.dtype(gg.bfloat16 if dtype == "bfloat16" else dtype)
    x, w = leaf(2, 3, 6, 6, dtype=np.float32), leaf(4, 3, 3, 3, dtype=np.float32)
    b = leaf(4, dtype=np.float32)
    norm, labels = nn.BatchNorm2d(4), np.array([1, 2])
    with gg.autocast(half):
        y = F.conv2d(x, w, b)
        assert y.dtype == half
        z = norm(y)
        assert z.dtype == y.exp().dtype == y.sum().dtype == np.float32
        assert F.relu(y).dtype == half and (y + z).dtype == np.float32
        assert F.cross_entropy(F.linear(y.mean((2, 3)), gg.ones((5, 4))), labels).dtype == "float32"
        wide = gg.ones((2, 2), dtype="float64")
        assert (wide @ wide).dtype == np.float64
        with gg.autocast(enabled=False):
            assert F.conv2d(x, w, b).dtype == np.float32
        loss = (z * z).sum()
        loss.backward()
    assert F.conv2d(x, w, b).dtype == x.grad.dtype == w.grad.dtype == b.grad.dtype == np.float32


def test_autocast_gradients_are_those_of_the_rounded_product():
    x, w = leaf(4, 3, dtype=np.float32), leaf(3, 5, dtype=np.float32)
    g = RNG.standard_normal((4, 5)).astype(np.float16)
    with gg.autocast("cpu", dtype=gg.float16):
        y = x @ w
    y.backward(g)
    a, b = (t.numpy().astype(np.float16).astype(np.float32) for t in (x, w))
    g = g.astype(np.float32)
    eps = 2.0**-11  # one rounding to float16 at the end
    np.testing.assert_allclose(y.numpy().astype("f4"), a @ b, rtol=2 * eps, atol=2.0**-24)
    np.testing.assert_allclose(x.grad.numpy(), g @ b.T, rtol=2 * eps, atol=1e-6)
    np.testing.assert_allclose(w.grad.numpy(), a.T @ g, rtol=2 * eps, atol=1e-6)

    @gg.autocast(gg.float16)
    def product():
        return x @ w

    assert product().dtype == np.float16 and (x @ w).dtype == np.float32
    with pytest.raises(gg.DtypeError, match="autocast: dtype=float32 must be float16 or bfloat16"):
        gg.autocast(gg.float32)


def test_the_scaler_rescues_what_float16_would_lose():
    def gradient(scaler):
        p = nn.Parameter(np.full(3, 2.0**-3, np.float32))
        optimizer = optim.SGD([p], 1.0)
        y = p.astype(np.float16) * np.float16(2.0**-13)
        loss = y.astype(np.float32).sum() * 2.0**-13
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        return p.numpy()

    assert (gradient(gg.amp.GradScaler(enabled=False)) == 2.0**-3).all()  # 2^-26 became 0
    assert (gradient(gg.amp.GradScaler()) == np.float32(2.0**-3 - 2.0**-26)).all()


def test_the_scaler_leaves_a_bad_step_out_and_adapts():
    p = nn.Parameter(np.ones(2, np.float32))
    optimizer = optim.SGD([p], 1.0)
    scaler = gg.amp.GradScaler(init_scale=8.0, growth_interval=2)

    def step(g):
        p.grad = gg.Tensor(np.float32(g) * np.float32(scaler.get_scale()))
        scaler.step(optimizer)
        scaler.update()

    step([np.inf, 1])
    assert p.tolist() == [1, 1] and scaler.get_scale() == 4
    step([0.5, 0.25])
    assert p.tolist() == [0.5, 0.75] and scaler.get_scale() == 4
    state = scaler.state_dict()
    step([0, 0])
    assert scaler.get_scale() == 8
    scaler.load_state_dict(state)
    assert scaler.get_scale() == 4
    step([0, np.nan])
    assert scaler.get_scale() == 2 and np.isfinite(p.numpy()).all()
    p.grad = gg.Tensor(np.float32([2, 4]))
    scaler.unscale_(optimizer)
    assert p.grad.tolist() == [1, 2]
    for again, told in (
        (lambda: scaler.unscale_(optimizer), "unscaled already"),
        (lambda: (scaler.step(optimizer), scaler.step(optimizer)), "called twice"),
        (lambda: (scaler.update(), scaler.update()), "no step"),
        (lambda: gg.amp.GradScaler(512.0), "init_scale=... is a keyword"),
    ):
        with pytest.raises(gg.ArgumentError, match=told):
            again()


def test_training_in_half_precision_learns():
    gg.random.seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
    model = nn.Sequential(model, nn.Linear(None, 2))
    x = RNG.standard_normal((32, 1, 6, 6)).astype(np.float32)
    labels = (x.mean((1, 2, 3)) > 0).astype(int)
    model(x)
    optimizer, scaler = optim.Adam(model.parameters(), 0.02), gg.amp.GradScaler()
    losses = []
    for _ in range(25):
        with gg.autocast(gg.float16):
            loss = F.cross_entropy(model(x), labels)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 4
