"""What a case is, and the numbers that cases share."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Constant(NamedTuple):
    """An array of numbers that the function is not differentiated with respect to."""

    array: np.ndarray


class Case(NamedTuple):
    """A call of a public function, and who tells what it should give.

    want     the oracle: takes the same arguments as NumPy arrays
    args     arrays of floating or complex numbers among them, also in lists, are what the function
             is differentiated with respect to
    options  keywords: constants
    via      calls via(function, *args, **options), where the function gives no result to compare
    """

    want: Callable[..., Any]
    args: tuple[Any, ...]
    options: dict[str, Any]
    via: Callable[..., Any] | None

    def call(self, function, varied):
        """With these in place of the arrays that vary, in their order."""
        varied = iter(varied)
        args = with_arrays(self.args, lambda x: next(varied))
        if self.via is not None:
            return self.via(function, *args, **self.options)
        return function(*args, **self.options)

    def expected(self):
        return self.want(*with_arrays(self.args, lambda x: x), **self.options)

    @property
    def varied(self):
        found = []
        with_arrays(self.args, found.append)
        return found


def case(want, *args, via=None, **options):
    return Case(want, args, options, via)


def with_arrays(x, change):
    """Arguments with what `change` makes of their arrays that vary."""
    if isinstance(x, Constant):
        return x.array
    if isinstance(x, (list, tuple)):
        return type(x)([with_arrays(part, change) for part in x])
    return change(x) if isinstance(x, np.ndarray) and x.dtype.kind in "fc" else x


RNG = np.random.default_rng(11)
A = 0.1 * RNG.permutation(12).reshape(3, 4) - 0.53  # no two near each other, none near 0
B = 0.1 * RNG.permutation(12).reshape(3, 4) + 0.27
C = 0.1 * RNG.permutation(30).reshape(2, 3, 5) - 1.43
P = RNG.uniform(0.5, 1.5, (3, 4))
V = np.array([0.3, -0.7, 1.1, 0.8])
W = RNG.uniform(0.1, 1.0, 4)
Z = A[:2, :3] + 1j * B[1:, :3]
I = RNG.integers(-5, 6, (3, 4))  # noqa: E741
M = I > 0
N = A.copy()
N.flat[[1, 6, 9, 11]] = np.nan
S = np.array([-np.inf, -1.5, -0.0, 0.0, 1.0, np.inf, np.nan])  # not to be differentiated at
