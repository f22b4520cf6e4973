"""From a written-down run to a graph: names, groups, costs and fields are worked out here."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from os import path
from typing import Any

from .. import __version__
from ..analysis.fields import field_of, fields
from ..analysis.gradients import formula_of, kept_bytes
from ..analysis.trace import Source, Trace
from ..analysis.trace import Step as Made
from ..core.spec import Spec
from ..core.window import Window
from .graph import Graph, GraphEdge, GraphNode, Step, Value
from .groups import grouped
from .seen import Seen, without_asides

__all__ = ["build"]

NAMES = {"w": "weight", "b": "bias"}  # what a module calls an op's input


def build(found: Trace, seen: Seen | None = None, title: str = "") -> Graph:
    """The graph of a run."""
    seen = seen or Seen()
    found, seen = without_asides(found, seen)
    users = _users(found.steps)
    found = dataclasses.replace(found, steps=_beside_users(found.steps, users))
    steps = found.steps
    image = _image(found)
    scopes = _scopes(steps, users, image)
    params = [_params(s.op) if s.op is not None else () for s in steps]
    forms = [
        (s.kind, s.label, params[i], s.outs, s.order, s.of is None) for i, s in enumerate(steps)
    ]
    sources = [[e for e in s.sources if e is not None] for s in steps]
    groups, homes = grouped(scopes, forms, sources, [s.order for s in steps])
    # a backward pass sees its inputs, but nobody asks what of the image a gradient sees
    forward = dataclasses.replace(found, steps=[_blank(s) for s in steps])
    reached = fields(forward, image)[0] if image is not None else {}
    kept = kept_bytes(found)
    device = next(iter(Counter(seen.devices.values()).most_common(1)), ("", 0))[0]
    nodes = []
    for i, s in enumerate(steps):
        names = [] if s.op is None else s.op.names(len(s.specs))
        axes = None
        if image is not None and not s.order and (i, 0) in reached:
            axes = tuple(map(_seen, field_of(forward, image, reached[i, 0]).axes))
        inputs = [None if x is None else _value(n, x) for n, x in zip(names, s.specs)]
        nodes.append(
            GraphNode(
                id=i,
                kind="input" if (i, 0) == image else s.kind,
                label=s.label if s.op is not None else seen.names.get(i) or _name(i, steps, users),
                op="" if s.op is None else repr(s.op),
                params=params[i],
                group=homes[i],
                scope=scopes[i],
                where="" if s.where == "unknown" else s.where,
                device=seen.devices.get(i, device),
                order=s.order,
                of=s.of,
                adds=s.adds,
                inputs=tuple(inputs),
                outputs=tuple([_value(_output(s, k), y) for k, y in enumerate(s.outs)]),
                cost=_cost(s),
                kept=kept.get(i, 0),
                taps=() if s.op is None or s.order else _taps(s),
                field=axes,
                **seen.of(i, len(s.outs)),
            )
        )
    meta = {
        "title": title,
        "gpugraph": __version__,
        "device": device,
        "order": max((s.order for s in steps), default=0),
        "image": None if image is None else image[0],
        "base": seen.base,
        "error": _error(seen),
        "notes": seen.notes,
    }
    return Graph(tuple(nodes), _edges(steps), tuple(groups), _passes(seen, len(steps)), meta)


def _error(seen: Seen) -> dict[str, Any] | None:
    if not seen.error:
        return None
    return {"node": seen.failed, "message": seen.error, "where": seen.where}


def _users(steps: Sequence[Made]) -> dict[int, list[int]]:
    """For each leaf the steps that read it, in order."""
    users: dict[int, list[int]] = {}
    for i, s in enumerate(steps):
        for source in s.sources:
            if source is not None and steps[source[0]].op is None:
                users.setdefault(source[0], []).append(i)
    return users


def _beside_users(steps: Sequence[Made], users: Mapping[int, Sequence[int]]) -> list[Made]:
    """Leaves that only gradients read, such as the seed of a backward pass, belong to these."""
    moved = list(steps)
    for i, reading in users.items():
        first = min([steps[u] for u in reading], key=lambda s: s.order)
        if first.order > steps[i].order:
            moved[i] = dataclasses.replace(steps[i], order=first.order, of=first.of)
    return moved


def _edges(steps: Sequence[Made]) -> tuple[GraphEdge, ...]:
    """All edges; what was made earlier than the gradient that reads it was kept for it."""
    return tuple(
        [
            GraphEdge(source[0], source[1], i, k, steps[source[0]].order < s.order)
            for i, s in enumerate(steps)
            for k, source in enumerate(s.sources)
            if source is not None
        ]
    )


def _passes(seen: Seen, n: int) -> tuple[Step, ...]:
    """The steps of the backward passes: each has the ops made until the next one fires."""
    ends = [f.before for f in seen.fired[1:]] + [n]
    return tuple(
        [
            Step(f.step, tuple(range(f.before, end)), f.live, f.freed, f.order)
            for f, end in zip(seen.fired, ends)
        ]
    )


def _scopes(
    steps: Sequence[Made], users: Mapping[int, Sequence[int]], image: Source | None
) -> list[tuple[str, ...]]:
    """The path of each step; what is used in one place only belongs there, but for inputs."""
    found: list[tuple[str, ...]] = []
    for i, s in enumerate(steps):
        reading = [list(steps[u].scope) for u in users.get(i, ()) if steps[u].order == 0]
        if s.kind == "input" or (i, 0) == image:
            found.append(())
        elif reading:
            found.append(tuple(path.commonprefix(reading)))
        elif s.op is None and s.of is not None:
            found.append(steps[s.of].scope)
        else:
            found.append(s.scope)
    return found


def _name(i: int, steps: Sequence[Made], users: Mapping[int, Sequence[int]]) -> str:
    """What a leaf is called, by the op that uses it first: "conv1.weight", "x"."""
    if i not in users:
        return steps[i].kind
    user = steps[users[i][0]]
    assert user.op is not None
    name = user.op.name_of(user.sources.index((i, 0)), len(user.sources))
    if steps[i].kind != "parameter":
        return name
    return ".".join([*user.scope, NAMES.get(name, name)])


def _image(found: Trace) -> Source | None:
    """The value whose field is looked at: the first array with axes to see that an op takes as x.

    Leaves whose tensor is gone can't be told from parameters but by the name of the op's input.
    """
    for s in found.steps:
        if s.op is None or s.order:
            continue
        for name, source in zip(s.op.names(len(s.sources)), s.sources):
            if source is None or name != "x":
                continue
            leaf = found.steps[source[0]]
            if leaf.kind in ("input", "constant") and len(leaf.outs[0].shape) > 2:
                return source
    return None


def _blank(step: Made) -> Made:
    """The step, as one that sees nothing if it is part of a backward pass."""
    return dataclasses.replace(step, sources=()) if step.order or not step.outs else step


def _value(name: str, spec: Spec) -> Value:
    return Value(name, tuple(map(int, spec.shape)), str(spec.dtype))


def _output(step: Made, k: int) -> str:
    return "y" if step.op is None else step.op.name_of(len(step.specs) + k, len(step.specs))


def _seen(axis: Any) -> Any:
    return axis.size if isinstance(axis.size, str) else tuple(axis)


def _cost(step: Made) -> dict[str, Any] | None:
    if step.op is None or not step.outs:
        return None
    cost = formula_of(step.op, step.specs, step.outs)
    return None if cost is None else dataclasses.asdict(cost)


def _taps(step: Made) -> tuple[Any, ...]:
    """What the first output sees of each input's axes from 2 on: see ``docs/graph-json.md``."""
    assert step.op is not None
    told: list[Any] = []
    for i, spec in enumerate(step.specs if step.outs else ()):
        if spec is None or len(spec.shape) < 3:
            told.append(None)
            continue
        taps = step.op.sees(step.specs, i, 0)
        if taps is None:
            told.append(None)
            continue
        told.append(
            tuple(
                [
                    None if t is None or not t.regular else (t.axis, t.size, t.stride, t.start)
                    for t in taps[2:]
                ]
            )
        )
    return tuple(told)


NEUTRAL = {"stride": 1, "padding": 0, "dilation": 1}  # of a window


def _params(op: Any) -> tuple[str, ...]:
    """The fields of an op, and those of its window, that are not as usual."""
    found: list[str] = []
    for field in dataclasses.fields(op):
        value = getattr(op, field.name)
        if isinstance(value, Window):
            shorts = {f.name: _short(getattr(value, f.name)) for f in dataclasses.fields(value)}
            found += [f"{k}={short}" for k, short in shorts.items() if short != NEUTRAL.get(k)]
        elif value != field.default:
            found.append(f"{field.name}={value}")
    return tuple(found)


def _short(value: Any) -> Any:
    """One number for a tuple of equal ones: a window of size (3, 3) is a window of size 3."""
    if isinstance(value, tuple) and value:
        first, *others = map(_short, value)
        if all(other == first for other in others):
            return first
    return value
