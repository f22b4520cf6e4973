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

    def __init__(self, path: Path) -> None:
        self.path = path
        self.children: dict[str, _Tree] = {}
        self.own: list[int] = []  # nodes right in it
        self.shape: Any = None  # equal for trees that are alike
        self.repeats = 0


def grouped(
    scopes: Sequence[Path], forms: Sequence[Any], sources: Sequence[Sequence[tuple[int, int]]]
) -> tuple[list[Group], list[int]]:
    """The groups, and the group of every node.

    scopes   path of each node
    forms    what must be equal for two nodes to be alike: op, parameters, shapes, order
    sources  for each node the (node, output) of its inputs
    """
    root = _Tree(())
    homes: list[_Tree] = []
    for i, scope in enumerate(scopes):
        tree = root
        for name in scope:
            if name not in tree.children:
                tree.children[name] = _Tree((*tree.path, name))
            tree = tree.children[name]
        tree.own.append(i)
        homes.append(tree)
    for tree in _leaves_first(root):
        _describe(tree, forms, sources)
        _fold(tree)
    groups: list[Group] = []
    numbers: dict[int, int] = {}
    stack: list[tuple[_Tree, int | None]] = [(root, None)]
    while stack:
        tree, parent = stack.pop()
        numbers[id(tree)] = len(groups)
        name = tree.path[-1] if tree.path else ""
        if tree.repeats:
            first, *_, last = tree.children.values()
            name = f"{first.path[-1]} … {last.path[-1]}"
        groups.append(Group(len(groups), parent, name, ".".join(tree.path), tree.repeats))
        stack += [(child, numbers[id(tree)]) for child in reversed(tree.children.values())]
    return groups, [numbers[id(tree)] for tree in homes]


def _leaves_first(root: _Tree) -> Iterator[_Tree]:
    stack, order = [root], []
    while stack:
        tree = stack.pop()
        order.append(tree)
        stack += tree.children.values()
    return reversed(order)


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


def _fold(tree: _Tree) -> None:
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
        fold = _Tree(alike[0][1].path)
        fold.children, fold.repeats = dict(alike), len(alike)
        children[f"{alike[0][0]} … {alike[-1][0]}"] = fold
    if len(children) > 1:  # else the fold is all there is
        tree.children = children
