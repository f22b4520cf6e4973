"""The compiled softmax, cross-entropy and their gradients against the reference."""

import numpy as np
import pytest

import gpugraph as gg
from gpugraph.ops import softmax_cpu
from gpugraph.ops.losses import CrossEntropy, CrossEntropyGrad
from gpugraph.ops.softmax import LogSoftmax, LogSoftmaxGrad, Softmax, SoftmaxGrad
from gpugraph.testing import tolerance
from tests.cpu import channels_last, lib  # noqa: F401 (a fixture)

SHAPES = [(3, 10), (1, 1), (7, 16), (5, 17), (130, 10), (64, 1000), (2, 5001), (3, 33), (4100, 3)]


def close(got, want, terms, scale=1.0):
    assert got.shape == want.shape and got.dtype == want.dtype
    bound = 4 * tolerance(want.dtype, terms)
    np.testing.assert_allclose(got, want, rtol=bound, atol=bound * scale)


def drawn(shape, dtype, seed=0, spread=3.0):
    x = np.random.default_rng([seed, *shape]).standard_normal(shape)
    return (spread * x).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_rows(lib, shape, dtype):  # noqa: F811
    x, g, length = drawn(shape, dtype), drawn(shape, dtype, 1), shape[1]
    for op, grad in ((Softmax(-1), SoftmaxGrad(-1)), (LogSoftmax(1), LogSoftmaxGrad(1))):
        y = op.forward(np, x)
        close(op.cpu(lib, x), y, length, np.abs(x).max())
        scale = np.abs(g).sum(axis=1).max()
        close(grad.cpu(lib, y, g), grad.forward(np, y, g), length, scale)
        bad = np.broadcast_to(g[:, :1], shape)  # strides of 0
        close(grad.cpu(lib, y, bad), grad.forward(np, y, bad), length, np.abs(bad).sum(1).max())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [*SHAPES, (2, 5, 6, 7), (3, 21, 40)])
def test_cross_entropy(lib, shape, dtype):  # noqa: F811
    x = channels_last(drawn(shape, dtype))
    rng = np.random.default_rng(3)
    for kind in ("int64", "uint8"):
        target = rng.integers(0, min(shape[1], 200), (shape[0], *shape[2:])).astype(kind)
        got, want = (f(x, target) for f in (lambda *a: CrossEntropy().cpu(lib, *a), reference))
        for a, b in zip(got, want, strict=True):
            close(a, b, shape[1], np.abs(x).max())
        assert got[1].strides == x.strides
        g = drawn(target.shape, dtype, 2)
        op = CrossEntropyGrad()
        got = op.cpu(lib, want[1], target, g) if x.ndim == 2 else op.cpu(lib, got[1], target, g)
        close(got, op.forward(np, want[1], target, g), shape[1], np.abs(g).max())


def reference(x, target):
    return CrossEntropy().forward(np, x, target)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_exponentials_over_their_whole_range(lib, dtype):  # noqa: F811
    """A row [0, x] gives e^x / (1 + e^x): also where e^x is denormal, or rounds to 0."""
    lowest = -110 if dtype == "float32" else -760
    x = np.linspace(lowest, 0, 20011).astype(dtype)
    pairs = np.stack([np.zeros_like(x), x], axis=1)
    got = Softmax(1).cpu(lib, pairs)[:, 1]
    wide = np.exp(x.astype(np.longdouble))
    want = wide / (1 + wide)
    info = np.finfo(dtype)
    bound = 4 * info.eps * want + info.smallest_subnormal
    assert (np.abs(got - want) <= bound).all()


@pytest.mark.parametrize("n", [3, 40])
@pytest.mark.parametrize("op", [Softmax(1), LogSoftmax(1)])
def test_nan_and_infinities_stay_in_their_rows(lib, op, n):  # noqa: F811
    x = drawn((8, n), "float32")
    x[0, 1], x[1, 2], x[2], x[3, 0] = np.nan, -np.inf, -np.inf, np.inf
    x[4, 0], x[5] = 1e38, -3e38
    x[6], x[6, 1] = -np.inf, 2
    with np.errstate(all="ignore"):
        close(op.cpu(lib, x), op.forward(np, x), n, 10)


def test_nan_and_infinities_in_gradients(lib):  # noqa: F811
    y, g = drawn((4, 20), "float64"), drawn((4, 20), "float64", 1)
    y[0, 3], g[1, 19], y[2, 5] = np.nan, np.nan, -np.inf
    for op in (SoftmaxGrad(1), LogSoftmaxGrad(1)):
        with np.errstate(all="ignore"):
            close(op.cpu(lib, y, g), op.forward(np, y, g), 20, 400)


@pytest.mark.parametrize("target", [[0, 3, 1], [-1, 0, 0], np.array([0, 2**63, 0], "uint64")])
def test_a_target_that_is_no_class_is_refused(lib, target, monkeypatch):  # noqa: F811
    monkeypatch.setattr(gg.core.backend, "cpu_library", lambda: lib)
    logits = gg.Tensor(np.zeros((3, 3), "float32"))
    with pytest.raises(gg.IndexRangeError, match="there are 3 classes, 0 to 2"):
        gg.nn.functional.cross_entropy(logits, gg.Tensor(np.asarray(target)))


def test_what_is_not_taken(lib):  # noqa: F811
    x = drawn((4, 5, 6), "float32")
    assert softmax_cpu.softmax(lib, x, 1, False) is None  # not in a row
    assert softmax_cpu.softmax(lib, x.astype("float16"), 2, False) is None
    assert softmax_cpu.softmax(lib, x[:0], 2, False) is None
    assert softmax_cpu.softmax(lib, x[:, :, ::2], 2, False) is None
    assert softmax_cpu.softmax(lib, channels_last(x), 1, True) is not None
    assert softmax_cpu.softmax_grad(lib, x, x.astype("float64"), 2, False) is None
