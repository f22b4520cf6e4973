"""Argument sets of what slides a window (convolutions, poolings, unfold, fold), and of padding."""

import numpy as np
import torch

from .drawing import coin, either, integer, lengths, maybe, numbers

__all__ = ["WINDOWS"]

T = torch.nn.functional


def sizes(rng, low, high, axes):
    """An int for all axes, or one for each."""
    return either(rng, integer(rng, low, high), lengths(rng, low, high, axes))


def each(value, axes):
    return value if isinstance(value, tuple) else (value,) * axes


def spanned(kernel, dilation):
    return tuple(d * (k - 1) + 1 for k, d in zip(kernel, each(dilation, len(kernel))))


def convolved(rng, axes):
    """Shapes of an image, its filters and the result, and how the window moves."""
    groups = integer(rng, 1, 3)
    C, filters = groups * integer(rng, 1, 2), groups * integer(rng, 1, 2)
    kernel = lengths(rng, 1, 3, axes)
    how = maybe(
        rng,
        stride=[sizes(rng, 1, 3, axes)],
        padding=[sizes(rng, 0, 2, axes)],
        dilation=[sizes(rng, 1, 2, axes)],
        groups=[groups],
    )
    if "groups" not in how:
        C, filters, groups = 2, 3, 1
    reach = spanned(kernel, how.get("dilation", 1))
    image = tuple(r + integer(rng, 0, 3) for r in reach)
    shapes = (2, C, *image), (filters, C // groups, *kernel)
    return *shapes, how


def conv(rng, axes):
    x, w, how = convolved(rng, axes)
    word = either(rng, None, None, "valid", "same")
    if word and (word == "valid" or "stride" not in how):
        how["padding"] = word
    how |= maybe(rng, b=[numbers(rng, w[:1])])
    return (numbers(rng, either(rng, x, x[1:])), numbers(rng, w)), how


def result(x, w, how):
    how = {k: v for k, v in how.items() if k != "b"}
    convolve = getattr(T, f"conv{len(x) - 2}d")
    return tuple(convolve(torch.empty(x), torch.empty(w), **how).shape)


def input_grad(rng, axes):
    x, w, how = convolved(rng, axes)
    return (x, numbers(rng, w), numbers(rng, result(x, w, how))), how


def weight_grad(rng, axes):
    x, w, how = convolved(rng, axes)
    return (numbers(rng, x), w, numbers(rng, result(x, w, how))), how


def conv_transpose(rng, axes):
    x, w, how = convolved(rng, axes)
    y = result(x, w, how)
    steps = zip(each(how.get("stride", 1), axes), each(how.get("dilation", 1), axes))
    extra = tuple(integer(rng, 0, max(pair) - 1) for pair in steps)
    groups = how.get("groups", 1)
    how |= maybe(rng, output_padding=[extra], b=[numbers(rng, (w[1] * groups,))])
    if len(set(extra)) == 1 and "output_padding" in how and coin(rng):
        how["output_padding"] = extra[0]
    length = zip(
        y[2:],
        each(how.get("stride", 1), axes),
        each(how.get("padding", 0), axes),
        spanned(w[2:], how.get("dilation", 1)),
        each(how.get("output_padding", 0), axes),
    )
    if any((n - 1) * s - 2 * p + r + o < 1 for n, s, p, r, o in length):
        return conv_transpose(rng, axes)
    return (numbers(rng, either(rng, y, y[1:])), numbers(rng, w)), how


def local_conv2d(rng):
    x, w, how = convolved(rng, 2)
    how.pop("groups", 0)
    w = (w[0], x[1], *w[2:])
    y = result(x, w, how)
    how |= maybe(rng, b=[numbers(rng, w[:1]), numbers(rng, y[1:])])
    return (numbers(rng, either(rng, x, x[1:])), numbers(rng, (*y[2:], *w))), how


def image(rng, axes, least=3, most=7):
    x = numbers(rng, (2, 3, *lengths(rng, least, most, axes))[integer(rng, 0, 1) :])
    return np.round(x) if rng.random() < 0.3 else x  # ties


def pooled(rng, axes):
    kernel = sizes(rng, 1, 3, axes)
    half = min(each(kernel, axes)) // 2
    how = maybe(rng, stride=[None, 1, 2, 3, lengths(rng, 1, 3, axes)], padding=[0, half, half])
    if half and "padding" in how and coin(rng):
        how["padding"] = tuple(integer(rng, 0, k // 2) for k in each(kernel, axes))
    return kernel, how | maybe(rng, ceil_mode=[False, True])


def max_pool(rng, axes):
    kernel, how = pooled(rng, axes)
    how |= maybe(rng, dilation=[sizes(rng, 1, 2, axes)], return_indices=[False, True])
    return (image(rng, axes, 5), kernel), how


def avg_pool(rng, axes):
    kernel, how = pooled(rng, axes)
    how |= maybe(rng, count_include_pad=[False, True])
    if axes > 1:
        how |= maybe(rng, divisor_override=[None, 1, 5])
    return (image(rng, axes), kernel), how


def lp_pool(rng, axes):
    kernel, how = pooled(rng, axes)
    how.pop("padding", 0)
    kernel = kernel if axes > 1 else each(kernel, 1)[0]  # PyTorch's lp_pool1d takes no tuple
    order = either(rng, 1.0, 2.0, 3.0, 0.5)
    x = numbers(rng, (2, 3, *lengths(rng, 3, 7, axes)))
    if axes < 3 and coin(rng):  # PyTorch's lp_pool3d takes no image alone
        x = x[0]
    return (x if order == 2 else abs(x) + 0.1, order, kernel), how


def adaptive(options):
    def draw(rng, axes):
        out = sizes(rng, 1, 6, axes)
        if axes > 1 and rng.random() < 0.2:
            out = (None, *each(out, axes)[1:])
        return (image(rng, axes), out), maybe(rng, **options)

    return draw


def global_avg_pool(rng, axes):
    return (image(rng, axes),), maybe(rng, keepdims=[False, True])


def max_unpool(rng, axes):
    """What a pooling gave, whose windows lie apart: no index stands twice."""
    kernel = sizes(rng, 1, 3, axes)
    ks = each(kernel, axes)
    how = maybe(rng, stride=[None, max(ks), tuple(k + integer(rng, 0, 1) for k in ks)])
    step = each(how.get("stride") or kernel, axes)
    how |= maybe(rng, padding=[0, tuple(k // 2 for k in ks)])
    low = each(how.get("padding", 0), axes)
    out = lengths(rng, 2, 4, axes)
    usual = tuple((n - 1) * s - 2 * p + k for n, s, p, k in zip(out, step, low, ks))
    size = tuple(u + integer(rng, 0, s - 1) for u, s in zip(usual, step))
    lead = either(rng, (2, 3), (3,))
    if coin(rng) or size != usual:
        how["output_size"] = either(rng, size, (*lead, *size) if len(lead) == 2 else size)
    if min(size) < 1:
        return max_unpool(rng, axes)
    x = torch.tensor(numbers(rng, (*lead, *size)))
    pool = getattr(T, f"max_pool{axes}d")
    y, indices = pool(x, kernel, how.get("stride"), low, return_indices=True)
    return (numbers(rng, tuple(y.shape)), indices.numpy(), kernel), how


def unfolded(rng):
    kernel = sizes(rng, 1, 3, 2)
    how = maybe(
        rng, dilation=[sizes(rng, 1, 2, 2)], padding=[sizes(rng, 0, 2, 2)],
        stride=[sizes(rng, 1, 3, 2)],
    )  # fmt: skip
    return kernel, how


def unfold(rng):
    kernel, how = unfolded(rng)
    return (numbers(rng, (2, 2, *lengths(rng, 5, 7, 2))[integer(rng, 0, 1) :]), kernel), how


def fold(rng):
    kernel, how = unfolded(rng)
    size = sizes(rng, 5, 7, 2)
    shape = (2, 2, *each(size, 2))[integer(rng, 0, 1) :]
    columns = T.unfold(torch.empty(shape), kernel, **how).shape
    return (numbers(rng, tuple(columns)), size, kernel), how


def pad(rng):
    axes = integer(rng, 1, 3)
    x = numbers(rng, (2, 2, *lengths(rng, 3, 6, axes)))
    mode = either(rng, "constant", "reflect", "replicate", "circular")
    least, most = (0, 3) if mode == "circular" else (-1, 2)
    if mode == "constant":
        widths = lengths(rng, least, most, 2 * integer(rng, 1, x.ndim))
        return (x, widths), maybe(rng, mode=["constant"], value=[1.5, -3.0, None])
    return (x, lengths(rng, least, most, 2 * axes)), {"mode": mode} | maybe(rng, value=[None])


FAMILIES = {
    "conv{}d": conv,
    "conv{}d_input_grad": input_grad,
    "conv{}d_weight_grad": weight_grad,
    "conv_transpose{}d": conv_transpose,
    "max_pool{}d": max_pool,
    "avg_pool{}d": avg_pool,
    "lp_pool{}d": lp_pool,
    "adaptive_avg_pool{}d": adaptive({}),
    "adaptive_max_pool{}d": adaptive({"return_indices": [False, True]}),
    "global_avg_pool{}d": global_avg_pool,
    "max_unpool{}d": max_unpool,
}


def with_axes(draw, axes):
    return lambda rng: draw(rng, axes)


WINDOWS = {
    name.format(axes): with_axes(draw, axes)
    for name, draw in FAMILIES.items()
    for axes in (1, 2, 3)
}
WINDOWS |= {"local_conv2d": local_conv2d, "unfold": unfold, "fold": fold, "pad": pad}
