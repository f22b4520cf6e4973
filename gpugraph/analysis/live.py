"""Bytes of arrays that come and go."""

from __future__ import annotations

from typing import Any

from .identity import ByIdentity

__all__ = ["Live"]


class Live:
    """Bytes of the arrays that it was told of and that are still alive.

    Arrays that look into others take nothing, and keep those alive.
    """

    def __init__(self) -> None:
        self._total = _Total()
        # array -> [bytes, arrays that share them]
        self._base: ByIdentity[list[int]] = ByIdentity(self._total.died)

    @property
    def bytes(self) -> int:
        """The sum."""
        return self._total.bytes

    def born(self, array: Any, base: Any = None) -> None:
        """An array has been made; base: the one that it looks into."""
        shared = [array.nbytes, 0] if base is None else self._base.get(base)
        if shared is None or array in self._base:  # of what was there before; or told already
            return
        if base is None:
            self._total.bytes += array.nbytes
        shared[1] += 1
        self._base.put(array, shared)


class _Total:
    """The bytes; apart from the mapping, so that the two make no cycle."""

    def __init__(self) -> None:
        self.bytes = 0

    def died(self, shared: list[int]) -> None:
        shared[1] -= 1
        if not shared[1]:
            self.bytes -= shared[0]
