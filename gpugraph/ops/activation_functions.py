"""Activation functions that are short compositions of other ops.

Those with an op of their own (relu, leaky_relu, elu, sigmoid, ...) are in activation.py. All take
floating tensors; NaN stays NaN. Where a function has a kink, its slope there is the one PyTorch
takes. `inplace` is there for code written for PyTorch: the result is a new tensor either way.
"""

from __future__ import annotations

from typing import Any

from ..core.apply import apply
from ..core.errors import ArgumentError, ShapeError
from ..core.methods import public
from ..core.tensor import Tensor
from .activation import check_floating, elu, relu6, sigmoid
from .angles import tanh
from .compare import where
from .creation import asarray
from .elementwise import abs, sign
from .input_activation import Gelu, GeluTanh, Hardswish, Mish, Silu, Softplus
from .join import split
from .powers import expm1, logaddexp
from .rounding import rounds_once
from .shape import axes_of, reshape, shape_of
from .softmax import softmax

__all__ = [
    "celu",
    "gelu",
    "glu",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "logsigmoid",
    "mish",
    "prelu",
    "selu",
    "silu",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanhshrink",
    "threshold",
]

# Klambauer et al. 2017: with these, means 0 and variances 1 reproduce themselves
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946
SILU, GELU, GELU_TANH, MISH, HARDSWISH = Silu(), Gelu(), GeluTanh(), Mish(), Hardswish()


def floating(label: str, x: Any, name: str = "x") -> Tensor:
    """x as a tensor; a DtypeError unless it is floating."""
    shape_of(label, x, name)
    x = x if isinstance(x, Tensor) else asarray(x)
    check_floating(label, x, name)
    return x


@rounds_once
def silu(x: Any, inplace: bool = False) -> Tensor:
    """x * sigmoid(x), elementwise, known as swish, too.

    Source: Elfwing, Uchibe, Doya 2017, arXiv:1702.03118; Ramachandran et al. 2017, 1710.05941.
    """
    return apply(SILU, floating("silu", x))


@rounds_once
def gelu(x: Any, approximate: str = "none") -> Tensor:
    """x times the probability that a standard normal number is less than x.

    approximate  "none": by the error function; "tanh": x sigmoid(2 u) with
                 u = sqrt(2/pi) (x + 0.044715 x^3), as GPT-2 has it; they differ by at most 5e-4
    Small results for negative x keep their digits. Source: Hendrycks, Gimpel 2016,
    arXiv:1606.08415.
    """
    x = floating("gelu", x)
    if approximate == "none":
        return apply(GELU, x)
    if approximate == "tanh":
        return apply(GELU_TANH, x)
    raise ArgumentError(f"gelu: approximate={approximate!r} must be 'none' or 'tanh'")


@rounds_once
def mish(x: Any, inplace: bool = False) -> Tensor:
    """x * tanh(log(1 + e^x)), elementwise. Source: Misra 2019, arXiv:1908.08681."""
    return apply(MISH, floating("mish", x))


@rounds_once
def selu(x: Any, inplace: bool = False) -> Tensor:
    """scale * elu(x, alpha), scale 1.0507 and alpha 1.6733: a layer keeps mean 0 and variance 1.

    Source: Klambauer, Unterthiner, Mayr, Hochreiter 2017, arXiv:1706.02515.
    """
    return SELU_SCALE * elu(floating("selu", x), SELU_ALPHA)


@rounds_once
def celu(x: Any, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where it is positive, alpha * (e^(x / alpha) - 1) elsewhere; alpha is not 0.

    The slope at 0 is 1 for any alpha. Source: Barron 2017, arXiv:1704.07483.
    """
    x = floating("celu", x)
    if not alpha:
        raise ArgumentError("celu: alpha=0 must not be 0; relu is the limit")
    positive = x > 0
    return where(positive, x, alpha * expm1(where(positive, 0, x) / alpha))


@rounds_once
def prelu(x: Any, weight: Any) -> Tensor:
    """x where it is positive, weight * x elsewhere, with a learned weight.

    x       (N, C, ...), or (C) or () with a single weight
    weight  one number for all, () or (1), or one per channel (C)
    The slope at 0 is the weight. Source: He, Zhang, Ren, Sun 2015, arXiv:1502.01852.
    """
    x, weight = floating("prelu", x), floating("prelu", weight, "weight")
    channels = x.shape[1] if x.ndim > 1 else 1
    if weight.ndim > 1 or weight.size not in (1, channels):
        raise ShapeError(
            f"prelu: weight {weight.shape} must be one number or one per channel of x {x.shape}: "
            f"({channels},)"
        )
    if weight.size != 1:
        weight = reshape(weight, (-1, *(1,) * (x.ndim - 2)))
    elif weight.ndim:
        weight = reshape(weight, ())
    positive = x > 0
    return where(positive, x, weight * where(positive, 0, x))


@rounds_once
def hardtanh(x: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x kept between min_val and max_val; the slope at both is 0 (that of `clip` is 1)."""
    x = floating("hardtanh", x)
    if not min_val <= max_val:
        raise ArgumentError(f"hardtanh: min_val={min_val} must be at most max_val={max_val}")
    return where(x <= min_val, min_val, where(x >= max_val, max_val, x))


@rounds_once
def hardsigmoid(x: Any, inplace: bool = False) -> Tensor:
    """relu6(x + 3) / 6: 0 up to -3, 1 from 3 on, a line between."""
    return relu6(floating("hardsigmoid", x) + 3) / 6


@rounds_once
def hardswish(x: Any, inplace: bool = False) -> Tensor:
    """x * relu6(x + 3) / 6. Source: Howard et al. 2019 (MobileNet v3), arXiv:1905.02244."""
    return apply(HARDSWISH, floating("hardswish", x))


@rounds_once
def hardshrink(x: Any, lambd: float = 0.5) -> Tensor:
    """x where |x| > lambd, 0 elsewhere."""
    x = floating("hardshrink", x)
    return where(abs(x) <= lambd, 0, x)


@rounds_once
def softshrink(x: Any, lambd: float = 0.5) -> Tensor:
    """x moved towards 0 by lambd, and 0 where |x| <= lambd; lambd is at least 0."""
    x = floating("softshrink", x)
    if not lambd >= 0:
        raise ArgumentError(f"softshrink: lambd={lambd} must be at least 0")
    return where(abs(x) <= lambd, 0, x - lambd * sign(x))


@rounds_once
def tanhshrink(x: Any) -> Tensor:
    """x - tanh(x), elementwise."""
    x = floating("tanhshrink", x)
    return x - tanh(x)


@rounds_once
def threshold(x: Any, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where it is above the threshold, `value` elsewhere."""
    x = floating("threshold", x)
    return where(x <= threshold, value, x)


@public
@rounds_once
def softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + e^(beta x)) / beta, elementwise, without overflow; its slope is sigmoid(beta x).

    threshold  where beta x is above it the result is x itself, as in PyTorch: 2e-9 too little at 20
    """
    x = floating("softplus", x)
    if not beta:
        raise ArgumentError("softplus: beta=0 must not be 0")
    return apply(Softplus.make(float(beta), float(threshold)), x)


@rounds_once
def logsigmoid(x: Any) -> Tensor:
    """log(sigmoid(x)) = -log(1 + e^-x), elementwise, without overflow at either end."""
    return -logaddexp(-floating("logsigmoid", x), 0)


@rounds_once
def softsign(x: Any) -> Tensor:
    """x / (1 + |x|), elementwise: between -1 and 1, with long tails."""
    x = floating("softsign", x)
    return x / (1 + abs(x))


def softmin(x: Any, dim: int = -1, dtype: Any = None) -> Tensor:
    """softmax(-x, dim): positive numbers that add up to 1, the largest where x is smallest.

    dtype  convert x to it first
    """
    return softmax(-floating("softmin", x), dim, dtype)


@rounds_once
def glu(x: Any, dim: int = -1) -> Tensor:
    """a * sigmoid(b) of the first and second half of x along the axis `dim`, of even length.

    Source: Dauphin, Fan, Auli, Grangier 2016, arXiv:1612.08083.
    """
    x = floating("glu", x)
    if not x.ndim:
        raise ShapeError("glu: x is 0-d; it needs an axis to halve")
    (axis,) = axes_of("glu", dim, x.shape)
    if x.shape[axis] % 2:
        raise ShapeError(f"glu: axis {dim} of x {x.shape} has odd length; it must be even")
    a, b = split(x, 2, axis)
    return a * sigmoid(b)
