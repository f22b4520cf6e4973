"""Oracles of gpugraph/ops/softmax.py and losses.py: SciPy, and explicit Jacobians, row by row."""

import math

import numpy as np
from scipy import special


def softmax(op, x):
    with np.errstate(invalid="ignore"):
        return special.softmax(x, axis=op.axis) if x.size else x


def log_softmax(op, x):
    with np.errstate(invalid="ignore"):
        return x - special.logsumexp(x, axis=op.axis, keepdims=True) if x.size else x


def one_hot(op, target):
    return np.moveaxis(np.eye(op.classes, dtype=op.dtype)[target], -1, op.axis)


def cross_entropy(op, logits, target):
    log_probs = np.zeros(logits.shape)
    loss = np.zeros(target.shape)
    for n in np.ndindex(target.shape):
        row = (n[0], slice(None), *n[1:])
        log_probs[row] = logits[row] - special.logsumexp(logits[row])
        loss[n] = -log_probs[row][target[n]]
    return loss, log_probs


def row_by_row(jacobian):
    """The gradient of a function of the rows along an axis from its Jacobian."""

    def gradient(op, inputs, g):
        with np.errstate(invalid="ignore"):
            p = special.softmax(inputs[0], axis=op.axis)
        p, g = (np.moveaxis(a, op.axis, -1) for a in (p, g))
        gx = np.empty(p.shape)
        for row in np.ndindex(p.shape[:-1]):
            gx[row] = g[row] @ jacobian(p[row])
        return (np.moveaxis(gx, -1, op.axis),)

    return gradient


def cross_entropy_gradient(op, inputs, g):
    logits, target = inputs
    p = special.softmax(logits, axis=1)
    p[np.arange(len(target)), target] -= 1
    return p * g[:, None], None


def by_matrix(matrix):
    """A function of rows along op.axis of y that multiplies g by a matrix made of the row."""

    def product(op, y, g):
        out = np.empty(y.shape)
        rows, vectors, results = (np.moveaxis(a, op.axis, -1) for a in (y, g, out))
        for i in np.ndindex(rows.shape[:-1]):
            results[i] = matrix(rows[i]) @ vectors[i]
        return out

    return product


softmax_grad = by_matrix(lambda y: np.diag(y) - np.outer(y, y))
log_softmax_grad = by_matrix(lambda y: np.eye(len(y)) - np.outer(np.exp(y), np.ones(len(y))))


def softmax_grad_gradient(op, inputs, c):
    # of sum_ij c_i (y_i [i = j] - y_i y_j) g_j, with respect to y and g
    y, g = inputs
    gy = [ci * (gi - gi @ yi) - gi * (ci @ yi) for yi, gi, ci in zip(y, g, c, strict=True)]
    return np.stack(gy), softmax_grad(op, y, c)


def log_softmax_grad_gradient(op, inputs, c):
    y, g = inputs
    transposed = by_matrix(lambda y: np.eye(len(y)) - np.outer(np.ones(len(y)), np.exp(y)))
    return -c * np.exp(y) * np.array([[math.fsum(row)] for row in g]), transposed(op, y, c)


def cross_entropy_grad(op, log_probs, target, g):
    out = np.empty(log_probs.shape)
    for n, c, *s in np.ndindex(log_probs.shape):
        one = 1.0 if target[(n, *s)] == c else 0.0
        out[(n, c, *s)] = (math.exp(log_probs[(n, c, *s)]) - one) * g[(n, *s)]
    return out


def cross_entropy_grad_gradient(op, inputs, c):
    log_probs, target, g = inputs
    unit = cross_entropy_grad(op, log_probs, target, np.ones(g.shape))
    return c * np.exp(log_probs) * g[:, None], None, np.array([u @ v for u, v in zip(unit, c)])


def safe_log(p):
    return math.log(p) if p > 0 else -100.0


def binary_cross_entropy(op, x, target):
    pairs = zip(x.ravel(), target.ravel(), strict=True)
    losses = [-(t * safe_log(p) + (1 - t) * safe_log(1 - p)) for p, t in pairs]
    return np.array(losses).reshape(x.shape)


def binary_cross_entropy_gradient(op, inputs, g):
    x, target = inputs
    gx = [gi * (p - t) / max(p * (1 - p), 1e-12) for p, t, gi in zip(x, target, g, strict=True)]
    gt = [gi * (safe_log(1 - p) - safe_log(p)) for p, gi in zip(x, g, strict=True)]
    return np.array(gx), np.array(gt)


ORACLES = {
    "Softmax": softmax,
    "LogSoftmax": log_softmax,
    "OneHot": one_hot,
    "CrossEntropy": cross_entropy,
    "SoftmaxGrad": softmax_grad,
    "LogSoftmaxGrad": log_softmax_grad,
    "CrossEntropyGrad": cross_entropy_grad,
    "BinaryCrossEntropy": binary_cross_entropy,
}
GRADIENTS = {
    "Softmax": row_by_row(lambda p: np.diag(p) - np.outer(p, p)),
    "LogSoftmax": row_by_row(lambda p: np.eye(len(p)) - p),
    "CrossEntropy": cross_entropy_gradient,
    "SoftmaxGrad": softmax_grad_gradient,
    "LogSoftmaxGrad": log_softmax_grad_gradient,
    "CrossEntropyGrad": cross_entropy_grad_gradient,
    "BinaryCrossEntropy": binary_cross_entropy_gradient,
}
