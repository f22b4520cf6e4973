"""Modules that hold modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from operator import index
from typing import Any, TypeVar

from ..core.errors import ArgumentError, DtypeError, IndexRangeError
from .module import Module

__all__ = ["ModuleDict", "ModuleList", "Sequential"]

R = TypeVar("R", bound="_Row")


class _Holder(Module):
    """Holds its modules as attributes: "0", "1", ... or names of their own."""

    def put(self, name: str, module: Module) -> None:
        """Hold a module under that name."""
        kind = type(self).__name__
        if not isinstance(name, str) or not name or "." in name or hasattr(type(self), name):
            raise ArgumentError(
                f"{kind}: {name!r} can't be the name of a module; it must be text without dots "
                f"that names no method of {kind}"
            )
        if not isinstance(module, Module):
            raise DtypeError(
                f"{kind}: {name!r} is a {type(module).__name__}; it must be a Module"
                + (", such as nn.ReLU() for relu" if callable(module) else "")
                + ("; spread it: Sequential(*layers)" if isinstance(module, (list, tuple)) else "")
            )
        setattr(self, name, module)

    def __len__(self) -> int:
        return sum(1 for _ in self.named_children())


class _Row(_Holder):
    """Modules in a row, by number."""

    def __getitem__(self: R, at: int | slice) -> Any:
        held = list(self.named_children())
        if not isinstance(at, slice):
            return held[self._position(at)][1]
        part = type(self).__new__(type(self))
        vars(part).update(held[at])  # their paths stay those of the whole
        return part

    def __setitem__(self, at: int, module: Module) -> None:
        name = [name for name, _ in self.named_children()][self._position(at)]
        self.put(name, module)

    def __iter__(self) -> Iterator[Module]:
        return iter(list(self.children()))

    def append(self: R, module: Module) -> R:
        """Add a module at the end; returns self."""
        number = len(self)
        while str(number) in vars(self):  # a slice keeps the names that its modules had
            number += 1
        self.put(str(number), module)
        return self

    def extend(self: R, modules: Iterable[Module]) -> R:
        """Add several modules at the end; returns self."""
        for module in modules:
            self.append(module)
        return self

    def _position(self, at: int) -> int:
        n, i = len(self), index(at)
        if not -n <= i < n:
            raise IndexRangeError(
                f"{type(self).__name__}: index {i} is out of range for {n} modules"
            )
        return i % n


class Sequential(_Row):
    """Apply modules one after the other: ``Sequential(a, b)(x)`` is ``b(a(x))``.

    Takes modules, or one dict of named modules: ``Sequential({"conv": ..., "relu": ...})``.
    Indexed by number; a slice is a Sequential of the same modules under the same names.
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            named = modules[0].items()
        else:
            named = ((str(i), m) for i, m in enumerate(modules))  # type: ignore[assignment]
        for name, module in named:
            self.put(name, module)

    def forward(self, x: Any) -> Any:
        for module in self:
            x = module(x)
        return x


class ModuleList(_Row):
    """A list of modules that are found, trained, saved and moved with the module that holds it."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self.extend(modules)


class ModuleDict(_Holder):
    """A dict of modules that are found, trained, saved and moved with the module that holds it."""

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        for name, module in (modules or {}).items():
            self.put(name, module)

    def __getitem__(self, name: str) -> Module:
        module = vars(self).get(name)
        if not isinstance(module, Module):
            raise IndexRangeError(f"ModuleDict: no module {name!r}; there are {list(self.keys())}")
        return module

    def __setitem__(self, name: str, module: Module) -> None:
        self.put(name, module)

    def __contains__(self, name: object) -> bool:
        return name in self.keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def keys(self) -> list[str]:
        """The names."""
        return [name for name, _ in self.named_children()]

    def values(self) -> list[Module]:
        """The modules."""
        return list(self.children())

    def items(self) -> list[tuple[str, Module]]:
        """(name, module) of each."""
        return list(self.named_children())
