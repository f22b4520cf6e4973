"""Oracles of gpugraph/ops/activation.py: Python's own arithmetic, element by element."""

import math

import numpy as np

from .elementwise import each


def relu(x):
    return x if math.isnan(x) else max(x, 0.0)


def relu6(x):
    return x if math.isnan(x) else min(max(x, 0.0), 6.0)


def leaky_relu(op, x):
    return each(lambda v: v if v > 0 else op.negative_slope * v)(op, x)


def elu(op, x):
    return each(lambda v: v if v > 0 else op.alpha * math.expm1(v))(op, x)


def relu_gradient(op, inputs, g):
    x = inputs[0]
    return (np.array([gi if xi > 0 or math.isnan(xi) else 0.0 for xi, gi in zip(x, g)]),)


def relu6_gradient(op, inputs, g):
    x = inputs[0]
    return (np.array([0.0 if xi <= 0 or xi >= 6 else gi for xi, gi in zip(x, g)]),)


def leaky_relu_gradient(op, inputs, g):
    x = inputs[0]
    return (np.array([gi * (1.0 if xi > 0 else op.negative_slope) for xi, gi in zip(x, g)]),)


def elu_gradient(op, inputs, g):
    x = inputs[0]
    return (np.array([gi * (1.0 if xi > 0 else op.alpha * np.exp(xi)) for xi, gi in zip(x, g)]),)


ORACLES = {
    "Relu": each(relu),
    "Relu6": each(relu6),
    "LeakyRelu": leaky_relu,
    "Elu": elu,
    "Sigmoid": each(lambda x: 0.5 * (1.0 + math.tanh(0.5 * x))),
}
GRADIENTS = {
    "Relu": relu_gradient,
    "Relu6": relu6_gradient,
    "LeakyRelu": leaky_relu_gradient,
    "Elu": elu_gradient,
}
