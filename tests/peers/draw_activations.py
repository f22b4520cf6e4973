"""Argument sets of the activation functions."""

from .drawing import SHAPES, either, maybe, numbers

__all__ = ["ACTIVATIONS"]

INPLACE = {"inplace": [False, True]}


def elementwise(**options):
    def draw(rng):
        return (numbers(rng, either(rng, *SHAPES)),), maybe(rng, **options)

    return draw


def celu(rng):
    args, options = elementwise(alpha=[0.5, 2.0, -30.0], **INPLACE)(rng)
    if options.get("alpha", 1) < 0:  # PyTorch has no gradient in place then
        options.pop("inplace", 0)
    return args, options


def prelu(rng):
    shape = either(rng, *SHAPES)
    channels = shape[1] if len(shape) > 1 else 1
    return (numbers(rng, shape), numbers(rng, either(rng, (1,), (channels,)))), {}


def rrelu(rng):
    """In training only with one slope to draw."""
    options = maybe(rng, lower=[0.1, 0.25], upper=[0.25, 0.5], **INPLACE)
    if rng.random() < 0.3:
        options |= {"lower": 0.25, "upper": 0.25, "training": True}
    else:
        options |= maybe(rng, training=[False])
    return (numbers(rng, either(rng, (3, 5), (7,), ())),), options


def threshold(rng):
    x = numbers(rng, either(rng, *SHAPES))
    return (x, rng.uniform(-1, 1), rng.uniform(-9, 9)), maybe(rng, **INPLACE)


def glu(rng):
    cases = [((4,), 0), ((3, 6), 1), ((2, 3), 0), ((2, 3, 4), -1), ((2, 4, 3), 1), ((3, 2), -1)]
    shape, dim = either(rng, *cases)
    return (numbers(rng, shape),), {"dim": dim} if dim != -1 else maybe(rng, dim=[-1])


def softmax(rng):
    shape = either(rng, (3, 5), (7,), (2, 3, 4))
    options = maybe(rng, dtype=["float64", "float32"])
    if len(shape) > 2 or rng.random() < 2 / 3:  # left away it is the last axis, in PyTorch up to 2
        options["dim"] = int(rng.integers(-len(shape), len(shape)))
    return (numbers(rng, shape),), options


ACTIVATIONS = {
    "relu": elementwise(**INPLACE),
    "relu6": elementwise(**INPLACE),
    "leaky_relu": elementwise(negative_slope=[0.0, 0.2], **INPLACE),
    "elu": elementwise(alpha=[0.5, 2.0], **INPLACE),
    "selu": elementwise(**INPLACE),
    "celu": celu,
    "gelu": elementwise(approximate=["none", "tanh"]),
    "silu": elementwise(**INPLACE),
    "mish": elementwise(**INPLACE),
    "prelu": prelu,
    "hardtanh": elementwise(min_val=[-0.5, 0.0, -3.0], max_val=[0.25, 4.0], **INPLACE),
    "hardswish": elementwise(**INPLACE),
    "hardsigmoid": elementwise(**INPLACE),
    "hardshrink": elementwise(lambd=[0.0, 1.5, -1.0]),
    "softshrink": elementwise(lambd=[0.0, 1.5]),
    "sigmoid": elementwise(),
    "tanh": elementwise(),
    "tanhshrink": elementwise(),
    "softplus": elementwise(beta=[0.5, 3.0, -1.0], threshold=[1.0, 20.0]),
    "softsign": elementwise(),
    "threshold": threshold,
    "logsigmoid": elementwise(),
    "rrelu": rrelu,
    "softmin": softmax,
    "softmax": softmax,
    "log_softmax": softmax,
    "glu": glu,
}
