"""Pages that teach convolutional networks: offline, interactive, every number computed.

    gpugraph.learn.build("learn")                     # all pages and an index
    gpugraph.learn.build("learn", ["max-pooling"])    # one
    gpugraph.learn.your_model(net, (1, 3, 64, 64))    # a page on your network, as a string

`gpugraph learn` is the same on the command line.
"""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any

from ..core.errors import ArgumentError
from ..core.files import write_atomically
from . import pages as pages  # declares them
from .page import PAGES, Content, Page, index, shell

__all__ = ["PAGES", "Content", "Page", "build", "shell", "your_model"]


def build(
    folder: str | PathLike[str] = "learn",
    names: Iterable[str] | None = None,
    measure: bool = False,
    model: Any = None,
    shape: Any = None,
) -> list[Path]:
    """Write pages of `PAGES` and an index of them; returns the files, index.html first.

    folder   made if it isn't there. Pages that it has already stay, and are linked to
    names    such as ["max-pooling"]; all by default. ArgumentError for one that there is not
    measure  with times measured on this machine, where a page has such
    model, shape  the network that the page "your-model" is about: see `your_model`
    """
    wanted = list(PAGES) if names is None else list(dict.fromkeys(names))
    for name in wanted:
        if name not in PAGES:
            raise ArgumentError(f"learn: no page {name!r}; there are {', '.join(PAGES)}")
    folder = Path(folder)
    there = {n for n in PAGES if n in wanted or (folder / f"{n}.html").exists()}
    beside = folder.resolve().parent / "lecture"  # in the repository, docs/learn and docs/lecture
    lecture = "../lecture" if (beside / "README.md").exists() else ""
    options = {"measure": measure, "model": model, "shape": shape}
    made = {}
    for name in sorted(wanted, key=lambda name: name != "your-model"):  # it may fail: say so first
        made[name] = PAGES[name].make(there, lecture, **options)
    folder.mkdir(parents=True, exist_ok=True)
    files = {"index": index(there), **{name: made[name] for name in wanted}}
    return [write_atomically(folder / f"{name}.html", html) for name, html in files.items()]


def your_model(model: Any, shape: Any) -> str:
    """A page about a network, as HTML: every layer's arithmetic, receptive field, cost, filters.

    model  a `Module` or function; filters are shown if it has their numbers
    shape  of the input, (N, C, H, W); or a list of shapes
    The page stands alone. `build(folder, model=model, shape=shape)` writes it among the others, to
    which it then links. ArgumentError if the network fails on such an input.
    """
    return PAGES["your-model"].make((), model=model, shape=shape)
