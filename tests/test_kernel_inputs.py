"""Awkward and wrong input on the simulated GPU: as on the CPU, or one error before any launch."""

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph.cuda import device, sim
from gpugraph.cuda.kernel import Kernel
from gpugraph.testing import tolerance

pytestmark = pytest.mark.skipif(sim.why_not() is not None, reason=f"needs {sim.why_not()}")

rng = np.random.default_rng(0)
draw = rng.standard_normal


def misaligned(array):
    """The same numbers, one byte off the place where such numbers usually lie."""
    memory = np.zeros(array.nbytes + 1, np.uint8)[1:]
    copy = memory.view(array.dtype).reshape(array.shape)
    copy[...] = array
    assert not copy.flags.aligned
    return copy


SPECIAL = draw((2, 3, 6, 5))
SPECIAL[0, 0, 2, 1] = SPECIAL[1, 2, 0, 0] = np.nan
SPECIAL[0, 1, 3, 3], SPECIAL[1, 1, 5, 4], SPECIAL[1, 0] = np.inf, -np.inf, -np.inf
TIES = rng.integers(0, 2, (2, 3, 6, 5)) * 1.0
IMAGES = {
    "usual": draw((2, 3, 6, 5)),
    "NaN and infinities": SPECIAL,
    "ties": TIES,
    "no images": np.zeros((0, 3, 6, 5)),
    "one image": draw((1, 3, 6, 5)),
    "strided": draw((5, 12, 3, 2)).T[:, :, ::2],
    "backwards": draw((2, 3, 6, 5))[::-1, :, ::-1, ::-1],
    "misaligned": misaligned(draw((2, 3, 6, 5))),
    "read-only": np.broadcast_to(draw((6, 5)), (2, 3, 6, 5)),
}
W = {k: draw((4, 3, *k)) for k in ((3, 2), (1, 1), (5, 7))}
DEEP = draw((6, 1, 2, 3))
FUNCTIONS = {
    "conv": lambda x, on: F.conv2d(x, on(W[3, 2]), padding=1),
    "conv, stride larger than the kernel": lambda x, on: F.conv2d(x, on(W[3, 2]), stride=(4, 3)),
    "conv, kernel larger than the image": lambda x, on: F.conv2d(x, on(W[5, 7]), padding=3),
    "pointwise": lambda x, on: F.conv2d(x, on(W[1, 1]), on(draw(4) * 0 + 1)),
    "pointwise, strided": lambda x, on: F.conv2d(x, on(W[1, 1]), stride=2),
    "depthwise": lambda x, on: F.conv2d(x, on(DEEP), groups=3, padding=(1, 0), stride=(1, 2)),
    "max pool": lambda x, on: F.max_pool2d(x, (3, 2), stride=(2, 1), padding=1),
    "max pool, strides skip": lambda x, on: F.max_pool2d(x, 2, stride=3, ceil_mode=True),
    "average pool": lambda x, on: F.avg_pool2d(x, (2, 3), stride=2, count_include_pad=False),
    "softmax": lambda x, on: F.softmax(x, 1),
    "log softmax": lambda x, on: F.log_softmax(x, -1),
    "batch norm": lambda x, on: F.batch_norm(x, None, None, on(np.ones(3)), training=True),
    "dropout": lambda x, on: F.dropout(x, 0.4, generator=gg.random.Generator(3)),
    "index": lambda x, on: x[:, on(np.array([2, 0, 2]))],
}


def run(where, function, image, dtype):
    """The result and the gradient of its sum of squares, as NumPy arrays."""

    def on(array):
        return gg.Tensor(array.astype(dtype) if array.dtype.kind == "f" else array).to(where)

    x = gg.Tensor(image.astype(dtype) if image.dtype != dtype else image).to(where)
    x = x.requires_grad_()
    with np.errstate(invalid="ignore", over="ignore"):
        y = FUNCTIONS[function](x, on)
        assert str(y.device) == where
        (g,) = gg.grad((y * y).sum(), x)
    return y.numpy(), g.numpy()


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_awkward_images(function, kind):
    image = IMAGES[kind]
    if kind == "read-only":
        image = image.copy()  # a leaf is written to by nobody, but needs memory of its own
    for dtype in (np.float32, np.float64):
        here, there = (run(where, function, image, dtype) for where in ("cpu", "sim"))
        for a, b in zip(here, there, strict=True):
            assert (a.shape, a.dtype) == (b.shape, b.dtype)
            bound = tolerance(dtype, 500) * (1 + np.abs(a[np.isfinite(a)]).max(initial=0))
            np.testing.assert_allclose(b, a, rtol=0, atol=bound, equal_nan=True)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_one_pixel(function):
    image = draw((3, 3, 1, 1))
    if function in ("conv, stride larger than the kernel", "depthwise", "average pool"):
        for where in ("cpu", "sim"):
            before = sum(device.launches.values())
            with pytest.raises(gg.ShapeError):
                run(where, function, image, np.float32)
            assert sum(device.launches.values()) == before
        return
    if function == "batch norm":
        image = draw((3, 3, 1, 1)) * 5
    here, there = (run(where, function, image, np.float64) for where in ("cpu", "sim"))
    for a, b in zip(here, there, strict=True):
        np.testing.assert_allclose(b, a, rtol=0, atol=1e-12 * (1 + np.abs(a).max(initial=0)))


@pytest.mark.parametrize(
    "call,error,text",
    [
        (lambda x, w: F.conv2d(x, w[:, :2]), gg.ShapeError, "conv2d: x has 3 channels"),
        (lambda x, w: F.conv2d(x, w.astype(gg.float64)), gg.DtypeError, "x is float32, w is float"),
        (lambda x, w: F.conv2d(x, w, dilation=9), gg.ShapeError, "conv2d: "),
        (lambda x, w: F.conv2d(x, w.to("cpu")), gg.DeviceError, "conv: x is on sim, w is on cpu"),
        (lambda x, w: F.max_pool2d(x, 9), gg.ShapeError, "max_pool2d: "),
        (lambda x, w: F.avg_pool2d(x, 2, padding=2), gg.ArgumentError, "avg_pool2d: "),
        (lambda x, w: x[:, gg.tensor([3], device="sim")], gg.IndexRangeError, "getitem: "),
        (
            lambda x, w: F.cross_entropy(x[:, :, 0, 0], gg.tensor([0, 3], device="sim")),
            gg.IndexRangeError,
            "cross_entropy: target has class 3; there are 3",
        ),
    ],
)
def test_wrong_calls_launch_nothing(call, error, text):
    x = gg.Tensor(draw((2, 3, 6, 5)).astype(np.float32)).to("sim")
    w = gg.Tensor(W[3, 2].astype(np.float32)).to("sim")
    before = sum(device.launches.values())
    with pytest.raises(error, match=text):
        call(x, w)
    assert sum(device.launches.values()) == before


def test_float64_is_no_float32():
    code = 'extern "C" __global__ void twice(const float* x, float* y) { *y = 2 * *x; }'
    kernel = Kernel("twice.cu", "twice", "const float* x, float* y", code=code)
    dev = device.SimDevice()
    with pytest.raises(gg.DtypeError, match="twice: x is float64; it must be float32"):
        dev.launch(kernel, np.ones(1), np.ones(1, np.float32), threads=1)
    assert device.launches["twice"] == 0


INDEX = """
#include "index.cuh"
#include "place.cuh"
#include "window.cuh"
extern "C" __global__ void numbers(const long long* i, long long* found, Window3 w) {
  int n = (int)first_thread();
  Place p = place_of(i[n], w.in);
  long long* row = found + 5 * n;
  row[0] = p.plane, row[1] = p.at[0], row[2] = p.at[1], row[3] = p.at[2];
  row[4] = index_of(p.plane, p.at, w.in);
}
"""


def test_elements_past_2_to_the_31_are_numbered_right():
    """The arithmetic of all kernels, on numbers that no memory here could hold."""
    from gpugraph.cuda.geometry import STRUCTS

    lengths = (1021, 65537, 2111)  # each plane alone has 1.4e11 elements
    i = np.array([0, 2**31 - 1, 2**31, 2**32 + 7, 141_250_000_003, 2**62, 3 * 2**61 + 5], np.int64)
    w = np.zeros(1, STRUCTS["Window3"])
    w["in"] = lengths
    found = np.zeros((len(i), 5), np.int64)
    params = "const long long* i, long long* found, Window3 w"
    kernel = Kernel("numbers.cu", "numbers", params, STRUCTS, code=INDEX)
    device.SimDevice("check").launch(kernel, i, found, w, threads=len(i), block=len(i))
    for number, row in zip(i.tolist(), found.tolist(), strict=True):
        rest, at = number, []
        for length in reversed(lengths):
            rest, place = divmod(rest, length)
            at.insert(0, place)
        assert row == [rest, *at, number]
