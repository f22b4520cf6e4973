"""Groups of a graph: the tree of scopes, with neighbours that are alike folded into one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from .graph import Group

__all__ = ["grouped"]

Path = tuple[str, ...]
FOLD = 2  # so many blocks in a row that are alike make a fold


class _Tree:
    """A group on its way: children in the order of their first node."""

    def __init__(self, path: Path, name: str = "") -> None:
        self.path, self.name = path, name
        self.children: dict[str, _Tree] = {}
        self.own: list[int] = []  # nodes right in it
        self.shape: Any = None  # equal for trees that are alike
        self.repeats = 0


def grouped(
    scopes: Sequence[Path],
    forms: Sequence[Any],
    sources: Sequence[Sequence[tuple[int, int]]],
    orders: Sequence[int],
) -> tuple[list[Group], list[int]]:
    """The groups, and the group of every node.

    scopes   path of each node
    forms    what must be equal for two nodes to be alike: op, parameters, shapes, order
    sources  for each node the (node, output) of its inputs
    orders   of the derivative, by node
    A group that only holds others, such as a list of modules, goes if what it holds is used apart:
    as one box it would need what it gives. Its members stay, as "down.0", "down.1".
    """
    root = _Tree(())
    for i, scope in enumerate(scopes):
        tree = root
        for name in scope:
            if name not in tree.children:
                tree.children[name] = _Tree((*tree.path, name), name)
            tree = tree.children[name]
        tree.own.append(i)
    for tree in _leaves_first(root):
        _dissolve(tree, sources, orders)
    for tree in _leaves_first(root):
        _describe(tree, forms, sources)
        _fold(tree, sources, orders)
    groups: list[Group] = []
    homes = [0] * len(scopes)
    stack: list[tuple[_Tree, int | None]] = [(root, None)]
    while stack:
        tree, parent = stack.pop()
        number = len(groups)
        for i in tree.own:
            homes[i] = number
        name = tree.name
        if tree.repeats:
            first, *_, last = tree.children.values()
            name = f"{first.name} … {last.name}"
        groups.append(Group(number, parent, name, ".".join(tree.path), tree.repeats))
        stack += [(child, number) for child in reversed(tree.children.values())]
    return groups, homes


def _leaves_first(root: _Tree) -> Iterator[_Tree]:
    stack, order = [root], []
    while stack:
        tree = stack.pop()
        order.append(tree)
        stack += tree.children.values()
    return reversed(order)


def _dissolve(
    tree: _Tree, sources: Sequence[Sequence[tuple[int, int]]], orders: Sequence[int]
) -> None:
    """Put the members of children that would be in a cycle in their place, if that helps."""
    children: dict[str, _Tree] = {}
    for name, child in tree.children.items():
        apart = (
            len(child.children) > 1
            and _cyclic(child, sources, orders)
            and not any(_cyclic(member, sources, orders) for member in child.children.values())
            and all(not sources[i] for i in child.own)
        )
        if not apart:
            children[name] = child
            continue
        for inner, member in child.children.items():
            member.name = f"{child.name}.{member.name}"
            children[f"{name}.{inner}"] = member
        tree.own += child.own
    tree.children = children


def _cyclic(
    tree: _Tree, sources: Sequence[Sequence[tuple[int, int]]], orders: Sequence[int]
) -> bool:
    """Does a value leave the group and come back, in the forward pass?"""
    inside = {i for i in _nodes(tree) if orders[i] == 0}
    if not inside:
        return False
    back: set[int] = set()  # nodes outside that are made of what the group gives
    for i in range(min(inside), max(inside) + 1):
        if orders[i]:
            continue
        if i in inside:
            if any(s in back for s, _ in sources[i]):
                return True
        elif any(s in inside or s in back for s, _ in sources[i]):
            back.add(i)
    return False


def _describe(
    tree: _Tree, forms: Sequence[Any], sources: Sequence[Sequence[tuple[int, int]]]
) -> None:
    """Its shape: the form of every node in it, and where in it the inputs come from."""
    nodes = sorted(_nodes(tree))
    place = {node: k for k, node in enumerate(nodes)}
    tree.shape = [
        (forms[i], [(place.get(s, -1), output) for s, output in sources[i]]) for i in nodes
    ]


def _nodes(tree: _Tree) -> Iterator[int]:
    stack = [tree]
    while stack:
        tree = stack.pop()
        yield from tree.own
        stack += tree.children.values()


def _fold(tree: _Tree, sources: Sequence[Sequence[tuple[int, int]]], orders: Sequence[int]) -> None:
    """Put children in a row that are alike, and have more than one node, into one fold."""
    if tree.repeats or len(tree.children) <= FOLD:
        return
    children: dict[str, _Tree] = {}
    for _, run in groupby(tree.children.items(), key=lambda item: item[1].shape):
        alike = list(run)
        size = sum(1 for _ in _nodes(alike[0][1]))
        if len(alike) < FOLD or size < 2:
            children.update(alike)
            continue
        fold = _Tree(alike[0][1].path)  # a name of its own it gets from its members
        fold.children, fold.repeats = dict(alike), len(alike)
        if _cyclic(fold, sources, orders):  # something stands between them
            children.update(alike)
            continue
        children[f"{alike[0][0]} … {alike[-1][0]}"] = fold
    if len(children) > 1:  # else the fold is all there is
        tree.children = children
