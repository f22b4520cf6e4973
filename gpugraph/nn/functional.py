"""Networks' functions under PyTorch's names; each is documented where it is defined.

What has no name in PyTorch is added: the two adjoints of a convolution (`conv2d_input_grad`,
`conv2d_weight_grad`), which PyTorch keeps in `torch.nn.grad`, and `bias_act`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.errors import ArgumentError
from ..core.tensor import Tensor
from ..ops.activation import elu, leaky_relu, relu, relu6, sigmoid, softplus
from ..ops.angles import tanh
from ..ops.arrange import pad as _pad
from ..ops.bias_act import bias_act
from ..ops.conv_functions import (
    conv1d,
    conv1d_input_grad,
    conv1d_weight_grad,
    conv2d,
    conv2d_input_grad,
    conv2d_weight_grad,
    conv3d,
    conv3d_input_grad,
    conv3d_weight_grad,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from ..ops.dropout import dropout
from ..ops.linalg import linear
from ..ops.losses import cross_entropy, mse_loss, nll_loss, one_hot
from ..ops.norm_functions import batch_norm, batch_norm_act
from ..ops.pool_functions import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    global_avg_pool1d,
    global_avg_pool2d,
    global_avg_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from ..ops.shape import shape_of
from ..ops.softmax import log_softmax, softmax

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "batch_norm_act",
    "bias_act",
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
    "cross_entropy",
    "dropout",
    "elu",
    "global_avg_pool1d",
    "global_avg_pool2d",
    "global_avg_pool3d",
    "leaky_relu",
    "linear",
    "log_softmax",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "mse_loss",
    "nll_loss",
    "one_hot",
    "pad",
    "relu",
    "relu6",
    "sigmoid",
    "softmax",
    "softplus",
    "tanh",
]


def pad(x: Any, pad: Sequence[int], mode: str = "constant", value: float = 0.0) -> Tensor:
    """x with a frame of `value`; widths as in PyTorch, from the last axis on.

    pad  (before, after) of the last axis, then of the last but one, ...: (left, right, top, bottom)
    """
    shape = shape_of("pad", x)
    if not isinstance(pad, (tuple, list)) or len(pad) % 2 or len(pad) > 2 * len(shape):
        raise ArgumentError(
            f"pad: pad={pad!r} must be pairs (before, after), one for "
            f"each of the last axes of x {shape}"
        )
    pairs = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)]
    widths = [(0, 0)] * (len(shape) - len(pairs)) + pairs[::-1]
    return _pad(x, widths, mode, value)
