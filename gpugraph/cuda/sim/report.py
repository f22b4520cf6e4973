"""What a launch did, told by the runtime: how often each element was written, and by whom last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["WRITER", "Report", "Writer"]

# As in include/cudasim/interface.h; thread counts from 1, and 0 is nobody
WRITER = np.dtype([("block", np.uint32), ("thread", np.uint32), ("site", np.uint32)])


@dataclass(frozen=True)
class Writer:
    """Who wrote an element last: (x, y, z) of block and thread, and where in the source.

    file, line   None if that can't be said (without addr2line)
    """

    block: tuple[int, int, int]
    thread: tuple[int, int, int]
    file: str | None
    line: int | None

    def __str__(self) -> str:
        where = "" if self.file is None else f" at {self.file}:{self.line}"
        return f"block {self.block}, thread {self.thread}{where}"


@dataclass(frozen=True)
class Report:
    """What a launch did. The two dictionaries are {number of an array argument: count}.

    threads      threads run, over all blocks
    unwritten    elements never written (mode "check"; arrays that the kernel may write)
    most_writes  the most writes that one element got (likewise)
    """

    threads: int
    unwritten: dict[int, int]
    most_writes: dict[int, int]
    grid: tuple[int, ...] = field(default=(1, 1, 1), repr=False)
    block: tuple[int, ...] = field(default=(1, 1, 1), repr=False)
    writers: dict[int, Any] = field(default_factory=dict, repr=False)
    locate: Callable[[int], tuple[str, int] | None] | None = field(default=None, repr=False)

    def writer(self, argument: int, index: int | tuple[int, ...]) -> Writer | None:
        """Who wrote this element of an array argument last; None if nobody did.

        index   into the array as it was passed: (2, 0), or 5 for one axis. Raises ValueError where
                nobody took notes: not in mode "check", or the kernel declares the array const
        """
        if argument not in self.writers:
            raise ValueError(
                f"no notes on who wrote argument {argument}: they are taken in mode 'check', of "
                "arrays that the kernel may write"
            )
        block, thread, site = self.writers[argument][index].item()
        if not thread:
            return None
        file, line = (self.locate(site) if self.locate else None) or (None, None)
        return Writer(_place(block, self.grid), _place(thread - 1, self.block), file, line)

    def unwritten_index(self, argument: int) -> tuple[int, ...] | None:
        """The first element, in row-major order, that nobody wrote; None if all are written."""
        missed = self.writers[argument]["thread"] == 0
        if not missed.any():
            return None
        return tuple(map(int, np.unravel_index(int(np.argmax(missed)), missed.shape)))


def _place(number: int, sizes: tuple[int, ...]) -> tuple[int, int, int]:
    x, y, _ = sizes
    return number % x, number // x % y, number // x // y
