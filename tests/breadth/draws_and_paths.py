"""Functions of networks that draw, and losses of several labels."""

import numpy as np
from scipy import special

import gpugraph.nn.functional as F
from gpugraph.ops.random import Generator
from tests.test_ctc import by_paths
from tests.test_nn_gaps import multilabel_margin

from .cases import RNG, A, case

ROOM = F
X = np.array([-7.3, -3.2, -1.7, -0.8, -0.2, 0.4, 1.2, 2.6, 3.4, 6.9])
LABELS = np.array([[1, 3, -1, 0], [2, -1, -1, -1], [0, 1, 2, -1]])


def gumbel(x, tau, dim):
    u = Generator(5).uniform(0.0, 1.0, x.shape, np.float64).numpy()
    return special.softmax((x - np.log(-np.log1p(-u))) / tau, axis=dim)


def ctc(log_probs, targets, steps, sizes):
    losses = [by_paths(log_probs[:n, i], targets[i, :s], 0) / s
              for i, (n, s) in enumerate(zip(steps, sizes))]  # fmt: skip
    return np.array(np.mean(losses))


CASES = {
    "rrelu": case(lambda x: np.where(x > 0, x, 11 / 48 * x), X),
    "rrelu, in training": case(
        lambda x, *_: np.where(x > 0, x, 0.25 * x), X, 0.25, 0.25, True),
    "gumbel_softmax": case(
        gumbel, A, tau=2.0, dim=0, via=lambda f, x, **o: f(x, generator=Generator(5), **o)),
    "multilabel_margin_loss": case(
        lambda x, t: np.mean([multilabel_margin(*row) for row in zip(x, t)]), A, LABELS),
    "ctc_loss": case(
        ctc, special.log_softmax(RNG.standard_normal((4, 2, 3)), -1),
        np.array([[1, 2], [2, 2]]), (4, 3), (2, 2)),
}  # fmt: skip
