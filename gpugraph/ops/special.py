"""Special functions: the error function, its complement and its inverse.

    erf(x)  = 2/sqrt(pi) * integral of e^(-t^2) from 0 to x
    erfc(x) = 1 - erf(x), without loss of digits for large x

Near 0, erf(x) = x + x P(x^2). For x >= 0, erfc(x) = e^(-x^2) Q(t) / (1 + 2x) with
t = (x - c) / (x + c): a map of all positive x to one short interval, on which Q stays close to 1.2
(Shepherd and Laframboise, "Chebyshev approximation of (1+2x)exp(x^2)erfc x in 0 <= x < infinity",
1981). The coefficients of P and Q are our own: tools/erf_tables.py computes them from the series.

The normal distribution has a table of its own, T(t) = (x + 4) e^(x^2/2) P(X > x) with t as above,
c = 4: one quotient less, and a few ulp, enough for gelu.

Results of erf and erfc lie within 2 units in the last place over the whole range. erf takes the
simple formula in the dtype of x, since 1 - erfc hides a few roundings of erfc; erfc needs more
care, and float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.errors import DtypeError
from ..core.methods import FUNCTIONS, public
from ..core.tensor import Tensor
from . import activation_cpu
from .dtypes import promoted
from .elementwise import Unary

__all__ = ["erf", "erfc", "erfinv"]

CENTRE = 3.0  # c
TAIL_CENTRE = 4.0  # the same for the normal distribution
SLOPE = 2 / math.sqrt(math.pi)  # of erf at 0
WINITZKI = 0.147  # his constant, for the first guess of erfinv
SPLIT = 0.45  # below, Q is steep, and roundings of t show: 1 - erf is better
BLOCK = 1 << 16  # elements: the intermediates stay in a cache, and calls are few

# Coefficients, the constant first; those for float32 need fewer terms
NEAR_FLOAT64 = (
    0.1283791670955126,
    -0.3761263890318375,
    0.11283791670954879,
    -0.026866170645076792,
    0.0052239776248180145,
    -0.000854832698083379,
    0.0001205533111164271,
    -1.4925595266831182e-05,
    1.6461000484121368e-06,
    -1.6350312701054695e-07,
    1.4659775274047436e-08,
    -1.1372848856791674e-09,
    5.957176147748911e-11,
)
FAR_FLOAT64 = (
    1.2530080582697296,
    -0.13562110612458114,
    -0.047562294353450885,
    0.12964515870275692,
    -0.11927366341529412,
    0.06830802734413972,
    -0.0237705149191233,
    0.002529391812930737,
    0.0018886903660093953,
    -0.0007798322389793649,
    -0.00010515985007185607,
    0.00012509914192410698,
    4.949692873058816e-06,
    -2.0099719336350727e-05,
    -7.319994916300909e-07,
    3.47018936843861e-06,
    3.5740689528477796e-07,
    -6.128658435976342e-07,
    -1.416150470656424e-07,
    9.784444456871524e-08,
    4.1021252342694524e-08,
    -1.0890349506249296e-08,
    -7.636882562087533e-09,
    3.4837520947314515e-10,
    5.774514059472332e-10,
)
NEAR_FLOAT32 = (
    0.12837916706154343,
    -0.3761263846802871,
    0.11283782495236845,
    -0.026865430727670243,
    0.005221031807858023,
    -0.0008484080405535107,
    0.00011265959025606609,
    -9.667044571486996e-06,
)
FAR_FLOAT32 = (
    1.2530080591428208,
    -0.1356211087430914,
    -0.04756240440653541,
    0.12964524339519987,
    -0.1192713770893743,
    0.06830799958144855,
    -0.023787735988358233,
    0.002520801145510911,
    0.0019430951614387644,
    -0.000730318118808006,
    -0.00016513885499580197,
    4.188165158950082e-05,
)
TAIL_FLOAT64 = (
    0.7552851304157515,
    -0.6078966419718917,
    0.38713740074221886,
    -0.18652185795969417,
    0.06039657489069947,
    -0.007540188965593059,
    -0.0034796923622425332,
    0.0016308184418903596,
    0.00013334425401904912,
    -0.0002310948183193762,
    -1.9078665316613576e-06,
    3.5144181157760973e-05,
    7.150055959216099e-07,
    -5.918892731763236e-06,
    -6.25132104047868e-07,
    1.0198048518135172e-06,
    2.6368248576407624e-07,
    -1.5426320536771075e-07,
    -7.63808205349045e-08,
    1.4578593347036461e-08,
    1.3924023993501711e-08,
    7.26954547902663e-11,
    -9.653425420228508e-10,
)
TAIL_FLOAT32 = (
    0.7552851383227722,
    -0.6078966182822692,
    0.38713668408577256,
    -0.1865226849099879,
    0.06040668872980527,
    -0.0075292507030986265,
    -0.0035261837003900368,
    0.001572317879442563,
    0.00020126173028404666,
    -0.00012018440110144364,
)


def polynomial(table: Sequence[float], x: Any) -> Any:
    """The sum of table[k] x^k, by Horner's rule."""
    y = table[-1] * x
    for c in table[-2:0:-1]:
        y += c
        y *= x
    y += table[0]
    return y


def erf_near(table: Sequence[float], x: Any) -> Any:
    """erf(x) for |x| <= 1."""
    return x + x * polynomial(table, x * x)


def scaled_erfc(table: Sequence[float], x: Any) -> Any:
    """e^(x^2) erfc(x) for x >= 0."""
    return polynomial(table, (x - CENTRE) / (x + CENTRE)) / (1.0 + 2.0 * x)


def erfc_far(xp: Any, table: Sequence[float], x: Any) -> Any:
    """erfc(x) for x >= SPLIT in float64; 0 from 28 on, where it has no smaller number.

    One rounding remains, that of e^(-h^2), with h the head of x, such that h^2 is exact. Those of
    the quotient and of the product are worked out, and with all else that is small added at last.
    """
    x = xp.clip(x, SPLIT, 28.0)
    q = polynomial((0.0, *table[1:]), (x - CENTRE) / (x + CENTRE))
    high = table[0] + q
    low = (table[0] - high) + q
    divisor = 1.0 + 2.0 * x
    quotient = high / divisor
    h, k = head(quotient), head(divisor)
    rest = high - h * k - h * (divisor - k) - (quotient - h) * divisor  # h k is exact
    rest += low - quotient * ((1.0 - divisor) + 2.0 * x)
    h, k = head(x), head(quotient)
    power = xp.exp(-h * h)
    scaled = 134217729.0 * power  # 2^27 + 1: Veltkamp's way to a head, also of tiny numbers
    top = scaled - (scaled - power)
    y = power * quotient
    lost = (top * k - y) + top * (quotient - k) + (power - top) * quotient
    y += y * xp.expm1((h - x) * (h + x)) + (power * (rest / divisor) + lost)
    return y


def head(x: Any) -> Any:
    """The first half of the digits of x: products of two heads are exact in float64."""
    return x.astype(np.float32).astype(np.float64)


def normal_tail(xp: Any, table: Sequence[float], x: Any) -> Any:
    """e^(x^2 / 2) times the probability of a normal number above x >= 0: a few roundings off."""
    inverse = xp.reciprocal(x + TAIL_CENTRE)
    t = inverse * (-2 * TAIL_CENTRE)
    t += 1
    inverse *= polynomial(table, t)
    return inverse


def chosen(mask: Any, yes: Any, no: Any) -> Any:
    """`where` for finite numbers and NaN in both: twice as fast if the mask is in no order."""
    return yes * mask + no * ~mask


def in_blocks(xp: Any, function: Callable[..., Any], dtype: Any, *arrays: Any) -> Any:
    """function(*arrays), elementwise; on the CPU for as many elements at a time as stay in a cache.

    arrays  of one shape; the result lies as the first of them
    """
    first = arrays[0]
    if xp is not np or first.size <= BLOCK:
        return function(*arrays)
    y = np.empty_like(first, dtype, subok=False)
    flat = y.ravel(order="K")
    rows = [alike(a, first).ravel(order="K") for a in arrays]
    for start in range(0, first.size, BLOCK):
        block = slice(start, start + BLOCK)
        flat[block] = function(*[row[block] for row in rows])
    return y


def alike(a: Any, first: Any) -> Any:
    """a, with its axes in the same order in memory as the first array's."""
    if a.strides == first.strides:
        return a
    copy = np.empty_like(first, a.dtype, subok=False)
    copy[...] = a
    return copy


class ErrorFunction(Unary, abstract=True):
    """Base of erf and erfc, of real numbers alone."""

    domain = (-1.5, 1.5)
    flops = 40
    keeps = {"x": ("x",)}

    def result(self, dtype: Any) -> Any:
        if dtype.kind == "c":
            raise DtypeError(f"{self.label}: x is {dtype}; it takes real numbers")
        return promoted("exp", dtype)


class Erf(ErrorFunction):
    """2/sqrt(pi) times the integral of e^(-t^2) from 0 to x."""

    widens = True

    def forward(self, xp: Any, x: Any) -> Any:
        dtype = self.result(x.dtype)
        near, far = (
            (NEAR_FLOAT32, FAR_FLOAT32) if dtype.itemsize < 8 else (NEAR_FLOAT64, FAR_FLOAT64)
        )

        def block(x: Any) -> Any:
            x = x.astype(dtype)
            inner = erf_near(near, xp.clip(x, -1.0, 1.0))
            outer = xp.clip(xp.abs(x), 1.0, 6.0)
            outer = 1.0 - xp.exp(-outer * outer) * scaled_erfc(far, outer)
            return chosen(xp.abs(x) < 1.0, inner, xp.copysign(outer, x))

        return in_blocks(xp, block, dtype, x)

    def cpu(self, lib: Any, x: Any) -> Any:
        return activation_cpu.activation(lib, self.label, 0.0, x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return g * (SLOPE * FUNCTIONS.exp(-FUNCTIONS.square(node["x"])))


class Erfc(ErrorFunction):
    """1 - erf(x)."""

    def forward(self, xp: Any, x: Any) -> Any:
        dtype = self.result(x.dtype)
        narrow = dtype.itemsize < 8

        def block(x: Any) -> Any:
            x = x.astype(np.float64)
            outer = xp.abs(x)
            if narrow:  # the roundings of float64 don't show
                outer = xp.clip(outer, 0.0, 28.0)
                outer = xp.exp(-outer * outer) * scaled_erfc(FAR_FLOAT32, outer)
            else:
                outer = erfc_far(xp, FAR_FLOAT64, outer)
            outer = xp.abs(2.0 * (x < 0) - outer)
            if narrow:
                return outer.astype(dtype)
            inner = 1.0 - erf_near(NEAR_FLOAT64, xp.clip(x, -1.0, 1.0))
            return chosen(xp.abs(x) < SPLIT, inner, outer)

        return in_blocks(xp, block, dtype, x)

    def cpu(self, lib: Any, x: Any) -> Any:
        return activation_cpu.activation(lib, self.label, 0.0, x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return g * (-SLOPE * FUNCTIONS.exp(-FUNCTIONS.square(node["x"])))


class Erfinv(ErrorFunction):
    """The x with erf(x) = y.

    A first guess from Winitzki's closed form ("A handy approximation for the error function and its
    inverse", 2008), 2 to 3 digits, and three of Halley's steps, which triple them. For large |y|
    they solve erfc(x) = 1 - |y|, which is exact there.
    """

    domain = (-0.9, 0.9)
    keeps = {"x": ("y",)}
    flops = 200

    def forward(self, xp: Any, x: Any) -> Any:
        result = self.result(x.dtype)
        y = xp.abs(x.astype(np.float64))
        rest = xp.clip(1.0 - y, 1e-300, 1.0)
        half = xp.log(rest * (1.0 + y)) / 2
        lead = 2 / (math.pi * WINITZKI) + half
        z = xp.sqrt(xp.maximum(xp.sqrt(lead * lead - 2 * half / WINITZKI) - lead, 0.0))
        for _ in range(3):
            off = xp.where(
                y < 0.5,
                erf_near(NEAR_FLOAT64, xp.clip(z, 0.0, 1.0)) - y,
                rest - erfc_far(xp, FAR_FLOAT64, z),
            )
            step = off / (SLOPE * xp.exp(-z * z))
            z = z - step / (1.0 + z * step)
        z = xp.where(y == 1.0, math.inf, xp.where(y > 1.0, math.nan, z))
        z = xp.where(y < 1e-8, y / SLOPE, z)
        return xp.copysign(z, x).astype(result)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return g * (FUNCTIONS.exp(FUNCTIONS.square(node["y"])) / SLOPE)


ERF, ERFC, ERFINV = Erf(), Erfc(), Erfinv()


@public
def erf(x: Any, /) -> Tensor:
    """The error function, 2/sqrt(pi) * integral of e^(-t^2) from 0 to x; within 2 ulp."""
    return apply(ERF, x)


@public
def erfc(x: Any, /) -> Tensor:
    """1 - erf(x), with all its digits also where erf is almost 1; within 2 ulp."""
    return apply(ERFC, x)


@public
def erfinv(x: Any, /) -> Tensor:
    """The inverse of `erf`: infinite at 1 and -1, NaN beyond; within 4 ulp."""
    return apply(ERFINV, x)
