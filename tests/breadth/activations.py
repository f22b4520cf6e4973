"""Activations, number by number, and what turns rows into shares."""

import math

import numpy as np
from scipy import special

import gpugraph.nn.functional as F
from tests.test_activation_functions import CASES as SCALARS

from .cases import A, C, V, case

ROOM = F
X = np.array([-7.3, -3.2, -1.7, -0.8, -0.2, 0.4, 1.2, 2.6, 3.4, 6.9])  # away from all kinks


def each(f):
    """f(number, *others) of every number of an array."""
    return lambda x, *args, **_: np.reshape([f(v, *args) for v in x.ravel().tolist()], x.shape)


def scalar(name):
    return each(lambda v, *_: SCALARS[name][1](v))


CASES = {
    name: case(scalar(name), X)
    for name in (
        "relu6 silu gelu mish selu hardsigmoid hardswish tanhshrink softplus softsign logsigmoid"
    ).split()
}
CASES |= {
    "gelu, tanh": case(scalar("gelu tanh"), X, "tanh"),
    "celu": case(scalar("celu"), X, 0.5),
    "hardtanh": case(scalar("hardtanh"), X, -0.5, 2),
    "hardshrink": case(scalar("hardshrink"), X, 1.5),
    "softshrink": case(scalar("softshrink"), X, 1.5),
    "softplus, beta": case(scalar("softplus beta"), X, 0.5, threshold=1),
    "threshold": case(scalar("threshold"), X, 0.25, -7.0),
    "relu": case(each(lambda v: max(v, 0.0)), X),
    "leaky_relu": case(each(lambda v, a: v if v > 0 else a * v), X, 0.1),
    "elu": case(each(lambda v, a: v if v > 0 else a * math.expm1(v)), X, 0.5),
    "sigmoid": case(special.expit, X),
    "prelu": case(lambda x, w: np.where(x > 0, x, w[:, None] * x), C, V[:3]),
    "glu": case(lambda x, dim: x[:, :2] * special.expit(x[:, 2:]), A, 1),
    "softmax": case(special.softmax, C, 1, via=lambda f, x, axis: f(x, axis)),
    "log_softmax": case(special.log_softmax, C, 2),
    "softmin": case(lambda x, dim: special.softmax(-x, dim), C, 0),
    "bias_act": case(lambda x, b, act: np.tanh(x + b[:, None]), C, V[:3], "tanh"),
}
