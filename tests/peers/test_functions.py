"""Activations and losses against PyTorch's functions of the same names, in float64.

Each on DRAWS sets of arguments, which draw every keyword; values, and gradients with respect to all
floating arguments.
"""

import inspect
import math
import warnings

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install 'gpugraph[peers]'")

pytestmark = pytest.mark.peers

DRAWS = 60
# where PyTorch has it, and what is left out here: arguments that it calls deprecated
LEFT_OUT = {"size_average", "reduce", "_stacklevel"}
SHAPES = [(3, 5), (7,), (), (2, 3, 4), (1, 1), (0, 4)]
REDUCTIONS = ("mean", "sum", "none")


def maybe(rng, **options):
    """Each option with a chance of two in three, drawn from its list."""
    return {k: v[rng.integers(len(v))] for k, v in options.items() if rng.random() < 2 / 3}


def numbers(rng, shape, size=3.0):
    return np.asarray(rng.standard_normal(shape) * size)


def an(rng, shapes=SHAPES):
    return shapes[rng.integers(len(shapes))]


# Activations


def elementwise(**options):
    def draw(rng):
        return (numbers(rng, an(rng)),), maybe(rng, **options)

    return draw


def prelu(rng):
    shape = an(rng)
    channels = shape[1] if len(shape) > 1 else 1
    return (numbers(rng, shape), numbers(rng, [(1,), (channels,)][rng.integers(2)])), {}


def threshold(rng):
    return (numbers(rng, an(rng)), rng.uniform(-1, 1), rng.uniform(-9, 9)), maybe(
        rng, inplace=[False]
    )


def glu(rng):
    shapes = [((4,), 0), ((3, 6), 1), ((2, 3), 0), ((2, 3, 4), -1), ((2, 4, 3), 1)]
    shape, dim = shapes[rng.integers(len(shapes))]
    return (numbers(rng, shape),), {"dim": dim} if dim != -1 else maybe(rng, dim=[-1])


def softmin(rng):
    shape = an(rng, [(3, 5), (7,), (2, 3, 4)])
    dim = int(rng.integers(-len(shape), len(shape)))
    return (numbers(rng, shape),), {"dim": dim, **maybe(rng, dtype=["float64"])}


INPLACE = {"inplace": [False]}
ACTIVATIONS = {
    "relu": elementwise(**INPLACE),
    "relu6": elementwise(**INPLACE),
    "leaky_relu": elementwise(negative_slope=[0.0, 0.2], **INPLACE),
    "elu": elementwise(alpha=[0.5, 2.0], **INPLACE),
    "selu": elementwise(**INPLACE),
    "celu": elementwise(alpha=[0.5, 2.0, -30.0], **INPLACE),
    "gelu": elementwise(approximate=["none", "tanh"]),
    "silu": elementwise(**INPLACE),
    "mish": elementwise(**INPLACE),
    "prelu": prelu,
    "hardtanh": elementwise(min_val=[-0.5, 0.0, -3.0], max_val=[0.25, 4.0], **INPLACE),
    "hardswish": elementwise(**INPLACE),
    "hardsigmoid": elementwise(**INPLACE),
    "hardshrink": elementwise(lambd=[0.0, 1.5, -1.0]),
    "softshrink": elementwise(lambd=[0.0, 1.5]),
    "tanhshrink": elementwise(),
    "softplus": elementwise(beta=[0.5, 3.0, -1.0], threshold=[1.0, 20.0]),
    "softsign": elementwise(),
    "threshold": threshold,
    "logsigmoid": elementwise(),
    "softmin": softmin,
    "softmax": softmin,
    "log_softmax": softmin,
    "glu": glu,
}

# Losses


def reductions(rng, **options):
    return maybe(rng, reduction=REDUCTIONS, **options)


def pair(target, **options):
    """x and a target made from draws of its shape."""

    def draw(rng):
        shape = an(rng)
        options_ = {k: v(rng, shape) if callable(v) else v for k, v in options.items()}
        return (numbers(rng, shape), target(rng, shape)), reductions(rng, **options_)

    return draw


def classified(rng, names):
    """Scores, classes for them, and options of these names."""
    shape = an(rng, [(4, 3), (2, 5, 3), (1, 2, 3, 2), (6,), (3, 1), (0, 3)])
    C = shape[1] if len(shape) > 1 else shape[0]
    there = (shape[0], *shape[2:]) if len(shape) > 1 else ()
    target = rng.integers(0, C, there)
    options = reductions(
        rng,
        weight=[rng.uniform(0.1, 2, C)],
        ignore_index=[-100, 0, C - 1, 255],
        label_smoothing=[0.1, 0.5, 1.0],
    )
    options = {k: v for k, v in options.items() if k in names}
    ignored = options.get("ignore_index", -100)
    if "ignore_index" in names and (rng.random() < 0.3 or ignored == 255):
        target = np.where(rng.random(there) < 0.4, ignored, target)
    return numbers(rng, shape), target, options


def cross_entropy(rng):
    x, target, options = classified(rng, {"weight", "ignore_index", "label_smoothing", "reduction"})
    if rng.random() < 0.3:
        target = rng.uniform(0, 1, x.shape)
        options.pop("ignore_index", 0)
    return (x, target), options


def nll_loss(rng):
    x, target, options = classified(rng, {"weight", "ignore_index", "reduction"})
    return (x, target), options


def multi_margin_loss(rng):
    while True:
        x, target, options = classified(rng, {"weight", "reduction"})
        if x.ndim < 3 and x.size:  # PyTorch reads beyond the end of an empty batch
            return (x, target), options | maybe(rng, p=[1, 2], margin=[0.3, 2.0])


def probabilities(rng, shape):
    return np.asarray(rng.uniform(0, 1, shape))


def signs(rng, shape):
    return np.asarray(rng.choice([-1.0, 1.0], shape))


def per_element(rng, shape):
    return [np.asarray(rng.uniform(0.1, 2, shape))]


def broadcast_weights(rng, shape):
    return [np.asarray(rng.uniform(0.1, 2, s)) for s in (shape, shape[-1:])]


def binary_cross_entropy(rng):
    shape = an(rng)
    xs = probabilities(rng, shape), probabilities(rng, shape)
    return xs, reductions(rng, weight=broadcast_weights(rng, shape))


def kl_div(rng):
    shape = an(rng)
    x, target = numbers(rng, shape), probabilities(rng, shape)
    options = maybe(rng, reduction=(*REDUCTIONS, "batchmean"), log_target=[False, True])
    if not shape or not shape[0]:  # a division by 0 there, the sum here
        options.pop("reduction", 0)
    return (x, target), options


def poisson_nll_loss(rng):
    shape = an(rng)
    options = reductions(rng, log_input=[False, True], full=[False, True], eps=[1e-3])
    x = np.asarray(rng.uniform(0.1, 4, shape))
    return (x, np.asarray(rng.integers(0, 9, shape), float)), options


def gaussian_nll_loss(rng):
    shape = an(rng, [(3, 5), (7,), (2, 3, 4)])
    shapes = [shape, shape[:-1], (*shape[:-1], 1)]
    var = rng.uniform(0, 0.3, shapes[rng.integers(3)]) if rng.random() < 0.8 else 0.7
    options = reductions(rng, full=[False, True], eps=[0.1, 1e-3])
    return (numbers(rng, shape), numbers(rng, shape), var), options


def cosine_similarity(rng):
    shapes = [((3, 5), (3, 5), 1), ((3, 5), (1, 5), 0), ((4,), (4,), 0), ((2, 3, 4), (3, 4), -1)]
    a, b, dim = shapes[rng.integers(len(shapes))]
    options = maybe(rng, eps=[1e-3, 1e-8])
    if dim != 1 or rng.random() < 0.5:
        options["dim"] = dim
    return (numbers(rng, a), numbers(rng, b)), options


def pairwise_distance(rng):
    a, b = [((3, 5), (3, 5)), ((4,), (4,)), ((3, 5), (1, 5))][rng.integers(3)]
    p = [0.5, 1.0, 2.0, 3.0, math.inf]
    options = maybe(rng, p=p, eps=[1e-6, 0.1], keepdim=[False, True])
    return (numbers(rng, a), numbers(rng, b)), options


def multilabel_margin_loss(rng):
    shape = an(rng, [(4, 3), (5,), (1, 1), (3, 6)])
    return (numbers(rng, shape), rng.integers(-1, shape[-1], shape)), reductions(rng)


def pdist(rng):
    x = numbers(rng, an(rng, [(5, 3), (2, 4), (1, 2), (4, 1)]))
    return (x,), maybe(rng, p=[0.5, 1.0, 2.0, 3.0, math.inf])


def rrelu(rng):
    """In training only with one slope to draw."""
    options = maybe(rng, lower=[0.1, 0.25], upper=[0.25, 0.5], inplace=[False])
    if rng.random() < 0.3:
        options |= {"lower": 0.25, "upper": 0.25, "training": True}
    return (numbers(rng, an(rng, [(3, 5), (7,), ()])),), options


def cosine_embedding_loss(rng):
    shape = an(rng, [(4, 3), (5,)])
    xs = (numbers(rng, shape), numbers(rng, shape))
    return (*xs, signs(rng, shape[:-1])), reductions(rng, margin=[0.5, -0.2])


def margin_ranking_loss(rng):
    shape = an(rng)
    xs = (numbers(rng, shape), numbers(rng, shape))
    return (*xs, signs(rng, shape)), reductions(rng, margin=[0.5, 2.0])


def triplet_margin_loss(rng):
    shape = an(rng, [(4, 3), (5,), (2, 3, 4)])
    xs = [numbers(rng, shape, 1.0) for _ in range(3)]
    options = reductions(
        rng, margin=[0.5, 2.0], p=[1.0, 2.0, 3.0], eps=[1e-6, 0.1], swap=[False, True]
    )
    return tuple(xs), options


def triplet_margin_with_distance_loss(rng):
    xs = [numbers(rng, (4, 3), 1.0) for _ in range(3)]
    distance = [lambda a, b: (a - b).sum(1) ** 2, lambda a, b: (a * b).sum(-1)]
    options = reductions(rng, distance_function=distance, margin=[0.5, 2.0], swap=[False, True])
    return tuple(xs), options


def multilabel_soft_margin_loss(rng):
    shape = an(rng, [(4, 3), (5,), (2, 3, 4)])
    options = reductions(rng, weight=[rng.uniform(0.1, 2, shape[-1])])
    return (numbers(rng, shape), probabilities(rng, shape)), options


LOSSES = {
    "cross_entropy": cross_entropy,
    "nll_loss": nll_loss,
    "multi_margin_loss": multi_margin_loss,
    "multilabel_margin_loss": multilabel_margin_loss,
    "pdist": pdist,
    "rrelu": rrelu,
    "mse_loss": pair(numbers, weight=per_element),
    "l1_loss": pair(numbers, weight=per_element),
    "smooth_l1_loss": pair(numbers, beta=[0.0, 0.5, 3.0]),
    "huber_loss": pair(numbers, delta=[0.5, 3.0], weight=per_element),
    "binary_cross_entropy": binary_cross_entropy,
    "binary_cross_entropy_with_logits": pair(
        probabilities, weight=broadcast_weights, pos_weight=broadcast_weights
    ),
    "kl_div": kl_div,
    "poisson_nll_loss": poisson_nll_loss,
    "gaussian_nll_loss": gaussian_nll_loss,
    "cosine_similarity": cosine_similarity,
    "pairwise_distance": pairwise_distance,
    "cosine_embedding_loss": cosine_embedding_loss,
    "hinge_embedding_loss": pair(signs, margin=[0.5, 3.0]),
    "margin_ranking_loss": margin_ranking_loss,
    "soft_margin_loss": pair(signs),
    "triplet_margin_loss": triplet_margin_loss,
    "triplet_margin_with_distance_loss": triplet_margin_with_distance_loss,
    "multilabel_soft_margin_loss": multilabel_soft_margin_loss,
}
FUNCTIONS = ACTIVATIONS | LOSSES

# PyTorch gives these arguments no gradient, or refuses to
CONSTANT = {
    "cross_entropy": {"weight"},
    "nll_loss": {"weight"},
    "multi_margin_loss": {"weight"},
    "binary_cross_entropy": {"weight"},
    "soft_margin_loss": {"target"},
    "binary_cross_entropy_with_logits": {"weight", "pos_weight"},
    "poisson_nll_loss": {"target"},  # NaN at 0, where ours is finite
}


def varies(v):
    return isinstance(v, np.ndarray) and v.dtype == np.float64


def theirs(name, args, options, constant):
    leaves = []

    def made(v, key):
        if not isinstance(v, np.ndarray):
            return {"float64": torch.float64}.get(v, v) if isinstance(v, str) else v
        v = torch.tensor(v)
        if v.is_floating_point() and key not in constant:
            leaves.append(v.requires_grad_())
        return v

    function = getattr(torch.nn.functional, name)
    keys = list(inspect.signature(getattr(F, name)).parameters)
    args = [made(v, k) for k, v in zip(keys, args)]
    options = {k: made(v, k) for k, v in options.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        y = function(*args, **options)
    g = np.random.default_rng(1).standard_normal(tuple(y.shape))
    gs = torch.autograd.grad(y, leaves, torch.tensor(g), allow_unused=True)
    return y.detach().numpy(), g, [None if x is None else x.numpy() for x in gs]


def ours(name, args, options, constant, g):
    leaves = []

    def made(v, key):
        if varies(v) and key not in constant:
            leaves.append(gg.Tensor(v, requires_grad=True))
            return leaves[-1]
        return v

    function = getattr(F, name)
    keys = list(inspect.signature(function).parameters)
    args = [made(v, k) for k, v in zip(keys, args)]
    options = {k: made(v, k) for k, v in options.items()}
    y = function(*args, **options)
    assert y.shape == g.shape
    gs = gg.grad(y, leaves, gg.Tensor(g), allow_unused=True)
    return y.numpy(), [None if x is None else x.numpy() for x in gs]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_gradients(name):
    rng = np.random.default_rng(sum(map(ord, name)))
    constant = CONSTANT.get(name, set())
    seen = set()
    for _ in range(DRAWS):
        args, options = FUNCTIONS[name](rng)
        seen |= options.keys()
        y, g, gradients = theirs(name, args, options, constant)
        got, found = ours(name, args, options, constant, g)
        told = f"{name}{tuple(np.shape(a) for a in args)} {options}"
        # sums of at most 60 terms, after functions that round a few times each; PyTorch's slope of
        # hardsigmoid is 1/6 in float32
        bound = gg.testing.tolerance(np.float64, 64) if name != "hardsigmoid" else 1e-7
        np.testing.assert_allclose(got, y, rtol=bound, atol=bound, err_msg=told)
        for ours_, theirs_ in zip(found, gradients, strict=True):
            if ours_ is None or theirs_ is None:  # unused on one side: zero on the other
                there = theirs_ if ours_ is None else ours_
                assert there is None or not there.any(), told
                continue
            scale = max(1.0, np.abs(theirs_[np.isfinite(theirs_)]).max(initial=0))
            np.testing.assert_allclose(ours_, theirs_, rtol=bound, atol=bound * scale, err_msg=told)
    keywords = set(inspect.signature(getattr(F, name)).parameters)
    optional = keywords_of(name)
    assert optional <= keywords, f"PyTorch's {name} has {optional - keywords}, too"
    assert optional <= seen, f"never drawn: {optional - seen}"


# PyTorch's functions written in C++ do not tell Python their keywords
BUILTINS = {
    "gelu": {"approximate"},
    "prelu": set(),
    "hardshrink": {"lambd"},
    "softshrink": {"lambd"},
    "softplus": {"beta", "threshold"},
    "logsigmoid": set(),
    "cosine_similarity": {"dim", "eps"},
    "pairwise_distance": {"p", "eps", "keepdim"},
    "pdist": {"p"},
}


def keywords_of(name):
    """The optional arguments of PyTorch's function, but for the deprecated ones."""
    if name in BUILTINS:
        return BUILTINS[name]
    known = inspect.signature(getattr(torch.nn.functional, name)).parameters
    return {k for k, p in known.items() if p.default is not p.empty} - LEFT_OUT


def test_certain_probabilities():
    x = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1e-14, 0.25])
    target = np.array([0.0, 1.0, 0.5, 0.0, 1.0, 1.0, 0.0])
    args = (x, target), {"reduction": "none"}
    y, g, want = theirs("binary_cross_entropy", *args, {"target"})
    got, found = ours("binary_cross_entropy", *args, {"target"}, g)
    np.testing.assert_allclose(got, y, rtol=1e-14)
    np.testing.assert_allclose(found, want, rtol=1e-8)  # PyTorch's 1e-12 is a float32


def test_all_targets_ignored():
    x, target = np.random.default_rng(0).standard_normal((3, 4)), np.array([7, 7, 7])
    for name, options in (
        ("cross_entropy", {}),
        ("cross_entropy", {"label_smoothing": 0.2}),
        ("cross_entropy", {"weight": np.arange(4.0)}),
        ("nll_loss", {}),
        ("nll_loss", {"weight": np.arange(4.0)}),
    ):
        for reduction in REDUCTIONS:
            args = (x, target), {"ignore_index": 7, "reduction": reduction, **options}
            y, g, want = theirs(name, *args, {"weight"})
            got, found = ours(name, *args, {"weight"}, g)
            np.testing.assert_array_equal(got, y)
            np.testing.assert_array_equal(found, want)


# those whose other arguments have defaults, or stand below
KINKED = [n for n in ACTIVATIONS if n not in ("softmax", "log_softmax", "softmin", "prelu", "glu")]
KINKS = [-np.inf, -6.0, -3.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 3.0, 6.0, np.inf]


@pytest.mark.parametrize("name", KINKED)
def test_kinks_and_infinities(name):
    more = {"threshold": (0.5, 7.0)}.get(name, ())
    smooth = name in ("gelu", "silu", "mish", "hardswish", "softsign")  # NaN at the ends, in both
    x = np.array(KINKS[1:-1] if smooth else KINKS)
    y, g, (want,) = theirs(name, (x, *more), {}, set())
    got, (found,) = ours(name, (x, *more), {}, set(), g)
    np.testing.assert_allclose(got, y, rtol=1e-14, atol=1e-15)
    rtol = 1e-7 if name == "hardsigmoid" else 1e-14
    np.testing.assert_allclose(found, want, rtol=rtol, atol=1e-15)
    nan = getattr(F, name)(np.array([np.nan]), *more).numpy()
    assert (
        np.isnan(nan).all()
        == getattr(torch.nn.functional, name)(torch.tensor([np.nan]), *more).isnan().all().item()
    )


def test_cdist():
    rng = np.random.default_rng(8)
    for _ in range(DRAWS):
        a, b = an(rng, [((5, 3), (4, 3)), ((2, 1, 3, 2), (4, 5, 2)), ((1, 1), (2, 1))])
        options = maybe(rng, p=[0.5, 1.0, 2.0, 3.0, math.inf])
        options |= maybe(rng, compute_mode=["donot_use_mm_for_euclid_dist"])
        arrays = [numbers(rng, a), numbers(rng, b)]
        g = rng.standard_normal(gg.cdist(*arrays).shape)
        mine = [gg.Tensor(x, requires_grad=True) for x in arrays]
        peer = [torch.tensor(x, requires_grad=True) for x in arrays]
        y, want = gg.cdist(*mine, **options), torch.cdist(*peer, **options)
        np.testing.assert_allclose(y.numpy(), want.detach().numpy(), rtol=1e-12)
        found = gg.grad(y, mine, g)
        for got, ref in zip(found, torch.autograd.grad(want, peer, torch.tensor(g)), strict=True):
            np.testing.assert_allclose(got.numpy(), ref.numpy(), rtol=1e-9, atol=1e-12)


def test_embedding_options():
    rng = np.random.default_rng(9)
    for _ in range(DRAWS):
        options = maybe(rng, padding_idx=[0, -1], max_norm=[0.5, 2.0], norm_type=[1.0, 3.0])
        options |= maybe(rng, scale_grad_by_freq=[True])
        table, x = numbers(rng, (5, 3)), rng.integers(0, 5, an(rng, [(4,), (2, 3), ()]))
        one = gg.nn.Parameter(table.copy())
        other = torch.tensor(table.copy(), requires_grad=True)
        y = F.embedding(x, one, **options)
        want = torch.nn.functional.embedding(torch.tensor(x), other, **options)
        np.testing.assert_allclose(y.numpy(), want.detach().numpy(), rtol=1e-12)
        np.testing.assert_allclose(one.numpy(), other.detach().numpy(), rtol=1e-12)
        y.sum().backward()
        want.sum().backward()
        np.testing.assert_allclose(one.grad.numpy(), other.grad.numpy(), rtol=1e-12)


def test_gumbel_softmax_has_their_signature():
    theirs = inspect.signature(torch.nn.functional.gumbel_softmax).parameters
    ours = inspect.signature(F.gumbel_softmax).parameters
    assert [(n, p.default) for n, p in theirs.items()] == [
        (n, p.default) for n, p in ours.items() if n != "generator"
    ]


def test_ctc_loss():
    """Behind log_softmax, where both gradients are the same."""
    rng = np.random.default_rng(10)
    for _ in range(DRAWS):
        T, N, C = int(rng.integers(3, 9)), int(rng.integers(1, 4)), int(rng.integers(2, 5))
        options = reductions(rng, zero_infinity=[True], blank=[0, C - 1])
        steps, sizes = rng.integers(1, T + 1, N), rng.integers(0, 4, N)
        labels = [c for c in range(C) if c != options.get("blank", 0)]
        targets = (
            rng.choice(labels, (N, 3)) if rng.random() < 0.5 else rng.choice(labels, sizes.sum())
        )
        x = numbers(rng, (T, N, C))
        mine, peer = gg.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        y = F.ctc_loss(F.log_softmax(mine, -1), targets, steps, sizes, **options)
        lengths = torch.tensor(steps), torch.tensor(sizes)
        log_probs = torch.nn.functional.log_softmax(peer, -1)
        want = torch.nn.functional.ctc_loss(log_probs, torch.tensor(targets), *lengths, **options)
        np.testing.assert_allclose(y.numpy(), want.detach().numpy(), rtol=1e-10, atol=1e-12)
        if np.isfinite(y.numpy()).all():
            y.sum().backward()
            want.sum().backward()
            np.testing.assert_allclose(mine.grad.numpy(), peer.grad.numpy(), atol=1e-11)
