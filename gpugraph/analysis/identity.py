"""What is known of arrays, told apart by their identity, as long as they live."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, TypeVar

__all__ = ["ByIdentity"]

T = TypeVar("T")


class ByIdentity(Generic[T]):
    """A mapping from arrays to values that keeps no array alive.

    gone  called with the value of an array that has died
    """

    def __init__(self, gone: Callable[[T], None] | None = None) -> None:
        self._values: dict[int, T] = {}
        self._refs: dict[int, Any] = {}
        self._gone = gone

    def put(self, array: Any, value: T) -> None:
        """Remember the value for this array."""
        key = id(array)
        self._values[key] = value
        if key in self._refs:
            return
        try:
            self._refs[key] = weakref.ref(array, partial(_forget, weakref.ref(self), key))
        except TypeError:  # a bare scalar: kept, so that no identity is given to another
            self._refs[key] = array

    def get(self, array: Any) -> T | None:
        """The value of this array, or None."""
        return self._values.get(id(array))

    def __contains__(self, array: object) -> bool:
        return id(array) in self._values

    def _forget(self, key: int) -> None:
        del self._refs[key]
        value = self._values.pop(key)
        if self._gone is not None:
            self._gone(value)


def _forget(mapping: Any, key: int, _: Any) -> None:
    """An array has died; the mapping may have, too."""
    found = mapping()
    if found is not None:
        found._forget(key)
