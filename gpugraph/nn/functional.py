"""Networks' functions under PyTorch's names; each is documented where it is defined.

What has no name in PyTorch is added: the two adjoints of a convolution (`conv2d_input_grad`,
`conv2d_weight_grad`), which PyTorch keeps in `torch.nn.grad`, and `bias_act`.
"""

from __future__ import annotations

from .. import ops
from ..ops.activation import elu, leaky_relu, relu, relu6, sigmoid
from ..ops.activation_functions import (
    celu,
    gelu,
    glu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    logsigmoid,
    mish,
    prelu,
    selu,
    silu,
    softmin,
    softplus,
    softshrink,
    softsign,
    tanhshrink,
    threshold,
)
from ..ops.angles import tanh
from ..ops.attention import *
from ..ops.bias_act import bias_act
from ..ops.class_losses import (
    cross_entropy,
    multi_margin_loss,
    multilabel_margin_loss,
    nll_loss,
)
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
from ..ops.ctc import *
from ..ops.distances import *
from ..ops.dropout import dropout
from ..ops.dropout_kinds import *
from ..ops.embedding import *
from ..ops.grid_sample import *
from ..ops.interpolate import *
from ..ops.linalg import linear
from ..ops.losses import one_hot
from ..ops.margin_losses import (
    cosine_embedding_loss,
    cosine_similarity,
    hinge_embedding_loss,
    margin_ranking_loss,
    pairwise_distance,
    soft_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from ..ops.norm_functions import batch_norm, batch_norm_act
from ..ops.norm_layers import *
from ..ops.padding import *
from ..ops.pool_adaptive import *
from ..ops.pool_functions import (
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
from ..ops.random_functions import *
from ..ops.rearrange import *
from ..ops.softmax import log_softmax, softmax
from ..ops.unfold import *
from ..ops.unpool import *
from ..ops.value_losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    gaussian_nll_loss,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    multilabel_soft_margin_loss,
    poisson_nll_loss,
    smooth_l1_loss,
)

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "batch_norm_act",
    "bias_act",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
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
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "dropout",
    "elu",
    "gaussian_nll_loss",
    "gelu",
    "global_avg_pool1d",
    "global_avg_pool2d",
    "global_avg_pool3d",
    "glu",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsigmoid",
    "margin_ranking_loss",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "mish",
    "mse_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "one_hot",
    "pairwise_distance",
    "poisson_nll_loss",
    "prelu",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]
__all__ += ops.attention.__all__
__all__ += ops.ctc.__all__
__all__ += ops.distances.__all__
__all__ += ops.dropout_kinds.__all__
__all__ += ops.embedding.__all__
__all__ += ops.grid_sample.__all__
__all__ += ops.interpolate.__all__
__all__ += ops.norm_layers.__all__
__all__ += ops.padding.__all__
__all__ += ops.pool_adaptive.__all__
__all__ += ops.random_functions.__all__
__all__ += ops.rearrange.__all__
__all__ += ops.unfold.__all__
__all__ += ops.unpool.__all__
