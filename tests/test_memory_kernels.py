"""What compiled kernels are said to take, beside what they take; and how results lie in memory."""

import threading
import tracemalloc

import numpy as np
import pytest

from gpugraph.analysis.blank import Blanks, blank, is_blank
from gpugraph.analysis.kernels import Planner
from gpugraph.core.op import REGISTRY
from gpugraph.core.window import Window
from gpugraph.cpu.layout import strides_like
from gpugraph.ops.activation import Relu
from gpugraph.ops.avg_pool import AvgPool, AvgPoolInput
from gpugraph.ops.bias_act import ADD_BIAS, CHANNEL_SUM
from gpugraph.ops.conv import Conv, ConvInput, ConvWeight
from gpugraph.ops.fused import ActivationGrad
from gpugraph.ops.linalg import LINEAR, MATMUL
from gpugraph.ops.losses import CrossEntropy, CrossEntropyGrad
from gpugraph.ops.norm import BatchNormEval, BatchNormInput, BatchNormParams
from gpugraph.ops.norm_functions import BatchNorm
from gpugraph.ops.pool import MaxPool, PoolGather, PoolScatter
from gpugraph.ops.reduce import Mean
from gpugraph.ops.softmax import LogSoftmaxGrad, Softmax
from tests.cpu import channels_last, lib, narrow  # noqa: F401 (fixtures)
from tests.test_cpu_conv import draw

SMALL = 3000  # bytes of Python's own: arrays without their numbers, lists


def blanks(arrays):
    """Arrays that lie as these do, without data."""
    return [None if a is None else blank_like(a) for a in arrays]


def blank_like(a):
    pages = blank((max(1, 2 * a.nbytes + 64 * a.itemsize),), np.uint8)
    first = sum(-s * (n - 1) for s, n in zip(a.strides, a.shape) if s < 0 and n)
    return np.ndarray(a.shape, a.dtype, pages, first, a.strides)


def in_a_new_thread(f):
    """What f gives, in a thread that no kernel has been called by."""
    results = []
    thread = threading.Thread(target=lambda: results.append(f()))
    thread.start()
    thread.join()
    return results[0]


def check(lib, op, *arrays):  # noqa: F811
    """Room, copies, and how the results lie, of one call."""
    planner = Planner(lib)
    planned = planner.plan(op, blanks(arrays))

    def run():
        op.cpu(lib, *arrays)  # what is made of the sizes stays
        tracemalloc.start()
        try:
            base = tracemalloc.get_traced_memory()[0]
            made = op.cpu(lib, *arrays)
            return made, tracemalloc.get_traced_memory()[1] - base, lib.held_here
        finally:
            tracemalloc.stop()

    made, most, took = in_a_new_thread(run)
    assert (made is None) == (planned is None)
    if made is None:
        return
    outs = made if isinstance(made, tuple) else (made,)
    likes, copies = planned
    for y, like in zip(outs, likes, strict=True):
        assert (y.shape, y.dtype) == (like.shape, like.dtype)
        assert y.strides == like.strides or y.size < 2
    if lib.threads == 1:
        assert took == planner.arena
    else:  # the others may have done all jobs that there were
        assert planner.own <= took <= planner.own + planner.mine <= planner.arena
    assert abs(most - copies - sum(y.nbytes for y in outs)) < SMALL


@pytest.mark.parametrize("seed", range(30))
def test_convolutions(lib, seed):  # noqa: F811
    rng = np.random.default_rng([seed, 11])
    window, groups, x, w = draw(rng)
    if seed % 5 == 0:  # a filter for each channel
        x, w, groups = (x[0], 21, *x[2:]), (21, 1, *w[2:]), 21
    if seed % 5 == 1:  # after Winograd
        window = Window((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1))
        x, w, groups = (4, 17 + seed, 13, 9), (40 - seed, 17 + seed, 3, 3), 1
    dtype = ["float32", "float64"][seed // 2 % 2]
    lie = channels_last if seed % 3 else np.asarray
    gy = (x[0], w[0], *window.out(x[2:]))
    x, w, gy = (lie(rng.standard_normal(shape).astype(dtype)) for shape in (x, w, gy))
    check(lib, Conv(window, groups), x, w)
    check(lib, Conv(window, groups), x, w, np.ones(len(w), dtype))
    check(lib, ConvInput(window, groups, x.shape[2:]), gy, w)
    check(lib, ConvWeight(window, groups), x, gy)


def test_convolutions_cut_into_rows(lib):  # noqa: F811
    window = Window((5, 3), (1, 1), ((1, 2), (1, 1)), (1, 1))
    x, w = channels_last(np.ones((2, 500, 23, 21), "f")), np.ones((50, 500, 5, 3), "f")
    gy = channels_last(np.ones((2, 50, *window.out(x.shape[2:])), "f"))
    check(lib, Conv(window), x, w)
    check(lib, ConvWeight(window), x, gy)


@pytest.mark.parametrize("lie", [np.asarray, channels_last])
@pytest.mark.parametrize("shape", [(5, 3, 17, 23), (2, 33, 9, 8), (40, 16, 32, 32), (1, 3, 70, 90)])
def test_the_others(lib, shape, lie):  # noqa: F811
    rng = np.random.default_rng(12)
    x = lie(rng.standard_normal(shape).astype("f"))
    for size, stride, low in ((2, 2, 0), (3, 2, 1), (2, 1, 0)):
        window = Window((size,) * 2, (stride,) * 2, ((low, low),) * 2, (1, 1))
        pool, mean = MaxPool(window), AvgPool(window)
        y, offset = pool.forward(np, x)
        y = np.ascontiguousarray(y)
        check(lib, pool, x)
        check(lib, PoolScatter(window, shape[2:]), y, offset)
        check(lib, PoolGather(window), x, offset)
        check(lib, mean, x)
        check(lib, AvgPoolInput(mean, shape[2:]), y)
    gy = x[::-1].copy(order="K")
    ones = np.ones(shape[1], "f")
    check(lib, BatchNorm(1e-5), x, ones, ones)
    check(lib, BatchNormEval(1e-5), x, ones, ones, ones, None)
    check(lib, BatchNormParams(1e-5), gy, x, ones, ones)
    check(lib, BatchNormInput(1e-5), np.ascontiguousarray(gy), x, *[ones] * 5)
    check(lib, ADD_BIAS, x, ones)
    check(lib, CHANNEL_SUM, x)
    check(lib, Relu(), x)
    check(lib, ActivationGrad(Relu()), np.ascontiguousarray(gy), x)
    check(lib, Mean((2, 3), False), x)
    check(lib, Softmax(1), x)
    check(lib, LogSoftmaxGrad(1), x, np.ascontiguousarray(gy))
    target = rng.integers(0, shape[1], (shape[0], *shape[2:])).astype(np.int32)
    check(lib, CrossEntropy(), x, target)
    check(lib, CrossEntropyGrad(), x, target, target.astype("f"))


def test_products(lib):  # noqa: F811
    rng = np.random.default_rng(13)
    a, b = rng.standard_normal((70, 130)).astype("f"), rng.standard_normal((130, 50)).astype("f")
    check(lib, MATMUL, a, b)
    check(lib, MATMUL, np.asfortranarray(a), b)
    check(lib, MATMUL, np.asfortranarray(a), b[:, ::2])
    check(lib, LINEAR, a, np.ascontiguousarray(b.T), np.ones(50, "f"))


@pytest.mark.parametrize("name", [n for n, op in REGISTRY.items() if op.view])
def test_views_are_told_from_copies(name):
    rng = np.random.default_rng(14)
    for sample in REGISTRY[name].samples(rng):
        for lie in (np.asarray, np.asfortranarray, lambda a: a[::-1]):
            xs = [lie(x) if np.ndim(x) else np.asarray(x) for x in sample.inputs]
            if any(a.shape != np.shape(b) for a, b in zip(xs, sample.inputs)):
                continue
            made, like = sample.op.forward(np, *xs), sample.op.lies(*blanks(xs))
            outs = made if isinstance(made, tuple) else (made,)
            likes = like if isinstance(like, tuple) else (like,) * len(outs)
            for y, it in zip(outs, likes, strict=True):
                if y.size:
                    assert is_blank(it) == np.may_share_memory(y, xs[0]), (sample, lie)
                    assert not is_blank(it) or it.strides == y.strides or y.size < 2


def test_results_lie_as_they_are_said_to():
    """NumPy's, of images that lie in either way."""
    rng = np.random.default_rng(15)
    window = Window((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1))
    for lie in (np.asarray, channels_last):
        for C, groups in ((3, 1), (40, 1), (40, 40)):
            x = lie(rng.standard_normal((2, C, 8, 6)).astype("f"))
            w, ones = np.ones((C, C // groups, 3, 3), "f"), np.ones(C, "f")
            pool = MaxPool(window)
            y, offset = pool.forward(np, x)
            for op, *arrays in (
                (Conv(window, groups), x, w), (ConvInput(window, groups, (8, 6)), x, w),
                (pool, x), (PoolScatter(window, (8, 6)), y, offset),
                (PoolGather(window), x, offset), (AvgPool(window), x), (BatchNorm(1e-5), x, ones),
                (BatchNormInput(1e-5), x, x, *[ones] * 5), (Relu(), x), (REGISTRY["Add"](), x, x),
                (ActivationGrad(Relu()), x, x), (REGISTRY["Add"](), x, np.ascontiguousarray(x)),
            ):  # fmt: skip
                made = op.forward(np, *arrays)
                y0 = made[0] if isinstance(made, tuple) else made
                like = op.lies(*blanks(arrays))
                assert strides_like(like, y0.shape, y0.itemsize) == y0.strides, op


def test_blank_arrays_take_nothing_and_cannot_be_written_to():
    tracemalloc.start()
    huge = blank((1 << 20, 1 << 20), np.float64, np.empty((3, 2)).T)
    assert tracemalloc.get_traced_memory()[1] < SMALL
    tracemalloc.stop()
    assert huge.strides == (8, 8 << 20) and huge[-1, -1] == 0 and is_blank(huge[5:, ::2].T)
    with pytest.raises(ValueError, match="read-only"):
        huge[0, 0] = 1
    assert not is_blank(np.zeros(3)) and not is_blank(None)


def test_a_module_of_blank_arrays_counts_what_lives():
    xp = Blanks()
    a = xp.empty((10, 3), np.float32)
    assert xp.ascontiguousarray(a) is a
    b = xp.ascontiguousarray(a.T)
    assert b.flags.c_contiguous and xp.most == 240
    del b
    xp.empty_like(a, np.float64)
    assert xp.most == 120 + 240 and xp.sqrt is np.sqrt


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_on_processors_with_narrower_vectors(narrow, dtype):  # noqa: F811
    before, narrow.threads = narrow.threads, 1
    try:
        rng = np.random.default_rng(16)
        for _ in range(8):
            window, groups, x, w = draw(rng)
            gy = np.ones((x[0], w[0], *window.out(x[2:])), dtype)
            check(narrow, Conv(window, groups), np.ones(x, dtype), np.ones(w, dtype))
            check(narrow, ConvWeight(window, groups), np.ones(x, dtype), gy)
    finally:
        narrow.threads = before
