"""Dropout, with a mask that is a function of a counter instead of memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.errors import ArgumentError
from ..core.methods import public
from ..core.op import Cost, Op, Sample, Spec, traffic
from ..core.tensor import Tensor
from ..cuda.kernel import FLOATS, Kernel, only_floats
from .activation import check_floating
from .random import Generator, default_generator, halves

__all__ = ["dropout"]

PHILOX = np.dtype([("key", np.uint64, 2), ("counter", np.uint64, 4)])
DROPOUT = Kernel(
    "ops/dropout.cu", "dropout",
    "const T* x, T* y, Philox stream, unsigned long long threshold, wide<T> scale, long long n",
    {"Philox": PHILOX}, T=FLOATS,
)  # fmt: skip


@dataclass(frozen=True)
class Dropout(Op):
    """Zero each element with probability p, scale the others by 1 / (1 - p).

    The mask is a function of (key, counter), so backward computes it again: nothing is kept. The op
    is linear and its own adjoint.
    """

    p: float
    key: int
    counter: int
    checks_first = True
    widens = True
    exact = True

    local = ("x",)

    def spec(self, x: Spec) -> Spec:
        check_floating("dropout", x)
        return x

    def forward(self, xp: Any, x: Any) -> Any:
        if self.p == 1:
            return xp.zeros_like(x)
        kept = halves(self.key, self.counter, x.size) >= self.threshold
        return x * xp.asarray(kept).reshape(x.shape) * self.scale

    @property
    def threshold(self) -> int:
        """An element is kept if its 32 bits of the stream are at least this."""
        return round(self.p * 2**32)

    @property
    def scale(self) -> float:
        """What the elements that are kept are multiplied by."""
        return 1 / (1 - self.p)

    def cuda(self, dev: Any, x: Any) -> Any:
        if self.p == 1:
            return dev.own(dev.xp.zeros(x.shape, x.dtype))
        y = dev.empty(x.shape, x.dtype)
        stream = np.array([(_words(self.key, 2), _words(self.counter, 4))], PHILOX)
        args = stream, self.threshold, self.scale, y.size
        dev.launch(DROPOUT, dev.contiguous(x), y, *args, threads=-(-y.size // 8))
        return y

    def kernel_limits(self, x: Spec) -> str | None:
        return only_floats(x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return apply(self, g)

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=x.size, bytes=traffic(x, x))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        draw = rng.standard_normal
        yield Sample(cls(0.5, 7, 0), (draw((3, 5)),))
        yield Sample(cls(0.1, 7, 2**64), (draw((2, 3, 1)),), "a large counter")
        yield Sample(cls(0.3, 2**64 - 1, 5), (draw((6, 4)).T[::2],), "strided")
        yield Sample(cls(1.0, 7, 0), (draw((3,)),), "drops all", smooth=False)
        yield Sample(cls(0.5, 7, 0), (np.zeros((0, 3)),), "empty")
        yield Sample(cls(0.5, 3, 2**192 - 3), (draw((5, 9)),), "a carry in the counter")
        yield Sample(cls(0.5, 7, 2**256 - 2), (draw((17,)),), "the counter starts again from 0")
        yield Sample(cls(0.5, 7, 0), (draw((2, 1060)),), "more than a block")
        low = next(int(half) for half in halves(7, 0, 16)[::2] if half % 2)  # of a word
        yield Sample(cls(low / 2**32, 7, 0), (draw((16,)),), "one at the threshold: kept")


def _words(number: int, n: int) -> list[int]:
    """A number as n words of 64 bits, the lowest first."""
    return [number >> 64 * i & (2**64 - 1) for i in range(n)]


@public
def dropout(
    x: Any,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """In training, zero each element with probability p and scale the others by 1 / (1 - p).

    inplace    there for code written for PyTorch: the result is a new tensor either way
    generator  takes its bits from there, by default from the process-wide generator
    Without training, or with p = 0, it gives x itself.
    Source: Srivastava et al. 2014, "Dropout", JMLR 15.
    """
    if not 0 <= p <= 1:
        raise ArgumentError(f"dropout: p={p} must lie in 0 to 1")
    x = x if isinstance(x, Tensor) else Tensor(x)
    if not training or p == 0:
        return x
    generator = generator or default_generator()
    counter = generator.advance((x.size + 1) // 2)
    return apply(Dropout(float(p), generator.initial_seed, counter), x)
