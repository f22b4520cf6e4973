"""The layers of a network as plain values: arithmetic, receptive field, cost, filters, chain."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..analysis import CostReport, NodeCost
from ..analysis.fields import field_of, fields
from ..analysis.trace import Source, Step, Trace
from ..core.backend import MetaArray
from ..core.frames import raised_at
from ..core.window import Window
from ..nn.module import Module
from ..nn.parameter import Parameter

__all__ = ["WINDOWED", "field_at", "in_a_line", "layers"]

# Ops that move a window over their input, by label.
WINDOWED = {
    "conv": "conv",
    "conv_input": "transposed conv",
    "max_pool": "max pool",
    "avg_pool": "average pool",
}
FILTERS, SLICES, BUDGET = 16, 4, 200_000  # pictures per layer, slices of each; bytes in all


def layers(model: Any, report: CostReport) -> list[dict[str, Any]]:
    """One dict for each op that the network applies, in order; parameters' values if it has any.

    id         number of the step
    name       path of the module, or the op where it has none; with a number where it comes again
    op, kind   label of the op; "conv", "max pool", ... of one with a window, else ""
    into, out  shapes of the first input and of the output
    weights    numbers in parameters that it reads; 0 if a layer before read them
    macs, flops, formula   of the forward pass, None without a formula
    share      of all MACs, 0 to 1
    field      [size, stride, start] for each axis of the image, None where there is none
    and of those with a window: window, groups, filter (shape), chain, filters
    """
    found = report.trace
    seen = Fields(found)
    held = Weights(model, found)
    total = sum(n.forward.macs for n in report.nodes if n.forward) or 1
    made: list[dict[str, Any]] = []
    budget, counted, names = BUDGET, set[Source](), Counter[str]()
    for (i, step), node in zip(found.ops(), report.nodes, strict=True):
        own = [s for s in step.sources if s is not None and found.steps[s[0]].kind == "parameter"]
        new = [s for s in dict.fromkeys(own) if s not in counted and held.is_parameter(s)]
        counted.update(new)
        name = ".".join(step.scope) or WINDOWED.get(step.label, step.label)
        names[name] += 1
        layer = {
            "id": i,
            "name": name if names[name] == 1 else f"{name} ({names[name]})",
            "op": step.label,
            "kind": WINDOWED.get(step.label, ""),
            "where": _short_place(step.where),
            "into": None if step.specs[0] is None else step.specs[0].shape,
            "out": step.outs[0].shape,
            "weights": sum(found.steps[s[0]].outs[s[1]].size for s in new),
            **_costs(node, total),
            "field": seen.by(i),
        }
        if layer["kind"]:
            layer |= _windowed(found, i, step)
            filters = held.pictures(step, budget)
            budget -= len(filters["bytes"]) if filters else 0
            layer["filters"] = filters
        made.append(layer)
    return made


def in_a_line(error: BaseException) -> str:
    """An error of the user's code with its kind and place: "KeyError: 'x' (net.py:12)"."""
    where = _short_place(raised_at(error))
    place = f" ({where})" if where else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())}{place}"


def _short_place(where: str) -> str:
    file, _, line = where.rpartition(":")
    return f"{Path(file).name}:{line}" if file else ""


def _costs(node: NodeCost, total: int) -> dict[str, Any]:
    cost = node.forward
    if cost is None:
        return {"macs": None, "flops": None, "formula": None, "share": None}
    figures = {"macs": cost.macs, "flops": cost.flops, "formula": cost.formula}
    return {**figures, "share": cost.macs / total}


def _windowed(found: Trace, i: int, step: Step) -> dict[str, Any]:
    op: Any = step.op
    window: Window = op.window
    w = step.specs[1].shape if step.label.startswith("conv") and step.specs[1] else None
    return {
        "window": {name: getattr(window, name) for name in window.__dataclass_fields__},
        "ceil": getattr(op, "ceil_mode", False),
        "groups": getattr(op, "groups", 1),
        "filter": w,
        "bias": len(step.specs) > 2 and step.specs[2] is not None and w is not None,
        "chain": chain_to(found, i),
    }


class Fields:
    """Receptive fields on the only input; None where there are several, or no spatial axes."""

    def __init__(self, found: Trace) -> None:
        self.found = found
        self.source = found.inputs[0] if len(found.inputs) == 1 else None
        if self.source is not None:
            self.reached, _ = fields(found, self.source)

    def by(self, step: int) -> list[list[int | str]] | None:
        """[size, stride, start] for each axis of what that step gives."""
        if self.source is None:
            return None
        seen = field_of(self.found, self.source, self.reached.get((step, 0)))
        return [list(axis) for axis in seen] or None


def field_at(found: Trace, step: int, window: Mapping[int, Window]) -> list[list[int | str]] | None:
    """What the result of that step sees of the only input, with other windows for some steps."""
    steps = list(found.steps)
    for i, other in window.items():
        steps[i] = replace(steps[i], op=replace(steps[i].op, window=other))  # type: ignore
    return Fields(replace(found, steps=steps)).by(step)


def chain_to(found: Trace, i: int) -> list[list[Any]] | None:
    """From the image to step i: ["conv" or "pool", F, S, P, D] for each window on the way.

    None if there are branches on the way, or a window that isn't square and padded alike.
    """
    chain: list[list[Any]] = []
    at: Source = (i, 0)
    changing = {n for n, _ in found.inputs}
    depends = set(changing)
    for n, step in found.ops():
        if any(s is not None and s[0] in depends for s in step.sources):
            depends.add(n)
    while at[0] not in changing:
        step = found.steps[at[0]]
        sources = [s for s in step.sources if s is not None and s[0] in depends]
        if len(sources) != 1 or len(step.outs[0].shape) != 4:
            return None
        if step.label in WINDOWED:
            window: Window = step.op.window  # type: ignore[union-attr]
            parts = (window.size, window.stride, window.padding, window.dilation)
            numbers = {tuple([part[a] for part in parts]) for a in range(2)}
            (low, high), *_ = window.padding
            if len(numbers) > 1 or low != high or step.label == "conv_input":
                return None
            kind = "conv" if step.label == "conv" else "pool"
            chain.insert(0, [kind, window.size[0], window.stride[0], low, window.dilation[0]])
        at = sources[0]
    return chain


@dataclass
class Weights:
    """The parameters of a network, found by the steps that read them."""

    model: Any
    found: Trace

    def __post_init__(self) -> None:
        twin = self.found.model
        known = [] if twin is None else list(twin._named_tensors())
        self.names = [name for name, _ in known]
        self.learned = {name for name, tensor in known if isinstance(tensor, Parameter)}
        # layers that wait for their first input have no numbers yet
        there = self.model._named_tensors() if isinstance(self.model, Module) else ()
        self.tensors = dict(there)

    def is_parameter(self, source: Source) -> bool:
        """Is this leaf learned, no buffer?"""
        return self.name(source) in self.learned

    def name(self, source: Source | None) -> str | None:
        """The path of that leaf; None of what is none of the network's."""
        return self.names[source[0]] if source and source[0] < len(self.names) else None

    def values(self, step: Step) -> Any:
        """A convolution's weights (L, K/G, *F) as an array; None if it has no numbers."""
        name = self.name(step.sources[1]) if step.label.startswith("conv") else None
        w = self.tensors.get(name or "")
        return None if w is None or isinstance(w.array, MetaArray) else w.numpy()

    def pictures(self, step: Step, budget: int) -> Mapping[str, Any] | None:
        """Some filters as bytes, -127 to 127 for -most to most: (filters, slices, rows, columns).

        None if there are none, or they would take more than so many bytes.
        """
        w = self.values(step)
        if w is None or w.ndim not in (3, 4) or not np.isfinite(w).all():
            return None
        w = w[:FILTERS, :SLICES].reshape(*w[:FILTERS, :SLICES].shape[:2], *_plane(w.shape[2:]))
        most = float(abs(w).max())
        if w.size * 4 / 3 > budget or not most or w.shape[2] * w.shape[3] == 1:
            return None
        levels = np.round(127 * w / most).astype(np.int8)
        return {
            "shape": w.shape,
            "most": most,
            "bytes": base64.b64encode(levels.tobytes()).decode(),
        }


def _plane(spatial: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of a filter; of one dimension it is a single row."""
    return (1, spatial[0]) if len(spatial) == 1 else (spatial[0], spatial[1])
