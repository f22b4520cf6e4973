"""Where everything is: the forward pass in a column, each order of gradients in one beside it.

All columns have the rows of the forward pass, and a row is as high as the highest in any of them:
so a box and the gradient ops that belong to it stand side by side. The columns of gradients are
mirrored, left to right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

from .boxes import Box, group_box, group_name, node_box
from .clusters import Cluster, Wire, clusters
from .curves import Point
from .layout import Item
from .place import Segment, place
from .text import clean, shorten, width
from .view import View

__all__ = ["Columns"]

Cell: TypeAlias = "Box | Cluster"
GAP, ROW, CAPTION, FRAME, APART = 30.0, 38.0, 34.0, 18.0, 70.0
THIN = (7.0, 7.0)  # reach of a passing line
CAPTION_SIZE = 12.0


class Columns:
    """A view with its boxes at their places.

    cells  for each column the boxes, or clusters of boxes, by item
    wires  for each column the gradients between them
    used   for each column the links of each group along which something goes
    """

    def __init__(self, view: View, edges: Sequence[Sequence[int]]) -> None:
        self.view = view
        boxes = _boxes(view)
        self.cells: list[Mapping[Item, Cell]] = [boxes]
        self.wires: list[list[Wire]] = [[]]
        for order in range(1, view.order + 1):
            found, wires = clusters(view, edges, order, boxes)
            self.cells.append(found)
            self.wires.append(wires)
        self.n = len(self.cells)
        self.used = [self._used(c) for c in range(self.n)]
        n = len(view.groups)
        self.tall, self.rows = [0.0] * n, [[(0.0, 0.0)]] * n
        self.wide = [[0.0] * n for _ in self.cells]
        self.xs: list[list[list[list[float]]]] = [[[]] * n for _ in self.cells]
        self.caption = [[0.0] * n for _ in self.cells]  # its left end
        self.busy = [[False] * n for _ in self.cells]  # whether there is anything in a group
        self.corner = [[(0.0, 0.0)] * n for _ in self.cells]
        for g in range(n - 1, -1, -1):  # children first
            if view.shown[g]:
                self._pile(g)
                for c in range(self.n):
                    self._line_up(g, c)
        self._settle()

    # What is where, in a group

    def item(self, g: int, at: Sequence[int]) -> Item:
        """What stands at a place of a group."""
        told = self.view.layout[g]["rows"][at[0]][at[1]]
        return tuple(told[:2]) if told[0] in "ngv" else tuple(told)

    def framed(self, item: Item) -> bool:
        """Whether it is an open group."""
        return item[0] == "g" and self.view.shown[item[1]]

    def thing(self, item: Item) -> Item:
        """What is seen of an item: of a group without a frame the one thing in it."""
        while self.framed(item) and self.view.slim[item[1]]:
            item = self.view.thing(item[1])
        return item

    def caption_of(self, g: int) -> str:
        """What is written on a group's frame."""
        parent = self.view.groups[g]["parent"]
        return shorten(clean(group_name(self.view.groups[g], self.view.frame(parent))), 40)

    def _used(self, c: int) -> dict[int, list[int]]:
        """Numbers of the links of each group along which something goes in a column."""
        view = self.view
        if c == 0:
            return {g: [*range(len(view.layout[g]["links"]))] for g in view.links}
        found: dict[int, dict[int, None]] = {g: {} for g in view.links}
        for wire in self.wires[c]:
            for g, k in wire.way or ():
                found[g].setdefault(k)
        return {g: sorted(ks) for g, ks in found.items()}

    def _pile(self, g: int) -> None:
        """Heights of the rows of a group, from its top."""
        view, rows = self.view, self.view.layout[g]["rows"]
        bare = g == 0 or view.slim[g]
        y = 0.0
        found: list[Point] = []
        inner = False
        for row in rows:
            items = [tuple(item[:2]) for item in row]
            port = row[0][0] in ("i", "o")
            if not port:
                y += ROW if inner else 0.0 if bare else CAPTION
                inner = True
            elif row[0][0] == "o":
                y += 0.0 if bare else FRAME
            height = 0.0
            for item in items:
                if self.framed(item):
                    height = max(height, self.tall[item[1]])
                else:
                    height = max(
                        [height, *(cells[item].tall for cells in self.cells if item in cells)]
                    )
            found.append((y, y + height))
            y += height
        if rows and rows[-1][0][0] != "o" and not bare:
            y += FRAME
        self.rows[g], self.tall[g] = found, y

    def offset(self, c: int, g: int, k: int, side: str) -> float:
        """How far right of the x of its item a link ends: "from", or "to"."""
        link = self.view.layout[g]["links"][k]
        item = self.item(g, link[side])
        if self.framed(item):
            return self.port(c, "o" if side == "from" else "i", item[1], link["value"])
        if item[0] in "io":
            return 0.0
        cell = self.cells[c].get(item)
        # a gradient comes back along a link: in where the forward pass goes out
        return 0.0 if cell is None else cell.end("i" if side == "from" else "o", (g, k))

    def port(self, c: int, kind: str, g: int, value: Sequence[int]) -> float:
        """Where a value comes into an open group ("i") or leaves it, from its left side."""
        rows = self.view.layout[g]["rows"]
        r = 0 if kind == "i" else len(rows) - 1
        for place_, item in enumerate(rows[r]):
            if item == [kind, *value]:
                return self.xs[c][g][r][place_]
        raise KeyError(f"layout of group {g} has no {kind} {value}")

    def _line_up(self, g: int, c: int) -> None:
        """Where everything stands from left to right in a group, in one column."""
        if self.view.slim[g]:
            self._slim(g, c)
            return
        rows, links = self.view.layout[g]["rows"], self.view.layout[g]["links"]
        starts = [0]
        for row in rows:
            starts.append(starts[-1] + len(row))
        lines = {tuple(at) for k in self.used[c][g] for at in self._stations(links[k])}
        reach, solid = [], []
        for r, row in enumerate(rows):
            for i in range(len(row)):
                item = self.item(g, (r, i))
                if self.framed(item):
                    reach.append((0.0, self.wide[c][item[1]]))
                elif item in self.cells[c]:
                    reach.append(self.cells[c][item].reach)
                else:
                    reach.append(THIN if (r, i) in lines else (0.0, 0.0))
                solid.append(item[0] in "ng" and any(reach[-1]) and reach[-1] != THIN)
        segments = []
        for k in self.used[c][g]:
            stations = [starts[r] + i for r, i in self._stations(links[k])]
            ends = [0.0] * len(stations)
            upper, lower = ("to", "from") if links[k]["back"] else ("from", "to")
            ends[0], ends[-1] = self.offset(c, g, k, upper), self.offset(c, g, k, lower)
            if links[k]["back"]:
                stations, ends = stations[1:-1], ends[1:-1]
            elif not links[k]["passes"] and links[k]["to"][0] != links[k]["from"][0] + 1:
                continue
            steps = zip(zip(stations, ends), zip(stations[1:], ends[1:]))
            segments += [Segment(a, x, b, y) for (a, x), (b, y) in steps]
        order = [[v for v in range(a, b) if any(reach[v])] for a, b in pairwise(starts)]
        if c:
            order = [row[::-1] for row in order]
        xs = place(order, segments, reach, solid, GAP)
        self._frame(g, c, xs, reach, order, segments)

    def _stations(self, link: Mapping[str, Any]) -> list[list[int]]:
        """The places of a link from top to bottom."""
        ends = [link["from"], *link["passes"], link["to"]]
        return [ends[-1], *ends[1:-1], ends[0]] if link["back"] else ends

    def _frame(
        self,
        g: int,
        c: int,
        xs: list[float],
        reach: Sequence[Point],
        order: Sequence[Sequence[int]],
        segments: Sequence[Segment],
    ) -> None:
        """Set a group's width, with space for its caption beside the lines that come in."""
        rows = self.view.layout[g]["rows"]
        things = [(x - r[0], x + r[1]) for x, r in zip(xs, reach) if any(r)]
        self.busy[c][g] = any(reach) and any(
            item in self.cells[c] or (self.framed(item) and self.busy[c][item[1]])
            for row in rows
            for item in (tuple(told[:2]) for told in row)
        )
        left, right = (
            min([a for a, _ in things], default=0.0),
            max([b for _, b in things], default=0.0),
        )
        if g:
            left, right = left - FRAME, right + FRAME
            text = width(self.caption_of(g), CAPTION_SIZE, bold=True)
            # beside all lines between the group's upper side and its first boxes
            lines = [xs[s.upper] + s.start for s in segments if s.upper in order[0]]
            lines += [xs[s.lower] + s.end for s in segments if s.upper in order[0]]
            if not rows or rows[0][0][0] != "i":
                lines = []
            at = left + 12
            if lines and at + text > min(lines) - 12:
                at = max(right - 12 - text, max(lines) + 16)
            right = max(right, at + text + 12)
            self.caption[c][g] = at - left
        flat = iter(xs)
        self.xs[c][g] = [[next(flat) - left for _ in row] for row in rows]
        self.wide[c][g] = right - left if things else 0.0

    def _slim(self, g: int, c: int) -> None:
        """A group of one thing: what comes in and goes out does so right above and below it."""
        rows, links = self.view.layout[g]["rows"], self.view.layout[g]["links"]
        thing = self.view.thing(g)
        cell = self.cells[c].get(thing)
        if self.framed(thing):
            x, self.wide[c][g] = 0.0, self.wide[c][thing[1]]
            self.busy[c][g] = self.busy[c][thing[1]]
        elif cell is not None:
            x, self.wide[c][g] = cell.reach[0], sum(cell.reach)
            self.busy[c][g] = True
        else:
            used = bool(self.used[c][g])
            x, self.wide[c][g] = (THIN[0], sum(THIN)) if used else (0.0, 0.0)
        found = [[x] * len(row) for row in rows]
        for k, link in enumerate(links):
            for side, other in (("from", "to"), ("to", "from")):
                r, i = link[other]
                if rows[r][i][0] in "io" and self.item(g, link[side]) == thing:
                    found[r][i] = x + self.offset(c, g, k, side)
                    if side == "to" and isinstance(cell, Box) and len(rows[r]) > 1:
                        found[r][i] += cell.port(i, len(rows[r]))
        self.xs[c][g] = found

    # Places on the page

    def _settle(self) -> None:
        """Move all that is shown to its place on the page, parents first."""
        left = 0.0
        for c in range(self.n):
            self.corner[c][0] = (left, 0.0)
            left += self.wide[c][0] + APART
        for g, shown in enumerate(self.view.shown):
            if not shown:
                continue
            for c in range(self.n):
                x0, y0 = self.corner[c][g]
                for r, row in enumerate(self.view.layout[g]["rows"]):
                    top, bottom = self.rows[g][r]
                    for i in range(len(row)):
                        item = self.item(g, (r, i))
                        x = x0 + self.xs[c][g][r][i]
                        if self.framed(item):
                            rest = bottom - top - self.tall[item[1]]
                            self.corner[c][item[1]] = (x, y0 + top + rest / 2)
                        elif item in self.cells[c]:
                            cell = self.cells[c][item]
                            cell.move(x, y0 + top + (bottom - top - cell.tall) / 2)

    def track(self, c: int, g: int, k: int) -> list[Point]:
        """The stations of a link, from where it starts in the forward pass to where it ends."""
        link = self.view.layout[g]["links"][k]
        x0, y0 = self.corner[c][g]
        ends = []
        for side in ("from", "to"):
            r, i = link[side]
            x = x0 + self.xs[c][g][r][i] + self.offset(c, g, k, side)
            low = side == "from"  # also where it points upwards: it goes around both ends
            edge = y0 + self.rows[g][r][1 if low else 0]
            ends.append(((x, self._side(c, g, link[side], low)), (x, edge)))
        points = [*ends[0]]
        for r, i in reversed(link["passes"]) if link["back"] else link["passes"]:
            x = x0 + self.xs[c][g][r][i]
            top, bottom = self.rows[g][r]
            points += [(x, y0 + bottom), (x, y0 + top)][:: 1 if link["back"] else -1]
        return [*points, ends[1][1], ends[1][0]]

    def _side(self, c: int, g: int, at: Sequence[int], low: bool) -> float:
        """y of the lower or upper side of what stands at a place."""
        item = self.thing(self.item(g, at))
        top, bottom = (self.corner[c][g][1] + y for y in self.rows[g][at[0]])
        if self.framed(item):
            y = self.corner[c][item[1]][1]
            return y + self.tall[item[1]] if low else y
        cell = self.cells[c].get(item)
        if cell is None:
            return (top + bottom) / 2
        if isinstance(cell, Cluster):
            return cell.y + cell.tall if low else cell.y
        return cell.y + cell.height if low else cell.y


def _boxes(view: View) -> dict[Item, Box]:
    """The boxes of the forward pass, with what stands beside each."""
    found: dict[Item, Box] = {}
    for v in range(len(view.nodes)):
        if view.tree.order[v] or view.tree.host[v] is not None:
            continue
        item = view.box(v)
        if item[0] == "n":
            box = found[item] = _box(view, v)
            box.beside = [_box(view, w) for w in view.tree.beside[v]]
        elif item not in found:
            found[item] = _closed(view, item[1])
    return found


def _box(view: View, v: int) -> Box:
    group = view.groups[view.tree.home[v]]
    return node_box(view.nodes[v], group, view.frame(group["id"]), view.outputs(v))


def _closed(view: View, g: int) -> Box:
    members = view.members(g)
    last = view.layout[g]["rows"][-1]
    outs = [view.nodes[item[1]]["outputs"][item[2]] for item in last if item[0] == "o"]
    if not outs:
        outs = view.nodes[max(members)]["outputs"]
    group = view.groups[g]
    nodes = [view.nodes[v] for v in members]
    return group_box(group, view.frame(group["parent"]), nodes, outs)
