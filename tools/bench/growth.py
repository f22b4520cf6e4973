"""Group `growth`: time and memory of a training step against the batch and the depth.

Both should lie on straight lines: nothing in a step may grow faster than the work does.
"""

from __future__ import annotations

from functools import partial

from . import nets
from .work import TrainingStep, Work

__all__ = ["BATCHES", "DEPTHS", "sweeps", "works"]

BATCHES = (8, 16, 32, 64, 128, 256, 512)
DEPTHS = (2, 5, 10, 20, 50, 100, 200)
WIDTH, SIDE, DEPTH, BATCH = 16, 16, 4, 8


def sweeps(quick: bool = False) -> dict[str, tuple[int, ...]]:
    """What is varied, and over which values."""
    if quick:
        return {"batch": (2, 4), "depth": (2, 6)}
    return {"batch": BATCHES, "depth": DEPTHS}


def works(quick: bool = False) -> list[Work]:
    """A step for each value: "batch 8", ..., "depth 2", ..."""
    side = 8 if quick else SIDE

    def step(name: str, depth: int, batch: int) -> Work:
        net = partial(nets.plain_convolutions, depth=depth, width=WIDTH)
        return TrainingStep(
            name, net, (3, side, side), batch, WIDTH * batch * side**2, depth + 1,
            options=(("lr", 1e-3),),
        )  # fmt: skip

    values = sweeps(quick)
    return [step(f"batch {n}", DEPTH, n) for n in values["batch"]] + [
        step(f"depth {d}", d, BATCH) for d in values["depth"]
    ]
