"""Oracles of gpugraph/ops/softmax.py: SciPy, and gradients as rows of explicit Jacobians."""

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
    """The gradient of a function of rows (the last axis, or axis 1 of two) from its Jacobian."""

    def gradient(op, inputs, g):
        with np.errstate(invalid="ignore"):
            p = special.softmax(inputs[0], axis=1)
        return (np.stack([gi @ jacobian(pi) for gi, pi in zip(g, p, strict=True)]),)

    return gradient


def cross_entropy_gradient(op, inputs, g):
    logits, target = inputs
    p = special.softmax(logits, axis=1)
    p[np.arange(len(target)), target] -= 1
    return p * g[:, None], None


ORACLES = {
    "Softmax": softmax,
    "LogSoftmax": log_softmax,
    "OneHot": one_hot,
    "CrossEntropy": cross_entropy,
}
GRADIENTS = {
    "Softmax": row_by_row(lambda p: np.diag(p) - np.outer(p, p)),
    "LogSoftmax": row_by_row(lambda p: np.eye(len(p)) - p),
    "CrossEntropy": cross_entropy_gradient,
}
