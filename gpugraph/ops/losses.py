"""The ops behind losses, and what losses share: targets checked, results reduced.

The losses themselves are in class_losses.py, value_losses.py and margin_losses.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.backend import MetaArray
from ..core.errors import ArgumentError, DataError, DtypeError, IndexRangeError, ShapeError
from ..core.methods import public
from ..core.op import Cost, Op, Sample, Spec, traffic
from ..core.tensor import Tensor
from ..core.window import per_axis
from ..cuda.kernel import only_floats
from . import softmax_cpu
from .activation import check_floating
from .compare import maximum, where
from .creation import asarray
from .powers import log
from .shape import shape_of
from .softmax import LogSoftmaxGrad, launch_rows, log_probabilities, rows_kernel

__all__ = ["one_hot"]

LOSS_ROWS = rows_kernel(
    "cross_entropy", "const T* logits, const long long* target, T* loss, T* log_probs"
)
LOSS_GRAD_ROWS = rows_kernel(
    "cross_entropy_grad", "const T* log_probs, const long long* target, const T* g, T* gx"
)


def check_target(label: str, target: Spec, wanted: tuple[int, ...], classes: int) -> None:
    """Raise unless target has integers in the wanted shape."""
    if target.shape == (*wanted[:1], classes, *wanted[1:]) and target.dtype.kind in "iub":
        axis = 1 if wanted else 0
        raise ShapeError(
            f"{label}: target {target.shape} seems to be one-hot; it takes one class index per "
            f"sample: {wanted}. Use target.argmax(axis={axis})"
        )
    if target.dtype.kind not in "iu":
        raise DtypeError(
            f"{label}: target is {target.dtype}; it takes class indices 0 to {classes - 1} in an "
            "integer dtype. Use target.astype(gpugraph.int64)"
        )
    if target.shape != wanted:
        cure = (
            f"; use target.reshape{wanted}" if math.prod(target.shape) == math.prod(wanted) else ""
        )
        raise ShapeError(
            f"{label}: target {target.shape} must have one class index per sample: {wanted}{cure}"
        )


def check_classes(label: str, target: Any, classes: int) -> None:
    """Raise unless every class index lies in 0 to classes - 1. Looks at the values."""
    if not target.size:
        return
    for found in (int(target.min()), int(target.max())):
        if not 0 <= found < classes:
            skips = found < 0 and label in ("cross_entropy", "nll_loss")
            from_one = found == classes and int(target.min()) > 0
            raise IndexRangeError(
                f"{label}: target has class {found}; there are {classes} classes, "
                f"0 to {classes - 1}"
                + ("; if yours count from 1, use target - 1" if from_one else "")
                + (f"; ignore_index={found} leaves such samples out" if skips else "")
            )


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

    precision = "high"
    outputs = ("loss", "log_probs")
    keeps = {"logits": ("target", "log_probs")}
    checks_first = True
    widens = True

    def spec(self, logits: Spec, target: Spec) -> tuple[Spec, Spec]:
        check_floating("cross_entropy", logits, "logits")
        N, C, *rest = classified("cross_entropy", "logits", logits.shape)
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

    def cpu(self, lib: Any, logits: Any, target: Any) -> Any:
        return softmax_cpu.cross_entropy(lib, logits, target)

    def kernel_limits(self, logits: Spec, target: Spec) -> str | None:
        return only_floats(logits)

    def vjp_logits(self, node: Any, g: Tensor | None, g_log: Tensor | None) -> Tensor:
        log_probs, parts = node["log_probs"], []
        if g is not None:
            parts.append(apply(CROSS_ENTROPY_GRAD, log_probs, node["target"], g))
        if g_log is not None:  # log_probs feed gradients of higher order
            parts.append(apply(LogSoftmaxGrad.make(1), log_probs, g_log))
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


class CrossEntropyGrad(Op):
    """(e^log_probs - one hot target) g, classes along axis 1; g (N, ...). Linear in g."""

    keeps = {"log_probs": ("log_probs", "g"), "g": ("log_probs", "target")}
    checks_first = True
    widens = True

    def spec(self, log_probs: Spec, target: Spec, g: Spec) -> Spec:
        check_floating(self.label, log_probs, "log_probs")
        N, C, *rest = classified(self.label, "log_probs", log_probs.shape)
        check_target(self.label, target, (N, *rest), C)
        if (g.shape, g.dtype) != (target.shape, log_probs.dtype):
            raise ShapeError(
                f"{self.label}: g {g} must have one {log_probs.dtype} per sample: {target.shape}"
            )
        return log_probs

    def forward(self, xp: Any, log_probs: Any, target: Any, g: Any) -> Any:
        gx = xp.exp(log_probs)
        chosen = xp.expand_dims(target, 1).astype(np.int64, copy=False)  # (N, ...) -> (N, 1, ...)
        xp.put_along_axis(gx, chosen, xp.take_along_axis(gx, chosen, axis=1) - 1, axis=1)
        gx *= xp.expand_dims(g, 1)
        return gx

    def cuda(self, dev: Any, log_probs: Any, target: Any, g: Any) -> Any:
        gx = dev.empty(log_probs.shape, log_probs.dtype)
        target = target.astype(np.int64, copy=False)
        arrays = map(dev.contiguous, (log_probs, target, g))
        launch_rows(dev, LOSS_GRAD_ROWS, *arrays, gx, shape=log_probs.shape, axis=1)
        return gx

    def cpu(self, lib: Any, log_probs: Any, target: Any, g: Any) -> Any:
        return softmax_cpu.cross_entropy_grad(lib, log_probs, target, g)

    def kernel_limits(self, log_probs: Spec, target: Spec, g: Spec) -> str | None:
        return only_floats(log_probs)

    def vjp_log_probs(self, node: Any, c: Tensor) -> Tensor:
        g = node["g"]
        return c * node["log_probs"].exp() * g.reshape(g.shape[0], 1, *g.shape[1:])

    def vjp_g(self, node: Any, c: Tensor) -> Tensor:
        p = node["log_probs"].exp()
        classes = apply(OneHot.make(p.shape[1], 1, "bool"), node["target"])
        return ((p - classes) * c).sum(axis=1)

    def cost(self, log_probs: Spec, target: Spec, g: Spec) -> Cost:
        return Cost(flops=2 * log_probs.size, bytes=traffic(log_probs, target, g, log_probs))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        draw = rng.standard_normal
        for note, shape in (
            ("", (4, 3)),
            ("per pixel", (2, 5, 3, 1)),
            ("rows for a warp each", (2, 35, 3)),
            ("rows for a block each", (2, 1100)),
            ("neighbours in memory in different rows", (1, 3, 34)),
            ("one class", (3, 1)),
            ("no samples", (0, 3)),
        ):
            target = rng.integers(0, shape[1], (shape[0], *shape[2:]))
            yield Sample(cls(), (draw(shape), target, draw(target.shape)), note)
        target = np.array([3, 0, 3], np.uint8)
        yield Sample(cls(), (draw((4, 3)).T, target, draw(3)), "strided, uint8")
        ends = np.array([[0.0, -np.inf, -1e4], [np.nan, -1.0, -2.0]])
        yield Sample(cls(), (ends, np.array([1, 2]), draw(2)), "-inf, NaN", smooth=False)


class BinaryCrossEntropy(Op):
    """-(t log x + (1 - t) log(1 - x)) for probabilities x, with logarithms of at least -100.

    As in PyTorch, so that a wrong certainty costs 100, with a slope of 1e12 instead of infinity.
    """

    precision = "high"
    keeps = {"x": ("x", "target"), "target": ("x",)}
    checks_first = True
    widens = True

    local = ("x", "target")

    def spec(self, x: Spec, target: Spec) -> Spec:
        check_floating(self.label, x)
        check_floating(self.label, target, "target")
        if x.shape != target.shape:
            raise ShapeError(f"{self.label}: x {x.shape} and target {target.shape} must be alike")
        return Spec(x.shape, np.result_type(x.dtype, target.dtype))

    def forward(self, xp: Any, x: Any, target: Any) -> Any:
        if not bool(((x >= 0) & (x <= 1)).all()):
            raise ArgumentError(
                f"{self.label}: x goes from {x.min()} to {x.max()}; it takes probabilities, 0 to "
                "1. Use sigmoid(x), or binary_cross_entropy_with_logits for raw numbers"
            )
        with np.errstate(divide="ignore"):
            log_x, log_rest = (xp.maximum(y, -100) for y in (xp.log(x), xp.log1p(-x)))
        return (target - 1) * log_rest - target * log_x

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        x = node["x"]
        return g * ((x - node["target"]) / maximum(x * (1 - x), 1e-12))

    def vjp_target(self, node: Any, g: Tensor) -> Tensor:
        x = node["x"]
        return g * (_log_or_least(1 - x) - _log_or_least(x))

    def cost(self, x: Spec, target: Spec) -> Cost:
        y = self.spec(x, target)
        return Cost(flops=9 * y.size, bytes=traffic(x, target, y))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls(), (rng.uniform(0.1, 0.9, (3, 5)), rng.uniform(0.0, 1.0, (3, 5))))
        yield Sample(cls(), (rng.uniform(0.1, 0.9, (4, 3)).T, rng.uniform(size=(3, 4))), "strided")
        yield Sample(cls(), (np.zeros((0, 3)), np.zeros((0, 3))), "empty")
        certain = np.array([0.0, 0.0, 1.0, 1.0, 1e-14, 1.0]), np.array([0.0, 1.0, 0, 1, 1, 0.5])
        yield Sample(cls(), certain, "certain", smooth=False)


def _log_or_least(x: Tensor) -> Tensor:
    """log(x), but -100 at 0."""
    positive = x > 0
    return where(positive, log(where(positive, x, 1)), -100)


CROSS_ENTROPY, CROSS_ENTROPY_GRAD = CrossEntropy(), CrossEntropyGrad()
BINARY_CROSS_ENTROPY = BinaryCrossEntropy()


def classified(label: str, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape, if it is (N, C, ...) with at least one class."""
    if len(shape) < 2 or shape[1] == 0:
        raise ShapeError(
            f"{label}: {name} {shape} must be (N, C) or (N, C, ...) with C classes, "
            "or (C) beside a single class index"
        )
    return shape


def one_hot_of(
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
def one_hot(x: Any, num_classes: int = -1) -> Tensor:
    """1 at each class index, 0 elsewhere, int64: (...) -> (..., num_classes).

    num_classes  -1: the largest index and 1
    """
    if num_classes == -1:
        x = asarray(x)
        if not x.size or isinstance(x.array, MetaArray):
            raise DataError("one_hot: num_classes must be given where x has no values")
        num_classes = max(0, int(x.array.max())) + 1
    (classes,) = per_axis("one_hot", "num_classes", num_classes, 1, least=0)
    return one_hot_of("one_hot", x, shape_of("one_hot", x), classes, axis=-1, dtype="int64")


def reduced(label: str, losses: Tensor, reduction: str) -> Tensor:
    """The losses reduced as asked: "mean", "sum" or "none". The mean of nothing is NaN."""
    if reduction == "none":
        return losses
    if reduction == "mean":
        return losses.mean() if losses.size else losses.sum() + math.nan  # without a warning
    if reduction == "sum":
        return losses.sum()
    raise ArgumentError(f"{label}: reduction={reduction!r} must be 'mean', 'sum' or 'none'")
