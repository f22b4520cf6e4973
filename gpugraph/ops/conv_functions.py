"""Convolution under PyTorch's names and keywords, in 1, 2 and 3 dimensions.

What the arguments mean is written out in `conv2d`, `conv_transpose2d`, `conv2d_input_grad` and
`conv2d_weight_grad`; with another number of spatial axes they mean the same.
"""

from __future__ import annotations

from typing import Any

from ..core.apply import apply
from ..core.backend import is_array
from ..core.errors import ArgumentError, ShapeError
from ..core.inputs import unfit
from ..core.methods import public
from ..core.tensor import Tensor, wrap
from ..core.window import Window, per_axis
from .bias_act import ADD_BIAS
from .conv import Conv, ConvInput, ConvWeight, check_dtypes, layout
from .creation import zeros
from .join import concat

__all__ = [
    "conv1d",
    "conv1d_input_grad",
    "conv1d_weight_grad",
    "conv2d",
    "conv2d_input_grad",
    "conv2d_weight_grad",
    "conv3d",
    "conv3d_input_grad",
    "conv3d_weight_grad",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
]


@public
def conv1d(
    x: Any,
    w: Any,
    b: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Convolve x (N, C, L) with w (O, C/groups, k): `conv2d` with one spatial axis."""
    return _conv(1, x, w, b, stride, padding, dilation, groups)


@public
def conv2d(
    x: Any,
    w: Any,
    b: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Convolve images with filters (cross-correlate: filters are not flipped), and add a bias.

    x         (N, C, H, W), or (C, H, W) for one image, which gives one image
    w         (O, C/groups, kh, kw)
    b         (O,) or None
    stride    an int for all axes, or one per axis; dilation, the distance of the taps, likewise
    padding   zeros around x: an int, one per axis, pairs ``((top, bottom), (left, right))``,
              "valid" (none) or "same" (y as large as x; stride 1 only; an odd zero goes to the end)
    groups    of the O filters the first O/groups read the first C/groups channels, and so on
    Returns (N, O, oh, ow), oh = floor((H + top + bottom - dilation*(kh - 1) - 1) / stride) + 1.

    Raises ShapeError also where no window fits, DtypeError unless all are of one floating dtype,
    ArgumentError for impossible parameters.
    """
    return _conv(2, x, w, b, stride, padding, dilation, groups)


@public
def conv3d(
    x: Any,
    w: Any,
    b: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Convolve x (N, C, D, H, W) with w (O, C/groups, kd, kh, kw): `conv2d` with three axes."""
    return _conv(3, x, w, b, stride, padding, dilation, groups)


@public
def conv_transpose1d(
    x: Any,
    w: Any,
    b: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """Transposed convolution of x (N, C, L) with w (C, O/groups, k): see `conv_transpose2d`."""
    return _conv_transpose(1, x, w, b, stride, padding, output_padding, groups, dilation)


@public
def conv_transpose2d(
    x: Any,
    w: Any,
    b: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The adjoint of `conv2d` in its input, as a layer: each pixel of x adds one filter to y.

    x         (N, C, H, W), or (C, H, W) for one image
    w         (C, O/groups, kh, kw): the weight of the convolution from y to x
    b         (O,) or None
    stride, padding, dilation, groups   those of that convolution; padding makes y smaller
    output_padding   rows and columns to add at bottom and right, less than the stride or the
              dilation: below the stride, of all the sizes that the convolution takes to the size of
              x, y has the smallest plus these
    Returns (N, O, oh, ow), oh = (H-1)*stride - top - bottom + dilation*(kh-1) + output_padding + 1.
    """
    return _conv_transpose(2, x, w, b, stride, padding, output_padding, groups, dilation)


@public
def conv_transpose3d(
    x: Any,
    w: Any,
    b: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """Transposed convolution of x (N, C, D, H, W): see `conv_transpose2d`."""
    return _conv_transpose(3, x, w, b, stride, padding, output_padding, groups, dilation)


@public
def conv1d_input_grad(
    input_size: Any,
    w: Any,
    gy: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of `conv1d` in x, of shape input_size: see `conv2d_input_grad`."""
    return _input_grad(1, input_size, w, gy, stride, padding, dilation, groups)


@public
def conv2d_input_grad(
    input_size: Any,
    w: Any,
    gy: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of ``conv2d(x, w, ...)`` in x, given gy, the gradient in its output.

    input_size   shape of x, (N, C, H, W)
    w, gy        (O, C/groups, kh, kw) and (N, O, oh, ow)
    The rest as in `conv2d`. (`torch.nn.grad.conv2d_input`)
    """
    return _input_grad(2, input_size, w, gy, stride, padding, dilation, groups)


@public
def conv3d_input_grad(
    input_size: Any,
    w: Any,
    gy: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of `conv3d` in x, of shape input_size: see `conv2d_input_grad`."""
    return _input_grad(3, input_size, w, gy, stride, padding, dilation, groups)


@public
def conv1d_weight_grad(
    x: Any,
    weight_size: Any,
    gy: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of `conv1d` in w, of shape weight_size: see `conv2d_weight_grad`."""
    return _weight_grad(1, x, weight_size, gy, stride, padding, dilation, groups)


@public
def conv2d_weight_grad(
    x: Any,
    weight_size: Any,
    gy: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of ``conv2d(x, w, ...)`` in w, given gy, the gradient in its output.

    x, gy         (N, C, H, W) and (N, O, oh, ow)
    weight_size   shape of w, (O, C/groups, kh, kw)
    The rest as in `conv2d`. (`torch.nn.grad.conv2d_weight`)
    """
    return _weight_grad(2, x, weight_size, gy, stride, padding, dilation, groups)


@public
def conv3d_weight_grad(
    x: Any,
    weight_size: Any,
    gy: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of `conv3d` in w, of shape weight_size: see `conv2d_weight_grad`."""
    return _weight_grad(3, x, weight_size, gy, stride, padding, dilation, groups)


def _conv(axes: int, x: Any, w: Any, b: Any, *how: Any) -> Tensor:
    label = f"conv{axes}d"
    x, one = batched(label, x, axes)
    w = tensor_of(label, "w", w)
    op = Conv.make(*_parameters(label, axes, "w", w.shape, *how))
    y = apply(op, x, w) if b is None else apply(op, x, w, b)
    return y.reshape(y.shape[1:]) if one else y


def _conv_transpose(
    axes: int,
    x: Any,
    w: Any,
    b: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: Any,
    dilation: Any,
) -> Tensor:
    label = f"conv_transpose{axes}d"
    x, one = batched(label, x, axes)
    w = tensor_of(label, "w", w)
    window, groups = _parameters(label, axes, "w", w.shape, stride, padding, dilation, groups)
    check_dtypes(label, x=x, w=w, b=None if b is None else tensor_of(label, "b", b))
    if x.shape[1] != w.shape[0]:
        raise ShapeError(f"{label}: x has {x.shape[1]} channels; w {w.shape} takes {w.shape[0]}")
    if b is not None and b.shape != (w.shape[1] * groups,):
        raise ShapeError(
            f"{label}: b has shape {b.shape}; w {w.shape} with groups={groups} makes "
            f"{w.shape[1] * groups} channels, so b must be ({w.shape[1] * groups},)"
        )
    extra = per_axis(label, "output_padding", output_padding, axes, least=0)
    limits = tuple(map(max, window.stride, window.dilation))
    if any(e >= most for e, most in zip(extra, limits, strict=True)):
        raise ArgumentError(
            f"{label}: output_padding={extra} must be less than stride={window.stride} or "
            f"dilation={window.dilation}"
        )
    for axis, (e, s) in enumerate(zip(extra, window.stride, strict=True), start=2):
        if e >= s:  # as if x went on with zeros
            more = (*x.shape[:axis], e // s, *x.shape[axis + 1 :])
            x = concat([x, zeros(more, dtype=x.dtype, device=x.device)], axis=axis)
    extra = tuple([e % s for e, s in zip(extra, window.stride, strict=True)])
    spatial = tuple(
        [
            covered + e - low - high
            for covered, e, (low, high) in zip(
                window.extent(x.shape[2:]), extra, window.padding, strict=True
            )
        ]
    )
    if min(spatial) < 1:
        raise ShapeError(
            f"{label}: x {x.shape} gives an output of size {spatial}, of which "
            f"padding={window.padding} leaves nothing; pad less"
        )
    y = apply(ConvInput.make(window, groups, spatial), x, w)
    if b is not None:
        y = apply(ADD_BIAS, y, tensor_of(label, "b", b))
    return y.reshape(y.shape[1:]) if one else y


def _input_grad(axes: int, input_size: Any, w: Any, gy: Any, *how: Any) -> Tensor:
    label = f"conv{axes}d_input_grad"
    size = _size(label, "input_size", input_size, axes)
    w, gy = tensor_of(label, "w", w), tensor_of(label, "gy", gy)
    window, groups = _parameters(label, axes, "w", w.shape, *how)
    wanted = (*gy.shape[:1], w.shape[1] * groups)
    if size[:2] != wanted:
        raise ShapeError(
            f"{label}: input_size={size}; gy {gy.shape} and w {w.shape} with groups={groups} "
            f"belong to {wanted} images and channels"
        )
    return apply(ConvInput.make(window, groups, size[2:]), gy, w)


def _weight_grad(axes: int, x: Any, weight_size: Any, gy: Any, *how: Any) -> Tensor:
    label = f"conv{axes}d_weight_grad"
    size = _size(label, "weight_size", weight_size, axes)
    x, gy = tensor_of(label, "x", x), tensor_of(label, "gy", gy)
    window, groups = _parameters(label, axes, "weight_size", size, *how)
    gw = apply(ConvWeight.make(window, groups), x, gy)
    if gw.shape != size:
        raise ShapeError(
            f"{label}: weight_size={size}; x {x.shape} and gy {gy.shape} with groups={groups} give "
            f"{gw.shape}"
        )
    return gw


def _parameters(
    label: str,
    axes: int,
    name: str,
    w: tuple[int, ...],
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
) -> tuple[Window, int]:
    if len(w) != 2 + axes:
        lead = "C, O/groups" if "transpose" in label else "O, C/groups"
        raise ShapeError(f"{label}: {name} has shape {w}; it takes {layout(axes, lead)}")
    window = Window.of(label, axes, w[2:], stride, padding, dilation)
    return window, per_axis(label, "groups", groups, 1)[0]


def batched(label: str, x: Any, axes: int) -> tuple[Tensor, bool]:
    """x as a batch, and whether it was one image: (C, *spatial) -> (1, C, *spatial)."""
    x = tensor_of(label, "x", x)
    if x.ndim == 1 + axes:
        return x.reshape((1, *x.shape)), True
    if x.ndim != 2 + axes:
        raise ShapeError(
            f"{label}: x has shape {x.shape}; it takes {layout(axes)}, "
            f"or {layout(axes, 'C')} for one image; reshape adds axes"
        )
    return x, False


def tensor_of(label: str, name: str, x: Any) -> Tensor:
    if isinstance(x, Tensor):
        return x
    if is_array(x):
        return wrap(x)
    raise unfit(label, name, x, "tensors and arrays")


def _size(label: str, name: str, size: Any, axes: int) -> tuple[int, ...]:
    try:
        shape = tuple([int(n) for n in size])
    except TypeError:
        shape = ()
    if len(shape) != 2 + axes or min(shape) < 0:
        raise ArgumentError(f"{label}: {name}={size!r}; wanted the {2 + axes} lengths of a shape")
    return shape
