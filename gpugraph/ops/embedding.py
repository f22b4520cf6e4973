"""Look-up tables, bilinear forms, and locally connected layers."""

from __future__ import annotations

from math import prod
from typing import Any

from ..core import backend
from ..core.backend import MetaArray
from ..core.errors import (
    ArgumentError,
    DtypeError,
    GradientError,
    IndexRangeError,
    ShapeError,
)
from ..core.state import STATE
from ..core.tensor import Tensor
from ..core.window import Window
from .compare import where
from .conv_functions import batched, tensor_of
from .counting import bincount
from .einsum import einsum
from .index import take
from .linalg import matmul
from .memory import astype
from .shape import moveaxis, reshape
from .unfold import unfold

__all__ = ["bilinear", "embedding", "local_conv2d"]


def embedding(
    x: Any,
    weight: Any,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of a table that x names: integers (...) and weight (V, D) -> (..., D).

    padding_idx  a row that takes no gradient; from the end if negative
    max_norm     rows that are looked up and longer than this are first shortened to it, in place
    norm_type    what counts as length: the p-norm of a row
    scale_grad_by_freq  divide the gradient of each row by how often it is looked up
    sparse       refused: gradients are dense
    Raises IndexRangeError for integers outside 0 to V - 1.
    """
    x, weight = tensor_of("embedding", "x", x), tensor_of("embedding", "weight", weight)
    if sparse:
        raise ArgumentError("embedding: sparse=True is not available; leave it away")
    if weight.ndim != 2:
        raise ShapeError(f"embedding: weight {weight.shape} must have 2 axes (rows, features)")
    if x.dtype.kind not in "iu":
        raise DtypeError(f"embedding: x is {x.dtype}; it must hold integers, the numbers of rows")
    rows = weight.shape[0]
    if not isinstance(x.array, MetaArray) and x.size:
        least, most = int(x.array.min()), int(x.array.max())
        if least < 0 or most >= rows:
            raise IndexRangeError(
                f"embedding: row {least if least < 0 else most} does not exist; weight "
                f"{weight.shape} has rows 0 to {rows - 1}"
            )
    if max_norm is not None:
        _shorten(weight, x, max_norm, norm_type)
    y = take(weight, x, axis=0)
    if scale_grad_by_freq and not isinstance(x.array, MetaArray):
        share = astype(1 / take(bincount(reshape(x, (-1,)), minlength=rows), x, axis=0), y.dtype)
        y = y.detach() + (y - y.detach()) * reshape(share, (*x.shape, 1))
    if padding_idx is None:
        return y
    if not -rows <= padding_idx < rows:
        raise ArgumentError(
            f"embedding: padding_idx={padding_idx} must lie in {-rows} to {rows - 1}"
        )
    return where((x == padding_idx % rows).reshape((*x.shape, 1)), y.detach(), y)


def _shorten(weight: Tensor, x: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale the rows that x names to a norm of at most max_norm, outside of the graph."""
    if weight.node is not None and not weight.is_leaf:
        raise GradientError(
            f"embedding: max_norm={max_norm} writes to weight {weight.shape}, which was computed; "
            "pass a leaf, such as a Parameter"
        )
    xp = backend.module_of("embedding", ("weight", "x"), [weight.array, x.array])
    if xp is backend.META or not x.size:
        return
    rows = xp.unique(x.array)
    part = weight.array[rows]
    norm = xp.linalg.norm(part, norm_type, axis=1, keepdims=True)
    long = norm > max_norm
    scale = xp.where(long, max_norm / (norm + 1e-7), 1)  # as in PyTorch: a little shorter
    weight.array[rows] = (part * scale).astype(weight.dtype)
    weight.shared_version()[0] += 1


def bilinear(x1: Any, x2: Any, weight: Any, bias: Any = None) -> Tensor:
    """y[o] = x1 @ weight[o] @ x2 + bias[o].

    x1, x2  (..., I) and (..., J), equal in all other axes
    weight  (O, I, J)
    bias    (O,) or None
    Returns (..., O).
    """
    x1, x2 = tensor_of("bilinear", "x1", x1), tensor_of("bilinear", "x2", x2)
    weight = tensor_of("bilinear", "weight", weight)
    if (
        not x1.ndim
        or x1.shape[:-1] != x2.shape[:-1]
        or weight.shape[1:] != (*x1.shape[-1:], *x2.shape[-1:])
    ):
        raise ShapeError(
            f"bilinear: x1 {x1.shape}, x2 {x2.shape} and weight {weight.shape} don't fit; they "
            "must be (..., I), (..., J) and (O, I, J)"
        )
    if (
        bias is not None
        and (found := tensor_of("bilinear", "bias", bias)).shape != weight.shape[:1]
    ):
        raise ShapeError(f"bilinear: bias {found.shape} must be {weight.shape[:1]}")
    lead = x1.shape[:-1]
    n = prod(lead)
    x1, x2 = x1.reshape((n, x1.shape[-1])), x2.reshape((n, x2.shape[-1]))
    # one product x1 @ weight over all rows, then a sum: (n, O, J)
    y = (einsum("ni,oij->noj", x1, weight) * x2.reshape((n, 1, x2.shape[-1]))).sum(axis=-1)
    y = y if bias is None else y + bias
    return y.reshape((*lead, weight.shape[0]))


def local_conv2d(
    x: Any, w: Any, b: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1
) -> Tensor:
    """`conv2d` with filters of its own at each place of the output: a locally connected layer.

    x   (N, C, H, W), or (C, H, W) for one image
    w   (oh, ow, O, C, kh, kw): w[i, j] is the weight of a `conv2d` that makes only y[:, :, i, j]
    b   (O, oh, ow), a bias of its own at each place; (O,), one per filter; or None
    stride, padding, dilation   as in `conv2d`; so is the size (oh, ow) of the output
    Returns (N, O, oh, ow). With all w[i, j] equal it is `conv2d`.
    """
    x, one = batched("local_conv2d", x, 2)
    w = tensor_of("local_conv2d", "w", w)
    if w.ndim != 6:
        raise ShapeError(
            f"local_conv2d: w has shape {w.shape}; it takes (oh, ow, O, C, kh, kw), a filter bank "
            "for each place of the output"
        )
    oh, ow, filters, C, kh, kw = w.shape
    window = Window.of("local_conv2d", 2, (kh, kw), stride, padding, dilation)
    if x.shape[1] != C:
        raise ShapeError(f"local_conv2d: x has {x.shape[1]} channels; w {w.shape} takes {C}")
    if x.dtype != w.dtype and STATE.get().casting is None:
        raise DtypeError(f"local_conv2d: x is {x.dtype}, w is {w.dtype}; convert one of them")
    if (out := window.out(x.shape[2:], "local_conv2d")) != (oh, ow):
        raise ShapeError(
            f"local_conv2d: w {w.shape} has filters for {(oh, ow)} places; x {x.shape} gives {out}"
        )
    columns = unfold(x, (kh, kw), dilation, padding, stride)  # (N, C*kh*kw, places)
    y = matmul(  # (places, O, C*kh*kw) @ (places, C*kh*kw, N)
        w.reshape((oh * ow, filters, C * kh * kw)), moveaxis(columns, (2, 1, 0), (0, 1, 2))
    )
    y = moveaxis(y, (2, 1, 0), (0, 1, 2)).reshape((x.shape[0], filters, oh, ow))
    if b is not None:
        b = tensor_of("local_conv2d", "b", b)
        if b.shape not in ((filters,), (filters, oh, ow)):
            raise ShapeError(
                f"local_conv2d: b has shape {b.shape}; it must be {(filters, oh, ow)} or "
                f"{(filters,)}"
            )
        y = y + (b.reshape((filters, 1, 1)) if b.ndim == 1 else b)
    return y.reshape(y.shape[1:]) if one else y
