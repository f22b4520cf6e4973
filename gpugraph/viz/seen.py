"""What was seen of a run besides its ops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..analysis.trace import Source, Trace

__all__ = ["Fired", "Seen", "without_asides"]


@dataclass
class Seen:
    """What was seen of a run besides its ops; see `gpugraph.viz.record`.

    names      of leaves, by their step
    gradients  for a value the one that is its whole gradient
    devices, times, live   by step
    stats      by value
    images     by step
    fired      (step fired, number of steps made before it) in the order of the backward passes
    recorded   steps that have a node in the engine's graph
    error, where, failed   message, line and step of the op that raised
    base       bytes of what was there before
    notes      what a reader should know
    """

    names: dict[int, str] = field(default_factory=dict)
    gradients: dict[Source, Source] = field(default_factory=dict)
    devices: dict[int, str] = field(default_factory=dict)
    times: dict[int, float] = field(default_factory=dict)
    live: dict[int, int] = field(default_factory=dict)
    stats: dict[Source, Mapping[str, Any]] = field(default_factory=dict)
    images: dict[int, list[Mapping[str, Any]]] = field(default_factory=dict)
    recorded: set[int] = field(default_factory=set)
    fired: list[Fired] = field(default_factory=list)
    error: str = ""
    where: str = ""
    failed: int | None = None
    base: int = 0
    notes: list[str] = field(default_factory=list)

    def of(self, i: int, outputs: int) -> dict[str, Any]:
        """What is known of step i, as fields of its node."""
        values = [(i, k) for k in range(outputs)]
        return {
            "gradients": _if_any([self.gradients.get(v) for v in values]),
            "time": self.times.get(i),
            "live": self.live.get(i),
            "stats": _if_any([self.stats.get(v) for v in values]) or None,
            "images": tuple(self.images.get(i, ())),
            "error": self.error if self.failed == i else "",
        }


def _if_any(values: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(values) if any(v is not None for v in values) else ()


@dataclass
class Fired:
    """A node fired by a sweep, when so many steps were made; live and freed bytes behind it."""

    step: int | None
    order: int
    before: int
    live: int | None = None
    freed: int | None = None


def without_asides(found: Trace, seen: Seen) -> tuple[Trace, Seen]:
    """The run without ops that lead to nothing recorded, such as the upkeep of running averages.

    A run that records nothing at all stays as it is.
    """
    needed = _needed(found, seen)
    if all(needed):
        return found, seen
    asides = sum(s.op is not None and not n for s, n in zip(found.steps, needed))
    place: dict[int, int] = {}
    before = [0]  # steps that stay, before each
    for i, wanted in enumerate(needed):
        if wanted:
            place[i] = len(place)
        before.append(len(place))

    def moved(source: Source | None) -> Source | None:
        return None if source is None else (place[source[0]], source[1])

    kept = []
    for s, wanted in zip(found.steps, needed):
        if wanted:
            of = None if s.of is None else place.get(s.of)
            kept.append(replace(s, sources=tuple(map(moved, s.sources)), of=of))
    trace = Trace(
        kept,
        [(place[i], k) for i, k in found.inputs],
        [(place[i], k) for i, k in found.outputs],
    )
    gradients = {moved(v): moved(g) for v, g in seen.gradients.items() if v[0] in place}
    fired = []
    for f in seen.fired:
        step = None if f.step is None else place.get(f.step)
        fired.append(replace(f, step=step, before=before[f.before]))
    notes = [f"{asides} ops on the side, such as running averages, are left out."] if asides else []
    return trace, replace(
        seen,
        names=_by_step(seen.names, place),
        gradients={v: g for v, g in gradients.items() if v is not None and g is not None},
        devices=_by_step(seen.devices, place),
        times=_by_step(seen.times, place),
        live=_by_step(seen.live, place),
        stats={(place[i], k): told for (i, k), told in seen.stats.items() if i in place},
        images=_by_step(seen.images, place),
        fired=fired,
        failed=None if seen.failed is None else place[seen.failed],
        notes=[*seen.notes, *notes],
    )


def _needed(found: Trace, seen: Seen) -> list[bool]:
    """For each step, whether something recorded comes of it."""
    steps = found.steps
    recorded = [s.node is not None or i in seen.recorded for i, s in enumerate(steps)]
    if not any(r for r, s in zip(recorded, steps) if s.op is not None):
        return [True] * len(steps)
    needed = [r or s.order > 0 or not s.outs for r, s in zip(recorded, steps)]
    for i, _ in (*found.inputs, *found.outputs, *seen.gradients.values()):
        needed[i] = True
    for i in range(len(steps) - 1, -1, -1):
        if needed[i]:
            for source in steps[i].sources:
                if source is not None:
                    needed[source[0]] = True
    return needed


def _by_step(values: Mapping[int, Any], place: Mapping[int, int]) -> dict[int, Any]:
    return {place[i]: v for i, v in values.items() if i in place}
