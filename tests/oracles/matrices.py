"""Oracles of solve.py, factors.py and singular.py: elimination and sums by hand; SciPy with other
LAPACK drivers than NumPy's for eigenvalues and singular values, the signs of whose vectors, which
nothing fixes, are taken from NumPy's."""

import itertools

import numpy as np
import scipy.linalg


def batched(function):
    """The oracle that applies a function of matrices to each of a batch."""

    def oracle(op, *inputs):
        batch = np.broadcast_shapes(*(x.shape[:-2] for x in inputs))
        inputs = [np.broadcast_to(x, batch + x.shape[-2:]) for x in inputs]
        results = [function(*(x[i] for x in inputs)) for i in np.ndindex(batch)]
        several = isinstance(results[0], tuple)
        columns = zip(*results, strict=True) if several else [results]
        stacked = tuple(np.stack(c).reshape(batch + np.shape(c[0])) for c in columns)
        return stacked if several else stacked[0]

    return oracle


def eliminate(a, b):
    """Gauss and Jordan, with the largest pivot."""
    a, b = a.copy(), b.copy()
    for k in range(len(a)):
        p = k + np.argmax(abs(a[k:, k]))
        a[[k, p]], b[[k, p]] = a[[p, k]], b[[p, k]]
        a[k], b[k] = a[k] / a[k, k], b[k] / a[k, k]
        for i in range(len(a)):
            if i != k:
                a[i], b[i] = a[i] - a[i, k] * a[k], b[i] - a[i, k] * b[k]
    return b


def determinant(a):
    """Leibniz's sum over all permutations."""
    total = 0.0
    for order in itertools.permutations(range(len(a))):
        sign = (-1) ** sum(i > j for i, j in itertools.combinations(order, 2))
        total += sign * np.prod([a[i, j] for i, j in enumerate(order)])
    return total


def cofactors(a):
    out = np.zeros(a.shape)
    for i, j in np.ndindex(a.shape):
        minor = np.delete(np.delete(a, i, 0), j, 1)
        out[i, j] = (-1) ** (i + j) * determinant(minor)
    return out


def slogdet(a):
    d = determinant(a)
    return np.sign(d), np.log(abs(d))


def cholesky(a):
    """Banachiewicz, row by row."""
    a, y = (a + a.T) / 2, np.zeros(a.shape)
    for i in range(len(a)):
        for j in range(i + 1):
            rest = a[i, j] - y[i, :j] @ y[j, :j]
            y[i, j] = rest**0.5 if i == j else rest / y[j, j]
    return y


def qr(a):
    """Gram and Schmidt, twice for precision."""
    signs = np.sign(np.diagonal(np.linalg.qr(a)[1]))
    k = min(a.shape)
    q = np.zeros((len(a), k))
    for j in range(k):
        v = a[:, j] - q @ (q.T @ a[:, j])
        v -= q @ (q.T @ v)
        q[:, j] = signs[j] * v / (v @ v) ** 0.5
    return q, np.triu(q.T @ a)


def signed(columns, like):
    return columns * np.sign((columns * like).sum(axis=0))


def eigh(a):
    w, v = scipy.linalg.eigh((a + a.T) / 2, driver="ev")
    return w, signed(v, np.linalg.eigh((a + a.T) / 2)[1])


def svd(a):
    if not a.size:
        return np.zeros((len(a), 0)), np.zeros(0), np.zeros((0, a.shape[1]))
    u, s, vh = scipy.linalg.svd(a, full_matrices=False, lapack_driver="gesvd")
    theirs = np.linalg.svd(a, full_matrices=False)
    return signed(u, theirs[0]), s, signed(vh.T, theirs[2].T).T


def pinv(op, x):
    """All samples have full rank: the inverse of the smaller Gram matrix does."""

    def one(a):
        if len(a) >= a.shape[1]:
            return eliminate(a.T @ a, a.T)
        return eliminate(a @ a.T, a).T

    return batched(one)(op, x)


ORACLES = {
    "Solve": batched(eliminate),
    "Inv": batched(lambda a: eliminate(a, np.eye(len(a), dtype=a.dtype))),
    "Det": batched(determinant),
    "Cofactors": batched(cofactors),
    "Slogdet": batched(slogdet),
    "Cholesky": batched(cholesky),
    "Qr": batched(qr),
    "Eigh": batched(eigh),
    "Eigvalsh": batched(lambda a: eigh(a)[0]),
    "Svd": batched(svd),
    "Svdvals": batched(lambda a: svd(a)[1]),
    "Pinv": pinv,
}
