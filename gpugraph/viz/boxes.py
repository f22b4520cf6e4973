"""Boxes of a picture: what is written in them, and how big that makes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from os import path
from typing import Any

from .text import TIMES, clean, element, shorten, valid, width

__all__ = ["Box", "group_box", "group_name", "node_box", "pass_box", "within"]

NAME, LINE = 14.0, 12.0  # font sizes
STEP, PAD = 16.0, 9.0  # from line to line; around the text
BESIDE, PILE = 22.0, 6.0  # gaps to what stands beside, and within that
PORT = 14.0  # between lines that end at one side
LIMIT, WRAP = 44, 34  # characters of a line; of several parameters in one
SMALL = "float32"  # the dtype that isn't told


@dataclass
class Box:
    """A rectangle with lines of text; x is its middle, y its top.

    style  classes in the picture's style sheet
    lines  the first is its name
    title  all of it, for who points at it
    key    what it stands for, as written in the file: "n12", "g3"
    """

    style: str
    lines: list[str]
    title: str
    key: str
    beside: list[Box] = field(default_factory=list)
    x: float = 0.0
    y: float = 0.0

    def __post_init__(self) -> None:
        self.lines = [shorten(clean(line), LIMIT) for line in self.lines]
        texts = [width(s, LINE if i else NAME, not i) for i, s in enumerate(self.lines)]
        self.width = 2 * PAD + max(34.0, *texts)
        self.height = STEP * len(self.lines) + 2 * PAD - 4

    @property
    def pile(self) -> float:
        """Height of what stands beside it."""
        return sum(box.height + PILE for box in self.beside) - PILE if self.beside else 0.0

    @property
    def tall(self) -> float:
        """Height of all that."""
        return max(self.height, self.pile)

    @property
    def reach(self) -> tuple[float, float]:
        """How far it and what stands beside it reach to the left and right of x."""
        aside = max((BESIDE + box.width for box in self.beside), default=0.0)
        return self.width / 2, self.width / 2 + aside

    def move(self, x: float, y: float) -> None:
        """Put it at its place, y the top of it and what stands beside it."""
        self.x, self.y = x, y + (self.tall - self.height) / 2
        top = y + (self.tall - self.pile) / 2
        for box in self.beside:
            box.move(x + self.width / 2 + BESIDE + box.width / 2, top)
            top += box.height + PILE

    def end(self, kind: str, piece: tuple[int, int]) -> float:
        """How far right of x a link ends: in the middle, as far as the places of things go."""
        return 0.0

    def port(self, i: int, n: int) -> float:
        """How far right of x line i of n ends at its upper or lower side."""
        return (i - (n - 1) / 2) * min(PORT, (self.width - 20) / n)

    def ports(self, xs: Sequence[float]) -> list[float]:
        """How far right of x lines end that come from these places, in this order from the left.

        One that comes from right above ends in the middle.
        """
        upright = [i for i, x in enumerate(xs) if abs(x - self.x) < 1]
        if len(xs) < 2 or not upright:
            return [self.port(i, len(xs)) for i in range(len(xs))]
        most = max(upright[0], len(xs) - 1 - upright[0])
        gap = min(PORT, (self.width / 2 - 10) / most)
        return [(i - upright[0]) * gap for i in range(len(xs))]

    def svg(self) -> str:
        """The rectangle and its text."""
        left = self.x - self.width / 2
        parts = [
            f'<g class="{self.style}" data-id="{self.key}">',
            f"<title>{escape_title(self.title)}</title>",
            f'<rect x="{left:.1f}" y="{self.y:.1f}" width="{self.width:.1f}" '
            f'height="{self.height:.1f}" rx="7"/>',
        ]
        for i, line in enumerate(self.lines):
            y = self.y + PAD + STEP * i + 9
            style, size = ("text", LINE) if i else ("name", NAME)
            parts.append(element(line, left + PAD, y, size, style))
        return "".join([*parts, "</g>"])


def escape_title(text: str) -> str:
    """A text as XML, whole."""
    return valid(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def node_box(
    node: Mapping[str, Any],
    group: Mapping[str, Any],
    own: str,
    outputs: Sequence[int],
    told: str = "",
) -> Box:
    """The box of a node.

    own      path of the group whose frame holds it: what begins with it is written without
    outputs  numbers of those that somebody uses
    told     one line more
    """
    kind, label = node["kind"], node["label"]
    scope = ".".join(node.get("scope", ()))
    lines = [within(label, own) or kind]
    if kind == "op" and node.get("order", 0) == 0 and group["path"] != own:
        lines.append(within(group["path"], own))
    lines.append(told)
    lines += _wrapped(node.get("params", ()))
    lines += _shapes([node["outputs"][k] for k in outputs])
    title = [f"{kind} {label}" if kind != "op" else label, node.get("op", ""), scope]
    title += _shapes(node["outputs"], full=True)
    title += [path.basename(node.get("where", "")), node.get("error", "")]  # folders don't travel
    order = min(node.get("order", 0), 2)
    style = kind if not order else ("op", "gradient", "gradient2")[order]
    if node.get("error"):
        style += " error"
    lines = [line for i, line in enumerate(lines) if line or not i]
    text = "\n".join(line for line in title if line)
    return Box(f"box {style}", lines, text, f"n{node['id']}")


def group_box(
    group: Mapping[str, Any],
    own: str,
    members: Sequence[Mapping[str, Any]],
    outputs: Sequence[Mapping[str, Any]],
) -> Box:
    """The box of a closed group: how many ops and parameters are in it, and what comes out."""
    ops = sum(node["kind"] == "op" for node in members)
    size = sum(
        prod(y["shape"]) for n in members if n["kind"] == "parameter" for y in n["outputs"][:1]
    )
    name = group_name(group, own)
    lines = [name, f"{ops} op" + "s" * (ops != 1)]
    if size:
        lines[1] += f" · {_count(size)} parameters"
    lines += _shapes(outputs)
    title = "\n".join([group["path"], *lines[1:2], *_shapes(outputs, full=True)])
    return Box("box group", lines, title, f"g{group['id']}")


def pass_box(box: Box, members: Sequence[Mapping[str, Any]], order: int) -> Box:
    """The box of a closed group's gradient ops."""
    ops = sum(node["kind"] == "op" for node in members)
    lines = [f"gradient of {box.lines[0]}", f"{ops} op" + "s" * (ops != 1)]
    if order > 1:
        lines.insert(1, f"order {order}")
    style = "box gradient" if order == 1 else "box gradient2"
    return Box(style, lines, "\n".join(lines), f"{box.key}-{order}")


def group_name(group: Mapping[str, Any], own: str) -> str:
    """A group's name within another; of a fold with the number of its blocks."""
    name = str(group["name"])
    head = within(group["path"], own)
    if "." in head:  # frames between were left out
        name = f"{head.rpartition('.')[0]}.{name}"
    return name + (f" {TIMES} {group['repeats']}" if group.get("repeats") else "")


def within(label: str, own: str) -> str:
    """What is left of a path, or of a name with one, inside a frame."""
    return label[len(own) + 1 :] if own and label.startswith(own + ".") else label


def _wrapped(params: Iterable[str]) -> list[str]:
    lines: list[str] = []
    for param in params:
        if lines and len(lines[-1]) + len(param) < WRAP:
            lines[-1] += f", {param}"
        else:
            lines.append(param)
    return lines


def _shapes(outputs: Sequence[Mapping[str, Any]], full: bool = False) -> list[str]:
    """Shape and dtype of each output; of many, the first three."""
    lines = []
    for y in outputs[: None if full else 3]:
        shape = tuple(y["shape"])
        lines.append(f"{shape} {y['dtype'] if full or y['dtype'] != SMALL else ''}".strip())
    if len(outputs) > len(lines):
        lines.append(f"… {len(outputs)} outputs")
    return lines


def _count(n: int) -> str:
    for unit, size in (("G", 10**9), ("M", 10**6), ("K", 10**3)):
        if n >= size:
            return f"{n / size:.3g} {unit}"
    return str(n)
