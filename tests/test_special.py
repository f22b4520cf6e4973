"""The error function against a series in exact decimals, over the whole range."""

from decimal import Decimal, localcontext

import numpy as np
import pytest

import gpugraph as gg
from gpugraph.testing import gradcheck

PI = Decimal(
    "3.1415926535897932384626433832795028841971693993751058209749445923078164062862089986280348"
)


def exact(x):
    """(erf(x), erfc(x)) for a float, from a series without cancellation:
    2 e^(-x^2) / sqrt(pi) times the sum of 2^n x^(2n+1) / (1 3 5 ... (2n+1)).

    PI has 89 digits: enough for erf, and for erfc up to 11; see `far` beyond.
    """
    x = Decimal(float(x))
    total, term, n = Decimal(0), x, 0
    while abs(term) > Decimal(10) ** -90 * abs(total) or n == 0:
        total += term
        n += 1
        term *= 2 * x * x / (2 * n + 1)
    erf = 2 / PI.sqrt() * (-x * x).exp() * total
    return erf, 1 - erf


def far(x):
    """erfc(x) for x >= 5: 2x e^(-x^2) / pi times the integral of e^(-t^2) / (x^2 + t^2) over t > 0.

    The trapezoid rule's error falls as e^(-(pi/h)^2): a step of 1/4 is enough for 60 digits.
    """
    x, h = Decimal(float(x)), Decimal("0.25")
    total = 1 / (2 * x * x)
    for i in range(1, 50):
        t = i * h
        total += (-t * t).exp() / (x * x + t * t)
    return 2 * x * (-x * x).exp() / PI * total * h


def ulps(got, want):
    """By how many units in the last place of the right answer (a Decimal) a number is off."""
    nearest = got.dtype.type(float(want))
    unit = np.spacing(np.abs(nearest))
    return float(abs(Decimal(float(got)) - want) / Decimal(float(unit)))


def points(dtype):
    rng = np.random.default_rng(3)
    near = np.concatenate([rng.uniform(a, b, 60) for a, b in ((0, 0.5), (0.4, 1.1), (1, 6))])
    edges = [1e-30, 0.45, np.nextafter(0.45, 0), 1.0, np.nextafter(1, 0), np.nextafter(1, 2), 6.0]
    return np.concatenate([near, -near, edges]).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_erf_and_erfc_within_2_ulp(dtype):
    xs = points(dtype)
    got = gg.erf(xs).numpy(), gg.erfc(xs).numpy()
    assert got[0].dtype == got[1].dtype == dtype
    with localcontext() as context:
        context.prec = 100
        for x, *ys in zip(xs, *got, strict=True):
            assert max(map(ulps, ys, exact(x))) <= 2, x


def test_erfc_far_out_within_2_ulp():
    xs = np.concatenate([np.linspace(6, 26.5, 8), [26.7, 27.2, 27.22]])  # subnormal at last
    with localcontext() as context:
        context.prec = 40
        for x, y in zip(xs, gg.erfc(xs).numpy(), strict=True):
            assert ulps(y, far(x)) <= 2, x


@pytest.mark.parametrize(
    "dtype, least, most", [("float32", 1e-45, 3e38), ("float64", 5e-324, 1e308)]
)
def test_special_values(dtype, least, most):
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, least, most, -most, 28.0], dtype)
    erf, erfc = gg.erf(x).numpy(), gg.erfc(x).numpy()
    np.testing.assert_array_equal(erf, [0, 0, 1, -1, np.nan, x[5], 1, -1, 1])
    assert np.signbit(erf[1])
    np.testing.assert_array_equal(erfc, [1, 1, 0, 2, np.nan, 1, 0, 2, 0])


def test_dtypes():
    for dtype, wanted in ((np.int64, np.float64), (np.int16, np.float32), (np.float16, np.float16)):
        assert gg.erf(np.array([0, 1, 2], dtype)).dtype == wanted
    assert gg.zeros(3, device="meta").erf().dtype == np.float32
    with pytest.raises(gg.DtypeError, match="erf: x is complex128; it takes real numbers"):
        gg.erf(np.array([1j]))


def test_gradients_of_any_order():
    x = np.array([-3.0, -1.0, -0.3, 0.0, 0.45, 1.0, 4.5])
    for f in (gg.erf, gg.erfc):
        gradcheck(f, x, order=3)
    leaf = gg.Tensor(np.array([100.0, -np.inf]), requires_grad=True)
    assert gg.grad(gg.erfc(leaf).sum(), leaf)[0].tolist() == [0.0, 0.0]


def test_erfinv_within_4_ulp():
    rng = np.random.default_rng(4)
    near_1 = 1 - 10 ** rng.uniform(-16, -2, 40)
    ys = np.concatenate([rng.uniform(-1, 1, 60), near_1, 10 ** rng.uniform(-12, 0, 30)])
    with localcontext() as context:
        context.prec = 80
        for y, x in zip(ys, gg.erfinv(ys).numpy(), strict=True):
            slope = 2 / PI.sqrt() * (-(Decimal(float(x)) ** 2)).exp()
            off = (exact(x)[0] - Decimal(float(y))) / slope  # how far from the root
            assert abs(off) <= 4 * Decimal(float(np.spacing(abs(x)))), y
    edges = gg.erfinv(np.array([1.0, -1, 0, -0.0, 1.5, np.nan, 5e-324])).numpy()
    np.testing.assert_array_equal(edges[:6], [np.inf, -np.inf, 0, 0, np.nan, np.nan])
    assert np.signbit(edges[3]) and edges[6] == 5e-324
    gradcheck(gg.erfinv, np.array([-0.9, -0.1, 0.0, 0.7]), order=3)
    assert gg.erfinv(np.float32(0.5) * np.ones(2, np.float32)).dtype == np.float32
