"""Argument sets of resampling, norms, tables, attention, products and dropout."""

import math

import numpy as np

from .drawing import SHAPES, coin, either, integer, lengths, maybe, numbers

__all__ = ["LAYERS"]


# Images made larger, smaller, and bent


def interpolate(rng):
    axes = integer(rng, 1, 3)
    x = numbers(rng, (2, 2, *lengths(rng, 2, 7, axes)))
    modes = ["nearest", "nearest-exact", "area", ("linear", "bilinear", "trilinear")[axes - 1]]
    mode = either(rng, *modes, modes[-1], *["bicubic"] * (axes == 2), "default")
    how = {} if mode == "default" else {"mode": mode}
    if mode.endswith(("linear", "cubic")):
        how |= maybe(rng, align_corners=[None, False, True])
    if mode in ("bilinear", "bicubic"):
        how |= maybe(rng, antialias=[False, True])
    if coin(rng):
        how["size"] = either(rng, integer(rng, 2, 9), lengths(rng, 2, 9, axes))
    else:
        # PyTorch's gradient of nearest in volumes is not that of its values where the new length
        # is n or 2n by rounding; these factors never make it so
        how["scale_factor"] = either(rng, 1.5, 2, (1.7, 1.5, 3.0)[:axes])
        how |= maybe(rng, recompute_scale_factor=[None, False, True])
    return (x,), how


def grid_sample(rng):
    axes = integer(rng, 2, 3)
    x, out = numbers(rng, (2, 2, *lengths(rng, 1, 5, axes))), lengths(rng, 1, 4, axes)
    how = maybe(
        rng,
        mode=["bilinear", "nearest", *["bicubic"] * (axes == 2)],
        padding_mode=["zeros", "border", "reflection"],
        align_corners=[None, False, True],
    )
    return (x, rng.uniform(-2.5, 2.5, (2, *out, axes))), how


def affine_grid(rng):
    axes = integer(rng, 2, 3)
    theta, out = numbers(rng, (2, axes, axes + 1)), lengths(rng, 1, 4, axes)
    return (theta, (2, 1, *out)), maybe(rng, align_corners=[None, False, True])


def pixel_shuffle(rng):
    r = integer(rng, 1, 3)
    return (numbers(rng, (2, 2 * r * r, *lengths(rng, 1, 3, 2))[integer(rng, 0, 1) :]), r), {}


def pixel_unshuffle(rng):
    r, lead = integer(rng, 1, 3), lengths(rng, 1, 3, integer(rng, 1, 2))
    return (numbers(rng, (*lead, r * integer(rng, 1, 3), 3 * r)), r), {}


def channel_shuffle(rng):
    groups = integer(rng, 1, 3)
    return (numbers(rng, (2, 2 * groups, *lengths(rng, 1, 3, 2))), groups), {}


# Norms


def layer_norm(rng):
    shape = (2, *lengths(rng, 2, 4, integer(rng, 1, 3)))
    last = shape[-integer(rng, 1, len(shape) - 1) :]
    x = numbers(rng, shape) + 1
    how = maybe(rng, weight=[numbers(rng, last)], bias=[numbers(rng, last)], eps=[1e-2, 0.5])
    return (x, last), how


def rms_norm(rng):
    args, how = layer_norm(rng)
    how.pop("bias", 0)
    return args, how


def affine(rng, C):
    return maybe(rng, weight=[numbers(rng, (C,))], bias=[numbers(rng, (C,))], eps=[1e-2, 0.5])


def group_norm(rng):
    x = numbers(rng, (2, 6, *lengths(rng, 2, 4, integer(rng, 0, 3)))) + 1
    how = affine(rng, 6)
    if "weight" not in how:  # PyTorch has no gradient then
        how.pop("bias", 0)
    return (x, either(rng, 1, 2, 3)), how


def instance_norm(rng):
    x = numbers(rng, (2, 3, *lengths(rng, 2, 4, integer(rng, 1, 3)))) + 1
    how = affine(rng, 3) | maybe(rng, momentum=[0.3, 1.0])
    if coin(rng):
        how |= {"running_mean": numbers(rng, 3), "running_var": rng.uniform(0.3, 2, 3)}
        how |= maybe(rng, use_input_stats=[False, True])
    else:
        how |= maybe(rng, use_input_stats=[True])
    return (x,), how


def batch_norm(rng):
    x = numbers(rng, (4, 3, *lengths(rng, 1, 4, integer(rng, 0, 3)))) + 1
    how = affine(rng, 3) | maybe(rng, training=[False, True, True], momentum=[0.3, 1.0])
    averages = numbers(rng, 3), rng.uniform(0.3, 2, 3)
    if how.get("training") and rng.random() < 0.3:
        averages = None, None
    return (x, *averages), how


def batch_norm_act(rng):
    x = numbers(rng, (2, 3, *lengths(rng, 1, 4, integer(rng, 0, 3))))
    how = affine(rng, 3) | maybe(rng, residual=[numbers(rng, x.shape)]) | activation(rng)
    return (x, numbers(rng, 3), rng.uniform(0.3, 2, 3)), how


def activation(rng):
    how = maybe(rng, act=["relu", "leaky_relu", "elu", "sigmoid", "tanh", None])
    if how.get("act") in ("leaky_relu", "elu"):
        how |= maybe(rng, slope=[0.2, 0.7, None])
    return how


def bias_act(rng):
    x = numbers(rng, (2, 3, *lengths(rng, 1, 4, integer(rng, 0, 3))))
    how = maybe(rng, b=[numbers(rng, 3)]) | activation(rng)
    if "b" not in how and how.get("act") is None:  # nothing to do
        how = {"act": "relu"}
    return (x,), how


def local_response_norm(rng):
    x = numbers(rng, (2, 6, *lengths(rng, 1, 4, integer(rng, 1, 3))))
    how = maybe(rng, alpha=[0.3, 2.0], beta=[0.5, 1.0], k=[0.5, 2.0])
    return (x, integer(rng, 1, 8)), how


def normalize(rng):
    x = numbers(rng, (3, *lengths(rng, 2, 4, integer(rng, 1, 3))))
    axis = integer(rng, -x.ndim, x.ndim - 1)
    how = maybe(
        rng, p=[1, 2, 2.5, 3, math.inf], dim=[axis, axis, axis, (0, -1)], eps=[1e-12, 4.0]
    )  # fmt: skip
    return (x,), how


# Tables and products


def embedding(rng):
    x = rng.integers(0, 7, lengths(rng, 1, 3, integer(rng, 0, 3)))
    how = maybe(
        rng,
        padding_idx=[None, 0, 3, -2],
        max_norm=[None, 0.5, 2.0],
        norm_type=[1.0, 3.0],
        scale_grad_by_freq=[False, True],
        sparse=[False],
    )
    return (np.asarray(x), numbers(rng, (7, 3))), how


def one_hot(rng):
    x = rng.integers(0, 4, lengths(rng, 1, 3, integer(rng, 1, 3)))
    return (x,), maybe(rng, num_classes=[-1, 4, 6])


def bilinear(rng):
    lead, (n, m, filters) = lengths(rng, 1, 3, integer(rng, 1, 3)), lengths(rng, 1, 4, 3)
    xs = numbers(rng, (*lead, n)), numbers(rng, (*lead, m))
    return (*xs, numbers(rng, (filters, n, m))), maybe(rng, bias=[numbers(rng, (filters,))])


def linear(rng):
    x = numbers(rng, lengths(rng, 1, 4, integer(rng, 1, 4)))
    filters = integer(rng, 1, 4)
    w = numbers(rng, (filters, x.shape[-1]))
    return (x, w), maybe(rng, b=[numbers(rng, (filters,))])


def attention(rng):
    L, S, E, V = lengths(rng, 1, 5, 4)
    lead = either(rng, (2,), (2, 3), (2, 4))
    several = {} if len(lead) == 1 else maybe(rng, enable_gqa=[False, True])
    groups = lead if not several.get("enable_gqa") else (2, either(rng, 1, lead[1]))
    if several.get("enable_gqa") and lead[1] == 4 and coin(rng):
        groups = (2, 2)
    arrays = [numbers(rng, (*lead, L, E)), *(numbers(rng, (*groups, S, n)) for n in (E, V))]
    masks = [rng.random((L, S)) < 0.6, numbers(rng, (L, S)), numbers(rng, (*lead, L, S)), None]
    how = several | maybe(rng, attn_mask=masks, scale=[None, 0.3, 2.0], dropout_p=[0.0])
    causal = [False] if how.get("attn_mask") is not None else [False, True, True]
    return tuple(arrays), how | maybe(rng, is_causal=causal)


# Dropout, where it is not random: in training with p = 0 and 1


def dropout(shapes, trains):
    def draw(rng):
        x = numbers(rng, either(rng, *shapes))
        how = maybe(rng, p=[0.0, 1.0, 0.3], training=[False, True], inplace=[False, True])
        if how.get("training", trains) and how.get("p", 0.5) not in (0, 1):
            how["training"] = False
        return (x,), how

    return draw


LAYERS = {
    "interpolate": interpolate,
    "grid_sample": grid_sample,
    "affine_grid": affine_grid,
    "pixel_shuffle": pixel_shuffle,
    "pixel_unshuffle": pixel_unshuffle,
    "channel_shuffle": channel_shuffle,
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
    "group_norm": group_norm,
    "instance_norm": instance_norm,
    "batch_norm": batch_norm,
    "batch_norm_act": batch_norm_act,
    "bias_act": bias_act,
    "local_response_norm": local_response_norm,
    "normalize": normalize,
    "embedding": embedding,
    "one_hot": one_hot,
    "bilinear": bilinear,
    "linear": linear,
    "scaled_dot_product_attention": attention,
    "dropout": dropout(SHAPES, True),
    "dropout1d": dropout([(2, 3, 4), (3, 4)], True),
    "dropout2d": dropout([(2, 3, 4, 2), (2, 3, 4)], True),
    "dropout3d": dropout([(2, 3, 4, 2, 1), (3, 4, 2, 3)], True),
    "alpha_dropout": dropout(SHAPES, False),
    "feature_alpha_dropout": dropout([(2, 3, 4, 2), (2, 3)], False),
}
