"""Group `memory`: what a training step takes, as predicted and as measured.

Measured twice: what NumPy allocates, by tracemalloc, with what the compiled kernels count
themselves; and by how much the process grows.
"""

from __future__ import annotations

import gc
import threading
import tracemalloc
from collections.abc import Iterable
from typing import Any

import numpy as np

from .library import library
from .steps import works
from .work import TrainingStep

__all__ = ["kept_by", "measured", "predicted", "works"]


def predicted(work: TrainingStep) -> dict[str, Any]:
    """What `gpugraph.analysis.memory` says, and how much of it the step itself takes."""
    import gpugraph as gg

    lib = library("gpugraph")
    net = lib.start(work.net(lib), "float32")
    make = getattr(gg.optim, work.optimizer)
    shape = (work.batch, *work.image)
    told = gg.analysis.memory(net, shape, lambda params: make(params, **dict(work.options)))
    inputs = work.batch * (4 * int(np.prod(work.image)) + 8)  # images and labels
    return {**told.to_dict(), "growth": told.peak - told.parameters - inputs}


def measured(work: TrainingStep) -> dict[str, Any]:
    """The same, of steps that are run: once for what is kept, then for the rest."""
    import gpugraph as gg

    lib, kernels, found = library("gpugraph"), gg.cpu.library(), {"arena": 0}

    def steps() -> None:
        net = lib.start(work.net(lib), "float32")
        update = getattr(lib.optim, work.optimizer)(net.parameters(), **dict(work.options))
        x = lib.tensor(np.ones((work.batch, *work.image), np.float32))
        labels = lib.tensor(np.arange(work.batch) % 10)
        tracemalloc.reset_peak()
        for _ in range(2):
            loss = lib.F.cross_entropy(net(x), labels)
            held = [x, labels, *net.parameters(), *net.buffers()]
            found["kept"] = kept_by(loss, [t.array for t in held])
            update.zero_grad()
            loss.backward()
            update.step()
            del held

    if kernels is not None:
        kernels.forget_most_held()
        found["arena"] = -kernels.held
    gc.collect()
    tracemalloc.start()
    try:
        thread = threading.Thread(target=steps)  # with a room of its own for its kernels
        thread.start()
        thread.join()
        found["peak"] = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    if kernels is not None:
        found["arena"] += kernels.most_held
    found["peak"] += found["arena"]
    return found


def kept_by(loss: Any, held: Iterable[Any]) -> int:
    """Bytes of the arrays that a graph holds, its result among them, without those of `held`."""
    from gpugraph.core.graph import ancestors

    arrays = [loss.array]
    for node in ancestors([loss.node]):
        for value in (node.kept or {}).values():
            several = value if isinstance(value, list) else [value]
            arrays += [saved.array for saved in several if saved is not None]
    owners = {id(a): a for a in map(_owner, arrays)}
    others = {id(_owner(a)) for a in held}
    return sum(a.nbytes for key, a in owners.items() if key not in others)


def _owner(array: Any) -> Any:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array
