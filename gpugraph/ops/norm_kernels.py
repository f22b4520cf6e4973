"""Launches of ``norm.cu``: moments, sums and the elementwise passes of batch normalisation.

All take contiguous arrays. Numbers per channel are kept in what kernels compute with, `wide`.
"""

from __future__ import annotations

from math import prod
from typing import Any

from ..core.op import Op
from ..cuda.device import THREADS
from ..cuda.kernel import FLOATS, Kernel, wide
from .fused import activation_code

__all__: list[str] = []

SUMS = "long long count, long long channels, long long inner, int slab"
PLANES = "long long planes, long long channels, long long inner, int width, int reach"
MOMENTS = Kernel(
    "ops/norm.cu", "batch_norm_moments", f"const T* x, wide<T>* mean, wide<T>* var, {SUMS}",
    T=FLOATS,
)  # fmt: skip
PARAMS = Kernel(
    "ops/norm.cu", "batch_norm_params",
    "const T* gy, const T* x, const wide<T>* var, const wide<T>* mean, wide<T>* gweight, "
    f"wide<T>* gbias, bool centred, wide<T> eps, {SUMS}",
    T=FLOATS,
)  # fmt: skip
MERGE_MOMENTS = Kernel(
    "ops/norm.cu", "merge_moments",
    "const A* means, const A* vars, A* mean, A* var, long long count, long long channels, int slab",
    A=("float32", "float64"),
)  # fmt: skip
MERGE_SUMS = Kernel(
    "ops/norm.cu", "merge_sums",
    "const A* gweights, const A* gbiases, A* gweight, A* gbias, long long count, "
    "long long channels, int slab",
    A=("float32", "float64"),
)  # fmt: skip
BATCH_NORM = Kernel(
    "ops/norm.cu", "batch_norm",
    "const T* x, const wide<T>* var, const wide<T>* mean, const wide<T>* weight, "
    "const wide<T>* bias, const T* residual, T* y, bool centred, bool weighted, bool biased, "
    f"bool added, wide<T> eps, int act, wide<T> slope, {PLANES}",
    T=FLOATS,
)  # fmt: skip
INPUT = Kernel(
    "ops/norm.cu", "batch_norm_input",
    "const T* gy, const T* x, const wide<T>* var, const wide<T>* mean, const wide<T>* gweight, "
    "const wide<T>* gbias, const wide<T>* weight, T* gx, bool weighted, wide<T> eps, "
    f"long long count, {PLANES}",
    T=FLOATS,
)  # fmt: skip
# Values that one block sums: 64 channels of 112 x 112 pixels in 32 images make 3136 blocks, and a
# slab of float32 fits into the cache of a multiprocessor, so that its second pass is free.
SLAB = 8192
ELEMENTS = 8  # most positions of one thread


def count(shape: tuple[int, ...]) -> int:
    """Values per channel."""
    return shape[0] * prod(shape[2:])


def vectors(dev: Any, x: Any, *given: Any) -> list[Any]:
    """Numbers per channel as kernels take them, None as it is."""
    dtype = wide(x.dtype)
    return [None if v is None else dev.contiguous(v.astype(dtype, copy=False)) for v in given]


def by_slabs(
    dev: Any, kernel: Kernel, merge: Kernel, x: Any, inputs: tuple[Any, ...], *fields: float
) -> tuple[Any, Any]:
    """Two numbers for each channel of x, by a kernel that sums slabs and one that merges them."""
    n, channels, inner = count(x.shape), x.shape[1], prod(x.shape[2:])
    slabs = max(1, -(-n // SLAB))
    parts = [dev.empty((channels, slabs), wide(x.dtype)) for _ in range(2)]
    dev.launch(
        kernel, *inputs, *parts, *fields, n, channels, inner, SLAB,
        grid=(channels * slabs,), block=THREADS,
    )  # fmt: skip
    if slabs == 1:
        first, second = (p.reshape(channels) for p in parts)
        return first, second
    first, second = (dev.empty((channels,), wide(x.dtype)) for _ in range(2))
    dev.launch(merge, *parts, first, second, n, channels, SLAB, threads=32 * channels)
    return first, second


def moments_on(dev: Any, x: Any) -> tuple[Any, Any]:
    """Mean and biased variance of each channel."""
    return by_slabs(dev, MOMENTS, MERGE_MOMENTS, x, (x,))


def params_on(dev: Any, gy: Any, x: Any, var: Any, mean: Any, eps: float) -> tuple[Any, Any]:
    """What `BatchNormParams` gives."""
    var, centre = vectors(dev, x, var, mean)
    arrays = (gy, x, var, var if centre is None else centre)
    return by_slabs(dev, PARAMS, MERGE_SUMS, x, arrays, centre is not None, eps)


def launch_planes(dev: Any, kernel: Kernel, x: Any, *args: Any) -> None:
    """Launch an elementwise kernel over the planes of x, several elements to a thread."""
    planes, channels, inner = x.shape[0] * x.shape[1], x.shape[1], prod(x.shape[2:])
    width = min(THREADS, 1 << max(0, -(-inner // 4) - 1).bit_length())  # a power of 2: it divides
    reach = ELEMENTS * width  # the block
    threads = planes * -(-inner // reach) * width
    dev.launch(kernel, *args, planes, channels, inner, width, reach, threads=threads)


def normalised_on(
    dev: Any,
    x: Any,
    var: Any,
    mean: Any = None,
    weight: Any = None,
    bias: Any = None,
    residual: Any = None,
    act: Op | None = None,
    eps: float = 0.0,
) -> Any:
    """What `BatchNormEval` and `BatchNormAct` give."""
    y = dev.empty(x.shape, x.dtype)
    var, *given = vectors(dev, x, var, mean, weight, bias)
    # in the place of a missing one stands another array, which the flag keeps from being read
    arrays = [var if v is None else v for v in given] + [x if residual is None else residual]
    flags = [v is not None for v in (*given, residual)]
    launch_planes(dev, BATCH_NORM, x, x, var, *arrays, y, *flags, eps, *activation_code(act))
    return y


def input_on(dev: Any, gy: Any, x: Any, *per_channel: Any, eps: float) -> Any:
    """What `BatchNormInput` gives; per_channel: var, mean, gweight, gbias, weight or None."""
    gx = dev.empty(x.shape, x.dtype)
    *given, weight = vectors(dev, x, *per_channel)
    arrays = (*given, given[0] if weight is None else weight)
    n = max(1, count(x.shape))
    launch_planes(dev, INPUT, x, gy, x, *arrays, gx, weight is not None, eps, n)
    return gx


def rowed(v: Any) -> Any:
    """Numbers per row (N, groups) as those of N * groups channels; None as it is."""
    return None if v is None else v.reshape(-1)


def as_rows(x: Any, rows: int) -> Any:
    """x as one image, whose channels are its rows."""
    return x.reshape(1, rows, x.size // max(1, rows))


def widened(x: Any) -> Any:
    """x in the precision of the arithmetic, for what takes several kernels and is rounded once."""
    return x.astype(wide(x.dtype), copy=False)


def group_norm_on(
    dev: Any, x: Any, weight: Any, bias: Any, groups: int, eps: float
) -> tuple[Any, Any, Any]:
    """What `GroupNorm` gives."""
    rows = as_rows(widened(x), len(x) * groups)
    mean, var = moments_on(dev, rows)
    h = normalised_on(dev, rows, var, mean, eps=eps).reshape(x.shape)
    y = weighted_on(dev, h, weight, bias).astype(x.dtype, copy=False)
    return y, mean.reshape(len(x), groups), var.reshape(len(x), groups)


def rms_norm_on(dev: Any, x: Any, weight: Any, groups: int, eps: float) -> tuple[Any, Any]:
    """What `RmsNorm` gives."""
    rows = as_rows(widened(x), len(x) * groups)
    one = dev.xp.ones(rows.shape[1], wide(x.dtype))
    square = params_on(dev, rows, rows, one, None, 0.0)[0] / max(1, rows.shape[2])
    h = normalised_on(dev, rows, square, eps=eps).reshape(x.shape)
    y = weighted_on(dev, h, weight, None).astype(x.dtype, copy=False)
    return y, square.reshape(len(x), groups)


def weighted_on(dev: Any, h: Any, weight: Any, bias: Any) -> Any:
    """weight h + bias."""
    if weight is None and bias is None:
        return h
    one = dev.xp.ones(h.shape[1], wide(h.dtype))
    return normalised_on(dev, h, one, None, weight, bias)


def group_grad_on(
    dev: Any, gy: Any, x: Any, var: Any, mean: Any, weight: Any, eps: float
) -> tuple[Any, Any, Any]:
    """What `GroupNormGrad` gives."""
    dtype, gy, rows = x.dtype, widened(gy), as_rows(widened(x), var.size)
    var, mean = rowed(var), rowed(mean)
    h = normalised_on(dev, rows, var, mean, eps=eps).reshape(x.shape)
    one = dev.xp.ones(x.shape[1], wide(x.dtype))
    gweight, gbias = params_on(dev, gy, h, one, None, 0.0)
    u = as_rows(weighted_on(dev, gy, weight, None), len(var))
    more, total = params_on(dev, u, rows, var, mean, eps)
    if mean is None:  # nothing is taken away that the mean would take
        mean = total = dev.xp.zeros(len(var), wide(x.dtype))
    gx = input_on(dev, u, rows, var, mean, more, total, None, eps=eps)
    return gx.reshape(x.shape).astype(dtype, copy=False), gweight, gbias
