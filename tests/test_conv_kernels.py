"""Convolution on CUDA kernels: which are used, in how much memory, cut into which parts, how large.

That each agrees with NumPy on the samples is tested in tests/test_kernels.py.
"""

import tracemalloc
from math import prod
from types import SimpleNamespace

import numpy as np
import pytest

import gpugraph as gg
from gpugraph.core import backend
from gpugraph.core.window import Window
from gpugraph.cuda import device, sim
from gpugraph.cuda.kernel import wide
from gpugraph.ops import conv_direct, conv_layer
from gpugraph.ops.conv import Conv, ConvInput, ConvWeight
from gpugraph.testing.tolerance import epsilon
from tests.oracles import conv as oracle

needs_simulator = pytest.mark.skipif(sim.why_not() is not None, reason=f"needs {sim.why_not()}")

KINDS = {  # groups, x, w, then stride, padding, dilation
    "dense": (1, (3, 4, 5, 6), (5, 4, 3, 2), (2, 1), ((1, 0), (0, 2))),
    "dense, more windows than terms": (1, (3, 2, 6, 7), (3, 2, 2, 2), 1, 1),
    "pointwise": (1, (3, 4, 3, 2), (5, 4, 1, 1)),
    "pointwise, strided": (1, (3, 4, 3, 2), (5, 4, 1, 1), 2),
    "wide groups": (2, (3, 32, 4, 3), (6, 16, 2, 2)),
    "narrow groups": (2, (3, 6, 4, 5), (4, 3, 3, 2), 1, (1, 0), (1, 2)),
    "depthwise": (3, (3, 3, 6, 5), (6, 1, 3, 3), (2, 1), 1),
    "depthwise, many taps": (2, (3, 2, 7, 8), (2, 1, 6, 5), (1, 2), 2),
}


def ops_of(groups, x, w, *how):
    """The three ops of that layer, the shapes of their inputs, and their oracles."""
    window = Window.of("conv", len(x) - 2, w[2:], *how)
    y = (x[0], w[0], *window.out(x[2:]))
    return (
        (Conv(window, groups), (x, w), oracle.conv),
        (ConvInput(window, groups, x[2:]), (y, w), oracle.conv_input),
        (ConvWeight(window, groups), (x, y), oracle.conv_weight),
    )


def run(dev, op, arrays):
    return np.asarray(op.cuda(dev, *(np.array(a).view(backend.SimArray) for a in arrays)))


def drawn(shapes, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def close(got, want, terms):
    assert got.shape == want.shape
    bound = gg.testing.tolerance(np.float64, terms) * (1 + np.abs(want).max(initial=0))
    np.testing.assert_allclose(got, want, rtol=0, atol=bound)


# Which kernels

USED = {  # forward, with bias, input gradient, weight gradient
    "dense": ["im2col", "im2col add_bias", "col2im", "im2row"],
    "dense, more windows than terms": ["im2col", "im2col add_bias", "col2im", "im2row sum_slabs"],
    "pointwise": ["", "add_bias", "", "im2row sum_slabs"],
    "pointwise, strided": ["im2col", "im2col add_bias", "col2im", "im2row"],
    "wide groups": ["im2col", "im2col add_bias", "col2im", "im2row"],
    "narrow groups": ["direct", "direct", "direct_input", "direct_weight_9 sum_slabs"],
    "depthwise": ["direct", "direct", "direct_input", "direct_weight_9 sum_slabs"],
    "depthwise, many taps": ["direct", "direct", "direct_input", "direct_weight_27 sum_slabs"],
}


class Blank(device.LaunchDevice):
    """Launches and multiplies nothing: what is left is the memory, and a list of what was done."""

    def __init__(self):
        self.xp = SimpleNamespace(
            ndarray=np.ndarray,
            empty=np.zeros,
            ascontiguousarray=np.ascontiguousarray,
            matmul=self.matmul,
        )
        self.launched, self.products = [], []

    def matmul(self, a, b, out):
        assert a.shape[-1] == b.shape[-2]
        shape = (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1])
        assert out.shape == shape
        self.products.append((a.shape, b.shape))

    def _launch(self, kernel, *rest):
        self.launched.append(kernel.name)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_layer_has_its_kernels(kind):
    forward, *adjoints = ops_of(*KINDS[kind])
    calls = [forward[:2], (forward[0], (*forward[1], forward[1][1][:1]))]
    calls += [case[:2] for case in adjoints]
    for (op, shapes), used in zip(calls, USED[kind], strict=True):
        dev = Blank()
        op.cuda(dev, *drawn(shapes, np.float32))
        assert dev.launched == used.split(), op
        direct = "direct" in used
        assert len(dev.products) == (0 if direct else 1)  # of all groups and images at once
        half = Blank()
        op.cuda(half, *drawn(shapes, np.float16))
        rounding = ["add_bias"] if type(op) is Conv and not direct else []
        assert half.launched == [k for k in used.split() if k != "add_bias"] + rounding


# How much memory

LARGE = {
    "512 channels of 7x7": (1, (32, 512, 7, 7), (512, 512, 3, 3), 1, 1),
    "64 channels of 28x28": (1, (8, 64, 28, 28), (64, 64, 3, 3), 1, 1),
    "pointwise": (1, (8, 128, 28, 28), (64, 128, 1, 1)),
    "wide groups": (4, (8, 64, 28, 28), (64, 16, 3, 3), 1, 1),
}


def memory_of(op, arrays, limit):
    """Bytes at the peak besides inputs and result, as NumPy allocates them."""
    dev = Blank()
    with gg.cuda.workspace_limit(limit):
        tracemalloc.start()
        try:
            result = op.cuda(dev, *arrays)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    return peak - result.nbytes, len(dev.products)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("kind", LARGE)
def test_the_workspace_limit_holds_for_all_that_is_allocated(kind, dtype, bias):
    slack = 20_000  # Python's own objects
    for op, shapes, _ in ops_of(*LARGE[kind]):
        if bias and type(op) is not Conv:
            continue
        shapes = (*shapes, shapes[1][:1]) if bias else shapes
        arrays = [np.zeros(shape, dtype) for shape in shapes]
        ones = [a if type(op) is not ConvWeight and i else a[:1] for i, a in enumerate(arrays)]
        whole, products = memory_of(op, arrays, 1 << 40)
        one, _ = memory_of(op, ones, 1)
        assert products == 1
        # more than one part of the weight gradient also needs a place for what is added
        weight = prod(LARGE[kind][2]) * wide(np.dtype(dtype)).itemsize
        least = one + (weight if type(op) is ConvWeight else 0)
        for limit in (1, (least + whole) // 2, whole + slack):
            used, products = memory_of(op, arrays, limit)
            assert used <= max(limit, least) + slack
            assert (products == 1) == (limit > whole or whole < one + slack)


def test_a_weight_gradient_contracts_over_images_and_windows_at_once():
    """For 512 channels in and out, and 3x3, there are 9 MB of weights, in one product of 28 MB."""
    op, shapes, _ = ops_of(*LARGE["512 channels of 7x7"])[2]
    dev = Blank()
    op.cuda(dev, *(np.empty(shape, np.float32) for shape in shapes))
    assert dev.products == [((1, 512, 32 * 49), (1, 32 * 49, 512 * 9))]


@pytest.mark.parametrize(
    "change,error,text",
    [
        (lambda a, b, out: (a.swapaxes(1, 2).copy().swapaxes(1, 2), b, out), gg.ArgumentError,
         "gemm: a is not C-contiguous; use dev.contiguous"),
        (lambda a, b, out: (a, b, out[:, :, ::2]), gg.ArgumentError, "gemm: out is not C-contig"),
        (lambda a, b, out: (a, b.astype(np.float64), out), gg.DtypeError,
         "gemm: float32 @ float64 -> float32; all float32 or float64"),
        (lambda a, b, out: (a.astype(np.float16), b.astype(np.float16), out.astype(np.float16)),
         gg.DtypeError, "gemm: float16 @ float16 -> float16; all float32 or float64"),
    ],
)  # fmt: skip
def test_products_that_cupy_would_copy_for_are_refused(change, error, text):
    arrays = [np.ones(shape, np.float32) for shape in ((2, 3, 4), (2, 4, 6), (2, 3, 6))]
    dev = device.SimDevice()
    assert dev.gemm(*arrays[:2], out=arrays[2]) is arrays[2] and (arrays[2] == 4).all()
    a, b, out = change(*arrays)
    with pytest.raises(error, match=text):
        dev.gemm(a, b, out=out)
    want = np.full(arrays[2].shape, 4)
    np.testing.assert_array_equal(dev.gemm(a, b), want)  # one that is allocated takes anything


# Cut into parts


@needs_simulator
@pytest.mark.parametrize("kind", KINDS)
def test_one_image_at_a_time_gives_the_same(kind):
    for op, shapes, judge in ops_of(*KINDS[kind]):
        arrays = drawn(shapes)
        want = judge(op_with_size(op, shapes), *arrays)
        before = sum(device.launches.values())
        at_once = run(device.SimDevice(), op, arrays)
        launched = sum(device.launches.values()) - before
        with gg.cuda.workspace_limit(1):
            one_by_one = run(device.SimDevice(), op, arrays)
        again = sum(device.launches.values()) - before - launched
        assert again == (launched if kind.startswith(("narrow", "depth")) else 3 * launched)
        for got in (at_once, one_by_one):
            close(got, want, prod(shapes[0]))
        for dtype in (np.float16, gg.bfloat16):  # rounded once, also where parts are added up
            half = [a.astype(dtype) for a in arrays]
            want = judge(op_with_size(op, shapes), *(a.astype(np.float64) for a in half))
            bound = gg.testing.tolerance(np.float32, prod(shapes[0])) * (1 + np.abs(want).max())
            with gg.cuda.workspace_limit(1):
                got = run(device.SimDevice(), op, half)
            assert got.dtype == dtype
            got = got.astype(np.float64)
            np.testing.assert_allclose(got, want, rtol=epsilon(dtype) / 2, atol=bound)


def op_with_size(op, shapes):
    """What the oracle reads of an op."""
    return SimpleNamespace(
        window=op.window, groups=op.groups, spatial=getattr(op, "spatial", shapes[0][2:])
    )


@needs_simulator
@pytest.mark.parametrize("kind", ["narrow groups", "depthwise", "depthwise, many taps"])
@pytest.mark.parametrize("blocks", [1, 40, 150])
def test_weight_gradients_of_several_slabs(kind, blocks, monkeypatch):
    monkeypatch.setattr(conv_direct, "SHORTEST_PIECE", 4)
    monkeypatch.setattr(conv_direct, "BLOCKS", blocks)
    op, shapes, judge = ops_of(*KINDS[kind])[2]
    arrays = drawn(((5, *shapes[0][1:]), (5, *shapes[1][1:])))
    results = [run(device.SimDevice(mode, seed), op, arrays) for mode, seed in SEEDS]
    close(results[0], judge(op_with_size(op, shapes), *arrays), prod(shapes[1]))
    assert len({result.tobytes() for result in results}) == 1


SEEDS = [("check", 1), ("fast", 0), ("fast", 2), ("fast", 3)]


@needs_simulator
@pytest.mark.parametrize("kind", KINDS)
def test_few_blocks_do_the_work_of_many(kind, monkeypatch):
    monkeypatch.setattr(conv_layer, "MOST_BLOCKS", 2)
    for op, shapes, judge in ops_of(*KINDS[kind]):
        arrays = drawn(shapes)
        got = run(device.SimDevice("check", 1), op, arrays)
        close(got, judge(op_with_size(op, shapes), *arrays), prod(shapes[0]))


@pytest.mark.parametrize("images,windows,blocks", [(1, 10**6, 3), (7, 50, 3), (64, 12544, 32)])
def test_slabs_cover_every_window_once(images, windows, blocks):
    layer = SimpleNamespace(images=images, windows=windows)
    cut, slabs, threads = conv_direct.cut_into_slabs(layer, blocks)
    pieces, piece, in_slab = (int(cut[n][0]) for n in ("pieces", "piece", "in_slab"))
    assert (pieces - 1) * piece < windows <= pieces * piece
    cuts = slabs // pieces
    assert slabs == cuts * pieces and (cuts - 1) * in_slab < images <= cuts * in_slab
    assert slabs * blocks <= conv_layer.BLOCKS
    assert threads % 32 == 0 and threads % int(cut["width"][0]) in (0, threads)


@needs_simulator
def test_drawn_layers_agree_with_naive_loops():
    rng = np.random.default_rng(0)
    checked = 0
    while checked < 60:
        axes = int(rng.integers(1, 4))
        groups = int(rng.integers(1, 4))
        k = tuple(int(n) for n in rng.integers(1, 5, axes))
        how = [tuple(int(n) for n in rng.integers(1, 4, axes)) for _ in range(2)]
        pads = tuple((int(a), int(b)) for a, b in rng.integers(0, 4, (axes, 2)))
        x = (int(rng.integers(1, 4)), groups * int(rng.integers(1, 3)))
        x = (*x, *(int(n) for n in rng.integers(1, (12, 8, 5)[axes - 1], axes)))
        w = (groups * int(rng.integers(1, 3)), x[1] // groups, *k)
        window = Window.of("conv", axes, k, how[0], pads, how[1])
        if min(oracle.out_shape(window, x[2:])) < 1:
            continue
        checked += 1
        for op, shapes, judge in ops_of(groups, x, w, how[0], pads, how[1]):
            arrays = drawn(shapes, seed=checked)
            got = run(device.SimDevice("fast", checked), op, arrays)
            close(got, judge(op_with_size(op, shapes), *arrays), prod(shapes[0]))


# How large


def spec(*shape):
    return gg.Spec(shape, np.dtype(np.float32))


@pytest.mark.parametrize(
    "x,w,how,told",
    [
        ((1, 1, 2**31), (1, 1, 3), {}, "positions below 2^31"),
        ((1, 1, 9), (1, 1, 3), {"padding": 2**30}, "positions below 2^31"),
        ((1, 1, 9), (1, 1, 3), {"stride": 2**31}, "positions below 2^31"),
        ((1, 1, 9), (1, 1, 1), {"dilation": 2**31}, "positions below 2^31"),
        ((1, 1, 2**16, 2**15), (1, 1, 3, 3), {}, "elements per padded plane, not 2147483648"),
        ((1, 2**20, 2**11), (1, 2**20, 2**11), {}, "elements per filter, not 2147483648"),
        ((2**31, 1, 9), (1, 1, 3), {}, "elements per batch"),
        ((1, 1, 9), (2**31, 1, 3), {}, "elements per layer of channels"),
        ((1, 1, 2**16 - 1, 2**15), (1, 1, 3, 3), {}, None),
        ((1, 1, 9), (1, 1, 3), {"padding": 2**30 - 9}, None),
    ],
)
def test_sizes_past_32_bits_are_left_to_the_reference(x, w, how, told):
    window = Window.of("conv", len(x) - 2, w[2:], **how)
    y = spec(x[0], w[0], *window.out(x[2:]))
    for reason in (
        Conv(window).kernel_limits(spec(*x), spec(*w)),
        ConvInput(window, 1, x[2:]).kernel_limits(y, spec(*w)),
        ConvWeight(window).kernel_limits(spec(*x), y),
    ):
        assert (told in reason) if told else reason is None


@needs_simulator
@pytest.mark.parametrize("groups", [1, 2])
def test_windows_next_to_the_limit(groups):
    """Positions up to 2^31: the simulator would find an overflow."""
    x, w = (1, 2, 5), (2, 2 // groups, 3)
    for op, shapes, judge in ops_of(groups, x, w, 2**27 + 1, ((2**30, 2**30 - 2**22),), 2**20):
        assert op.kernel_limits(*(spec(*shape) for shape in shapes)) is None
        arrays = drawn(shapes)
        got = run(device.SimDevice("check"), op, arrays)
        close(got, judge(op_with_size(op, shapes), *arrays), prod(shapes[0]))
