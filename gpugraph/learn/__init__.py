"""Pages that teach convolutional networks: offline, interactive, every number computed.

    gpugraph.learn.build("learn")                     # all pages and an index
    gpugraph.learn.build("learn", ["max-pooling"])    # one

`gpugraph learn` is the same on the command line.
"""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from pathlib import Path

from ..core.errors import ArgumentError
from ..core.files import write_atomically
from . import pages as pages  # declares them
from .page import PAGES, Content, Page, index, shell

__all__ = ["PAGES", "Content", "Page", "build", "shell"]


def build(folder: str | PathLike[str] = "learn", names: Iterable[str] | None = None) -> list[Path]:
    """Write pages of `PAGES` and an index of them; returns the files, index.html first.

    folder  made if it isn't there. Pages that it has already stay, and are linked to
    names   such as ["max-pooling"]; all by default. ArgumentError for one that there is not
    """
    wanted = list(PAGES) if names is None else list(dict.fromkeys(names))
    for name in wanted:
        if name not in PAGES:
            raise ArgumentError(f"learn: no page {name!r}; there are {', '.join(PAGES)}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    there = {n for n in PAGES if n in wanted or (folder / f"{n}.html").exists()}
    beside = folder.resolve().parent / "lecture"  # in the repository, docs/learn and docs/lecture
    lecture = "../lecture" if (beside / "README.md").exists() else ""
    written = [
        write_atomically(folder / f"{name}.html", PAGES[name].make(there, lecture))
        for name in wanted
    ]
    return [write_atomically(folder / "index.html", index(there)), *written]
