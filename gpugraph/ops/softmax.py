"""Softmax, its logarithm, and the losses built on them.

All subtract the largest logit first, so that no exponential overflows. A row of -inf alone has no
distribution and gives NaN, as in PyTorch, without a warning.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

import numpy as np

from ..core.apply import apply
from ..core.backend import MetaArray
from ..core.errors import ArgumentError, DtypeError, IndexRangeError, ShapeError
from ..core.methods import public
from ..core.op import Cost, Op, Sample, Spec, traffic
from ..core.tensor import Tensor
from ..core.window import per_axis
from ..cuda.device import THREADS
from ..cuda.kernel import FLOATS, Kernel, only_floats
from .activation import check_floating
from .compare import where
from .creation import asarray
from .elementwise import subtract
from .shape import axes_of, shape_of

__all__ = ["cross_entropy", "log_softmax", "mse_loss", "nll_loss", "one_hot", "softmax"]

ROWS, LOG_ROWS, LOSS_ROWS = (
    Kernel(
        "ops/softmax.cu", name,
        f"{arrays}, long long rows, long long length, long long inner, int team", T=FLOATS,
    )
    for name, arrays in (
        ("softmax", "const T* x, T* y"),
        ("log_softmax", "const T* x, T* y"),
        ("cross_entropy", "const T* logits, const long long* target, T* loss, T* log_probs"),
    )
)  # fmt: skip


def check_target(label: str, target: Spec, wanted: tuple[int, ...], classes: int) -> None:
    """Raise unless target has integers in the wanted shape."""
    if target.dtype.kind not in "iu":
        raise DtypeError(
            f"{label}: target is {target.dtype}; it takes class indices 0 to {classes - 1} in an "
            "integer dtype. Use target.astype(gpugraph.int64)"
        )
    if target.shape != wanted:
        raise ShapeError(
            f"{label}: target {target.shape} must have one class index per sample: {wanted}"
        )


def check_classes(label: str, target: Any, classes: int) -> None:
    """Raise unless every class index lies in 0 to classes - 1. Looks at the values."""
    if not target.size:
        return
    for found in (int(target.min()), int(target.max())):
        if not 0 <= found < classes:
            raise IndexRangeError(
                f"{label}: target has class {found}; there are {classes} classes, "
                f"0 to {classes - 1}"
            )


def shifted(xp: Any, x: Any, axis: int) -> Any:
    """x minus its largest element along the axis; -inf stays -inf."""
    top = x.max(axis=axis, keepdims=True)
    return x - xp.where(top == -xp.inf, x.dtype.type(0), top)


def log_probabilities(xp: Any, x: Any, axis: int) -> Any:
    """The logarithm of the softmax of an array."""
    if not x.size:
        return x.copy()
    with np.errstate(divide="ignore", invalid="ignore"):
        z = shifted(xp, x, axis)
        return z - xp.log(xp.exp(z).sum(axis=axis, keepdims=True))


def launch_rows(dev: Any, kernel: Kernel, *arrays: Any, shape: tuple[int, ...], axis: int) -> None:
    """Launch a kernel of ``softmax.cu`` over the rows of an array along an axis.

    A row gets one thread if it is short, or if neighbours in memory belong to different rows (so
    that neighbouring threads read neighbours); a warp if it is longer, a block if it is long.
    """
    length = shape[axis]
    inner = prod(shape[axis % len(shape) + 1 :])
    rows = prod(shape) // max(1, length)
    team = THREADS if length > 1024 else 1 if length <= 16 or inner >= 32 else 32
    dev.launch(kernel, *arrays, rows, length, inner, team, threads=rows * team)


@dataclass(frozen=True)
class AlongAxis(Op, abstract=True):
    """Base of softmax and its logarithm."""

    axis: int
    kernel: ClassVar[Kernel]
    keeps = {"x": ("y",)}
    checks_first = True
    widens = True

    def spec(self, x: Spec) -> Spec:
        check_floating(self.label, x)
        axes_of(self.label, self.axis, x.shape)
        return x

    def cuda(self, dev: Any, x: Any) -> Any:
        y = dev.empty(x.shape, x.dtype)
        launch_rows(dev, self.kernel, dev.contiguous(x), y, shape=x.shape, axis=self.axis)
        return y

    def kernel_limits(self, x: Spec) -> str | None:
        return only_floats(x)

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=5 * x.size, bytes=traffic(x, x))  # max, minus, exp, sum, divide or minus

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls(-1), (rng.standard_normal((3, 5)),))
        yield Sample(cls(1), (rng.standard_normal((2, 4, 3)),), "middle axis")
        yield Sample(cls(0), (rng.standard_normal((4, 6)).T[::2],), "strided")
        yield Sample(cls(-1), (np.array([[1000.0, 999.0, -1000.0]]),), "large", smooth=False)
        yield Sample(cls(-1), (np.array([[0.5, -np.inf, 1.0]]),), "one -inf", smooth=False)
        yield Sample(cls(-1), (np.full((2, 3), -np.inf),), "-inf alone", smooth=False)
        yield Sample(cls(1), (rng.standard_normal((3, 1)),), "one class", smooth=False)
        yield Sample(cls(1), (np.zeros((3, 0)),), "empty")
        yield Sample(cls(0), (rng.standard_normal((21, 3)),), "rows for a warp each")
        yield Sample(cls(1), (rng.standard_normal((2, 1100)),), "rows for a block each")
        x = 100 * rng.standard_normal((3, 40))
        x[1, 33], x[2, 1:] = np.nan, -np.inf
        yield Sample(cls(1), (x,), "far apart; a NaN; all -inf but one", smooth=False)


class Softmax(AlongAxis):
    """e^x over its sum along an axis."""

    kernel = ROWS

    def forward(self, xp: Any, x: Any) -> Any:
        if not x.size:
            return x.copy()
        with np.errstate(invalid="ignore"):
            e = xp.exp(shifted(xp, x, self.axis))
            return e / e.sum(axis=self.axis, keepdims=True)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        y = node["y"]
        gy = g * y
        return gy - y * gy.sum(axis=self.axis, keepdims=True)


class LogSoftmax(AlongAxis):
    """The logarithm of softmax, exact where the softmax itself underflows."""

    kernel = LOG_ROWS

    def forward(self, xp: Any, x: Any) -> Any:
        return log_probabilities(xp, x, self.axis)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return g - node["y"].exp() * g.sum(axis=self.axis, keepdims=True)


@dataclass(frozen=True)
class OneHot(Op):
    """1 at the class of each target, 0 elsewhere, along a new axis (target (N, ...) -> y)."""

    classes: int
    axis: int
    dtype: str
    nondifferentiable = ("y",)

    def spec(self, target: Spec) -> Spec:
        at = self.axis % (target.ndim + 1)
        shape = (*target.shape[:at], self.classes, *target.shape[at:])
        return Spec(shape, np.dtype(self.dtype))

    def forward(self, xp: Any, target: Any) -> Any:
        at = self.axis % (target.ndim + 1)
        classes = xp.arange(self.classes).reshape(-1, *(1,) * (target.ndim - at))
        return (xp.expand_dims(target, at) == classes).astype(self.dtype)

    def cost(self, target: Spec) -> Cost:
        return Cost(flops=0, bytes=traffic(target, self.spec(target)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls(4, 1, "bool"), (rng.integers(0, 4, (3, 2)),))
        yield Sample(cls(3, -1, "int64"), (rng.integers(0, 3, (5,)),))
        yield Sample(cls(3, -1, "int64"), (np.zeros((0,), np.int64),), "empty")


class CrossEntropy(Op):
    """loss = -log softmax(logits)[target], classes along axis 1.

    d loss / d logits = softmax - one hot: backward needs the log-probabilities alone.
    """

    outputs = ("loss", "log_probs")
    keeps = {"logits": ("target", "log_probs")}
    checks_first = True
    widens = True

    def spec(self, logits: Spec, target: Spec) -> tuple[Spec, Spec]:
        check_floating("cross_entropy", logits, "logits")
        N, C, *rest = _classified("cross_entropy", "logits", logits.shape)
        check_target("cross_entropy", target, (N, *rest), C)
        return Spec((N, *rest), logits.dtype), logits

    def forward(self, xp: Any, logits: Any, target: Any) -> tuple[Any, Any]:
        check_classes("cross_entropy", target, logits.shape[1])
        log_probs = log_probabilities(xp, logits, 1)
        chosen = xp.expand_dims(target, 1).astype(np.int64, copy=False)  # (N, ...) -> (N, 1, ...)
        return -xp.take_along_axis(log_probs, chosen, axis=1).squeeze(1), log_probs

    def cuda(self, dev: Any, logits: Any, target: Any) -> tuple[Any, Any]:
        check_classes("cross_entropy", target, logits.shape[1])
        target = dev.contiguous(target.astype(np.int64, copy=False))
        loss, log_probs = (dev.empty(a.shape, logits.dtype) for a in (target, logits))
        arrays = dev.contiguous(logits), target, loss, log_probs
        launch_rows(dev, LOSS_ROWS, *arrays, shape=logits.shape, axis=1)
        return loss, log_probs

    def kernel_limits(self, logits: Spec, target: Spec) -> str | None:
        return only_floats(logits)

    def vjp_logits(self, node: Any, g: Tensor | None, g_log: Tensor | None) -> Tensor:
        log_probs = node["log_probs"]
        p = log_probs.exp()
        parts = []
        if g is not None:
            classes = apply(OneHot.make(p.shape[1], 1, "bool"), node["target"])
            parts.append((p - classes) * g.reshape(g.shape[0], 1, *g.shape[1:]))
        if g_log is not None:  # log_probs feed gradients of higher order
            parts.append(g_log - p * g_log.sum(axis=1, keepdims=True))
        return parts[0] if len(parts) == 1 else parts[0] + parts[1]

    def cost(self, logits: Spec, target: Spec) -> Cost:
        return Cost(
            flops=5 * logits.size, bytes=traffic(logits, target, *self.spec(logits, target))
        )

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls(), (rng.standard_normal((4, 3)), rng.integers(0, 3, 4)))
        yield Sample(
            cls(), (rng.standard_normal((2, 5, 3, 1)), rng.integers(0, 5, (2, 3, 1))), "per pixel"
        )
        yield Sample(cls(), (rng.standard_normal((3, 4)), np.array([3, 0, 3], np.uint8)), "uint8")
        yield Sample(
            cls(),
            (rng.standard_normal((2, 35, 3)), np.array([[0, 32, 34], [7, 31, 33]])),
            "rows for a warp each",
        )
        yield Sample(
            cls(), (rng.standard_normal((2, 1100)), np.array([1099, 256])), "rows for a block each"
        )
        yield Sample(
            cls(),
            (np.array([[1000.0, -1000.0, 0.0], [0.0, -np.inf, 1.0]]), np.array([1, 0])),
            "large and -inf",
            smooth=False,
        )
        yield Sample(cls(), (np.zeros((0, 3)), np.zeros((0,), np.int64)), "no samples")


CROSS_ENTROPY = CrossEntropy()


def _classified(label: str, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape, if it is (N, C, ...) with at least one class."""
    if len(shape) < 2 or shape[1] == 0:
        raise ShapeError(f"{label}: {name} {shape} must be (N, C) or (N, C, ...) with C classes")
    return shape


def _classes(
    label: str, target: Any, wanted: tuple[int, ...], classes: int, axis: int, dtype: str
) -> Tensor:
    """The one-hot form of a checked target."""
    target = asarray(target) if isinstance(target, int) else target
    check_target(label, Spec(shape_of(label, target, "target"), target.dtype), wanted, classes)
    array = getattr(target, "array", target)
    if not isinstance(array, MetaArray):
        check_classes(label, array, classes)
    return apply(OneHot.make(classes, axis, dtype), target)


@public
def softmax(x: Any, dim: int = -1) -> Tensor:
    """e^x over its sum along the axis `dim`: positive numbers that add up to 1."""
    return apply(Softmax.make(dim), x)


@public
def log_softmax(x: Any, dim: int = -1) -> Tensor:
    """log(softmax(x, dim)), computed so that neither end over- or underflows."""
    return apply(LogSoftmax.make(dim), x)


@public
def one_hot(x: Any, num_classes: int) -> Tensor:
    """1 at each class index, 0 elsewhere, int64: (...) -> (..., num_classes)."""
    (classes,) = per_axis("one_hot", "num_classes", num_classes, 1, least=0)
    return _classes("one_hot", x, shape_of("one_hot", x), classes, axis=-1, dtype="int64")


@public
def cross_entropy(logits: Any, target: Any, reduction: str = "mean") -> Tensor:
    """-log softmax(logits)[target] for each sample: the loss of classification, from raw logits.

    logits     (N, C) or (N, C, ...), any real numbers
    target     (N) or (N, ...), integers 0 to C - 1
    reduction  "mean" or "sum" over all samples, or "none" for one loss each
    """
    loss, _ = apply(CROSS_ENTROPY, logits, target)
    return reduced("cross_entropy", loss, reduction)


@public
def nll_loss(log_probs: Any, target: Any, reduction: str = "mean") -> Tensor:
    """-log_probs[target] for each sample: `cross_entropy` when log_softmax is already applied."""
    N, C, *rest = _classified("nll_loss", "log_probs", shape_of("nll_loss", log_probs, "log_probs"))
    chosen = _classes("nll_loss", target, (N, *rest), C, axis=1, dtype="bool")
    return reduced("nll_loss", -where(chosen, log_probs, 0).sum(axis=1), reduction)


@public
def mse_loss(x: Any, target: Any, reduction: str = "mean") -> Tensor:
    """(x - target)^2 for each element. The shapes must be equal: nothing is broadcast."""
    if shape_of("mse_loss", x) != shape_of("mse_loss", target, "target"):
        raise ShapeError(
            f"mse_loss: x {x.shape} and target {target.shape} must have one shape; reshape one"
        )
    error = subtract(x, target)
    return reduced("mse_loss", error * error, reduction)


def reduced(label: str, losses: Tensor, reduction: str) -> Tensor:
    """The losses reduced as asked: "mean", "sum" or "none"."""
    if reduction == "none":
        return losses
    if reduction == "mean":
        return losses.mean()
    if reduction == "sum":
        return losses.sum()
    raise ArgumentError(f"{label}: reduction={reduction!r} must be 'mean', 'sum' or 'none'")
