"""The graph of what has a name: a script, a network of a file, one of `gpugraph.models`."""

from __future__ import annotations

import contextvars
from collections.abc import Sequence
from typing import Any

from ..core.backend import MetaArray, default_device
from ..core.errors import ArgumentError, DataError, GpugraphError
from ..core.frames import raised_at
from ..core.state import observe
from ..core.tensor import Tensor
from ..models.catalogue import NETWORKS
from ..nn.module import Module
from ..testing.parity import parity
from ..testing.targets import Lesson, Script, Stop, by_name, drawn, member, seeded
from .graph import Graph
from .overlays import of_parity
from .record import Recording, of
from .schema import load

__all__ = ["RunError", "graph_of"]

LIMIT = 20_000  # nodes


class RunError(GpugraphError, RuntimeError):
    """What is to be looked at fails before it has computed anything."""


def graph_of(
    target: str,
    input: Sequence[Sequence[int]] | None = None,
    args: Sequence[str] = (),
    stats: bool = False,
    images: bool = False,
    time: bool = False,
    step: int = 1,
    device: str | None = None,
    seed: int = 0,
    devices: str | None = None,
    label: str = "view",
) -> Graph:
    """Run what a name means, forward and backward, and give its graph.

    target   "script.py": run as ``python script.py args`` would; "file.py:name": a network, its
             class, or a function; the name of a network of `gpugraph.models`; or "graph.json"
    input    shapes of the inputs of a network, drawn from a normal distribution
    stats, images, time   see `gpugraph.graph.record`
    step     the training step that is shown; the run ends with its backward pass
    device   where it runs. A network of `gpugraph.models` runs on "meta", in shapes alone, unless
             values are asked for
    devices  compare the run on two devices, too, such as "cpu,sim": the errors are an overlay
    A run that raises gives the graph up to there; its ``meta["error"]`` says what happened.
    Raises ArgumentError for a name that means nothing, and for a run without a single op.
    """
    if step < 1:
        raise ArgumentError(f"{label}: step={step} must be at least 1")
    if target.endswith(".json"):
        graph = load(target)
        if not graph.nodes:
            raise DataError(f"{label}: {target} holds a graph without a single node")
        return graph
    values = stats or images or time or devices is not None
    shapes = [tuple(s) for s in input or ()]
    if target in NETWORKS and not shapes:
        shapes = [(1, *NETWORKS[target].image)]
    try:
        run = _run(target, shapes, args, seed, step, label)
    except GpugraphError:
        raise
    except Exception as error:
        raise _failed(target, error, label) from error
    if isinstance(run, Tensor):
        return of(run, backward=run.size == 1)
    if device is None:
        device = "meta" if target in NETWORKS and not values else devices and devices.split(",")[0]
    recording = Recording(None, stats, images, time, step, LIMIT)
    recording.title = run.label
    raised = _watch(run, recording, device, seed)
    recording.finish(raised)
    if not any(s.op is not None for s in recording.trace.steps):
        if raised is not None:
            ours = isinstance(raised, GpugraphError)
            raise raised if ours else _failed(target, raised, label)
        raise ArgumentError(
            f"{label}: {target} computed nothing with gpugraph: there is no tensor to show"
        )
    graph = recording.graph
    if devices is None or raised is not None:
        return graph
    if target in NETWORKS:
        with seeded(seed):  # the same first weights
            model = NETWORKS[target].make()
        report = parity(model, *drawn(shapes, seed), devices=devices, steps=step, seed=seed)
    else:
        report = parity(target, devices=devices, steps=step, seed=seed, input=input, args=args)
    return of_parity(graph, report, step)


def _failed(target: str, error: Exception, label: str) -> RunError:
    at = raised_at(error)
    told = f"{label}: {target} fails: {type(error).__name__}: {error}"
    return RunError(f"{told} (at {at})" if at else told)


def _run(
    target: str,
    shapes: Sequence[tuple[int, ...]],
    args: Sequence[str],
    seed: int,
    step: int,
    label: str,
) -> Script | Lesson | Tensor:
    """What to call; or the tensor that a function of a file gives, if it needs no arguments."""
    path, colon, name = target.rpartition(":")
    if target in NETWORKS:
        if args:
            raise ArgumentError(f"{label}: {target} is no script: it takes no argument {args[0]}")
        return Lesson(target, NETWORKS[target].make, lambda: _inputs(shapes, seed), step)
    if not target.endswith(".py") and not (colon and path.endswith(".py")):
        raise ArgumentError(
            f"{label}: {target!r} is no script (file.py), no member of one (file.py:name), no "
            f"graph (file.json), and none of {', '.join(NETWORKS)}"
        )
    if colon and path.endswith(".py") and not shapes:
        found: Any = member(path, name, label)
        if isinstance(found, Tensor):
            return found
    return by_name(target, step, shapes or None, seed, args, label)


def _inputs(shapes: Sequence[tuple[int, ...]], seed: int) -> list[Tensor]:
    """Drawn numbers; on the meta device none are needed."""
    if str(default_device.get()) == "meta":
        return [Tensor(MetaArray(shape, "float32")) for shape in shapes]
    return drawn(shapes, seed)


def _watch(
    run: Script | Lesson, recording: Recording, device: str | None, seed: int
) -> Exception | None:
    """Run it to the end of the step, in a context of its own; the error that ended it, if any."""

    def go() -> None:
        if device is not None:
            default_device(device)
        if isinstance(run, Lesson):
            make = run.make

            def named() -> Any:
                model = make()
                if isinstance(model, Module):
                    recording.name(model.to(default_device.get()))
                return model

            run.make = named
        with observe(recording):
            run()

    with seeded(seed):
        try:
            contextvars.copy_context().run(go)
        except Stop:
            return None
        except Exception as error:
            return error
    return None
