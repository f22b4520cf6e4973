"""Convolution: drawn cases against naive loops, grouped convolution, errors, cost, odd memory."""

from types import SimpleNamespace

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph.core.op import REGISTRY
from gpugraph.ops import image_memory
from tests import fake_cupy
from tests.oracles import conv as oracle

CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSE = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
INPUT_GRAD = {1: F.conv1d_input_grad, 2: F.conv2d_input_grad, 3: F.conv3d_input_grad}
WEIGHT_GRAD = {1: F.conv1d_weight_grad, 2: F.conv2d_weight_grad, 3: F.conv3d_weight_grad}


def draw(rng):
    """A random layer: axes, spatial shape, kernel, and the keywords of the public functions."""
    axes = int(rng.integers(1, 4))
    spatial = tuple(int(n) for n in rng.integers(1, (12, 8, 5)[axes - 1], axes))
    k = tuple(int(n) for n in rng.choice([1, 2, 3, 5], axes))
    stride = tuple(int(n) for n in rng.integers(1, 4, axes))
    dilation = tuple(int(n) for n in rng.integers(1, 4, axes))
    kind = rng.choice(["number", "per axis", "pairs", "same"])
    padding = int(rng.integers(0, 3))
    if kind == "per axis":
        padding = tuple(int(n) for n in rng.integers(0, 3, axes))
    elif kind == "pairs":
        padding = tuple((int(a), int(b)) for a, b in rng.integers(0, 3, (axes, 2)))
    elif kind == "same":
        padding, stride = "same", 1
    how = {"stride": stride, "padding": padding, "dilation": dilation}
    return axes, spatial, k, how


def window_of(spatial, k, how):
    """The arguments as the oracles want them; the test's own reading of them."""
    axes = range(len(k))
    each = {n: v if isinstance(v, tuple) else (v,) * len(k) for n, v in how.items()}
    if how["padding"] == "same":
        extra = [each["dilation"][a] * (k[a] - 1) for a in axes]
        padding = tuple((e // 2, (e + 1) // 2) for e in extra)
    else:
        padding = tuple(p if isinstance(p, tuple) else (p, p) for p in each["padding"])
    return SimpleNamespace(
        size=k, stride=each["stride"], padding=padding, dilation=each["dilation"]
    )


def close(got, want):
    assert got.shape == want.shape
    np.testing.assert_allclose(
        got.numpy(), want, rtol=0, atol=1e-12 * (1 + np.abs(want).max(initial=0))
    )


@pytest.mark.parametrize("chunk", range(10))
def test_drawn_layers_agree_with_naive_loops(chunk):
    rng = np.random.default_rng(chunk)
    checked = refused = 0
    while checked < 55:
        axes, spatial, k, how = draw(rng)
        groups = int(rng.choice([1, 2, 3]))
        each_in, each_out = (1, int(rng.integers(1, 3))) if rng.random() < 0.3 else (2, 1)
        window = window_of(spatial, k, how)
        op = SimpleNamespace(window=window, groups=groups, spatial=spatial)
        x = rng.standard_normal((int(rng.integers(1, 3)), groups * each_in, *spatial))
        w = rng.standard_normal((groups * each_out, each_in, *k))
        b = rng.standard_normal(len(w))
        leaves = [gg.Tensor(a, requires_grad=True) for a in (x, w, b)]
        try:
            if min(oracle.out_shape(op.window, spatial)) < 1:
                refused += 1
                with pytest.raises(gg.errors.ShapeError, match=f"conv{axes}d: spatial axis"):
                    CONV[axes](*leaves, **how, groups=groups)
                continue
            checked += 1
            y = CONV[axes](*leaves, **how, groups=groups)
            close(y, oracle.conv(op, x, w, b))
            gy = rng.standard_normal(y.shape)
            gx, gw, gb = gg.grad(y, leaves, gg.Tensor(gy))
            close(gx, oracle.conv_input(op, gy, w))
            close(gw, oracle.conv_weight(op, x, gy))
            close(gb, gy.sum(axis=(0, *range(2, gy.ndim))))
        except Exception as error:
            raise AssertionError(
                f"chunk {chunk}: x {x.shape}, w {w.shape}, {how}, groups={groups}: {error}"
            ) from error
    assert refused


def test_the_adjoints_are_public():
    rng = np.random.default_rng(0)
    for _ in range(60):
        axes, spatial, k, how = draw(rng)
        op = SimpleNamespace(window=window_of(spatial, k, how), groups=2, spatial=spatial)
        out = oracle.out_shape(op.window, spatial)
        if min(out) < 1:
            continue
        x, w = rng.standard_normal((2, 4, *spatial)), rng.standard_normal((2, 2, *k))
        gy = rng.standard_normal((2, 2, *out))
        gx = INPUT_GRAD[axes](x.shape, w, gy, **how, groups=2)
        close(gx, oracle.conv_input(op, gy, w))
        close(WEIGHT_GRAD[axes](x, w.shape, gy, **how, groups=2), oracle.conv_weight(op, x, gy))


def test_conv_transpose_is_the_adjoint_with_the_size_chosen():
    rng = np.random.default_rng(1)
    checked = 0
    while checked < 60:
        axes, spatial, k, how = draw(rng)
        window = window_of(spatial, k, how)
        extra = tuple(int(rng.integers(0, n)) for n in map(max, window.stride, window.dilation))
        size = tuple(
            (n - 1) * s - low - high + d * (k - 1) + 1 + e
            for n, s, (low, high), d, k, e in zip(
                spatial, window.stride, window.padding, window.dilation, k, extra, strict=True
            )
        )
        x, w = rng.standard_normal((2, 4, *spatial)), rng.standard_normal((4, 3, *k))
        b = rng.standard_normal(6)
        if min(size) < 1:
            with pytest.raises(gg.errors.ShapeError, match="pad less"):
                TRANSPOSE[axes](x, w, b, **how, output_padding=extra, groups=2)
            continue
        checked += 1
        y = TRANSPOSE[axes](x, w, b, **how, output_padding=extra, groups=2)
        op = SimpleNamespace(window=window, groups=2, spatial=size)
        # more than the stride is what x would add if it went on with zeros
        more = [(0, e // s) for e, s in zip(extra, window.stride, strict=True)]
        longer = np.pad(x, [(0, 0), (0, 0), *more])
        close(y, oracle.conv_input(op, longer, w) + b.reshape(-1, *(1,) * axes))


@pytest.mark.parametrize("axes, groups", [(1, 2), (2, 2), (2, 3), (3, 2)])
def test_grouped_convolution_is_split_convolve_concatenate(axes, groups):
    rng = np.random.default_rng(2)
    arrays = (
        rng.standard_normal((2, 2 * groups, *(5, 6, 4)[:axes])),
        rng.standard_normal((3 * groups, 2, *(3, 2, 2)[:axes])),
        rng.standard_normal(3 * groups),
    )
    one, many = ([gg.Tensor(a, requires_grad=True) for a in arrays] for _ in range(2))
    how = {"stride": 2, "padding": 1}
    y = CONV[axes](*one, **how, groups=groups)
    parts = zip(
        gg.split(many[0], groups, axis=1), gg.split(many[1], groups), gg.split(many[2], groups)
    )
    z = gg.concat([CONV[axes](*part, **how) for part in parts], axis=1)
    np.testing.assert_allclose(y.numpy(), z.numpy(), atol=1e-13)
    g = gg.Tensor(rng.standard_normal(y.shape))
    for a, b in zip(gg.grad(y, one, g), gg.grad(z, many, g)):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-13)


def test_one_image_gives_one_image():
    rng = np.random.default_rng(3)
    for axes, size in ((1, (7,)), (2, (5, 6)), (3, (3, 4, 5))):
        x, w = rng.standard_normal((2, *size)), rng.standard_normal((3, 2, *(2,) * axes))
        batch = CONV[axes](x[None], w).numpy()
        assert np.array_equal(CONV[axes](x, w).numpy(), batch[0])
        w = w.swapaxes(0, 1)
        batch = TRANSPOSE[axes](x[None], w).numpy()
        assert np.array_equal(TRANSPOSE[axes](x, w).numpy(), batch[0])


def test_memory_of_any_kind():
    rng = np.random.default_rng(4)
    x, w = rng.standard_normal((2, 3, 6, 5)), rng.standard_normal((4, 3, 3, 2))
    want = F.conv2d(x, w).numpy()
    strange = np.asfortranarray(x)[::-1][::-1]
    strange.flags.writeable = False
    backwards = np.ascontiguousarray(w[..., ::-1])[..., ::-1]
    assert np.array_equal(F.conv2d(strange, backwards).numpy(), want)
    gy = np.broadcast_to(np.float64(1.0), want.shape)  # what the gradient of a sum looks like
    leaves = [gg.Tensor(a, requires_grad=True) for a in (x, w)]
    for a, b in zip(
        gg.grad(F.conv2d(*leaves).sum(), leaves),
        gg.grad(F.conv2d(*leaves), leaves, gg.Tensor(gy.copy())),
    ):
        assert np.array_equal(a.numpy(), b.numpy())


def test_an_empty_batch():
    x = gg.Tensor(np.zeros((0, 2, 5, 5)), requires_grad=True)
    w = gg.Tensor(np.ones((3, 2, 2, 2)), requires_grad=True)
    y = F.conv2d(x, w)
    assert y.shape == (0, 3, 4, 4)
    gx, gw = gg.grad(y.sum(), (x, w))
    assert gx.shape == x.shape and not gw.numpy().any()


def test_half_precision_is_computed_in_single():
    rng = np.random.default_rng(5)
    x, w = rng.standard_normal((1, 64, 6, 6)), rng.standard_normal((2, 64, 3, 3))
    x, w = x.astype(np.float16), w.astype(np.float16)
    y = F.conv2d(x, w)
    assert y.dtype == np.float16
    want = F.conv2d(x.astype(np.float32), w.astype(np.float32)).numpy().astype(np.float16)
    assert np.array_equal(y.numpy(), want)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("lines", [1, 3, 2 * 7])  # bands of an image, and parts of 2, 2 and 1
@pytest.mark.parametrize(
    "channels, filters, groups",
    [(2, 3, 1), (17, 3, 1), (3, 18, 1), (36, 2, 2), (4, 4, 4)],
    ids=["slices", "rows", "rows of a few", "groups of rows", "depthwise"],
)
def test_batches_are_worked_on_in_parts(channels, filters, groups, lines, stride, monkeypatch):
    rng = np.random.default_rng(6)
    x = rng.standard_normal((5, channels, 7, 6))
    w = rng.standard_normal((filters, channels // groups, 3, 2))
    how = {"stride": stride, "padding": 1, "groups": groups}

    def everything():
        leaves = [gg.Tensor(a, requires_grad=True) for a in (x, w)]
        y = F.conv2d(*leaves, **how)
        return [y, *gg.grad((y * y).sum(), leaves)]

    monkeypatch.setattr(image_memory, "WORKSPACE", 1 << 40)
    whole = everything()
    out = (6 - 2 + 2) // stride + 1
    line = 8 * channels * 3 * 2 * out  # rows of the windows of one line, in float64
    monkeypatch.setattr(image_memory, "WORKSPACE", lines * line)
    for a, b in zip(everything(), whole):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-11)


def test_the_columns_are_not_kept():
    x = gg.Tensor(np.zeros((2, 3, 8, 8)), requires_grad=True)
    w = gg.Tensor(np.zeros((4, 3, 3, 3)), requires_grad=True)
    y = F.conv2d(x, w)
    kept = [saved.array for saved in y.node.kept.values()]
    assert {id(a) for a in kept} == {id(x.array), id(w.array)}
    assert list(F.conv2d(x, w.detach()).node.kept) == ["w"]  # a frozen filter doesn't keep x


@pytest.mark.parametrize("name", ["Conv", "ConvInput", "ConvWeight"])
def test_the_reference_runs_on_cupy_arrays(name):
    xp = fake_cupy.make()
    for sample in REGISTRY[name].samples(np.random.default_rng(0)):
        want = sample.op.forward(np, *sample.inputs)
        got = sample.op.forward(xp, *map(xp.asarray, sample.inputs))
        assert np.array_equal(got.get(), want), sample.note


def test_cost_counts_multiply_adds():
    op = REGISTRY["Conv"](gg.Window.of("conv2d", 2, (3, 3), 1, 1), 2)
    x, w, b = (
        gg.Spec(shape, np.dtype(np.float32)) for shape in ((8, 64, 56, 56), (32, 32, 3, 3), (32,))
    )
    cost = op.cost(x, w, b)
    assert cost.formula == "3*3*32*32*56*56*8"
    assert cost.macs == 3 * 3 * 32 * 32 * 56 * 56 * 8
    assert cost.flops == 2 * cost.macs + 8 * 32 * 56 * 56
    gy = gg.Spec((8, 32, 56, 56), np.dtype(np.float32))
    assert REGISTRY["ConvWeight"](op.window, 2).cost(x, gy).macs == cost.macs
    assert REGISTRY["ConvInput"](op.window, 2, (56, 56)).cost(gy, w).macs == cost.macs


def test_bias_in_conv_gets_the_plain_sum():
    x = gg.Tensor(np.ones((2, 1, 3, 3), np.float32))
    b = gg.Tensor(np.zeros(2, np.float32), requires_grad=True)
    y = F.conv2d(x, np.ones((2, 1, 2, 2), np.float32), b)
    assert gg.grad(y.sum(), b)[0].tolist() == [8.0, 8.0]


def zeros(*shape, dtype=np.float32):
    return np.zeros(shape, dtype)


SHAPE, DTYPE, ARGUMENT = gg.errors.ShapeError, gg.errors.DtypeError, gg.errors.ArgumentError
IMAGE, FILTERS = zeros(2, 3, 8, 8), zeros(4, 3, 3, 3)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: F.conv2d(IMAGE, zeros(4, 2, 3, 3)), SHAPE,
         "conv2d: x has 3 channels; w (4, 2, 3, 3) with groups=1 takes 2; x is (2, 3, 8, 8): "
         "give it x with 2 channels, or a layer of in_channels=3"),
        (lambda: F.conv2d(zeros(8, 8), FILTERS), SHAPE,
         "conv2d: x has shape (8, 8); it takes (N, C, H, W), or (C, H, W) for one image; "
         "reshape adds axes"),
        (lambda: F.conv1d(zeros(1, 2, 3, 4), zeros(1, 2, 3)), SHAPE,
         "conv1d: x has shape (1, 2, 3, 4); it takes (N, C, L), or (C, L) for one image; "
         "reshape adds axes"),
        (lambda: F.conv2d(IMAGE, zeros(3, 3)), SHAPE,
         "conv2d: w has shape (3, 3); it takes (O, C/groups, H, W)"),
        (lambda: F.conv2d(zeros(2, 4, 8, 8), zeros(3, 2, 3, 3), groups=2), SHAPE,
         "conv2d: w (3, 2, 3, 3) makes 3 channels, which groups=2 does not divide"),
        (lambda: F.conv2d(IMAGE, FILTERS, zeros(3)), SHAPE,
         "conv2d: b has shape (3,); w (4, 3, 3, 3) makes 4 channels, so b must be (4,)"),
        (lambda: F.conv2d(zeros(1, 3, 8, 2), FILTERS, dilation=(1, 2), padding=(0, 1)), SHAPE,
         "conv2d: spatial axis 1 of x has length 2, 4 with padding (1, 1); a kernel of 3 with "
         "dilation 2 spans 5. Pad more, or take a smaller kernel"),
        (lambda: F.conv2d(IMAGE, FILTERS.astype(np.float64)), DTYPE,
         "conv2d: x is float32, w is float64; they must be of one dtype, astype() converts: "
         "x.astype(gpugraph.float64)"),
        (lambda: F.conv2d(IMAGE.astype(np.int64), FILTERS), DTYPE,
         "conv2d: x is int64; it takes floating-point arrays, x.astype(gpugraph.float32) makes "
         "one"),
        (lambda: F.conv2d([[1.0]], FILTERS), DTYPE,
         "conv2d: x is a list; it takes tensors and arrays. gpugraph.tensor(...) converts"),
        (lambda: F.conv2d(IMAGE, FILTERS, stride=0), ARGUMENT,
         "conv2d: stride=0; wanted an int of at least 1, or 2 of them"),
        (lambda: F.conv2d(IMAGE, FILTERS, stride=1.5), ARGUMENT,
         "conv2d: stride=1.5; wanted an int of at least 1, or 2 of them"),
        (lambda: F.conv2d(IMAGE, FILTERS, dilation=(1, 2, 3)), ARGUMENT,
         "conv2d: dilation=(1, 2, 3); wanted an int of at least 1, or 2 of them"),
        (lambda: F.conv2d(IMAGE, FILTERS, padding=-1), ARGUMENT,
         "conv2d: padding=-1; wanted an int of at least 0, 2 of them, 2 (low, high) pairs, "
         "'valid' or 'same'"),
        (lambda: F.conv2d(IMAGE, FILTERS, padding=((1, 2), (3,))), ARGUMENT,
         "conv2d: padding=((1, 2), (3,)); wanted an int of at least 0, 2 of them, 2 (low, high) "
         "pairs, 'valid' or 'same'"),
        (lambda: F.conv2d(IMAGE, FILTERS, padding="full"), ARGUMENT,
         "conv2d: padding='full'; wanted an int of at least 0, 2 of them, 2 (low, high) pairs, "
         "'valid' or 'same'"),
        (lambda: F.conv2d(IMAGE, FILTERS, padding="same", stride=2), ARGUMENT,
         "conv2d: padding='same' needs stride 1, got stride=(2, 2); give the padding in numbers"),
        (lambda: F.conv2d(IMAGE, FILTERS, groups=0), ARGUMENT,
         "conv2d: groups=0; wanted an int of at least 1"),
        (lambda: F.conv2d(IMAGE, zeros(4, 3, 0, 3)), ARGUMENT,
         "conv2d: kernel_size=(0, 3); wanted an int of at least 1, or 2 of them"),
        (lambda: F.conv_transpose2d(IMAGE, zeros(4, 3, 3, 3)), SHAPE,
         "conv_transpose2d: x has 3 channels; w (4, 3, 3, 3) takes 4"),
        (lambda: F.conv_transpose2d(IMAGE, zeros(3, 3)), SHAPE,
         "conv_transpose2d: w has shape (3, 3); it takes (C, O/groups, H, W)"),
        (lambda: F.conv_transpose2d(IMAGE, zeros(3, 2, 3, 3), zeros(3)), SHAPE,
         "conv_transpose2d: b has shape (3,); w (3, 2, 3, 3) with groups=1 makes 2 channels, "
         "so b must be (2,)"),
        (lambda: F.conv_transpose2d(IMAGE, zeros(3, 2, 3, 3), output_padding=1), ARGUMENT,
         "conv_transpose2d: output_padding=(1, 1) must be less than stride=(1, 1) or "
         "dilation=(1, 1)"),
        (lambda: F.conv2d_input_grad((2, 3, 9, 8), FILTERS, zeros(2, 4, 6, 6)), SHAPE,
         "conv2d_input_grad: gy has size (6, 6); an input of size (9, 8) gives (7, 6)"),
        (lambda: F.conv2d_input_grad((2, 2, 8, 8), FILTERS, zeros(2, 4, 6, 6)), SHAPE,
         "conv2d_input_grad: input_size=(2, 2, 8, 8); gy (2, 4, 6, 6) and w (4, 3, 3, 3) with "
         "groups=1 belong to (2, 3) images and channels"),
        (lambda: F.conv2d_input_grad((8, 8), FILTERS, zeros(2, 4, 6, 6)), ARGUMENT,
         "conv2d_input_grad: input_size=(8, 8); wanted the 4 lengths of a shape"),
        (lambda: F.conv2d_input_grad((2, 3, 8, 8), FILTERS, zeros(2, 3, 6, 6)), SHAPE,
         "conv2d_input_grad: gy has 3 channels; w (4, 3, 3, 3) makes 4"),
        (lambda: F.conv2d_weight_grad(IMAGE, (4, 2, 3, 3), zeros(2, 4, 6, 6)), SHAPE,
         "conv2d_weight_grad: weight_size=(4, 2, 3, 3); x (2, 3, 8, 8) and gy (2, 4, 6, 6) with "
         "groups=1 give (4, 3, 3, 3)"),
        (lambda: F.conv2d_weight_grad(IMAGE, (4, 3, 3, 3), zeros(1, 4, 6, 6)), SHAPE,
         "conv2d_weight_grad: x has 2 images, gy 1"),
        (lambda: F.conv2d_weight_grad(IMAGE, (4, 1, 3, 3), zeros(2, 4, 6, 6), groups=2), SHAPE,
         "conv2d_weight_grad: x has 3 channels, which groups=2 does not divide"),
    ],
)  # fmt: skip
def test_errors_say_what_came_and_what_was_wanted(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text


def test_shapes_without_data():
    with gg.default_device("meta"):
        x, w = gg.zeros((2, 3, 9, 9)), gg.zeros((4, 3, 3, 3))
    assert F.conv2d(x, w, stride=2, padding=1).shape == (2, 4, 5, 5)
    with pytest.raises(gg.errors.ShapeError, match="x has 3 channels"):
        F.conv2d(x, gg.zeros((4, 2, 3, 3), device="meta"))
