"""Oracles of gpugraph/ops/norm.py and norm_functions.py: one channel at a time, in Python."""

import math
import statistics

import numpy as np


def of(vector, c, default):
    return default if vector is None else float(vector[c])


def normalised(channel, mean, var, eps, weight, bias):
    out = np.empty(channel.shape)
    for i in np.ndindex(channel.shape):
        out[i] = (channel[i] - mean) / math.sqrt(var + eps) * weight + bias
    return out


def batch_norm(op, x, weight, bias):
    y, means, variances = np.empty(x.shape), np.zeros(x.shape[1]), np.zeros(x.shape[1])
    for c in range(x.shape[1] if x.size else 0):
        channel = x[:, c]
        means[c] = statistics.fmean(channel.ravel())
        squares = [(v - means[c]) ** 2 for v in channel.ravel().tolist()]
        variances[c] = math.fsum(squares) / len(squares)
        spread = means[c], variances[c], op.eps
        y[:, c] = normalised(channel, *spread, of(weight, c, 1.0), of(bias, c, 0.0))
    return y, means, variances


def batch_norm_eval(op, x, var, mean, weight, bias):
    y = np.empty(x.shape)
    for c in range(x.shape[1]):
        spread = of(mean, c, 0.0), var[c], op.eps
        y[:, c] = normalised(x[:, c], *spread, of(weight, c, 1.0), of(bias, c, 0.0))
    return y


def batch_norm_params(op, gy, x, var, mean):
    gweight, gbias = np.zeros(x.shape[1]), np.zeros(x.shape[1])
    for c in range(x.shape[1]):
        g = gy[:, c].ravel().tolist()
        h = normalised(x[:, c], of(mean, c, 0.0), var[c], op.eps, 1.0, 0.0).ravel().tolist()
        gweight[c] = math.fsum(a * b for a, b in zip(g, h, strict=True))
        gbias[c] = math.fsum(g)
    return gweight, gbias


def batch_norm_input(op, gy, x, var, mean, gweight, gbias, weight):
    gx = np.empty(x.shape)
    for c in range(x.shape[1]):
        root = math.sqrt(var[c] + op.eps)
        for i in np.ndindex(x[:, c].shape):
            h = (x[:, c][i] - mean[c]) / root
            rest = (gbias[c] + h * gweight[c]) / x[:, c].size
            gx[:, c][i] = of(weight, c, 1.0) / root * (gy[:, c][i] - rest)
    return gx


# name of the activation's class -> value, and derivative at z
ACTS = {
    "NoneType": (lambda z: z, lambda z: 1.0),
    "Relu": (lambda z: z if z != z else max(z, 0.0), lambda z: 0.0 if z <= 0 else 1.0),
    "LeakyRelu": (lambda z: z if z > 0 else 0.1 * z, None),
    "Elu": (lambda z: z if z > 0 else 0.5 * math.expm1(z), None),
    "Sigmoid": (lambda z: 0.5 * (1.0 + math.tanh(0.5 * z)), None),
    "Tanh": (math.tanh, None),
}


def before_the_activation(op, x, var, mean, weight, bias, residual):
    with np.errstate(invalid="ignore"):
        z = batch_norm_eval(op, x, var, mean, weight, bias)
        return z if residual is None else z + residual


def batch_norm_act(op, *inputs):
    value, _ = ACTS[type(op.act).__name__]
    z = before_the_activation(op, *inputs)
    return np.array([value(v) for v in z.ravel().tolist()]).reshape(z.shape)


def batch_norm_act_gradient(op, inputs, g):
    _, derivative = ACTS[type(op.act).__name__]
    z = before_the_activation(op, *inputs)
    gz = g * np.array([derivative(v) for v in z.ravel().tolist()]).reshape(z.shape)
    gx = batch_norm_eval(op, gz, inputs[1], None, inputs[3], None)
    return gx, None, None, None, None, gz


def batch_norm_gradient(op, inputs, g):
    """With the matrix of derivatives of the values of a channel with respect to each other."""
    x, weight, _ = inputs
    _, mean, var = batch_norm(op, *inputs)
    gx = np.empty(x.shape)
    gweight, gbias = batch_norm_params(op, g, x, var, mean)
    for c in range(x.shape[1]):
        h = normalised(x[:, c], mean[c], var[c], op.eps, 1.0, 0.0).ravel()
        matrix = np.eye(h.size) - (1.0 + np.outer(h, h)) / h.size
        scaled = weight[c] / math.sqrt(var[c] + op.eps) * matrix
        gx[:, c] = (g[:, c].ravel() @ scaled).reshape(gx[:, c].shape)
    return gx, gweight, gbias


def batch_norm_params_gradient(op, inputs, c):
    """Of gweight alone."""
    gy, x, var, mean = inputs
    gweight, gbias = batch_norm_params(op, *inputs)
    gvar = [-0.5 * k * w / (v + op.eps) for k, w, v in zip(c, gweight, var, strict=True)]
    gmean = [-k * b / math.sqrt(v + op.eps) for k, b, v in zip(c, gbias, var, strict=True)]
    ggy = batch_norm_eval(op, x, var, mean, c, None)
    gx = batch_norm_eval(op, gy, var, None, c, None)
    return ggy, gx, np.array(gvar), np.array(gmean)


ORACLES = {
    "BatchNorm": batch_norm,
    "BatchNormEval": batch_norm_eval,
    "BatchNormParams": batch_norm_params,
    "BatchNormInput": batch_norm_input,
    "BatchNormAct": batch_norm_act,
}
GRADIENTS = {
    "BatchNormAct": batch_norm_act_gradient,
    "BatchNorm": batch_norm_gradient,
    "BatchNormParams": batch_norm_params_gradient,
}
