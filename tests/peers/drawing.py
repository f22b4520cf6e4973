"""How arguments are drawn. A draw is a function of a generator that gives (args, options)."""

import numpy as np

__all__ = ["REDUCTIONS", "SHAPES", "coin", "either", "integer", "lengths", "maybe", "numbers"]

SHAPES = [(3, 5), (7,), (), (2, 3, 4), (1, 1), (0, 4)]
REDUCTIONS = ("mean", "sum", "none")


def maybe(rng, **options):
    """Each option with a chance of two in three, drawn from its list."""
    return {k: v[rng.integers(len(v))] for k, v in options.items() if rng.random() < 2 / 3}


def numbers(rng, shape, size=3.0):
    return np.asarray(rng.standard_normal(shape) * size)


def either(rng, *choices):
    return choices[rng.integers(len(choices))]


def coin(rng):
    return bool(rng.integers(2))


def integer(rng, low, high):
    """From low to high, both included."""
    return int(rng.integers(low, high + 1))


def lengths(rng, low, high, n):
    return tuple(integer(rng, low, high) for _ in range(n))
