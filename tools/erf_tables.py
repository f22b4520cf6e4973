"""The coefficients in gpugraph/ops/special.py: prints them anew, from definitions alone.

    python -m tools.erf_tables

Values come from the series of erf and, far out, from the continued fraction of erfc, in decimals of
150 digits; the polynomials interpolate them at Chebyshev's points, of the least degree whose error
is below the bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, getcontext

getcontext().prec = 150
D = Decimal
PI = D(
    "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534"
    "2117067982148086513282306647093844609550582231725359408128"
)
TAIL_CENTRE = D(4)  # of the map of [0, 39] for the normal distribution
CENTRE = D(3)  # of the map of [0, 28] to the polynomial's variable (x - c) / (x + c)


def erf(x: Decimal) -> Decimal:
    """2/sqrt(pi) times the sum of (-1)^n x^(2n+1) / (n! (2n+1))."""
    total, power, n = D(0), x, 0
    while abs(power) > D(10) ** -145 or n == 0:
        total += power / (2 * n + 1)
        n += 1
        power *= -x * x / n
    return 2 / PI.sqrt() * total


def erfc(x: Decimal) -> Decimal:
    """1 - erf(x); beyond 7, where digits would be lost, the continued fraction."""
    if x < 7:
        return 1 - erf(x)
    tail = D(0)
    for n in range(2000, 0, -1):
        tail = D(n) / 2 / (x + tail)
    return (-x * x).exp() / (PI.sqrt() * (x + tail))


def near(z: Decimal) -> Decimal:
    """erf(x) / x - 1 with z = x^2: the polynomial for |x| < 1."""
    x = z.sqrt()
    return erf(x) / x - 1


def far(t: Decimal) -> Decimal:
    """(1 + 2x) e^(x^2) erfc(x) with t = (x - c) / (x + c): near 1 all the way."""
    x = CENTRE * (1 + t) / (1 - t)
    return (1 + 2 * x) * (x * x).exp() * erfc(x)


def mapped(x: Decimal, centre: Decimal = CENTRE) -> Decimal:
    """The variable of `far`, and with the other centre of `tail`."""
    return (x - centre) / (x + centre)


def tail(t: Decimal) -> Decimal:
    """(x + c) e^(x^2 / 2) P(X > x) of a normal number X, with t = (x - c) / (x + c)."""
    x = TAIL_CENTRE * (1 + t) / (1 - t)
    return (x + TAIL_CENTRE) * (x * x / 2).exp() * erfc(x / D(2).sqrt()) / 2


def interpolated(
    f: Callable[[Decimal], Decimal], low: Decimal, high: Decimal, degree: int
) -> list[Decimal]:
    """Coefficients of the polynomial through f at Chebyshev's points, the constant first."""
    half, middle = (high - low) / 2, (high + low) / 2
    points = [
        middle + half * D(math.cos(math.pi * (k + 0.5) / (degree + 1))) for k in range(degree + 1)
    ]
    table = [f(p) for p in points]  # becomes Newton's divided differences
    for order in range(1, degree + 1):
        for k in range(degree, order - 1, -1):
            table[k] = (table[k] - table[k - 1]) / (points[k] - points[k - order])
    result = [table[degree]]
    for k in range(degree - 1, -1, -1):  # times (t - points[k]), plus table[k]
        result = [D(0), *result]
        for i in range(len(result) - 1):
            result[i] -= points[k] * result[i + 1]
        result[0] += table[k]
    return result


def fit(f: Callable[[Decimal], Decimal], low: Decimal, high: Decimal, bound: float) -> list[float]:
    """The polynomial of least degree that lies within the bound of f."""
    probes = [low + (high - low) * D(i) / 60 for i in range(61)]
    values = [f(p) for p in probes]
    for degree in range(2, 40):
        made = interpolated(f, low, high, degree)
        worst = D(0)
        for p, v in zip(probes, values, strict=True):
            got = D(0)
            for c in reversed(made):
                got = got * p + c
            worst = max(worst, abs(got - v))
        if worst < bound:
            return [float(c) for c in made]
    raise ArithmeticError(f"no polynomial of degree below 40 comes within {bound}")


def main() -> None:
    """Print the tables."""
    for digits, bound, end, few, last in (
        ("FLOAT64", 4e-18, D(28), 2e-17, D(39)),
        ("FLOAT32", 1e-9, D(11), 1e-8, D(14)),
    ):
        tables = [
            ("NEAR", fit(near, D("1e-30"), D(1), bound)),
            ("FAR", fit(far, D(-1), mapped(end), bound)),
            ("TAIL", fit(tail, D(-1), mapped(last, TAIL_CENTRE), few)),
        ]
        for name, table in tables:
            print(f"{name}_{digits} = (")
            for c in table:
                print(f"    {c!r},")
            print(")")


if __name__ == "__main__":
    main()
