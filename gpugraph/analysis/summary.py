"""A network as a table: a row for each module, with shapes, costs and receptive fields."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..core.errors import ArgumentError
from ..nn.module import Module
from .costs import CostReport, NodeCost, cost
from .fields import ReceptiveField, field_of, fields
from .gradients import Known, total
from .table import grid, short
from .trace import Trace

__all__ = ["Row", "Summary", "summary"]

SORTS = ("params", "macs", "flops", "input_grad", "weight_grad", "bytes", "kept")
HEAD = (
    "module", "output", "params", "%", "MACs", "FLOPs", "in.grad", "w.grad", "bytes", "FLOP/B",
    "kept", "field",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One module, with everything inside of it; or the ops of one kind that a module calls itself.

    path         "features.0"; "" is the network
    kind         the class of the module; of ops, their label and count: "relu x4"
    depth        0 for the network
    output       shape of what it gives, None if it computes nothing
    params       numbers in parameters; shared ones count where they come first
    forward, input_grad, weight_grad   costs; None where there is no formula
    known        the costs of those parts that have a formula, in this order
    kept         bytes of activations kept for backward
    field        receptive field of its output, None where there is no single input
    leaf         no other row is part of it
    """

    path: str
    kind: str
    depth: int
    output: tuple[int, ...] | None
    params: int
    forward: Known
    input_grad: Known
    weight_grad: Known
    known: tuple[Any, ...]
    kept: int
    field: ReceptiveField | None
    leaf: bool

    def figure(self, name: str) -> int | None:
        """One of the figures by which a summary sorts."""
        if name in ("params", "kept"):
            return int(getattr(self, name))
        phase, figure = ("forward", name) if name in ("macs", "flops", "bytes") else (name, "flops")
        found = getattr(self, phase)
        return None if found is None else getattr(found, figure)

    def to_dict(self) -> dict[str, Any]:
        """The row as plain values; null where there is no formula."""
        seen = None if self.field is None else [list(a) for a in self.field]
        return {
            "path": self.path, "kind": self.kind, "depth": self.depth, "output": self.output,
            **{name: self.figure(name) for name in SORTS}, "field": seen, "leaf": self.leaf,
        }  # fmt: skip

    def cells(self, params: int, whole_path: bool) -> tuple[str, ...]:
        """The row as texts."""
        name = self.path if whole_path else self.path.rpartition(".")[2]
        forward, gx, gw = (
            (f"{short(k.flops)}+?" if k.flops else "?") if c is None else short(c.flops)
            for c, k in zip((self.forward, self.input_grad, self.weight_grad), self.known)
        )
        f, known = self.forward, self.known[0]
        return (
            ("" if whole_path else "  " * self.depth) + f"{name} {self.kind}".strip(),
            "-" if self.output is None else "x".join(map(str, self.output)),
            short(self.params),
            f"{100 * self.params / params:.1f}" if params else "-",
            (f"{short(known.macs)}+?" if known.macs else "?") if f is None else short(f.macs),
            forward,
            gx,
            gw,
            "?" if f is None else short(f.bytes),
            "?" if f is None else f"{f.flops / f.bytes:.1f}" if f.bytes else "-",
            short(self.kept),
            "-" if self.field is None else str(self.field),
        )


@dataclass(frozen=True)
class Summary:
    """What `summary` found: `rows`, and `cost`, node by node. Print it, or take `to_dict()`."""

    rows: tuple[Row, ...]
    cost: CostReport
    sort: str | None = None

    def _table(self) -> list[tuple[str, ...]]:
        params = self.rows[0].params
        return [HEAD, *(r.cells(params, self.sort is not None) for r in self.rows)]

    def _notes(self) -> list[str]:
        shapes = ", ".join("x".join(map(str, s)) for s in self.cost.shapes)
        lines = [f"{self.cost.name}, input {shapes}; field: size/stride/start of an output"]
        if self.cost.unknown:
            lines.append(f"?: no formula for {', '.join(self.cost.unknown)}")
        notes = [n for r in self.rows if r.field is not None for n in r.field.notes]
        return lines + list(dict.fromkeys(notes))

    def __str__(self) -> str:
        return "\n".join([grid(self._table(), left={0, 1}, width=120), "", *self._notes()])

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        rows = [row.to_dict() for row in self.rows]
        return {"version": 1, "name": self.cost.name, "shapes": self.cost.shapes, "rows": rows}

    def to_json(self) -> str:
        """`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=1)

    def to_html(self) -> str:
        """The table as one page, with no file beside it."""
        head, *body = self._table()
        lines = [_html_row("th", head)]
        lines += [
            _html_row("td", cells, 0 if self.sort else row.depth)
            for row, cells in zip(self.rows, body, strict=True)
        ]
        notes = "".join(f"<p>{html.escape(n)}</p>" for n in self._notes())
        title = html.escape(self.cost.name)
        return (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
            f"<style>{STYLE}</style><h1>{title}</h1><table>\n{chr(10).join(lines)}\n</table>{notes}"
            "</html>\n"
        )

    def _repr_html_(self) -> str:
        return self.to_html()


STYLE = (
    "body{font:14px system-ui,sans-serif;margin:2em}table{border-collapse:collapse}"
    "td,th{padding:2px 10px;text-align:right;border-bottom:1px solid #ddd;white-space:nowrap}"
    "td:first-child,th:first-child{text-align:left}tr:hover{background:#eef}"
)


def _html_row(tag: str, cells: Sequence[str], depth: int = 0) -> str:
    first, *rest = (html.escape(c.strip()) for c in cells)
    indent = f' style="padding-left:{10 + 20 * depth}px"' if depth else ""
    inside = "".join(f"<{tag}>{c}</{tag}>" for c in rest)
    return f"<tr><{tag}{indent}>{first}</{tag}>{inside}</tr>"


def summary(
    model: Any, shape: Any = None, depth: int | None = None, sort: str | None = None
) -> Summary:
    """A table of a network for inputs of that shape; no kernel runs, and no weight is copied.

    model  a `Module` or function; or a Tensor that was computed, with its graph
    shape  of the input, (N, C, H, W); or a list of shapes, `Spec`s, tensors or arrays
    depth  how many levels of modules to show; None: all
    sort   largest first, without the tree, by "params", "macs", "flops", "input_grad",
           "weight_grad", "bytes" or "kept"; the network itself stays on top
    Each row counts what is inside of it. Bytes are compulsory traffic forward; FLOP/B is FLOPs over
    these bytes; kept are the activations that wait for backward.
    """
    if sort is not None and sort not in SORTS:
        raise ArgumentError(f"summary: sort={sort!r} must be one of {', '.join(SORTS)}")
    if depth is not None and depth < 0:
        raise ArgumentError(f"summary: depth={depth} must be at least 0")
    report = cost(model, shape)
    rows = [r for r in _rows(report) if depth is None or r.depth <= depth]
    if sort is not None:
        inner = {r.path.rpartition(".")[0] for r in rows[1:]}
        flat = [r for r in rows[1:] if r.leaf or (r.depth == depth and r.path not in inner)]
        flat.sort(key=lambda r: -1 if (n := r.figure(sort)) is None else -n)
        rows = [rows[0], *flat]
    return Summary(tuple(rows), report, sort)


def _rows(report: CostReport) -> list[Row]:
    """The network, and below each module its parts in the order in which they are called."""
    found = report.trace
    modules = dict(found.model.named_modules()) if found.model is not None else {}
    seen = _Seen(found)
    calls = list(zip((i for i, _ in found.ops()), report.nodes, strict=True))
    counted = _own_parameters(modules)
    rows: list[Row] = []

    def visit(path: str, depth: int) -> None:
        inside = [c for c in calls if not path or _is_in(c[1].scope, path)]
        own = [c for c in inside if c[1].scope == path]
        children = list(
            dict.fromkeys(
                [_child(n.scope, path) for _, n in inside if n.scope != path]
                + [p for p in modules if p and p.rpartition(".")[0] == path]
            )
        )
        params = sum(n for p, n in counted.items() if not path or _is_in(p, path))
        if not modules:
            params = report.params if not path else 0
        kind = type(modules[path]).__name__ if path in modules else "" if path else report.name
        rows.append(_row(path, kind, depth, inside, params, seen, not children))
        groups: dict[str, list[tuple[int, NodeCost]]] = {}
        for call in own if children else ():
            groups.setdefault(call[1].op, []).append(call)
        for child in children:
            visit(child, depth + 1)
        for label, some in groups.items():
            kind = label if len(some) == 1 else f"{label} x{len(some)}"
            rows.append(_row(f"{path}.".lstrip("."), kind, depth + 1, some, 0, seen, True))

    visit("", 0)
    return rows


def _row(
    path: str,
    kind: str,
    depth: int,
    calls: list[tuple[int, NodeCost]],
    params: int,
    seen: _Seen,
    leaf: bool,
) -> Row:
    nodes = [n for _, n in calls]
    phases = [[getattr(n, p) for n in nodes] for p in ("forward", "input_grad", "weight_grad")]
    known = tuple(total(c for c in costs if c is not None) for costs in phases)
    last = next((i for i, _ in reversed(calls) if seen.trace.steps[i].node is not None), None)
    if last is None and calls:
        last = calls[-1][0]
    output = None if last is None else seen.trace.steps[last].outs[0].shape
    kept = sum(n.kept for n in nodes)
    field = None if last is None else seen.by(last)
    forward, gx, gw = map(total, phases)
    costs = forward, gx, gw, known, kept
    return Row(path, kind, depth, output, params, *costs, field, leaf)


class _Seen:
    """The receptive fields of all values, where there is a single input."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.source = trace.inputs[0] if len(trace.inputs) == 1 else None
        if self.source is not None:
            self.reached, _ = fields(trace, self.source)

    def by(self, step: int) -> ReceptiveField | None:
        """That of the first output of a step."""
        if self.source is None:
            return None
        return field_of(self.trace, self.source, self.reached.get((step, 0)))


def _own_parameters(modules: dict[str, Module]) -> dict[str, int]:
    """Path of each module -> numbers in parameters of its own, shared ones at the first."""
    counts: dict[str, int] = {}
    root = modules.get("")
    for path, p in root.named_parameters() if root is not None else ():
        owner = path.rpartition(".")[0]
        counts[owner] = counts.get(owner, 0) + p.size
    return counts


def _is_in(scope: str, path: str) -> bool:
    return scope == path or scope.startswith(f"{path}.")


def _child(scope: str, path: str) -> str:
    """The part of a path that lies directly below another."""
    rest = scope[len(path) + 1 :] if path else scope
    first = rest.partition(".")[0]
    return f"{path}.{first}" if path else first
