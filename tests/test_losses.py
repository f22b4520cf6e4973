"""Losses against loops in plain Python; their corner cases, mistakes and modules."""

import math

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph import nn
from tests import fake_cupy

RNG = np.random.default_rng(5)
START = RNG.bit_generator.state
SHAPES = [(4, 3), (2, 5, 3), (1, 2, 3, 2), (6,), (3, 1)]


@pytest.fixture(autouse=True)
def _the_same_numbers_in_any_order_of_tests():
    RNG.bit_generator.state = START


def reduced(losses, reduction, total=None):
    if reduction == "none":
        return losses
    total = losses.size if total is None else total
    return math.fsum(losses.ravel()) / (1 if reduction == "sum" else total)


def log_softmax(row):
    top = max(row)
    return [v - top - math.log(math.fsum(math.exp(u - top) for u in row)) for v in row]


def cross_entropy(
    x, target, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0, logits=True
):
    """Sample by sample; target may be probabilities."""
    soft = target.dtype.kind == "f"
    if x.ndim == 1:
        x, target = x[None], target[None]
    C = x.shape[1]
    weight = np.ones(C) if weight is None else weight
    losses, total = np.zeros((x.shape[0], *x.shape[2:])), 0.0
    for n in np.ndindex(losses.shape):
        row = x[(n[0], slice(None), *n[1:])].tolist()
        log_p = log_softmax(row) if logits else row
        if soft:
            t = target[(n[0], slice(None), *n[1:])]
            total += 1
        elif target[n] == ignore_index:
            continue
        else:
            t = np.eye(C)[target[n]]
            total += weight[target[n]]
        for c in range(C):
            goal = (1 - label_smoothing) * t[c] + label_smoothing / C
            losses[n] -= weight[c] * goal * log_p[c] if goal else 0
    return reduced(losses, reduction, total)


def compare(got, want, dtype=np.float64):
    bound = gg.testing.tolerance(dtype, 64)
    np.testing.assert_allclose(got.numpy(), want, rtol=bound, atol=bound)


def classified(shape):
    C = shape[1] if len(shape) > 1 else shape[0]
    there = (shape[0], *shape[2:]) if len(shape) > 1 else ()
    return RNG.standard_normal(shape) * 3, RNG.integers(0, C, there), RNG.uniform(0.1, 2, C)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", SHAPES)
def test_cross_entropy_and_nll_loss(shape, reduction):
    x, target, weight = classified(shape)
    ignored = int(target.ravel()[0])
    for options in (
        {},
        {"weight": weight},
        {"ignore_index": ignored},
        {"weight": weight, "ignore_index": ignored},
    ):
        if reduction == "mean" and (target == options.get("ignore_index")).all():
            continue  # NaN: below
        options = {**options, "reduction": reduction}
        compare(F.nll_loss(x, target, **options), cross_entropy(x, target, **options, logits=False))
        for smoothing in (0.0, 0.25, 1.0):
            want = cross_entropy(x, target, **options, label_smoothing=smoothing)
            compare(F.cross_entropy(x, target, **options, label_smoothing=smoothing), want)
    soft = RNG.uniform(0, 1, shape)
    for options in ({}, {"weight": weight}, {"label_smoothing": 0.25}):
        options = {**options, "reduction": reduction}
        compare(F.cross_entropy(x, soft, **options), cross_entropy(x, soft, **options))


def test_soft_targets_at_a_corner_are_classes():
    x, target, _ = classified((4, 3))
    one_hot = np.eye(3)[target]
    for options in ({}, {"label_smoothing": 0.1}):
        hard, soft = F.cross_entropy(x, target, **options), F.cross_entropy(x, one_hot, **options)
        assert hard.item() == pytest.approx(soft.item(), rel=1e-14)


OPTIONS = [
    {"weight": np.array([0.5, 1.0, 2.0])},
    {"ignore_index": 1},
    {"label_smoothing": 0.3},
    {"weight": np.array([0.5, 1.0, 2.0]), "ignore_index": 0, "label_smoothing": 0.3},
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy_to_third_order(options, reduction):
    x, target = RNG.standard_normal((5, 3)), np.array([0, 1, 2, 1, 2])
    options = {**options, "reduction": reduction}
    f = lambda x: F.cross_entropy(x, target, **options)  # noqa: E731
    assert gg.testing.gradcheck(f, x, order=3, nonzero=True)
    options.pop("label_smoothing", 0)
    f = lambda x: F.nll_loss(x * x, target, **options)  # noqa: E731
    assert gg.testing.gradcheck(f, x, order=3)
    soft = RNG.uniform(0, 1, (5, 3))
    options.pop("ignore_index", 0)
    f = lambda x, t: F.cross_entropy(x, t, **options)  # noqa: E731
    assert gg.testing.gradcheck(f, (x, soft), order=3, nonzero=True)


def test_weights_have_gradients_too():
    x, target, weight = classified((4, 3))
    f = lambda w: F.cross_entropy(x, target, w, label_smoothing=0.1)  # noqa: E731
    assert gg.testing.gradcheck(f, weight, order=3, nonzero=True)


@pytest.mark.parametrize("function", [F.cross_entropy, F.nll_loss])
@pytest.mark.parametrize("weight", [None, np.array([1.0, 2.0, 3.0])])
@pytest.mark.parametrize("target", [[-100, -100], []])
def test_the_mean_of_nothing_is_nan_and_its_gradient_zero(function, weight, target):
    """Without a warning: pytest makes those errors."""
    target = np.array(target, np.int64)
    x = gg.Tensor(np.ones((len(target), 3)), requires_grad=True)
    loss = function(x, target, weight)
    assert math.isnan(loss.item())
    (gx,) = gg.grad(loss, x)
    np.testing.assert_array_equal(gx.numpy(), np.zeros((len(target), 3)))
    assert function(x, target, weight, reduction="sum").item() == 0
    assert function(x, target, weight, reduction="none").tolist() == [0.0] * len(target)


def test_an_ignored_sample_may_be_infinite():
    x = gg.Tensor(np.array([[0.0, -np.inf], [0.0, 1.0]]), requires_grad=True)
    for function in (F.cross_entropy, F.nll_loss):
        loss = function(x, np.array([-100, 1]))
        (gx,) = gg.grad(loss, x)
        assert np.isfinite(loss.numpy()) and gx.numpy()[0].tolist() == [0, 0]


def test_an_index_to_ignore_that_the_dtype_does_not_hold():
    x = RNG.standard_normal((3, 4))
    target = np.array([1, 255, 0], np.uint8)
    want = cross_entropy(x, target.astype(int), ignore_index=255)
    compare(F.cross_entropy(x, target, ignore_index=255), want)
    compare(F.cross_entropy(x[::2], target[::2]), cross_entropy(x[::2], target[::2]))
    compare(F.cross_entropy(x[::2], target[::2], ignore_index=1000),
            cross_entropy(x[::2], target[::2]))  # fmt: skip


def test_the_short_way_is_one_op():
    x = gg.Tensor(RNG.standard_normal((4, 3)), requires_grad=True)
    loss = F.cross_entropy(x, np.array([0, 1, 2, 0]), reduction="none")
    assert loss.node.op.label == "cross_entropy"


def test_a_number_as_target_of_one_sample():
    x = RNG.standard_normal(5)
    with gg.default_device("cpu"):
        compare(F.cross_entropy(x, 3), cross_entropy(x, np.array(3)))
        assert F.multi_margin_loss(x, 3).shape == ()


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(4, 3), (5,), (2, 1)])
def test_multi_margin_loss(shape, p, reduction):
    x, target, weight = classified(shape)
    xs, ts = np.atleast_2d(x), np.atleast_1d(target)
    for w in (None, weight):
        losses = np.zeros(len(xs))
        for n, (row, t) in enumerate(zip(xs, ts)):
            for c in range(len(row)):
                if c != t:
                    factor = 1 if w is None else w[t]
                    losses[n] += factor * max(0, 0.7 - row[t] + row[c]) ** p / len(row)
        want = reduced(losses if x.ndim == 2 else losses[0], reduction)
        compare(F.multi_margin_loss(x, target, p, 0.7, w, reduction=reduction), want)
    assert gg.testing.gradcheck(lambda x: F.multi_margin_loss(x, target, p, 0.7), x, order=3)


# Losses of an element each: name -> (function, formula, draws of the arguments)


def normal(shape):
    return RNG.standard_normal(shape) * 3


def small(shape):
    return RNG.standard_normal(shape)


def share(shape):
    return RNG.uniform(0.05, 0.95, shape)


def sign(shape):
    return RNG.choice([-1.0, 1.0], shape)


def huber(d, delta):
    return d * d / 2 if abs(d) <= delta else delta * (abs(d) - delta / 2)


def log1pexp(v):
    return math.log1p(math.exp(v))


def stirling(n):
    return n * math.log(n) - n + math.log(2 * math.pi * n) / 2 if n > 1 else 0


def gaussian(x, t, v, full=0.0):
    v = max(v, 0.1)
    return (math.log(v) + (x - t) ** 2 / v) / 2 + full


def bce_logits(x, t, w=1.0, p=1.0):
    return w * (p * t * log1pexp(-x) + (1 - t) * log1pexp(x))


ELEMENTS = {
    "mse": (F.mse_loss, lambda x, t: (x - t) ** 2, (normal, normal)),
    "l1": (F.l1_loss, lambda x, t: abs(x - t), (normal, normal)),
    "smooth l1": (F.smooth_l1_loss, lambda x, t: huber(x - t, 1.0), (normal, normal)),
    "smooth l1, beta": (
        lambda x, t, **o: F.smooth_l1_loss(x, t, beta=2.5, **o),
        lambda x, t: huber(x - t, 2.5) / 2.5,
        (normal, normal),
    ),
    "smooth l1, beta 0": (
        lambda x, t, **o: F.smooth_l1_loss(x, t, beta=0, **o),
        lambda x, t: abs(x - t),
        (normal, normal),
    ),
    "huber": (
        lambda x, t, **o: F.huber_loss(x, t, delta=2.5, **o),
        lambda x, t: huber(x - t, 2.5),
        (normal, normal),
    ),
    "binary": (
        F.binary_cross_entropy,
        lambda x, t: -(t * math.log(x) + (1 - t) * math.log(1 - x)),
        (share, share),
    ),
    "binary, weight": (
        lambda x, t, w, **o: F.binary_cross_entropy(x, t, w, **o),
        lambda x, t, w: -w * (t * math.log(x) + (1 - t) * math.log(1 - x)),
        (share, share, share),
    ),
    "logits": (F.binary_cross_entropy_with_logits, bce_logits, (normal, share)),
    "logits, weights": (
        lambda x, t, w, p, **o: F.binary_cross_entropy_with_logits(x, t, w, pos_weight=p, **o),
        bce_logits,
        (normal, share, share, share),
    ),
    "kl": (F.kl_div, lambda x, t: t * (math.log(t) - x), (normal, share)),
    "kl, log": (
        lambda x, t, **o: F.kl_div(x, t, log_target=True, **o),
        lambda x, t: math.exp(t) * (t - x),
        (small, small),
    ),
    "poisson": (F.poisson_nll_loss, lambda x, t: math.exp(x) - t * x, (small, small)),
    "poisson, full": (
        lambda x, t, **o: F.poisson_nll_loss(x, t, log_input=False, full=True, eps=0.1, **o),
        lambda x, t: x - t * math.log(x + 0.1) + stirling(t),
        (share, lambda shape: RNG.choice([0.0, 0.5, 2.0, 7.0], shape)),
    ),
    "gaussian": (
        lambda x, t, v, **o: F.gaussian_nll_loss(x, t, v, eps=0.1, **o),
        gaussian,
        (normal, normal, share),
    ),
    "gaussian, full": (
        lambda x, t, v, **o: F.gaussian_nll_loss(x, t, v, full=True, eps=0.1, **o),
        lambda x, t, v: gaussian(x, t, v, math.log(2 * math.pi) / 2),
        (normal, normal, share),
    ),
    "soft margin": (F.soft_margin_loss, lambda x, t: log1pexp(-t * x), (normal, sign)),
    "hinge": (
        lambda x, t, **o: F.hinge_embedding_loss(x, t, 0.7, **o),
        lambda x, t: x if t == 1 else max(0, 0.7 - x),
        (normal, sign),
    ),
    "ranking": (
        lambda a, b, t, **o: F.margin_ranking_loss(a, b, t, 0.7, **o),
        lambda a, b, t: max(0, 0.7 - t * (a - b)),
        (normal, normal, sign),
    ),
}


@pytest.mark.parametrize("name", ELEMENTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_losses_of_an_element_each(name, dtype):
    function, formula, draws = ELEMENTS[name]
    for shape in ((3, 5), (), (2, 1, 4)):
        args = [np.asarray(draw(shape), dtype) for draw in draws]
        columns = zip(*(a.ravel().tolist() for a in args))
        want = np.array([formula(*row) for row in columns]).reshape(shape)
        for reduction in ("mean", "sum", "none"):
            got = function(*args, reduction=reduction)
            assert got.dtype == dtype
            bound = gg.testing.tolerance(dtype, want.size) * np.abs(want).max(initial=1)
            np.testing.assert_allclose(
                got.numpy(), reduced(want, reduction), rtol=bound, atol=bound * want.size
            )


@pytest.mark.parametrize("name", ELEMENTS)
def test_derivatives_of_losses_to_third_order(name):
    function, _, draws = ELEMENTS[name]
    args = [draw((3, 4)) for draw in draws]
    if sign in draws:  # targets of yes or no are constants
        target = args.pop()
        assert gg.testing.gradcheck(lambda *xs: function(*xs, target), args, order=3)
        return
    if name == "poisson, full":  # counts at the edge of Stirling's formula, none below it
        args[1] = RNG.uniform(1.5, 7, (3, 4))
    if name.startswith("gaussian"):
        args[2] = args[2] + 0.15  # above eps
    assert gg.testing.gradcheck(function, args, order=3)


@pytest.mark.parametrize("name", ELEMENTS)
def test_losses_of_nothing(name):
    function, _, draws = ELEMENTS[name]
    xs = [gg.Tensor(draw((0, 3)), requires_grad=True) for draw in draws]
    assert math.isnan(function(*xs).item())
    assert function(*xs, reduction="none").shape == (0, 3)
    loss = function(*xs, reduction="sum")
    assert loss.item() == 0
    assert gg.grad(loss, xs, allow_unused=True)[0].shape == (0, 3)


@pytest.mark.parametrize("name", ELEMENTS)
def test_losses_in_half_precision_round_once(name):
    function, _, draws = ELEMENTS[name]
    args = [draw((3, 5)).astype(np.float16) for draw in draws]
    for reduction in ("mean", "sum", "none"):
        got = function(*args, reduction=reduction)
        wide = function(*(a.astype(np.float32) for a in args), reduction=reduction)
        assert got.dtype == np.float16
        np.testing.assert_array_equal(got.numpy(), wide.numpy().astype(np.float16))


PLACES = {name: (f, [d((3, 4)) for d in draws]) for name, (f, _, draws) in ELEMENTS.items()}
_X, _TARGET = RNG.standard_normal((4, 3, 2)), np.array([[0, 1], [2, 1], [1, 1], [0, 0]])
PLACES |= {
    "cross entropy": (F.cross_entropy, [_X, _TARGET]),
    "cross entropy, weight": (
        lambda x, t, w: F.cross_entropy(x, t, w, ignore_index=1, label_smoothing=0.1),
        [_X, _TARGET, np.array([0.5, 1.0, 2.0])],
    ),
    "cross entropy, soft": (F.cross_entropy, [_X, RNG.uniform(0, 1, _X.shape)]),
    "nll": (lambda x, t, w: F.nll_loss(x, t, w, ignore_index=2), [_X, _TARGET, np.arange(3.0)]),
    "multi margin": (F.multi_margin_loss, [_X[:, :, 0], _TARGET[:, 0]]),
    "cosine": (F.cosine_similarity, [_X, _X[::-1]]),
    "distance": (lambda a, b: F.pairwise_distance(a, b, p=3.0), [_X, _X[::-1]]),
    "cosine embedding": (F.cosine_embedding_loss, [_X[..., 0], _X[..., 1], sign(4)]),
    "triplet": (
        lambda a, p, n: F.triplet_margin_loss(a, p, n, swap=True),
        [_X[..., 0], _X[..., 1], _X[::-1, :, 0]],
    ),
}


@pytest.mark.parametrize("name", PLACES)
def test_on_another_array_module_and_on_meta(name):
    function, arrays = PLACES[name]
    here = function(*map(gg.Tensor, arrays))
    with fake_cupy.installed() as cupy:
        xs = [gg.Tensor(a).to("cuda") for a in arrays]
        leaf = xs[0].requires_grad_()
        loss = function(*xs)
        assert isinstance(loss.array, cupy.ndarray)
        np.testing.assert_array_equal(loss.numpy(), here.numpy())
        assert gg.grad(loss.sum(), leaf)[0].device == "cuda:0"
        raw = function(*(x.array for x in xs))
        np.testing.assert_array_equal(raw.numpy(), here.numpy())
    xs = [gg.zeros(a.shape, dtype=a.dtype, device="meta") for a in arrays]
    leaf = xs[0].requires_grad_()
    loss = function(*xs)
    assert (loss.shape, loss.dtype, loss.device) == (here.shape, here.dtype, "meta")
    assert gg.grad(loss.sum(), leaf)[0].shape == leaf.shape


# Corner cases of single losses


def test_integers_and_numbers_as_targets():
    x = np.array([0.5, 2.0], np.float32)
    assert F.mse_loss(x, np.array([1, 0])).dtype == np.float32
    assert F.l1_loss(x, np.array([True, False]), "none").tolist() == [0.5, 2.0]
    assert F.poisson_nll_loss(x, np.array([1, 0])).dtype == np.float32
    assert F.gaussian_nll_loss(x, x, 1).item() == 0


@pytest.mark.parametrize("function", [F.mse_loss, F.l1_loss, F.huber_loss])
def test_weights_of_elements(function):
    x, t, w = RNG.standard_normal((3, 2, 3))
    losses = function(x, t, reduction="none").numpy() * w
    compare(function(x, t, weight=w, reduction="none"), losses)
    compare(function(x, t, weight=w, reduction="sum"), losses.sum())
    total = losses.size if function is F.huber_loss else w.sum()
    compare(function(x, t, weight=w), losses.sum() / total)
    assert gg.testing.gradcheck(lambda x, t, w: function(x, t, weight=w), (x, t, w), order=3)


@pytest.mark.parametrize("edge", [F.smooth_l1_loss, F.huber_loss])
def test_far_and_near_errors_have_the_right_slopes(edge):
    x = gg.Tensor(np.array([-np.inf, -1e200, -1.0, 0.0, 0.5, 1.0, 1e200, np.inf]), True)
    losses = edge(x, np.zeros(8), reduction="none")
    (gx,) = gg.grad(losses, x, np.ones(8))
    assert gx.tolist() == [-1, -1, -1, 0, 0.5, 1, 1, 1]
    (gx,) = gg.grad(edge(x[3:5], np.zeros(2), reduction="sum"), x, create_graph=True)
    assert gg.grad(gx.sum(), x)[0].tolist()[3:5] == [1, 1]  # at 0, too


def test_certain_probabilities_cost_a_hundred():
    x = gg.Tensor(np.array([0.0, 1.0, 0.0, 1.0]), requires_grad=True)
    losses = F.binary_cross_entropy(x, np.array([1.0, 0.0, 0.0, 1.0]), reduction="none")
    assert losses.tolist() == [100, 100, 0, 0]
    (gx,) = gg.grad(losses, x, np.ones(4))
    np.testing.assert_allclose(gx.numpy(), [-1e12, 1e12, 0, 0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_of_any_size(dtype):
    x = gg.Tensor(np.array([-1e4, -30, 30, 1e4] * 2, dtype), requires_grad=True)
    target = np.array([0, 0, 1, 1, 1, 1, 0, 0], dtype)
    losses = F.binary_cross_entropy_with_logits(x, target, reduction="none")
    e = math.exp(-30)
    np.testing.assert_allclose(
        losses.numpy(), [0, math.log1p(e), math.log1p(e), 0, 1e4, 30, 30, 1e4], rtol=1e-6
    )
    (gx,) = gg.grad(losses, x, np.ones(8, dtype))
    np.testing.assert_allclose(gx.numpy(), [0, e, -e, 0, -1, -1, 1, 1], rtol=1e-6)


def test_soft_margin_does_not_overflow():
    x = gg.Tensor(np.array([-1e4, 1e4]), requires_grad=True)
    losses = F.soft_margin_loss(x, np.ones(2), "none")
    assert losses.tolist() == [1e4, 0]
    assert gg.grad(losses, x, np.ones(2))[0].tolist() == [-1, 0]


def test_divergence_of_impossible_events():
    x, t = np.log(np.array([[0.5, 0.5], [0.9, 0.1]])), np.array([[0.0, 1.0], [1.0, 0.0]])
    leaf = gg.Tensor(t, requires_grad=True)
    want = [[0, math.log(2)], [-math.log(0.9), 0]]
    losses = F.kl_div(x, leaf, "none")
    np.testing.assert_allclose(losses.numpy(), want, rtol=1e-14, atol=1e-16)
    assert np.isfinite(gg.grad(losses, leaf, np.ones((2, 2)))[0].numpy()).all()
    assert F.kl_div(x, t, "batchmean").item() == pytest.approx(np.sum(want) / 2)
    assert F.kl_div(x, t).item() == pytest.approx(np.sum(want) / 4)
    assert F.kl_div(x[:0], t[:0], "batchmean").item() == 0
    assert F.kl_div(x[0, 0], t[0, 1], "batchmean").item() == pytest.approx(math.log(2))


def test_small_variances_keep_their_gradient():
    var = gg.Tensor(np.array([0.0, 0.01, 0.5]), requires_grad=True)
    loss = F.gaussian_nll_loss(np.ones(3), np.zeros(3), var, eps=0.1, reduction="sum")
    clamped = np.array([0.1, 0.1, 0.5])
    want = 0.5 * (1 / clamped - 1 / clamped**2)
    np.testing.assert_allclose(gg.grad(loss, var)[0].numpy(), want, rtol=1e-14)


def test_one_variance_for_several_elements():
    x, t = RNG.standard_normal((2, 4, 3))
    for shape in ((4,), (4, 1), (1, 3)):
        var = RNG.uniform(0.5, 1, shape)
        full = np.broadcast_to(var.reshape(4, 1) if shape == (4,) else var, (4, 3)).copy()
        np.testing.assert_array_equal(
            F.gaussian_nll_loss(x, t, var, reduction="none").numpy(),
            F.gaussian_nll_loss(x, t, full, reduction="none").numpy(),
        )


def test_similarity():
    a, b = RNG.standard_normal((2, 3, 4, 5))
    for dim in (0, 1, -1):
        want = (a * b).sum(dim) / np.sqrt((a * a).sum(dim) * (b * b).sum(dim))
        compare(F.cosine_similarity(a, b, dim), want)
        compare(F.cosine_similarity(a, 7 * a, dim), np.ones(want.shape))
        assert gg.testing.gradcheck(lambda a, b: F.cosine_similarity(a, b, dim), (a, b), order=3)  # noqa: B023
    assert F.cosine_similarity(a[0, 0], b[0], -1).shape == (4,)


def test_a_vector_of_zeros_is_similar_to_nothing():
    a, b = gg.Tensor(np.zeros((1, 3)), True), gg.Tensor(np.array([[3.0, 0.0, 4.0]]), True)
    cosine = F.cosine_similarity(a, b, eps=0.5)
    assert cosine.tolist() == [0]
    ga, gb = gg.grad(cosine, [a, b], np.ones(1))
    np.testing.assert_allclose(ga.numpy(), [[1.2, 0, 1.6]])
    assert gb.tolist() == [[0, 0, 0]]
    (ga,) = gg.grad(F.cosine_embedding_loss(a, b, np.array([-1.0])), a)
    assert np.isfinite(ga.numpy()).all()


@pytest.mark.parametrize("p", [0, 0.5, 1, 2, 3, math.inf])
def test_distances(p):
    a, b = RNG.standard_normal((2, 4, 3))
    d = np.abs(a - b + 0.01)
    if p == 0:
        want = np.full(4, 3.0)
    elif p == math.inf:
        want = d.max(1)
    else:
        want = np.array([math.fsum(v**p for v in row) ** (1 / p) for row in d])
    compare(F.pairwise_distance(a, b, p, 0.01), want)
    assert F.pairwise_distance(a, b, p, 0.01, keepdim=True).shape == (4, 1)
    assert F.pairwise_distance(a, b[:1], p).shape == (4,)
    f = lambda a, b: F.pairwise_distance(a, b, p, 0.01)  # noqa: E731
    assert gg.testing.gradcheck(f, (a, b), order=3)


@pytest.mark.parametrize("p", [0, 0.5, 1, 2, 3, math.inf])
def test_a_distance_of_zero_has_slope_zero(p):
    a = gg.Tensor(np.zeros((2, 3)), requires_grad=True)
    y = F.pairwise_distance(a, np.zeros((2, 3)), p, eps=0.0)
    assert y.tolist() == [0, 0]
    if p:  # a count is constant
        assert gg.grad(y.sum(), a)[0].tolist() == [[0, 0, 0]] * 2


def cosine(a, b):
    return math.fsum(a * b) / math.sqrt((math.fsum(a * a) + 1e-12) * (math.fsum(b * b) + 1e-12))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cosine_embedding_loss(reduction):
    a, b = RNG.standard_normal((2, 6, 3))
    target = np.array([1, -1, 1, -1, -1, 0])
    told = {1: lambda c: 1 - c, -1: lambda c: max(0, c - 0.3), 0: lambda c: 0}
    losses = np.array([told[t](cosine(u, v)) for t, u, v in zip(target.tolist(), a, b)])
    got = F.cosine_embedding_loss(a, b, target, 0.3, reduction=reduction)
    compare(got, reduced(losses, reduction))
    f = lambda a, b: F.cosine_embedding_loss(a, b, target, 0.3)  # noqa: E731
    assert gg.testing.gradcheck(f, (a, b), order=3)
    assert F.cosine_embedding_loss(a[0], b[0], np.array(1.0)).shape == ()


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_triplet_margin_loss(swap, reduction):
    a, p, n = RNG.standard_normal((3, 5, 4))

    def distance(u, v):
        return math.sqrt(math.fsum((u - v + 1e-6) ** 2))

    losses = []
    for u, v, w in zip(a, p, n):
        far = min(distance(u, w), distance(v, w)) if swap else distance(u, w)
        losses.append(max(0, 1.5 + distance(u, v) - far))
    got = F.triplet_margin_loss(a, p, n, 1.5, swap=swap, reduction=reduction)
    compare(got, reduced(np.array(losses), reduction))
    f = lambda *xs: F.triplet_margin_loss(*xs, margin=3.0, swap=swap)  # noqa: E731
    assert gg.testing.gradcheck(f, (a, p, n), order=3, nonzero=True)


def test_a_distance_of_ones_own():
    a, p, n = RNG.standard_normal((3, 5, 4))
    distance = lambda u, v: abs(u - v).sum(axis=-1)  # noqa: E731
    far = np.abs(a - n).sum(1), np.abs(p - n).sum(1)
    for swap in (False, True):
        losses = 1.5 + np.abs(a - p).sum(1) - (np.minimum(*far) if swap else far[0])
        want = np.maximum(losses, 0).mean()
        loss = nn.TripletMarginWithDistanceLoss(distance_function=distance, margin=1.5, swap=swap)
        compare(loss(a, p, n), want)
    default = F.triplet_margin_with_distance_loss(a, p, n)
    assert default.item() == F.triplet_margin_loss(a, p, n).item()


@pytest.mark.parametrize("shape", [(4, 3), (5,), (2, 1, 3)])
def test_several_labels(shape):
    x, target = normal(shape), RNG.integers(0, 2, shape)
    w = RNG.uniform(0.5, 2, shape[-1])
    flat = zip(x.ravel().tolist(), target.ravel().tolist(), np.broadcast_to(w, shape).ravel())
    losses = np.array([bce_logits(*row) for row in flat]).reshape(shape).mean(-1)
    compare(F.multilabel_soft_margin_loss(x, target, w, reduction="none"), losses)
    compare(nn.MultiLabelSoftMarginLoss(w)(x, target), losses.mean())
    f = lambda x: F.multilabel_soft_margin_loss(x, target, w)  # noqa: E731
    assert gg.testing.gradcheck(f, x, order=3, nonzero=True)


# Mistakes

X, T = np.full((2, 3), 0.5), np.array([0, 2])


@pytest.mark.parametrize(
    "call, told",
    [
        (lambda: F.cross_entropy(X, [0, 1]), "cross_entropy: target is a list; it takes tensors"),
        (lambda: F.cross_entropy(X, T, np.ones(2)), r"weight \(2,\) must have one .* 3 classes"),
        (lambda: F.cross_entropy(X, T, np.ones((1, 3))), r"cross_entropy: weight \(1, 3\) must"),
        (lambda: F.cross_entropy(X, T, np.arange(3)), "cross_entropy: weight is int64"),
        (lambda: F.cross_entropy(X, T, label_smoothing=1.5), "label_smoothing=1.5 must lie in 0"),
        (lambda: F.cross_entropy(X, T, reduction="avg"), "cross_entropy: reduction='avg' must be"),
        (lambda: F.cross_entropy(X, T, ignore_index=0, reduction="avg"), "reduction='avg' must"),
        (lambda: F.cross_entropy(X, X, ignore_index=1), "ignore_index=1 is for class indices"),
        (lambda: F.cross_entropy(X, np.array([0, 3]), ignore_index=0), "target has class 3"),
        (lambda: F.cross_entropy(X, np.array([-1, 3])), "target has class -1; there are 3"),
        (lambda: F.cross_entropy(np.arange(3), T), "cross_entropy: logits is int64"),
        (lambda: F.cross_entropy(X[0], T), r"logits \(3,\) must be \(N, C\) .*, or \(C\) beside"),
        (lambda: F.nll_loss(X[0], T), r"log_probs \(3,\) must be \(N, C\) .*, or \(C\) beside"),
        (lambda: F.nll_loss(X, np.array([3, -100])), "nll_loss: target has class 3"),
        (lambda: F.nll_loss(X, X), "nll_loss: target is float64; it takes class indices 0 to 2"),
        (lambda: F.multi_margin_loss(X, T, p=3), "multi_margin_loss: p=3 must be 1 or 2"),
        (lambda: F.multi_margin_loss(X, T + 1), "multi_margin_loss: target has class 3"),
        (lambda: F.multi_margin_loss(X[None], T), r"x \(1, 2, 3\) must be \(N, C\), or \(C\)"),
        (lambda: F.mse_loss(X, X[0]), r"mse_loss: x \(2, 3\) and target \(3,\) must have one"),
        (lambda: F.mse_loss(X, X, weight=X[0]), r"mse_loss: weight \(3,\) must have the shape"),
        (lambda: F.mse_loss(X, X * 1j), "mse_loss: target is complex128; it takes real numbers"),
        (lambda: F.l1_loss(X, 3.0), r"l1_loss: x \(2, 3\) and target \(\) must have one shape"),
        (lambda: F.smooth_l1_loss(X, X, beta=-1), "smooth_l1_loss: beta=-1 must be at least 0"),
        (lambda: F.huber_loss(X, X, delta=0), "huber_loss: delta=0 must be above 0"),
        (lambda: F.binary_cross_entropy(X * 3, X), "x goes from 1.5 to 1.5; it takes probabil"),
        (lambda: F.binary_cross_entropy(X * np.nan, X), "x goes from nan to nan; it takes"),
        (lambda: F.binary_cross_entropy(X, X > 0), "target is bool; it takes floating tensors"),
        (lambda: F.binary_cross_entropy(X, X, np.ones(2)), r"weight \(2,\) must broadcast to"),
        (
            lambda: F.binary_cross_entropy_with_logits(X, X, pos_weight=np.ones((4, 1, 1))),
            r"binary_cross_entropy_with_logits: pos_weight \(4, 1, 1\) must broadcast to",
        ),
        (lambda: F.binary_cross_entropy_with_logits(X, X[:1]), r"x \(2, 3\) and target \(1, 3\)"),
        (lambda: F.binary_cross_entropy_with_logits(X, T), "target is int64; it takes floating"),
        (lambda: F.kl_div(X, X, "avg"), "kl_div: reduction='avg' must be 'batchmean', 'mean'"),
        (lambda: F.kl_div(X, X > 0), "kl_div: target is bool; it takes floating tensors"),
        (lambda: F.gaussian_nll_loss(X, X, -X), "gaussian_nll_loss: var has negative entries"),
        (lambda: F.gaussian_nll_loss(X, X, X[0]), r"var \(3,\) must have the shape of x \(2, 3\)"),
        (lambda: F.cosine_similarity(X, X, 2), "cosine_similarity: axis 2 is out of range for x1"),
        (lambda: F.pairwise_distance(X, X, -1), "pairwise_distance: p=-1 must be at least 0"),
        (lambda: F.pairwise_distance(X[0, 0], X[0, 0]), "x1 and x2 are 0-d; they need an axis"),
        (lambda: F.cosine_embedding_loss(X, X, X), r"target \(2, 3\) must be \(N, D\), \(N, D\)"),
        (lambda: F.margin_ranking_loss(X, X, X[0]), "must have as many axes each"),
        (lambda: F.triplet_margin_loss(X, X, X[0]), r"negative \(3,\) must have as many axes"),
        (lambda: F.multilabel_soft_margin_loss(X, X[0]), r"target \(3,\) must have one shape"),
        (lambda: F.multilabel_soft_margin_loss(X[0, 0], X[0, 0]), "x is 0-d; it needs an axis"),
        (lambda: F.triplet_margin_loss(X, X, X, margin=0), "margin=0 must be above 0"),
    ],
)
def test_mistakes(call, told):
    with pytest.raises(gg.GpugraphError, match=told):
        call()


# Modules


@pytest.mark.parametrize(
    "module, function, n",
    [
        (nn.MSELoss("sum"), lambda x, t: F.mse_loss(x, t, "sum"), 2),
        (nn.L1Loss(), F.l1_loss, 2),
        (nn.SmoothL1Loss(beta=0.3), lambda x, t: F.smooth_l1_loss(x, t, beta=0.3), 2),
        (nn.HuberLoss("none", 0.3), lambda x, t: F.huber_loss(x, t, "none", 0.3), 2),
        (nn.BCELoss(X), lambda x, t: F.binary_cross_entropy(x, t, X), 2),
        (
            nn.BCEWithLogitsLoss(pos_weight=X[0]),
            lambda x, t: F.binary_cross_entropy_with_logits(x, t, pos_weight=X[0]),
            2,
        ),
        (nn.KLDivLoss("batchmean", True), lambda x, t: F.kl_div(x, t, "batchmean", True), 2),
        (nn.PoissonNLLLoss(False), lambda x, t: F.poisson_nll_loss(x, t, False), 2),
        (nn.GaussianNLLLoss(full=True), lambda x, t, v: F.gaussian_nll_loss(x, t, v, True), 3),
        (nn.SoftMarginLoss(), F.soft_margin_loss, 2),
        (nn.HingeEmbeddingLoss(0.3), lambda x, t: F.hinge_embedding_loss(x, t, 0.3), 2),
        (nn.MarginRankingLoss(0.3), lambda a, b, t: F.margin_ranking_loss(a, b, t, 0.3), 3),
        (
            nn.TripletMarginLoss(0.5, swap=True),
            lambda a, p, n: F.triplet_margin_loss(a, p, n, 0.5, swap=True),
            3,
        ),
        (nn.CosineSimilarity(0), lambda a, b: F.cosine_similarity(a, b, 0), 2),
        (nn.PairwiseDistance(1.0), lambda a, b: F.pairwise_distance(a, b, 1.0), 2),
    ],
    ids=lambda v: type(v).__name__ if isinstance(v, nn.Module) else "",
)
def test_a_module_is_its_function(module, function, n):
    xs = RNG.uniform(0.1, 0.9, (n, 2, 3))
    np.testing.assert_array_equal(module(*xs).numpy(), function(*xs).numpy())
    assert repr(module).startswith(f"{type(module).__name__}(")


def test_modules_with_classes_and_signs():
    w = np.array([1.0, 2.0, 3.0])
    x = np.log(RNG.uniform(0.1, 1, (2, 3)))
    for module, loss in (
        (
            nn.CrossEntropyLoss(w, ignore_index=0, label_smoothing=0.1),
            F.cross_entropy(x, T, w, ignore_index=0, label_smoothing=0.1),
        ),
        (nn.NLLLoss(w, reduction="sum"), F.nll_loss(x, T, w, reduction="sum")),
        (nn.MultiMarginLoss(2, 0.5, w), F.multi_margin_loss(x, T, 2, 0.5, w)),
    ):
        assert module(x, T).item() == loss.item()
    y = np.array([1.0, -1.0])
    loss = F.cosine_embedding_loss(x, x + 1, y, 0.2)
    assert nn.CosineEmbeddingLoss(0.2)(x, x + 1, y).item() == loss.item()


def test_weights_move_and_are_saved_with_their_module():
    loss = nn.CrossEntropyLoss(np.array([1.0, 2.0], np.float32), reduction="sum")
    assert list(loss.state_dict()) == ["weight"] and not list(loss.parameters())
    assert loss.to("meta").weight.device == "meta"
    assert repr(nn.CrossEntropyLoss(label_smoothing=0.1)).startswith(
        "CrossEntropyLoss('mean', ignore_index=-100, label_smoothing=0.1"
    )
    loss = nn.BCEWithLogitsLoss(np.ones(2), pos_weight=np.ones(2))
    assert sorted(loss.state_dict()) == ["pos_weight", "weight"]
