"""Oracles of gpugraph/ops/bias_act.py: Python's own arithmetic, element by element."""

import math

import numpy as np

from .activation import relu, relu6


def scalar(act):
    """The activation of one number, and its derivative there."""
    if act is None:
        return (lambda v: v), (lambda v: 1.0)
    slope = getattr(act, "negative_slope", getattr(act, "alpha", 0.0))
    return {
        "relu": (relu, lambda v: 0.0 if v <= 0 else 1.0),
        "relu6": (relu6, lambda v: 0.0 if v <= 0 or v >= 6 else 1.0),
        "leaky_relu": (lambda v: max(v, slope * v), lambda v: 1.0 if v > 0 else slope),
        "elu": (
            lambda v: v if v > 0 else slope * (math.exp(v) - 1),
            lambda v: 1.0 if v > 0 else slope * math.exp(v),
        ),
        "sigmoid": (
            lambda v: 1 / (1 + math.exp(-v)),
            lambda v: 1 / (2 + math.exp(v) + math.exp(-v)),
        ),
        "tanh": (math.tanh, lambda v: 1 / math.cosh(v) ** 2),
    }[act.label]


def bias_act(op, x, b=None):
    f, _ = scalar(op.act)
    y = np.empty(x.shape)
    for i in np.ndindex(x.shape):
        y[i] = f(x[i] + (0.0 if b is None else b[i[1]]))
    return y


def bias_act_gradient(op, inputs, g):
    x, b = inputs
    _, slope_at = scalar(op.act)
    gx, gb = np.empty(x.shape), np.zeros(b.shape)
    for i in np.ndindex(x.shape):
        gx[i] = g[i] * slope_at(x[i] + b[i[1]])
        gb[i[1]] += gx[i]
    return gx, gb


def activation_grad(op, g, y):
    """By the derivative at the x that gives y; for the y of samples that is told by bisection."""
    f, slope_at = scalar(op.act)
    out = np.empty(g.shape)
    for i in np.ndindex(g.shape):
        slope = slope_at(inverse(f, y[i]))
        out[i] = g[i] * slope if slope else 0.0  # not infinity times 0
    return out


def inverse(f, y, low=-50.0, high=50.0):
    if math.isnan(y):
        return y
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if f(middle) < y else (low, middle)
    return high


def channel_sum(op, x):
    y = np.zeros(x.shape[1])
    for i in np.ndindex(x.shape):
        y[i[1]] += x[i]
    return y


def activation_grad_gradient(op, inputs, g):
    """Between its jumps it is constant in y; of elu it is (y + alpha) g up to 0."""
    bends = op.act.label == "elu" and inputs[1] <= 0
    return activation_grad(op, g, inputs[1]), np.where(bends, g * inputs[0], 0)


ORACLES = {
    "AddBias": bias_act,
    "BiasAct": bias_act,
    "ActivationGrad": activation_grad,
    "ChannelSum": channel_sum,
}
GRADIENTS = {"BiasAct": bias_act_gradient, "ActivationGrad": activation_grad_gradient}
