"""Oracles of gpugraph/ops/group_norm.py: one row at a time, in exact sums of Python's floats."""

import math

import numpy as np


def rows_of(op, shape):
    """(example, group, its channels) of each row."""
    size = shape[1] // op.groups
    for n in range(shape[0]):
        for k in range(op.groups):
            yield n, k, range(k * size, (k + 1) * size)


def average(values):
    values = list(values)
    return math.fsum(values) / len(values) if values else 0.0


def places(x, channels):
    """Indices behind the example: (channel, *position)."""
    return [(c, *at) for c in channels for at in np.ndindex(x.shape[2:])]


def of(vector, c, default):
    return default if vector is None else float(vector[c])


def norm(op, x, weight, bias, about_zero):
    y = np.empty(x.shape)
    means, variances = np.zeros((len(x), op.groups)), np.zeros((len(x), op.groups))
    for n, k, channels in rows_of(op, x.shape):
        at = places(x, channels)
        mean = 0.0 if about_zero else average(x[n][i] for i in at)
        var = average((x[n][i] - mean) ** 2 for i in at)
        for i in at:
            h = (x[n][i] - mean) / math.sqrt(var + op.eps)
            y[n][i] = h * of(weight, i[0], 1.0) + of(bias, i[0], 0.0)
        means[n, k], variances[n, k] = mean, var
    return y, means, variances


def group_norm(op, x, weight, bias):
    return norm(op, x, weight, bias, False)


def rms_norm(op, x, weight):
    y, _, square = norm(op, x, weight, None, True)
    return y, square


def group_norm_grad(op, gy, x, var, mean, weight):
    gx, gweight, gbias = np.empty(x.shape), np.zeros(x.shape[1]), np.zeros(x.shape[1])
    for n, k, channels in rows_of(op, x.shape):
        at = places(x, channels)
        root, centre = math.sqrt(var[n, k] + op.eps), 0.0 if mean is None else mean[n, k]
        h = {i: (x[n][i] - centre) / root for i in at}
        u = {i: gy[n][i] * of(weight, i[0], 1.0) for i in at}
        mean_u = 0.0 if mean is None else average(u.values())
        mean_uh = average(u[i] * h[i] for i in at)
        for i in at:
            gx[n][i] = (u[i] - mean_u - h[i] * mean_uh) / root
            gweight[i[0]] += gy[n][i] * h[i]
            gbias[i[0]] += gy[n][i]
    return gx, gweight, gbias


def group_norm_gradient(op, inputs, g):
    """With the matrix of derivatives of the numbers of a row with respect to each other."""
    x, weight, _ = inputs
    _, means, variances = group_norm(op, *inputs)
    _, gweight, gbias = group_norm_grad(op, g, x, variances, means, weight)
    gx = np.empty(x.shape)
    for n, k, channels in rows_of(op, x.shape):
        at = places(x, channels)
        root = math.sqrt(variances[n, k] + op.eps)
        h = np.array([(x[n][i] - means[n, k]) / root for i in at])
        u = np.array([g[n][i] * of(weight, i[0], 1.0) for i in at])
        matrix = (np.eye(h.size) - (1.0 + np.outer(h, h)) / h.size) / root
        for i, v in zip(at, u @ matrix, strict=True):
            gx[n][i] = v
    return gx, gweight, gbias


ORACLES = {"GroupNorm": group_norm, "RmsNorm": rms_norm, "GroupNormGrad": group_norm_grad}
GRADIENTS = {"GroupNorm": group_norm_gradient}
