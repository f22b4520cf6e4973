"""Linear algebra: elimination and sums by hand, as for the ops."""

import numpy as np

import gpugraph as gg
from tests.oracles import matrices as hand

from .cases import RNG, A, B, C, P, V, case

ROOM = gg.linalg
X = RNG.standard_normal((3, 3)) + 3 * np.eye(3)
D = X @ X.T / 4 + np.eye(3)  # positive definite
T = RNG.standard_normal((4, 3))


def power(x, n):
    x = x if n > 0 else hand.eliminate(x, np.eye(len(x)))
    y = np.eye(len(x))
    for _ in range(abs(n)):
        y = y @ x
    return y


def symmetric(f, x):
    """f reads one triangle of its argument, and we vary both."""
    return f((x + x.mT) / 2)


def normal(a, b):
    """The normal equations, and the squared lengths of what they leave."""
    y = hand.eliminate(a.T @ a, a.T @ b)
    return y, ((a @ y - b) ** 2).sum(0)


def squares(factors):
    """Eigenvectors and singular vectors have no sign."""
    return [f * f for f in factors]


def norms(x, axis, order):
    """p-norms along one axis, number by number."""
    size = np.abs(np.moveaxis(x, axis, -1))
    return (size**order).sum(-1) ** (1 / order)


CASES = {
    "det": case(hand.determinant, X),
    "slogdet": case(hand.slogdet, -X),
    "inv": case(lambda x: hand.eliminate(x, np.eye(3)), X),
    "solve": case(hand.eliminate, X, RNG.standard_normal((3, 2))),
    "solve_triangular": case(
        lambda a, b, upper: hand.eliminate(np.triu(a), b),
        X, RNG.standard_normal((3, 2)), upper=True,
    ),
    "lstsq": case(normal, T, A.T[:, :2], via=lambda lstsq, a, b: lstsq(a, b)[:2]),
    "pinv": case(lambda x: hand.pinv(None, x), T),
    "cholesky": case(lambda x: hand.cholesky(x), D, via=symmetric),
    "eigh": case(
        lambda x: squares(hand.eigh(x)), D, via=lambda f, x: squares(symmetric(f, x))
    ),
    "eigvalsh": case(lambda x: hand.eigh(x)[0], D, via=symmetric),
    "qr": case(hand.qr, T),
    "svd": case(
        lambda x: squares(hand.svd(x)), A.T + T[:, :1] * V[:3],
        via=lambda svd, x: squares(svd(x, full_matrices=False)),
    ),
    "svdvals": case(lambda x: hand.svd(x)[1], T),
    "cond": case(lambda x: (s := hand.svd(x)[1])[0] / s[-1], X),
    "cond, 1": case(
        lambda x, p: abs(x).sum(0).max() * abs(power(x, -1)).sum(0).max(), X, 1
    ),
    "matrix_rank": case(lambda x: np.array(1), V[:, None] * V),
    "matrix_norm": case(lambda x: np.sqrt((x * x).sum((-2, -1))), C),
    "matrix_norm, nuclear": case(lambda x, ord: hand.svd(x)[1].sum(), T, ord="nuc"),
    "vector_norm": case(lambda x, axis, ord: norms(x, axis, ord), C, axis=1, ord=3),
    "norm": case(lambda x, ord, axis: norms(x, axis, ord), P, 1.5, 0),
    "norm, spectral": case(lambda x, ord: hand.svd(x)[1][0], T, 2),
    "matrix_power": case(power, X / 3, 5),
    "matrix_power, inverse": case(power, X, -3),
    "multi_dot": case(lambda m: m[0] @ m[1] @ m[2], [A, T, X]),
    "cross": case(
        lambda x, y: np.roll(x, -1, 1) * np.roll(y, -2, 1) - np.roll(x, -2, 1) * np.roll(y, -1, 1),
        A[:, :3], B[:, 1:],
    ),
    "diagonal": case(
        lambda x, offset: np.stack([x[:, i, i + 1] for i in range(3)], -1), C, offset=1
    ),
    "trace": case(lambda x, offset: x[:, 1, 0] + x[:, 2, 1], C, offset=-1),
}  # fmt: skip
