"""Modules that hold parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from operator import index
from typing import Any

from ..core.errors import ArgumentError, DtypeError, IndexRangeError
from ..core.tensor import Tensor
from .module import Module
from .parameter import Parameter

__all__ = ["ParameterDict", "ParameterList"]


class _Holder(Module):
    """Holds its parameters as attributes: "0", "1", ... or names of their own."""

    def put(self, name: str, value: Any) -> None:
        """Hold a parameter under that name; a tensor is made one."""
        kind = type(self).__name__
        if not isinstance(name, str) or not name or "." in name or hasattr(type(self), name):
            raise ArgumentError(
                f"{kind}: {name!r} can't be the name of a parameter; it must be text without dots "
                f"that names no method of {kind}"
            )
        if not isinstance(value, Tensor):
            raise DtypeError(
                f"{kind}: {name!r} is a {type(value).__name__}; it must be a Parameter or a Tensor"
            )
        setattr(self, name, value if isinstance(value, Parameter) else Parameter(value))

    def held(self) -> list[tuple[str, Parameter]]:
        """(name, parameter) of each."""
        return [(n, p) for n, p in vars(self).items() if isinstance(p, Parameter)]

    def __len__(self) -> int:
        return len(self.held())


class ParameterList(_Holder):
    """A list of parameters that are learned, saved and moved with the module that holds it.

    Tensors become parameters.
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        self.extend(() if values is None else values)

    def __getitem__(self, at: int | slice) -> Any:
        held = [p for _, p in self.held()]
        return ParameterList(held[at]) if isinstance(at, slice) else held[self._position(at)]

    def __setitem__(self, at: int, value: Any) -> None:
        self.put(str(self._position(at)), value)

    def __iter__(self) -> Iterator[Parameter]:
        return iter([p for _, p in self.held()])

    def append(self, value: Any) -> ParameterList:
        """Add a parameter at the end; returns self."""
        self.put(str(len(self)), value)
        return self

    def extend(self, values: Iterable[Any]) -> ParameterList:
        """Add several parameters at the end; returns self."""
        if isinstance(values, Tensor):
            raise DtypeError(
                "ParameterList: values is a Tensor; it takes several, such as [tensor]"
            )
        for value in values:
            self.append(value)
        return self

    def _position(self, at: int) -> int:
        n, i = len(self), index(at)
        if not -n <= i < n:
            raise IndexRangeError(f"ParameterList: index {i} is out of range for {n} parameters")
        return i % n


class ParameterDict(_Holder):
    """A dict of parameters that are learned, saved and moved with the module that holds it.

    Tensors become parameters.
    """

    def __init__(self, parameters: Any = None) -> None:
        self.update({} if parameters is None else parameters)

    def __getitem__(self, name: str) -> Parameter:
        found = vars(self).get(name)
        if not isinstance(found, Parameter):
            raise IndexRangeError(f"ParameterDict: no parameter {name!r}; there are {self.keys()}")
        return found

    def __setitem__(self, name: str, value: Any) -> None:
        self.put(name, value)

    def __delitem__(self, name: str) -> None:
        self[name]  # raises if there is none
        delattr(self, name)

    def __contains__(self, name: object) -> bool:
        return name in self.keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def keys(self) -> list[str]:
        """The names."""
        return [name for name, _ in self.held()]

    def values(self) -> list[Parameter]:
        """The parameters."""
        return [p for _, p in self.held()]

    def items(self) -> list[tuple[str, Parameter]]:
        """(name, parameter) of each."""
        return self.held()

    def get(self, name: str, default: Any = None) -> Any:
        """The parameter of that name, or the default."""
        return dict(self.held()).get(name, default)

    def pop(self, name: str) -> Parameter:
        """Take a parameter out."""
        found = self[name]
        del self[name]
        return found

    def update(self, parameters: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> None:
        """Hold these parameters, too, or instead of those of the same names."""
        pairs = parameters.items() if hasattr(parameters, "items") else parameters
        for name, value in pairs:
            self.put(name, value)
