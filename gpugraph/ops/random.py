"""Random numbers from a counter: the same bits on every device, whatever the order of the work.

The stream is that of ``numpy.random.Philox(key=key, counter=counter)``: Philox4x64-10 (Salmon et
al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), a function from a key (128 bits) and a
counter (256 bits) to four words of 64 bits, so that any thread computes its own part:

    word i   of a draw that starts at counter c is lane i % 4 of Philox(key, c + 1 + i // 4)
    half i   32 bits: the low half of word i // 2 if i is even, the high half if i is odd
    a draw of n words moves the counter on by ceil(n / 4)

What is made of them, always for element i in row-major order and computed in float64, in separate
roundings (no fused multiply-add), then rounded once to the dtype asked for:

    uniform  low + (high - low) * u;  u = (half i >> 8) / 2^24, or (word i >> 11) / 2^53 for float64
    normal   mean + std * z; with r = sqrt(-2 log u1), t = 2 pi u2 (Box & Muller 1958), an even i
             takes z = r cos t, an odd one r sin t, where u1 = (half i' + 1) / 2^32 and
             u2 = half (i' + 1) / 2^32, i' being the even one of the pair; for float64 the same with
             (word >> 11) / 2^53
    integers low + floor(word i * (high - low) / 2^64): each is off its share by less than
             (high - low) / 2^64
    permutation  indices sorted by word i, equal words in order of i
    dropout  element i is kept if half i >= round(p * 2^32) (in dropout.py)
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from operator import index
from typing import Any

import numpy as np

from ..core.backend import Device, default_device, to_device
from ..core.errors import ArgumentError, DtypeError
from ..core.op import Spec
from ..core.tensor import Tensor
from .activation import check_floating
from .broadcast import lengths_of
from .dtypes import as_dtype

__all__ = ["Generator", "default_generator", "initial_seed", "seed"]


def words(key: int, counter: int, n: int) -> Any:
    """n words (uint64) of the stream, as defined above."""
    return np.random.Philox(key=key, counter=counter).random_raw(n)


def halves(key: int, counter: int, n: int) -> Any:
    """n half words (uint32) of the stream."""
    return words(key, counter, (n + 1) // 2).astype("<u8", copy=False).view("<u4")[:n]


BLOCK = 2**14  # numbers made at a time


class Generator:
    """A stream of random numbers: a key, which is the seed, and a counter that moves on.

    seed  0 to 2^64 - 1. The same seed gives the same numbers on every machine and device.

    All arrays come as tensors on `device`, by default the default device.
    """

    def __init__(self, seed: int) -> None:
        try:
            self._key = index(seed)
        except TypeError:
            raise DtypeError(f"Generator: seed {seed!r} must be an integer") from None
        if not 0 <= self._key < 2**64:
            raise ArgumentError(f"Generator: seed={seed} must lie in 0 to 2^64 - 1")
        self._counter = 0

    def __repr__(self) -> str:
        return f"Generator(seed={self._key}, counter={self._counter})"

    @property
    def initial_seed(self) -> int:
        """The seed it was made from."""
        return self._key

    @property
    def state(self) -> dict[str, int]:
        """{"seed": ..., "counter": ...}: all there is to it, for checkpoints. Settable."""
        return {"seed": self._key, "counter": self._counter}

    @state.setter
    def state(self, state: dict[str, int]) -> None:
        key, counter = index(state["seed"]), index(state["counter"])
        if not (0 <= key < 2**64 and 0 <= counter < 2**256):
            raise ArgumentError(f"Generator: {state} is no state of a generator")
        self._key, self._counter = key, counter

    def advance(self, n: int) -> int:
        """Set n words aside for the caller; the counter at which they start."""
        start = self._counter
        self._counter = start + (n + 3) // 4
        return start

    def random_raw(self, n: int) -> Any:
        """The next n words of the stream, a NumPy array of uint64."""
        return words(self._key, self.advance(n), n)

    def uniform(
        self,
        low: float = 0.0,
        high: float = 1.0,
        shape: Any = (),
        dtype: Any = np.float32,
        device: Device | str | None = None,
    ) -> Tensor:
        """Uniform in [low, high); rounding to the dtype may give high itself."""
        shape, n, dtype = _asked("uniform", shape, dtype)
        shift, scale = (11, 2.0**-53) if dtype == np.float64 else (8, 2.0**-24)

        def made(bits: Any) -> Any:
            return low + (high - low) * ((bits >> bits.dtype.type(shift)) * scale)

        return _placed(self._filled(n, dtype, made), shape, dtype, device)

    def normal(
        self,
        mean: float = 0.0,
        std: float = 1.0,
        shape: Any = (),
        dtype: Any = np.float32,
        device: Device | str | None = None,
    ) -> Tensor:
        """Normal with that mean and standard deviation, by Box & Muller's method."""
        shape, n, dtype = _asked("normal", shape, dtype)
        if not std >= 0:
            raise ArgumentError(f"normal: std={std} must be at least 0")
        shift, scale = (11, 2.0**-53) if dtype == np.float64 else (0, 2.0**-32)

        def made(bits: Any) -> Any:
            u = (bits >> bits.dtype.type(shift)).astype(np.float64).reshape(-1, 2)
            r = np.sqrt(-2 * np.log((u[:, 0] + 1) * scale))
            t = 2 * np.pi * (u[:, 1] * scale)
            z = np.stack([r * np.cos(t), r * np.sin(t)], axis=1).reshape(-1)
            return mean + std * z

        return _placed(self._filled(n, dtype, made), shape, dtype, device)

    def integers(
        self,
        low: int,
        high: int,
        shape: Any = (),
        dtype: Any = np.int64,
        device: Device | str | None = None,
    ) -> Tensor:
        """Integers low, ..., high - 1, equally likely but for less than (high - low) / 2^64."""
        low, high = index(low), index(high)
        if not 0 < high - low <= 2**32:
            raise ArgumentError(
                f"integers: high - low must lie in 1 to 2^32; low is {low}, high is {high}"
            )
        lengths = lengths_of("integers", shape)
        word = self.random_raw(math.prod(lengths))
        span, low_half = np.uint64(high - low), np.uint64(2**32 - 1)
        # floor(word * span / 2^64) in 64 bits: the product in two halves, which can't overflow
        upper = (word >> np.uint64(32)) * span + (((word & low_half) * span) >> np.uint64(32))
        values = (upper >> np.uint64(32)).astype(np.int64) + low
        return _placed(values, lengths, np.dtype(dtype), device)

    def permutation(self, n: int, device: Device | str | None = None) -> Tensor:
        """0, ..., n - 1 in random order, int64."""
        order = np.argsort(self.random_raw(n), kind="stable")
        return _placed(order, (n,), np.dtype(np.int64), device)

    def _filled(self, n: int, dtype: np.dtype[Any], made: Callable[[Any], Any]) -> Any:
        """n numbers made of the next words (float64) or half words, which it gets an even number
        of; block by block, so that what lies between stays in the cache.
        """
        wide = dtype == np.float64
        start = self.advance(n if wide else (n + 1) // 2)
        stream = np.random.Philox(key=self._key, counter=start)
        out = np.empty(n, dtype)
        for i in range(0, n, BLOCK):
            part = out[i : i + BLOCK]
            pairs = (part.size + 1) // 2
            raw = stream.random_raw(2 * pairs if wide else pairs)
            bits = raw if wide else raw.astype("<u8", copy=False).view("<u4")
            part[:] = made(bits)[: part.size]
        return out


def _asked(label: str, shape: Any, dtype: Any) -> tuple[tuple[int, ...], int, np.dtype[Any]]:
    """A checked shape, its size and a checked floating dtype."""
    lengths = lengths_of(label, shape)
    dtype = as_dtype(label, dtype)
    check_floating(label, Spec(lengths, dtype), "dtype")
    return lengths, math.prod(lengths), dtype


def _placed(
    values: Any, shape: tuple[int, ...], dtype: np.dtype[Any], device: Device | str | None
) -> Tensor:
    array = values.astype(dtype, copy=False).reshape(shape)
    return Tensor(to_device(array, default_device.get() if device is None else device))


_default = Generator(int.from_bytes(os.urandom(6), "little"))


def seed(n: int) -> Generator:
    """Start the process-wide generator anew from this seed; returns it.

    Without a call of `seed` it starts from a seed of the operating system (see `initial_seed`).
    """
    global _default
    _default = Generator(n)
    return _default


def default_generator() -> Generator:
    """The generator used where none is passed: one for the process, whichever thread asks."""
    return _default


def initial_seed() -> int:
    """The seed of the process-wide generator, to be recorded: `seed` with it repeats the run."""
    return _default.initial_seed
