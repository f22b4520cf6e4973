"""Argument sets of the losses and distances."""

import math

import numpy as np

from .drawing import REDUCTIONS, SHAPES, either, maybe, numbers

__all__ = ["LOSSES"]


def reductions(rng, **options):
    return maybe(rng, reduction=REDUCTIONS, **options)


def pair(target, **options):
    """x and a target made from draws of its shape."""

    def draw(rng):
        shape = either(rng, *SHAPES)
        options_ = {k: v(rng, shape) if callable(v) else v for k, v in options.items()}
        return (numbers(rng, shape), target(rng, shape)), reductions(rng, **options_)

    return draw


def classified(rng, names):
    """Scores, classes for them, and options of these names."""
    shape = either(rng, (4, 3), (2, 5, 3), (1, 2, 3, 2), (6,), (3, 1), (0, 3))
    C = shape[1] if len(shape) > 1 else shape[0]
    there = (shape[0], *shape[2:]) if len(shape) > 1 else ()
    target = rng.integers(0, C, there)
    options = reductions(
        rng,
        weight=[rng.uniform(0.1, 2, C)],
        ignore_index=[-100, 0, C - 1, 255],
        label_smoothing=[0.1, 0.5, 1.0],
    )
    options = {k: v for k, v in options.items() if k in names}
    ignored = options.get("ignore_index", -100)
    if "ignore_index" in names and (rng.random() < 0.3 or ignored == 255):
        target = np.where(rng.random(there) < 0.4, ignored, target)
    return numbers(rng, shape), target, options


def cross_entropy(rng):
    x, target, options = classified(rng, {"weight", "ignore_index", "label_smoothing", "reduction"})
    if rng.random() < 0.3:
        target = rng.uniform(0, 1, x.shape)
        options.pop("ignore_index", 0)
    return (x, target), options


def nll_loss(rng):
    x, target, options = classified(rng, {"weight", "ignore_index", "reduction"})
    return (x, target), options


def multi_margin_loss(rng):
    while True:
        x, target, options = classified(rng, {"weight", "reduction"})
        if x.ndim < 3 and x.size:  # PyTorch reads beyond the end of an empty batch
            return (x, target), options | maybe(rng, p=[1, 2], margin=[0.3, 2.0])


def probabilities(rng, shape):
    return np.asarray(rng.uniform(0, 1, shape))


def signs(rng, shape):
    return np.asarray(rng.choice([-1.0, 1.0], shape))


def per_element(rng, shape):
    return [np.asarray(rng.uniform(0.1, 2, shape))]


def broadcast_weights(rng, shape):
    return [np.asarray(rng.uniform(0.1, 2, s)) for s in (shape, shape[-1:])]


def binary_cross_entropy(rng):
    shape = either(rng, *SHAPES)
    xs = probabilities(rng, shape), probabilities(rng, shape)
    return xs, reductions(rng, weight=broadcast_weights(rng, shape))


def kl_div(rng):
    shape = either(rng, *SHAPES)
    x, target = numbers(rng, shape), probabilities(rng, shape)
    options = maybe(rng, reduction=(*REDUCTIONS, "batchmean"), log_target=[False, True])
    if not shape or not shape[0]:  # a division by 0 there, the sum here
        options.pop("reduction", 0)
    return (x, target), options


def poisson_nll_loss(rng):
    shape = either(rng, *SHAPES)
    options = reductions(rng, log_input=[False, True], full=[False, True], eps=[1e-3, 0.1])
    x = np.asarray(rng.uniform(0.1, 4, shape))
    return (x, np.asarray(rng.integers(0, 9, shape), float)), options


def gaussian_nll_loss(rng):
    shape = either(rng, (3, 5), (7,), (2, 3, 4))
    shapes = [shape, shape[:-1], (*shape[:-1], 1)]
    var = rng.uniform(0, 0.3, shapes[rng.integers(3)]) if rng.random() < 0.8 else 0.7
    options = reductions(rng, full=[False, True], eps=[0.1, 1e-3])
    return (numbers(rng, shape), numbers(rng, shape), var), options


def cosine_similarity(rng):
    shapes = [((3, 5), (3, 5), 1), ((3, 5), (1, 5), 0), ((4,), (4,), 0), ((2, 3, 4), (3, 4), -1)]
    a, b, dim = shapes[rng.integers(len(shapes))]
    options = maybe(rng, eps=[1e-3, 1e-8])
    if dim != 1 or rng.random() < 0.5:
        options["dim"] = dim
    return (numbers(rng, a), numbers(rng, b)), options


def pairwise_distance(rng):
    a, b = [((3, 5), (3, 5)), ((4,), (4,)), ((3, 5), (1, 5))][rng.integers(3)]
    p = [0.5, 1.0, 2.0, 3.0, math.inf]
    options = maybe(rng, p=p, eps=[1e-6, 0.1], keepdim=[False, True])
    return (numbers(rng, a), numbers(rng, b)), options


def multilabel_margin_loss(rng):
    shape = either(rng, (4, 3), (5,), (1, 1), (3, 6))
    return (numbers(rng, shape), rng.integers(-1, shape[-1], shape)), reductions(rng)


def pdist(rng):
    x = numbers(rng, either(rng, (5, 3), (2, 4), (1, 2), (4, 1)))
    return (x,), maybe(rng, p=[0.5, 1.0, 2.0, 3.0, math.inf])


def cdist(rng):
    a, b = either(rng, ((5, 3), (4, 3)), ((2, 1, 3, 2), (4, 5, 2)), ((1, 1), (2, 1)))
    # without products, whose roots of differences have half of the digits
    plain = "donot_use_mm_for_euclid_dist"
    options = maybe(rng, p=[0.5, 1.0, 2.0, 3.0, math.inf])
    options |= maybe(rng, compute_mode=[plain, plain, "use_mm_for_euclid_dist_if_necessary"])
    return (numbers(rng, a), numbers(rng, b)), options


def cosine_embedding_loss(rng):
    shape = either(rng, (4, 3), (5,))
    xs = (numbers(rng, shape), numbers(rng, shape))
    return (*xs, signs(rng, shape[:-1])), reductions(rng, margin=[0.5, -0.2])


def margin_ranking_loss(rng):
    shape = either(rng, *SHAPES)
    xs = (numbers(rng, shape), numbers(rng, shape))
    return (*xs, signs(rng, shape)), reductions(rng, margin=[0.5, 2.0])


def triplet_margin_loss(rng):
    shape = either(rng, (4, 3), (5,), (2, 3, 4))
    xs = [numbers(rng, shape, 1.0) for _ in range(3)]
    options = reductions(
        rng, margin=[0.5, 2.0], p=[1.0, 2.0, 3.0], eps=[1e-6, 0.1], swap=[False, True]
    )
    return tuple(xs), options


def triplet_margin_with_distance_loss(rng):
    xs = [numbers(rng, (4, 3), 1.0) for _ in range(3)]
    distance = [lambda a, b: (a - b).sum(1) ** 2, lambda a, b: (a * b).sum(-1)]
    options = reductions(rng, distance_function=distance, margin=[0.5, 2.0], swap=[False, True])
    return tuple(xs), options


def multilabel_soft_margin_loss(rng):
    shape = either(rng, (4, 3), (5,), (2, 3, 4))
    options = reductions(rng, weight=[rng.uniform(0.1, 2, shape[-1])])
    return (numbers(rng, shape), probabilities(rng, shape)), options


LOSSES = {
    "cross_entropy": cross_entropy,
    "nll_loss": nll_loss,
    "multi_margin_loss": multi_margin_loss,
    "multilabel_margin_loss": multilabel_margin_loss,
    "pdist": pdist,
    "cdist": cdist,
    "mse_loss": pair(numbers, weight=per_element),
    "l1_loss": pair(numbers, weight=per_element),
    "smooth_l1_loss": pair(numbers, beta=[0.0, 0.5, 3.0]),
    "huber_loss": pair(numbers, delta=[0.5, 3.0], weight=per_element),
    "binary_cross_entropy": binary_cross_entropy,
    "binary_cross_entropy_with_logits": pair(
        probabilities, weight=broadcast_weights, pos_weight=broadcast_weights
    ),
    "kl_div": kl_div,
    "poisson_nll_loss": poisson_nll_loss,
    "gaussian_nll_loss": gaussian_nll_loss,
    "cosine_similarity": cosine_similarity,
    "pairwise_distance": pairwise_distance,
    "cosine_embedding_loss": cosine_embedding_loss,
    "hinge_embedding_loss": pair(signs, margin=[0.5, 3.0]),
    "margin_ranking_loss": margin_ranking_loss,
    "soft_margin_loss": pair(signs),
    "triplet_margin_loss": triplet_margin_loss,
    "triplet_margin_with_distance_loss": triplet_margin_with_distance_loss,
    "multilabel_soft_margin_loss": multilabel_soft_margin_loss,
}
