"""gpugraph.fft: NumPy's values and dtypes, gradients from real to real, errors."""

import itertools

import numpy as np
import pytest

import gpugraph as gg
from gpugraph.core.backend import MetaArray
from gpugraph.testing import gradcheck, tolerance

NORMS = [None, "backward", "ortho", "forward"]
DTYPES = [bool, np.int8, np.uint16, np.int64, np.float32, np.float64, np.complex64, np.complex128]


def draw(*shape, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind in "biu":
        return rng.integers(0, 2, shape).astype(dtype)
    x = rng.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * rng.standard_normal(shape)
    return x.astype(dtype)


def close(got, want):
    assert (got.shape, got.dtype) == (want.shape, want.dtype)
    precision = np.float32 if want.dtype in (np.float32, np.complex64) else np.float64
    bound = tolerance(precision, 64) * (1 + np.abs(want).max(initial=0))
    np.testing.assert_allclose(got.numpy(), want, rtol=0, atol=bound)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
def test_one_axis(name, dtype):
    if name in ("rfft", "ihfft") and np.dtype(dtype).kind == "c":
        return
    ours, theirs = getattr(gg.fft, name), getattr(np.fft, name)
    x = draw(3, 5, 4, dtype=dtype)
    for norm, n, axis in itertools.product(NORMS, (None, 1, 3, 5, 8), (-1, 1)):
        close(ours(gg.Tensor(x), n=n, axis=axis, norm=norm), theirs(x, n=n, axis=axis, norm=norm))
    close(ours(x, 4, 1, "ortho"), theirs(x, 4, 1, "ortho"))  # by position, as in NumPy


@pytest.mark.parametrize("dtype", [np.int32, np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("name", ["fftn", "ifftn", "rfftn", "irfftn"])
def test_several_axes(name, dtype):
    if name == "rfftn" and np.dtype(dtype).kind == "c":
        return
    ours, theirs = getattr(gg.fft, name), getattr(np.fft, name)
    x = draw(3, 5, 4, dtype=dtype)
    for norm in NORMS:
        close(ours(x, norm=norm), theirs(x, norm=norm))
        for s, axes in [
            (None, (1,)),
            (None, (-1, 0)),
            ((4, 3), (0, 1)),
            ((7, 2, 5), (0, 1, 2)),
            ((-1, 3), (1, 2)),
        ]:
            if name == "irfftn" and s is not None and -1 in s:
                continue  # NumPy's meaning of -1 there is its own
            close(ours(x, s=s, axes=axes, norm=norm), theirs(x, s=s, axes=axes, norm=norm))
    close(ours(x, s=(2, 3)), theirs(x, s=(2, 3), axes=(-2, -1)))
    two = name.replace("n", "2")
    close(getattr(gg.fft, two)(x), getattr(np.fft, two)(x))
    close(getattr(gg.fft, two)(x, (3, 6)), getattr(np.fft, two)(x, (3, 6)))


def test_half_precision_is_computed_in_single():
    x = draw(6).astype(np.float16)
    assert gg.fft.fft(x).dtype == np.complex64
    assert gg.fft.irfft(gg.fft.rfft(x)).dtype == np.float32


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_frequencies_and_shifts(n):
    for d in (1.0, 0.25):
        np.testing.assert_allclose(gg.fft.fftfreq(n, d=d).numpy(), np.fft.fftfreq(n, d), rtol=1e-6)
        np.testing.assert_allclose(gg.fft.rfftfreq(n, d=d).numpy(), np.fft.rfftfreq(n, d), 1e-6)
    assert gg.fft.fftfreq(n).dtype == gg.float32
    assert gg.fft.fftfreq(n, dtype=gg.float64).tolist() == np.fft.fftfreq(n).tolist()
    assert gg.fft.rfftfreq(n, device="meta").shape == (n // 2 + 1,)
    x = draw(n, 3, dtype=np.int64)
    for axes in (None, 0, (0, 1), (-1,)):
        shifted = gg.fft.fftshift(x, axes=axes)
        np.testing.assert_array_equal(shifted.numpy(), np.fft.fftshift(x, axes))
        np.testing.assert_array_equal(gg.fft.ifftshift(shifted, axes=axes).numpy(), x)
        np.testing.assert_array_equal(gg.fft.ifftshift(x, axes).numpy(), np.fft.ifftshift(x, axes))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: gg.fft.irfft(gg.fft.rfft(x) * draw(3, dtype=complex), n=5),  # a filter
        lambda x: gg.fft.irfft(gg.fft.rfft(x, n=8, norm="ortho"), n=8, norm="ortho"),
        lambda x: gg.fft.irfft(gg.fft.rfft(x), n=7, norm="forward"),
        lambda x: abs(gg.fft.rfft(x, axis=0)),  # amplitudes
        lambda x: gg.square(abs(gg.fft.fft(x, n=3))),
        lambda x: gg.real(gg.fft.ifft(gg.fft.fft(x) * gg.fft.fft(x))),  # a convolution
        lambda x: gg.fft.irfftn(gg.fft.rfftn(x, norm="forward"), s=x.shape),
        lambda x: gg.imag(gg.fft.fftn(x, s=(4, 3))),
        lambda x: gg.fft.hfft(gg.fft.ihfft(x, n=4), n=6, norm="ortho"),
        lambda x: gg.fft.hfft(x * (1 + 2j)),
        lambda x: gg.fft.fftshift(gg.fft.irfft2(gg.fft.rfft2(x) ** 2)),
    ],
)
def test_gradients_to_third_order(f):
    gradcheck(f, draw(3, 5), order=3, nonzero=True)


@pytest.mark.parametrize("n", [4, 5])
@pytest.mark.parametrize("name", ["fft", "ifft", "irfft", "hfft", "rfft", "ihfft"])
def test_gradients_are_those_of_the_matrix(name, n):
    """The transform as a real matrix, column by column; the gradient is its transpose."""
    f = getattr(gg.fft, name)
    real_in, real_out = name in ("rfft", "ihfft"), name in ("irfft", "hfft")

    def parts(y):
        return y if real_out else gg.concat([gg.real(y), gg.imag(y)])

    def map_of(x):
        return parts(
            f(x if real_in else x[:n] + 1j * x[n:], **({"n": 2 * n - 1} if real_out else {}))
        )

    columns = np.stack([map_of(gg.Tensor(e)).numpy() for e in np.eye(n if real_in else 2 * n)], 1)
    x = gg.Tensor(draw(columns.shape[1]), requires_grad=True)
    g = draw(len(columns), seed=1)
    (got,) = gg.grad(map_of(x), x, g)
    np.testing.assert_allclose(got.numpy(), columns.T @ g, atol=1e-13)


def test_shapes_on_meta():
    x = gg.Tensor(MetaArray((3, 5), np.float32))
    y = gg.fft.rfft2(x.requires_grad_())
    assert (y.shape, y.dtype) == ((3, 3), np.complex64)
    (g,) = gg.grad(gg.fft.irfft2(y, s=(3, 5)).sum(), x)
    assert (g.shape, g.dtype) == ((3, 5), np.float32)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: gg.fft.rfft(draw(3) * 1j), gg.DtypeError, "rfft: x is complex128; it takes real"),
        (lambda: gg.fft.ihfft(draw(3) * 1j), gg.DtypeError, "ihfft: x is complex128"),
        (lambda: gg.fft.fft(draw(3), norm="both"), gg.ArgumentError, "fft: norm='both' is none of"),
        (lambda: gg.fft.hfft(draw(3), norm="x"), gg.ArgumentError, "hfft: norm='x' is none of"),
        (lambda: gg.fft.fft(draw(3), n=0), gg.ArgumentError, "fft: a transform of 0 numbers along"),
        (lambda: gg.fft.irfft(draw(1)), gg.ArgumentError, "irfft: a transform of 0 numbers"),
        (lambda: gg.fft.fft(draw(0)), gg.ArgumentError, "axis of x (0,); it needs 1 or more"),
        (lambda: gg.fft.fft(draw(3), n=2.5), gg.DtypeError, "the length of a transform is an int"),
        (
            lambda: gg.fft.fft(draw(3), axis=1),
            gg.AxisError,
            "fft: axis 1 is out of range for",
        ),
        (lambda: gg.fft.fft(draw()), gg.AxisError, "fft: axis"),
        (lambda: gg.fft.fftn(draw()), gg.ShapeError, "fftn: x () has no axis to transform"),
        (
            lambda: gg.fft.fftn(draw(3, 3), s=(2,), axes=(0, 1)),
            gg.ArgumentError,
            "fftn: s=(2,) and axes=(0, 1) must be equally many",
        ),
        (lambda: gg.fft.fftn(draw(3), axes=(0, 0)), gg.AxisError, "names an axis of x (3,) twice"),
        (lambda: gg.fft.fftfreq(0), gg.ArgumentError, "fftfreq: n=0 must be 1 or more"),
        (lambda: gg.fft.fftfreq(2.5), gg.DtypeError, "fftfreq: n=2.5 must be an int"),
        (lambda: gg.fft.rfftfreq(4, dtype=int), gg.DtypeError, "rfftfreq: dtype=int64 must be a"),
    ],
)
def test_mistakes(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)
