"""The check of a function: on DRAWS drawn sets of arguments it gives what PyTorch's function of
that name gives: values, dtypes, and the gradients of all floating arguments, in float64.

What a test, and a mistake planted in a test of the tests, run is one and the same: `check`.
"""

import inspect
import re
import warnings
from ast import literal_eval

import numpy as np
import torch

import gpugraph as gg
import gpugraph.nn.functional as F

__all__ = [
    "BUFFERS",
    "DRAWS",
    "agree",
    "check",
    "drawn",
    "named",
    "ours",
    "parameters",
    "peer",
    "theirs",
]

DRAWS = 60
OLD = {"size_average", "reduce", "_stacklevel"}  # PyTorch calls these deprecated
BUFFERS = {"running_mean", "running_var"}  # written to; no gradient
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
# Where PyTorch's own number is less exact than its dtype
ROUGH = {
    "hardsigmoid": 1e-7,  # a slope of 1/6 in float32
    "hardswish": 1e-7,
    # means of differences, divided by roots of as little as eps
    **dict.fromkeys(["layer_norm", "group_norm", "instance_norm", "batch_norm"], 1e-11),
}


def activated(y, act, slope):
    T = torch.nn.functional
    slopes = () if slope is None else (slope,)
    return y if act is None else getattr(T, act)(y, *slopes)


def bias_act(x, bias=None, act=None, slope=None):
    y = x if bias is None else x + bias.reshape(-1, *[1] * (x.ndim - 2))
    return activated(y, act, slope)


def batch_norm_act(
    x, mean, var, weight=None, bias=None, residual=None, act="relu", slope=None, eps=1e-5
):
    y = torch.nn.functional.batch_norm(x, mean, var, weight, bias, eps=eps)
    return activated(y if residual is None else y + residual, act, slope)


def local_conv2d(x, w, bias=None, stride=1, padding=0, dilation=1):
    oh, ow, *_, kh, kw = w.shape
    seen = torch.nn.functional.unfold(x, (kh, kw), dilation, padding, stride)
    y = torch.einsum("...kp,pok->...op", seen, w.flatten(0, 1).flatten(2)).unflatten(-1, (oh, ow))
    if bias is None:
        return y
    return y + (bias.reshape(-1, 1, 1) if bias.ndim == 1 else bias)


def global_avg_pool(axes):
    return lambda x, keepdims=False: x.mean(tuple(range(-axes, 0)), keepdims)


# What has no namesake in torch.nn.functional, and what it is there
PEERS = {
    "bias_act": bias_act,
    "cdist": torch.cdist,
    "batch_norm_act": batch_norm_act,
    "local_conv2d": local_conv2d,
    **{f"global_avg_pool{n}d": global_avg_pool(n) for n in (1, 2, 3)},
    **{f"conv{n}d_input_grad": getattr(torch.nn.grad, f"conv{n}d_input") for n in (1, 2, 3)},
    **{f"conv{n}d_weight_grad": getattr(torch.nn.grad, f"conv{n}d_weight") for n in (1, 2, 3)},
}
NAMES = {"b": "bias"}  # keywords of other names in PyTorch
BY_NAME = {"approximate", "scale", "enable_gqa"}  # that PyTorch takes by name alone


def peer(name):
    return PEERS.get(name) or getattr(torch.nn.functional, name)


def parameters(name):
    """(our parameters, PyTorch's): each name -> its default, or `inspect.Parameter.empty`."""
    mine = inspect.signature(getattr(F, name)).parameters
    return {k: p.default for k, p in mine.items()}, _of_peer(peer(name))


def _of_peer(function):
    try:
        found = inspect.signature(function).parameters
        if "kwargs" not in found:
            return {k: p.default for k, p in found.items()}
    except ValueError:
        pass
    # written in C++, or chosen by a flag: the first line of its text says what it takes
    line = re.match(r"\s*\w+\((.*?)\)(?: ->|\n)", function.__doc__, re.DOTALL).group(1)
    parts = [part.split("=") for part in re.split(r",\s*(?![^()]*\))", line)]
    empty = inspect.Parameter.empty
    return {k.strip(): literal_eval(*v) if v else empty for k, *v in parts}


def drawn(name, draw):
    """The argument sets of a function: the same in every run."""
    rng = np.random.default_rng(sum(map(ord, name)))
    return [_by_place(name, *draw(rng)) if i % 2 else draw(rng) for i in range(DRAWS)]


def _by_place(name, args, options):
    """The same call with those options by place that come next in both signatures."""
    mine = inspect.signature(getattr(F, name)).parameters.values()
    args, options = list(args), dict(options)
    for ours_, theirs_ in list(zip(mine, parameters(name)[1]))[len(args) :]:
        wanted = NAMES.get(ours_.name, ours_.name)
        by_name = ours_.kind == ours_.KEYWORD_ONLY or ours_.name in BY_NAME
        if ours_.name not in options or by_name or wanted != theirs_:
            break
        args.append(options.pop(ours_.name))
    return tuple(args), options


def named(name, args, options):
    """The arguments of one call by name."""
    return inspect.signature(getattr(F, name)).bind(*args, **options).arguments


def differentiable(v):
    return isinstance(v, np.ndarray) and v.dtype == np.float64


def flat(ys):
    return [y for y in ys if y is not None] if isinstance(ys, (tuple, list)) else [ys]


def cotangents(ys):
    rng = np.random.default_rng(1)
    return [np.asarray(rng.standard_normal(tuple(y.shape))) for y in ys]


def theirs(name, args, options, constant=frozenset()):
    """(values, gradients, the arguments as they are afterwards) of PyTorch."""
    leaves, arrays = [], []
    inplace = named(name, args, options).get("inplace")

    def made(v, key):
        if key == "dtype":
            return getattr(torch, v)
        if not isinstance(v, np.ndarray):
            return v
        v = torch.tensor(v)
        arrays.append(v)
        if v.is_floating_point() and key not in constant | BUFFERS:
            leaves.append(v.requires_grad_())
            if inplace:  # PyTorch lets no leaf be overwritten
                return v.clone()
        return v

    keys = list(inspect.signature(getattr(F, name)).parameters)
    args = [made(v, k) for k, v in zip(keys, args)]
    options = {NAMES.get(k, k): made(v, k) for k, v in options.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ys = flat(peer(name)(*args, **options))
    return ys, _gradients(ys, leaves, torch.autograd.grad, torch.tensor), arrays


def ours(name, args, options, constant=frozenset()):
    leaves, arrays = [], []

    def made(v, key):
        if not isinstance(v, np.ndarray):
            return v
        v = v.copy()
        if key in BUFFERS or (differentiable(v) and key not in constant):
            v = gg.Tensor(v, requires_grad=key not in BUFFERS)
            leaves.extend([v] * v.requires_grad)
        arrays.append(v)
        return v

    function = getattr(F, name)
    keys = list(inspect.signature(function).parameters)
    args = [made(v, k) for k, v in zip(keys, args)]
    ys = flat(function(*args, **{k: made(v, k) for k, v in options.items()}))
    return ys, _gradients(ys, leaves, gg.grad, gg.Tensor), arrays


def _gradients(ys, leaves, grad, tensor):
    """Of all outputs that have one, weighed with drawn numbers; zeros for unused arguments."""
    pairs = [(y, g) for y, g in zip(ys, cotangents(ys)) if y.requires_grad]
    if not pairs:
        return [np.zeros(tuple(x.shape)) for x in leaves]
    outs = [y for y, _ in pairs]
    weights = [tensor(g.astype(as_numpy(y).dtype)) for y, g in pairs]
    gs = grad(outs, leaves, weights, allow_unused=True)
    return [np.zeros(tuple(x.shape)) if g is None else as_numpy(g) for g, x in zip(gs, leaves)]


def as_numpy(x):
    return x if isinstance(x, np.ndarray) else x.detach().numpy()


def close(got, want, bound, told):
    got, want = as_numpy(got), as_numpy(want)
    assert got.shape == want.shape, told
    assert got.dtype == want.dtype, told
    scale = max(1.0, np.abs(want[np.isfinite(want)]).max(initial=0)) if want.size else 1.0
    np.testing.assert_allclose(got, want, rtol=bound, atol=bound * scale, err_msg=told)


def agree(name, args, options, constant=frozenset(), bound=None):
    """One call in both libraries; AssertionError unless they agree."""
    constant = constant | CONSTANT.get(name, set())
    said = [*map(shown, args), *(f"{k}={shown(v)}" for k, v in options.items())]
    told = f"{name}({', '.join(said)})"
    want, want_grads, want_args = theirs(name, args, options, constant)
    try:
        got, got_grads, got_args = ours(name, args, options, constant)
    except Exception as error:
        raise AssertionError(f"{told}: {type(error).__name__}: {error}") from error
    assert len(got) == len(want), told
    if bound is None:
        narrow = any(as_numpy(y).dtype == np.float32 for y in want)
        # sums of at most 64 terms, after functions that round a few times each
        bound = gg.testing.tolerance(np.float32 if narrow else np.float64, 64)
        bound = max(bound, ROUGH.get(name, 0))
    for part, mine, peers in (
        ("value", got, want),
        ("gradient", got_grads, want_grads),
        ("afterwards, argument", got_args, want_args),
    ):
        for i, (a, b) in enumerate(zip(mine, peers, strict=True)):
            close(a, b, bound, f"{told}: {part} {i}")


def shown(v):
    return f"{v.dtype} {v.shape}" if isinstance(v, np.ndarray) else repr(v)


def check(name, draw):
    for args, options in drawn(name, draw):
        agree(name, args, options)
