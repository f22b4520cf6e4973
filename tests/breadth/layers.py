"""Convolutions, pools, norms, dropout and what else moves over images: window by window."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
from scipy import ndimage

import gpugraph.nn.functional as F
from gpugraph.ops.random import Generator
from tests.oracles import ORACLES
from tests.oracles import conv as loops
from tests.oracles.dropout import mask
from tests.oracles.norm import normalised
from tests.test_adaptive_pool import windows
from tests.test_attention import by_hand
from tests.test_grid_sample import in_pixels
from tests.test_interpolate import place
from tests.test_norm_layers import standard

from .cases import RNG, V, case

ROOM = F
draw = RNG.standard_normal
IMAGE = draw((2, 3, 4, 5))
APART = 0.1 * RNG.permutation(120).reshape(2, 3, 4, 5)


def op(size, stride=1, padding=0, dilation=1, groups=1, **fields):
    """What the oracles of ops read: a window, the same along each axis."""
    window = SimpleNamespace(
        size=tuple(size),
        stride=(stride,) * len(size),
        padding=((padding, padding),) * len(size),
        dilation=(dilation,) * len(size),
    )
    return SimpleNamespace(window=window, groups=groups, **fields)


def conv(x, w, b, stride, padding, dilation, groups):
    return loops.conv(op(w.shape[2:], stride, padding, dilation, groups), x, w, b)


def conv_input_grad(size, w, gy, stride, padding):
    return loops.conv_input(op(w.shape[2:], stride, padding, spatial=size[2:]), gy, w)


def conv_weight_grad(x, size, gy, stride, padding):
    return loops.conv_weight(op(size[2:], stride, padding), x, gy)


def conv_transpose(x, w, b, stride, padding, output_padding):
    size = [(n - 1) * stride - 2 * padding + k + output_padding
            for n, k in zip(x.shape[2:], w.shape[2:])]  # fmt: skip
    y = loops.conv_input(op(w.shape[2:], stride, padding, spatial=tuple(size)), x, w)
    return y + b.reshape(-1, *(1,) * (x.ndim - 2))


def max_pool(x, k, stride, padding):
    how = op((k,) * (x.ndim - 2), stride, padding, ceil_mode=False)
    return ORACLES["MaxPool"](how, x)[0]


def avg_pool(x, k, stride, padding):
    how = op((k,) * (x.ndim - 2), stride, padding, ceil_mode=False, count_include_pad=True,
             divisor_override=None)  # fmt: skip
    return ORACLES["AvgPool"](how, x)


def per_window(x, out, f):
    """f of the numbers (N, C, k) of each of `out` windows of about equal size."""
    y = np.empty((*x.shape[:2], *out))
    for o, seen in windows(x.shape[2:], out):
        y[(..., *o)] = f(np.stack([x[(..., *i)] for i in seen], -1))
    return y


def adaptive_avg_pool(x, out):
    return per_window(x, out, lambda v: v.mean(-1))


def adaptive_max_pool(x, out):
    return per_window(x, out, lambda v: v.max(-1))


def lp_pool(x, p, k):
    return per_window(x, [n // k for n in x.shape[2:]], lambda v: (v**p).sum(-1) ** (1 / p))


def max_unpool(x, indices, k):
    y = np.zeros((*x.shape[:2], *(n * k for n in x.shape[2:])))
    for at in np.ndindex(x.shape):
        y[at[:2]].flat[indices[at]] = x[at]
    return y


CASES = {}
for n in (1, 2, 3):
    ones, long = (1,) * (n - 1), (2, 2, 4, *(3, 2)[: n - 1])
    apart = 0.1 * RNG.permutation(math.prod(long)).reshape(long)
    pooled = 0.1 * RNG.permutation(4 * 2**n).reshape(2, 2, *(2,) * n)
    first = np.ravel_multi_index(np.meshgrid(*[np.array([1, 2])] * n, indexing="ij"), (4,) * n)
    wide = [(2, 2, 7), (1, 2, 4, 5), (1, 2, 3, 4, 3)][n - 1]
    CASES |= {
        f"conv{n}d": case(
            conv, draw(wide), draw((4, 1, *(2, 3, 1)[:n])), draw(4),
            stride=2, padding=1, dilation=2 if n == 1 else 1, groups=2),
        f"conv{n}d_input_grad": case(
            conv_input_grad, (1, 3, 4, *(3,) * (n - 1)), draw((2, 3, *(3,) * n)),
            draw((1, 2, 2, *(2,) * (n - 1))), stride=2, padding=1),
        f"conv{n}d_weight_grad": case(
            conv_weight_grad, draw((2, 3, 4, *(3,) * (n - 1))), (2, 3, *(3,) * n),
            draw((2, 2, 2, *(2,) * (n - 1))), stride=2, padding=1),
        f"conv_transpose{n}d": case(
            conv_transpose, draw((1, 2, 3, *(2,) * (n - 1))), draw((2, 3, *(2,) * n)), draw(3),
            stride=2, padding=1, output_padding=1),
        f"max_pool{n}d": case(max_pool, apart, 2, 1, 1),
        f"avg_pool{n}d": case(avg_pool, apart, 2, 1, 1),
        f"global_avg_pool{n}d": case(
            lambda x: x.mean(tuple(range(2, x.ndim))), apart),
        f"adaptive_avg_pool{n}d": case(adaptive_avg_pool, apart, (3, 2, 1)[:n]),
        f"adaptive_max_pool{n}d": case(adaptive_max_pool, apart, (3, 2, 1)[:n]),
        f"lp_pool{n}d": case(lp_pool, abs(draw((1, 2, *(4, 2, 2)[:n]))) + 0.2, 3.0, 2),
        f"max_unpool{n}d": case(max_unpool, pooled, np.broadcast_to(first, pooled.shape), 2),
    }  # fmt: skip


def channels(v):
    return v.reshape(-1, 1, 1)


def batch_norm(x, mean, var, w, b):
    y = np.empty(x.shape)
    for c in range(x.shape[1]):
        y[:, c] = normalised(x[:, c], mean[c], var[c], 1e-5, w[c], b[c])
    return y


def group_norm(x, groups, w, b):
    return standard(x.reshape(len(x), groups, -1), 2).reshape(x.shape) * channels(w) + channels(b)


def rms_norm(x, n, w):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + np.finfo(x.dtype).eps) * w


def local_response_norm(x, size, alpha, beta, k):
    total = np.zeros(x.shape)
    for c, other in itertools.product(range(x.shape[1]), repeat=2):
        if -(size // 2) <= other - c <= (size - 1) // 2:
            total[:, c] += x[:, other] ** 2
    return x / (k + alpha / size * total) ** beta


def fresh(function, *args, p):
    """With the same mask at every call."""
    return function(*args, p, True, generator=Generator(3))


def kept(x, axes, p):
    """The mask of one of the words of the generator for each of the first axes."""
    shape = (*x.shape[:axes], *(1,) * (x.ndim - axes))
    return mask(SimpleNamespace(key=Generator(3).state["seed"], counter=0, p=p), shape)


def dropped(axes):
    return lambda x, p: np.where(kept(x, axes, p), x / (1 - p), 0)


def saturated(axes):
    def oracle(x, p):
        low = -1.0507009873554805 * 1.6732632423543772
        y = np.where(kept(x, axes, p), x, low)
        mean, var = p * low, (1 - p) + p * low**2 - (p * low) ** 2  # of y, if x is normal
        return (y - mean) / np.sqrt(var)

    return oracle


def interpolate(x, size, mode, align_corners):
    at = [[place(i, n, o, align_corners) for i in range(o)] for n, o in zip(x.shape[2:], size)]
    grid = np.meshgrid(*at, indexing="ij")
    planes = [ndimage.map_coordinates(plane, grid, order=1, mode="nearest")
              for plane in x.reshape(-1, *x.shape[2:])]  # fmt: skip
    return np.reshape(planes, (*x.shape[:2], *size))


def grid_sample(x, grid):
    y = np.empty((*x.shape[:2], *grid.shape[1:3]))
    for i, c in np.ndindex(y.shape[:2]):
        at = [in_pixels(grid[i, ..., 1 - a], x.shape[2 + a], False) + 1 for a in (0, 1)]
        y[i, c] = ndimage.map_coordinates(np.pad(x[i, c], 1), at, order=1, mode="constant")
    return y


def affine_grid(theta, size):
    y = np.empty((size[0], *size[2:], 2))
    for n, i, j in np.ndindex(y.shape[:3]):
        row, column = (2 * i + 1) / size[2] - 1, (2 * j + 1) / size[3] - 1
        y[n, i, j] = theta[n] @ [column, row, 1]
    return y


def pixel_shuffle(x, r):
    y = np.empty((len(x), x.shape[1] // r**2, x.shape[2] * r, x.shape[3] * r))
    for c, h, w in np.ndindex(y.shape[1:]):
        y[:, c, h, w] = x[:, c * r * r + h % r * r + w % r, h // r, w // r]
    return y


def pixel_unshuffle(x, r):
    y = np.empty((len(x), x.shape[1] * r * r, x.shape[2] // r, x.shape[3] // r))
    for c, h, w in np.ndindex(x.shape[1:]):
        y[:, c * r * r + h % r * r + w % r, h // r, w // r] = x[:, c, h, w]
    return y


def local_conv(x, w, b):
    y = np.empty((len(x), len(b), *w.shape[:2]))
    for i, o, r, s in np.ndindex(y.shape):
        y[i, o, r, s] = (x[i, :, r : r + 2, s : s + 3] * w[r, s, o]).sum() + b[o, r, s]
    return y


def attention(q, k, v, is_causal):
    rule = lambda i, j: -np.inf if j > i else 0.0  # noqa: E731
    return np.stack([by_hand(*rows, rule) for rows in zip(q, k, v)])


CASES |= {
    "batch_norm": case(
        lambda x, w, b: batch_norm(x, x.mean((0, 2, 3)), x.var((0, 2, 3)), w, b),
        IMAGE, draw(3), draw(3), via=lambda f, x, w, b: f(x, None, None, w, b, training=True)),
    "batch_norm, averages": case(batch_norm, IMAGE, V[:3], abs(draw(3)) + 1, draw(3), draw(3)),
    "batch_norm_act": case(
        lambda *args, act: np.tanh(batch_norm(*args)),
        IMAGE, V[:3], abs(draw(3)) + 1, draw(3), draw(3), act="tanh"),
    "layer_norm": case(
        lambda x, shape, w, b: standard(x, (2, 3)) * w + b,
        IMAGE, (4, 5), draw((4, 5)), draw((4, 5))),
    "group_norm": case(group_norm, draw((2, 4, 2, 2)), 2, draw(4), draw(4)),
    "instance_norm": case(
        lambda x, w, b: group_norm(x, 3, w, b), IMAGE, draw(3), draw(3),
        via=lambda f, x, w, b: f(x, weight=w, bias=b)),
    "rms_norm": case(rms_norm, IMAGE, 5, draw(5)),
    "local_response_norm": case(local_response_norm, IMAGE, 2, 0.7, 0.6, 1.5),
    "normalize": case(lambda x, p, dim: x / (x**p).sum(dim, keepdims=True) ** (1 / p),
                      abs(IMAGE) + 0.1, 3.0, 1),
    "dropout": case(dropped(4), IMAGE, p=0.4, via=fresh),
    "dropout1d": case(dropped(2), IMAGE[0], p=0.4, via=fresh),
    "dropout2d": case(dropped(2), IMAGE, p=0.4, via=fresh),
    "dropout3d": case(dropped(2), IMAGE[..., None], p=0.4, via=fresh),
    "alpha_dropout": case(saturated(4), IMAGE, p=0.4, via=fresh),
    "feature_alpha_dropout": case(saturated(2), IMAGE, p=0.4, via=fresh),
    "embedding": case(lambda i, w: w[i], np.array([[1, 4, 1], [0, 5, 3]]), draw((6, 3))),
    "bilinear": case(
        lambda x, y, w, b: np.einsum("ai,oij,aj->ao", x, w, y) + b,
        draw((2, 3)), draw((2, 4)), draw((5, 3, 4)), draw(5)),
    "local_conv2d": case(
        local_conv, draw((2, 2, 3, 4)), draw((2, 2, 3, 2, 2, 3)), draw((3, 2, 2))),
    "interpolate": case(interpolate, IMAGE, (7, 3), mode="bilinear", align_corners=False),
    "interpolate, nearest": case(
        lambda x, size: x[:, :, [0, 0, 1, 1, 2, 2, 3]][..., [0, 1, 3]], IMAGE, (7, 3)),
    "grid_sample": case(
        grid_sample, IMAGE,
        RNG.integers(0, 4, (2, 3, 3, 2)) * 0.5 - 0.87 + RNG.uniform(0.0, 0.1, (2, 3, 3, 2))),
    "affine_grid": case(affine_grid, draw((2, 2, 3)), (2, 1, 3, 2)),
    "pad": case(
        lambda x, pad: np.pad(x, ((0, 0), (0, 0), (2, 0), (1, 0)))[..., :-1], IMAGE, (1, -1, 2, 0)),
    "pad, reflect": case(
        lambda x, pad, how: np.pad(x, ((0, 0), (0, 0), (1, 1), (2, 3)), how),
        IMAGE, (2, 3, 1, 1), "reflect"),
    "pixel_shuffle": case(pixel_shuffle, draw((1, 8, 2, 3)), 2),
    "pixel_unshuffle": case(pixel_unshuffle, draw((1, 2, 4, 6)), 2),
    "channel_shuffle": case(lambda x, g: x[:, [0, 3, 1, 4, 2, 5]], draw((1, 6, 2)), 2),
    "unfold": case(
        lambda x, k, d, p, s: ORACLES["Unfold"](op(k, s, p, d), x), IMAGE, (2, 3), 1, 1, 2),
    "fold": case(
        lambda x, size, k: ORACLES["Fold"](op(k, spatial=size), x),
        draw((2, 12, 9)), (4, 5), (2, 3)),
    "scaled_dot_product_attention": case(
        attention, draw((2, 3, 4)), draw((2, 4, 4)), draw((2, 4, 2)), is_causal=True),
}  # fmt: skip
