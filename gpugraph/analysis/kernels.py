"""What compiled rules would allocate: they are run on arrays without data, and call no kernel."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from .blank import Blanks

__all__ = ["Planner"]


class Planner:
    """Stands in for a library of compiled kernels, and asks it what each would take.

    Of what kernels work in, each thread keeps the most it ever needed: `arena` is all of that.
    """

    def __init__(self, library: Any) -> None:
        self.library, self.threads = library, library.threads
        self.xp = Blanks()
        self.own = self.mine = self.others = 0

    @property
    def arena(self) -> int:
        """Bytes that stay with the threads after all these calls, if each took part in all."""
        return self.own + self.mine + (self.threads - 1) * self.others

    def plan(self, op: Any, arrays: list[Any]) -> tuple[Any, int] | None:
        """What `op.cpu` gives, as arrays without data, and the bytes of the copies it makes.

        None: it doesn't take the case.
        """
        self.xp = Blanks()
        made = op.cpu(self, *arrays)
        if made is None:
            return None
        outs = made if isinstance(made, tuple) else (made,)
        return outs, max(0, self.xp.most - sum(prod(y.shape) * y.itemsize for y in outs))

    # As a rule sees it

    def takes(self, *arrays: Any) -> bool:
        """As of the library."""
        return bool(self.library.takes(*arrays))

    def call(self, name: str, dtype: np.dtype[Any], *arguments: Any) -> None:
        """Note what the kernel would take."""
        needs = self.library.needs(name, dtype, *arguments)
        self.own = max(self.own, needs.own)
        self.mine = max(self.mine, needs.mine)
        self.others = max(self.others, needs.others)
