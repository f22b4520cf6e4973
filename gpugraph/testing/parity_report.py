"""What a comparison of two devices found: node by node, in sum, and as a table."""

from __future__ import annotations

import math
import os
import textwrap
from dataclasses import asdict, dataclass, field
from typing import Any

from .rounding import Errors

__all__ = ["Node", "Report"]

SHOWN = 12  # nodes in the table, beside those that fail


@dataclass(frozen=True)
class Node:
    """One op of the run, compared: the output that comes nearest to its tolerance, or passes it.

    index      place in the run, from 0
    op, label  the op with its parameters, and its name
    phase      "forward", "backward" or "update" (an optimizer's, of one parameter)
    order      of the derivative, in a backward pass; else 0
    step       the training step, from 1
    of         index of the node whose gradient rule it serves, or None
    where      "file:line" of the user's code (in a backward pass: of the op that is differentiated)
    scope      path of modules, ("features", "0")
    devices    where the two outputs were made
    kernels    of gpugraph, launched for it on the second device
    output     the name of the output that `errors` and all below are about
    shape, dtype   of that output
    error      second device against first, as they ran: inherited and new error together
    new        what the op itself adds: the second device's op on the first one's inputs
    inherited  what comes of the second device's inputs alone: the first device's op on them
    tolerance  how far the element that uses most of it may be off: absolute
    used       the new error of that element over its tolerance; at most 1 is right
    reason     of the tolerance
    short      the reason in a word or two
    at         which element
    got, want  its values: by the second device and by the first, from equal inputs
    """

    index: int
    op: str
    label: str
    phase: str
    order: int
    step: int
    of: int | None
    where: str
    scope: tuple[str, ...]
    devices: tuple[str, str]
    kernels: tuple[str, ...]
    output: str
    shape: tuple[int, ...]
    dtype: str
    error: Errors
    new: Errors
    inherited: Errors
    tolerance: float
    used: float
    reason: str
    short: str
    at: tuple[int, ...]
    got: Any
    want: Any

    @property
    def ok(self) -> bool:
        """Is the new error within its tolerance?"""
        return self.used <= 1

    @property
    def place(self) -> str:
        """Where it is, in short: the path of modules, else "lenet.py:24"."""
        return ".".join(self.scope) or os.path.basename(self.where)

    @property
    def stage(self) -> str:
        """As "1 forward", "2 backward", and "1 backward2" through the graph of a backward pass."""
        return f"{self.step} {self.phase}{self.order if self.order > 1 else ''}"

    def to_dict(self) -> dict[str, Any]:
        """The fields, and "ok", in JSON's types; infinite errors as the string "inf"."""
        found: dict[str, Any] = _plain({**asdict(self), "ok": self.ok})
        return found


@dataclass(frozen=True)
class Report:
    """The comparison of one run on two devices.

    target    what was run
    devices   the reference, and the one that is judged
    steps     optimizer steps that were made
    nodes     every op, in order
    mismatch  where the two runs stopped being the same, if they did; nodes end there
    notes     what else a reader should know
    kernels   kernels of gpugraph that were launched on the second device: {name: times}
    fallbacks ops that have a kernel but ran without: {"op: reason": times}
    """

    target: str
    devices: tuple[str, str]
    steps: int
    nodes: list[Node]
    mismatch: str | None = None
    notes: list[str] = field(default_factory=list)
    kernels: dict[str, int] = field(default_factory=dict)
    fallbacks: dict[str, int] = field(default_factory=dict)

    @property
    def failures(self) -> list[Node]:
        """The nodes whose new error is over their tolerance."""
        return [node for node in self.nodes if not node.ok]

    @property
    def first(self) -> Node | None:
        """The culprit: the first node that makes an error of its own."""
        return next(iter(self.failures), None)

    @property
    def ok(self) -> bool:
        """Were the runs the same, op by op, and each op within its tolerance?"""
        return self.first is None and self.mismatch is None

    @property
    def totals(self) -> dict[str, Errors]:
        """Largest errors, inherited ones included: {"1 forward": ..., "1 backward": ...}."""
        found: dict[str, Errors] = {}
        for node in self.nodes:
            before = found.get(node.stage, Errors(0.0, 0.0, 0.0))
            found[node.stage] = Errors(*map(max, _numbers(before), _numbers(node.error)))
        return found

    def to_dict(self) -> dict[str, Any]:
        """In JSON's types; the keys, those of `Node` too, stay as they are."""
        first = self.first
        return {
            "ok": self.ok,
            "target": self.target,
            "devices": list(self.devices),
            "steps": self.steps,
            "first": None if first is None else first.index,
            "mismatch": self.mismatch,
            "notes": self.notes,
            "kernels": self.kernels,
            "fallbacks": self.fallbacks,
            "totals": _plain({name: asdict(e) for name, e in self.totals.items()}),
            "nodes": [node.to_dict() for node in self.nodes],
        }

    def __str__(self) -> str:
        return self.table()

    def table(self, all: bool = False) -> str:
        """The verdict, and the nodes that matter most; `all` of them if asked for."""
        parts = [self.verdict(), self._rows(self.nodes if all else self._chosen())]
        if self.first is not None:
            parts.insert(1, self._culprit(self.first))
        parts += [f"note: {note}" for note in self.notes]
        parts.append(self._launches())
        return "\n\n".join(parts)

    def verdict(self) -> str:
        """The result in a line or two."""
        a, b = self.devices
        first, worst = self.first, max(self.nodes, key=lambda n: n.used, default=None)
        steps = f", {self.steps} training step{'s' * (self.steps != 1)}" if self.steps else ""
        head = f"parity of {a} and {b}: {self.target}\n"
        if self.ok and worst is not None:
            return (
                f"{head}OK: all {len(self.nodes)} nodes{steps}. Given the same inputs, every op "
                f"gives on {b}\nwhat it gives on {a}; the largest error is "
                f"{100 * worst.used:.0f} % of its tolerance ({worst.label}, node {worst.index})."
            )
        told = [head.rstrip()]
        if first is not None:
            only = sum(n.ok and n.error.abs > n.tolerance for n in self.nodes[first.index :])
            told.append(
                f"FAILED: the first new error is in node {first.index}, {first.label} "
                f"({first.stage}{', ' + first.place if first.place else ''}).\n"
                f"{len(self.failures)} of {len(self.nodes)} nodes make errors of their own; "
                f"{only} only hand on what they were given."
            )
        if self.mismatch is not None:
            told.append(f"FAILED: {self.mismatch}")
        return "\n".join(told)

    def _culprit(self, node: Node) -> str:
        a, b = self.devices
        scope = f" in {'.'.join(node.scope)}" if node.scope else ""
        by = f", by kernel {', '.join(sorted(set(node.kernels)))}" if node.kernels else ""
        where = f"at {node.where}{scope}{by}".replace("at  in", "in").replace("at ,", "computed")
        return (
            f"node {node.index}: {node.op}\n  {where}\n"
            f"  from equal inputs, {node.output}{list(node.at)} is {node.got:.9g} on {b} and "
            f"{node.want:.9g} on {a};\n"
            f"  tolerance {node.tolerance:.1e}: {node.reason}"
        )

    def _chosen(self) -> list[Node]:
        """Those that fail, those with most error of their own, and those with most in sum."""
        half = SHOWN // 2
        own = sorted(self.nodes, key=lambda n: -n.used)[:half]
        left = [n for n in self.nodes if n.tolerance and n not in own]
        sums = sorted(left, key=lambda n: -n.error.abs / n.tolerance)[:half]
        wanted = {n.index for n in (*self.failures, *own, *sums)}
        return [n for n in self.nodes if n.index in wanted]

    def _rows(self, nodes: list[Node]) -> str:
        """120 columns at most."""
        lines = [
            f"  {'#':>4} {'pass':11} {'op':15} {'where':19} {'shape':14} "
            f"{'abs':>7} {'rel':>7} {'ulp':>7} {'new':>7} {'allowed':>7} why"
        ]
        for n in nodes:
            shape = "x".join(map(str, n.shape)) or "number"
            numbers = (n.error.abs, n.error.rel, n.error.ulp, n.new.abs, n.tolerance)
            lines.append(
                f"{' ' if n.ok else '!'} {n.index:>4} {n.stage[:11]:11} {n.label[:15]:15} "
                f"{n.place[-19:]:19} {shape[:14]:14} {' '.join(map(_short, numbers))} {n.short}"
            )
        if len(nodes) < len(self.nodes):
            lines.append(
                f"  ... {len(self.nodes) - len(nodes)} of {len(self.nodes)} nodes left out"
            )
        lines.append("")
        for name, e in self.totals.items():
            three = " ".join(map(_short, _numbers(e)))
            lines.append(f"  {'in all, ' + name:67} {three}")
        return "\n".join(lines)

    def _launches(self) -> str:
        b = self.devices[1]
        if not self.kernels:
            told = f"no kernel of gpugraph was launched on {b}"
        else:
            counts = ", ".join(f"{name}~{n}" for name, n in sorted(self.kernels.items()))
            lines = textwrap.wrap(f"kernels on {b}: {counts}", 100, subsequent_indent="  ")
            told = "\n".join(lines).replace("~", " ")  # a number stays with its name
        for reason, n in self.fallbacks.items():
            told += f"\nwithout its kernel, {n} times: {reason}"
        return told


def _numbers(e: Errors) -> tuple[float, float, float]:
    return e.abs, e.rel, e.ulp


def _short(x: float) -> str:
    """A number of at least 0 in 7 columns."""
    if x == 0 or math.isinf(x):
        return f"{'0' if x == 0 else 'inf':>7}"
    return f"{x:7.2f}" if 0.1 <= x < 1000 else f"{x:7.1e}"


def _plain(x: Any) -> Any:
    if isinstance(x, dict):
        return {k: _plain(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [_plain(v) for v in x]
    if isinstance(x, float) and not math.isfinite(x):
        return str(x)
    return x
