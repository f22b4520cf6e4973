"""A piece of work that both libraries do, and what shows that they did the same."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import numpy as np

from .library import Library

__all__ = ["OptimizerStep", "Ready", "Single", "TrainingStep", "Work"]


class Ready(NamedTuple):
    """Work set up in one library.

    runs      what is timed, by name
    evidence  does the work once and returns what both libraries must agree on, by name
    """

    runs: dict[str, Callable[[], Any]]
    evidence: Callable[[], dict[str, Any]]


class Work:
    """Something to do, in either library.

    name     unique in its group
    longest  an upper bound of the length of any sum in it
    layers   how many roundings of such sums follow each other, at most
    """

    name: str
    longest: int
    layers: int

    def ready(self, lib: Library, dtype: str) -> Ready:
        """Set up, in that floating dtype."""
        raise NotImplementedError


def _numbers(name: str, shape: Sequence[int], dtype: str) -> Any:
    return np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape).astype(dtype)


@dataclass(frozen=True)
class Single(Work):
    """One call, without recording, and recorded with its gradients.

    f       f(F, *tensors), one output; the tensors are normal numbers of the shapes, leaves
    fixed   arrays that follow the leaves and have no gradient, made of a generator, as in
            ``lambda rng: [rng.integers(0, 10, 128)]``
    """

    name: str
    f: Callable[..., Any]
    shapes: tuple[tuple[int, ...], ...]
    fixed: Callable[[Any], list[Any]] = lambda rng: []
    layers: int = 2

    @property
    def longest(self) -> int:  # type: ignore[override]
        """No sum has more terms than the largest array."""
        return max(map(prod, self.shapes))

    def ready(self, lib: Library, dtype: str) -> Ready:
        """Tensors of the first input's values in [-3, 3], weights scaled to keep that size."""
        leaves = [
            lib.tensor(
                _numbers(f"{self.name} {i}", s, dtype)
                / (prod(s[1:]) ** 0.5 if i and len(s) > 1 else 1),
                grad=True,
            )
            for i, s in enumerate(self.shapes)
        ]
        rng = np.random.default_rng(len(self.name))
        rest = [lib.tensor(a.astype(dtype) if a.dtype.kind == "f" else a) for a in self.fixed(rng)]

        with lib.no_grad():
            shape = tuple(self.f(lib.F, *leaves, *rest).shape)
        g = lib.tensor(_numbers(self.name + " g", shape, dtype))

        def forward() -> Any:
            with lib.no_grad():
                return self.f(lib.F, *leaves, *rest)

        def both() -> Any:
            y = self.f(lib.F, *leaves, *rest)
            y.backward(g)
            grads = [leaf.grad for leaf in leaves]
            for leaf in leaves:
                leaf.grad = None
            return y, grads

        def evidence() -> dict[str, Any]:
            y, grads = both()
            found = {"output": lib.array(y)}
            return found | {f"gradient {i}": lib.array(t) for i, t in enumerate(grads)}

        return Ready({"forward": forward, "forward + backward": both}, evidence)


@dataclass(frozen=True)
class TrainingStep(Work):
    """Forward, loss, backward and update of a network.

    net        net(lib)
    image      shape of one input
    optimizer  of the library's `optim`, with its options; options of neither library's are set
    """

    name: str
    net: Callable[[Library], Any]
    image: tuple[int, ...]
    batch: int
    longest: int
    layers: int
    optimizer: str = "SGD"
    options: tuple[tuple[str, float], ...] = (("lr", 0.01), ("momentum", 0.9))

    def ready(self, lib: Library, dtype: str) -> Ready:
        """A network in training mode with weights of `first_values`, one batch, classes 0 to 9."""
        net = lib.start(self.net(lib), dtype)
        update = getattr(lib.optim, self.optimizer)(net.parameters(), **dict(self.options))
        x = lib.tensor(_numbers("images", (self.batch, *self.image), dtype))
        labels = lib.tensor(np.random.default_rng(1).integers(0, 10, self.batch))

        def step() -> Any:
            update.zero_grad()
            loss = lib.F.cross_entropy(net(x), labels)
            loss.backward()
            update.step()
            return loss

        def evidence() -> dict[str, Any]:
            loss = lib.array(step())
            gradient = lib.array(next(iter(net.parameters())).grad)
            second = lib.array(step())  # the first knows no momentum
            return {
                "loss": loss,
                "gradient of the first layer": gradient,
                "loss after a step": second,
                **{f"{name} after two steps": a for name, a in lib.state(net).items()},
            }

        return Ready({"step": step}, evidence)


@dataclass(frozen=True)
class OptimizerStep(Work):
    """One update of parameters of these shapes, whose gradients stay."""

    name: str
    optimizer: str
    shapes: tuple[tuple[int, ...], ...]
    options: tuple[tuple[str, float], ...]
    longest: int = 16  # a rule computes element by element, a dozen roundings each
    layers: int = 3  # steps that are compared

    def ready(self, lib: Library, dtype: str) -> Ready:
        """Parameters and gradients of normal numbers."""
        leaves = []
        for i, shape in enumerate(self.shapes):
            leaf = lib.tensor(_numbers(f"p {i}", shape, dtype), grad=True)
            leaf.grad = lib.tensor(_numbers(f"g {i}", shape, dtype))
            leaves.append(leaf)
        update = getattr(lib.optim, self.optimizer)(leaves, **dict(self.options))

        def evidence() -> dict[str, Any]:
            for _ in range(self.layers):
                update.step()
            return {f"parameter {i}": lib.array(leaf) for i, leaf in enumerate(leaves)}

        return Ready({"step": update.step}, evidence)
