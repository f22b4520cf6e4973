"""Functions that make arrays, tell about them, or differentiate."""

import numpy as np

import gpugraph as gg

from .cases import A, B, case

ROOM = gg


def in_float32(f):
    """NumPy's function with the dtype that ours have by default."""
    return lambda *args, **options: f(*args, **options).astype(np.float32)


def left_behind(backward, x):
    """What backward adds to the gradient of x, with a graph of its own."""
    x.requires_grad_()
    backward((x * x * x).sum(), create_graph=True)
    return x.grad


CASES = {
    "arange": case(np.arange, 1, 7, 2),
    "linspace": case(in_float32(np.linspace), 0.5, 2.0, 5, endpoint=False),
    "geomspace": case(in_float32(np.geomspace), 1.0, 8.0, 4),
    "logspace": case(in_float32(np.logspace), 0.0, 2.0, 3, base=3.0),
    "zeros": case(in_float32(np.zeros), (2, 3)),
    "ones": case(in_float32(np.ones), 3),
    "full": case(np.full, (2, 3), 0.1, dtype=np.float64),
    "eye": case(in_float32(np.eye), 3, 4, k=1),
    "tri": case(in_float32(np.tri), 3, 4, -1),
    "tril_indices": case(np.tril_indices, 3, 1, 4),
    "triu_indices": case(np.triu_indices, 4, -1, 3),
    "zeros_like": case(np.zeros_like, A),
    "ones_like": case(np.ones_like, A),
    "full_like": case(np.full_like, A, 0.3),
    "asarray": case(np.asarray, A),
    "tensor": case(np.array, A),
    "from_dlpack": case(np.array, A, via=lambda f, x: f(x.detach())),
    "one_hot": case(lambda x, n: np.eye(n, dtype=int)[x], np.array([2, 0, 1]), 4),
    "result_type": case(np.result_type, np.int32, np.float32),
    "can_cast": case(np.can_cast, np.float64, np.float32),
    "isdtype": case(np.isdtype, np.int32, "integral"),
    "finfo": case(
        lambda t: [float(np.finfo(t).eps), float(np.finfo(t).max)], np.float32,
        via=lambda f, t: [f(t).eps, f(t).max],
    ),
    "iinfo": case(
        lambda t: [np.iinfo(t).min, np.iinfo(t).max], np.int16,
        via=lambda f, t: [f(t).min, f(t).max],
    ),
    "grad": case(
        lambda x: np.cos(x) * x + np.sin(x), A,
        via=lambda grad, x: grad((np.sin(x.requires_grad_()) * x).sum(), x, create_graph=True)[0],
    ),
    "backward": case(lambda x: 3 * x**2, A, via=left_behind),
    "checkpoint": case(lambda f, x, y: x**3 * y, lambda x, y: x * x * x * y, A, B),
    "apply": case(np.exp, A, via=lambda apply, x: apply(gg.REGISTRY["Exp"].make(), x)),
}  # fmt: skip
