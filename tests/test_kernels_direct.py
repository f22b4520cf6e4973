"""Kernels and headers launched directly: what no op's sample can give them, and optimizers'.

Products of sizes that pass 2^31 or 2^32 need arrays of gigabytes, unless only a few elements of
them are asked for: in 32 bits they would be undefined behaviour, which the simulator reports.
tools/mutate_kernels.py runs these cases, too.
"""

from pathlib import Path

import numpy as np
import pytest

import gpugraph as gg
from gpugraph.core.window import Window
from gpugraph.cuda.device import SimDevice
from gpugraph.cuda.geometry import window3
from gpugraph.cuda.kernel import Kernel
from gpugraph.ops import conv_direct, fused
from tests.test_fused import RULES, make
from tests.test_kernels import FewThreads, needs_simulator

FILE = Path(__file__).parent / "kernels" / "direct.cu"
FAR_THREADS = Kernel(FILE, "far_threads", "long long* first, long long* all")
FAR_PLACES = Kernel(
    FILE,
    "far_places",
    "const long long* i, const int* lengths, long long* plane, int* at, long long* back, "
    "long long* size",
)
BLOCK_TOTAL = Kernel(FILE, "block_total", "const float* x, float* y")

MANY = 2**16  # its square is no int
POINT = window3(Window.of("conv", 1, 1), (3,), (3,))  # one tap over three positions
# MANY taps, of which none lies on an array of one row
OUTSIDE = window3(Window.of("conv", 2, (1, MANY), padding=((1, 0), (0, 0))), (1, 3), (1, 3))
X = np.array([1, 2, 3], np.float32)
W = np.array([1, 10, 100, 1000], np.float32)


def far_threads(dev):
    first, everyone = dev.empty((32,), np.int64), dev.empty((32,), np.int64)
    dev.launch(FAR_THREADS, first, everyone, threads=32, block=32)
    return [first, everyone], [2**35 + np.arange(32), np.full(32, 2**35)]


def far_places(dev):
    lengths = 2000, 2001, 2002
    i = np.array([0, 2**31 - 1, 2**32 + 5, 2**35 + 2**33 + 7, 9 * 10**18])
    out = [dev.empty((5, *rest), t) for rest, t in (((), "q"), ((3,), "i"), ((), "q"), ((), "q"))]
    dev.launch(FAR_PLACES, i, np.array(lengths, np.int32), *out, threads=5, block=5)
    plane, at = np.divmod(i, np.prod(lengths))
    at = np.stack(np.unravel_index(at, lengths), axis=1).astype(np.int32)
    return out, [plane, at, i, np.full(5, np.prod(lengths))]


def block_total(dev):
    x, y = np.arange(1024, dtype=np.float32), dev.empty((1024,), np.float32)
    dev.launch(BLOCK_TOTAL, x, y, threads=1024, block=1024)
    return [y], [np.full(1024, 1023 * 512, np.float32)]


def the_first_of_many_channels(dev):
    y = dev.empty((4, 3), np.float32)
    sizes = (POINT, 1, MANY, MANY, 4)
    dev.launch(conv_direct.DIRECT, X, W, W, False, y, *sizes, grid=(4, 1), block=32)
    return [y], [np.outer(W, X)]


def many_taps_in_many_channels_that_see_padding_alone(dev):
    y = dev.empty((1, 3), np.float32)
    sizes = (OUTSIDE, MANY, 1, 1, 1)
    dev.launch(conv_direct.DIRECT, X, W, W, True, y, *sizes, grid=(1, 1), block=32)
    return [y], [np.full((1, 3), W[0])]


def many_taps_in_many_filters_that_no_window_has_on_the_array(dev):
    gx = dev.empty((1, 3), np.float32)
    sizes = (OUTSIDE, 1, MANY, 1, 1)
    dev.launch(conv_direct.DIRECT_INPUT, X, W, gx, *sizes, grid=(1, 1), block=32)
    return [gx], [np.zeros((1, 3), np.float32)]


def a_straight_activation(dev):
    gx = dev.empty((3,), np.float32)
    dev.launch(fused.GRAD, X, -X, gx, 0, 0.0, 3, threads=3)
    return [gx], [X]


def steps(rule, **options):
    """A few steps of an optimizer, by its kernel and by its NumPy rule; one parameter is inf."""

    @np.errstate(invalid="ignore")
    def case(dev):
        rng = np.random.default_rng(0)
        p = rng.standard_normal(300).astype(np.float32)
        p[7] = np.inf
        q = dev.own(p.copy())
        optimizer = make(rule, [gg.nn.Parameter(np.zeros(1))])
        group, here, there = optimizer.param_groups[0] | options, {}, {}
        for _ in range(3):
            g = rng.standard_normal(300).astype(np.float32)
            optimizer.update(np, p, g, here, group)
            optimizer.cuda(dev, q, dev.own(g), there, group)
        names = [name for name, value in here.items() if np.ndim(value)]
        return [q, *(there[n] for n in names)], [p, *(here[n] for n in names)]

    return case


CASES = {f"steps of {rule}": steps(rule) for rule in RULES}
CASES |= {
    f"steps of {rule} with decay 1": steps(rule, weight_decay=1)
    for rule in ("sgd decay", "nesterov", "adam decay")
}
CASES |= {
    function.__name__: function
    for function in (
        far_threads,
        far_places,
        block_total,
        the_first_of_many_channels,
        many_taps_in_many_channels_that_see_padding_alone,
        many_taps_in_many_filters_that_no_window_has_on_the_array,
        a_straight_activation,
    )
}


@needs_simulator
@pytest.mark.parametrize("dev", [SimDevice("fast"), SimDevice("check"), FewThreads("check")])
@pytest.mark.parametrize("name", CASES)
def test_launched_directly(name, dev):
    for got, want in zip(*CASES[name](dev), strict=True):
        np.testing.assert_array_equal(np.asarray(got), want, strict=True)
