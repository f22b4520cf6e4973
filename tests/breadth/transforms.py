"""Derivatives of functions, where the function and its derivatives are known by formula."""

import numpy as np

import gpugraph as gg

from .cases import A, B, V, case

ROOM = gg.func


def number(x):
    """sum sin(x) + (sum x)^3: its Hessian is diag(-sin x) + 6 sum x."""
    return np.sin(x).sum() + x.sum() ** 3


def slope(x):
    return np.cos(x) + 3 * x.sum() ** 2


def curvature(x):
    return np.diag(-np.sin(x)) + 6 * x.sum()


def several(x):
    """(n,) -> (2 n,): its Jacobian stacks diag(cos x) over 2 outer(1, x)."""
    return gg.concat([np.sin(x), np.square(x).sum() + 0 * x])


def matrix(x):
    return np.concatenate([np.diag(np.cos(x)), np.broadcast_to(2 * x, (len(x), len(x)))])


def values(x):
    return np.concatenate([np.sin(x), np.full(len(x), np.square(x).sum())])


CASES = {
    "grad": case(slope, V, via=lambda grad, x: grad(number)(x)),
    "value_and_grad": case(lambda x: (number(x), slope(x)), V, via=lambda f, x: f(number)(x)),
    "hessian": case(curvature, V, via=lambda hessian, x: hessian(number)(x)),
    "hvp": case(lambda x, v: curvature(x) @ v, V, A[0], via=lambda hvp, x, v: hvp(number, x, v)),
    "jacobian": case(matrix, V, via=lambda jacobian, x: jacobian(several)(x)),
    "jacfwd": case(matrix, V, via=lambda jacfwd, x: jacfwd(several)(x)),
    "jvp": case(
        lambda x, v: (values(x), matrix(x) @ v), V, A[0], via=lambda f, x, v: f(several, [x], [v])
    ),
    "vjp": case(
        lambda x, g: (values(x), g @ matrix(x)), V, B.ravel()[:8],
        via=lambda vjp, x, g: [(both := vjp(several, x))[0], both[1](g)],
    ),
}  # fmt: skip
