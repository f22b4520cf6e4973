"""Einstein's summation, and the products that are written as one.

    y = Einsum("ij,jk->ik")(a, b)    y[i, k] = sum over j of a[i, j] * b[j, k]

It is linear in each operand, so the gradient of one is the einsum of the cotangent with the others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from string import ascii_letters
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.errors import ArgumentError, DtypeError, ShapeError
from ..core.methods import FUNCTIONS, public
from ..core.op import Cost, Op, Sample, Spec, traffic
from ..core.tensor import Tensor
from .conjugate import conjugated
from .shape import axes_of, moveaxis, reshape, shape_of

__all__ = ["einsum", "outer", "tensordot", "vecdot"]


@dataclass(frozen=True)
class Einsum(Op):
    """A sum of products over named axes. subscripts: explicit, without ellipsis: "ij,jk->ik"."""

    precision = "low"
    subscripts: str
    keeps = {"xs": ("xs",)}
    view = True  # of one operand without a sum
    checks_first = True
    widens = True
    conjugates = True

    def spec(self, *xs: Spec) -> Spec:
        sizes = self.sizes(*xs)
        return Spec(
            tuple([sizes[label] for label in self.terms()[1]]),
            np.result_type(*(x.dtype for x in xs)),
        )

    def terms(self) -> tuple[list[str], str]:
        """The labels of each operand, and of the result."""
        inputs, output = self.subscripts.split("->")
        return inputs.split(","), output

    def sizes(self, *xs: Spec) -> dict[str, int]:
        """The length that each label stands for."""
        sizes: dict[str, int] = {}
        owner: dict[str, int] = {}
        for i, (labels, x) in enumerate(zip(self.terms()[0], xs, strict=True)):
            for label, n in zip(labels, x.shape, strict=True):
                if sizes.setdefault(label, n) != n:
                    j = owner[label]
                    raise ShapeError(
                        f"einsum: label {label!r} has length {sizes[label]} in operand {j} "
                        f"{xs[j].shape} and {n} in operand {i} {x.shape}"
                    )
                owner.setdefault(label, i)
        return sizes

    def forward(self, xp: Any, *xs: Any) -> Any:
        return xp.einsum(self.subscripts, *xs, optimize=len(xs) > 1)

    def lies(self, *xs: Any) -> Any:
        (first, *rest), output = self.terms()
        return None if rest or {*first} - {*output} else self.forward(np, *xs)

    def vjp_xs(self, node: Any, i: int, g: Tensor) -> Tensor:
        inputs, output = self.terms()
        mine = inputs.pop(i)
        xs = [conjugated(x) for k, x in enumerate(node["xs"]) if k != i]
        spare = (label for label in ascii_letters if label not in self.subscripts)
        result = ""
        for label, n in zip(mine, node.in_specs[i][0], strict=True):
            if label in result:  # a repeated label: the gradient lies on the diagonal
                twin = next(spare)
                inputs.append(label + twin)
                xs.append(FUNCTIONS.eye(n, dtype=g.dtype, device=g.device))
                result += twin
            else:
                if mine.count(label) == 1 and label not in output + "".join(inputs):
                    inputs.append(label)  # summed up here alone: the gradient repeats
                    xs.append(FUNCTIONS.ones(n, dtype=g.dtype, device=g.device))
                result += label
        return apply(Einsum.make(f"{','.join([output, *inputs])}->{result}"), g, *xs)

    def cost(self, *xs: Spec) -> Cost:
        """For two operands the product of all lengths; for more, along NumPy's greedy path."""
        y = self.spec(*xs)
        sizes = self.sizes(*xs)
        if len(xs) == 1:
            return Cost(flops=math.prod(sizes.values()) - y.size, bytes=traffic(*xs, y))
        macs = 0
        formula = []
        terms, output = self.terms()
        for step in _path(self.subscripts, xs):
            taken = [terms.pop(k) for k in sorted(step, reverse=True)]
            labels = sorted({*"".join(taken)})
            macs += (len(taken) - 1) * math.prod(sizes[label] for label in labels)
            formula.append("*".join(str(sizes[label]) for label in labels) or "1")
            rest = output + "".join(terms)
            terms.append("".join(label for label in labels if label in rest))
        return Cost(2 * macs, traffic(*xs, y), macs, " + ".join(formula))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for note, subscripts, *shapes in (
            ("product", "ij,jk->ik", (2, 3), (3, 4)),
            ("batch, transposed", "bij,bkj->kbi", (2, 3, 4), (2, 1, 4)),
            ("labels in one operand only", "ij,kl->k", (2, 3), (4, 2)),
            ("trace", "ii->", (3, 3)),
            ("diagonal", "iji->ij", (3, 2, 3)),
            ("diagonals in a product", "iij,jkk->ik", (2, 2, 3), (3, 4, 4)),
            ("permuted: a view", "ijk->kij", (2, 3, 4)),
            ("three operands", "i,ij,j->", (2,), (2, 3), (3,)),
            ("four operands", "ab,bc,cd,da->ac", (2, 3), (3, 4), (4, 1), (1, 2)),
            ("numbers", ",i->i", (), (3,)),
            ("empty", "ij,j->i", (2, 0), (0,)),
        ):
            yield Sample(cls(subscripts), tuple([rng.standard_normal(s) for s in shapes]), note)


def _path(subscripts: str, xs: tuple[Spec, ...]) -> list[tuple[int, ...]]:
    """The order in which NumPy contracts more than two operands."""
    if len(xs) == 2 or any(x.size == 0 for x in xs):
        return [tuple(range(len(xs)))]
    blanks = [np.broadcast_to(np.float32(0), x.shape) for x in xs]  # no memory
    return np.einsum_path(subscripts, *blanks, optimize="greedy")[0][1:]


@public
def einsum(subscripts: str, /, *operands: Any) -> Tensor:
    """Einstein's summation over labelled axes, as NumPy writes it: "bij,bjk->bik".

    Without "->" the result has the ellipsis, then the labels that appear once, in alphabetical
    order. A label may repeat in one operand (the diagonal); "..." stands for axes that broadcast,
    and axes of length 1 broadcast, too. Raises ArgumentError for bad subscripts, ShapeError for
    lengths that differ.
    """
    if not isinstance(subscripts, str):
        raise DtypeError(f"einsum: subscripts is a {type(subscripts).__name__}; it must be a str")
    shapes = tuple([shape_of("einsum", x, f"operand {i}") for i, x in enumerate(operands)])
    op, wanted = _planned(subscripts, shapes)
    return apply(op, *(x if s is None else reshape(x, s) for x, s in zip(operands, wanted)))


@lru_cache(maxsize=1024)
def _planned(
    subscripts: str, shapes: tuple[tuple[int, ...], ...]
) -> tuple[Einsum, list[tuple[int, ...] | None]]:
    """The op, and for each operand the shape that it needs, without its axes that broadcast."""
    terms, output = _explicit(subscripts, shapes)
    longest: dict[str, int] = {}
    for labels, shape in zip(terms, shapes, strict=True):
        for label, n in zip(labels, shape, strict=True):
            longest[label] = n if longest.get(label, 1) == 1 else longest[label]
    wanted: list[tuple[int, ...] | None] = []
    for i, (labels, shape) in enumerate(zip(terms, shapes, strict=True)):
        kept = [(a, n) for a, n in zip(labels, shape, strict=True) if n != 1 or longest[a] == 1]
        terms[i] = "".join(label for label, _ in kept)
        wanted.append(tuple([n for _, n in kept]) if len(kept) < len(shape) else None)
    return Einsum(f"{','.join(terms)}->{output}"), wanted


def _explicit(subscripts: str, shapes: tuple[tuple[int, ...], ...]) -> tuple[list[str], str]:
    """The labels of each operand and of the result, the ellipsis replaced by labels of its own."""
    text = subscripts.replace(" ", "")
    left, arrow, output = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise ArgumentError(
            f"einsum: {subscripts!r} names {len(terms)} operands, {len(shapes)} were given"
        )
    hidden = []  # how many axes the ellipsis of each operand stands for
    for i, (term, shape) in enumerate(zip(terms, shapes, strict=True)):
        named = _named(subscripts, term)
        hidden.append(len(shape) - len(named))
        if hidden[i] < 0 or (hidden[i] > 0 and named == term):
            raise ShapeError(
                f"einsum: operand {i} {shape} has {len(shape)} axes; {term!r} names {len(named)}"
            )
    unused = [label for label in ascii_letters if label not in text]
    dots = "".join(unused[: max(hidden)])
    terms = [t.replace("...", dots[len(dots) - n :]) for t, n in zip(terms, hidden, strict=True)]
    named = _named(subscripts, output)
    if not arrow:
        labels = left.replace(",", "").replace("...", "")
        return terms, dots + "".join(sorted(a for a in labels if labels.count(a) == 1))
    if len(set(named)) < len(named) or set(named) - set(left):
        raise ArgumentError(
            f"einsum: the result {output!r} of {subscripts!r} must name labels of the operands, "
            "each once"
        )
    return terms, output.replace("...", dots)


def _named(subscripts: str, term: str) -> str:
    """The labels of a term without its ellipsis."""
    named = term.replace("...", "", 1)
    if not all(label in ascii_letters for label in named):
        raise ArgumentError(
            f"einsum: {subscripts!r} must be made of letters, commas, one ... an operand, and ->"
        )
    return named


@public
def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Tensor:
    """The sum of products over several axes of both.

    axes  a number n: the last n of x1 with the first n of x2; or two sequences of axes, in pairs
    """
    shape1, shape2 = shape_of("tensordot", x1, "x1"), shape_of("tensordot", x2, "x2")
    if isinstance(axes, int):
        if not 0 <= axes <= min(len(shape1), len(shape2)):
            raise ArgumentError(f"tensordot: axes={axes} is too many for x1 {shape1} x2 {shape2}")
        axes = (tuple(range(len(shape1) - axes, len(shape1))), tuple(range(axes)))
    axes1 = axes_of("tensordot", axes[0], shape1, "x1")
    axes2 = axes_of("tensordot", axes[1], shape2, "x2")
    lengths = [shape1[a] for a in axes1], [shape2[a] for a in axes2]
    if lengths[0] != lengths[1]:
        raise ShapeError(
            f"tensordot: x1 {shape1} and x2 {shape2} differ in the paired axes {axes}: "
            f"{lengths[0]} and {lengths[1]}"
        )
    labels1 = ascii_letters[: len(shape1)]
    labels2 = list(ascii_letters[len(shape1) : len(shape1) + len(shape2)])
    for a, b in zip(axes1, axes2, strict=True):
        labels2[b] = labels1[a]
    result = [label for label in (*labels1, *labels2) if (label in labels1) != (label in labels2)]
    inputs = f"{labels1},{''.join(labels2)}"
    return apply(Einsum.make(f"{inputs}->{''.join(result)}"), x1, x2)


@public
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Tensor:
    """The sum of conj(x1) * x2 over one axis of both; the other axes broadcast."""
    shape1, shape2 = shape_of("vecdot", x1, "x1"), shape_of("vecdot", x2, "x2")
    (a,), (b,) = axes_of("vecdot", axis, shape1, "x1"), axes_of("vecdot", axis, shape2, "x2")
    if shape1[a] != shape2[b]:
        raise ShapeError(
            f"vecdot: x1 {shape1} and x2 {shape2} differ in axis {axis}: "
            f"{shape1[a]} and {shape2[b]}"
        )
    x1 = FUNCTIONS.conj(x1) if x1.dtype.kind == "c" else x1
    return einsum("...i,...i->...", moveaxis(x1, a, -1), moveaxis(x2, b, -1))


@public
def outer(x1: Any, x2: Any, /) -> Tensor:
    """y[i, j] = x1[i] * x2[j] for vectors, or all elements of what is no vector."""
    return einsum("i,j->ij", reshape(x1, (-1,)), reshape(x2, (-1,)))
