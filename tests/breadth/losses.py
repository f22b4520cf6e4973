"""Losses by their formulas for one element or one sample."""

import math

import numpy as np

import gpugraph.nn.functional as F
from tests import test_losses as by_hand

from .cases import RNG, Constant, case

ROOM = F
X, T, U = RNG.standard_normal((3, 4, 3))
SHARE, OTHER, POSITIVE = RNG.uniform(0.1, 0.9, (3, 4, 3))
SIGN = Constant(np.where(RNG.random((4, 3)) < 0.5, -1.0, 1.0))
ONES = Constant(np.array([1.0, -1.0, -1.0, 1.0]))
CLASSES, WEIGHT = np.array([1, 0, 2, 1]), np.array([0.5, 1.0, 2.0])


def mean(formula):
    """The mean of a formula over the elements."""

    def oracle(*arrays, **options):
        rows = zip(*(a.ravel().tolist() for a in arrays), strict=True)
        return np.array(math.fsum(formula(*row) for row in rows) / arrays[0].size)

    return oracle


def known(name):
    return mean(by_hand.ELEMENTS[name][1])


def distance(a, b, p=2.0):
    return np.array([math.fsum(abs(u - v + 1e-6) ** p) ** (1 / p) for u, v in zip(a, b)])


def triplet(a, p, n, **options):
    return np.maximum(distance(a, p) - distance(a, n) + 3.0, 0).mean()


def manhattan(a, b):
    return abs(a - b).sum(-1)


def multi_margin(x, target, p, margin):
    losses = [max(0, margin - row[t] + v) ** p / len(row)
              for row, t in zip(x, target) for c, v in enumerate(row) if c != t]  # fmt: skip
    return np.array(math.fsum(losses) / len(x))


def cosine_embedding(a, b, target, margin):
    alike = [by_hand.cosine(u, v) for u, v in zip(a, b)]
    return np.array([1 - c if t > 0 else max(0, c - margin) for c, t in zip(alike, target)]).mean()


CASES = {
    "mse_loss": case(known("mse"), X, T),
    "l1_loss": case(known("l1"), X, T),
    "smooth_l1_loss": case(known("smooth l1, beta"), X, T, beta=2.5),
    "huber_loss": case(known("huber"), X, T, delta=2.5),
    "binary_cross_entropy": case(known("binary, weight"), SHARE, OTHER, POSITIVE),
    "binary_cross_entropy_with_logits": case(
        known("logits, weights"), X, SHARE, OTHER, POSITIVE,
        via=lambda f, x, t, w, p: f(x, t, w, pos_weight=p)),
    "kl_div": case(known("kl"), X, SHARE),
    "poisson_nll_loss": case(known("poisson"), X, T),
    "gaussian_nll_loss": case(known("gaussian, full"), X, T, SHARE + 0.15, full=True, eps=0.1),
    "soft_margin_loss": case(known("soft margin"), X, SIGN),
    "hinge_embedding_loss": case(known("hinge"), X, SIGN, margin=0.7),
    "margin_ranking_loss": case(known("ranking"), X, T, SIGN, margin=0.7),
    "cross_entropy": case(
        by_hand.cross_entropy, X, CLASSES, WEIGHT, ignore_index=0, label_smoothing=0.3),
    "cross_entropy, shares": case(by_hand.cross_entropy, X, SHARE),
    "nll_loss": case(
        lambda *args, **o: by_hand.cross_entropy(*args, logits=False, **o), X, CLASSES, WEIGHT,
        reduction="none"),
    "multi_margin_loss": case(multi_margin, X, CLASSES, 2, 0.7),
    "multilabel_soft_margin_loss": case(
        mean(lambda x, t: by_hand.bce_logits(x, t)), X, Constant(np.eye(4, 3))),
    "cosine_similarity": case(
        lambda a, b, dim: (a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1)), X, T, -1),
    "cosine_embedding_loss": case(cosine_embedding, X, T, ONES, 0.3),
    "pairwise_distance": case(distance, X, T, 3.0),
    "triplet_margin_loss": case(triplet, X, T, U, margin=3.0),
    "triplet_margin_with_distance_loss": case(
        lambda a, p, n, **o: np.maximum(manhattan(a, p) - manhattan(a, n) + 2, 0).mean(), X, T, U,
        distance_function=manhattan, margin=2.0),
}  # fmt: skip
